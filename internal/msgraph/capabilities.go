package msgraph

import (
	"slices"
	"sync"
	"time"

	"licensegraph/internal/cache"
	"licensegraph/internal/identity"
)

const (
	// capabilityLifetime is the lifetime of a capability. It is limited because a tenant's capabilities change.
	capabilityLifetime = 10 * time.Minute
	// minObservations is the number of observations within that lifetime that establish a capability.
	minObservations = 3
)

// capabilities are the capabilities of the tenant's endpoints, inferred from the responses to one identity. Other identities
// may have different permissions.
type capabilities struct {
	now func() time.Time

	mu           sync.Mutex
	until        map[string]time.Time
	numbers      map[string]number
	observations map[string][]time.Time // times of the observations

	observedNumbers map[string]number // the last observations
}

func newCapabilities(now func() time.Time) *capabilities {
	return &capabilities{now: now, until: map[string]time.Time{}, numbers: map[string]number{}, observations: map[string][]time.Time{}, observedNumbers: map[string]number{}}
}

func (c *capabilities) record(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.until[name] = c.now().Add(capabilityLifetime)
}

// observe records an observation, which may have another cause, and establishes the capability after several.
func (c *capabilities) observe(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	seen := slices.DeleteFunc(append(c.observations[name], now), func(at time.Time) bool { return now.Sub(at) >= capabilityLifetime })
	if c.observations[name] = seen; len(seen) >= minObservations {
		c.until[name] = now.Add(capabilityLifetime)
		delete(c.observations, name)
	}
}

// clearObservations deletes the observations of a capability.
func (c *capabilities) clearObservations(name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.observations, name)
}

func (c *capabilities) has(name string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now().Before(c.until[name])
}

// number is a capability that is a number, or an observation of it.
type number struct {
	n     int
	until time.Time
	times int // it was observed
}

func (c *capabilities) recordNumber(name string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.numbers[name] = number{n: n, until: c.now().Add(capabilityLifetime)}
}

// observeNumber records an observation, which may have another cause. Several of the same number establish it.
func (c *capabilities) observeNumber(name string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	seen := c.observedNumbers[name]
	if seen.n != n || !now.Before(seen.until) {
		seen = number{n: n}
	}
	seen.until, seen.times = now.Add(capabilityLifetime), seen.times+1
	if c.observedNumbers[name] = seen; seen.times >= minObservations {
		c.numbers[name] = seen
	}
}

// number returns a capability; false if it is unknown.
func (c *capabilities) number(name string) (n int, known bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := c.numbers[name]
	return found.n, c.now().Before(found.until)
}

// maxUsers is the maximum number of users with capabilities.
const maxUsers = 1_000

// userCapabilities are the capabilities for the most recently active users.
type userCapabilities struct {
	now    func() time.Time
	byUser *cache.Cache[identity.Key, *capabilities]
}

func newUserCapabilities(now func() time.Time) userCapabilities {
	return userCapabilities{now: now, byUser: cache.New(cache.Options[identity.Key, *capabilities]{Most: maxUsers})}
}

// of returns the capabilities for a user, possibly new.
func (u userCapabilities) of(user identity.Key) *capabilities {
	if c, known := u.byUser.Get(user); known {
		return c
	}
	return u.byUser.GetOrAdd(user, newCapabilities(u.now))
}

// Names of capabilities: an endpoint rejects an expansion, has responded, or is not provided; a property is refused, or
// requires a license.

func rejects(endpoint, expand string) string { return "rejects " + endpoint + " " + expand }
func responds(endpoint string) string        { return "responds " + endpoint }
func refuses(property string) string         { return "refuses " + property }
func unlicensed(property string) string      { return "unlicensed " + property }
func notProvided(endpoint string) string     { return "not provided " + endpoint }

// Names of capabilities that are numbers: the largest page of a list, and the number of users in the tenant.

func largestPage(list string) string { return "largest page " + list }

const usersInTenant = "users in the tenant"
