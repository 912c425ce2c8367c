package contract

import "testing"

// TestFiles tests that the files are valid, and that all types of endpoints
// are defined.
func TestFiles(t *testing.T) {
	t.Parallel()
	if _, err := read(); err != nil {
		t.Error(err)
	}
}
