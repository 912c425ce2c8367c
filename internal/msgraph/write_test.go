package msgraph

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/licensing"
	"licensegraph/internal/outbound"
	"licensegraph/internal/upstream"
)

var (
	toUser   = licensing.Assignee{Type: licensing.AssigneeUser, ID: "u1"}
	toGroup  = licensing.Assignee{Type: licensing.AssigneeGroup, ID: "g1"}
	toDevice = licensing.Assignee{Type: licensing.AssigneeDevice, ID: "d1"}
)

const guid1, guid2 = "11111111-2222-4333-8444-555555555555", "22222222-2222-4333-8444-555555555555"

// writesOf returns changes of different users, which are sent concurrently.
func writesOf(users ...string) []licensing.Write {
	var writes []licensing.Write
	for _, id := range users {
		writes = append(writes, licensing.ReprocessAssignments{UserID: id})
	}
	return writes
}

func outcomes(results []licensing.WriteResult) []licensing.Outcome {
	var all []licensing.Outcome
	for _, r := range results {
		all = append(all, r.Outcome)
	}
	return all
}

func failureOf(t *testing.T, r licensing.WriteResult) *upstream.Error {
	t.Helper()
	failure, is := errors.AsType[*upstream.Error](r.Err)
	if !is {
		t.Fatalf("%+v has no error", r)
	}
	return failure
}

// TestWrites tests the request of each change, alone and in a batch.
func TestWrites(t *testing.T) {
	t.Parallel()
	skuID := sku1
	for _, tt := range []struct {
		write licensing.Write
		want  string
		body  string // HOST is replaced by the service
		reply reply
		made  *licensing.Assignment
	}{
		{licensing.CreateAssignment{AllotmentID: "p/1", AssignedTo: toUser, DisabledServicePlanIDs: []licensing.GUID{plan1}},
			"POST /admin/cloudLicensing/assignments",
			`{"allotment@odata.bind":"HOST/beta/admin/cloudLicensing/allotments/p%2F1","assignedTo@odata.bind":"HOST/beta/users/u1","disabledServicePlanIds":["` + string(plan1) + `"]}`,
			reply{status: 201, body: `{"id":"x"}`}, &licensing.Assignment{ID: "x"}},
		{licensing.CreateAssignment{AllotmentID: "p1", AssignedTo: toGroup},
			"POST /admin/cloudLicensing/assignments",
			`{"allotment@odata.bind":"HOST/beta/admin/cloudLicensing/allotments/p1","assignedTo@odata.bind":"HOST/beta/groups/g1","disabledServicePlanIds":[]}`,
			reply{status: 201, body: `{"value":{"id":"x"}}`}, &licensing.Assignment{ID: "x"}},
		{licensing.CreateAssignment{AllotmentID: "p1", AssignedTo: toDevice},
			"POST /devices/d1/cloudLicensing/assignments",
			`{"allotment@odata.bind":"HOST/beta/admin/cloudLicensing/allotments/p1","disabledServicePlanIds":[]}`,
			reply{status: 201, body: `{"disabledServicePlanIds":[]}`}, nil},
		{licensing.UpdateAssignment{ID: "x", AssignedTo: "u1"}, "PATCH /admin/cloudLicensing/assignments/x",
			`{"disabledServicePlanIds":[]}`, ok(`{"id":"x","disabledServicePlanIds":["` + string(plan1) + `"]}`),
			&licensing.Assignment{ID: "x", DisabledServicePlanIDs: []licensing.GUID{plan1}}},
		{licensing.DeleteAssignment{ID: "x", AssignedTo: "u1"}, "DELETE /admin/cloudLicensing/assignments/x", ``, done, nil},
		{licensing.ReprocessAssignments{UserID: "u1"}, "POST /users/u1/cloudLicensing/assignments/reprocessAssignments", `{}`, done, nil},
		{licensing.AssignLicense{AssignedTo: toUser, Add: []licensing.AssignedLicense{{SkuID: &skuID}}}, "POST /users/u1/assignLicense",
			`{"addLicenses":[{"skuId":"` + string(sku1) + `","disabledPlans":[]}],"removeLicenses":[]}`, ok(`{"id":"u1"}`), nil},
		{licensing.AssignLicense{AssignedTo: toGroup, Remove: []licensing.GUID{sku2}}, "POST /groups/g1/assignLicense",
			`{"addLicenses":[],"removeLicenses":["` + string(sku2) + `"]}`, reply{status: 202, body: `{"id":"g1"}`}, nil},
		{licensing.SetUsageLocation{UserID: "u1", UsageLocation: "CH"}, "PATCH /users/u1", `{"usageLocation":"CH"}`, done, nil},
		{licensing.ReprocessLicenseAssignment{UserID: "u1"}, "POST /users/u1/reprocessLicenseAssignment", `{}`, ok(`{"id":"u1"}`), nil},
		{licensing.AddGroupMember{GroupID: "g1", MemberID: guid2}, "POST /groups/g1/members/$ref", `{"@odata.id":"HOST/v1.0/directoryObjects/` + guid2 + `"}`, done, nil},
		{licensing.RemoveGroupMember{GroupID: guid1, MemberID: guid2}, "DELETE /groups/" + guid1 + "/members/" + guid2 + "/$ref", ``, done, nil},
		{licensing.ReprocessGroup{GroupID: "g1"}, "POST /groups/g1/cloudLicensing/assignments/reprocessAssignments", `{}`, done, nil},
	} {
		s := newService(t, func(c call) reply {
			if c.String() == tt.want {
				return tt.reply
			}
			return done
		})
		c := s.client(t)
		for _, others := range [][]licensing.Write{nil, writesOf("other")} {
			o := c.Begin()
			results := o.Write(t.Context(), append([]licensing.Write{tt.write}, others...))
			if diff := cmp.Diff(licensing.WriteResult{Outcome: licensing.WriteDone, Assignment: tt.made}, results[0]); diff != "" || len(results) != 1+len(others) {
				t.Errorf("%s (-want +got):\n%s", tt.want, diff)
			}
			sent := s.calls()[0]
			if sent.String() != tt.want || sent.batched != (others != nil) {
				t.Errorf("%v sent, want %s", sent, tt.want)
			}
			if want := strings.ReplaceAll(tt.body, "HOST", s.URL); !sameJSON(t, want, sent.body) {
				t.Errorf("%s sends %s, want %s", tt.want, sent.body, want)
			}
			if (sent.header.Get("Content-Type") == "application/json") != (tt.body != "") {
				t.Errorf("%s sends the type %q", tt.want, sent.header.Get("Content-Type"))
			}
			if o.Report().Endpoints[strings.NewReplacer("/x", "/{id}", "u1", "{id}", "g1", "{id}", "d1", "{id}", guid1, "{id}", guid2, "{id}").Replace(tt.want)] == (upstream.Usage{}) {
				t.Errorf("%s is not in the report: %v", tt.want, o.Report().Endpoints)
			}
			authorized(t, o)
		}
	}
}

