// Package clock has a clock that can be moved on.
package clock

import (
	"errors"
	"sync/atomic"
	"time"
)

// MaxAhead is how far a clock can be moved on altogether.
const MaxAhead = 100 * 365 * 24 * time.Hour

// Clock is a clock that can be moved on. It is safe for concurrent use.
type Clock struct {
	base  func() time.Time
	ahead atomic.Int64 // nanoseconds
}

// New makes a clock that shows the time of base.
func New(base func() time.Time) *Clock { return &Clock{base: base} }

// Now is the time that the clock shows.
func (c *Clock) Now() time.Time { return c.base().Add(c.Ahead()) }

// Ahead is how far the clock was moved on.
func (c *Clock) Ahead() time.Duration { return time.Duration(c.ahead.Load()) }

var (
	errBack = errors.New("the clock cannot go back")
	errFar  = errors.New("the clock cannot go that far")
)

// Advance moves the clock on by d.
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
