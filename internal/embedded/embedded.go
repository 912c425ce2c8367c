// Package embedded runs the embedded tenant as the operator has set: it is opened and saved for the gateway, and served
// alone as the command embedded. What the tenant answers is the business of package emulator.
package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"licensegraph/internal/config"
	"licensegraph/internal/emulator"
)

// Scopes are what a token can let its bearer do: a person's scopes, and with .All the app roles of people and
// applications. The schema says which field takes which.
var Scopes = []string{"Licenses.Read", "Licenses.ReadPersonal", "Licenses.ReadErrors", "Licenses.Write"}

// AssignRoles gives some of the embedded tenant's people, and its application, app roles at the gateway.
func AssignRoles(tenant *emulator.Emulator) {
	for principal, n := range map[string]int{
		tenant.PersonInRole("Global Administrator"):  len(Scopes),
		tenant.PersonInRole("License Administrator"): len(Scopes),
		tenant.PersonInRole("Global Reader"):         len(Scopes) - 1, // all but writing
		tenant.ClientID():                            len(Scopes),
	} {
		var roles []string
		for _, scope := range Scopes[:n] {
			roles = append(roles, scope+".All")
		}
		tenant.AssignAppRoles(principal, roles...)
	}
}

// Open makes the embedded tenant. flag is how a setting of it is written. Its errors are a [config.SetupError].
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
		note("control", fmt.Errorf("%q is none of local, open, off", c.Control))
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
		opts.State, err = os.Open(c.State) // For as long as the tenant lives: a reset reads it again.
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

// Save writes the tenant to a file where one is wanted: all of it or nothing.
func Save(c *config.Embedded, tenant *emulator.Emulator) error {
	if c.SaveState == "" {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(c.SaveState), filepath.Base(c.SaveState)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // It is not there any more when all went well.
	if err := errors.Join(tenant.Save(f), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), c.SaveState)
}
