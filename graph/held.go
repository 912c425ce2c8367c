package graph

import (
	"cmp"
	"slices"
	"strings"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// maxHeld is the largest page of a list that is held as a whole.
const maxHeld = 1000

// window is the part of a held list that is asked for, from either end.
type window struct {
	first, last   *int32
	after, before *string
}

// heldPage is a window that can be opened: the ids of the elements around it, and how many are wanted.
type heldPage struct {
	cursors       *cursors
	name          string
	after, before string // empty for the ends of the list
	size          int
	backward      bool
}

// open checks a window on the list of the name, before anything is read.
func (w window) open(c *cursors, name string) (p heldPage, err error) {
	p = heldPage{cursors: c, name: name, backward: w.last != nil}
	if w.first != nil && w.last != nil {
		return p, &upstream.InputError{Message: "give `first` or `last`, not both"}
	}
	if p.backward {
		p.size, err = sizeOf("last", w.last, maxHeld)
	} else {
		p.size, err = sizeOf("first", w.first, maxHeld)
	}
	if err == nil {
		p.after, err = placeIn(c, name, "after", w.after)
	}
	if err == nil {
		p.before, err = placeIn(c, name, "before", w.before)
	}
	return p, err
}

// placeIn returns the id of the element that a cursor is at; empty without a cursor.
func placeIn(c *cursors, name, argument string, text *string) (string, error) {
	if text == nil {
		return "", nil
	}
	at, err := c.open(name, argument, *text)
	return at.ID, err
}

// heldConnection returns one page of a list that was read as a whole, forward or backward, as the GraphQL Cursor
// Connections Specification has it, section 4.4.
func heldConnection[T licensing.Node](p heldPage, items []T) (*model.Connection[T], error) {
	start, end := 0, len(items)
	if p.after != "" {
		i, err := placeOf(items, p.after, "after")
		if err != nil {
			return nil, err
		}
		start = i + 1
	}
	if p.before != "" {
		i, err := placeOf(items, p.before, "before")
		if err != nil {
			return nil, err
		}
		end = max(start, i)
	}
	if p.backward {
		start = max(start, end-p.size)
	} else {
		end = min(end, start+p.size)
	}
	total := int32(len(items))
	result := &model.Connection[T]{
		PageInfo: &model.PageInfo{HasPreviousPage: start > 0, HasNextPage: end < len(items)},
		Total:    &total,
	}
	for _, item := range items[start:end] {
		result.Edges = append(result.Edges, model.NewEdge(item, func() string { return p.cursors.seal(p.name, cursor{ID: item.ObjectID()}) }))
	}
	if start < end {
		first, last := result.Edges[0].Cursor(), result.Edges[end-start-1].Cursor()
		result.PageInfo.StartCursor, result.PageInfo.EndCursor = &first, &last
	}
	return result, nil
}

// placeOf returns the index of the element that a cursor is at.
func placeOf[T licensing.Node](items []T, id, argument string) (int, error) {
	i := slices.IndexFunc(items, func(item T) bool { return item.ObjectID() == id })
	if i < 0 {
		return 0, &upstream.InputError{Message: "the element at the cursor in `" + argument + "` is gone: begin with the first page"}
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

// compareUnits orders numbers of units. One that is not known comes before all others.
func compareUnits(a, b *int32) int {
	switch {
	case a == nil && b == nil:
		return 0
	case a == nil:
		return -1
	case b == nil:
		return 1
	}
	return cmp.Compare(*a, *b)
}

// firstDoubt returns the first reason why an element is in doubt; nil when none is.
func firstDoubt[T any](items []T, doubt func(T) error) error {
	for _, item := range items {
		if err := doubt(item); err != nil {
			return err
		}
	}
	return nil
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

// heldPageOf returns a page of a list that the tenant has one of, after it was narrowed and ordered. A doubt is why
// nobody can tell whether an element belongs to the page, or where.
func heldPageOf[T licensing.Node](f *field, name string, all func() ([]T, error), arrange func([]T) (arranged []T, doubt error)) (*model.Connection[T], error) {
	w := window{arg[*int32](f, "first"), arg[*int32](f, "last"), arg[*string](f, "after"), arg[*string](f, "before")}
	page, err := w.open(f.cursors, name)
	if err != nil {
		return nil, err
	}
	f.prefetchLists()
	items, err := all()
	if err != nil {
		return nil, err
	}
	arranged, doubt := arrange(items)
	result, err := heldConnection(page, arranged)
	if err == nil && doubt != nil {
		result.Doubt(doubt)
	}
	return result, err
}
