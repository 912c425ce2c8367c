package msgraph

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
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

// TestEveryEndpointHasItsPermission tests that permissions has each constant that is named as an endpoint: the error of
// a 403 has the permission.
func TestEveryEndpointHasItsPermission(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, name := range files {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || len(spec.Values) != 1 || !strings.HasSuffix(spec.Names[0].Name, "Endpoint") {
				return true
			}
			literal, ok := spec.Values[0].(*ast.BasicLit)
			if !ok {
				return true
			}
			endpoint, err := strconv.Unquote(literal.Value)
			if err != nil {
				t.Fatal(err)
			}
			checked++
			if permissions[endpoint] == "" && endpoint != batchEndpoint && endpoint != tokenEndpoint {
				t.Errorf("%s has no permission", endpoint)
			}
			return true
		})
	}
	if checked < 25 {
		t.Errorf("%d endpoints: the test covers nothing", checked)
	}
}
