// Package readmetest compares generated tables with the README. With the flag -update, tests write them to it.
package readmetest

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write generated tables to the README")

// Table compares the README's table between the comments <!-- name --> and <!-- /name --> with the wanted one, or
// replaces it with -update. The path is the README's; tests that call Table must not run in parallel.
func Table(t *testing.T, path, name, want string) {
	t.Helper()
	start, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), start)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("the README has no table %q", name)
	}
	switch {
	case got == want:
	case *update:
		if err := os.WriteFile(path, []byte(before+start+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("README.md differs (-want +got); run this test with -update:\n%s", cmp.Diff(want, got))
	}
}
