package graph

import (
	"cmp"
	"slices"
	"strings"

	"licensegraph/graph/cursor"
	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// maxMemoryPage is the largest page of a list that is paged in memory.
const maxMemoryPage = 1000

// memoryPage is the validated paging arguments of such a list.
type memoryPage struct {
	cursors       *cursor.Sealer
	name          string
	after, before string // element IDs; empty for the ends of the list
	size          int
	backward      bool
}

// memoryPage validates the paging arguments of the named list without reading the list.
func (f *field) memoryPage(name string) (p memoryPage, err error) {
	first, last := arg[*int32](f, "first"), arg[*int32](f, "last")
	p = memoryPage{cursors: f.cursors, name: name, backward: last != nil}
	if first != nil && last != nil {
		return p, &upstream.InputError{Message: "set `first` or `last`, not both"}
	}
	if p.backward {
		p.size, err = sizeOf("last", last, maxMemoryPage)
	} else {
		p.size, err = sizeOf("first", first, maxMemoryPage)
	}
	if err == nil {
		p.after, err = f.elementAt(name, "after")
	}
	if err == nil {
		p.before, err = f.elementAt(name, "before")
	}
	return p, err
}

// elementAt returns the element ID in the cursor of an argument; empty without a cursor.
func (f *field) elementAt(name, argument string) (string, error) {
	text := arg[*string](f, argument)
	if text == nil {
		return "", nil
	}
	at, err := f.cursors.Open(name, argument, *text)
	return at.ID, err
}

// memoryConnection returns one page of a complete list, forward or backward (GraphQL Cursor Connections
// Specification, section 4.4).
func memoryConnection[T licensing.Node](p memoryPage, items []T) (*model.Connection[T], error) {
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
	total, seal := int32(len(items)), p.cursors.In(p.name)
	result := &model.Connection[T]{
		Nodes:    items[start:end:end],
		PageInfo: &model.PageInfo{HasPreviousPage: start > 0, HasNextPage: end < len(items)},
		Cursor: func(i int) string {
			return seal(cursor.Position{ID: items[start+i].ObjectID()})
		},
		Total: &total,
	}
	if start < end {
		result.PageInfo.Start = func() string { return result.Cursor(0) }
		result.PageInfo.End = func() string { return result.Cursor(end - start - 1) }
	}
	return result, nil
}

// placeOf returns the index of an element by its ID. It returns an InputError if the list no longer has it.
func placeOf[T licensing.Node](items []T, id, argument string) (int, error) {
	i := slices.IndexFunc(items, func(item T) bool { return item.ObjectID() == id })
	if i < 0 {
		return 0, &upstream.InputError{Message: "the element at the cursor in `" + argument + "` no longer exists: start with the first page"}
	}
	return i, nil
}

// ordered returns a copy of a list, sorted in a stable way; unsorted without an order.
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

// compareUnits compares numbers of units; unknown numbers sort first.
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

// firstReadError returns the first error that readError returns for an element.
func firstReadError[T any](items []T, readError func(T) error) error {
	for _, item := range items {
		if err := readError(item); err != nil {
			return err
		}
	}
	return nil
}

// deref returns the value of a pointer; the zero value for nil.
func deref[T any](p *T) T {
	if p == nil {
		var none T
		return none
	}
	return *p
}

// compareText compares text case-insensitively.
func compareText(a, b string) int { return cmp.Compare(strings.ToLower(a), strings.ToLower(b)) }

// memoryPageOf reads a list of the tenant and returns a page of the filtered and sorted elements. arrange also
// returns the error of a property that could not be read and that the result depends on.
func memoryPageOf[T licensing.Node](f *field, name string, all func() ([]T, error), arrange func([]T) (arranged []T, readError error)) (*model.Connection[T], error) {
	page, err := f.memoryPage(name)
	if err != nil {
		return nil, err
	}
	f.prefetchLists()
	items, err := all()
	if err != nil {
		return nil, err
	}
	arranged, readError := arrange(items)
	result, err := memoryConnection(page, arranged)
	if err == nil && readError != nil {
		result.SetReadError(readError)
	}
	return result, err
}

// matcher evaluates the conditions of a filter on an element. A condition on a property that could not be read is met.
type matcher struct{ unread error }

// meets reports whether a condition is met. unread is the error of a property that it reads.
func (m *matcher) meets(condition bool, unread error) bool {
	m.unread = cmp.Or(m.unread, unread)
	return condition || unread != nil
}

// matching returns the elements that meet all conditions, and the first error of a property that could not be read in
// one of them.
func matching[T any](items []T, meets func(m *matcher, item T) bool) (matching []T, unread error) {
	matching = []T{}
	for _, item := range items {
		if m := (matcher{}); meets(&m, item) {
			matching, unread = append(matching, item), cmp.Or(unread, m.unread)
		}
	}
	return matching, unread
}
