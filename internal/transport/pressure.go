package transport

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// pressureEvery is how often the gateway measures how late it is.
const pressureEvery = 50 * time.Millisecond

// pressure tells how long what is ready to run waits for its turn. It does not count what is under way: a thousand
// operations that wait for Microsoft Graph keep nobody waiting, and ten that compute do.
type pressure struct {
	late atomic.Int64 // nanoseconds
}

// run looks how late ticks are taken, until the context ends.
func (p *pressure) run(ctx context.Context, ticks <-chan time.Time, now func() time.Time) {
	for {
		select {
		case <-ctx.Done():
			return
		case due := <-ticks:
			p.observe(now().Sub(due))
		}
	}
}

// latest is the longest delay that counts: a process that was stopped for an hour is not late for long.
const latest = 10 * time.Second

// observe takes a delay at once when it is longer than before, and forgets longer ones within seconds.
func (p *pressure) observe(late time.Duration) {
	p.late.Store(max(int64(min(late, latest)), p.late.Load()*7/8))
}

// problem refuses what would begin at least so late: all that is under way would take as much longer as often as it waits
// for its turn.
func (p *pressure) problem(tooLate time.Duration) *refusal {
	late := time.Duration(p.late.Load())
	if late < tooLate {
		return nil
	}
	return busy("The gateway has more to do than it can.", int(math.Ceil(late.Seconds())))
}
