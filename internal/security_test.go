package internal

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestSecurityTable holds docs/security.md to tests that are there, and to the lists that it says it covers.
func TestSecurityTable(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/security.md")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	rows := 0
	var covered strings.Builder
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if len(cells) != 5 || !strings.HasPrefix(line, "| ") || strings.Contains(line, "| # |") || strings.Contains(line, "---") {
			continue
		}
		rows++
		if n := strings.TrimSpace(cells[0]); n != strconv.Itoa(rows) {
			t.Errorf("row %d is number %s", rows, n)
		}
		if seen[cells[1]] {
			t.Errorf("twice: %s", cells[1])
		}
		seen[cells[1]] = true
		covered.WriteString(cells[4] + ",")
		tests := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(cells[3], -1)
		if len(tests) == 0 {
			t.Errorf("row %d has no test", rows)
		}
		for _, named := range tests {
			if dir, name, _ := strings.Cut(named[1], ".Test"); !declared(t, dir, "Test"+name) {
				if dir, name, _ = strings.Cut(named[1], ".Fuzz"); !declared(t, dir, "Fuzz"+name) {
					t.Errorf("row %d: there is no %s", rows, named[1])
				}
			}
		}
	}
	if rows < 60 {
		t.Errorf("%d rows", rows)
	}
	for n := range 10 {
		if item := fmt.Sprintf("API%d", n+1); !regexp.MustCompile(item + `\b`).MatchString(covered.String()) {
			t.Errorf("%s is not covered", item)
		}
	}
	for _, item := range []string{
		"input validation", "injection", "depth limiting", "amount limiting", "pagination", "timeouts", "query cost analysis",
		"rate limiting", "batching attacks", "access control", "introspection", "excessive errors", "insecure configuration",
	} {
		if !strings.Contains(covered.String(), "GraphQL: "+item) {
			t.Errorf("GraphQL: %s is not covered", item)
		}
	}
}

// declared tells whether a directory has a test of that name.
func declared(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "\nfunc "+name+"(") {
			return true
		}
	}
	return false
}
