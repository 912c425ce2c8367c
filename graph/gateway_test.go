package graph_test

import (
	"bytes"
	"context"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql/handler"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/99designs/gqlgen/graphql/handler/transport"
	"github.com/go-json-experiment/json"
	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"licensegraph/graph"
	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
	"licensegraph/internal/entra"
	"licensegraph/internal/identity"
	"licensegraph/internal/limits"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/outbound"
	"licensegraph/internal/refdata"
	"licensegraph/internal/upstream"
)

// withoutPrefetch runs all tests without the prefetch: responses are equal.
var withoutPrefetch = flag.Bool("without-prefetch", false, "test gateways that do not prefetch, but for what they cost")

// withoutColumns runs all tests with gqlgen's executor alone: responses are equal.
var withoutColumns = flag.Bool("without-columns", false, "test gateways that do not write columns")

// needsPrefetch skips tests of costs and of reads that fail in one batch.
func needsPrefetch(t *testing.T) {
	t.Helper()
	if *withoutPrefetch {
		t.Skip("costs differ without the prefetch")
	}
}

// TestMain checks that no goroutines are left.
func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // many short-lived tenants
	goleak.VerifyTestMain(m)
}

// gateway serves the resolvers over HTTP, with the embedded tenant as upstream.
type gateway struct {
	t      testing.TB
	tenant *emulator.Server
	url    string
	log    *lockedBuffer
	waits  *waits

	// Settings that a test may change before a restart.
	timeout  time.Duration // of an upstream request
	budget   int           // of an operation; 0 for no limit
	life     time.Duration // of cached reference data; 0 for no cache
	graphURL string
	key      []byte // of cursors
	tenantID string // of cursors
	begin    func(*msgraph.Operation) graph.Upstream
	readOnly bool
	person   personalToken    // empty for the application
	caller   *identity.Caller // nil without authentication
	audit    *lockedBuffer
	observe  func(read string, cost upstream.Cost, keys int, planned bool)

	withoutPrefetch bool
	withoutColumns  bool
	fallbacks       *fallbacks
	answerBytes     *atomic.Int64 // maximum size of a response; nil for no limits
}

// personalToken is the token of a signed-in user.
type personalToken string

func (p personalToken) Token(context.Context, *http.Client) (string, error) { return string(p), nil }

func (personalToken) Refused(string, string) bool { return false }

// waits records waits instead of waiting.
type waits struct {
	mu    sync.Mutex
	long  []time.Duration
	total time.Duration
	after func(time.Duration) // called for each wait, if set
}

// now returns the time after the recorded waits.
func (w *waits) now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Add(w.total)
}

// take returns and clears the recorded waits.
func (w *waits) take() []time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	long := w.long
	w.long = nil
	return long
}

// pass advances the time.
func (w *waits) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.total += d
}

func (w *waits) wait(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.long = append(w.long, d)
	w.total += d
	if w.after != nil {
		w.after(d)
	}
	return ctx.Err()
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

func (b *lockedBuffer) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.buf.Reset()
}

// answerSize returns the counter of the size of a response; nil without limits.
func answerSize(ctx context.Context) graph.AnswerCounter {
	if counter := limits.NewCounter(ctx); counter != nil {
		return counter
	}
	return nil
}

// fallbacks counts the root fields that were written by columns, under an empty reason, and the reasons of others.
type fallbacks struct {
	mu    sync.Mutex
	count map[string]int
}

func (f *fallbacks) observe(_, reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.count == nil {
		f.count = map[string]int{}
	}
	f.count[reason]++
}

func startGateway(t testing.TB, options emulator.Options) *gateway {
	t.Helper()
	options.Record = true
	g := &gateway{
		t: t, tenant: emulatortest.Start(t, options), log: &lockedBuffer{}, audit: &lockedBuffer{}, waits: &waits{}, fallbacks: &fallbacks{},
		timeout: 10 * time.Second, key: make([]byte, 32),
		begin: func(o *msgraph.Operation) graph.Upstream { return o },
	}
	g.graphURL, g.tenantID = g.tenant.URL, g.tenant.TenantID()
	g.restart()
	return g
}

