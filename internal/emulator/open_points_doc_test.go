package emulator

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var inTicks = regexp.MustCompile("`([^`]+)`")

// TestOpenPointsDocumented tests that docs/emulator.md lists all points with
// existing variants and tests that set them, and every variant except those
// without a point.
func TestOpenPointsDocumented(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := testSources(t)
	number := 0
	told := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(line, "| \n"), " | ")
		n, err := strconv.Atoi(cells[0])
		if err != nil {
			continue
		}
		number++
		if n != number || len(cells) != 5 {
			t.Errorf("row %d has number %s and %d cells", number, cells[0], len(cells))
			continue
		}
		proofs := inTicks.FindAllStringSubmatch(cells[4], -1)
		if len(proofs) == 0 {
			t.Errorf("%d: no test", n)
		}
		text := ""
		for _, proof := range proofs {
			source, ok := tests[proof[1]]
			if !ok {
				t.Errorf("%d: no test %s", n, proof[1])
			}
			text += source
		}
		switches := inTicks.FindAllStringSubmatch(cells[3], -1)
		if len(switches) == 0 != (cells[3] == "-") {
			t.Errorf("%d: the switches are %q", n, cells[3])
		}
		for _, s := range switches {
			var v Variants
			if err := v.Set(s[1]); err != nil {
				t.Errorf("%d: %v", n, err)
				continue
			}
			for f, field := range reflect.ValueOf(v).Fields() {
				if field.IsZero() {
					continue
				}
				told[f.Name] = true
				if !regexp.MustCompile(`\b` + f.Name + `\b`).MatchString(text) {
					t.Errorf("%d: no test sets %s", n, s[1])
				}
				if field.Kind() == reflect.String && !strings.Contains(text, strconv.Quote(field.String())) {
					t.Errorf("%d: no test has %s", n, s[1])
				}
			}
		}
		for _, f := range slices.Collect(fieldsOf(cells[3])) {
			for value := range strings.SplitSeq(valuesOf(f), " ") {
				if byDefault := strings.Contains(cells[2], "`"+value+"`"); value != "" && !byDefault && !strings.Contains(cells[3], "`"+f+"="+value+"`") {
					t.Errorf("%d: %s=%s is not documented", n, f, value)
				}
			}
		}
	}
	if number != 38 {
		t.Errorf("%d points", number)
	}
	for f := range reflect.TypeFor[Variants]().Fields() {
		if others := []string{"EmptyPartCodes", "LostUpdates", "MissingUsageRight", "OnBehalfOf", "PlainAgents", "RefuseHiddenFilters", "Roles"}; told[f.Name] == slices.Contains(others, f.Name) {
			t.Errorf("%s is documented: %t", f.Name, told[f.Name])
		}
	}
}

// valuesOf returns the values of a string variant, from the error about an
// invalid one.
func valuesOf(name string) string {
	var v Variants
	err := v.Set(name + "=?")
	if err == nil {
		return ""
	}
	_, list, _ := strings.Cut(err.Error(), `must be "" or one of `)
	return strings.ReplaceAll(list, ",", "")
}

// fieldsOf yields the names of the variants in a cell.
func fieldsOf(cell string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		seen := map[string]bool{}
		for _, s := range inTicks.FindAllStringSubmatch(cell, -1) {
			name, _, _ := strings.Cut(s[1], "=")
			if !seen[name] && !yield(name) {
				return
			}
			seen[name] = true
		}
	}
}

// testSources returns the source of each test of this package and those below
// by name, and of the parts of TestOpenPoints by name and number.
func testSources(t *testing.T) map[string]string {
	t.Helper()
	var files []string
	for _, pattern := range []string{"*_test.go", "*/*_test.go"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	sources := map[string]string{}
	for _, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, name, raw, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		text := func(n ast.Node) string {
			return string(raw[set.Position(n.Pos()).Offset:set.Position(n.End()).Offset])
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv != nil || !strings.HasPrefix(f.Name.Name, "Test") {
				continue
			}
			sources[f.Name.Name] = text(f)
			if f.Name.Name != "TestOpenPoints" {
				continue
			}
			ast.Inspect(f, func(n ast.Node) bool {
				loop, ok := n.(*ast.RangeStmt)
				if !ok {
					return true
				}
				if list, ok := loop.X.(*ast.CompositeLit); ok && len(list.Elts) > 30 {
					for i, element := range list.Elts {
						if _, is := element.(*ast.FuncLit); is {
							sources["TestOpenPoints/"+strconv.Itoa(i)] = text(element)
						}
					}
				}
				return false
			})
		}
	}
	return sources
}
