package msgraph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator"
	"licensegraph/internal/entra"
	"licensegraph/internal/identity"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// wire connects a client and a service by pipes, so that both use the clock of a synctest bubble. It checks that no
// request is sent before the end of a Retry-After, which it parses itself.
type wire struct {
	t         *testing.T
	transport *http.Transport

	mu        sync.Mutex
	heldUntil map[string]time.Time // by workload
	heldSince map[string]time.Time
	sent      []string // callers of the requests, in order, with the time
	refusals  int
}

// pipes is a listener whose connections are pipes.
type pipes struct {
	conns chan net.Conn
	once  *sync.Once
}

func (p pipes) Accept() (net.Conn, error) {
	if conn, open := <-p.conns; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}

func (p pipes) Close() error {
	p.once.Do(func() { close(p.conns) })
	return nil
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// joined returns a client of a service with a latency.
func joined(t *testing.T, service http.Handler, latency time.Duration) (*Client, *wire) {
	t.Helper()
	listener := pipes{make(chan net.Conn), new(sync.Once)}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(latency) // on the bubble's clock
		service.ServeHTTP(w, r)
	})}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	w := &wire{t: t, heldUntil: map[string]time.Time{}, heldSince: map[string]time.Time{}, transport: &http.Transport{
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			client, server := net.Pipe()
			listener.conns <- server
			return client, nil
		},
	}}
	t.Cleanup(func() {
		w.transport.CloseIdleConnections()
		if err := server.Shutdown(context.Background()); err != nil { // waits for the handlers
			t.Error(err)
		}
		<-done
	})
	const address = "http://127.0.0.1:1"
	opts := Options{GraphURL: address, Out: way(t, "", address), Tokens: application(t, address, address)}
	if e, ok := service.(*emulator.Emulator); ok {
		a, err := entra.NewApplication(entra.Options{Authority: address, GraphURL: address, ClientID: e.ClientID(), Credential: entra.Secret(identity.Secret(e.ClientSecret()))})
		if err != nil {
			t.Fatal(err)
		}
		opts.Tokens = a.Tokens(e.TenantID())
	}
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	c.http = &http.Client{Transport: w}
	c.again, c.writer = c.http, c.http
	return c, w
}

// workloads returns the workloads of a request, or of the requests of a batch.
func workloads(path, method string, body []byte) []string {
	if strings.HasSuffix(path, "/token") {
		return []string{"sign-in"}
	}
	if strings.HasSuffix(path, "/$batch") {
		var batch struct {
			Requests []struct{ Method, URL string }
		}
		_ = json.Unmarshal(body, &batch)
		var all []string
		for _, part := range batch.Requests {
			path, _, _ := strings.Cut(part.URL, "?")
			all = append(all, workloads(path, part.Method, nil)...)
		}
		return all
	}
	name := "directory"
	if strings.Contains(path, "cloudLicensing") {
		name = "cloud"
	}
	if method == http.MethodGet || strings.HasSuffix(path, "getByIds") {
		return []string{name + " Read"}
	}
	return []string{name + " Write"}
}

func (w *wire) RoundTrip(r *http.Request) (*http.Response, error) {
	var body []byte
	if r.Body != nil {
		body, _ = io.ReadAll(r.Body)
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	asked := workloads(r.URL.Path, r.Method, body)
	who := ""
	if caller := identity.From(r.Context()); caller != nil {
		who = caller.ObjectID
	}
	w.mu.Lock()
	now := time.Now()
	w.sent = append(w.sent, who)
	for _, name := range asked {
		if now.After(w.heldSince[name]) && now.Before(w.heldUntil[name]) {
			w.t.Errorf("%s %s is sent %v before the end of the Retry-After for %s", r.Method, r.URL.Path, w.heldUntil[name].Sub(now), name)
		}
	}
	w.mu.Unlock()
	resp, err := w.transport.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answered, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(answered))
	if resp.StatusCode == http.StatusTooManyRequests {
		for _, name := range asked {
			w.hold(name, resp.Header)
		}
	}
	var batch struct {
		Responses []struct {
			ID      string
			Status  int
			Headers map[string]string
		}
	}
	if strings.HasSuffix(r.URL.Path, "/$batch") && json.Unmarshal(answered, &batch) == nil {
		for _, part := range batch.Responses {
			if part.Status != http.StatusTooManyRequests {
				continue
			}
			header := http.Header{}
			for name, value := range part.Headers {
				header.Set(name, value)
			}
			i, _ := strconv.Atoi(part.ID)
			w.hold(asked[i], header)
		}
	}
	return resp, nil
}

