package refdata

import (
	"context"
	"strconv"
	"sync"
	"time"

	"licensegraph/internal/cache"
)

// Store has the entries of caches, in the process or shared by replicas. If a call fails, the caches read from the
// source. It is safe for concurrent use.
type Store interface {
	// Generation returns the current generation of a scope. Keys include it, so that entries of earlier generations
	// are not used.
	Generation(ctx context.Context, scope string) (string, error)
	// Invalidate starts a new generation of a scope.
	Invalidate(ctx context.Context, scope string) error
	// Get returns the entries of the keys that it has.
	Get(ctx context.Context, keys []string) (map[string]Entry, error)
	// Set stores an entry for the given time. A store can remove it earlier.
	Set(ctx context.Context, key string, entry Entry, life time.Duration) error
}

// Entry is a value with the time at which it was read from the source. The value must not be modified.
type Entry struct {
	Value  []byte
	ReadAt time.Time
}

// Memory is a [Store] in the process, of limited size. Its errors are always nil.
type Memory struct {
	entries *cache.Cache[string, stored]

	mu          sync.Mutex
	generations map[string]uint64 // by scope
}

type stored struct {
	Entry
	life time.Duration
}

// entryOverhead is the approximate memory of an entry besides its key and value, in bytes.
const entryOverhead = 256

// NewMemory returns an empty store of at most the size, in bytes. Larger entries are not stored. Now is the clock; nil
// means [time.Now].
func NewMemory(size int, now func() time.Time) *Memory {
	return &Memory{generations: map[string]uint64{}, entries: cache.New(cache.Options[string, stored]{
		Most:  size,
		Weigh: func(key string, s stored) int { return len(key) + len(s.Value) + entryOverhead },
		Life:  func(_ string, s stored) time.Duration { return s.life },
		Now:   now,
	})}
}

// Generation implements [Store].
func (m *Memory) Generation(_ context.Context, scope string) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return strconv.FormatUint(m.generations[scope], 10), nil
}

// Invalidate implements [Store]. Entries of earlier generations are removed when they expire, or for newer ones.
func (m *Memory) Invalidate(_ context.Context, scope string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.generations[scope]++
	return nil
}

// Get implements [Store].
func (m *Memory) Get(_ context.Context, keys []string) (map[string]Entry, error) {
	entries := map[string]Entry{}
	for _, key := range keys {
		if s, ok := m.entries.Get(key); ok {
			entries[key] = s.Entry
		}
	}
	return entries, nil
}

// Set implements [Store].
func (m *Memory) Set(_ context.Context, key string, entry Entry, life time.Duration) error {
	m.entries.Add(key, stored{entry, life})
	return nil
}
