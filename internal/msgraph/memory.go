package msgraph

import (
	"slices"
	"sync"
	"time"

	"licensegraph/internal/cache"
	"licensegraph/internal/identity"
)

const (
	// remembered is the lifetime of a capability. It is limited because a tenant's capabilities change.
	remembered = 10 * time.Minute
	// enough is the number of observations within that lifetime that establish a capability.
	enough = 3
)

// memory are the capabilities of the tenant's endpoints, inferred from the responses to one identity. Other identities
// may have different permissions.
type memory struct {
	now func() time.Time

	mu       sync.Mutex
	until    map[string]time.Time
	suspects map[string][]time.Time // times of the observations
}

func newMemory(now func() time.Time) *memory {
	return &memory{now: now, until: map[string]time.Time{}, suspects: map[string][]time.Time{}}
}

func (m *memory) learn(fact string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.until[fact] = m.now().Add(remembered)
}

// suspect records an observation, which may have another cause, and establishes the capability after several.
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

// acquit deletes the observations of a capability.
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

// maxPeople is the maximum number of users with capabilities.
const maxPeople = 1_000

// people are the capabilities for the most recently active users.
type people struct {
	now func() time.Time
	of  *cache.Cache[identity.Key, *memory]
}

func newPeople(now func() time.Time) people {
	return people{now: now, of: cache.New(cache.Options[identity.Key, *memory]{Most: maxPeople})}
}

// memory returns the capabilities for a user, possibly new.
func (p people) memory(person identity.Key) *memory {
	if m, known := p.of.Get(person); known {
		return m
	}
	return p.of.GetOrAdd(person, newMemory(p.now))
}

// Names of capabilities: an endpoint rejects an expansion, has responded, or is not provided.

func refuses(endpoint, expand string) string { return "refuses " + endpoint + " " + expand }
func present(endpoint string) string         { return "present " + endpoint }
func missing(endpoint string) string         { return "missing " + endpoint }
