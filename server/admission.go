package main

import (
	"context"
	"errors"
	"math"
	"net"
	"net/http"
	"strconv"

	"golang.org/x/net/netutil"

	"licensegraph/internal/identity"
	"licensegraph/internal/quota"
)

// admit lets the caller begin an operation, over whichever transport, before anything of it is read. Call end when
// the operation has ended.
func admit(ctx context.Context, q quota.Quota) (end func(), problem *refusal) {
	end, err := q.Begin(ctx, identity.From(ctx).Key())
	if err == nil {
		return end, nil
	}
	exceeded, ok := errors.AsType[*quota.Exceeded](err)
	if !ok {
		return nil, &refusal{http.StatusInternalServerError, "Internal error.", nil, map[string]any{"code": "INTERNAL"}}
	}
	status := http.StatusTooManyRequests
	if exceeded.Busy {
		status = http.StatusServiceUnavailable
	}
	seconds := max(1, int(math.Ceil(exceeded.RetryAfter.Seconds())))
	return nil, &refusal{status, exceeded.Error(), map[string]string{"Retry-After": strconv.Itoa(seconds)}, map[string]any{
		"code": "RATE_LIMITED", "retryable": true, "retryAfterSeconds": seconds,
	}}
}

// quota returns the limits of callers.
func (c *Config) quota() quota.Limits {
	return quota.Limits{Rate: c.CallerRate, Burst: c.CallerBurst, PerCaller: c.CallerOperations, Total: c.MaxOperations}
}

// boundConnections lets a listener have that many connections. Who comes when there are as many waits until one has
// ended: see idleTimeout and the read timeouts.
func boundConnections(l net.Listener, most int) net.Listener { return netutil.LimitListener(l, most) }