func sameJSON(t *testing.T, a, b string) bool {
	t.Helper()
	if a == "" || b == "" {
		return a == b
	}
	var x, y any
	if err := errors.Join(json.Unmarshal([]byte(a), &x), json.Unmarshal([]byte(b), &y)); err != nil {
		t.Fatal(err)
	}
	return cmp.Equal(x, y)
}

// TestInvalidWrites tests that invalid changes are not sent, and others are.
func TestInvalidWrites(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return done })
	results := s.client(t).Begin().Write(t.Context(), []licensing.Write{
		licensing.CreateAssignment{AllotmentID: "p1", AssignedTo: licensing.Assignee{Type: licensing.AssigneeUnknownFuture, ID: "x"}},
		licensing.DeleteAssignment{ID: "x"},
		licensing.AssignLicense{AssignedTo: toDevice},
	})
	for _, i := range []int{0, 2} {
		if _, is := errors.AsType[*upstream.InputError](results[i].Err); !is || results[i].Outcome != licensing.WriteNotDone {
			t.Errorf("%+v", results[i])
		}
	}
	if diff := cmp.Diff([]string{"DELETE /admin/cloudLicensing/assignments/x"}, s.texts()); diff != "" || results[1].Outcome != licensing.WriteDone {
		t.Errorf("%v\n%s", results[1], diff)
	}
	if got := s.client(t).Begin().Write(t.Context(), nil); len(got) != 0 {
		t.Error(got)
	}
}

// TestOutcomes tests the outcome of each status, the number of attempts, and that both are the same in a batch.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	kinds := map[int]error{
		400: upstream.ErrRefused, 405: upstream.ErrRefused, 409: upstream.ErrRefused, 412: upstream.ErrRefused, 422: upstream.ErrRefused,
		401: upstream.ErrUnauthenticated, 403: upstream.ErrForbidden, 404: upstream.ErrNotFound, 410: upstream.ErrNotFound, 429: upstream.ErrThrottled,
	}
	for status := 200; status < 600; status++ {
		for _, header := range []map[string]string{nil, {"Retry-After": "1"}} {
			want, sent := licensing.WriteUnknown, 1
			switch {
			case status < 300:
				want = licensing.WriteDone
			case status == 429:
				want, sent = licensing.WriteNotDone, attempts
			case status == 503 && header != nil:
				sent = attempts
			case status == 401:
				want, sent = licensing.WriteNotDone, 2
			case slices.Contains([]int{400, 402, 403, 404, 405, 406, 409, 410, 411, 412, 415, 416, 422, 423}, status): // documented by Microsoft
				want = licensing.WriteNotDone
			}
			kind, known := kinds[status]
			if !known {
				kind = upstream.ErrUnavailable
			}
			s := newService(t, func(c call) reply {
				if strings.Contains(c.path, "/x/") {
					if status < 300 {
						return reply{status: status, header: header}
					}
					return reply{status: status, header: header, body: `{"error":{"code":"badRequest","innerError":{"code":"noAvailableLicenses"}}}`}
				}
				return done
			})
			c := s.client(t)
			for _, users := range [][]string{{"x"}, {"a", "x", "b"}} {
				results := c.Begin().Write(t.Context(), writesOf(users...))
				x := slices.Index(users, "x")
				n := 0
				for _, text := range s.texts() {
					if strings.Contains(text, "/x/") {
						n++
					}
				}
				if results[x].Outcome != want || n != sent {
					t.Errorf("%d %v of %v: %s, sent %d times; want %s, %d times", status, header, users, results[x].Outcome, n, want, sent)
				}
				for i, r := range results {
					if i != x && r != (licensing.WriteResult{Outcome: licensing.WriteDone}) {
						t.Errorf("%d %v: a bystander: %+v", status, header, r)
					}
				}
				if want == licensing.WriteDone {
					continue
				}
				failure := failureOf(t, results[x])
				if !errors.Is(failure, kind) || failure.Status != status || status >= 400 && failure.Code != "noAvailableLicenses" || failure.Operation != reprocessAssignmentsEndpoint {
					t.Errorf("%d of %v: %+v", status, users, failure)
				}
				if (failure.Permission != "") != (status == 403) || failure.Retryable && want == licensing.WriteUnknown {
					t.Errorf("%d of %v: %+v", status, users, failure)
				}
			}
			s.Close()
		}
	}
}

