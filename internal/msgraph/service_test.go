package msgraph

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"licensegraph/internal/entra"
	"licensegraph/internal/outbound"
)

// call is a request to the service, alone or in a batch.
type call struct {
	method, path, query string // unescaped query
	header              http.Header
	body                string
	batched             bool
}

func (c call) String() string {
	if c.query == "" {
		return c.method + " " + c.path
	}
	return c.method + " " + c.path + "?" + c.query
}

// reply is the response to a call.
type reply struct {
	status int // 0 means 200
	header map[string]string
	body   string
	raw    bool // closes the connection instead
}

// refused, gone and so on are common replies.
var (
	done      = reply{status: 204}
	refused   = reply{status: 400, body: `{"error":{"code":"badRequest","innerError":{"code":"invalidExpansion"}}}`}
	gone      = reply{status: 404, body: `{"error":{"code":"ResourceNotFound"}}`}
	forbidden = reply{status: 403, body: `{"error":{"code":"Forbidden"}}`}
	denied    = reply{status: 401, body: `{"error":{"code":"InvalidAuthenticationToken"}}`}
	busy      = reply{status: 429, header: map[string]string{"Retry-After": "7"}}
)

func ok(body string) reply { return reply{body: body} }

// succeed returns the documented response of a successful request: for a read, an empty list.
func succeed(c call) reply {
	steps := strings.Split(c.path, "/")
	switch last := steps[len(steps)-1]; {
	case c.method == http.MethodDelete, last == "reprocessAssignments":
		return done
	case c.method == http.MethodPatch:
		return ok(`{"id":"` + last + `"}`)
	case last == "assignments" && c.method == http.MethodPost:
		return reply{status: 201, body: `{"id":"x"}`}
	case last == "assignLicense" && steps[1] == "groups":
		return reply{status: 202, body: `{"id":"` + steps[2] + `"}`}
	case last == "assignLicense", last == "reprocessLicenseAssignment":
		return ok(`{"id":"` + steps[2] + `"}`)
	}
	return ok(`{"value":[]}`)
}

// service emulates Microsoft Graph. It answers each call with the function, alone or in a batch.
type service struct {
	*httptest.Server
	answer func(call) reply
	// whole answers a whole batch; nil means that each request is answered.
	whole func() *reply

	mu      sync.Mutex
	seen    []call
	tokens  int
	batches int
}

func newService(t testing.TB, answer func(call) reply) *service {
	t.Helper()
	s := &service{answer: answer}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	if strings.HasSuffix(r.URL.Path, "/token") {
		s.mu.Lock()
		s.tokens++
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"secret","token_type":"Bearer","expires_in":3600}`)
		return
	}
	if r.URL.Path != "/beta/$batch" {
		write(w, s.take(r.Method, r.URL.RequestURI(), r.Header, string(body), false))
		return
	}
	s.mu.Lock()
	s.batches++
	s.mu.Unlock()
	if s.whole != nil {
		if whole := s.whole(); whole != nil {
			write(w, *whole)
			return
		}
	}
	var request struct {
		Requests []struct {
			ID, Method, URL string
			Headers         map[string]string
			Body            json.RawMessage
		}
	}
	if json.Unmarshal(body, &request) != nil || len(request.Requests) > 20 {
		write(w, refused)
		return
	}
	type part struct { // with the members in Microsoft Graph's order
		ID      string            `json:"id"`
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body,omitempty"`
	}
	responses := []part{}
	for _, r := range request.Requests {
		header := http.Header{}
		for name, value := range r.Headers {
			header.Set(name, value)
		}
		a := s.take(r.Method, "/beta"+r.URL, header, string(r.Body), true)
		if a.raw {
			continue // a request without a response
		}
		responses = append(responses, part{r.ID, a.code(), a.header, json.RawMessage(a.body)})
	}
	slices.Reverse(responses) // in any order
	encoded, _ := json.Marshal(map[string]any{"responses": responses})
	write(w, reply{body: string(encoded)})
}

func (s *service) take(method, uri string, header http.Header, body string, batched bool) reply {
	u, _ := url.ParseRequestURI(uri)
	clear, _ := url.QueryUnescape(u.RawQuery)
	c := call{method, strings.TrimPrefix(u.EscapedPath(), "/beta"), clear, header, body, batched}
	s.mu.Lock()
	s.seen = append(s.seen, c)
	s.mu.Unlock()
	return s.answer(c)
}

func (r reply) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

func write(w http.ResponseWriter, r reply) {
	if r.raw {
		panic(http.ErrAbortHandler)
	}
	for name, value := range r.header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(r.code())
	_, _ = io.WriteString(w, r.body)
}

// calls returns the calls since the last call of calls.
func (s *service) calls() []call {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}

// asked returns the numbers of batches and token requests.
func (s *service) asked() (batches, tokens int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.batches, s.tokens
}

// texts returns the calls since the last call of texts, as text.
func (s *service) texts() []string {
	var texts []string
	for _, c := range s.calls() {
		texts = append(texts, c.String())
	}
	return texts
}

// nowhere is an address without a listener.
const nowhere = "http://127.0.0.1:1"

// way returns an Out for the services.
func way(t testing.TB, caFile string, services ...string) *outbound.Out {
	t.Helper()
	out, err := outbound.New(outbound.Options{Services: services, CAFile: caFile})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// application returns the tokens of an application at the services.
func application(t testing.TB, authority, graphURL string) Tokens {
	t.Helper()
	a, err := entra.NewApplication(entra.Options{Authority: authority, GraphURL: graphURL, ClientID: "c", Credential: entra.Secret("s")})
	if err != nil {
		t.Fatal(err)
	}
	return a.Tokens("t")
}

// client returns a client of the service that does not wait.
func (s *service) client(t testing.TB, changes ...func(*Options)) *Client {
	t.Helper()
	opts := Options{
		GraphURL: s.URL, Out: way(t, "", s.URL, nowhere), Tokens: application(t, s.URL, s.URL),
		Wait: func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
	}
	for _, change := range changes {
		change(&opts)
	}
	var passed atomic.Int64 // total of the waits
	wait, now := opts.Wait, opts.Now
	if now == nil {
		now = time.Now
	}
	opts.Wait = func(ctx context.Context, d time.Duration) error {
		passed.Add(int64(d))
		return wait(ctx, d)
	}
	opts.Now = func() time.Time { return now().Add(time.Duration(passed.Load())) }
	c, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// authorized fails the test if an endpoint in the report has no permission.
func authorized(t *testing.T, o *Operation) {
	t.Helper()
	for endpoint := range o.Report().Endpoints {
		if endpoint != batchEndpoint && endpoint != tokenEndpoint && permissions[endpoint] == "" {
			t.Errorf("%s has no permission", endpoint)
		}
	}
}

// contextThatEnds returns a context that ends at the first wait between attempts.
func contextThatEnds(t testing.TB) (context.Context, func(context.Context, time.Duration) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	return ctx, func(ctx context.Context, _ time.Duration) error {
		cancel()
		return ctx.Err()
	}
}

// take occupies slots, each for another endpoint, until the test ends.
func take(t testing.TB, c *Client, n int) {
	t.Helper()
	for i := range n {
		release, err := c.queue.take(t.Context(), c.Begin(), []*request{{endpoint: fmt.Sprintf("GET /users/%d", i)}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { release(true) })
	}
}
