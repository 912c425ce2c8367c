package msgraph

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestCoverageOfEndpoints compares the client's endpoints with docs/coverage.md. An endpoint in it that the client does
// not use has the alternative path.
func TestCoverageOfEndpoints(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/coverage.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "## Endpoints")
	table, _, _ = strings.Cut(table, "\n## ")
	var listed []string
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		if len(cells) < 4 {
			continue
		}
		for _, endpoint := range regexp.MustCompile("`((?:GET|POST|PATCH|DELETE) [^`]+)`").FindAllStringSubmatch(cells[1], -1) {
			listed = append(listed, endpoint[1])
			if _, called := permissions[endpoint[1]]; !called && strings.TrimSpace(cells[3]) == "" {
				t.Errorf("%s is in the list and not used", endpoint[1])
			}
		}
	}
	for endpoint := range permissions {
		if !slices.Contains(listed, endpoint) {
			t.Errorf("%s is used and not in the list", endpoint)
		}
	}
	if len(listed) < 50 {
		t.Errorf("%d endpoints in the list", len(listed))
	}
}
