package main

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/pprof"
	"strings"
	"time"

	"licensegraph/internal/config"
	"licensegraph/internal/identity"
	"licensegraph/internal/metrics"
	"licensegraph/internal/transport"
)

const (
	// adminConnections is the maximum number of connections to the admin listener.
	adminConnections = 32
	// profileWait is the write timeout of the admin listener; a profile or trace can take as many seconds as requested.
	profileWait = 2 * time.Minute
)

// newAdmin returns the handler of the admin listener. It has no authentication: only the platform reaches it.
func newAdmin(cfg *config.Config, m *metrics.Metrics, ready *readiness, logger *slog.Logger) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/metrics", m.Handler())
	mux.HandleFunc("/healthz", healthz)
	mux.Handle("/readyz", ready)
	if cfg.Pprof {
		mux.HandleFunc("/debug/pprof/", pprof.Index)
		mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	}
	return chain(mux, recoverPanics(logger), secureHeaders, onlyGet)
}

// gauges adds the metrics whose values are read when the metrics are.
func gauges(m *metrics.Metrics, endpoint *transport.Endpoint, ready *readiness) {
	m.Gauge("ready", "Whether /readyz reports that the gateway is ready: 1 or 0.", func() float64 {
		if _, code := ready.status(); code == http.StatusOK {
			return 1
		}
		return 0
	})
	m.Gauge("streams", "Open WebSockets and event streams.", func() float64 { return float64(endpoint.Streams()) })
}

// observe returns the observer of operations, which counts and logs each.
func observe(m *metrics.Metrics, slow time.Duration, logger *slog.Logger) func(context.Context, *transport.Record) {
	return func(ctx context.Context, r *transport.Record) {
		m.Operation(ctx, r)
		attrs := []any{
			"transport", r.Transport, "type", r.Type, "name", r.Name, "document", r.Document,
			"errors", strings.Join(r.Errors, ","), "milliseconds", r.Duration.Milliseconds(), "bytes", r.Bytes, "cost", r.Cost,
			"upstream requests", r.Upstream.Requests, "resource units", r.Upstream.ResourceUnits, "retries", r.Upstream.Retries,
			"upstream milliseconds", r.Upstream.Milliseconds, "waited milliseconds", r.Upstream.WaitedMilliseconds,
		}
		if caller := identity.From(ctx); caller != nil {
			attrs = append(attrs, "tenant", caller.TenantID, "caller", caller.ObjectID, "application", caller.ClientID)
		}
		if r.Duration < slow {
			logger.InfoContext(ctx, "operation", attrs...)
			return
		}
		logger.WarnContext(ctx, "slow operation", append(attrs, "endpoints", r.Upstream.Endpoints)...)
	}
}
