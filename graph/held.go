package graph

import (
	"cmp"
	"slices"
	"strings"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// maxHeld is the largest page of a list that is held as a whole.
const maxHeld = 1000

// window is the part of a held list that is asked for, from either end.
type window struct {
	first, last   *int32
	after, before *string
}

// heldConnection returns one page of a list that was read as a whole, forward or backward, as the GraphQL Cursor
// Connections Specification has it, section 4.3.
func heldConnection[T licensing.Node](c *cursors, name string, items []T, w window) (*model.Connection[T], error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	start, end := 0, len(items)
	if w.after != nil {
		i, err := placeOf(c, name, "after", *w.after, items)
		if err != nil {
			return nil, err
		}
		start = i + 1
	}
	if w.before != nil {
		i, err := placeOf(c, name, "before", *w.before, items)
		if err != nil {
			return nil, err
		}
		end = max(start, i)
	}
	if w.last != nil {
		start = max(start, end-int(*w.last))
	} else {
		size := int32(pageSize)
		if w.first != nil {
			size = *w.first
		}
		end = min(end, start+int(size))
	}
	total := int32(len(items))
	result := &model.Connection[T]{
		PageInfo:   &model.PageInfo{HasPreviousPage: start > 0, HasNextPage: end < len(items)},
		TotalCount: &total,
	}
	for _, item := range items[start:end] {
		result.Edges = append(result.Edges, model.NewEdge(item, func() string { return c.seal(name, cursor{ID: item.ObjectID()}) }))
	}
	if start < end {
		first, last := result.Edges[0].Cursor(), result.Edges[end-start-1].Cursor()
		result.PageInfo.StartCursor, result.PageInfo.EndCursor = &first, &last
	}
	return result, nil
}

// check refuses what no page can be.
func (w window) check() error {
	if w.first != nil && w.last != nil {
		return &licensing.InputError{Message: "give `first` or `last`, not both"}
	}
	_, err := sizeOf("first", w.first, maxHeld)
	if err == nil {
		_, err = sizeOf("last", w.last, maxHeld)
	}
	return err
}

// placeOf returns the index of the element that a cursor is at.
func placeOf[T licensing.Node](c *cursors, name, argument, text string, items []T) (int, error) {
	at, err := c.open(name, argument, text)
	if err != nil {
		return 0, err
	}
	i := slices.IndexFunc(items, func(item T) bool { return item.ObjectID() == at.ID })
	if i < 0 {
		return 0, &licensing.InputError{Message: "the element at the cursor in `" + argument + "` is gone: begin with the first page"}
	}
	return i, nil
}

// ordered returns a copy of a list in an order that a client asked for; elements that are equal stay as they are.
func ordered[T any, F ~string](items []T, order *model.Order[F], compare func(field F, a, b T) int) []T {
	items = slices.Clone(items)
	if order == nil {
		return items
	}
	slices.SortStableFunc(items, func(a, b T) int {
		if order.Direction == model.Descending {
			return compare(order.Field, b, a)
		}
		return compare(order.Field, a, b)
	})
	return items
}

// deref returns what a pointer points to; nothing for nil.
func deref[T any](p *T) T {
	if p == nil {
		var none T
		return none
	}
	return *p
}

// compareText orders texts without regard to case.
func compareText(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) }

// planHeld returns a page of a list that the tenant has one of, and plans what follows from its elements.
func planHeld[T any](p plan, w window, loader *loaders.Loader[loaders.TenantKey, []T], next func(T), page func([]T) (*model.Connection[T], error)) (*model.Connection[T], error) {
	if err := w.check(); err != nil {
		return nil, err
	}
	var result *model.Connection[T]
	var failure error
	thunk := loader.Plan(loaders.Tenant, func(items []T) {
		if result, failure = page(items); failure == nil {
			all(next)(result.Nodes())
		}
	})
	p.Begun()
	if _, err := thunk(); err != nil {
		return nil, err
	}
	return result, failure
}
