package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"licensegraph/internal/upstream"
)

// healthz reports that the process runs. It does not check anything: a restart would not help if a service is down.
func healthz(w http.ResponseWriter, _ *http.Request) {
	writeStatus(w, http.StatusOK, status{Status: "ok"})
}

// status is the response of both health checks.
type status struct {
	Status string `json:"status"` // ok, degraded, unavailable or starting
	Reason string `json:"reason,omitempty"`
}

func writeStatus(w http.ResponseWriter, code int, s status) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(s) // the client disconnected
}

const (
	// readyEvery is the interval of the check.
	readyEvery = 10 * time.Second
	// readyWait is the timeout of a check.
	readyWait = 10 * time.Second
	// checksAtOnce is the maximum number of tenants that are checked concurrently.
	checksAtOnce = 16
)

// readiness is whether the gateway can serve. A check in the background keeps it; requests get the result of the last
// one from memory.
type readiness struct {
	check    func(context.Context) (status, error) // with the cause of a status other than ok
	logger   *slog.Logger
	last     atomic.Pointer[status]
	draining atomic.Bool
}

func newReadiness(check func(context.Context) (status, error), logger *slog.Logger) *readiness {
	r := &readiness{check: check, logger: logger}
	r.last.Store(&status{"starting", "The first check is in progress."})
	return r
}

func (r *readiness) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	s, code := r.status()
	writeStatus(w, code, s)
}

// status returns the status and the status code of the response.
func (r *readiness) status() (status, int) {
	s := *r.last.Load()
	if r.draining.Load() {
		s = status{"unavailable", "The gateway is shutting down."}
	}
	if s.Status == "starting" || s.Status == "unavailable" {
		return s, http.StatusServiceUnavailable
	}
	return s, http.StatusOK
}

// run checks at once and at each tick, until the context ends.
func (r *readiness) run(ctx context.Context, ticks <-chan time.Time) {
	for {
		r.update(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
	}
}

// update checks once, and logs a change.
func (r *readiness) update(ctx context.Context) {
	limited, cancel := context.WithTimeout(ctx, readyWait)
	defer cancel()
	s, cause := r.check(limited)
	if ctx.Err() != nil { // the check was canceled
		return
	}
	if last := r.last.Swap(&s); *last == s {
		return
	}
	if cause == nil {
		r.logger.InfoContext(ctx, "readiness changed", "status", s.Status)
		return
	}
	r.logger.WarnContext(ctx, "readiness changed", "status", s.Status, "reason", s.Reason, "cause", cause.Error())
}

// ability is whether the gateway can serve the callers of one tenant.
type ability struct {
	usable bool
	reason string // empty without a problem
	cause  error
}

// ability checks what the gateway itself requires in a tenant: signing keys, to authenticate callers, and the
// application's access token. It asks for them only if they are not cached. Microsoft Graph is not asked: that would
// use the quota, and if it is down, other replicas cannot serve either. What earlier requests show of it is a reason to
// be degraded.
func (a *app) ability(ctx context.Context, tenantID string) ability {
	keys, keysErr := a.auth.Check(ctx, tenantID)
	token, tokenErr := a.tenants.checkToken(ctx, tenantID)
	return judge(keys, keysErr, token, tokenErr, a.tenants.condition(tenantID))
}

// judge returns the ability that follows from the results of the checks. A key or token remains usable after an error.
func judge(keys bool, keysErr error, token bool, tokenErr, graphErr error) ability {
	switch {
	case !keys:
		return ability{false, "The signing keys of Microsoft Entra ID are unavailable.", keysErr}
	case !token && errors.Is(tokenErr, upstream.ErrUnauthenticated):
		return ability{false, "Microsoft Entra ID does not accept the gateway's credentials.", tokenErr}
	case !token:
		return ability{false, "Microsoft Entra ID provides no access token for Microsoft Graph.", tokenErr}
	case keysErr != nil:
		return ability{true, "The signing keys of Microsoft Entra ID cannot be refreshed; cached keys remain in use.", keysErr}
	case tokenErr != nil:
		return ability{true, "The access token for Microsoft Graph cannot be renewed; the cached one is still valid.", tokenErr}
	case errors.Is(graphErr, upstream.ErrThrottled):
		return ability{true, "Microsoft Graph throttles the gateway.", graphErr}
	case graphErr != nil:
		return ability{true, "Microsoft Graph did not answer the last requests.", graphErr}
	}
	return ability{usable: true}
}

// checkAll checks all tenants. The gateway is unavailable if it can serve none.
func (a *app) checkAll(ctx context.Context) (status, error) {
	ids := a.tenants.ids
	abilities := make([]ability, len(ids))
	var group errgroup.Group
	group.SetLimit(checksAtOnce)
	for i, id := range ids {
		group.Go(func() error {
			abilities[i] = a.ability(ctx, id)
			return nil
		})
	}
	_ = group.Wait() // returns no error
	return summarize(ids, abilities)
}

// summarize returns the status of the gateway, with the reason in the tenant that has the worst problem.
func summarize(ids []string, abilities []ability) (status, error) {
	usable, problems, worst := 0, 0, -1
	for i, one := range abilities {
		if one.usable {
			usable++
		}
		if one.reason == "" {
			continue
		}
		problems++
		if worst < 0 || abilities[worst].usable && !one.usable {
			worst = i
		}
	}
	if problems == 0 {
		return status{Status: "ok"}, nil
	}
	s := status{"degraded", abilities[worst].reason}
	if usable == 0 {
		s.Status = "unavailable"
	}
	if len(ids) > 1 {
		s.Reason = fmt.Sprintf("%d of %d tenants: %s", problems, len(ids), s.Reason)
	}
	return s, fmt.Errorf("tenant %s: %w", ids[worst], abilities[worst].cause)
}
