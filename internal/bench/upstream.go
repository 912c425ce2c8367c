package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"time"

	"licensegraph/internal/emulator"
)

// tenantInfo is the connection data of the embedded tenant.
type tenantInfo struct{ URL, TenantID, ClientID, ClientSecret string }

// serveUpstream serves the embedded tenant, which expands all relations of
// errors in pages of up to 1,000. It answers repeated requests from memory.
func serveUpstream(args []string) error {
	flags := flag.NewFlagSet("upstream", flag.ContinueOnError)
	users := flags.Int("users", 500, "people in the tenant")
	delay := flags.Duration("delay", 0, "delay of each response")
	if err := flags.Parse(args); err != nil {
		return err
	}
	e := emulator.New(emulator.Options{Users: *users, Variants: emulator.Variants{
		ExpandErrors: "both", PageSize: 1000, Throttling: emulator.Throttling{Off: true},
	}})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	info := tenantInfo{"http://" + listener.Addr().String(), e.TenantID(), e.ClientID(), e.ClientSecret()}
	text, err := json.Marshal(info)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stdout, string(text))
	return http.Serve(listener, &memory{next: e, delay: *delay, answers: map[string]*httptest.ResponseRecorder{}}) //nolint:gosec // a benchmark on loopback
}

// memory caches the responses of a handler.
type memory struct {
	next  http.Handler
	delay time.Duration

	mu      sync.Mutex
	answers map[string]*httptest.ResponseRecorder
}

func (m *memory) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	select {
	case <-time.After(m.delay):
	case <-r.Context().Done():
		return
	}
	key := r.Method + " " + r.URL.String() + "\n" + r.Header.Get("Accept-Encoding") + "\n" + string(body)
	m.mu.Lock()
	answer := m.answers[key]
	m.mu.Unlock()
	if answer == nil {
		answer = httptest.NewRecorder()
		r.Body = io.NopCloser(bytes.NewReader(body))
		m.next.ServeHTTP(answer, r)
		if answer.Code == http.StatusOK {
			m.mu.Lock()
			m.answers[key] = answer
			m.mu.Unlock()
		}
	}
	for name, values := range answer.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes())
}