// hold starts a cool-down of a workload.
func (w *wire) hold(name string, header http.Header) {
	seconds, err := strconv.Atoi(header.Get("Retry-After"))
	if err != nil {
		w.t.Errorf("Retry-After: %v", err)
	}
	names := []string{name}
	if parts := strings.Split(header.Get("x-ms-throttle-scope"), "/"); len(parts) > 1 && parts[1] == "ReadWrite" {
		service, _, _ := strings.Cut(name, " ")
		names = []string{service + " Read", service + " Write"}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refusals++
	now := time.Now()
	for _, name := range names {
		if until := now.Add(time.Duration(seconds) * time.Second); until.After(w.heldUntil[name]) {
			w.heldUntil[name] = until
		}
		if !now.Before(w.heldUntil[name]) || w.heldSince[name].IsZero() || now.After(w.heldSince[name]) {
			w.heldSince[name] = now
		}
	}
}

// count returns the number of requests so far.
func (w *wire) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.sent)
}

// by returns a context with a caller.
func by(t *testing.T, name string) context.Context {
	return identity.With(t.Context(), &identity.Caller{TenantID: "t", ObjectID: name})
}

// ask sends reads of paths in one operation, and returns the errors.
func ask(ctx context.Context, o *Operation, addresses ...string) (failures []error) {
	b := o.newBatch()
	for _, address := range addresses {
		path, _, _ := strings.Cut(address, "?")
		r := get("GET "+path, address)
		r.done = func(err error) {
			if err != nil {
				failures = append(failures, err)
			}
		}
		b.add(r)
	}
	b.Do(ctx)
	return failures
}

// TestCoolDown has many callers exceed the tenant's limit and ignore the errors. The gateway sends no request before
// the end of a Retry-After (see wire). Each caller gets responses, and the caller with few requests gets no fewer than
// the others.
func TestCoolDown(t *testing.T) {
	t.Parallel()
	for name, throttling := range map[string]emulator.Throttling{
		"resource units": {ResourceUnits: 40},
		"cloudLicensing": {CloudLicensing: 12},
		"both":           {ResourceUnits: 60, CloudLicensing: 9},
		"application":    {AppResourceUnits: 50},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				e := emulator.New(emulator.Options{Users: 20, Variants: emulator.Variants{Throttling: throttling}})
				c, w := joined(t, e, 50*time.Millisecond)
				const callers = 6
				answers := make([]int, callers)
				var group sync.WaitGroup
				for i := range callers {
					group.Go(func() {
						ctx, cancel := context.WithTimeout(by(t, fmt.Sprint(i)), time.Minute)
						defer cancel()
						for n := 0; ctx.Err() == nil; n++ {
							addresses := []string{"/users?$top=5&$select=id", "/admin/cloudLicensing/allotments", "/groups?$top=5&$select=id"}
							if i == 0 {
								addresses = addresses[n%3 : n%3+1] // the caller with few requests
							}
							failures := ask(ctx, c.Begin(), addresses...)
							for _, err := range failures {
								if !errors.Is(err, upstream.ErrThrottled) && ctx.Err() == nil {
									t.Error(err)
								}
							}
							if len(failures) == 0 {
								answers[i]++
							}
							time.Sleep(time.Duration(100*(i+1)) * time.Millisecond)
						}
					})
				}
				group.Wait()
				if w.refusals == 0 {
					t.Error("no request was throttled")
				}
				t.Logf("answers %v, %d requests, %d refused", answers, w.count(), w.refusals)
				if slices.Min(answers) == 0 || slices.Max(answers) > answers[0] {
					t.Errorf("responses per caller: %v; the first one has few requests", answers)
				}
			})
		})
	}
}