// TestWholeBatch tests the outcome of changes in a batch that fails as a whole.
func TestWholeBatch(t *testing.T) {
	t.Parallel()
	const notDone, unknown = licensing.WriteNotDone, licensing.WriteUnknown
	for _, tt := range []struct {
		name    string
		whole   reply
		outcome licensing.Outcome
		batches int
		kind    error
	}{
		{"bad request", refused, notDone, 1, upstream.ErrUnavailable},
		{"forbidden", forbidden, notDone, 1, upstream.ErrForbidden},
		{"not found", gone, notDone, 1, upstream.ErrUnavailable},
		{"not allowed", reply{status: 405, body: refused.body}, notDone, 1, upstream.ErrUnavailable},
		{"too large", reply{status: 413, body: refused.body}, unknown, 1, upstream.ErrUnavailable},
		{"throttled", busy, notDone, attempts, upstream.ErrThrottled},
		{"put off", reply{status: 503, header: map[string]string{"Retry-After": "1"}}, unknown, attempts, upstream.ErrUnavailable},
		{"unauthenticated", denied, notDone, 2, upstream.ErrUnauthenticated},
		{"a page with 400", reply{status: 400, body: "<html>"}, unknown, 1, upstream.ErrUnavailable},
		{"a page with 403", reply{status: 403, body: "<html>"}, unknown, 1, upstream.ErrUnavailable},
		{"a page with 404", reply{status: 404, body: "<html>"}, unknown, 1, upstream.ErrUnavailable},
		{"a page with 413", reply{status: 413, body: "<html>"}, unknown, 1, upstream.ErrUnavailable},
		{"503 without Retry-After", reply{status: 503}, unknown, 1, upstream.ErrUnavailable},
		{"failed dependency", reply{status: 424}, unknown, 1, upstream.ErrUnavailable},
		{"conflict", reply{status: 409}, unknown, 1, upstream.ErrUnavailable},
		{"server error", reply{status: 500}, unknown, 1, upstream.ErrUnavailable},
		{"gateway timeout", reply{status: 504}, unknown, 1, upstream.ErrUnavailable},
		{"redirect", reply{status: 307, header: map[string]string{"Location": "/beta/$batch"}}, unknown, 1, upstream.ErrUnavailable},
		{"cut", reply{raw: true}, unknown, 1, upstream.ErrUnavailable},
		{"no JSON", ok(`<html>`), unknown, 1, upstream.ErrUnavailable},
		{"no responses", ok(`{}`), unknown, 1, upstream.ErrUnavailable},
		{"other parts", ok(`{"responses":[{"id":"7","status":204},{"id":"x","status":204}]}`), unknown, 1, upstream.ErrUnavailable},
		{"parts without a status", ok(`{"responses":[{"id":"0"},{"id":"1"}]}`), unknown, 1, upstream.ErrUnavailable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, func(call) reply { return done })
			s.whole = func() *reply { return &tt.whole }
			results := s.client(t).Begin().Write(t.Context(), writesOf("a", "b"))
			if batches, _ := s.asked(); batches != tt.batches || len(s.calls()) > 0 {
				t.Errorf("%d batches, want %d", batches, tt.batches)
			}
			for _, r := range results {
				if failure := failureOf(t, r); r.Outcome != tt.outcome || !errors.Is(failure, tt.kind) {
					t.Errorf("%s: %v, want %s: %v", r.Outcome, failure, tt.outcome, tt.kind)
				} else if errors.Is(tt.kind, upstream.ErrForbidden) && failure.Permission != "CloudLicensing.AssignLicenses.Organization" {
					t.Errorf("needs %q", failure.Permission)
				}
			}
		})
	}
}

// TestPartWithoutAnswer tests that only the change without a response has an unknown outcome.
func TestPartWithoutAnswer(t *testing.T) {
	t.Parallel()
	s := newService(t, func(c call) reply { return reply{status: 204, raw: strings.Contains(c.path, "/b/")} })
	results := s.client(t).Begin().Write(t.Context(), writesOf("a", "b", "c"))
	if diff := cmp.Diff([]licensing.Outcome{licensing.WriteDone, licensing.WriteUnknown, licensing.WriteDone}, outcomes(results)); diff != "" || len(s.calls()) != 3 {
		t.Error(diff)
	}
	_ = failureOf(t, results[1])
}

