package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
	"licensegraph/internal/logs"
	"licensegraph/internal/transport/transporttest"
	"licensegraph/internal/upstream"
)

// TestReadiness tests the responses for each status, and that only changes are logged.
func TestReadiness(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	var next status
	cause := errors.New("why")
	r := newReadiness(func(context.Context) (status, error) {
		if next.Reason == "" {
			return next, nil
		}
		return next, cause
	}, logs.New(&log, "info", "text"))
	expect := func(code int, body string) {
		t.Helper()
		if w := transporttest.Send(t, r, "GET", "/readyz", ""); w.Code != code || strings.TrimSpace(w.Body.String()) != body || w.Header().Get("Content-Type") != mediaTypeJSON {
			t.Errorf("%d %s, want %d %s", w.Code, w.Body, code, body)
		}
	}
	expect(503, `{"status":"starting","reason":"The first check is in progress."}`)
	for _, step := range []struct {
		next status
		code int
		body string
		logs int // records so far
	}{
		{status{"unavailable", "No keys."}, 503, `{"status":"unavailable","reason":"No keys."}`, 1},
		{status{"unavailable", "No keys."}, 503, `{"status":"unavailable","reason":"No keys."}`, 1},
		{status{"unavailable", "No token."}, 503, `{"status":"unavailable","reason":"No token."}`, 2},
		{status{Status: "ok"}, 200, `{"status":"ok"}`, 3},
		{status{Status: "ok"}, 200, `{"status":"ok"}`, 3},
		{status{"degraded", "Throttled."}, 200, `{"status":"degraded","reason":"Throttled."}`, 4},
	} {
		next = step.next
		r.update(t.Context())
		expect(step.code, step.body)
		if got := strings.Count(log.String(), "readiness changed"); got != step.logs {
			t.Errorf("%+v: %d records, want %d\n%s", step.next, got, step.logs, &log)
		}
	}
	if !strings.Contains(log.String(), "cause=why") {
		t.Errorf("no cause:\n%s", &log)
	}
	r.draining.Store(true)
	expect(503, `{"status":"unavailable","reason":"The gateway is shutting down."}`)
}