// fine is a service without errors, except a 429 for the first request to a path, if given.
func fine(path string) http.HandlerFunc {
	var once sync.Once
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if strings.HasSuffix(r.URL.Path, "/token") {
			_, _ = io.WriteString(w, `{"access_token":"secret","token_type":"Bearer","expires_in":86400}`)
			return
		}
		if r.URL.Path == path {
			once.Do(func() {
				w.Header().Set("Retry-After", "9")
				w.WriteHeader(http.StatusTooManyRequests)
			})
		}
		_, _ = io.WriteString(w, `{"value":[]}`)
	}
}

// TestFairQueue tests that another caller's request is sent next although six exports of one caller occupy all slots,
// after at most one request that was granted in the same step; the same applies to another operation of that caller.
func TestFairQueue(t *testing.T) {
	t.Parallel()
	for _, light := range []string{"light", "heavy"} {
		t.Run(light, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				c, w := joined(t, fine(""), time.Second)
				ctx, cancel := context.WithCancel(t.Context())
				var group sync.WaitGroup
				for i := range 6 {
					group.Go(func() {
						o := c.Begin()
						for ctx.Err() == nil {
							var inner sync.WaitGroup
							for n := range 6 {
								inner.Go(func() {
									ask(identity.With(ctx, &identity.Caller{ObjectID: "heavy", TenantID: "t"}), o, fmt.Sprintf("/export/%d/%d", i, n))
								})
							}
							inner.Wait()
						}
					})
				}
				time.Sleep(30*time.Second + 500*time.Millisecond)
				for range 5 {
					before := w.count()
					start := time.Now()
					o := c.Begin()
					if failures := ask(by(t, light), o, "/users"); len(failures) > 0 {
						t.Error(failures)
					}
					// It arrived in the middle of a second, in which all slots were occupied, and was served one second
					// later.
					if took := time.Since(start); took > 2*time.Second {
						t.Errorf("%d requests were sent in the meantime, for %v", w.count()-before, took)
					}
					time.Sleep(4*time.Second + 500*time.Millisecond - time.Since(start))
				}
				cancel()
				group.Wait()
			})
		})
	}
}

// TestAfterCoolDown queues many requests of one caller and then one of another during a cool-down. After the cool-down
// a few are sent, including the other caller's, and the rest after responses.
func TestAfterCoolDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, w := joined(t, fine("/beta/users"), 100*time.Millisecond)
		var group sync.WaitGroup
		group.Go(func() { ask(by(t, "heavy"), c.Begin(), "/users") })
		time.Sleep(time.Second) // now throttled
		for i := range 50 {
			group.Go(func() {
				if failures := ask(by(t, "heavy"), c.Begin(), fmt.Sprintf("/groups/%d", i)); len(failures) > 0 {
					t.Error(failures)
				}
			})
		}
		synctest.Wait()
		group.Go(func() {
			if failures := ask(by(t, "light"), c.Begin(), "/devices"); len(failures) > 0 {
				t.Error(failures)
			}
		})
		synctest.Wait()
		before := w.count()
		if before != 2 { // the token request and the throttled request
			t.Errorf("%d requests during the cool-down", before)
		}
		w.mu.Lock()
		rest := time.Until(w.heldUntil["directory Read"])
		w.mu.Unlock()
		time.Sleep(rest)
		synctest.Wait()
		w.mu.Lock()
		first := slices.Clone(w.sent[before:])
		w.mu.Unlock()
		if len(first) != slotsAfter || !slices.Contains(first, "light") {
			t.Errorf("at the end of the cool-down: %v", first)
		}
		group.Wait()
		if got := w.count() - before; got != 52 {
			t.Errorf("%d requests after the cool-down", got)
		}
	})
}

