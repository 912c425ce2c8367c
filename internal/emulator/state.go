package emulator

import (
	"io"

	"licensegraph/internal/emulator/tenant"
)

// Save writes the tenant as it is now as JSON, for [Options].State and
// [Emulator.Load]. What only the service knows, such as the clock, tokens, faults
// and variants, is not in it.
func (e *Emulator) Save(w io.Writer) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.tenant.Save(w)
}

// Load puts another tenant in place: a state of the same directory, or one that
// names neither its id nor its seed. Delta tokens of the one before end.
func (e *Emulator) Load(r io.ReadSeeker) error {
	e.mu.RLock()
	running := e.tenant
	e.mu.RUnlock()
	t, err := tenant.Load(r, running)
	if err != nil {
		return err
	}
	e.replace(t)
	return nil
}

// UserCount is how many people there are.
func (e *Emulator) UserCount() int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.tenant.UserCount()
}
