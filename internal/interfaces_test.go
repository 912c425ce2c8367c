package internal

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// TestSmallInterfaces has no interface of the read path ask for more than six methods: what comes in so many kinds is a
// value.
func TestSmallInterfaces(t *testing.T) {
	t.Parallel()
	const most = 6
	found := 0
	for _, dir := range []string{"../loaders", "../graph", "msgraph"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(parsed, func(node ast.Node) bool {
				if i, ok := node.(*ast.InterfaceType); ok {
					found++
					if n := i.Methods.NumFields(); n > most {
						t.Errorf("%s: an interface has %d methods", file, n)
					}
				}
				return true
			})
		}
	}
	if found < 5 {
		t.Errorf("%d interfaces: this proves nothing", found)
	}
}