// TestThrottleScope throttles one request for long, and tests which requests are still sent: those outside its scope.
// The others fail at once, with the delay.
func TestThrottleScope(t *testing.T) {
	t.Parallel()
	const (
		directoryRead  = "GET /users"
		directoryWrite = "POST /users/u/assignLicense"
		cloudRead      = "GET /admin/cloudLicensing/allotments"
		cloudWrite     = "DELETE /admin/cloudLicensing/assignments/a"
		byIDs          = "POST /directoryObjects/getByIds"
		elsewhere      = "GET /groups" // with the client of another tenant
		other          = "GET /devices"
	)
	for _, tt := range []struct {
		name, throttled string
		status          int
		scope           string
		held            []string
	}{
		{"read", directoryRead, 429, "Tenant_Application/Read/app/tenant", []string{directoryRead, byIDs, other}},
		{"read of the tenant", directoryRead, 429, "Tenant/Read/app/tenant", []string{directoryRead, byIDs, other}},
		{"read of the application", directoryRead, 429, "Application/Read/app/tenant", []string{directoryRead, byIDs, other, elsewhere}},
		{"write", directoryWrite, 429, "Tenant_Application/Write/app/tenant", []string{directoryWrite}},
		{"both", directoryRead, 429, "Tenant_Application/ReadWrite/app/tenant", []string{directoryRead, byIDs, other, directoryWrite}},
		{"both of the application", directoryWrite, 429, "Application/ReadWrite/app/tenant", []string{directoryRead, byIDs, other, directoryWrite, elsewhere}},
		{"a read that the writes are named for", directoryRead, 429, "tenant_application/write/app/tenant", []string{directoryRead, byIDs, other, directoryWrite}},
		{"no scope", directoryRead, 429, "", []string{directoryRead, byIDs, other}},
		{"nonsense", directoryRead, 429, "/////", []string{directoryRead, byIDs, other}},
		{"ids", byIDs, 429, "", []string{directoryRead, byIDs, other}},
		{"cloudLicensing", cloudRead, 429, "Tenant_Application/ReadWrite/app/tenant", []string{cloudRead, cloudWrite}},
		{"cloudLicensing changes", cloudWrite, 429, "Tenant_Application/Write/app/tenant", []string{cloudWrite}},
		{"unavailable", directoryRead, 503, "", []string{directoryRead}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			first := true
			s := newService(t, func(call call) reply {
				if call.method+" "+call.path == tt.throttled && first {
					first = false
					return reply{status: tt.status, header: map[string]string{"Retry-After": "550", "x-ms-throttle-scope": tt.scope}}
				}
				return succeed(call)
			})
			queue := new(Queue)
			c := s.client(t, func(o *Options) { o.Queue = queue })
			neighbour := s.client(t, func(o *Options) { o.Queue = queue })
			send := func(what string) (failure error) {
				t.Helper()
				method, path, _ := strings.Cut(what, " ")
				switch what {
				case directoryWrite:
					return c.Begin().Write(t.Context(), []licensing.Write{licensing.AssignLicense{AssignedTo: licensing.Assignee{Type: licensing.AssigneeUser, ID: "u"}}})[0].Err
				case cloudWrite:
					return c.Begin().Write(t.Context(), []licensing.Write{licensing.DeleteAssignment{ID: "a"}})[0].Err
				}
				r := &read{request: request{endpoint: what, method: method, url: path}, done: func(err error) { failure = err }}
				b := c.Begin().newBatch()
				if what == elsewhere {
					b = neighbour.Begin().newBatch()
				}
				b.add(r)
				b.Do(t.Context())
				return failure
			}
			if err := send(tt.throttled); err == nil {
				t.Fatal("not throttled")
			}
			s.calls()
			for _, what := range []string{directoryRead, directoryWrite, cloudRead, cloudWrite, byIDs, elsewhere, other} {
				err := send(what)
				sent := len(s.calls())
				if !slices.Contains(tt.held, what) {
					if err != nil || sent != 1 {
						t.Errorf("%s: %d requests, %v", what, sent, err)
					}
					continue
				}
				failure, _ := errors.AsType[*upstream.Error](err)
				if failure == nil || sent != 0 || !errors.Is(failure, upstream.ErrThrottled) || failure.RetryAfter < 540*time.Second || failure.RetryAfter > 550*time.Second || !failure.Retryable {
					t.Errorf("%s: %d requests, %+v", what, sent, err)
				}
			}
		})
	}
}

