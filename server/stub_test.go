package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"licensegraph/graph"
	"licensegraph/internal/config"
	"licensegraph/internal/embedded"
	"licensegraph/internal/execution"
	"licensegraph/internal/execution/stub"
	"licensegraph/internal/identity"
	"licensegraph/internal/logs"
	"licensegraph/internal/metrics"
	"licensegraph/internal/transport"
)

// testConfig returns the configuration of the flags.
func testConfig(t *testing.T, flags ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load(flags, noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// testHandler returns the gateway's handler for the stub.
func testHandler(t *testing.T, log io.Writer, exec stub.Schema, flags ...string) http.Handler {
	t.Helper()
	handler, _ := testGateway(t, log, exec, flags...)
	return handler
}

// testGateway is testHandler with the endpoint.
func testGateway(t *testing.T, log io.Writer, exec stub.Schema, flags ...string) (http.Handler, *transport.Endpoint) {
	t.Helper()
	log = &oneByOne{w: log}
	cfg, logger := testConfig(t, flags...), logs.New(log, "debug", "text")
	audit := logs.NewAudit(log, slog.New(slog.DiscardHandler))
	ready := newReadiness(func(context.Context) (status, error) { return status{Status: "ok"}, nil }, slog.New(slog.DiscardHandler))
	ready.update(t.Context())
	_, docs, err := newDocuments(cfg, exec, logger)
	if err != nil {
		t.Fatal(err)
	}
	endpoint := newEndpoint(cfg, execution.New(exec, execution.Options{
		Limits: cfg.Limits(), Introspection: cfg.Introspection, Documents: docs, Present: graph.PresentError, Recover: graph.Recover(logger),
	}), transport.NewAuthenticator(nil, "", audit), observe(metrics.New(), cfg.SlowAfter, logger))
	handler, err := newHandler(cfg, endpoint, nil, ready, audit, logger)
	if err != nil {
		t.Fatal(err)
	}
	return handler, endpoint
}

// oneByOne serializes writes of two logs.
type oneByOne struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneByOne) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

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

const (
	mediaTypeJSON    = "application/json"
	mediaTypeGraphQL = "application/graphql-response+json"
	mediaTypeEvents  = "text/event-stream"

	jsonBody     = "Content-Type: " + mediaTypeJSON
	acceptNew    = "Accept: " + mediaTypeGraphQL
	acceptEvents = "Accept: " + mediaTypeEvents
	helloBody    = `{"query":"{hello}"}`
)

// mustMarshal encodes a valid value.
func mustMarshal(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return text
}

var scopes, assignRoles = embedded.Scopes, embedded.AssignRoles