// TestThrottledPart tests that only the throttled change is retried, after the requested delay.
func TestThrottledPart(t *testing.T) {
	t.Parallel()
	var times atomic.Int32
	s := newService(t, func(c call) reply {
		if strings.Contains(c.path, "/b/") && times.Add(1) == 1 {
			return busy
		}
		return done
	})
	var waits []time.Duration
	c := s.client(t, func(o *Options) {
		o.Wait = func(_ context.Context, d time.Duration) error {
			waits = append(waits, d)
			return nil
		}
	})
	o := c.Begin()
	results := o.Write(t.Context(), writesOf("a", "b", "c"))
	if diff := cmp.Diff([]licensing.Outcome{licensing.WriteDone, licensing.WriteDone, licensing.WriteDone}, outcomes(results)); diff != "" {
		t.Error(diff)
	}
	calls := s.calls()
	if len(calls) != 4 || calls[3].batched || !strings.Contains(calls[3].path, "/b/") {
		t.Errorf("%v", calls)
	}
	if diff := cmp.Diff([]time.Duration{7 * time.Second}, waits); diff != "" {
		t.Error(diff)
	}
	if got := o.Report(); got.Retries != 1 || got.BatchParts != 3 || got.Requests != 3 { // including the token request
		t.Errorf("%+v", got.Usage)
	}
}

// TestLongThrottling tests that a request fails if the requested delay is longer than the maximum.
func TestLongThrottling(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return reply{status: 429, header: map[string]string{"Retry-After": "550"}} })
	result := s.client(t).Begin().Write(t.Context(), writesOf("a"))[0]
	if failure := failureOf(t, result); result.Outcome != licensing.WriteNotDone || failure.RetryAfter != 550*time.Second || len(s.calls()) != 1 {
		t.Errorf("%+v", result)
	}
}

// TestDeadline tests that there is no wait beyond the deadline.
func TestDeadline(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return busy })
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second) // the requested delay is 7 seconds
	defer cancel()
	result := s.client(t).Begin().Write(ctx, writesOf("a"))[0]
	if failure := failureOf(t, result); result.Outcome != licensing.WriteNotDone || !errors.Is(failure, upstream.ErrThrottled) || len(s.calls()) != 1 {
		t.Errorf("%+v", result)
	}
}

// TestManyWrites splits changes into batches and tests their order.
func TestManyWrites(t *testing.T) {
	t.Parallel()
	var users []string
	for i := range 45 {
		users = append(users, fmt.Sprint("u", i))
	}
	s := newService(t, func(c call) reply {
		if strings.HasPrefix(c.path, "/users/u7/") || strings.HasPrefix(c.path, "/users/u33/") {
			return gone
		}
		return done
	})
	for i, r := range s.client(t).Begin().Write(t.Context(), writesOf(users...)) {
		if (r.Outcome == licensing.WriteNotDone) != (i == 7 || i == 33) {
			t.Errorf("%d: %+v", i, r)
		}
	}
	if batches, _ := s.asked(); batches != 3 || len(s.calls()) != 45 {
		t.Errorf("%d batches", batches)
	}
}

// TestNoToken tests that no change is sent without a token.
func TestNoToken(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return done })
	c := s.client(t, func(o *Options) { o.Tokens = application(t, nowhere, s.URL) })
	for _, r := range c.Begin().Write(t.Context(), writesOf("a", "b")) {
		if _ = failureOf(t, r); r.Outcome != licensing.WriteNotDone {
			t.Errorf("%+v", r)
		}
	}
}

// TestNoConnection tests that a change is reported as not made if there was no connection.
func TestNoConnection(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return done })
	proxy, err := outbound.Proxy(nowhere, "")
	if err != nil {
		t.Fatal(err)
	}
	proxied, err := outbound.New(outbound.Options{Services: []string{s.URL}, Proxy: proxy})
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Options){
		"no listener":     func(o *Options) { o.GraphURL = nowhere },
		"no proxy":        func(o *Options) { o.Out, o.Tokens = proxied, &countingTokens{} },
		"not a service's": func(o *Options) { o.Out, o.Tokens = way(t, "", nowhere), &countingTokens{} },
	} {
		c := s.client(t, change)
		for _, users := range [][]string{{"a"}, {"a", "b"}} {
			for _, r := range c.Begin().Write(t.Context(), writesOf(users...)) {
				if _ = failureOf(t, r); r.Outcome != licensing.WriteNotDone {
					t.Errorf("%s: %+v", name, r)
				}
			}
		}
	}
}

