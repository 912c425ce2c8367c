package contract

import "testing"

// TestFiles tests that types.txt and endpoints.txt are valid, and that all
// types in endpoints.txt are defined.
func TestFiles(t *testing.T) {
	t.Parallel()
	m := &model{types: map[string]*definition{}}
	if err := m.readTypes(typesText); err != nil {
		t.Fatalf("types.txt: %v", err)
	}
	if err := m.readEndpoints(endpointsText); err != nil {
		t.Fatalf("endpoints.txt: %v", err)
	}
}
