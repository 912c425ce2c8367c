package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the README's table of settings")

// TestReadmeTable holds the README's table to the settings.
func TestReadmeTable(t *testing.T) { // not in parallel: it rewrites
	holdTable(t, "settings", settingsTable(t))
}

func holdTable(t *testing.T, name, want string) {
	t.Helper()
	begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	got, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("the README has no table of %s", name)
	}
	if got == want {
		return
	}
	if *update {
		if err := os.WriteFile("../../README.md", []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("README.md (-want +got), go test ./internal/config -update rewrites it:\n%s", cmp.Diff(want, got))
}

func settingsTable(t *testing.T) string {
	var table strings.Builder
	table.WriteString("| flag | variable | default | meaning |\n| --- | --- | --- | --- |\n")
	for _, s := range testConfig(t).settings() {
		value := strings.Trim(fmt.Sprint(s.value), "[]")
		if value != "" {
			value = "`" + value + "`"
		}
		meaning, _, _ := strings.Cut(s.help, ". ")
		fmt.Fprintf(&table, "| `--%s` | `%s` | %s | %s |\n", s.flag, envName(s.flag), value, strings.TrimSuffix(meaning, "."))
	}
	fmt.Fprintf(&table, "| | `%s` | | The application's secret itself |\n", envName("client-secret"))
	fmt.Fprintf(&table, "| | `%s` | | The proxy's user and password, a colon between |\n", envName("proxy-credentials"))
	fmt.Fprintf(&table, "| | `%s` | | The key that seals cursors itself |\n", envName("cursor-key"))
	return table.String()
}
