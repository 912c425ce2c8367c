package graph

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
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
	query licensing.ListQuery
	// most is the largest page, and mostUpstream that of the service.
	most, mostUpstream int
	// typeName is the type of the elements.
	typeName string
	loader   *loaders.Loader[licensing.ListQuery, licensing.Page[R]]
	// whole plans what follows from the elements of an upstream page, once they have everything that is needed.
	whole func(licensing.ListQuery, []R, func([]loaders.Found[T])) (wait func() error)
	// keep tells which elements are wanted, when the service cannot; nil for all of them.
	keep func(T) bool
	// doubt returns why nobody can tell whether an element is wanted; nil when it can be told of all of them.
	doubt func(T) error
	// counted tells that the service can count the list.
	counted bool
	// plan returns what there is to plan for an element, of which this is selected.
	plan func(selection) func(T)
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
func asSent[T any](_ licensing.ListQuery, items []T, next func([]loaders.Found[T])) func() error {
	found := make([]loaders.Found[T], len(items))
	for i, item := range items {
		found[i] = loaders.Found[T]{Value: item, OK: true}
	}
	next(found)
	return func() error { return nil }
}

// pager fills a page of a connection: as many upstream pages as it takes, each planned as soon as the one before is
// known.
type pager[R, T any] struct {
	list    list[R, T]
	cursors *cursors
	next    func(T) // what there is to plan for an element

	mu    sync.Mutex
	page  page[T]
	at    cursor // what is read next
	waits []func() error
	done  bool
	// counting reads how many elements the list has; nil where that comes with a page, or is not wanted.
	counting func() error
	// walked are the places that were read, and failed is why the walk ended before its time.
	walked   []place
	progress licensing.Progress
	restarts int
	failed   error
}

// place is where an upstream page was read from, and where in it the walk went on.
type place struct{ at, end cursor }

// pager returns what fills the page that the arguments ask for.
func (l list[R, T]) pager(p plan, s selection, first *int32, after *string) (*pager[R, T], error) {
	size, err := sizeOf("first", first, l.most)
	if err != nil {
		return nil, err
	}
	l.counted = l.counted && l.keep == nil && !s.of(l.typeName+"Connection", "totalCount").empty()
	at := cursor{Counted: l.counted}
	if after != nil {
		if at, err = p.cursors.open(l.name, "after", *after); err != nil {
			return nil, err
		}
		at = l.nearer(at, size)
	}
	if at.Link == "" {
		at.Top = l.top(at, size)
		at.Shown = strings.Join(p.Properties(l.typeName), ",")
	}
	next := all(l.plan(s.nodes(l.typeName)))
	return &pager[R, T]{
		list: l, cursors: p.cursors, at: at,
		next: func(item T) { next([]T{item}) },
		page: page[T]{first: size, end: at, after: after != nil},
	}, nil
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
		return 0, &licensing.InputError{Message: fmt.Sprintf("`%s` has to be between 1 and %d", name, most)}
	}
	return size, nil
}

// load plans the next upstream page, and what follows from it.
func (p *pager[R, T]) load() {
	q := p.list.query
	q.Link, q.Top, q.Shown = p.at.Link, min(p.at.Top, p.list.mostUpstream), p.at.Shown
	q.Again = p.restarts
	q.Count = p.at.Counted
	p.page.upstream++
	if p.page.upstream == 1 && p.list.counted && (!p.at.Counted || p.at.Link != "") {
		p.count()
	}
	thunk := p.list.loader.Plan(q, func(upstream licensing.Page[R]) {
		p.wait(p.list.whole(q, upstream.Items, func(items []loaders.Found[T]) { p.add(q, upstream, items) }))
	})
	p.wait(func() error {
		_, err := thunk()
		return err
	})
}

// count plans to count the list. The service counts with the first page, and another one is read.
func (p *pager[R, T]) count() {
	q := p.list.query
	q.Top, q.Count = 1, true
	thunk := p.list.loader.Plan(q, func(licensing.Page[R]) {})
	p.counting = func() error {
		first, err := thunk()
		p.page.count = countOf(first)
		return cmp.Or(err, first.Uncounted)
	}
}

// countOf is how many elements a list has, as its first page says; nil when it does not. What no Int can hold is the
// largest.
func countOf[R any](page licensing.Page[R]) *int32 {
	if page.Count == nil {
		return nil
	}
	count := int32(min(*page.Count, math.MaxInt32))
	return &count
}

func (p *pager[R, T]) wait(wait func() error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.waits = append(p.waits, wait)
}

// add takes what is wanted of an upstream page. It plans for what was taken when the page is full.
func (p *pager[R, T]) add(q licensing.ListQuery, upstream licensing.Page[R], items []loaders.Found[T]) {
	if p.list.counted && p.counting == nil && (upstream.Count != nil || upstream.Uncounted != nil) {
		p.page.count, p.page.uncounted = countOf(upstream), upstream.Uncounted
	}
	p.walked = append(p.walked, place{p.at, p.page.end})
	if upstream.Next != "" && (slices.ContainsFunc(p.walked, func(before place) bool { return before.at.Link == upstream.Next }) || p.progress.Page(upstream.IDs) != nil) {
		p.end(&licensing.UpstreamError{Kind: licensing.ErrEndless, Operation: "a list of " + p.list.typeName})
		return
	}
	p.at = cursor{Link: upstream.Next, Top: p.at.Top, Before: p.page.end.Before + len(items), Shown: q.Shown, Counted: q.Count}
	budget := maxUpstreamPages
	if p.list.keep != nil {
		budget = scanBudget
	}
	full := p.page.add(items, p.list.keep, p.list.doubt, p.at)
	if !full && p.page.upstream < budget {
		if p.list.keep != nil && q.Top < p.list.mostUpstream && p.far(q, items) {
			p.page.end = cursor{Skip: p.page.end.Before + p.page.end.Skip}
			p.at = cursor{Top: p.list.mostUpstream, Shown: q.Shown, Counted: q.Count}
			p.walked = nil
		}
		p.load()
		return
	}
	p.page.stopped = !full
	for _, item := range p.page.items {
		p.next(item)
	}
	p.end(nil)
}

