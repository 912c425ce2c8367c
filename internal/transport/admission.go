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

// admit lets the caller begin an operation, over whichever transport, before anything of it is read. Call end when
// the operation has ended.
func (e *Endpoint) admit(ctx context.Context) (end func(), problem *refusal) {
	if problem := e.pressure.problem(e.opts.MaxSchedulingDelay); problem != nil {
		return nil, problem
	}
	end, err := e.quota.Begin(ctx, identity.From(ctx).Key())
	if err == nil {
		return end, nil
	}
	exceeded, ok := errors.AsType[*quota.Exceeded](err)
	if !ok {
		return nil, &refusal{http.StatusInternalServerError, "Internal error.", nil, map[string]any{"code": "INTERNAL"}}
	}
	problem = busy(exceeded.Error(), max(1, int(math.Ceil(exceeded.RetryAfter.Seconds()))))
	if !exceeded.Busy {
		problem.status = http.StatusTooManyRequests
	}
	return nil, problem
}

const (
	// largeCost is the cost from which an operation is large. Smaller ones take some hundredths of a second to answer.
	largeCost = 20_000
	// largeWait is how long a large operation waits for others.
	largeWait = 5 * time.Second
)

// newTurns lets large operations together cost what the largest one may, for each CPU. More would only take turns, and
// memory, and have small operations wait.
func newTurns(maxCost int) *semaphore.Weighted {
	return semaphore.NewWeighted(int64(min(maxCost, math.MaxInt32)) * int64(runtime.GOMAXPROCS(0)))
}

// turn waits until an operation may run: small ones at once, large ones in the order in which they came. Call resolved,
// as often as is convenient, when its answer waits for nobody but the client.
func (e *Endpoint) turn(ctx context.Context, operation *graphql.OperationContext) (resolved func(), problem *refusal) {
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

// busy is a request that may succeed some seconds later.
func busy(text string, seconds int) *refusal {
	return &refusal{http.StatusServiceUnavailable, text, map[string]string{"Retry-After": strconv.Itoa(seconds)}, map[string]any{
		"code": "RATE_LIMITED", "retryable": true, "retryAfterSeconds": seconds,
	}}
}
