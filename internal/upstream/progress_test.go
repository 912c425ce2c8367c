package upstream

import (
	"errors"
	"testing"
)

func TestProgress(t *testing.T) {
	t.Parallel()
	empty, a, ab, unnamed := []string{}, []string{"a"}, []string{"a", "b"}, []string{""}
	for _, tt := range []struct {
		name  string
		pages [][]string
		ends  bool
	}{
		{"new elements", [][]string{a, {"b"}, {"c"}, {"d"}}, false},
		{"one repeated page", [][]string{ab, a, {"c"}, a, {"d"}}, false},
		{"two repeated pages", [][]string{ab, a, {"b"}}, true},
		{"nine empty pages", [][]string{empty, empty, empty, empty, empty, empty, empty, empty, empty}, false},
		{"ten empty pages", [][]string{empty, empty, empty, empty, empty, empty, empty, empty, empty, empty}, true},
		{"elements between empty pages", [][]string{empty, empty, empty, empty, empty, a, empty, empty, empty, empty, empty}, false},
		{"elements without ids", [][]string{unnamed, unnamed, unnamed, unnamed}, false},
	} {
		var p Progress
		var err error
		for _, ids := range tt.pages {
			err = p.Page(ids)
		}
		if ends := errors.Is(err, ErrEndless); ends != tt.ends {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}
