package internal

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestArchitectureNamesWhatExists finds each file and each test that docs/architecture.md names.
func TestArchitectureNamesWhatExists(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/architecture.md")
	if err != nil {
		t.Fatal(err)
	}
	text := string(page)
	files := regexp.MustCompile("`?((?:schema|graph|loaders|internal|server|docs)/[\\w/.-]+\\.(?:go|graphqls|txt|md))").FindAllStringSubmatch(text, -1)
	tests := regexp.MustCompile(`\bTest[A-Z]\w+`).FindAllString(text, -1)
	if len(files) < 20 || len(tests) < 10 {
		t.Errorf("%d files, %d tests: this proves nothing", len(files), len(tests))
	}
	for _, file := range files {
		if _, err := os.Stat(filepath.Join("..", file[1])); err != nil {
			t.Errorf("there is no %s", file[1])
		}
	}
	known := map[string]bool{}
	declaration := regexp.MustCompile(`(?m)^func (Test\w+)`)
	for _, pattern := range []string{"../*/*_test.go", "../internal/*/*_test.go", "../internal/*/*/*_test.go"} {
		sources, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, source := range sources {
			code, err := os.ReadFile(source)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range declaration.FindAllSubmatch(code, -1) {
				known[string(found[1])] = true
			}
		}
	}
	for _, name := range tests {
		if !known[name] {
			t.Errorf("there is no %s", name)
		}
	}
}