// restart starts a new gateway without state over the same tenant.
func (g *gateway) restart() {
	out, err := outbound.New(outbound.Options{Services: []string{g.graphURL, g.tenant.URL}})
	if err != nil {
		g.t.Fatal(err)
	}
	application, err := entra.NewApplication(entra.Options{
		Authority: g.tenant.URL, GraphURL: g.tenant.URL,
		ClientID: g.tenant.ClientID(), Credential: entra.Secret(identity.Secret(g.tenant.ClientSecret())), Now: g.waits.now,
	})
	if err != nil {
		g.t.Fatal(err)
	}
	logger := slog.New(slog.NewTextHandler(g.log, nil))
	var references *refdata.Cache
	if g.life > 0 {
		store := refdata.NewMemory(1<<20, g.waits.now)
		references = refdata.New(refdata.Options{Store: store, Scope: g.tenantID, Life: g.life, Now: g.waits.now, Logger: logger})
	}
	client, err := msgraph.New(msgraph.Options{
		Reference:      references,
		GraphURL:       g.graphURL,
		Out:            out,
		Tokens:         application.Tokens(g.tenant.TenantID()),
		RequestTimeout: g.timeout,
		Wait:           g.waits.wait,
		Now:            g.waits.now,

		RequestsPerOperation: g.budget,
	})
	if err != nil {
		g.t.Fatal(err)
	}
	resolver, err := graph.New(graph.Options{
		NewUpstream: func(context.Context) (graph.Upstream, error) {
			if g.person != "" {
				return g.begin(client.BeginOnBehalfOf(identity.Key{TenantID: g.tenantID, ObjectID: "person"}, g.person)), nil
			}
			return g.begin(client.Begin()), nil
		},
		TenantID:     g.tenantID,
		CursorKeys:   [][]byte{g.key},
		ShowUpstream: func(http.Header) bool { return true },
		AllowWrites:  !g.readOnly,
		Audit:        slog.New(slog.NewJSONHandler(g.audit, nil)),
		Logger:       logger,
		PrefetchMiss: func(field string) { g.t.Errorf("%s: read after the prefetch", field) },

		WithoutPrefetch: *withoutPrefetch || g.withoutPrefetch,
		Columns:         !*withoutColumns && !g.withoutColumns,
		ObserveColumns:  g.fallbacks.observe,
		AnswerSize:      answerSize,
		Observe:         g.observe,
	})
	if err != nil {
		g.t.Fatal(err)
	}
	srv := handler.New(resolver.Schema())
	srv.AddTransport(transport.POST{})
	srv.SetErrorPresenter(graph.PresentError)
	srv.SetRecoverFunc(graph.Recover(logger))
	srv.Use(extension.Introspection{})
	if g.answerBytes != nil {
		srv.SetErrorPresenter(limits.PresentWithin(graph.PresentError))
		srv.Use(limits.New(limits.Limits{}))
	}
	srv.Use(resolver.Extension())
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := identity.With(r.Context(), g.caller)
		if g.answerBytes != nil {
			limited, end := limits.NewResponses(g.answerBytes.Load(), 1<<40).Begin(ctx)
			defer end()
			ctx = limited
		}
		srv.ServeHTTP(w, r.WithContext(ctx))
	}))
	g.t.Cleanup(func() {
		server.Close()
		client.Close()
		client.CloseIdleConnections()
	})
	g.url = server.URL
}

// difference returns the printed difference of two values; empty if they are equal.
func difference(want, got any, options ...gocmp.Option) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return gocmp.Diff(want, got, options...)
}

// response is a response of the gateway.
type response struct {
	Data       map[string]any  `json:"data"`
	Errors     []responseError `json:"errors"`
	Extensions struct {
		Upstream struct {
			Requests, BatchParts, ResourceUnits, Retries int
			Bytes, Milliseconds                          int64
			CacheHits                                    int
			CacheAgeMilliseconds                         int64
			Endpoints                                    map[string]struct {
				Requests, BatchParts, ResourceUnits, Retries int
				Bytes                                        int64
			}
		} `json:"upstream"`
	} `json:"extensions"`
	raw []byte
}

type responseError struct {
	Message    string         `json:"message"`
	Path       []any          `json:"path"`
	Extensions map[string]any `json:"extensions"`
}

func (g *gateway) ask(query string, variables map[string]any) response {
	g.t.Helper()
	body, err := json.Marshal(map[string]any{"query": query, "variables": variables})
	if err != nil {
		g.t.Fatal(err)
	}
	resp, err := http.Post(g.url, "application/json", bytes.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	var r response
	if r.raw, err = io.ReadAll(resp.Body); err != nil {
		g.t.Fatal(err)
	}
	if err := json.Unmarshal(r.raw, &r, json.MatchCaseInsensitiveNames(true)); err != nil {
		g.t.Fatalf("%v: %s", err, r.raw)
	}
	return r
}
