package msgraph

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"licensegraph/internal/licensing"
	"licensegraph/internal/outbound"
)

// securedService starts a service that also supports HTTP/2, and returns a client with a short timeout for headers.
func securedService(t *testing.T, service http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewUnstartedServer(service)
	s.EnableHTTP2 = true
	s.StartTLS()
	t.Cleanup(s.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := outbound.New(outbound.Options{Services: []string{s.URL}, CAFile: file, Silence: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	c, err := New(Options{GraphURL: s.URL, Out: out, Tokens: application(t, s.URL, s.URL)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.CloseIdleConnections)
	return c
}

// reply200 answers any request, including token requests.
func reply200(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = io.WriteString(w, `{"access_token":"secret","token_type":"Bearer","expires_in":3600,"value":[]}`)
}

// TestHTTP1 tests that HTTP/1.1 is used with a service that supports HTTP/2; see package outbound.
func TestHTTP1(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	protocols := map[string]int{}
	c := securedService(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		protocols[r.Method] = r.ProtoMajor
		if r.Method == http.MethodDelete {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		reply200(w)
	})
	if failures := ask(t.Context(), c.Begin(), "/users"); len(failures) > 0 {
		t.Fatal(failures)
	}
	if r := c.Begin().Write(t.Context(), []licensing.Write{licensing.DeleteAssignment{ID: "x"}})[0]; r.Outcome != licensing.WriteDone {
		t.Fatalf("%+v", r)
	}
	if protocols["GET"] != 1 || protocols["POST"] != 1 || protocols["DELETE"] != 1 {
		t.Errorf("%v", protocols)
	}
}

// TestSilentConnection stalls a connection. The request on it is retried on another connection, and other requests are
// not delayed.
func TestSilentConnection(t *testing.T) {
	t.Parallel()
	const callers = 8
	var silent atomic.Value // the address of the connection
	silent.Store("")
	hit, over := make(chan struct{}), make(chan struct{})
	var stalled, alone atomic.Int32
	c := securedService(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/beta/warm":
			silent.Store(r.RemoteAddr)
		case r.RemoteAddr == silent.Load():
			if stalled.Add(1) == 1 {
				close(hit)
			}
			<-over
			return
		case r.URL.Path == "/beta/users" && r.Close:
			alone.Add(1)
		}
		reply200(w)
	})
	t.Cleanup(func() { close(over) })
	if failures := ask(t.Context(), c.Begin(), "/warm"); len(failures) > 0 {
		t.Fatal(failures)
	}
	var group sync.WaitGroup
	group.Go(func() {
		o := c.Begin()
		if failures := ask(t.Context(), o, "/users"); len(failures) > 0 || o.Report().Retries != 1 {
			t.Errorf("%v, %+v", failures, o.Report())
		}
	})
	<-hit
	for i := range callers {
		group.Go(func() {
			if failures := ask(t.Context(), c.Begin(), fmt.Sprintf("/groups/%d", i)); len(failures) > 0 {
				t.Error(failures)
			}
		})
	}
	group.Wait()
	if stalled.Load() != 1 || alone.Load() != 1 {
		t.Errorf("%d requests on the silent connection, %d retries on new connections", stalled.Load(), alone.Load())
	}
}
