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
	"slices"
	"sync"
	"time"

	"licensegraph/internal/emulator"
)

// tenantInfo is the connection data of the embedded tenant.
type tenantInfo struct{ URL, TenantID, ClientID, ClientSecret string }

// serveUpstream serves the embedded tenant, which expands all relations of
// errors, unless there is a variant, in pages of up to 1,000. It answers
// repeated requests from memory.
func serveUpstream(args []string) error {
	flags := flag.NewFlagSet("upstream", flag.ContinueOnError)
	expand := flags.String("expand", "both", "relations of errors to expand")
	pageSize := flags.Int("page", 1000, "maximum page size")
	delay := flags.Duration("delay", 0, "delay of each response")
	users := flags.Int("users", 0, "serve a generated tenant of this size instead, and do not answer from memory")
	if err := flags.Parse(args); err != nil {
		return err
	}
	options := emulator.Options{Users: *users, Variants: emulator.Variants{
		ExpandErrors: *expand, PageSize: *pageSize, Throttling: emulator.Throttling{Off: true},
	}}
	if *users == 0 {
		var err error
		if options.State, err = usersWithErrors(); err != nil {
			return err
		}
	}
	e := emulator.New(options)
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
	var service http.Handler = e
	if *users == 0 {
		service = &memory{next: e, delay: *delay, answers: map[string]*httptest.ResponseRecorder{}}
	}
	return http.Serve(listener, service) //nolint:gosec // a benchmark on loopback
}

// mostErrors is the number of users of the tenant, who have one error each: a
// page of users.
const mostErrors = 999

// usersWithErrors returns the state of a generated tenant without the users
// that have no error, and without the errors that depend on those users.
func usersWithErrors() (io.ReadSeeker, error) {
	var text bytes.Buffer
	if err := emulator.New(emulator.Options{Users: 5 * mostErrors}).Save(&text); err != nil {
		return nil, err
	}
	var state map[string]any
	if err := json.Unmarshal(text.Bytes(), &state); err != nil {
		return nil, err
	}
	gone := map[any]bool{}
	users := slices.DeleteFunc(state["users"].([]any), func(user any) bool {
		licenses, _ := user.(map[string]any)["licenses"].([]any)
		failed := slices.ContainsFunc(licenses, func(license any) bool {
			cause, fails := license.(map[string]any)["cause"]
			return fails && cause != "count"
		})
		if !failed {
			gone[user.(map[string]any)["id"]] = true
		}
		return !failed
	})
	for _, user := range users[mostErrors:] {
		gone[user.(map[string]any)["id"]] = true
	}
	state["users"] = users[:mostErrors]
	for _, user := range users[:mostErrors] {
		delete(user.(map[string]any), "manager")
	}
	for _, group := range state["groups"].([]any) {
		group := group.(map[string]any)
		delete(group, "owners")
		members, _ := group["members"].([]any)
		group["members"] = slices.DeleteFunc(members, func(id any) bool { return gone[id] })
	}
	state["assignments"] = slices.DeleteFunc(state["assignments"].([]any), func(assignment any) bool {
		return gone[assignment.(map[string]any)["assignedTo"]]
	})
	for _, allotment := range state["allotments"].([]any) {
		delete(allotment.(map[string]any), "waiting")
	}
	remaining, err := json.Marshal(state)
	return bytes.NewReader(remaining), err
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
