package emulator

import (
	"errors"
	"sync/atomic"
	"time"
)

// clock is the one that everything in the emulator asks: [Options].Now, moved on
// by [Emulator.Advance].
type clock struct {
	base func() time.Time
	by   atomic.Int64 // nanoseconds
}

func (c *clock) now() time.Time { return c.base().Add(time.Duration(c.by.Load())) }

var (
	errClockBack = errors.New("emulator: the clock cannot go back")
	errClockFar  = errors.New("emulator: the clock cannot go that far")
)

// maxAhead is how far the clock can be moved on altogether.
const maxAhead = 100 * 365 * 24 * time.Hour

// Advance moves the emulator's clock on by d, without waiting: tokens end, what
// was under way takes effect, limits of throttling are free again and faults with
// a time begin and end. A clock neither goes back nor further than a hundred
// years.
func (e *Emulator) Advance(d time.Duration) error {
	if d < 0 {
		return errClockBack
	}
	for {
		by := e.clock.by.Load()
		if d > maxAhead-time.Duration(by) {
			return errClockFar
		}
		if e.clock.by.CompareAndSwap(by, by+int64(d)) {
			return nil
		}
	}
}

// Now is the time by the emulator's clock.
func (e *Emulator) Now() time.Time { return e.clock.now() }
