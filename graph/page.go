package graph

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

const (
	// pageSize is the size of a page when nothing, or null, is asked for.
	pageSize = 50
	// maxUpstreamPages bounds how many upstream pages one page of a connection is made of. A service may
	// send pages that are short or empty and still have a next one.
	maxUpstreamPages = 100
	// scanBudget is the same for a page whose elements are filtered here.
	scanBudget = 10
)

// list is an upstream list of R that is shown as a connection of T.
type list[R, T any] struct {
	// name is the field with the arguments that tell one list from another, for its cursors; see listName.
	name string
	// query is what to ask for.
	query upstream.Query
	// most is the largest page, and mostUpstream that of the service.
	most, mostUpstream int
	// typeName is the type of the elements.
	typeName string
	loader   *loaders.Loader[upstream.Query, upstream.Page[R]]
	// whole returns an element of an upstream page with everything that is needed.
	whole func(upstream.Query, R) (T, error)
	// keep tells which elements are wanted, when the service cannot; nil for all of them.
	keep func(T) bool
	// doubt returns why nobody can tell whether an element is wanted; nil when it can be told of all of them.
	doubt func(T) error
	// counted tells that the service can count the list.
	counted bool
}

// element is an element of an upstream page, or nothing where it is gone meanwhile.
type element[T any] struct {
	value T
	ok    bool
}

// listName names a list by its field and what narrows it down: cursors of one list are none of another.
func listName(field string, arguments ...any) string {
	text, err := json.Marshal(arguments)
	if err != nil {
		panic(err) // arguments are plain values
	}
	return field + " " + string(text)
}

// asSent is the whole function of lists whose elements come with everything.
func asSent[T any](_ upstream.Query, item T) (T, error) { return item, nil }

// walk fills a page of a connection with as many upstream pages as it takes.
type walk[R, T any] struct {
	list    list[R, T]
	cursors *cursors
	page    page[T]
	at      cursor // what is read next

	// walked are the places that were read.
	walked   []place
	progress upstream.Progress
	restarts int
	counting bool // the list is counted by itself
}

// place is where an upstream page was read from, and where in it the walk went on.
type place struct{ at, end cursor }

// walk returns what fills the page that the arguments ask for.
func (l list[R, T]) walk(f *field, first *int32, after *string) (*walk[R, T], error) {
	size, err := sizeOf("first", first, l.most)
	if err != nil {
		return nil, err
	}
	at := cursor{Counted: l.counted}
	if after != nil {
		if at, err = f.cursors.open(l.name, "after", *after); err != nil {
			return nil, err
		}
		at = l.nearer(at, size)
	}
	if at.Link == "" {
		at.Top = l.top(at, size)
		at.Shown = strings.Join(f.Properties(l.typeName), ",")
	}
	return &walk[R, T]{list: l, cursors: f.cursors, at: at, page: page[T]{first: size, end: at, after: after != nil}}, nil
}

const (
	// readPerKept is how many elements are read at first for each that is wanted, of a list that is filtered here, and
	// leastRead how many at least. Where too few of them are wanted, the largest pages follow.
	readPerKept = 4
	leastRead   = 100
	// leastAgain is the same for a page that is read on: how far apart the wanted ones are is known then.
	leastAgain = 20
	// smallLinks is how many times more requests may be sent for that the next link is followed. See nearer.
	smallLinks = 4
)

// wanted is how many elements are to be read for a page of a size.
func (l list[R, T]) wanted(size int) int {
	if l.keep == nil {
		return size
	}
	return max(leastRead, readPerKept*size)
}

// top is the size of the first upstream page. A list that is filtered here keeps the one with which it was begun: then
// the next link leads behind that page, and what is read again is one page of that size at most.
func (l list[R, T]) top(at cursor, size int) int {
	if l.keep != nil && at.Top > 0 && readPerKept*size/at.Top < smallLinks {
		return min(at.Top, l.mostUpstream)
	}
	return min(at.Skip+l.wanted(size), l.mostUpstream)
}

// nearer is the place to read a page from. A next link fixes the size of its pages: where that takes many requests, the
// list is read in large pages from its beginning, if that is near.
func (l list[R, T]) nearer(at cursor, size int) cursor {
	if at.Link == "" {
		return at
	}
	before, wanted := at.Before+at.Skip, size
	if l.keep != nil {
		wanted = readPerKept * size
	}
	if before <= l.mostUpstream && wanted/max(1, at.Top) >= smallLinks*((before+wanted)/l.mostUpstream+1) {
		return cursor{Skip: before, Counted: at.Counted}
	}
	return at
}

func sizeOf(name string, wanted *int32, most int) (int, error) {
	size := pageSize
	if wanted != nil {
		size = int(*wanted)
	}
	if size < 1 || size > most {
		return 0, &upstream.InputError{Message: fmt.Sprintf("`%s` has to be between 1 and %d", name, most)}
	}
	return size, nil
}

