package config

import (
	"fmt"
	"strings"
	"testing"

	"licensegraph/internal/readmetest"
)

// TestReadmeTable compares the README's table of settings with the flags.
func TestReadmeTable(t *testing.T) { // not parallel: -update writes the README
	readmetest.Table(t, "../../README.md", "settings", settingsTable(t))
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
	fmt.Fprintf(&table, "| | `%s` | | The client secret |\n", envName("client-secret"))
	fmt.Fprintf(&table, "| | `%s` | | The proxy's credentials as user:password |\n", envName("proxy-credentials"))
	fmt.Fprintf(&table, "| | `%s` | | The key that encrypts cursors |\n", envName("cursor-key"))
	return table.String()
}
