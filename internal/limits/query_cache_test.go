package limits

import (
	"testing"

	"github.com/vektah/gqlparser/v2/ast"
)

func TestQueryCache(t *testing.T) {
	t.Parallel()
	c := NewQueryCache(200, 5)
	short, long := &ast.QueryDocument{}, &ast.QueryDocument{}
	c.Add(t.Context(), "{abc}", short)
	c.Add(t.Context(), "{abcd}", long)
	if got, ok := c.Get(t.Context(), "{abc}"); got != short || !ok {
		t.Error("short text not cached")
	}
	if _, ok := c.Get(t.Context(), "{abcd}"); ok {
		t.Error("long text cached")
	}
}
