package graph

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"licensegraph/graph/cursor"
	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

const (
	// defaultPageSize applies if `first` is absent or null.
	defaultPageSize = 50
	// maxUpstreamPages limits the upstream pages of one page of a connection. Upstream pages can be short or empty
	// and still have a next link.
	maxUpstreamPages = 100
	// scanBudget is this limit for lists that the gateway filters.
	scanBudget = 10
)

// list is an upstream list of R that is resolved as a connection of T.
type list[R, T any] struct {
	// name is the field with its arguments, to which cursors are bound; see [listName].
	name  string
	query upstream.Query
	// maxFirst is the largest page of the connection, maxTop the largest upstream page; 0 means that of the loader.
	maxFirst, maxTop int
	typeName         string
	loader           *loaders.Loader[upstream.Query, upstream.Page[R]]
	// complete returns an element with the required properties.
	complete func(upstream.Query, R) (T, error)
	// keep reports whether an element matches a filter that Microsoft Graph does not support; nil without such a
	// filter.
	keep func(T) bool
	// readError returns the error of a property that the filter requires and that could not be read.
	readError func(T) error
	// counted reports that the endpoint supports $count.
	counted bool
}

// element is an element of an upstream page; not ok if it was deleted since.
type element[T any] struct {
	value T
	ok    bool
}

// listName identifies a list by its field and arguments: a cursor is valid for one list.
func listName(field string, arguments ...any) string {
	text, err := json.Marshal(arguments)
	if err != nil {
		panic(err) // arguments are plain values
	}
	return field + " " + string(text)
}

// asReturned is list.complete for lists whose elements have all properties.
func asReturned[T any](_ upstream.Query, item T) (T, error) { return item, nil }

// walk fills a page of a connection from upstream pages.
type walk[R, T any] struct {
	list    list[R, T]
	cursors *cursor.Sealer
	page    page[T]
	at      cursor.Position // next read

	// walked are the pages read since the start or the last restart.
	walked   []place
	progress upstream.Progress
	restarts int
	counting bool // by a separate request
}

// place is the position of an upstream page, and the page's position before it.
type place struct{ at, end cursor.Position }

// walk validates the arguments and returns the walk that fills their page.
func (l list[R, T]) walk(f *field, first *int32, after *string) (*walk[R, T], error) {
	size, err := sizeOf("first", first, l.maxFirst)
	if err != nil {
		return nil, err
	}
	if after == nil {
		return l.walkFrom(f, nil, size), nil
	}
	at, err := f.cursors.Open(l.name, "after", *after)
	if err != nil {
		return nil, err
	}
	return l.walkFrom(f, &at, size), nil
}

// walkFrom returns the walk that fills a page after a position; the first page without one.
func (l list[R, T]) walkFrom(f *field, after *cursor.Position, size int) *walk[R, T] {
	at := cursor.Position{Counted: l.counted}
	if l.maxTop == 0 {
		l.maxTop = l.loader.LargestPage()
	}
	if after != nil {
		at = l.nearer(*after, size)
	}
	if at.Link == "" {
		at.Top = l.top(at, size)
		at.Shown = strings.Join(f.Properties(l.typeName), ",")
	}
	return &walk[R, T]{list: l, cursors: f.cursors, at: at, page: page[T]{first: size, end: at, after: after != nil}}
}

const (
	// readPerMatch is the number of elements to read first per requested element of a filtered list, and minRead the
	// least number. Later reads use the largest pages.
	readPerMatch = 4
	minRead      = 100
	// minContinue is the least number when a cursor continues a filtered list.
	minContinue = 20
	// maxSmallPages is the factor of extra requests up to which next links are followed; see [list.nearer].
	maxSmallPages = 4
)

// wanted returns the number of elements to read for a page.
func (l list[R, T]) wanted(size int) int {
	if l.keep == nil {
		return size
	}
	return max(minRead, readPerMatch*size)
}

// top returns the size of the first upstream page. A filtered list keeps the size in its cursor, so that the next
// link starts after the elements already read.
func (l list[R, T]) top(at cursor.Position, size int) int {
	if l.keep != nil && at.Top > 0 && readPerMatch*size/at.Top < maxSmallPages {
		return min(at.Top, l.maxTop)
	}
	return min(at.Skip+l.wanted(size), l.maxTop)
}

// nearer returns the position to read from. A next link fixes its page size: if that takes many more requests, and
// the position is near the start of the list, reading restarts there with larger pages.
func (l list[R, T]) nearer(at cursor.Position, size int) cursor.Position {
	if at.Link == "" {
		return at
	}
	before, wanted := at.Before+at.Skip, size
	if l.keep != nil {
		wanted = readPerMatch * size
	}
	if before <= l.maxTop && wanted/max(1, at.Top) >= maxSmallPages*((before+wanted)/l.maxTop+1) {
		return cursor.Position{Skip: before, Counted: at.Counted}
	}
	return at
}

