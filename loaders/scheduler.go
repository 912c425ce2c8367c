package loaders

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"time"

	"github.com/graph-gophers/dataloader/v7"

	"licensegraph/internal/licensing"
)

// scheduler decides when the loaders of one operation send what they have gathered. It waits for no
// timer: it sends when no key has been added for a few turns of the Go scheduler, and never while it is
// held, which it is as long as something is planned.
type scheduler struct {
	ctx      context.Context
	newBatch func() Batch
	loaders  []gatherer
	// running counts what the operation has to wait for: settling, and batches on their way.
	running sync.WaitGroup

	mu       sync.Mutex
	keys     int // ever added
	sent     int // of them, sent
	holds    int
	settling bool
}

// gatherer is a loader as the scheduler sees it.
type gatherer interface {
	// send hands what was gathered to the round; false when that is nothing.
	send(*round) bool
}

// settleTurns is how many turns of the Go scheduler without a new key mean that every resolver which is
// ready to run has run.
const settleTurns = 32

// hold keeps anything from being sent until it was released as often as it was held.
func (s *scheduler) hold(times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds += times
}

func (s *scheduler) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.holds--
	s.wake()
}

// added counts a new key; the caller holds the lock.
func (s *scheduler) added() {
	s.keys++
	s.wake()
}

// end sends what is left when the operation has ended, held or not: it fails at once, and nobody waits for
// it for good.
func (s *scheduler) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wake()
}

// held tells whether nothing may be sent; the caller holds the lock.
func (s *scheduler) held() bool { return s.holds > 0 && s.ctx.Err() == nil }

// wake begins to settle if there is something to send; the caller holds the lock.
func (s *scheduler) wake() {
	if s.settling || s.held() || s.keys == s.sent {
		return
	}
	s.settling = true
	s.running.Go(s.settle)
}

func (s *scheduler) settle() {
	for last, quiet := -1, 0; ; {
		runtime.Gosched()
		s.mu.Lock()
		if s.held() { // release begins anew
			s.settling = false
			s.mu.Unlock()
			return
		}
		if s.keys != last {
			last, quiet = s.keys, 0
		} else if quiet++; quiet == settleTurns {
			break // with the lock
		}
		s.mu.Unlock()
	}
	defer s.mu.Unlock()
	s.settling = false
	s.sent = s.keys
	r := &round{scheduler: s, done: make(chan struct{})}
	for _, l := range s.loaders {
		if l.send(r) {
			r.loaders++
			s.running.Add(1)
		}
	}
}

// round is one batch and the loaders that fill it. The last loader to come sends it for all. The scheduler
// is held until each of them has planned what follows from its part.
type round struct {
	scheduler *scheduler
	done      chan struct{}
	err       error // that the batch as a whole ended with

	mu      sync.Mutex
	batch   Batch // nil until the first loader comes
	loaders int   // that fill the batch
	joined  int
}

// add adds reads to the batch and returns when the batch was read, and the scheduler is held.
func (r *round) add(ctx context.Context, reads func(Batch)) error {
	r.mu.Lock()
	err := guard(func() {
		if r.batch == nil {
			r.batch = r.scheduler.newBatch()
		}
		reads(r.batch)
	})
	r.joined++
	last := r.joined == r.loaders
	r.mu.Unlock()
	if last {
		if r.batch != nil {
			r.err = guard(func() { r.batch.Do(ctx) })
		}
		r.scheduler.hold(r.loaders)
		close(r.done)
	}
	<-r.done
	return errors.Join(err, r.err)
}

// Loader looks up values by key, each key once in the life of the operation.
type Loader[K comparable, V any] struct {
	scheduler *scheduler
	loader    *dataloader.Loader[K, V]
	cache     dataloader.Cache[K, V]

	// Guarded by the scheduler's lock.
	gathered int
	rounds   []*round
	arrived  map[K]*dataloader.Result[V]
	plans    map[K][]func(V, error)
}

// Thunk waits for a value and returns it.
type Thunk[V any] = dataloader.Thunk[V]

