package loaders

import (
	"context"
	"errors"
	"time"

	"github.com/graph-gophers/dataloader/v7"

	"licensegraph/internal/upstream"
)

// ErrBlocked is the error of a value that was not read yet. The next [Loaders.Round] reads it.
var ErrBlocked = errors.New("not read yet")

// Loader looks up values by key, each key once in the life of the loaders.
type Loader[K comparable, V any] struct {
	all    *Loaders
	loader *dataloader.Loader[K, V]

	// Guarded by the lock of the loaders.
	loaded  map[K]*dataloader.Result[V]
	wanted  map[K]bool
	pending []K // wanted, in the order in which they were asked for
}

// newLoader returns a loader of a read. Came, unless it is nil, is told of each value that came.
func newLoader[K comparable, V any](all *Loaders, read upstream.Read[K, V], came func(K, V)) *Loader[K, V] {
	return newLoaderOf(all, func(b upstream.Batch, keys []K, found func(K, V, error)) {
		add(all, read, b, keys, func(key K, value V, err error) {
			if err == nil && came != nil {
				came(key, value)
			}
			found(key, value, err)
		})
	})
}

// add adds reads of what the operation needs to a batch.
func add[K comparable, V any](all *Loaders, read upstream.Read[K, V], b upstream.Batch, keys []K, found func(K, V, error)) {
	addAsking(all, read, b, keys, ask(all, read), found)
}

func addAsking[K comparable, V any](all *Loaders, read upstream.Read[K, V], b upstream.Batch, keys []K, ask upstream.Ask, found func(K, V, error)) {
	if all.Observe != nil {
		all.Observe(read.Name, read.Cost, len(keys))
	}
	read.Add(b, keys, ask, found)
}

// ask is the properties that the operation requires of what is read.
func ask[K comparable, V any](all *Loaders, read upstream.Read[K, V]) upstream.Ask {
	a := upstream.Ask{Properties: all.properties(read.Type)}
	for _, relation := range read.Relations {
		if all.requires(read.Type, relation) {
			a.Relations = append(a.Relations, relation)
		}
	}
	return a
}

// newLoaderOf returns a loader. Its function adds reads of the keys to a batch; a key for which nothing is found is
// answered with [upstream.ErrNotFound].
func newLoaderOf[K comparable, V any](all *Loaders, read func(b upstream.Batch, keys []K, found func(K, V, error))) *Loader[K, V] {
	l := &Loader[K, V]{all: all, loaded: map[K]*dataloader.Result[V]{}, wanted: map[K]bool{}}
	l.loader = dataloader.NewBatchedLoader(
		func(ctx context.Context, keys []K) []*dataloader.Result[V] {
			found := make(map[K]*dataloader.Result[V], len(keys))
			err := all.current.add(ctx, func(b upstream.Batch) {
				read(b, keys, func(key K, value V, err error) {
					found[key] = &dataloader.Result[V]{Data: value, Error: err}
				})
			})
			missing := upstream.ErrNotFound
			if ctx.Err() != nil {
				missing = ctx.Err() // nobody knows
			}
			return align(keys, found, missing, err)
		},
		dataloader.WithCache(dataloader.Cache[K, V](loadedValues[K, V]{l})),
		dataloader.WithInputCapacity[K, V](128),
		dataloader.WithWait[K, V](24*time.Hour), // a round flushes, never the timer
	)
	all.loaders = append(all.loaders, l)
	return l
}

// Get returns the value of the key, or why it cannot be read, or [ErrBlocked].
func (l *Loader[K, V]) Get(key K) (V, error) {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if result, ok := l.loaded[key]; ok {
		return result.Data, result.Error
	}
	if !l.wanted[key] {
		l.wanted[key] = true
		l.pending = append(l.pending, key)
	}
	var none V
	return none, ErrBlocked
}

// Prime keeps a value that was expanded with something else, unless the key is known.
func (l *Loader[K, V]) Prime(key K, value V) {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if _, ok := l.loaded[key]; !ok {
		l.loaded[key] = &dataloader.Result[V]{Data: value}
	}
}

// ifLoaded returns a value that was loaded already.
func (l *Loader[K, V]) ifLoaded(key K) (value V, ok bool) {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if result := l.loaded[key]; result != nil && result.Error == nil {
		return result.Data, true
	}
	return value, false
}

// load hands the pending keys to the dataloader, and returns what waits for their values; nil when there are none.
func (l *Loader[K, V]) load(ctx context.Context) (wait func()) {
	keys := l.take()
	if len(keys) == 0 {
		return nil
	}
	return func() {
		thunks := make([]dataloader.Thunk[V], len(keys))
		for i, key := range keys {
			thunks[i] = l.loader.Load(ctx, key)
		}
		l.loader.Flush()
		for i, key := range keys {
			value, err := thunks[i]()
			l.all.mu.Lock()
			l.loaded[key] = &dataloader.Result[V]{Data: value, Error: err}
			l.all.mu.Unlock()
		}
	}
}

// take returns the pending keys, without those that became known meanwhile.
func (l *Loader[K, V]) take() []K {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	var keys []K
	for _, key := range l.pending {
		if delete(l.wanted, key); l.loaded[key] == nil {
			keys = append(keys, key)
		}
	}
	l.pending = nil
	return keys
}

// loadedValues are what a loader knows, as the cache of its dataloader.
type loadedValues[K comparable, V any] struct{ of *Loader[K, V] }

// Get implements [dataloader.Cache].
func (c loadedValues[K, V]) Get(_ context.Context, key K) (dataloader.Thunk[V], bool) {
	c.of.all.mu.Lock()
	defer c.of.all.mu.Unlock()
	result, ok := c.of.loaded[key]
	if !ok {
		return nil, false
	}
	return func() (V, error) { return result.Data, result.Error }, true
}

// Set implements [dataloader.Cache]. A round keeps the values themselves.
func (loadedValues[K, V]) Set(context.Context, K, dataloader.Thunk[V]) {}

// Delete implements [dataloader.Cache]: nothing is forgotten.
func (loadedValues[K, V]) Delete(context.Context, K) bool { return false }

// Clear implements [dataloader.Cache].
func (loadedValues[K, V]) Clear() {}

// align puts what was found in the order of the keys. What was not found ends with the error missing, and
// everything with err unless that is nil.
func align[K comparable, V any](keys []K, found map[K]*dataloader.Result[V], missing, err error) []*dataloader.Result[V] {
	results := make([]*dataloader.Result[V], len(keys))
	for i, key := range keys {
		switch result, ok := found[key]; {
		case err != nil:
			results[i] = &dataloader.Result[V]{Error: err}
		case !ok:
			results[i] = &dataloader.Result[V]{Error: missing}
		default:
			results[i] = result
		}
	}
	return results
}
