package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/identity"
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

// TestCallerRate has a caller ask too often, over each transport, without being read.
func TestCallerRate(t *testing.T) {
	t.Parallel()
	handler := testHandler(t, new(bytes.Buffer), hello, "--caller-rate=1", "--caller-burst=3")
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

// TestOperationsAtOnce has operations of callers under way.
func TestOperationsAtOnce(t *testing.T) {
	t.Parallel()
	began, finish := make(chan bool), make(chan bool)
	wait := func(ctx context.Context) *graphql.Response {
		began <- true
		<-finish
		return hello(ctx)
	}
	handler := testHandler(t, new(bytes.Buffer), wait, "--caller-operations=2", "--max-operations=3")
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

// TestConnectionsAreBounded has the first of two connections end before the second is taken.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bound := boundConnections(listener, 1)
	defer bound.Close()
	accepted := make(chan net.Conn, 2)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := bound.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	})
	var dialer net.Dialer
	for range 2 {
		conn, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	first := <-accepted
	select {
	case <-accepted:
		t.Error("a second connection was taken")
	case <-time.After(100 * time.Millisecond): // it comes at once where nothing holds it
	}
	_ = first.Close()
	second := <-accepted
	_ = second.Close()
	_ = bound.Close()
	group.Wait()
}
