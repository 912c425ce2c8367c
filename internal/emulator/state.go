package emulator

import (
	"io"

	"licensegraph/internal/emulator/tenant"
)

// Save writes the tenant as it is now as JSON, for [Options].State and
// [Emulator.Load]. What only the service knows, such as the clock, tokens, faults
// and variants, is not in it.
func (e *Emulator) Save(w io.Writer) error {
	var err error
	e.store.Read(func(t *tenant.Tenant) { err = t.Save(w) })
	return err
}

// Load puts another tenant in place: a state of the same directory, or one that
// names neither its id nor its seed. Delta tokens of the one before end.
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

// UserCount is how many people there are.
func (e *Emulator) UserCount() int {
	var n int
	e.store.Read(func(t *tenant.Tenant) { n = t.UserCount() })
	return n
}