// run reads upstream pages until the page is full.
func (w *walk[R, T]) run() error {
	for {
		q := w.list.query
		q.Link, q.Top, q.Shown = w.at.Link, min(w.at.Top, w.list.mostUpstream), w.at.Shown
		q.Again, q.Count = w.restarts, w.at.Counted
		w.page.upstream++
		sent, err := w.list.loader.Get(q)
		var items []element[T]
		if err == nil {
			items, err = w.whole(q, sent.Items)
		}
		if err != nil {
			if err = w.restart(err); err != nil {
				return err
			}
			continue
		}
		if full, err := w.add(q, sent, items); full || err != nil {
			return err
		}
	}
}

// whole returns the elements of an upstream page with everything that is needed. Those that are gone meanwhile are left
// open.
func (w *walk[R, T]) whole(q upstream.Query, items []R) ([]element[T], error) {
	values, errs, blocked := loaders.Collect(items, func(item R) (T, error) { return w.list.whole(q, item) })
	if blocked != nil {
		return nil, blocked
	}
	elements := make([]element[T], len(items))
	for i, err := range errs {
		switch {
		case err == nil:
			elements[i] = element[T]{value: values[i], ok: true}
		case !errors.Is(err, upstream.ErrNotFound):
			return nil, err
		}
	}
	return elements, nil
}

// count counts the list, where that does not come with the first page of the walk.
func (w *walk[R, T]) count() error {
	w.counting = true
	q := w.list.query
	q.Top, q.Count = 1, true
	first, err := w.list.loader.Get(q)
	w.page.count = countOf(first)
	return cmp.Or(err, first.Uncounted)
}

// countOf is how many elements a list has, as its first page says; nil when it does not. What no Int can hold is the
// largest.
func countOf[R any](page upstream.Page[R]) *int32 {
	if page.Count == nil {
		return nil
	}
	count := int32(min(*page.Count, math.MaxInt32))
	return &count
}

// add takes what is wanted of an upstream page, and tells whether the page is full or the walk has to stop.
func (w *walk[R, T]) add(q upstream.Query, sent upstream.Page[R], items []element[T]) (bool, error) {
	if w.list.counted && !w.counting && (sent.Count != nil || sent.Uncounted != nil) {
		w.page.count, w.page.uncounted = countOf(sent), sent.Uncounted
	}
	w.walked = append(w.walked, place{w.at, w.page.end})
	if sent.Next != "" && (slices.ContainsFunc(w.walked, func(before place) bool { return before.at.Link == sent.Next }) || w.progress.Page(sent.IDs) != nil) {
		return false, &upstream.Error{Kind: upstream.ErrEndless, Operation: "a list of " + w.list.typeName}
	}
	w.at = cursor{Link: sent.Next, Top: w.at.Top, Before: w.page.end.Before + len(items), Shown: q.Shown, Counted: q.Count}
	budget := maxUpstreamPages
	if w.list.keep != nil {
		budget = scanBudget
	}
	full := w.page.add(items, w.list.keep, w.list.doubt, w.at)
	if full || w.page.upstream >= budget {
		w.page.stopped = !full
		return true, nil
	}
	if w.list.keep != nil && q.Top < w.list.mostUpstream && w.far(q, items) {
		w.page.end = cursor{Skip: w.page.end.Before + w.page.end.Skip}
		w.at = cursor{Top: w.list.mostUpstream, Shown: q.Shown, Counted: q.Count}
		w.walked = nil
	}
	return false, nil
}

// far tells whether the largest pages, from the beginning of the list, take fewer requests than the next link: where
// another page like this one would not fill the page of the connection, and this one is near the beginning. A page that
// is read on follows some links first.
func (w *walk[R, T]) far(q upstream.Query, items []element[T]) bool {
	kept := 0
	for _, item := range items {
		if item.ok && w.list.keep(item.value) {
			kept++
		}
	}
	near := q.Link == "" && !w.page.after ||
		w.page.upstream >= smallLinks && len(items) >= q.Top && w.page.end.Before <= w.list.mostUpstream
	return near && kept < w.page.first-len(w.page.items)
}

// restart goes on when the service no longer knows the page that is read next: at the last page that was read, then
// where the walk began. It returns why that is not possible.
func (w *walk[R, T]) restart(err error) error {
	if !errors.Is(err, upstream.ErrExpired) {
		return err
	}
	if len(w.walked) == 0 && w.restarts == 0 {
		return &upstream.InputError{Message: "the cursor in `after` has expired: begin with the first page"}
	}
	w.restarts++
	switch {
	case len(w.walked) == 0 || w.restarts > 2:
		return err
	case w.restarts == 1:
		w.back(len(w.walked) - 1)
	default:
		w.back(0)
	}
	return nil
}

// back goes to a place that was read before.
func (w *walk[R, T]) back(to int) {
	w.at, w.page.end = w.walked[to].at, w.walked[to].end
	w.walked, w.progress = w.walked[:to], upstream.Progress{}
}