// TestEndedContext distinguishes changes that were sent before the context ended from others.
func TestEndedContext(t *testing.T) {
	t.Parallel()
	t.Run("before", func(t *testing.T) {
		t.Parallel()
		s := newService(t, func(call) reply { return done })
		c := s.client(t)
		c.Begin().Write(t.Context(), writesOf("a")) // caches the token
		s.calls()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for range 20 { // select is random
			writes := append(writesOf("a", "b"), licensing.AssignLicense{AssignedTo: toGroup}, licensing.AssignLicense{AssignedTo: toGroup})
			for _, r := range c.Begin().Write(ctx, writes) {
				if failure := failureOf(t, r); r.Outcome != licensing.WriteNotDone || !errors.Is(failure, context.Canceled) {
					t.Errorf("%+v", r)
				}
			}
		}
		if calls := s.texts(); len(calls) > 0 {
			t.Errorf("%v", calls)
		}
	})
	for _, users := range [][]string{{"a"}, {"a", "b"}} {
		t.Run(fmt.Sprint("while ", users), func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			s := newService(t, nil)
			s.answer = func(call) reply {
				cancel()
				return reply{raw: true}
			}
			s.whole = func() *reply {
				cancel()
				return &reply{raw: true}
			}
			for _, r := range s.client(t).Begin().Write(ctx, writesOf(users...)) {
				if _ = failureOf(t, r); r.Outcome != licensing.WriteUnknown {
					t.Errorf("%+v", r)
				}
			}
		})
	}
	t.Run("between attempts", func(t *testing.T) {
		t.Parallel()
		s := newService(t, func(c call) reply {
			if strings.Contains(c.path, "/b/") {
				return busy
			}
			return done
		})
		ctx, wait := contextThatEnds(t)
		results := s.client(t, func(o *Options) { o.Wait = wait }).Begin().Write(ctx, writesOf("a", "b"))
		if diff := cmp.Diff([]licensing.Outcome{licensing.WriteDone, licensing.WriteNotDone}, outcomes(results)); diff != "" {
			t.Error(diff)
		}
		if failure := failureOf(t, results[1]); !errors.Is(failure, upstream.ErrThrottled) {
			t.Error(failure)
		}
	})
}

// TestNoReplay closes an idle connection after it has received a change: the outcome is unknown, and the change must
// not be sent again.
func TestNoReplay(t *testing.T) {
	t.Parallel()
	for name, writes := range map[string][]licensing.Write{
		"POST":   {licensing.ReprocessAssignments{UserID: "a"}},
		"PATCH":  {licensing.UpdateAssignment{ID: "x"}},
		"DELETE": {licensing.DeleteAssignment{ID: "x"}},
		"batch":  {licensing.DeleteAssignment{ID: "x"}, licensing.DeleteAssignment{ID: "y"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			var connections, requests atomic.Int32
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					connections.Add(1)
					go func() {
						defer conn.Close()
						for r := bufio.NewReader(conn); ; {
							req, err := http.ReadRequest(r)
							if err != nil {
								return
							}
							_, _ = io.Copy(io.Discard, req.Body)
							if requests.Add(1) > 1 {
								return
							}
							_, _ = io.WriteString(conn, "HTTP/1.1 204 No Content\r\n\r\n")
						}
					}()
				}
			}()
			s := newService(t, nil) // for the token
			address := "http://" + listener.Addr().String()
			c := s.client(t, func(o *Options) { o.GraphURL, o.Out = address, way(t, "", s.URL, address) })
			if r := c.Begin().Write(t.Context(), writesOf("a"))[0]; r.Outcome != licensing.WriteDone {
				t.Fatalf("%+v", r)
			}
			for _, r := range c.Begin().Write(t.Context(), writes) {
				if _ = failureOf(t, r); r.Outcome != licensing.WriteUnknown {
					t.Errorf("%+v", r)
				}
			}
			if requests.Load() != 2 || connections.Load() != 1 {
				t.Errorf("%d requests on %d connections, want 2 on 1", requests.Load(), connections.Load())
			}
		})
	}
}

// overlaps records the number of concurrent changes per group.
type overlaps struct {
	mu        sync.Mutex
	now, most map[string]int
}

// during counts a change of a group while the function runs.
func (o *overlaps) during(group string, f func()) {
	add := func(n int) {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.now == nil {
			o.now, o.most = map[string]int{}, map[string]int{}
		}
		o.now[group] += n
		o.most[group] = max(o.most[group], o.now[group])
	}
	add(1)
	defer add(-1)
	f()
}

// wanted returns the number of owners and waiters of a group's lock.
func (l *locks) wanted(group string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	if k := l.keys[group]; k != nil {
		return k.uses
	}
	return 0
}

// changeGroups changes groups in this order, in its own operation.
func changeGroups(t *testing.T, c *Client, groups ...string) {
	t.Helper()
	var writes []licensing.Write
	for _, id := range groups {
		writes = append(writes, licensing.AssignLicense{AssignedTo: licensing.Assignee{Type: licensing.AssigneeGroup, ID: id}})
	}
	for i, r := range c.Begin().Write(t.Context(), writes) {
		if r.Outcome != licensing.WriteDone {
			t.Errorf("%s: %+v", groups[i], r)
		}
	}
}

// TestOneAtATime delays a change of a group until all other changes of it wait, and tests that another group is changed
// meanwhile.
func TestOneAtATime(t *testing.T) {
	t.Parallel()
	var seen overlaps
	arrived, proceed := make(chan string, 100), make(chan struct{})
	s := newService(t, func(c call) reply {
		id := strings.ToLower(strings.Split(c.path, "/")[2])
		seen.during(id, func() {
			if id == "g1" {
				arrived <- id
				<-proceed
			}
		})
		return succeed(c)
	})
	c := s.client(t)
	var operations sync.WaitGroup
	operations.Go(func() { changeGroups(t, c, "g1", "G1") })
	operations.Go(func() { changeGroups(t, c, "g1") })
	operations.Go(func() { changeGroups(t, c, "g1") })
	<-arrived
	changeGroups(t, c, "g2")
	for c.groups.wanted("g1") < 3 && len(arrived) == 0 {
		runtime.Gosched()
	}
	close(proceed)
	operations.Wait()
	if diff := cmp.Diff(map[string]int{"g1": 1, "g2": 1}, seen.most); diff != "" || len(s.calls()) != 5 {
		t.Errorf("at once (-want +got):\n%s", diff)
	}
	if len(c.groups.keys) > 0 {
		t.Errorf("locks remain: %v", c.groups.keys)
	}
}

