package graph

import (
	"context"
	"fmt"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// pageSize is the size of a page when nothing, or null, is asked for.
const pageSize = 50

// maxUpstreamPages bounds how many upstream pages one page of a connection is made of. A service may
// send pages that are short or empty and still have a next one.
const maxUpstreamPages = 20

// list is an upstream list that is shown as a connection.
type list[T any] struct {
	// name is the field with the arguments that tell one list from another, for its cursors.
	name string
	// most is the largest page.
	most int
	// read reads an upstream page.
	read func(context.Context, licensing.ListQuery) (licensing.Page[T], error)
	// plan returns what there is to plan for an element, of which this is selected.
	plan func(selection) func(T)
	// typeName is the type of the elements.
	typeName string
}

// connection returns one page of a list: as many upstream pages as it takes to fill it.
func connection[T any](ctx context.Context, c *cursors, l list[T], first *int32, after *string) (*model.Connection[T], error) {
	size := pageSize
	if first != nil {
		size = int(*first)
	}
	if size < 1 || size > l.most {
		return nil, &licensing.InputError{Message: fmt.Sprintf("`first` has to be between 1 and %d", l.most)}
	}
	at := cursor{Top: size}
	if after != nil {
		var err error
		if at, err = c.open(l.name, *after); err != nil {
			return nil, err
		}
	}
	if at.Link == "" {
		at.Shown = loaders.For(ctx).Properties(l.typeName)
	}
	shown := at.Shown
	loaders.For(ctx).Begun()
	p := page[T]{first: size, end: at}
	for range maxUpstreamPages {
		upstream, err := l.read(ctx, licensing.ListQuery{Link: at.Link, Top: at.Top, Properties: shown})
		if err != nil {
			return nil, err
		}
		at = cursor{Link: upstream.Next}
		if p.add(upstream, at) {
			break
		}
	}
	plans := all(l.plan(selected(ctx).nodes(l.typeName)))
	loaders.For(ctx).Together(func() { plans(p.items) })
	return p.connection(func(at cursor) string {
		if at.Link != "" {
			at.Shown = shown
		}
		return c.seal(l.name, at)
	}, after != nil), nil
}

// page is a page of a connection that is being filled.
type page[T any] struct {
	first  int
	items  []T
	places []cursor // after each item
	end    cursor   // after the last item, or the last page
	more   bool
}

// add takes what is wanted of an upstream page, the next of which begins at next, and tells whether the
// page is complete.
func (p *page[T]) add(upstream licensing.Page[T], next cursor) bool {
	start := p.end
	rest := upstream.Items[min(start.Skip, len(upstream.Items)):]
	taken := rest[:min(len(rest), p.first-len(p.items))]
	for i, item := range taken {
		p.end = cursor{Link: start.Link, Top: start.Top, Skip: start.Skip + i + 1}
		p.items = append(p.items, item)
		p.places = append(p.places, p.end)
	}
	if len(taken) < len(rest) {
		p.more = true
		return true
	}
	p.more = next.Link != ""
	if p.more {
		p.end = next
		if len(taken) > 0 {
			p.places[len(p.places)-1] = next
		}
	}
	return !p.more || len(p.items) == p.first
}

func (p *page[T]) connection(seal func(cursor) string, after bool) *model.Connection[T] {
	result := &model.Connection[T]{
		Edges:    make([]*model.Edge[T], len(p.items)),
		PageInfo: &model.PageInfo{HasNextPage: p.more, HasPreviousPage: after},
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
