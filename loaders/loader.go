package loaders

import (
	"context"
	"errors"
	"time"

	"github.com/graph-gophers/dataloader/v7"

	"licensegraph/internal/upstream"
)

// ErrBlocked reports that a value is not loaded yet. The next [Loaders.Round] loads it.
var ErrBlocked = errors.New("not read yet")

// Loader loads values by key, each key once.
type Loader[K comparable, V any] struct {
	all    *Loaders
	reads  upstream.Read[K, V]
	onLoad func(K, V)                                                // gets each loaded value; may be nil
	read   func(b upstream.Batch, keys []K, found func(K, V, error)) // instead of reads; see [newLoaderOf]
	loader *dataloader.Loader[K, V]                                  // nil until the first round that loads a key

	largestPage int // see [Loader.LargestPage]; 0 until it is requested

	// Guarded by all.mu.
	loaded  map[K]dataloader.Result[V]
	wanted  map[K]bool
	pending []K // keys of wanted, in request order
}

// newLoader returns a loader of a read. onLoad, if set, gets each loaded value.
func newLoader[K comparable, V any](all *Loaders, reads upstream.Read[K, V], onLoad func(K, V)) *Loader[K, V] {
	l := &Loader[K, V]{all: all, reads: reads, onLoad: onLoad}
	all.loaders = append(all.loaders, l)
	return l
}

// add adds the reads of keys to a batch.
func (l *Loader[K, V]) add(b upstream.Batch, keys []K, found func(K, V, error)) {
	if l.read != nil {
		l.read(b, keys, found)
		return
	}
	add(l.all, l.reads, b, keys, func(key K, value V, err error) {
		if err == nil && l.onLoad != nil {
			l.onLoad(key, value)
		}
		found(key, value, err)
	})
}

// LargestPage returns the largest page size to request from the loader's list. It does not change, since a page that was
// requested with another size is another key.
func (l *Loader[K, V]) LargestPage() int {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if l.largestPage == 0 {
		l.largestPage = l.reads.Cost.PageSize
		if l.reads.List != "" {
			l.largestPage = l.all.source.LargestPage(l.reads.List)
		}
	}
	return l.largestPage
}

// add adds reads with the required properties to a batch.
func add[K comparable, V any](all *Loaders, read upstream.Read[K, V], b upstream.Batch, keys []K, found func(K, V, error)) {
	addRead(all, read, b, keys, selectionOf(all, read), found)
}

func addRead[K comparable, V any](all *Loaders, read upstream.Read[K, V], b upstream.Batch, keys []K, selection upstream.Selection, found func(K, V, error)) {
	if all.Observe != nil {
		all.Observe(read.Name, read.Cost, len(keys), all.planned)
	}
	read.Add(b, keys, selection, found)
}

// selectionOf returns the required properties and relations of a read.
func selectionOf[K comparable, V any](all *Loaders, read upstream.Read[K, V]) upstream.Selection {
	a := upstream.Selection{Properties: all.properties(read.Type)}
	for _, relation := range read.Relations {
		if all.requires(read.Type, relation) {
			a.Relations = append(a.Relations, relation)
		}
	}
	return a
}

// newLoaderOf returns a loader with a function that adds reads to a batch. Keys without a result get
// [upstream.ErrNotFound].
func newLoaderOf[K comparable, V any](all *Loaders, read func(b upstream.Batch, keys []K, found func(K, V, error))) *Loader[K, V] {
	l := &Loader[K, V]{all: all, read: read}
	all.loaders = append(all.loaders, l)
	return l
}

