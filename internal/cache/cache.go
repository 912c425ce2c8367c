// Package cache keeps values in the memory of this process, never more than its bound. What is used often and lately stays
// (W-TinyLFU, by otter). It has no goroutines: whoever reads or writes does the upkeep.
package cache

import (
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// Options configure a [Cache].
type Options[K comparable, V any] struct {
	// Most bounds the weight of all entries together.
	Most int
	// Weigh returns the weight of an entry; nil for 1 each, so that Most is a number of entries. It is neither negative nor
	// 0, and an entry that weighs more than Most is not kept.
	Weigh func(K, V) int
	// Life returns how long an entry is kept from its addition on; nil for no end.
	Life func(K, V) time.Duration
	// Now is the clock of Life; nil for [time.Now].
	Now func() time.Time
}

// Cache is safe for concurrent use.
type Cache[K comparable, V any] struct {
	most  int
	weigh func(K, V) int

	turns   sync.Mutex // of additions: otter exceeds its bound for a moment when several write at once
	entries *otter.Cache[K, V]
}

// New returns an empty cache.
func New[K comparable, V any](opts Options[K, V]) *Cache[K, V] {
	o := &otter.Options[K, V]{Executor: func(task func()) { task() }}
	if opts.Weigh == nil {
		o.MaximumSize = opts.Most
	} else {
		o.MaximumWeight = uint64(opts.Most)
		o.Weigher = func(key K, value V) uint32 { return uint32(opts.Weigh(key, value)) }
	}
	if opts.Life != nil {
		o.ExpiryCalculator = otter.ExpiryWritingFunc(func(e otter.Entry[K, V]) time.Duration { return max(opts.Life(e.Key, e.Value), 1) })
	}
	if opts.Now != nil {
		o.Clock = clock(opts.Now)
	} else {
		o.Clock = clock(time.Now)
	}
	return &Cache[K, V]{most: opts.Most, weigh: opts.Weigh, entries: otter.Must(o)}
}

// Get returns the value of a key.
func (c *Cache[K, V]) Get(key K) (V, bool) { return c.entries.GetIfPresent(key) }

// Add keeps a value in place of the one that its key had.
func (c *Cache[K, V]) Add(key K, value V) {
	if !c.fits(key, value) {
		return
	}
	c.turns.Lock()
	defer c.turns.Unlock()
	c.entries.Set(key, value)
}

// GetOrAdd returns the value of a key, which is the given one where it had none.
func (c *Cache[K, V]) GetOrAdd(key K, value V) V {
	if there, ok := c.entries.GetIfPresent(key); ok || !c.fits(key, value) {
		if ok {
			return there
		}
		return value
	}
	c.turns.Lock()
	defer c.turns.Unlock()
	there, _ := c.entries.SetIfAbsent(key, value)
	return there
}

// fits also keeps weights within what otter counts with.
func (c *Cache[K, V]) fits(key K, value V) bool {
	return c.weigh == nil || c.weigh(key, value) <= c.most
}

// Len returns how many entries there are; those whose life is over count until something is added.
func (c *Cache[K, V]) Len() int { return c.entries.EstimatedSize() }

// clock never ticks: otter would have a goroutine for it.
type clock func() time.Time

func (c clock) NowNano() int64 { return c().UnixNano() }

func (clock) Tick(time.Duration) <-chan time.Time { return nil }
