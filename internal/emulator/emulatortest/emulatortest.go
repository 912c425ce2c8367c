// Package emulatortest starts embedded tenants for tests, and checks their
// answers.
package emulatortest

import (
	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/contract"
)

// Start runs an emulator on a free port of the loopback interface until the
// test ends. It checks every answer against the documentation of Graph, except
// answers made or changed by an [emulator.Fault]. An invalid answer fails the
// test.
func Start(t emulator.TB, opts emulator.Options) *emulator.Server {
	t.Helper()
	return emulator.Serve(t, checked(t, opts))
}

// StartTLS is Start with HTTPS.
func StartTLS(t emulator.TB, opts emulator.Options) *emulator.Server {
	t.Helper()
	return emulator.ServeTLS(t, checked(t, opts))
}

// checked returns an emulator with checks until the test ends.
func checked(t emulator.TB, opts emulator.Options) *emulator.Emulator {
	contract.Endpoints() // an unreadable contract panics here: during an answer, net/http would hide it
	e, wrong := emulator.New(opts), &contract.Complaints{}
	e.Observe(wrong.Check)
	t.Cleanup(func() {
		for _, text := range wrong.Take() {
			t.Errorf("invalid answer of the tenant: %s", text)
		}
	})
	return e
}
