package transport

import (
	"bytes"
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sync/semaphore"

	"licensegraph/internal/execution/stub"
	"licensegraph/internal/identity"
	"licensegraph/internal/quota"
)

// askAs sends an operation as a caller.
func askAs(t *testing.T, handler http.Handler, caller *identity.Caller, method, target, body string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(identity.With(t.Context(), caller), method, target, strings.NewReader(body))
	req.Host = "127.0.0.1:8080"
	req.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, req)
	return w
}

// TestCallerRate tests the rate limit of a caller on each transport, before the request is read.
func TestCallerRate(t *testing.T) {
	t.Parallel()
	handler := testEndpoint(t, new(bytes.Buffer), stub.Hello, nil, func(o *Options) { o.Quota.Rate, o.Quota.Burst = 1, 3 })
	adele, same := &identity.Caller{TenantID: "t", ObjectID: "a"}, &identity.Caller{TenantID: "t", ObjectID: "a", ClientID: "other"}
	for i, r := range []struct{ method, target, body string }{
		{"POST", "/graphql", helloBody}, {"GET", "/graphql?query={hello}", ""}, {"POST", "/graphql", "no JSON"},
	} {
		if w := askAs(t, handler, adele, r.method, r.target, r.body); w.Code == http.StatusTooManyRequests {
			t.Fatalf("%d: %d %s", i, w.Code, w.Body)
		}
	}
	for _, caller := range []*identity.Caller{adele, same} {
		for _, method := range []string{"POST", "GET"} {
			w := askAs(t, handler, caller, method, "/graphql?query={hello}", "no JSON")
			want := `"extensions":{"code":"RATE_LIMITED","retryAfterSeconds":1,"retryable":true}`
			if w.Code != 429 || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), want) {
				t.Errorf("%s: %d, Retry-After %q, %s", method, w.Code, w.Header().Get("Retry-After"), w.Body)
			}
		}
	}
	for _, healthy := range []*identity.Caller{{TenantID: "t", ObjectID: "b"}, {TenantID: "u", ObjectID: "a"}, nil} {
		if w := askAs(t, handler, healthy, "POST", "/graphql", helloBody); w.Code != 200 {
			t.Errorf("%v: %d %s", healthy, w.Code, w.Body)
		}
	}
	if w := askAs(t, handler, adele, "OPTIONS", "/graphql", ""); w.Code != 204 {
		t.Errorf("OPTIONS: %d", w.Code)
	}
}

// TestOperationsAtOnce tests the limits of concurrent operations.
func TestOperationsAtOnce(t *testing.T) {
	t.Parallel()
	began, finish := make(chan bool), make(chan bool)
	wait := func(ctx context.Context) *graphql.Response {
		began <- true
		<-finish
		return stub.Hello(ctx)
	}
	handler := testEndpoint(t, new(bytes.Buffer), wait, nil, func(o *Options) { o.Quota.PerCaller, o.Quota.Total = 2, 3 })
	var group sync.WaitGroup
	start := func(object string) {
		group.Go(func() {
			if w := askAs(t, handler, &identity.Caller{ObjectID: object}, "POST", "/graphql", helloBody); w.Code != 200 {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
		<-began
	}
	refused := func(object string, status int) {
		t.Helper()
		w := askAs(t, handler, &identity.Caller{ObjectID: object}, "POST", "/graphql", "no JSON")
		if w.Code != status || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), `"code":"RATE_LIMITED"`) {
			t.Errorf("%s: %d %s", object, w.Code, w.Body)
		}
	}
	start("a")
	start("a")
	refused("a", http.StatusTooManyRequests)
	start("b")
	refused("b", http.StatusServiceUnavailable)
	refused("c", http.StatusServiceUnavailable)
	close(finish)
	group.Wait()
	start("a")
	group.Wait()
}

// TestPressure tests that operations are rejected on a high scheduling delay, with the delay as Retry-After.
func TestPressure(t *testing.T) {
	t.Parallel()
	e := &Endpoint{opts: Options{MaxSchedulingDelay: time.Second}, quota: quota.New(quota.Limits{Rate: 100, Burst: 100, PerCaller: 100, Total: 100}, nil)}
	begins := func() *rejection {
		end, problem := e.admit(t.Context())
		if problem == nil {
			end()
		}
		return problem
	}
	ctx, cancel := context.WithCancel(t.Context())
	ticks := make(chan time.Time)
	var group sync.WaitGroup
	now := time.Now()
	group.Go(func() { e.pressure.run(ctx, ticks, func() time.Time { return now }) })
	look := func(late time.Duration) { // the second tick is received after the first is processed
		ticks <- now.Add(-late)
		ticks <- now
	}
	look(900 * time.Millisecond)
	if problem := begins(); problem != nil {
		t.Errorf("a little late: %+v", problem)
	}
	look(3 * time.Second)
	if problem := begins(); problem == nil || problem.status != http.StatusServiceUnavailable || problem.header["Retry-After"] != "3" || problem.extensions["retryAfterSeconds"] != 3 {
		t.Errorf("late: %+v", problem)
	}
	for range 20 {
		ticks <- now
	}
	if problem := begins(); problem != nil {
		t.Errorf("a second later: %+v", problem)
	}
	cancel()
	group.Wait()
}

// TestTurns tests that a large operation waits for another one and a small one does not.
func TestTurns(t *testing.T) {
	t.Parallel()
	e := &Endpoint{turns: semaphore.NewWeighted(100_000)}
	operation := func(cost int) *graphql.OperationContext {
		op := &graphql.OperationContext{Operation: &ast.OperationDefinition{Operation: ast.Query}}
		op.Stats.SetExtension("cost", cost)
		return op
	}
	turn := func(ctx context.Context, cost int) func() {
		t.Helper()
		resolved, problem := e.turn(ctx, operation(cost))
		if problem != nil {
			t.Fatalf("%d: %+v", cost, problem)
		}
		return resolved
	}
	first := turn(t.Context(), 60_000)
	turn(t.Context(), 100)() // small
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, problem := e.turn(gone, operation(60_000)); problem == nil || problem.status != http.StatusServiceUnavailable {
		t.Errorf("with the first operation: %+v", problem)
	}
	synctest.Test(t, func(t *testing.T) {
		began := false
		go func() {
			resolved, problem := e.turn(t.Context(), operation(60_000))
			if began = true; problem == nil {
				resolved()
			}
		}()
		synctest.Wait()
		if began {
			t.Error("started before the first one ended")
		}
		first()
		first() // once is enough
		synctest.Wait()
		if !began {
			t.Error("not started after the first one ended")
		}
	})
	turn(t.Context(), 100_000)()
}
