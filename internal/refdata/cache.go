// Package refdata caches reference data across operations. A value is served until it has twice its life; from its
// life on, it is also read again in the background. Concurrent operations share the read of a missing value. Errors are
// not cached.
package refdata

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// maxReads is the maximum number of concurrent reads of one cache. Further values are not refreshed, and missing
	// ones are left to the operations.
	maxReads = 16
	// readTimeout is the timeout of a read.
	readTimeout = 30 * time.Second
)

// ErrIncomplete is the error of a value that was not read, because the read ended early or the value cannot be cached.
var ErrIncomplete = errors.New("not read for the cache")

// Options configure a [Cache].
type Options struct {
	Store Store
	// Scope names the identity and the tenant that the values are read with. Caches with the same scope share values.
	Scope string
	// Life is the age from which a value is refreshed. Twice that age is the maximum.
	Life time.Duration
	// Now is the clock for ages; nil means [time.Now].
	Now func() time.Time
	// Logger gets errors of the store.
	Logger *slog.Logger
}

// Fetch reads the values of the keys from the source and calls found, sequentially, with each value or error. It makes
// no call for a value that does not exist. Background reports that no operation waits for the values.
type Fetch func(ctx context.Context, keys []string, background bool, found func(key string, value []byte, err error))

// Cache caches the values that are read with one identity in one tenant. It is safe for concurrent use.
type Cache struct {
	Options
	ctx    context.Context // of the reads
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu      sync.Mutex
	closed  bool
	running int              // number of reads
	reads   map[string]*read // in progress, by generation and key
}

// read is the read of one value.
type read struct {
	done  chan struct{} // closed when value, exists and err are set
	value []byte
	found bool
	err   error
}

