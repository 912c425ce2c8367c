// Package quota limits the rate and the number of concurrent operations of a caller, and the number of concurrent
// operations in total. Package limits limits the cost of an operation. The counts are per process; another [Quota] can
// count for several processes.
package quota

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"licensegraph/internal/identity"
)

// Quota admits operations. It is safe for concurrent use.
type Quota interface {
	// Begin admits one operation of a caller on any transport, or returns an [*Exceeded]. Call end when the operation
	// has ended; further calls have no effect.
	Begin(ctx context.Context, caller identity.Key) (end func(), err error)
}

// Limits are the limits of operations.
type Limits struct {
	// Rate is the number of operations per second that a caller can start.
	Rate int
	// Burst is the number of operations that an idle caller can start at once. It refills at Rate.
	Burst int
	// PerCaller is the number of concurrent operations per caller.
	PerCaller int
	// Total is the number of concurrent operations of all callers.
	Total int
}

// Exceeded is the error of an operation that was not admitted and not executed.
type Exceeded struct {
	// Busy reports that Total is exceeded, rather than a limit of the caller.
	Busy bool
	// RetryAfter is the delay before another attempt.
	RetryAfter time.Duration

	text string
}

func (e *Exceeded) Error() string { return e.text }

// callersAtMost is the maximum number of tracked callers, of about 300 bytes each.
const callersAtMost = 10_000

// soon is the RetryAfter if an operation must end first, whose time is unknown.
const soon = time.Second

// Process counts the operations of this process.
type Process struct {
	limits  Limits
	callers int // maximum number of known callers
	now     func() time.Time

	mu    sync.Mutex
	total int
	known map[identity.Key]*caller
	swept time.Time // time of the last call of forget
	rest  *caller   // shared by callers beyond the maximum number
}

type caller struct {
	bucket     *rate.Limiter
	operations int
}

// New returns a quota for this process. now is its clock; nil means [time.Now].
func New(limits Limits, now func() time.Time) *Process {
	if now == nil {
		now = time.Now
	}
	p := &Process{limits: limits, callers: callersAtMost, now: now, known: map[identity.Key]*caller{}}
	p.rest = p.newCaller()
	return p
}

func (p *Process) newCaller() *caller {
	return &caller{bucket: rate.NewLimiter(rate.Limit(p.limits.Rate), p.limits.Burst)}
}

// Begin implements [Quota].
func (p *Process) Begin(_ context.Context, key identity.Key) (end func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.total >= p.limits.Total {
		return nil, &Exceeded{Busy: true, RetryAfter: soon,
			text: fmt.Sprintf("The gateway has %d concurrent operations, which is its limit.", p.limits.Total)}
	}
	c := p.caller(key, now)
	if c.operations >= p.limits.PerCaller {
		return nil, &Exceeded{RetryAfter: soon,
			text: fmt.Sprintf("You have %d concurrent operations, which is the limit per caller. Wait for their responses.", p.limits.PerCaller)}
	}
	reservation := c.bucket.ReserveN(now, 1)
	if delay := reservation.DelayFrom(now); delay > 0 {
		reservation.CancelAt(now)
		return nil, &Exceeded{RetryAfter: delay,
			text: fmt.Sprintf("Too many operations: the limit per caller is %d per second, or %d at once after a pause.", p.limits.Rate, p.limits.Burst)}
	}
	c.operations++
	p.total++
	return sync.OnceFunc(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		c.operations--
		p.total--
	}), nil
}

// caller returns the counts of a caller. At the maximum number of callers it first removes those without operations and
// with a full burst. If none can be removed, new callers share one count, so that many identities admit no more
// operations. A cache would not do: a caller with operations must not be evicted.
func (p *Process) caller(key identity.Key, now time.Time) *caller {
	if c, ok := p.known[key]; ok {
		return c
	}
	if len(p.known) >= p.callers {
		p.forget(now)
	}
	if len(p.known) >= p.callers {
		return p.rest
	}
	c := p.newCaller()
	p.known[key] = c
	return c
}

// forget removes the callers without operations and with a full burst. It visits all, so it runs at most once a second.
func (p *Process) forget(now time.Time) {
	if now.Sub(p.swept) < time.Second {
		return
	}
	p.swept = now
	maps.DeleteFunc(p.known, func(_ identity.Key, c *caller) bool {
		return c.operations == 0 && c.bucket.TokensAt(now) >= float64(p.limits.Burst)
	})
}
