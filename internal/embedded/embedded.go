// Package embedded runs the embedded tenant as configured: it opens and saves the tenant for the gateway, and serves it
// in the command embedded. Package emulator implements the tenant.
package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"licensegraph/internal/config"
	"licensegraph/internal/emulator"
)

// Scopes are the gateway's scopes and, with the suffix .All, its app roles. The schema defines the scopes of each
// field.
var Scopes = []string{"Licenses.Read", "Licenses.ReadPersonal", "Licenses.ReadErrors", "Licenses.Write"}

// AssignRoles assigns app roles of the gateway to some of the embedded tenant's users and to its application.
func AssignRoles(tenant *emulator.Emulator) {
	for principal, n := range map[string]int{
		tenant.PersonInRole("Global Administrator"):  len(Scopes),
		tenant.PersonInRole("License Administrator"): len(Scopes),
		tenant.PersonInRole("Global Reader"):         len(Scopes) - 1, // all except Licenses.Write
		tenant.ClientID():                            len(Scopes),
	} {
		var roles []string
		for _, scope := range Scopes[:n] {
			roles = append(roles, scope+".All")
		}
		tenant.AssignAppRoles(principal, roles...)
	}
}

// Open opens the embedded tenant. flag returns the name of a setting for errors, which are [config.SetupError] values.
func Open(c *config.Embedded, flag func(name string) string, signIn emulator.SignIn) (*emulator.Emulator, error) {
	opts := emulator.Options{Users: c.Users, Seed: c.Seed, Control: c.Control, SignIn: signIn}
	var problems []error
	note := func(name string, err error) {
		if err != nil {
			problems = append(problems, fmt.Errorf("%s: %w", flag(name), err))
		}
	}
	switch c.Control {
	case "local":
		opts.Control = ""
	case "open", "off":
	default:
		note("control", fmt.Errorf("invalid value %q: want one of local, open, off", c.Control))
	}
	for _, text := range c.Variants {
		note("variant", opts.Variants.Set(text))
	}
	var faults []emulator.Fault
	for _, text := range c.Faults {
		f, err := emulator.ParseFault(text)
		note("fault", err)
		faults = append(faults, f)
	}
	if c.State != "" {
		var err error
		opts.State, err = os.Open(c.State) // remains open: a reset reads it again
		note("state", err)
	}
	if problems != nil {
		return nil, &config.SetupError{Err: errors.Join(problems...)}
	}
	tenant, err := emulator.Open(opts)
	if err != nil {
		return nil, &config.SetupError{Err: fmt.Errorf("%s: %w", flag("state"), err)}
	}
	for _, f := range faults {
		tenant.Inject(f)
	}
	return tenant, nil
}

// Save saves the tenant to the configured file, atomically; it does nothing without one.
func Save(c *config.Embedded, tenant *emulator.Emulator) error {
	if c.SaveState == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(c.SaveState), filepath.Base(c.SaveState)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails after a successful rename
	if err := errors.Join(tenant.Save(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), c.SaveState)
}
