package msgraph

import (
	"context"
	"slices"
	"sync"
)

// locks make those who hold the same key wait for each other. A key that nobody wants takes no room.
type locks struct {
	mu   sync.Mutex
	keys map[string]*lock
}

type lock struct {
	held   chan struct{}
	wanted int // by those who hold it or wait for it
}

// hold waits until nobody else holds any of the keys, and returns what gives them back. Whoever wants several takes
// them in the same order, so that no two wait for each other.
func (l *locks) hold(ctx context.Context, keys []string) (release func(), err error) {
	keys = slices.Compact(slices.Sorted(slices.Values(keys)))
	for i, key := range keys {
		if err := l.lock(ctx, key); err != nil {
			l.unlock(keys[:i])
			return nil, err
		}
	}
	return func() { l.unlock(keys) }, nil
}

func (l *locks) lock(ctx context.Context, key string) error {
	l.mu.Lock()
	k := l.keys[key]
	if k == nil {
		if l.keys == nil {
			l.keys = map[string]*lock{}
		}
		k = &lock{held: make(chan struct{}, 1)}
		l.keys[key] = k
	}
	k.wanted++
	l.mu.Unlock()
	select {
	case k.held <- struct{}{}:
		return nil
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		l.forget(key)
		return ctx.Err()
	}
}

func (l *locks) unlock(keys []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		<-l.keys[key].held
		l.forget(key)
	}
}

// forget drops a key that nobody wants any more.
func (l *locks) forget(key string) {
	if l.keys[key].wanted--; l.keys[key].wanted == 0 {
		delete(l.keys, key)
	}
}
