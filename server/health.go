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

// healthz says that the process runs. It asks nobody: a gateway whose
// upstream is down must not be restarted for it.
func healthz(w http.ResponseWriter, _ *http.Request) {
	writeStatus(w, http.StatusOK, status{Status: "ok"})
}

// status is the answer of both health checks.
type status struct {
	Status string `json:"status"`
	Reason string `json:"reason,omitempty"`
}

func writeStatus(w http.ResponseWriter, code int, s status) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(s) // whoever asked has gone
}

const (
	// readyFor is how long an answer of Microsoft Graph counts.
	readyFor = 5 * time.Second
	// readyWait is how long Microsoft Graph may take to answer.
	readyWait = 10 * time.Second
)

// readiness tells whether the gateway can answer: whether Microsoft Graph
// answers it, and whether it is not about to end.
type readiness struct {
	check    func(context.Context) error
	logger   *slog.Logger
	now      func() time.Time
	draining atomic.Bool

	// turn holds the last answer; who has taken it asks for a new one, and
	// the others wait for that.
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
		// A gateway that is throttled is not down: without its traffic the others would be throttled all the more.
		writeStatus(w, http.StatusOK, status{"throttled", graph.PresentError(req.Context(), err).Message})
		return
	}
	if err != nil {
		reason := graph.PresentError(req.Context(), err).Message
		if entra.IsUnavailable(err) {
			reason = "The keys of the sign-in service cannot be read."
		}
		writeStatus(w, http.StatusServiceUnavailable, status{"unavailable", reason})
		return
	}
	writeStatus(w, http.StatusOK, status{Status: "ok"})
}

// ask returns the last answer, or a new one when that is too old.
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
	// The answer is for everybody, so it does not end with this caller.
	checkCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readyWait)
	defer cancel()
	err := r.check(checkCtx)
	if err != nil && !errors.Is(err, upstream.ErrThrottled) {
		r.logger.WarnContext(ctx, "not ready", "cause", err.Error())
	}
	last = readyAnswer{err, r.now().Add(readyFor)}
	return err
}
