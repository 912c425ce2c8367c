package limits

import (
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// TestCounter tests that a counter counts fields as the field middleware does, and what Undo leaves.
func TestCounter(t *testing.T) {
	t.Parallel()
	none := (*string)(nil)
	leaf := graphql.CollectedField{Field: &ast.Field{Alias: "name"}}
	object := graphql.CollectedField{Field: &ast.Field{Alias: "friends", SelectionSet: ast.SelectionSet{&ast.Field{Name: "__typename", Alias: "type"}}}}
	one, other := NewResponses(1000, 1<<30), NewResponses(1000, 1<<30)
	ctx, _ := one.Begin(t.Context())
	want, _ := other.Begin(t.Context())
	counter, a := NewCounter(ctx), responseOf(want)
	for _, value := range []any{"a", "bc", none} {
		a.take(a.size(leaf, value))
	}
	a.take(a.size(object, []*int{nil, nil}))
	a.take(a.size(object, none))
	if !counter.Count(leaf, 3, 3+4+4) || !counter.Count(object, 2, 2+1) {
		t.Error("the limit is exceeded")
	}
	got := responseOf(ctx)
	if got.bytes.Load() != a.bytes.Load() || got.memory.Load() != a.memory.Load() {
		t.Errorf("%d bytes, %d of memory, want %d and %d", got.bytes.Load(), got.memory.Load(), a.bytes.Load(), a.memory.Load())
	}
	counter.Undo()
	if got.bytes.Load() != 0 || got.memory.Load() != 0 {
		t.Errorf("%d bytes and %d of memory are left", got.bytes.Load(), got.memory.Load())
	}
	if counter.Count(leaf, 1, 1000) || counter.Count(leaf, 1, 1) {
		t.Error("the limit does not apply")
	}
	if NewCounter(t.Context()) != nil {
		t.Error("a counter without limits")
	}
}
