package loaders

import (
	"errors"
	"sync"

	"licensegraph/internal/licensing"
)

// Found is a value, or nothing where there is none any more.
type Found[V any] struct {
	Value V
	OK    bool
}

// gathering are several look-ups that are planned together.
type gathering[V any] struct {
	next func([]Found[V])

	mu     sync.Mutex
	values []Found[V]
	left   int
	err    error
}

// gather begins n look-ups, each of which has to be told to found. It plans with next what follows from all of
// them, as soon as the last is known, unless one has failed: what is missing has not. It returns what
// waits for them.
func gather[V any](n int, look func(i int, found func(V, error)) (wait func()), next func([]Found[V])) (wait func() error) {
	g := &gathering[V]{next: next, values: make([]Found[V], n), left: n}
	if n == 0 {
		next(g.values)
		return func() error { return nil }
	}
	waits := make([]func(), n)
	for i := range n {
		waits[i] = look(i, func(value V, err error) { g.found(i, value, err) })
	}
	return func() error {
		for _, wait := range waits {
			wait()
		}
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.err
	}
}

func (g *gathering[V]) found(i int, value V, err error) {
	g.mu.Lock()
	switch {
	case err == nil:
		g.values[i] = Found[V]{Value: value, OK: true}
	case !errors.Is(err, licensing.ErrNotFound):
		g.err = err
	}
	g.left--
	whole := g.left == 0 && g.err == nil
	g.mu.Unlock()
	if whole {
		g.next(g.values)
	}
}