// far tells whether the largest pages, from the beginning of the list, take fewer requests than the next link: where
// another page like this one would not fill the page of the connection, and this one is near the beginning. A page that
// is read on follows some links first.
func (p *pager[R, T]) far(q licensing.ListQuery, items []loaders.Found[T]) bool {
	kept := 0
	for _, item := range items {
		if item.OK && p.list.keep(item.Value) {
			kept++
		}
	}
	near := q.Link == "" && !p.page.after ||
		p.page.upstream >= smallLinks && len(items) >= q.Top && p.page.end.Before <= p.list.mostUpstream
	return near && kept < p.page.first-len(p.page.items)
}

// end ends the walk, for a reason unless it was complete.
func (p *pager[R, T]) end(failed error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done, p.failed = true, failed
}

// restart goes on when the service no longer knows the page that is read next: at the last page that was read, then
// where the walk began. It returns why that is not possible.
func (p *pager[R, T]) restart(err error) error {
	if !errors.Is(err, licensing.ErrExpired) {
		return err
	}
	if len(p.walked) == 0 && p.restarts == 0 {
		return &licensing.InputError{Message: "the cursor in `after` has expired: begin with the first page"}
	}
	p.restarts++
	switch {
	case len(p.walked) == 0 || p.restarts > 2:
		return err
	case p.restarts == 1:
		p.back(len(p.walked) - 1)
	default:
		p.back(0)
	}
	p.load()
	return nil
}

// back goes to a place that was read before.
func (p *pager[R, T]) back(to int) {
	p.at, p.page.end = p.walked[to].at, p.walked[to].end
	p.walked, p.progress = p.walked[:to], licensing.Progress{}
}

// connection waits until the page is full.
func (p *pager[R, T]) connection() (*model.Connection[T], error) {
	for i := 0; ; i++ {
		p.mu.Lock()
		done := p.done
		var wait func() error
		if i < len(p.waits) {
			wait = p.waits[i]
		}
		p.mu.Unlock()
		switch {
		case done:
			if p.failed != nil {
				return nil, p.failed
			}
			uncounted := p.page.uncounted
			if p.counting != nil {
				uncounted = p.counting()
			}
			result := p.result()
			result.Uncounted = uncounted
			return result, nil
		case wait == nil:
			return nil, errors.New("a page that nothing fills")
		}
		if err := wait(); err != nil {
			if err := p.restart(err); err != nil {
				return nil, err
			}
		}
	}
}

func (p *pager[R, T]) result() *model.Connection[T] {
	first := 0
	if p.list.keep != nil {
		if first = p.at.Top; p.page.end.Link == "" { // what filled this page fills another one
			first = min(first, max(leastAgain, 2*p.page.end.Skip))
		}
	}
	result := p.page.connection(func(at cursor) string {
		at.Counted = p.at.Counted
		if at.Top = first; at.Link != "" {
			at.Top, at.Shown = p.at.Top, p.at.Shown
		}
		return p.cursors.seal(p.list.name, at)
	})
	if p.page.doubt != nil {
		result.Doubt(p.page.doubt)
	}
	if p.list.keep != nil {
		result.Scan = &model.Scan{Read: int32(p.page.read), Budget: int32(scanBudget), Stopped: p.page.stopped, Unreadable: int32(p.page.unreadable)}
	}
	return result
}

// connection returns the page of a list that a root field asks for.
func connection[R, T any](p plan, s selection, l list[R, T], first *int32, after *string) (*model.Connection[T], error) {
	pager, err := l.pager(p, s, first, after)
	if err != nil {
		return nil, err
	}
	p.Together(func() {
		p.ahead(s)
		pager.load()
	})
	p.Begun()
	return pager.connection()
}

// connections returns the same page of several lists, those of several objects.
func connections[R, T any](p plan, s selection, lists []list[R, T], first *int32, after *string) ([]*model.Connection[T], []error) {
	pagers, errs := make([]*pager[R, T], len(lists)), make([]error, len(lists))
	p.Together(func() {
		for i, l := range lists {
			if l.loader == nil {
				continue // of an object that cannot have the list: null
			}
			if pagers[i], errs[i] = l.pager(p, s, first, after); errs[i] == nil {
				pagers[i].load()
			}
		}
	})
	results := make([]*model.Connection[T], len(lists))
	for i, pager := range pagers {
		if pager != nil && errs[i] == nil {
			results[i], errs[i] = pager.connection()
		}
	}
	return results, errs
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
func (p *page[T]) add(items []loaders.Found[T], keep func(T) bool, doubt func(T) error, next cursor) bool {
	start, taken := p.end, false
	for i := start.Skip; i < len(items); i++ {
		if len(p.items) < p.first {
			p.read++
		}
		if !items[i].OK || p.seen[idOf(items[i].Value)] {
			continue
		}
		var why error
		if doubt != nil {
			why = doubt(items[i].Value)
		}
		if keep != nil && !keep(items[i].Value) {
			if (why != nil || hasUnread(items[i].Value)) && len(p.items) < p.first {
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
		p.items, p.places, taken = append(p.items, items[i].Value), append(p.places, p.end), true
	}
	if p.seen == nil {
		p.seen = map[string]bool{}
	}
	for _, item := range items {
		if !item.OK {
			continue // of which there is no value
		}
		if id := idOf(item.Value); id != "" {
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
