package transport

import (
	"context"
	"io"
	"log/slog"
	"net/http/httptest"
	"testing"
	"time"

	"go.uber.org/goleak"

	"licensegraph/graph"
	"licensegraph/internal/documents"
	"licensegraph/internal/execution"
	"licensegraph/internal/execution/stub"
	"licensegraph/internal/limits"
	"licensegraph/internal/logs"
	"licensegraph/internal/quota"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testEndpoint returns an endpoint for the stub; without authentication if the authenticator is nil.
func testEndpoint(t *testing.T, log io.Writer, exec stub.Schema, auth *Authenticator, changes ...func(*Options)) *Endpoint {
	t.Helper()
	if auth == nil {
		auth = NewAuthenticator(nil, "", slog.New(slog.DiscardHandler))
	}
	opts := Options{
		Executor: execution.New(exec, execution.Options{
			Limits: limits.Default(), Introspection: true, Documents: documents.New(documents.Options{Automatic: documents.NewMemory(100, 1<<20)}),
			Present: graph.PresentError, Recover: graph.Recover(logs.New(log, "debug", "text")),
		}),
		Authenticator: auth, Limits: limits.Default(), Quota: quota.Limits{Rate: 1000, Burst: 2000, PerCaller: 200, Total: 512},
		CallerStreams: 20, MaxStreams: 1000, BodyBytes: 1 << 20, AnswerBytes: 64 << 20, AnswersBytes: 256 << 20,
		RequestTimeout: 30 * time.Second, MaxSchedulingDelay: time.Minute, InitTimeout: 5 * time.Second,
	}
	for _, change := range changes {
		change(&opts)
	}
	return New(opts)
}

// serveStub serves an endpoint for the stub, and returns its URL.
func serveStub(t *testing.T, exec stub.Schema, changes ...func(*Options)) (string, *Endpoint) {
	t.Helper()
	endpoint := testEndpoint(t, io.Discard, exec, nil, changes...)
	server := httptest.NewServer(endpoint)
	t.Cleanup(func() {
		endpoint.Drain()
		_ = endpoint.Wait(context.Background())
		server.Close()
	})
	return server.URL + "/graphql", endpoint
}
