package main

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"licensegraph/graph"
	"licensegraph/internal/entra"
	"licensegraph/internal/upstream"
)

// healthz reports that the process runs. It does not check Microsoft Graph: a restart would not help if that is down.
func healthz(w http.ResponseWriter, _ *http.Request) {
	writeStatus(w, http.StatusOK, status{Status: "ok"})
}

// status is the response of both health checks.
type status struct {
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

func writeStatus(w http.ResponseWriter, code int, s status) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(s) // the client disconnected
}

const (
	// readyFor is the lifetime of a cached result.
	readyFor = 5 * time.Second
	// readyWait is the timeout of a request to Microsoft Graph.
	readyWait = 10 * time.Second
)

// readiness checks whether the gateway can serve: whether Microsoft Graph responds and the gateway is not shutting
// down.
type readiness struct {
	check    func(context.Context) error
	logger   *slog.Logger
	now      func() time.Time
	draining atomic.Bool

	// turn contains the last result. Its receiver may request a new one; other callers wait.
	turn chan readyAnswer
}

type readyAnswer struct {
	err   error
	until time.Time
}

func newReadiness(check func(context.Context) error, logger *slog.Logger, now func() time.Time) *readiness {
	r := &readiness{check: check, logger: logger, now: now, turn: make(chan readyAnswer, 1)}
	r.turn <- readyAnswer{}
	return r
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	if r.draining.Load() {
		writeStatus(w, http.StatusServiceUnavailable, status{"unavailable", "The gateway is shutting down."})
		return
	}
	err := r.ask(req.Context())
	if errors.Is(err, upstream.ErrThrottled) && !entra.IsUnavailable(err) {
		// A throttled gateway is not down: removing it would increase the load of other replicas.
		writeStatus(w, http.StatusOK, status{"throttled", graph.PresentError(req.Context(), err).Message})
		return
	}
	if err != nil {
		reason := graph.PresentError(req.Context(), err).Message
		if entra.IsUnavailable(err) {
			reason = "The signing keys of Microsoft Entra ID are unavailable."
		}
		writeStatus(w, http.StatusServiceUnavailable, status{"unavailable", reason})
		return
	}
	writeStatus(w, http.StatusOK, status{Status: "ok"})
}

// ask returns the last result, or a new one if that has expired.
func (r *readiness) ask(ctx context.Context) error {
	var last readyAnswer
	select {
	case last = <-r.turn:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { r.turn <- last }()
	if r.now().Before(last.until) {
		return last.err
	}
	// The result serves all callers, so the request does not end with this caller's context.
	checkCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWait)
	defer cancel()
	err := r.check(checkCtx)
	if err != nil && !errors.Is(err, upstream.ErrThrottled) {
		r.logger.WarnContext(ctx, "not ready", "cause", err.Error())
	}
	last = readyAnswer{err, r.now().Add(readyFor)}
	return err
}
