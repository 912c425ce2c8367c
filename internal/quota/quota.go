// Package quota bounds how many operations a caller begins in a second and has at once, and how many all callers
// have at once. It counts operations, not what they cost: package limits does that. It counts in this process; another
// [Quota] can count for several.
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
	// Begin admits one operation of a caller, whichever transport carries it, or returns an [*Exceeded]. Whoever was
	// admitted calls end when the operation has ended; calling it again does nothing.
	Begin(ctx context.Context, caller identity.Key) (end func(), err error)
}

// Limits are what is admitted.
type Limits struct {
	// Rate is how many operations a caller may begin in a second.
	Rate int
	// Burst is how many a caller that has been quiet may begin at once. It refills at the rate.
	Burst int
	// PerCaller is how many operations a caller may have at once.
	PerCaller int
	// Total is how many operations all callers may have at once.
	Total int
}

// Exceeded is why an operation was not admitted. Nothing of it was done.
type Exceeded struct {
	// Busy tells that all callers together have too many operations: it is not this caller's fault.
	Busy bool
	// RetryAfter is when another attempt may be admitted.
	RetryAfter time.Duration

	text string
}

func (e *Exceeded) Error() string { return e.text }

// callersAtMost bounds the callers that are remembered. An entry takes about 300 bytes.
const callersAtMost = 10_000

// soon is how long to wait for an operation to end: nobody knows.
const soon = time.Second

// Process counts the operations of this process.
type Process struct {
	limits  Limits
	callers int // known at most
	now     func() time.Time

	mu    sync.Mutex
	total int
	known map[identity.Key]*caller
	swept time.Time // when known was last searched for callers to forget
	rest  *caller   // all callers for whom there is no room
}

type caller struct {
	bucket     *rate.Limiter
	operations int
}

// New returns a quota of this process, whose clock is now; nil for [time.Now].
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

// Begin admits an operation, or says why not.
func (p *Process) Begin(_ context.Context, key identity.Key) (end func(), err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.now()
	if p.total >= p.limits.Total {
		return nil, &Exceeded{Busy: true, RetryAfter: soon,
			text: fmt.Sprintf("The gateway has %d operations under way, as many as it takes.", p.limits.Total)}
	}
	c := p.caller(key, now)
	if c.operations >= p.limits.PerCaller {
		return nil, &Exceeded{RetryAfter: soon,
			text: fmt.Sprintf("You have %d operations under way, as many as one caller may have. Wait for their answers.", p.limits.PerCaller)}
	}
	reservation := c.bucket.ReserveN(now, 1)
	if delay := reservation.DelayFrom(now); delay > 0 {
		reservation.CancelAt(now)
		return nil, &Exceeded{RetryAfter: delay,
			text: fmt.Sprintf("You ask too often: one caller may begin %d operations a second, %d at once after a pause.", p.limits.Rate, p.limits.Burst)}
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

// caller returns the counts of a caller. Where there is no room for a new one, callers that lose nothing are forgotten:
// without operations, and with a full burst. If there are none, new callers share one count, so that coming under many
// names admits no more operations. This is no cache: a caller with operations must not be evicted.
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

// forget removes the callers that lose nothing, at most once a second, because it visits all.
func (p *Process) forget(now time.Time) {
	if now.Sub(p.swept) < time.Second {
		return
	}
	p.swept = now
	maps.DeleteFunc(p.known, func(_ identity.Key, c *caller) bool {
		return c.operations == 0 && c.bucket.TokensAt(now) >= float64(p.limits.Burst)
	})
}
