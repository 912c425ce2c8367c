// Package cache provides an in-process cache of limited weight, which evicts entries by frequency and recency
// (W-TinyLFU, package otter). It starts no goroutines: reads and writes do the maintenance.
package cache

import (
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// Options configure a [Cache].
type Options[K comparable, V any] struct {
	// Most is the maximum total weight of the entries.
	Most int
	// Weigh returns the weight of an entry, which must be positive; nil means 1, so that Most is a number of entries.
	// An entry heavier than Most is not stored.
	Weigh func(K, V) int
	// Life returns the lifetime of an entry from its addition; nil means unlimited.
	Life func(K, V) time.Duration
	// Now is the clock for Life; nil means [time.Now].
	Now func() time.Time
}

// Cache is safe for concurrent use.
type Cache[K comparable, V any] struct {
	most  int
	weigh func(K, V) int

	turns   sync.Mutex // serializes additions, see evict
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

// Add stores a value and replaces the previous value of the key.
func (c *Cache[K, V]) Add(key K, value V) {
	if !c.fits(key, value) {
		return
	}
	c.turns.Lock()
	defer c.turns.Unlock()
	c.entries.Set(key, value)
	c.evict()
}

// evict returns when the entries are within the maximum. Without it, and with concurrent additions, otter exceeds its
// maximum for a moment: an addition during the maintenance of another call, also of a read, leaves its own to that call.
func (c *Cache[K, V]) evict() { c.entries.CleanUp() }

// GetOrAdd returns the value of a key. If there is none, it stores and returns the given value.
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
	c.evict()
	return there
}

// fits reports whether an entry can be stored. It also limits weights to otter's range.
func (c *Cache[K, V]) fits(key K, value V) bool {
	return c.weigh == nil || c.weigh(key, value) <= c.most
}

// Len returns the number of entries, including expired ones that are not yet removed.
func (c *Cache[K, V]) Len() int { return c.entries.EstimatedSize() }

// clock implements otter's clock without a ticker, which would require a goroutine.
type clock func() time.Time

func (c clock) NowNano() int64 { return c().UnixNano() }

func (clock) Tick(time.Duration) <-chan time.Time { return nil }