// newDataloader returns the dataloader, which adds the reads of its keys to the current round.
func (l *Loader[K, V]) newDataloader() *dataloader.Loader[K, V] {
	return dataloader.NewBatchedLoader(
		func(ctx context.Context, keys []K) []*dataloader.Result[V] {
			found := make(map[K]*dataloader.Result[V], len(keys))
			results := make([]dataloader.Result[V], 0, len(keys))
			err := l.all.current.add(func(b upstream.Batch) {
				l.add(b, keys, func(key K, value V, err error) {
					results = append(results, dataloader.Result[V]{Data: value, Error: err})
					found[key] = &results[len(results)-1]
				})
			})
			missing := upstream.ErrNotFound
			if ctx.Err() != nil {
				missing = ctx.Err() // the read was not completed
			}
			return align(keys, found, missing, err)
		},
		dataloader.WithCache(dataloader.Cache[K, V](loadedValues[K, V]{l})),
		dataloader.WithInputCapacity[K, V](128),
		dataloader.WithWait[K, V](24*time.Hour), // a round flushes, not the timer
		dataloader.WithTracer[K, V](tracer[K, V]{load: func(dataloader.Thunk[V]) {}}),
	)
}

// tracer does not trace. Unlike dataloader's own, it allocates no function for each key.
type tracer[K comparable, V any] struct {
	dataloader.NoopTracer[K, V]

	load dataloader.TraceLoadFinishFunc[V]
}

func (t tracer[K, V]) TraceLoad(ctx context.Context, _ K) (context.Context, dataloader.TraceLoadFinishFunc[V]) {
	return ctx, t.load
}

// Get returns the value of a key, the error of its read, or [ErrBlocked].
func (l *Loader[K, V]) Get(key K) (V, error) {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if result, ok := l.loaded[key]; ok {
		return result.Data, result.Error
	}
	if !l.wanted[key] {
		if l.wanted == nil {
			l.wanted = map[K]bool{}
		}
		l.wanted[key] = true
		l.pending = append(l.pending, key)
	}
	var none V
	return none, ErrBlocked
}

// Prime caches a value unless its key is loaded.
func (l *Loader[K, V]) Prime(key K, value V) {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	if _, ok := l.loaded[key]; !ok {
		l.keep(key, dataloader.Result[V]{Data: value})
	}
}

// keep caches a result. It requires all.mu.
func (l *Loader[K, V]) keep(key K, result dataloader.Result[V]) {
	if l.loaded == nil {
		l.loaded = map[K]dataloader.Result[V]{}
	}
	l.loaded[key] = result
}

// ifLoaded returns a value that is loaded.
func (l *Loader[K, V]) ifLoaded(key K) (value V, ok bool) {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	result, ok := l.loaded[key]
	return result.Data, ok && result.Error == nil
}

// load implements loader.
func (l *Loader[K, V]) load(ctx context.Context) (wait func()) {
	keys := l.take()
	if len(keys) == 0 {
		return nil
	}
	if l.loader == nil {
		l.loader = l.newDataloader()
	}
	thunks := make([]dataloader.Thunk[V], len(keys))
	for i, key := range keys {
		thunks[i] = l.loader.Load(ctx, key)
	}
	l.loader.Flush()
	return func() {
		for i, key := range keys {
			value, err := thunks[i]()
			l.all.mu.Lock()
			l.keep(key, dataloader.Result[V]{Data: value, Error: err})
			l.all.mu.Unlock()
		}
	}
}

// take removes and returns the pending keys that are not loaded.
func (l *Loader[K, V]) take() []K {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	var keys []K
	for _, key := range l.pending {
		delete(l.wanted, key)
		if _, loaded := l.loaded[key]; !loaded {
			keys = append(keys, key)
		}
	}
	l.pending = nil
	return keys
}

// loadedValues implements [dataloader.Cache] over the loaded values.
type loadedValues[K comparable, V any] struct{ of *Loader[K, V] }

func (c loadedValues[K, V]) Get(_ context.Context, key K) (dataloader.Thunk[V], bool) {
	c.of.all.mu.Lock()
	defer c.of.all.mu.Unlock()
	result, ok := c.of.loaded[key]
	if !ok {
		return nil, false
	}
	return func() (V, error) { return result.Data, result.Error }, true
}

// Set does nothing: load stores the values.
func (loadedValues[K, V]) Set(context.Context, K, dataloader.Thunk[V]) {}

// Delete does nothing: values are immutable.
func (loadedValues[K, V]) Delete(context.Context, K) bool { return false }

func (loadedValues[K, V]) Clear() {}

// align returns the results in the order of the keys: err for all if it is set, missing for keys without a result.
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
