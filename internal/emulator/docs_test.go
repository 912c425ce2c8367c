package emulator

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"licensegraph/internal/emulator/control"
)

var update = flag.Bool("update", false, "rewrite the tables of docs/emulator.md")

func manual(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/emulator.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// block returns the first code block in a language.
func block(t *testing.T, text, language string) string {
	t.Helper()
	_, code, ok := strings.Cut(text, "```"+language+"\n")
	code, _, closed := strings.Cut(code, "```")
	if !ok || !closed {
		t.Fatalf("no code block in %s", language)
	}
	return code
}

// TestManual tests that the examples of the manual are valid, and that its
// state has the described content.
func TestManual(t *testing.T) {
	t.Parallel()
	text := manual(t)
	for line := range strings.Lines(block(t, text, "text")) {
		if _, err := ParseFault(strings.TrimSpace(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
	c := start(t, Options{State: strings.NewReader(block(t, text, "json"))})
	if n := len(c.all("/v1.0/users")); n != 2 {
		t.Errorf("%d users", n)
	}
	failing := items(c.ok("/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo"))
	if len(failing) != 1 || failing[0]["code"] != "MissingDependency" || failing[0]["assignedTo"].(row)["displayName"] != "Ben" {
		t.Errorf("errors: %v", failing)
	}
	for _, name := range []string{"expandErrors=both", "throttling=off", "throttling.resourceUnits=50"} {
		if err := new(Variants).Set(name); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, c := range control.Endpoints() {
		if name, _, _ := strings.Cut(c.Path, "/{"); name != "" && !strings.Contains(text, control.Path+name) {
			t.Errorf("%s %s is not documented", c.Method, c.Path)
		}
	}
	faults := reflect.TypeFor[Fault]()
	for f := range faults.Fields() {
		if name := f.Tag.Get("json"); name != "-" && !strings.Contains(text, "`"+name+"`") && !strings.Contains(text, name+"=") && !strings.Contains(text, name+".") {
			t.Errorf("the fault's %s is not documented", name)
		}
	}
}

// TestVariantsTable tests that the table of variants is generated from the
// comments of the fields.
func TestVariantsTable(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "settings/variants.go", nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| name | meaning |\n| --- | --- |\n")
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.TypeSpec)
		if !ok || spec.Name.Name != "Variants" {
			return true
		}
		for _, field := range spec.Type.(*ast.StructType).Fields.List {
			name := field.Names[0].Name
			about := strings.Join(strings.Fields(field.Doc.Text()), " ")
			about = strings.TrimPrefix(about, name+" ")
			f, _ := reflect.TypeFor[Variants]().FieldByName(name)
			fmt.Fprintf(&table, "| `%s` | %s |\n", f.Tag.Get("json"), strings.ReplaceAll(strings.TrimPrefix(about, name+": "), "|", "\\|"))
		}
		return false
	})
	const begin, end = "<!-- variants -->\n", "<!-- /variants -->\n"
	text := manual(t)
	before, rest, ok := strings.Cut(text, begin)
	got, after, closed := strings.Cut(rest, end)
	if !ok || !closed {
		t.Fatal("the markers of the table are missing")
	}
	if got == table.String() {
		return
	}
	if !*update {
		t.Fatalf("the table is outdated; run the test with -update")
	}
	if err := os.WriteFile("../../docs/emulator.md", []byte(before+begin+table.String()+end+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
