package transport

import (
	"context"
	"errors"
	"math"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"golang.org/x/sync/semaphore"

	"licensegraph/internal/identity"
	"licensegraph/internal/limits"
	"licensegraph/internal/quota"
)

// admit admits an operation of the caller, on any transport, before the request is read. Call end when the operation
// has ended.
func (e *Endpoint) admit(ctx context.Context) (end func(), problem *rejection) {
	if problem := e.pressure.problem(e.opts.MaxSchedulingDelay); problem != nil {
		return nil, problem
	}
	end, err := e.quota.Begin(ctx, identity.From(ctx).Key())
	if err == nil {
		return end, nil
	}
	exceeded, ok := errors.AsType[*quota.Exceeded](err)
	if !ok {
		return nil, &rejection{http.StatusInternalServerError, "Internal error.", nil, map[string]any{"code": "INTERNAL"}}
	}
	problem = busy(exceeded.Error(), max(1, int(math.Ceil(exceeded.RetryAfter.Seconds()))))
	if !exceeded.Busy {
		problem.status = http.StatusTooManyRequests
	}
	return nil, problem
}

const (
	// largeCost is the minimum cost of a large operation. Smaller ones execute in some hundredths of a second.
	largeCost = 20_000
	// largeWait is the maximum wait of a large operation for others.
	largeWait = 5 * time.Second
)

// newTurns limits the total cost of concurrent large operations to the maximum cost of one operation per CPU. More
// would not increase throughput, but memory and the latency of small operations.
func newTurns(maxCost int) *semaphore.Weighted {
	return semaphore.NewWeighted(int64(min(maxCost, math.MaxInt32)) * int64(runtime.GOMAXPROCS(0)))
}

// turn waits until an operation may run: small operations at once, large ones in order of arrival. Call resolved, once
// or more, when the response only has to be sent.
func (e *Endpoint) turn(ctx context.Context, operation *graphql.OperationContext) (resolved func(), problem *rejection) {
	cost := int64(limits.Cost(operation))
	if cost < largeCost || operation.Operation.Operation == ast.Subscription {
		return func() {}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, largeWait)
	defer cancel()
	if e.turns.Acquire(ctx, cost) != nil {
		return nil, busy("The gateway is busy with large operations.", 1)
	}
	return sync.OnceFunc(func() { e.turns.Release(cost) }), nil
}

// busy returns the error of an operation that may succeed after some seconds.
func busy(text string, seconds int) *rejection {
	return &rejection{http.StatusServiceUnavailable, text, map[string]string{"Retry-After": strconv.Itoa(seconds)}, map[string]any{
		"code": "RATE_LIMITED", "retryable": true, "retryAfterSeconds": seconds,
	}}
}