// newLoader returns a loader. Its function adds reads of the keys to a batch; a key for which nothing is
// found is answered with [licensing.ErrNotFound].
func newLoader[K comparable, V any](s *scheduler, read func(b Batch, keys []K, found func(K, V, error))) *Loader[K, V] {
	l := &Loader[K, V]{scheduler: s, cache: dataloader.NewCache[K, V](), arrived: map[K]*dataloader.Result[V]{}, plans: map[K][]func(V, error){}}
	l.loader = dataloader.NewBatchedLoader(
		func(ctx context.Context, keys []K) []*dataloader.Result[V] {
			defer s.running.Done()
			found := make(map[K]*dataloader.Result[V], len(keys))
			err := l.nextRound().add(ctx, func(b Batch) {
				read(b, keys, func(key K, value V, err error) {
					found[key] = &dataloader.Result[V]{Data: value, Error: err}
				})
			})
			defer s.release()
			missing := licensing.ErrNotFound
			if ctx.Err() != nil {
				missing = ctx.Err() // nobody knows
			}
			results := align(keys, found, missing, err)
			if err := guard(func() { l.arrive(keys, results) }); err != nil {
				return align(keys, found, missing, err)
			}
			return results
		},
		dataloader.WithCache(l.cache),
		dataloader.WithInputCapacity[K, V](128),
		dataloader.WithWait[K, V](24*time.Hour), // the scheduler flushes, never the timer
	)
	s.loaders = append(s.loaders, l)
	return l
}

// Load returns the value of the key when it is called. A value that was loaded or primed before costs nothing.
func (l *Loader[K, V]) Load(key K) Thunk[V] {
	l.scheduler.mu.Lock()
	defer l.scheduler.mu.Unlock()
	if thunk, ok := l.cache.Get(l.scheduler.ctx, key); ok {
		return thunk
	}
	l.gathered++
	l.scheduler.added()
	return l.loader.Load(l.scheduler.ctx, key)
}

// Prime keeps a value that came along with something else, unless the key was loaded before.
func (l *Loader[K, V]) Prime(key K, value V) {
	l.scheduler.mu.Lock()
	defer l.scheduler.mu.Unlock()
	if _, ok := l.cache.Get(l.scheduler.ctx, key); !ok {
		l.loader.Prime(l.scheduler.ctx, key, value)
		l.arrived[key] = &dataloader.Result[V]{Data: value}
	}
}

// held returns a value that is there already.
func (l *Loader[K, V]) held(key K) (value V, ok bool) {
	l.scheduler.mu.Lock()
	defer l.scheduler.mu.Unlock()
	if result := l.arrived[key]; result != nil && result.Error == nil {
		return result.Data, true
	}
	return value, false
}

// Plan loads a value, and plans with next what follows from it. Next runs as soon as the value is known,
// before anybody who waits for it goes on; never when it cannot be read.
func (l *Loader[K, V]) Plan(key K, next func(V)) Thunk[V] {
	return l.planEither(key, func(value V, err error) {
		if err == nil {
			next(value)
		}
	})
}

// planEither is Plan for what follows from a value or from its failure.
func (l *Loader[K, V]) planEither(key K, next func(V, error)) Thunk[V] {
	thunk := l.Load(key)
	l.scheduler.mu.Lock()
	result, ok := l.arrived[key]
	if !ok {
		l.plans[key] = append(l.plans[key], next)
	}
	l.scheduler.mu.Unlock()
	if ok {
		next(result.Data, result.Error)
	}
	return thunk
}

// arrive plans what follows from the values, while the scheduler is held.
func (l *Loader[K, V]) arrive(keys []K, results []*dataloader.Result[V]) {
	var plans []func()
	l.scheduler.mu.Lock()
	for i, key := range keys {
		result := results[i]
		l.arrived[key] = result
		for _, next := range l.plans[key] {
			plans = append(plans, func() { next(result.Data, result.Error) })
		}
		delete(l.plans, key)
	}
	l.scheduler.mu.Unlock()
	for _, next := range plans {
		next()
	}
}

// Wait returns what the thunks return, in their order.
func Wait[V any](thunks []Thunk[V]) ([]V, []error) {
	values, errs := make([]V, len(thunks)), make([]error, len(thunks))
	for i, thunk := range thunks {
		values[i], errs[i] = thunk()
	}
	return values, errs
}

// Each returns the values of the keys, in their order.
func Each[K comparable, V any](l *Loader[K, V], keys []K) ([]V, []error) {
	return EachOf(l, keys, func(key K) K { return key })
}

// EachOf returns the value of each parent's key, in the order of the parents.
func EachOf[P any, K comparable, V any](l *Loader[K, V], parents []P, key func(P) K) ([]V, []error) {
	thunks := make([]Thunk[V], len(parents))
	l.scheduler.hold(1)
	for i, parent := range parents {
		thunks[i] = l.Load(key(parent))
	}
	l.scheduler.release()
	return Wait(thunks)
}

func (l *Loader[K, V]) send(r *round) bool {
	if l.gathered == 0 {
		return false
	}
	l.gathered = 0
	l.rounds = append(l.rounds, r)
	l.loader.Flush()
	return true
}

func (l *Loader[K, V]) nextRound() *round {
	l.scheduler.mu.Lock()
	defer l.scheduler.mu.Unlock()
	r := l.rounds[0]
	l.rounds = l.rounds[1:]
	return r
}

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