// TestThrottledPartOfBatch throttles a request of a batch for long. Requests in its scope are removed from later
// batches, and the others are sent.
func TestThrottledPartOfBatch(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call call) reply {
		if call.path == "/users" {
			return reply{status: 429, header: map[string]string{"Retry-After": "60", "x-ms-throttle-scope": "Tenant_Application/Read/a/t"}}
		}
		return ok(`{"value":[]}`)
	})
	c := s.client(t)
	if failures := ask(t.Context(), c.Begin(), "/users", "/admin/cloudLicensing/allotments"); len(failures) != 1 {
		t.Errorf("%v", failures)
	}
	s.calls()
	failures := ask(t.Context(), c.Begin(), "/groups", "/admin/cloudLicensing/allotments", "/devices", "/admin/cloudLicensing/assignments")
	if len(failures) != 2 || !errors.Is(failures[0], upstream.ErrThrottled) || !strings.HasPrefix(failures[0].Error(), "GET /groups: ") {
		t.Errorf("%v", failures)
	}
	want := []string{"GET /admin/cloudLicensing/allotments", "GET /admin/cloudLicensing/assignments"}
	if diff := cmp.Diff(want, s.texts()); diff != "" {
		t.Error(diff)
	}
}

// TestThrottledSignIn tests that a throttled token endpoint gets no requests, and cached tokens remain in use.
func TestThrottledSignIn(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		w.Header().Set("Retry-After", "60")
		w.WriteHeader(http.StatusTooManyRequests)
	}))
	t.Cleanup(login.Close)
	s := newService(t, func(call) reply { return ok(`{"value":[]}`) })
	c := s.client(t, func(o *Options) { o.Out = way(t, "", s.URL, login.URL) })
	for i := range 3 {
		person := c.BeginOnBehalfOf(identity.Key{TenantID: "t", ObjectID: fmt.Sprint(i)}, application(t, login.URL, s.URL))
		if err := person.SignIn(t.Context()); !errors.Is(err, upstream.ErrThrottled) {
			t.Error(err)
		}
	}
	if failures := ask(t.Context(), c.BeginOnBehalfOf(identity.Key{}, &countingTokens{}), "/users"); len(failures) > 0 || asked.Load() != 1 {
		t.Errorf("%v, asked %d times", failures, asked.Load())
	}
}

// TestSlowEndpoint tests that an endpoint without responses, with more requests than slots, does not block others,
// alone and in a batch.
func TestSlowEndpoint(t *testing.T) {
	t.Parallel()
	const callers = 3 * slots
	arrived, release := make(chan struct{}, attempts*callers), make(chan struct{})
	s := newService(t, func(call call) reply {
		if call.path == "/groups" {
			arrived <- struct{}{}
			<-release
		}
		return ok(`{"value":[]}`)
	})
	c := s.client(t)
	var group sync.WaitGroup
	company := []string{"/me", "/subscribedSkus", "/applications"} // in its batches
	for i := range callers {
		addresses := []string{"/groups"}
		for bit, address := range company {
			if i>>bit&1 == 1 {
				addresses = append(addresses, address)
			}
		}
		group.Go(func() {
			if failures := ask(t.Context(), c.Begin(), addresses...); len(failures) > 0 {
				t.Error(failures)
			}
		})
	}
	for range slots / 2 {
		<-arrived
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second) // if the test fails
	defer cancel()
	for _, addresses := range [][]string{{"/users"}, {"/devices"}, {"/users", "/devices"}, {"/users", "/admin/cloudLicensing/allotments"}} {
		if failures := ask(ctx, c.Begin(), addresses...); len(failures) > 0 {
			t.Error(failures)
		}
	}
	if n := len(arrived); n > 0 {
		t.Errorf("%d more requests to the slow endpoint", n)
	}
	close(release)
	group.Wait()
}
