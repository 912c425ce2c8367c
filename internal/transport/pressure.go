package transport

import (
	"context"
	"math"
	"sync/atomic"
	"time"
)

// pressureEvery is the interval at which the scheduling delay is measured.
const pressureEvery = 50 * time.Millisecond

// pressure measures the scheduling delay: how long runnable work waits for a CPU. Operations that wait for Microsoft
// Graph do not increase it.
type pressure struct {
	late atomic.Int64 // nanoseconds
}

// run measures the delay of each tick until the context ends.
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

// latest is the maximum delay that is recorded, so that a suspended process recovers quickly.
const latest = 10 * time.Second

// observe records a delay. Longer delays apply at once and decay within seconds.
func (p *pressure) observe(late time.Duration) {
	p.late.Store(max(int64(min(late, latest)), p.late.Load()*7/8))
}

// problem rejects an operation if the delay is at least tooLate, since every scheduling step of every operation would
// wait as long.
func (p *pressure) problem(tooLate time.Duration) *rejection {
	late := time.Duration(p.late.Load())
	if late < tooLate {
		return nil
	}
	return busy("The gateway is overloaded.", int(math.Ceil(late.Seconds())))
}
