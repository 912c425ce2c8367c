package loaders

import (
	"context"
	"errors"

	"licensegraph/internal/upstream"
)

// loader is a [Loader] of any type.
type loader interface {
	// load hands the pending keys to the dataloader, which adds their reads to the current round. It returns a function
	// that waits for the values; nil when no key is pending.
	load(context.Context) (wait func())
}

// round is one batch, to which each loader with pending keys adds its reads.
type round struct {
	additions chan *addition
	read      chan struct{} // closed when the batch was read
	err       error         // of the batch as a whole
}

// addition is what one loader adds.
type addition struct {
	reads func(upstream.Batch)
	err   error
}

// add adds reads to the batch and returns when it was read.
func (r *round) add(reads func(upstream.Batch)) error {
	a := &addition{reads: reads}
	r.additions <- a
	<-r.read
	return errors.Join(a.err, r.err)
}

// do reads the batch when all loaders have added to it.
func (r *round) do(ctx context.Context, source Source, loaders int) {
	defer close(r.read)
	var batch upstream.Batch
	r.err = upstream.Guard(func() { batch = source.Batch() })
	for range loaders {
		if a := <-r.additions; r.err == nil {
			a.err = upstream.Guard(func() { a.reads(batch) })
		}
	}
	if r.err == nil {
		r.err = upstream.Guard(func() { batch.Do(ctx) })
	}
}

// Round reads all pending keys of all loaders as one batch, as planned. It returns false when none is pending.
func (l *Loaders) Round() bool { return l.round(true) }

func (l *Loaders) round(planned bool) bool {
	l.rounds.Lock()
	defer l.rounds.Unlock()
	l.planned = planned
	l.current = &round{additions: make(chan *addition), read: make(chan struct{})}
	var waits []func()
	for _, loader := range l.loaders {
		if wait := loader.load(l.ctx); wait != nil {
			waits = append(waits, wait)
		}
	}
	if len(waits) == 0 {
		return false
	}
	l.current.do(l.ctx, l.source, len(waits))
	for _, wait := range waits {
		wait()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.made++
	return true
}

// roundsMade returns how many rounds have read something.
func (l *Loaders) roundsMade() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.made
}

// Read calls read after each round until it is not blocked or no key is pending. These rounds are not planned.
func Read[V any](l *Loaders, read func() (V, error)) (V, error) {
	for {
		before := l.roundsMade()
		value, err := read()
		if !errors.Is(err, ErrBlocked) {
			return value, err
		}
		if !l.round(false) && l.roundsMade() == before { // no concurrent round either
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
