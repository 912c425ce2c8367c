package graph

import (
	"fmt"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
)

// maxUpstreamPages bounds how many upstream pages one page of a connection is made of. A service may
// send pages that are short or empty and still have a next one.
const maxUpstreamPages = 50

// pageRequest asks for a page of a connection.
type pageRequest struct {
	list  string // the field with its arguments, but for first and after
	first int
	start cursor
	after bool
}

// page reads the arguments of a connection field.
func (r *Resolver) page(list string, first int32, after *string, most int) (pageRequest, error) {
	p := pageRequest{list: list, first: int(first)}
	if p.first < 1 || p.first > most {
		return p, &licensing.InputError{Message: fmt.Sprintf("`first` has to be between 1 and %d", most)}
	}
	if after == nil {
		return p, nil
	}
	var err error
	p.after = true
	p.start, err = r.cursors.open(list, *after)
	return p, err
}

// connection reads upstream pages until the page is full or the list at its end.
func connection[T any](c *cursors, p pageRequest, read func(licensing.ListQuery) (licensing.Page[T], error)) (*model.Connection[T], error) {
	result := &model.Connection[T]{PageInfo: &model.PageInfo{HasPreviousPage: p.after}}
	at := p.start
	if at.Top == 0 {
		at.Top = p.first
	}
	end := at
	for range maxUpstreamPages {
		page, err := read(licensing.ListQuery{Link: at.Link, Top: at.Top})
		if err != nil {
			return nil, err
		}
		items := page.Items[min(at.Skip, len(page.Items)):]
		taken := items[:min(len(items), p.first-len(result.Edges))]
		for i, item := range taken {
			place := cursor{Link: at.Link, Top: at.Top, Skip: at.Skip + i + 1}
			if place.Skip == len(page.Items) && page.Next != "" {
				place = cursor{Link: page.Next}
			}
			end = place
			result.Edges = append(result.Edges, model.NewEdge(item, func() string { return c.seal(p.list, place) }))
		}
		switch {
		case len(taken) < len(items):
			result.PageInfo.HasNextPage = true
		case page.Next != "":
			result.PageInfo.HasNextPage = true
			at = cursor{Link: page.Next}
			end = at
			if len(result.Edges) < p.first {
				continue
			}
		default:
			result.PageInfo.HasNextPage = false
		}
		break
	}
	if len(result.Edges) > 0 {
		first := result.Edges[0].Cursor()
		result.PageInfo.StartCursor = &first
	}
	if len(result.Edges) > 0 || result.PageInfo.HasNextPage {
		last := c.seal(p.list, end)
		result.PageInfo.EndCursor = &last
	}
	return result, nil
}
