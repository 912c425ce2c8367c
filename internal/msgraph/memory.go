package msgraph

import (
	"slices"
	"sync"
	"time"

	"licensegraph/internal/cache"
	"licensegraph/internal/identity"
)

const (
	// remembered is how long the client goes by what it has learnt about a tenant, which can change.
	remembered = 10 * time.Minute
	// enough is how often in that time something has to look so before it is taken for a fact.
	enough = 3
)

// memory holds what the client has learnt about a tenant from the answers to one identity. What is refused, or is said
// not to be there, may be so for that identity alone.
type memory struct {
	now func() time.Time

	mu       sync.Mutex
	until    map[string]time.Time
	suspects map[string][]time.Time // when each was seen
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, until: map[string]time.Time{}, suspects: map[string][]time.Time{}}
}

func (m *memory) learn(fact string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.until[fact] = m.now().Add(remembered)
}

// suspect notes that something looks like a fact, which a stray answer can make it do.
func (m *memory) suspect(fact string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	now := m.now()
	seen := slices.DeleteFunc(append(m.suspects[fact], now), func(at time.Time) bool { return now.Sub(at) >= remembered })
	if m.suspects[fact] = seen; len(seen) >= enough {
		m.until[fact] = now.Add(remembered)
		delete(m.suspects, fact)
	}
}

// acquit forgets suspicions of what has turned out to be none.
func (m *memory) acquit(fact string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.suspects, fact)
}

func (m *memory) knows(fact string) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.now().Before(m.until[fact])
}

// maxPeople bounds the people of whom the client has a memory.
const maxPeople = 1_000

// people are the memories of the answers to people, of those who ask most.
type people struct {
	now func() time.Time
	of  *cache.Cache[identity.Key, *memory]
}

func newPeople(now func() time.Time) people {
	return people{now: now, of: cache.New(cache.Options[identity.Key, *memory]{Most: maxPeople})}
}

// memory returns that of a person, which may be a new one.
func (p people) memory(person identity.Key) *memory {
	if m, known := p.of.Get(person); known {
		return m
	}
	return p.of.GetOrAdd(person, newMemory(p.now))
}

// The facts: an endpoint refuses an expansion; it has answered; it is not there.

func refuses(endpoint, expand string) string { return "refuses " + endpoint + " " + expand }
func present(endpoint string) string         { return "present " + endpoint }
func missing(endpoint string) string         { return "missing " + endpoint }