func sizeOf(name string, wanted *int32, most int) (int, error) {
	size := defaultPageSize
	if wanted != nil {
		size = int(*wanted)
	}
	if size < 1 || size > most {
		return 0, &upstream.InputError{Message: fmt.Sprintf("`%s` must be between 1 and %d", name, most)}
	}
	return size, nil
}

// run reads upstream pages until the page is full.
func (w *walk[R, T]) run() error {
	for {
		q := w.list.query
		q.Link, q.Top, q.Shown = w.at.Link, min(w.at.Top, w.list.maxTop), w.at.Shown
		q.Again, q.Count = w.restarts, w.at.Counted
		w.page.upstream++
		sent, err := w.list.loader.Get(q)
		var items []element[T]
		if err == nil {
			items, err = w.complete(q, sent.Items)
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

// complete completes the elements of an upstream page. Deleted elements are not ok.
func (w *walk[R, T]) complete(q upstream.Query, items []R) ([]element[T], error) {
	values, errs, blocked := loaders.Collect(items, func(item R) (T, error) { return w.list.complete(q, item) })
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

// count requests the count of the list, if the walk does not read the first page.
func (w *walk[R, T]) count() error {
	w.counting = true
	q := w.list.query
	q.Top, q.Count = 1, true
	first, err := w.list.loader.Get(q)
	w.page.count = countOf(first)
	return cmp.Or(err, first.Uncounted)
}

// countOf returns the @odata.count of a first page, at most the largest Int; nil if absent.
func countOf[R any](page upstream.Page[R]) *int32 {
	if page.Count == nil {
		return nil
	}
	count := int32(min(*page.Count, math.MaxInt32))
	return &count
}

// add adds the matching elements of an upstream page, and reports whether the page is full or the budget is used up.
func (w *walk[R, T]) add(q upstream.Query, sent upstream.Page[R], items []element[T]) (bool, error) {
	if w.list.counted && !w.counting && (sent.Count != nil || sent.Uncounted != nil) {
		w.page.count, w.page.uncounted = countOf(sent), sent.Uncounted
	}
	if rows := len(sent.IDs) + sent.LeftOut; sent.Next != "" && rows < q.Top && rows > 0 { // $top is capped
		w.list.maxTop = min(w.list.maxTop, max(rows, minRead))
	}
	w.walked = append(w.walked, place{w.at, w.page.end})
	if sent.Next != "" && (slices.ContainsFunc(w.walked, func(before place) bool { return before.at.Link == sent.Next }) || w.progress.Page(sent.IDs) != nil) {
		return false, &upstream.Error{Kind: upstream.ErrEndless, Operation: "a list of " + w.list.typeName}
	}
	w.at = cursor.Position{Link: sent.Next, Top: w.at.Top, Before: w.page.end.Before + len(items), Shown: q.Shown, Counted: q.Count}
	budget := maxUpstreamPages
	if w.list.keep != nil {
		budget = scanBudget
	}
	full := w.page.add(items, w.list.keep, w.list.readError, w.at)
	if full || w.page.upstream >= budget {
		w.page.stopped = !full
		return true, nil
	}
	if w.list.keep != nil && q.Top < w.list.maxTop && w.far(q, items) {
		w.page.end = cursor.Position{Skip: w.page.end.Before + w.page.end.Skip}
		w.at = cursor.Position{Top: w.list.maxTop, Shown: q.Shown, Counted: q.Count}
		w.walked = nil
	}
	return false, nil
}

// far reports whether restarting with the largest pages takes fewer requests than following the next link: few
// elements matched, and the position is near the start of the list. A continued page first follows some links.
func (w *walk[R, T]) far(q upstream.Query, items []element[T]) bool {
	kept := 0
	for _, item := range items {
		if item.ok && w.list.keep(item.value) {
			kept++
		}
	}
	near := q.Link == "" && !w.page.after ||
		w.page.upstream >= maxSmallPages && len(items) >= q.Top && w.page.end.Before <= w.list.maxTop
	return near && kept < w.page.first-len(w.page.items)
}

// restart handles an expired next link: it continues at the last page read, then at the start of the walk. It returns
// the error if that is not possible.
func (w *walk[R, T]) restart(err error) error {
	if !errors.Is(err, upstream.ErrExpired) {
		return err
	}
	if len(w.walked) == 0 && w.restarts == 0 {
		return &upstream.InputError{Message: "the cursor in `after` has expired: start with the first page"}
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

// back returns to an earlier position.
func (w *walk[R, T]) back(to int) {
	w.at, w.page.end = w.walked[to].at, w.walked[to].end
	w.walked, w.progress = w.walked[:to], upstream.Progress{}
}

// resume returns a position with what is required to continue there.
func (w *walk[R, T]) resume(at cursor.Position) cursor.Position {
	at.Counted = w.at.Counted
	if at.Link != "" {
		at.Top, at.Shown = w.at.Top, w.at.Shown
		return at
	}
	at.Top = 0
	if w.list.keep != nil {
		if at.Top = w.at.Top; w.page.end.Link == "" { // a similar size probably fills the next page
			at.Top = min(at.Top, max(minContinue, 2*w.page.end.Skip))
		}
	}
	return at
}

// connection returns the filled page.
func (w *walk[R, T]) connection() *model.Connection[T] {
	seal := w.cursors.In(w.list.name)
	result := w.page.connection(func(at cursor.Position) string { return seal(w.resume(at)) })
	if w.page.readError != nil {
		result.SetReadError(w.page.readError)
	}
	if w.list.keep != nil {
		result.Scan = &model.Scan{Read: int32(w.page.read), Budget: int32(scanBudget), Stopped: w.page.stopped, Unreadable: int32(w.page.unreadable)}
	}
	return result
}

// rootPage returns the page of a root field's list and prefetches the tenant's lists.
func rootPage[R, T any](f *field, l list[R, T]) (*model.Connection[T], error) {
	return connectionOf(f, l, arg[*int32](f, "first"), arg[*string](f, "after"), f.prefetchLists)
}

// pageOf returns the page of an object's list.
func pageOf[R, T any](f *field, l list[R, T]) (*model.Connection[T], error) {
	return connectionOf(f, l, arg[*int32](f, "first"), arg[*string](f, "after"), func() {})
}

// connectionOf returns a page of a list. It calls ahead after it has validated the arguments, before it reads.
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

// page is a page of a connection while it is filled.
type page[T any] struct {
	first   int
	after   bool
	items   []T
	places  []cursor.Position // after each item
	end     cursor.Position   // after the last item or upstream page
	more    bool
	stopped bool // by the budget
	count   *int32
	// uncounted is the error of the count.
	uncounted error
	seen      map[string]bool // IDs on earlier upstream pages
	// upstream is the number of upstream pages read, read the number of their elements, and unreadable the number of
	// elements excluded because a property could not be read.
	upstream, read, unreadable int
	// readError is the first error of list.readError for an included item.
	readError error
}

// idOf returns the ID of an element, to skip repeated elements: upstream pages can overlap.
func idOf[T any](item T) string {
	if node, ok := any(item).(licensing.Node); ok {
		return node.ObjectID()
	}
	return ""
}

// add adds the matching elements of an upstream page and reports whether the page is complete. next is the position
// of the next upstream page.
func (p *page[T]) add(items []element[T], keep func(T) bool, readError func(T) error, next cursor.Position) bool {
	start, taken := p.end, false
	p.grow(len(items))
	for i := start.Skip; i < len(items); i++ {
		if len(p.items) < p.first {
			p.read++
		}
		if !items[i].ok || p.seen[idOf(items[i].value)] {
			continue
		}
		var why error
		if readError != nil {
			why = readError(items[i].value)
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
		if p.readError == nil {
			p.readError = why
		}
		p.end = cursor.Position{Link: start.Link, Before: start.Before, Skip: i + 1}
		p.items, p.places, taken = append(p.items, items[i].value), append(p.places, p.end), true
	}
	p.end = cursor.Position{Link: start.Link, Before: start.Before, Skip: len(items)}
	if p.more = next.Link != ""; p.more {
		p.end = cursor.Position{Link: next.Link, Before: next.Before, Skip: max(0, start.Skip-len(items))} // an upstream page can be short
	}
	if taken {
		p.places[len(p.places)-1] = p.end
	}
	if !p.more || len(p.items) == p.first {
		return true
	}
	p.see(items)
	return false
}

// grow makes room for elements.
func (p *page[T]) grow(elements int) {
	room := min(elements, p.first-len(p.items))
	p.items, p.places = slices.Grow(p.items, room), slices.Grow(p.places, room)
}

// see records the IDs of the elements of an upstream page, except deleted ones.
func (p *page[T]) see(items []element[T]) {
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	for _, item := range items {
		if !item.ok {
			continue
		}
		if id := idOf(item.value); id != "" {
			p.seen[id] = true
		}
	}
}

func (p *page[T]) connection(seal func(cursor.Position) string) *model.Connection[T] {
	result := &model.Connection[T]{
		Nodes:    p.items,
		PageInfo: &model.PageInfo{HasNextPage: p.more, HasPreviousPage: p.after},
		Cursor:   func(i int) string { return seal(p.places[i]) },
		Total:    p.count,
	}
	if len(p.items) > 0 {
		result.PageInfo.Start = func() string { return result.Cursor(0) }
	}
	if len(p.items) > 0 || p.more {
		result.PageInfo.End = func() string { return seal(p.end) }
	}
	return result
}