// connection returns the page when it is full.
func (w *walk[R, T]) connection() *model.Connection[T] {
	first := 0
	if w.list.keep != nil {
		if first = w.at.Top; w.page.end.Link == "" { // what filled this page fills another one
			first = min(first, max(leastAgain, 2*w.page.end.Skip))
		}
	}
	result := w.page.connection(func(at cursor) string {
		at.Counted = w.at.Counted
		if at.Top = first; at.Link != "" {
			at.Top, at.Shown = w.at.Top, w.at.Shown
		}
		return w.cursors.seal(w.list.name, at)
	})
	if w.page.doubt != nil {
		result.Doubt(w.page.doubt)
	}
	if w.list.keep != nil {
		result.Scan = &model.Scan{Read: int32(w.page.read), Budget: int32(scanBudget), Stopped: w.page.stopped, Unreadable: int32(w.page.unreadable)}
	}
	return result
}

// rootPage returns the page of a list that a root field asks for.
func rootPage[R, T any](f *field, l list[R, T]) (*model.Connection[T], error) {
	return connectionOf(f, l, arg[*int32](f, "first"), arg[*string](f, "after"), f.prefetchLists)
}

// pageOf returns the page of a list of an object that a field asks for.
func pageOf[R, T any](f *field, l list[R, T]) (*model.Connection[T], error) {
	return connectionOf(f, l, arg[*int32](f, "first"), arg[*string](f, "after"), func() {})
}

// connectionOf returns a page of a list. What needs not wait for it is asked for when the arguments are known to be good.
func connectionOf[R, T any](f *field, l list[R, T], first *int32, after *string, ahead func()) (*model.Connection[T], error) {
	l.counted = l.counted && l.keep == nil && !f.of(l.typeName+"Connection", "totalCount").empty()
	w, err := l.walk(f, first, after)
	if err != nil {
		return nil, err
	}
	ahead()
	var uncounted error
	if l.counted && (!w.at.Counted || w.at.Link != "") {
		uncounted = w.count()
	}
	if err := w.run(); err != nil {
		return nil, err
	}
	if errors.Is(uncounted, loaders.ErrBlocked) {
		return nil, uncounted
	}
	result := w.connection()
	result.Uncounted = cmp.Or(uncounted, w.page.uncounted)
	return result, nil
}

// page is a page of a connection that is being filled.
type page[T any] struct {
	first   int
	after   bool
	items   []T
	places  []cursor // after each item
	end     cursor   // after the last item, or the last page
	more    bool
	stopped bool // by the budget
	count   *int32
	// uncounted is why the count cannot be read.
	uncounted error
	seen      map[string]bool // ids on the upstream pages before
	// upstream is how many upstream pages were asked for, read how many elements they had, and unreadable how many of these
	// were left out with a value that cannot be read.
	upstream, read, unreadable int
	// doubt is why nobody can tell whether one of the items is wanted.
	doubt error
}

// idOf returns the id of an element. A service that repeats a page, or moves an element between two, sends it again.
func idOf[T any](item T) string {
	if node, ok := any(item).(licensing.Node); ok {
		return node.ObjectID()
	}
	return ""
}

// add takes what is wanted of an upstream page, the next of which begins at next, and tells whether the
// page is complete.
func (p *page[T]) add(items []element[T], keep func(T) bool, doubt func(T) error, next cursor) bool {
	start, taken := p.end, false
	for i := start.Skip; i < len(items); i++ {
		if len(p.items) < p.first {
			p.read++
		}
		if !items[i].ok || p.seen[idOf(items[i].value)] {
			continue
		}
		var why error
		if doubt != nil {
			why = doubt(items[i].value)
		}
		if keep != nil && !keep(items[i].value) {
			if (why != nil || hasUnread(items[i].value)) && len(p.items) < p.first {
				p.unreadable++
			}
			continue
		}
		if len(p.items) == p.first {
			p.more = true
			return true
		}
		if p.doubt == nil {
			p.doubt = why
		}
		p.end = cursor{Link: start.Link, Before: start.Before, Skip: i + 1}
		p.items, p.places, taken = append(p.items, items[i].value), append(p.places, p.end), true
	}
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	for _, item := range items {
		if !item.ok {
			continue // of which there is no value
		}
		if id := idOf(item.value); id != "" {
			p.seen[id] = true
		}
	}
	p.end = cursor{Link: start.Link, Before: start.Before, Skip: len(items)}
	if p.more = next.Link != ""; p.more {
		p.end = cursor{Link: next.Link, Before: next.Before, Skip: max(0, start.Skip-len(items))} // a page can be short
	}
	if taken {
		p.places[len(p.places)-1] = p.end
	}
	return !p.more || len(p.items) == p.first
}

func (p *page[T]) connection(seal func(cursor) string) *model.Connection[T] {
	result := &model.Connection[T]{
		Edges:    make([]*model.Edge[T], len(p.items)),
		PageInfo: &model.PageInfo{HasNextPage: p.more, HasPreviousPage: p.after},
		Total:    p.count,
	}
	for i, item := range p.items {
		result.Edges[i] = model.NewEdge(item, func() string { return seal(p.places[i]) })
	}
	if len(p.items) > 0 {
		start := seal(p.places[0])
		result.PageInfo.StartCursor = &start
	}
	if len(p.items) > 0 || p.more {
		end := seal(p.end)
		result.PageInfo.EndCursor = &end
	}
	return result
}