// TestReadinessAnswersFromMemory tests that requests do not wait for a check that hangs, that there is one check at a
// time, and that the end of the program cancels it without a result.
func TestReadinessAnswersFromMemory(t *testing.T) {
	t.Parallel()
	asked := make(chan bool) // whether the check hangs
	ended := make(chan error, 1)
	r := newReadiness(func(ctx context.Context) (status, error) {
		if !<-asked {
			return status{Status: "ok"}, nil
		}
		if _, limited := ctx.Deadline(); !limited {
			t.Error("no timeout")
		}
		<-ctx.Done()
		ended <- ctx.Err()
		return status{"unavailable", "Canceled."}, ctx.Err()
	}, slog.New(slog.DiscardHandler))
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ticks, done := make(chan time.Time), make(chan struct{})
	go func() { defer close(done); r.run(ctx, ticks) }()
	asked <- false
	ticks <- time.Time{} // the first check has ended
	asked <- true        // the second one hangs
	select {
	case ticks <- time.Time{}:
		t.Error("a second check at the same time")
	default:
	}
	expect := func(when string) {
		t.Helper()
		if w := transporttest.Send(t, r, "GET", "/readyz", ""); w.Code != 200 {
			t.Errorf("%s: %d %s", when, w.Code, w.Body)
		}
	}
	expect("during a check")
	stop()
	<-done
	expect("after a canceled check")
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestReadinessThroughTheWire tests what makes the gateway unavailable, and what only degrades it. Its requests are not
// sent to Microsoft Graph, and a request for the status causes none at all.
func TestReadinessThroughTheWire(t *testing.T) {
	t.Parallel()
	const skus = `{subscribedSkus{nodes{skuId}}}`
	noToken := emulator.Fault{Endpoint: "POST /oauth2/v2.0/token", Status: 503, Times: -1}
	noSecret := emulator.Fault{Endpoint: "POST /oauth2/v2.0/token", Status: 401, Times: -1}
	noKeys := emulator.Fault{Endpoint: "GET /discovery/v2.0/keys", Status: 503, Times: -1}
	throttled := emulator.Fault{Endpoint: "GET /subscribedSkus", Status: 429, RetryAfter: "600", Times: -1}
	down := emulator.Fault{Endpoint: "GET /subscribedSkus", Status: 503, Times: -1}
	for _, tt := range []struct {
		name   string
		args   []string
		before []emulator.Fault // from the start
		after  []emulator.Fault // after the first check
		code   int
		body   string
	}{
		{"ok", nil, nil, nil, 200, `{"status":"ok"}`},
		{"no token", nil, []emulator.Fault{noToken}, nil, 503, `{"status":"unavailable","reason":"Microsoft Entra ID provides no access token for Microsoft Graph."}`},
		{"wrong secret", nil, []emulator.Fault{noSecret}, nil, 503, `{"status":"unavailable","reason":"Microsoft Entra ID does not accept the gateway's credentials."}`},
		{"no keys", []string{"--inbound=entra"}, []emulator.Fault{noKeys}, nil, 503, `{"status":"unavailable","reason":"The signing keys of Microsoft Entra ID are unavailable."}`},
		{"keys that nobody requires", nil, []emulator.Fault{noKeys}, nil, 200, `{"status":"ok"}`},
		{"no token, on behalf of users", []string{"--inbound=entra", "--outbound=on-behalf-of"}, []emulator.Fault{noToken}, nil, 200, `{"status":"ok"}`},
		{"no keys, on behalf of users", []string{"--inbound=entra", "--outbound=on-behalf-of"}, []emulator.Fault{noKeys}, nil, 503, `{"status":"unavailable","reason":"The signing keys of Microsoft Entra ID are unavailable."}`},
		{"Entra ID down later", []string{"--inbound=entra"}, nil, []emulator.Fault{noToken, noKeys}, 200, `{"status":"ok"}`},
		{"Microsoft Graph down, unknown", nil, []emulator.Fault{{Endpoint: "GET /subscribedSkus", Status: 500, Times: -1}}, nil, 200, `{"status":"ok"}`},
		{"throttled", nil, nil, []emulator.Fault{throttled}, 200, `{"status":"degraded","reason":"Microsoft Graph throttles the gateway."}`},
		{"Microsoft Graph down", nil, nil, []emulator.Fault{down}, 200, `{"status":"degraded","reason":"Microsoft Graph did not answer the last requests."}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tenant := emulatortest.Start(t, emulator.Options{})
			for _, fault := range tt.before {
				tenant.Inject(fault)
			}
			a := newTestApp(t, append([]string{"--tenant-id=" + tenant.TenantID(), "--client-id=" + tenant.ClientID(), "--client-secret-file=" + secretFile(t, tenant.ClientSecret()),
				"--graph-url=" + tenant.URL, "--authority=" + tenant.URL}, tt.args...)...)
			a.ready.update(t.Context())
			for _, fault := range tt.after {
				tenant.Inject(fault)
			}
			if len(tt.after) > 0 {
				transporttest.Send(t, a.gateway.Handler, "POST", "/graphql", string(mustMarshal(map[string]string{"query": skus})), jsonBody)
			}
			tenant.ResetCounts()
			a.ready.update(t.Context())
			for endpoint, count := range tenant.Counts() {
				if !strings.Contains(endpoint, "token") && !strings.Contains(endpoint, "keys") {
					t.Errorf("the check sent %d requests %s", count.Requests, endpoint)
				}
			}
			tenant.ResetCounts()
			if w := transporttest.Send(t, a.ready, "GET", "/readyz", ""); w.Code != tt.code || strings.TrimSpace(w.Body.String()) != tt.body {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, tt.code, tt.body)
			}
			if got := tenant.Counts(); len(got) > 0 {
				t.Errorf("the request caused %v", got)
			}
		})
	}
}

// newTestApp returns a program that does not serve.
func newTestApp(t *testing.T, flags ...string) *app {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	logger := slog.New(slog.DiscardHandler)
	a, err := newApp(testConfig(t, flags...), listeners{gateway: l}, logs.NewAudit(io.Discard, logger), logger)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.tenants.out.CloseIdleConnections)
	return a
}

// TestReadinessOfTenants tests several tenants: one that cannot be served degrades the gateway, and only all of them
// make it unavailable.
func TestReadinessOfTenants(t *testing.T) {
	t.Parallel()
	n := startNeighbours(t, emulator.Options{}, emulator.Options{Seed: 2}, emulator.Options{Seed: 3})
	args := []string{"--client-id=" + n.tenants[0].ClientID(), "--client-secret-file=" + secretFile(t, n.tenants[0].ClientSecret()), "--graph-url=" + n.url, "--authority=" + n.url, "--inbound=entra"}
	for _, tenant := range n.tenants {
		args = append(args, "--tenant-id="+tenant.TenantID())
	}
	fault := emulator.Fault{Endpoint: "POST /oauth2/v2.0/token", Status: 401, Times: -1}
	for failing, want := range []string{
		`{"status":"ok"}`,
		`{"status":"degraded","reason":"1 of 3 tenants: Microsoft Entra ID does not accept the gateway's credentials."}`,
		`{"status":"degraded","reason":"2 of 3 tenants: Microsoft Entra ID does not accept the gateway's credentials."}`,
		`{"status":"unavailable","reason":"3 of 3 tenants: Microsoft Entra ID does not accept the gateway's credentials."}`,
	} {
		if failing > 0 {
			n.tenants[failing-1].Inject(fault)
		}
		a := newTestApp(t, args...)
		a.ready.update(t.Context())
		w := httptest.NewRecorder()
		a.ready.ServeHTTP(w, nil)
		if got := strings.TrimSpace(w.Body.String()); got != want {
			t.Errorf("%d failing: %s, want %s", failing, got, want)
		}
	}
}

// TestCachedKeysAndTokens tests that the gateway remains usable with cached keys and a cached token after an error.
func TestCachedKeysAndTokens(t *testing.T) {
	t.Parallel()
	keysErr, tokenErr := errors.New("no keys"), &upstream.Error{Kind: upstream.ErrUnauthenticated}
	for _, tt := range []struct {
		keys, token bool
		reason      string
		cause       error
	}{
		{true, true, "The signing keys of Microsoft Entra ID cannot be refreshed; cached keys remain in use.", keysErr},
		{false, true, "The signing keys of Microsoft Entra ID are unavailable.", keysErr},
		{true, false, "Microsoft Entra ID does not accept the gateway's credentials.", tokenErr},
	} {
		if got := judge(tt.keys, keysErr, tt.token, tokenErr, upstream.ErrThrottled); got != (ability{tt.keys && tt.token, tt.reason, tt.cause}) {
			t.Errorf("%+v: %+v", tt, got)
		}
	}
	if got := judge(true, nil, true, tokenErr, nil); !got.usable || got.reason != "The access token for Microsoft Graph cannot be renewed; the cached one is still valid." {
		t.Errorf("%+v", got)
	}
}

// TestSummary tests which problem is the reason: that of a tenant that cannot be served comes first.
func TestSummary(t *testing.T) {
	t.Parallel()
	why, worse := errors.New("why"), errors.New("worse")
	ids := []string{"a", "b", "c"}
	slow, gone, fine := ability{true, "Slow.", why}, ability{false, "Gone.", worse}, ability{usable: true}
	for _, tt := range []struct {
		abilities []ability
		want      status
		cause     string
	}{
		{[]ability{fine}, status{Status: "ok"}, ""},
		{[]ability{slow}, status{"degraded", "Slow."}, "tenant a: why"},
		{[]ability{gone}, status{"unavailable", "Gone."}, "tenant a: worse"},
		{[]ability{fine, slow, gone}, status{"degraded", "2 of 3 tenants: Gone."}, "tenant c: worse"},
		{[]ability{fine, fine, fine}, status{Status: "ok"}, ""},
	} {
		got, cause := summarize(ids[:len(tt.abilities)], tt.abilities)
		text := ""
		if cause != nil {
			text = cause.Error()
		}
		if got != tt.want || text != tt.cause {
			t.Errorf("%+v: %+v, %q", tt.abilities, got, text)
		}
	}
}
