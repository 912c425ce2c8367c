package limits

import (
	"strings"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

func TestLRU(t *testing.T) {
	t.Parallel()
	l := newLRU[string, int](2)
	l.add("a", 1)
	l.add("b", 2)
	l.get("a")
	l.add("c", 3) // in place of b, which was used the longest ago
	l.add("a", 4)
	for key, want := range map[string]int{"a": 4, "b": 0, "c": 3} {
		if got, ok := l.get(key); got != want || ok != (want > 0) {
			t.Errorf("%s: got %d, %v", key, got, ok)
		}
	}
	if len(l.entries) != 2 || l.recent.Len() != 2 {
		t.Errorf("%d entries, %d in order", len(l.entries), l.recent.Len())
	}

	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for _, key := range strings.Split("a b c d e", " ") {
				l.add(key, 1)
				l.get(key)
			}
		})
	}
	group.Wait()
}

func TestQueryCache(t *testing.T) {
	t.Parallel()
	c := NewQueryCache(2, 5)
	short, long := &ast.QueryDocument{}, &ast.QueryDocument{}
	c.Add(t.Context(), "{abc}", short)
	c.Add(t.Context(), "{abcd}", long)
	if got, ok := c.Get(t.Context(), "{abc}"); got != short || !ok {
		t.Error("does not keep a short text")
	}
	if _, ok := c.Get(t.Context(), "{abcd}"); ok {
		t.Error("keeps a long text")
	}
}
