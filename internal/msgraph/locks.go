package msgraph

import (
	"context"
	"slices"
	"sync"
)

// locks are mutexes by key. An unused key occupies no memory.
type locks struct {
	mu   sync.Mutex
	keys map[string]*lock
}

type lock struct {
	locked chan struct{}
	uses   int // number of owners and waiters
}

// acquire locks the keys and returns the function that unlocks them. It locks in sorted order, which prevents deadlocks.
func (l *locks) acquire(ctx context.Context, keys []string) (release func(), err error) {
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
		k = &lock{locked: make(chan struct{}, 1)}
		l.keys[key] = k
	}
	k.uses++
	l.mu.Unlock()
	select {
	case k.locked <- struct{}{}:
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
		<-l.keys[key].locked
		l.forget(key)
	}
}

// forget decrements the use count of a key and removes an unused one.
func (l *locks) forget(key string) {
	if l.keys[key].uses--; l.keys[key].uses == 0 {
		delete(l.keys, key)
	}
}