// New returns a cache.
func New(options Options) *Cache {
	if options.Now == nil {
		options.Now = time.Now
	}
	c := &Cache{Options: options, reads: map[string]*read{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Close cancels the reads in progress and waits for them. Later operations read from the source.
func (c *Cache) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.work.Wait()
}

// Invalidate makes all values of the scope invalid, including those of reads in progress.
func (c *Cache) Invalidate(ctx context.Context) {
	if err := c.Store.Invalidate(ctx, c.Scope); err != nil {
		c.Logger.ErrorContext(ctx, "cannot invalidate the cache of reference data", "cause", err.Error())
	}
}

// Lookup is the result of [Cache.Get].
type Lookup struct {
	// Hits are the cached values.
	Hits []Hit
	// Direct are the keys that the operation has to read itself.
	Direct []string

	waits []wait
}

// Hit is a cached value. It must not be modified.
type Hit struct {
	Key   string
	Value []byte
	Age   time.Duration
}

type wait struct {
	key   string
	read  *read
	owned bool
}

// Get returns the cached values of the keys, and starts to read the missing ones and those beyond their life.
func (c *Cache) Get(ctx context.Context, keys []string, fetch Fetch) *Lookup {
	l := &Lookup{}
	generation, err := c.Store.Generation(ctx, c.Scope)
	var entries map[string]Entry
	if err == nil {
		generation = c.Scope + "/" + generation
		entries, err = c.Store.Get(ctx, within(generation, keys))
	}
	if err != nil {
		c.Logger.WarnContext(ctx, "cannot read the cache of reference data", "cause", err.Error())
		l.Direct = keys
		return l
	}
	now := c.Now()
	var stale, missing []string
	for _, key := range keys {
		entry, ok := entries[generation+key]
		age := max(0, now.Sub(entry.ReadAt))
		if !ok || age >= 2*c.Life {
			missing = append(missing, key)
			continue
		}
		if age >= c.Life {
			stale = append(stale, key)
		}
		l.Hits = append(l.Hits, Hit{Key: key, Value: entry.Value, Age: age})
	}
	c.start(generation, stale, true, fetch)
	l.waits, l.Direct = c.start(generation, missing, false, fetch)
	return l
}

// Wait calls found for each value that was missing, when it was read. Owned reports whether the read was started for
// this operation. A value that does not exist is nil without an error; [ErrIncomplete] means that the operation has to
// read it itself. Wait returns early if the context ends.
func (l *Lookup) Wait(ctx context.Context, found func(key string, value []byte, owned bool, err error)) {
	for _, w := range l.waits {
		select {
		case <-w.read.done:
			found(w.key, w.read.value, w.owned, w.read.err)
		case <-ctx.Done():
			return
		}
	}
}

// within returns the store's keys of a generation.
func within(generation string, keys []string) []string {
	whole := make([]string, len(keys))
	for i, key := range keys {
		whole[i] = generation + key
	}
	return whole
}

// start starts the reads of the keys that are not being read. It returns the reads to wait for, and the keys that it
// could not start to read.
func (c *Cache) start(generation string, keys []string, background bool, fetch Fetch) (waits []wait, direct []string) {
	if len(keys) == 0 {
		return nil, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	own := map[string]*read{}
	var ownKeys []string
	for _, key := range keys {
		r := c.reads[generation+key]
		switch {
		case r != nil:
			waits = append(waits, wait{key: key, read: r})
		case c.closed || c.running == maxReads:
			direct = append(direct, key)
		default:
			own[key] = &read{done: make(chan struct{})}
			ownKeys = append(ownKeys, key)
			waits = append(waits, wait{key: key, read: own[key], owned: true})
		}
	}
	if len(ownKeys) == 0 {
		return waits, direct
	}
	for key, r := range own {
		c.reads[generation+key] = r
	}
	c.running++
	c.work.Go(func() { c.read(generation, ownKeys, own, background, fetch) })
	return waits, direct
}

// read reads values and stores them.
func (c *Cache) read(generation string, keys []string, reads map[string]*read, background bool, fetch Fetch) {
	ctx, cancel := context.WithTimeout(c.ctx, readTimeout)
	defer cancel()
	err := guard(func() { c.fetch(ctx, generation, keys, reads, background, fetch) })
	if err != nil {
		c.Logger.ErrorContext(ctx, "cannot read reference data for the cache", "cause", err.Error())
	} else {
		err = ctx.Err()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running--
	for key, r := range reads {
		if !r.found && err != nil {
			r.err = fmt.Errorf("%w: %w", ErrIncomplete, err)
		}
		delete(c.reads, generation+key)
		close(r.done)
	}
}

// fetch reads the values that are not stored yet: another read, or another replica, may just have stored them.
func (c *Cache) fetch(ctx context.Context, generation string, keys []string, reads map[string]*read, background bool, fetch Fetch) {
	now := c.Now()
	entries, err := c.Store.Get(ctx, within(generation, keys))
	if err != nil {
		c.Logger.WarnContext(ctx, "cannot read the cache of reference data", "cause", err.Error())
	}
	var missing []string
	for _, key := range keys {
		if entry, ok := entries[generation+key]; ok && now.Sub(entry.ReadAt) < c.Life {
			reads[key].value, reads[key].found = entry.Value, true
		} else {
			missing = append(missing, key)
		}
	}
	if len(missing) == 0 {
		return
	}
	fetch(ctx, missing, background, func(key string, value []byte, err error) {
		r := reads[key]
		if r == nil || err != nil && ctx.Err() != nil {
			return // not requested, or the read ended early
		}
		if r.value, r.err, r.found = value, err, true; err != nil {
			return
		}
		if err := c.Store.Set(ctx, generation+key, Entry{Value: value, ReadAt: now}, 2*c.Life); err != nil {
			c.Logger.WarnContext(ctx, "cannot write the cache of reference data", "cause", err.Error())
		}
	})
}

// guard calls f and returns its panic as an error without the value, which may be personal data.
func guard(f func()) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %T", p)
		}
	}()
	f()
	return nil
}
