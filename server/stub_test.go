package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/graph"
	"licensegraph/internal/config"
	"licensegraph/internal/execution"
	"licensegraph/internal/execution/stub"
	"licensegraph/internal/logs"
)

// testConfig is the configuration that flags make.
func testConfig(t *testing.T, flags ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load(flags, noEnv, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// testHandler is the gateway's handler over the stub.
func testHandler(t *testing.T, log io.Writer, exec func(context.Context) *graphql.Response, flags ...string) http.Handler {
	t.Helper()
	log = &oneByOne{w: log}
	handler, _ := testGateway(t, log, exec, &authenticator{audit: logs.NewAudit(log, slog.New(slog.DiscardHandler))}, flags...)
	return handler
}

// oneByOne lets two logs write to one place.
type oneByOne struct {
	mu sync.Mutex
	w  io.Writer
}

func (o *oneByOne) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.w.Write(p)
}

// testGateway is testHandler with callers, and with the streams that its handler has open.
func testGateway(t *testing.T, log io.Writer, exec func(context.Context) *graphql.Response, auth *authenticator, flags ...string) (http.Handler, *streams) {
	t.Helper()
	cfg := testConfig(t, flags...)
	logger := logs.New(log, "debug", "text")
	ready := newReadiness(func(context.Context) error { return nil }, slog.New(slog.DiscardHandler), time.Now)
	_, docs, err := newDocuments(cfg, stub.Schema(exec), logger)
	if err != nil {
		t.Fatal(err)
	}
	live := newStreams(cfg)
	handler, err := newHandler(cfg, execution.New(stub.Schema(exec), execution.Options{
		Limits: cfg.Limits(), Introspection: cfg.Introspection, Documents: docs, Present: graph.PresentError, Recover: graph.Recover(logger),
	}), auth, live, new(pressure), ready, logger)
	if err != nil {
		t.Fatal(err)
	}
	return handler, live
}

// send lets a handler answer one request. Headers are "Name: value".
func send(t *testing.T, handler http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	req.Host = "127.0.0.1:8080"
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, req)
	return w
}
