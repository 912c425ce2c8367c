// Package store has the tenant of an emulator behind its lock, and the older copy that readers see during a replication lag.
package store

import (
	"sync"
	"time"

	"licensegraph/internal/emulator/tenant"
)

// Store is a tenant that one call at a time changes, while others read it.
type Store struct {
	now     func() time.Time
	mu      sync.RWMutex
	current *tenant.Tenant
	epoch   int64          // of current
	replica *tenant.Tenant // what readers see until a time, by Variants.ReplicationLag; nil = there is none
	until   time.Time
}

// View is the tenant as one call sees it while it has the lock.
type View struct {
	Seen    *tenant.Tenant // as the call reads it
	Current *tenant.Tenant // after the last change
	Epoch   int64          // which tenant this is, of all that this and other processes had
}

// New makes a store. The function now is the clock of the tenant.
func New(t *tenant.Tenant, now func() time.Time) *Store {
	t.Live(now())
	return &Store{now: now, current: t, epoch: now().UnixNano()}
}

// Replace puts another tenant in place.
func (s *Store) Replace(t *tenant.Tenant) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.Live(s.now())
	s.current, s.replica = t, nil
	s.epoch++
}

// Read calls f with the tenant after the last change. The tenant does not change meanwhile.
func (s *Store) Read(f func(*tenant.Tenant)) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	f(s.current)
}

// Change calls f with the tenant as it is now, to change it, and returns the error of f.
func (s *Store) Change(f func(t *tenant.Tenant, now time.Time) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	s.current.Advance(now)
	return f(s.current, now)
}

// Enter takes the lock that a call needs, and has take effect what is due at its time. What a call changes is seen by
// readers after the lag.
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
		if !entered { // by a panic
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

// readable is the tenant that readers see.
func (s *Store) readable(date time.Time) *tenant.Tenant {
	if s.replica != nil && date.Before(s.until) {
		return s.replica
	}
	return s.current
}

// replicate copies, before a change, what readers see for the time of the lag.
func (s *Store) replicate(date time.Time, lag time.Duration) {
	if lag <= 0 || s.replica != nil && date.Before(s.until) {
		return
	}
	copied, err := s.current.Copy()
	if err != nil {
		panic(err) // What is saved can be loaded: tests prove it with random histories.
	}
	s.replica, s.until = copied, date.Add(lag)
}
