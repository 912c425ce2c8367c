package emulator

import (
	"io"

	"licensegraph/internal/emulator/tenant"
)

// Save writes the current tenant as JSON, for [Options].State and
// [Emulator.Load]. It does not include the clock, the audit log, tokens,
// faults and variants.
func (e *Emulator) Save(w io.Writer) error {
	var err error
	e.store.Read(func(t *tenant.Tenant) { err = t.Save(w) })
	return err
}

// Load replaces the tenant with a state of the same directory, or one without
// a tenant ID and a seed. Existing delta tokens become invalid.
func (e *Emulator) Load(r io.ReadSeeker) error {
	var running *tenant.Tenant
	e.store.Read(func(t *tenant.Tenant) { running = t })
	t, err := tenant.Load(r, running)
	if err != nil {
		return err
	}
	e.replace(t)
	return nil
}

// UserCount returns the number of users.
func (e *Emulator) UserCount() int {
	var n int
	e.store.Read(func(t *tenant.Tenant) { n = t.UserCount() })
	return n
}