// TestNoDeadlock changes the same groups in different orders.
func TestNoDeadlock(t *testing.T) {
	t.Parallel()
	var seen overlaps
	s := newService(t, func(c call) reply {
		seen.during(strings.Split(c.path, "/")[2], runtime.Gosched)
		return succeed(c)
	})
	c := s.client(t)
	var operations sync.WaitGroup
	for _, groups := range [][]string{{"a", "b", "c"}, {"c", "b", "a"}, {"b", "a", "b"}, {"c", "a"}, {"a", "c"}, {"b", "b"}} {
		operations.Go(func() {
			for range 10 {
				changeGroups(t, c, groups...)
			}
		})
	}
	operations.Wait()
	if diff := cmp.Diff(map[string]int{"a": 1, "b": 1, "c": 1}, seen.most); diff != "" {
		t.Errorf("at once (-want +got):\n%s", diff)
	}
}

// TestRounds tests the order of changes of a group, and that other changes are concurrent.
func TestRounds(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return done })
	c := s.client(t)
	writes := []licensing.Write{
		licensing.DeleteAssignment{ID: "1", AssignedTo: "g1"},
		licensing.UpdateAssignment{ID: "2", AssignedTo: "G1"},
		licensing.ReprocessAssignments{UserID: "u1"},
		licensing.CreateAssignment{AllotmentID: "3", AssignedTo: toGroup},
		licensing.CreateAssignment{AllotmentID: "4", AssignedTo: toUser},
		licensing.CreateAssignment{AllotmentID: "5", AssignedTo: toUser},
		licensing.DeleteAssignment{ID: "6", AssignedTo: "g2"},
	}
	var changes []*change
	for i, w := range writes {
		changes = append(changes, c.change(w))
		changes[i].url = fmt.Sprint(i + 1)
	}
	var got []string
	for _, round := range rounds(changes) {
		var urls []string
		for _, c := range round {
			urls = append(urls, c.url)
		}
		got = append(got, strings.Join(urls, " "))
	}
	if diff := cmp.Diff([]string{"1 3 5 6 7", "2", "4"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestWaitForGroup tests that waiting for a group ends with the context, and that the change is not sent.
func TestWaitForGroup(t *testing.T) {
	t.Parallel()
	s := newService(t, succeed)
	c := s.client(t)
	release, err := c.groups.acquire(t.Context(), []string{"g1"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	results := make(chan []licensing.WriteResult)
	go func() {
		results <- c.Begin().Write(ctx, []licensing.Write{licensing.AssignLicense{AssignedTo: toGroup}})
	}()
	cancel()
	r := (<-results)[0]
	if failure := failureOf(t, r); r.Outcome != licensing.WriteNotDone || !errors.Is(failure, context.Canceled) || len(s.calls()) > 0 {
		t.Errorf("%+v", r)
	}
	release()
	if r := c.Begin().Write(t.Context(), []licensing.Write{licensing.AssignLicense{AssignedTo: toGroup}})[0]; r.Outcome != licensing.WriteDone {
		t.Errorf("%+v", r)
	}
}

// TestTokenRefusedAfterPutOff tests a 503 and then a rejected token: the change is sent with another token.
func TestTokenRefusedAfterPutOff(t *testing.T) {
	t.Parallel()
	answers := []reply{{status: 503, header: map[string]string{"Retry-After": "1"}}, denied, done, done}
	s := newService(t, nil)
	s.answer = func(call) reply {
		next := answers[0]
		answers = answers[1:]
		return next
	}
	results := s.client(t).Begin().Write(t.Context(), []licensing.Write{licensing.DeleteAssignment{ID: "a"}})
	if results[0].Outcome != licensing.WriteDone || len(s.calls()) != 3 {
		t.Errorf("%+v", results[0])
	}
	if _, tokens := s.asked(); tokens != 2 {
		t.Errorf("%d tokens", tokens)
	}
}

// TestIntermediaryResponses tests that responses of intermediaries, and incomplete ones, leave the outcome unknown.
func TestIntermediaryResponses(t *testing.T) {
	t.Parallel()
	const page = "<html><body>Sorry</body></html>"
	const id = `{"id":"x"}`
	create := licensing.CreateAssignment{AllotmentID: "p1", AssignedTo: toUser}
	update := licensing.UpdateAssignment{ID: "x"}
	remove := licensing.DeleteAssignment{ID: "x"}
	license, ofUser := licensing.AssignLicense{AssignedTo: toGroup}, licensing.AssignLicense{AssignedTo: toUser}
	legacy := licensing.ReprocessLicenseAssignment{UserID: "u1"}
	again := licensing.ReprocessAssignments{UserID: "x"}
	type foreign struct {
		write licensing.Write
		reply reply
		want  licensing.Outcome
	}
	cases := []foreign{
		{create, reply{status: 201, body: id}, licensing.WriteDone},
		{create, reply{status: 201, body: `{"disabledServicePlanIds":[]}`}, licensing.WriteDone},
		{create, reply{status: 201, body: `{"id":"x`}, licensing.WriteUnknown},
		{create, reply{status: 201, body: page}, licensing.WriteUnknown},
		{create, reply{status: 201}, licensing.WriteUnknown},
		{create, reply{status: 201, body: `{}`}, licensing.WriteUnknown},
		{create, reply{status: 201, body: `null`}, licensing.WriteUnknown},
		{create, reply{status: 201, body: `{"error":{"code":"x"}}`}, licensing.WriteUnknown},
		{create, reply{status: 201, body: `{"value":{"id":"x"}}`}, licensing.WriteDone},
		{create, ok(id), licensing.WriteUnknown},
		{create, ok(`{}`), licensing.WriteUnknown},
		{create, done, licensing.WriteUnknown},
		{create, reply{status: 202, body: id}, licensing.WriteUnknown},
		{update, ok(id), licensing.WriteDone},
		{update, ok(`{"value":{"id":"x"}}`), licensing.WriteDone},
		{update, ok(`{"disabledServicePlanIds":[]}`), licensing.WriteDone},
		{update, ok(`{"id":"y"}`), licensing.WriteUnknown},
		{update, ok(`{}`), licensing.WriteUnknown},
		{update, done, licensing.WriteUnknown},
		{update, reply{status: 202, body: id}, licensing.WriteUnknown},
		{update, ok(page), licensing.WriteUnknown},
		{update, ok(`["x"]`), licensing.WriteUnknown},
		{update, ok(``), licensing.WriteUnknown},
		{remove, done, licensing.WriteDone},
		{remove, ok(``), licensing.WriteUnknown},
		{remove, ok(`{}`), licensing.WriteUnknown},
		{remove, reply{status: 202}, licensing.WriteUnknown},
		{remove, ok(page), licensing.WriteUnknown},
		{license, reply{status: 202, body: `{"id":"g1"}`}, licensing.WriteDone},
		{license, reply{status: 202, body: page}, licensing.WriteUnknown},
		{license, ok(`{"id":"g1"}`), licensing.WriteUnknown},
		{license, reply{status: 202, body: `{}`}, licensing.WriteUnknown},
		{license, reply{status: 202, body: `{"id":"g2"}`}, licensing.WriteUnknown},
		{license, reply{status: 202}, licensing.WriteUnknown},
		{license, done, licensing.WriteUnknown},
		{ofUser, ok(`{"id":"U1","assignedLicenses":[]}`), licensing.WriteDone},
		{ofUser, ok(`{"assignedLicenses":[]}`), licensing.WriteUnknown},
		{ofUser, ok(`{}`), licensing.WriteUnknown},
		{ofUser, done, licensing.WriteUnknown},
		{ofUser, reply{status: 202, body: `{"id":"u1"}`}, licensing.WriteUnknown},
		{legacy, ok(`{"id":"u1"}`), licensing.WriteDone},
		{legacy, ok(`{}`), licensing.WriteUnknown},
		{legacy, done, licensing.WriteUnknown},
		{again, ok(``), licensing.WriteDone},
		{again, done, licensing.WriteDone},
		{again, ok(`{}`), licensing.WriteUnknown},
		{again, ok(page), licensing.WriteUnknown},
		{remove, reply{status: 404, body: page}, licensing.WriteUnknown},
		{remove, reply{status: 404, body: `{"error":"not found"}`}, licensing.WriteUnknown},
		{remove, reply{status: 404, body: `{"statusCode":404,"message":"not found"}`}, licensing.WriteUnknown},
		{remove, reply{status: 404, body: `{"error":{"message":"not found"}}`}, licensing.WriteUnknown},
		{remove, reply{status: 404, body: `{"error":{"code":"","message":""}}`}, licensing.WriteNotDone},
		{remove, reply{status: 400}, licensing.WriteUnknown},
		{remove, reply{status: 401, body: page}, licensing.WriteUnknown},
		{remove, reply{status: 401, header: map[string]string{"WWW-Authenticate": "Bearer"}}, licensing.WriteNotDone},
		{remove, reply{status: 403, body: page}, licensing.WriteUnknown},
		{remove, reply{status: 404, body: gone.body}, licensing.WriteNotDone},
		{remove, reply{status: 409, body: refused.body}, licensing.WriteNotDone},
		{remove, reply{status: 410, body: gone.body}, licensing.WriteNotDone},
	}
	for _, status := range []int{407, 408, 413, 414, 417, 418, 421, 424, 425, 426, 428, 431, 440, 444, 449, 450, 451, 460, 463, 494, 495, 496, 497, 498, 499} {
		cases = append(cases, foreign{remove, reply{status: status, body: refused.body}, licensing.WriteUnknown})
	}
	for _, tt := range cases {
		s := newService(t, func(call) reply { return tt.reply })
		c := s.client(t)
		r := c.Begin().Write(t.Context(), []licensing.Write{tt.write})[0]
		if r.Outcome != tt.want {
			t.Errorf("%T answered %+v: %s, want %s", tt.write, tt.reply, r.Outcome, tt.want)
		}
		if r.Outcome != licensing.WriteUnknown {
			continue
		}
		if failure := failureOf(t, r); !errors.Is(failure, upstream.ErrUnavailable) || failure.Retryable || len(s.calls()) != 1 {
			t.Errorf("%T answered %+v: %+v", tt.write, tt.reply, failure)
		}
	}
}

// TestSentence tests that the message of a rejected change is returned, and is not in the error's text, which is
// logged.
func TestSentence(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply {
		return reply{status: 400, body: `{"error":{"code":"Request_BadRequest","message":"Ada has\r\nno place."}}`}
	})
	for _, users := range [][]string{{"a"}, {"a", "b"}} {
		for _, r := range s.client(t).Begin().Write(t.Context(), writesOf(users...)) {
			if failure := failureOf(t, r); failure.Sentence != "Ada has no place." || strings.Contains(failure.Error(), "Ada") {
				t.Errorf("%q, %v", failure.Sentence, failure)
			}
		}
	}
}

// TestRejectedRetry tests a 503 after the change was made: the response to the retry proves nothing.
func TestRejectedRetry(t *testing.T) {
	t.Parallel()
	putOff := reply{status: 503, header: map[string]string{"Retry-After": "1"}}
	conflict := reply{status: 409, body: `{"error":{"code":"conflict"}}`}
	for name, tt := range map[string]struct {
		answers []reply
		want    licensing.Outcome
		kind    error
	}{
		"conflict":               {[]reply{putOff, conflict}, licensing.WriteUnknown, upstream.ErrRefused},
		"nothing left":           {[]reply{putOff, gone}, licensing.WriteUnknown, upstream.ErrNotFound},
		"rejected":               {[]reply{putOff, refused}, licensing.WriteUnknown, upstream.ErrRefused},
		"throttled to the end":   {[]reply{putOff, busy, busy}, licensing.WriteUnknown, upstream.ErrThrottled},
		"denied":                 {[]reply{putOff, denied, denied}, licensing.WriteUnknown, upstream.ErrUnauthenticated},
		"done":                   {[]reply{putOff, done}, licensing.WriteDone, nil},
		"throttled and conflict": {[]reply{busy, conflict}, licensing.WriteUnknown, upstream.ErrRefused},
		"throttled and missing":  {[]reply{busy, gone}, licensing.WriteUnknown, upstream.ErrNotFound},
		"throttled and rejected": {[]reply{busy, busy, refused}, licensing.WriteUnknown, upstream.ErrRefused},
		"throttled and denied":   {[]reply{busy, denied, denied}, licensing.WriteNotDone, upstream.ErrUnauthenticated},
		"throttled three times":  {[]reply{busy, busy, busy}, licensing.WriteNotDone, upstream.ErrThrottled},
		"throttled and done":     {[]reply{busy, done}, licensing.WriteDone, nil},
		"denied and missing":     {[]reply{denied, gone}, licensing.WriteUnknown, upstream.ErrNotFound},
		"missing at once":        {[]reply{gone}, licensing.WriteNotDone, upstream.ErrNotFound},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newService(t, nil)
			next := 0
			s.answer = func(call) reply {
				next++
				return tt.answers[next-1]
			}
			r := s.client(t).Begin().Write(t.Context(), []licensing.Write{licensing.DeleteAssignment{ID: "x"}})[0]
			if r.Outcome != tt.want || next != len(tt.answers) {
				t.Errorf("%+v after %d attempts", r, next)
			}
			if tt.kind != nil && !errors.Is(r.Err, tt.kind) || tt.kind == nil && r.Err != nil {
				t.Errorf("%v, want %v", r.Err, tt.kind)
			}
		})
	}
}

// TestPolicy distinguishes a 403 by a policy of the tenant from a missing permission.
func TestPolicy(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		body     string
		kind     error
		sentence string
	}{
		{`{"error":{"code":"licenseForbidden","message":"Tenant policy forbids."}}`, upstream.ErrRefused, "Tenant policy forbids."},
		{`{"error":{"code":"forbidden","message":"Tenant policy forbids.","innerError":{"code":"licenseForbidden"}}}`, upstream.ErrRefused, "Tenant policy forbids."},
		{`{"error":{"code":"Authentication_RequestFromNonPremiumTenantOrB2CTenant","message":"No premium."}}`, upstream.ErrRefused, "No premium."},
		{`{"error":{"code":"licenseForbidden","message":""}}`, upstream.ErrForbidden, ""},
		{`{"error":{"code":"Authorization_RequestDenied","message":"Insufficient privileges."}}`, upstream.ErrForbidden, "Insufficient privileges."},
		{`{"error":{"code":"forbidden","message":"m","innerError":{"code":"missingRequiredPermission"}}}`, upstream.ErrForbidden, "m"},
		{`{"error":{"code":"accessDenied","message":"m"}}`, upstream.ErrForbidden, "m"},
		{`{"error":{"code":"Forbidden","message":"m"}}`, upstream.ErrForbidden, "m"},
		{`{"error":{"code":"","message":"m"}}`, upstream.ErrForbidden, "m"},
	} {
		s := newService(t, func(call) reply { return reply{status: 403, body: tt.body} })
		for _, users := range [][]string{{"a"}, {"a", "b"}} {
			for _, r := range s.client(t).Begin().Write(t.Context(), writesOf(users...)) {
				failure := failureOf(t, r)
				if r.Outcome != licensing.WriteNotDone || !errors.Is(failure, tt.kind) || failure.Sentence != tt.sentence ||
					(failure.Permission == "") != errors.Is(tt.kind, upstream.ErrRefused) {
					t.Errorf("%s: %s, %+v", tt.body, r.Outcome, failure)
				}
			}
		}
	}
}
