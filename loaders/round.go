package loaders

import (
	"context"
	"errors"
	"sync"

	"licensegraph/internal/upstream"
)

type loader interface {
	load(context.Context) (wait func())
}

// round is one batch and the loaders that fill it. The last loader sends it.
type round struct {
	source Source
	done   chan struct{}

	mu    sync.Mutex
	batch upstream.Batch // created by the first loader
	left  int            // loaders that have not added their reads
	err   error          // of the batch as a whole
}

// add adds reads to the batch and returns after the batch was sent.
func (r *round) add(ctx context.Context, reads func(upstream.Batch)) error {
	r.mu.Lock()
	err := guard(func() {
		if r.batch == nil {
			r.batch = r.source.Batch()
		}
		reads(r.batch)
	})
	r.left--
	last := r.left == 0
	r.mu.Unlock()
	if last {
		if r.batch != nil {
			r.err = guard(func() { r.batch.Do(ctx) })
		}
		close(r.done)
	}
	<-r.done
	return errors.Join(err, r.err)
}

// Round loads all pending keys as one batch. It reports whether there were any.
func (l *Loaders) Round() bool {
	l.rounds.Lock()
	defer l.rounds.Unlock()
	var waits []func()
	for _, loader := range l.loaders {
		if wait := loader.load(l.ctx); wait != nil {
			waits = append(waits, wait)
		}
	}
	if len(waits) == 0 {
		return false
	}
	l.current = &round{source: l.source, done: make(chan struct{}), left: len(waits)}
	var wg sync.WaitGroup
	for _, wait := range waits {
		wg.Go(wait)
	}
	wg.Wait()
	l.made.Add(1)
	return true
}

// Read calls read after each round until it is not blocked or no key is pending.
func Read[V any](l *Loaders, read func() (V, error)) (V, error) {
	for {
		before := l.made.Load()
		value, err := read()
		if !errors.Is(err, ErrBlocked) {
			return value, err
		}
		if !l.Round() && l.made.Load() == before { // no concurrent round either
			return value, err
		}
	}
}

// Collect calls a function for each element, so that all their keys are requested, then returns [ErrBlocked] if any
// was blocked.
func Collect[E, V any](elements []E, of func(E) (V, error)) ([]V, []error, error) {
	values, errs := make([]V, len(elements)), make([]error, len(elements))
	blocked := error(nil)
	for i, element := range elements {
		if values[i], errs[i] = of(element); errors.Is(errs[i], ErrBlocked) {
			blocked = ErrBlocked
		}
	}
	return values, errs, blocked
}
