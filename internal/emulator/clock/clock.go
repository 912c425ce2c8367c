// Package clock implements a clock that can be advanced.
package clock

import (
	"errors"
	"sync/atomic"
	"time"
)

// MaxAhead is the maximum total advance of a clock.
const MaxAhead = 100 * 365 * 24 * time.Hour

// Clock is a clock that can be advanced. It is safe for concurrent use.
type Clock struct {
	base  func() time.Time
	ahead atomic.Int64 // nanoseconds
}

// New returns a clock based on another one.
func New(base func() time.Time) *Clock { return &Clock{base: base} }

// Now returns the time of the clock.
func (c *Clock) Now() time.Time { return c.base().Add(c.Ahead()) }

// Ahead returns the total advance.
func (c *Clock) Ahead() time.Duration { return time.Duration(c.ahead.Load()) }

var (
	errBack = errors.New("the clock cannot go back")
	errFar  = errors.New("the clock cannot go that far")
)

// Advance advances the clock by d.
func (c *Clock) Advance(d time.Duration) error {
	if d < 0 {
		return errBack
	}
	for {
		ahead := c.ahead.Load()
		if d > MaxAhead-time.Duration(ahead) {
			return errFar
		}
		if c.ahead.CompareAndSwap(ahead, ahead+int64(d)) {
			return nil
		}
	}
}
