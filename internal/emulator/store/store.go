// Package store guards the tenant of an emulator with a lock, and keeps the
// older copy that readers see during a replication lag.
package store

import (
	"sync"
	"time"

	"licensegraph/internal/emulator/tenant"
)

// Store is a tenant with one writer at a time and concurrent readers.
type Store struct {
	now     func() time.Time
	mu      sync.RWMutex
	current *tenant.Tenant
	epoch   int64          // of current
	replica *tenant.Tenant // the tenant for readers until a time, see Variants.ReplicationLag; nil = none
	until   time.Time
}

// View is the tenant as visible to one call with the lock.
type View struct {
	Seen    *tenant.Tenant // for reads
	Current *tenant.Tenant // after the last change
	Epoch   int64          // unique ID of this tenant, across processes
}

// New returns a store. The function now is the clock of the tenant.
func New(t *tenant.Tenant, now func() time.Time) *Store {
	t.Live(now())
	return &Store{now: now, current: t, epoch: now().UnixNano()}
}

// Replace replaces the tenant.
func (s *Store) Replace(t *tenant.Tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Live(s.now())
	s.current, s.replica = t, nil
	s.epoch++
}

// Read calls f with the tenant after the last change. The tenant does not
// change during the call.
func (s *Store) Read(f func(*tenant.Tenant)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f(s.current)
}

// Change calls f with the current tenant, which f can change, and returns its
// error.
func (s *Store) Change(f func(t *tenant.Tenant, now time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.current.Advance(now)
	return f(s.current, now)
}

// Enter locks the tenant for a call and applies the effects that are due.
// Readers see the call's changes after the lag.
func (s *Store) Enter(date time.Time, writes bool, lag time.Duration) (v View, leave func()) {
	if !writes {
		s.mu.RLock()
		if seen := s.readable(date); !seen.Due(date) {
			return View{seen, s.current, s.epoch}, s.mu.RUnlock
		}
		s.mu.RUnlock()
	}
	s.mu.Lock()
	entered := false
	defer func() {
		if !entered { // after a panic
			s.mu.Unlock()
		}
	}()
	s.current.Advance(date)
	seen := s.readable(date)
	if writes {
		s.replicate(date, lag)
		seen = s.current
	}
	seen.Advance(date)
	entered = true
	return View{seen, s.current, s.epoch}, s.mu.Unlock
}

// readable returns the tenant for readers.
func (s *Store) readable(date time.Time) *tenant.Tenant {
	if s.replica != nil && date.Before(s.until) {
		return s.replica
	}
	return s.current
}

// replicate copies the tenant for readers before a change, for the time of the
// lag.
func (s *Store) replicate(date time.Time, lag time.Duration) {
	if lag <= 0 || s.replica != nil && date.Before(s.until) {
		return
	}
	copied, err := s.current.Copy()
	if err != nil {
		panic(err) // A saved tenant can always be loaded: tests with random histories verify it.
	}
	s.replica, s.until = copied, date.Add(lag)
}
