package msgraph

import (
	"cmp"
	"errors"
	"slices"
	"strings"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// maxRows is the maximum number of elements in a page, and in a whole list. The largest documented page has 1,000.
const maxRows = 5_000

// readPage reads a page and its elements. It leaves out elements that are null or have no ID. The next link is
// unchanged.
func readPage[T any](d *decode.Decoder, read func(*decode.Decoder) (T, error)) (page upstream.Page[T], err error) {
	if !d.Members(func(name string) {
		ok := true
		switch name {
		case "value":
			if d.Peek() == 'n' {
				d.Skip()
				return
			}
			page.Items, page.IDs, page.LeftOut, page.Unusable = []T{}, nil, 0, nil
			ok = d.Elements(func() {
				if len(page.Items)+page.LeftOut == maxRows {
					err = errTooLarge
				}
				if err != nil {
					d.Skip()
					return
				}
				item, why := read(d)
				if why != nil {
					if page.LeftOut++; !errors.Is(why, decode.ErrNull) {
						page.Unusable = why
					}
					return
				}
				page.Items, page.IDs = append(page.Items, item), append(page.IDs, idIn(item))
			})
		case "@odata.nextLink":
			if d.Peek() == 'n' {
				d.Skip()
				return
			}
			page.Next, ok = d.Text()
		case "@odata.count": // on the first page only
			count, counted := d.Int()
			if page.Count, page.Uncounted = count, nil; !counted || count != nil && *count < 0 {
				page.Count, page.Uncounted = nil, upstream.OddValue("@odata.count")
			}
		default:
			d.Skip()
		}
		if !ok && err == nil {
			err = errors.New("invalid " + name)
		}
	}) {
		err = cmp.Or(d.Err(), err, errors.New("not an object"))
	}
	if page.Items == nil {
		err = cmp.Or(err, errors.New("missing value"))
	}
	if err != nil {
		return upstream.Page[T]{}, err
	}
	return page, nil
}

// listFailure sets the kind of a page's error. A 400 or 404 for a next link means that the link has expired. A 404 for
// a list of the tenant, which has no ID in its path, means that the tenant does not provide the list.
func listFailure(q upstream.Query, err error) error {
	failure, ok := errors.AsType[*upstream.Error](err)
	switch {
	case !ok:
		return err
	case q.Link != "" && (errors.Is(failure, upstream.ErrRefused) || errors.Is(failure, upstream.ErrNotFound)):
		failure.Kind, failure.Retryable = upstream.ErrExpired, true
	case q.Of == "" && q.Filter.AssignedTo == "" && errors.Is(failure, upstream.ErrNotFound):
		failure.Kind = upstream.ErrNotOffered
	}
	return failure
}

// nothing reports whether a body is empty or null.
func nothing(body string) bool {
	body = strings.TrimSpace(body)
	return body == "" || body == "null"
}

// entity sets up a read of one entity.
func entity[T any](r *read, of func(*decode.Decoder) (*T, error), found func(*T, error)) *read {
	var e *T
	r.decode = func(d *decode.Decoder) (err error) { e, err = of(d); return err }
	r.done = func(err error) {
		if err != nil {
			e = nil
		}
		found(e, err)
	}
	return r
}

// all sets up a read of all pages of a list.
func all[T any](r *read, of func(*decode.Decoder) (T, error), found func([]T, error)) *read {
	items := []T{}
	before := map[string]bool{} // IDs on earlier pages
	leftOut, unusable := 0, error(nil)
	var p upstream.Page[T]
	r.decode = func(d *decode.Decoder) (err error) { p, err = readPage(d, of); return err }
	r.next = func() string { return p.Next }
	r.done = func(err error) {
		if err == nil {
			leftOut, unusable = leftOut+p.LeftOut, cmp.Or(unusable, p.Unusable)
			p.Items = slices.DeleteFunc(p.Items, func(item T) bool { return before[idIn(item)] })
			for _, item := range p.Items {
				before[idIn(item)] = p.Next != ""
			}
			if items = append(items, p.Items...); len(items) > maxRows {
				err = unreadable(r.endpoint, errTooLarge)
			}
			if err == nil && p.Next != "" {
				err = r.walk.read(r.endpoint, p.IDs)
			}
			if err == nil && p.Next != "" {
				return
			}
			if err == nil && len(items) == 0 && unusable != nil {
				err = unreadable(r.endpoint, unusable)
			}
		}
		if err != nil {
			r.next = nil
			found(nil, err)
			return
		}
		r.operation.leftOut(r.endpoint, leftOut)
		found(items, nil)
	}
	return r
}

// idIn returns the ID of a list element.
func idIn(item any) string {
	switch item := item.(type) {
	case licensing.Node:
		return item.ObjectID()
	case *licensing.Reference:
		return item.Object.ObjectID()
	}
	return ""
}

// page adds a read of one page of a list.
func page[T any](b *Batch, q upstream.Query, r *read, of func(*decode.Decoder) (T, error), found func(upstream.Page[T], error)) {
	if q.Link != "" {
		r.url, r.fallbacks, r.accepted = q.Link, nil, nil
	}
	var p upstream.Page[T]
	r.decode = func(d *decode.Decoder) (err error) { p, err = readPage(d, of); return err }
	r.done = func(err error) {
		if err == nil && len(p.Items) == 0 && p.Unusable != nil && p.Next == "" && q.Link == "" {
			err = unreadable(r.endpoint, p.Unusable) // no element is readable
		}
		if rows := len(p.Items) + p.LeftOut; err == nil && p.Next != "" && rows < r.options.top && r.options.top > maxCloudLicensingTop && rows > 0 {
			b.operation.capabilities.observeNumber(largestPage(r.endpoint), max(rows, maxCloudLicensingTop)) // $top is capped, or the page is short
		}
		if err == nil && p.Next != "" {
			if p.Next, err = b.operation.client.follow(p.Next); err != nil {
				err = unreadable(r.endpoint, err)
			} else if p.Next == r.url {
				err = &upstream.Error{Kind: upstream.ErrEndless, Operation: r.endpoint}
			}
		}
		if err != nil {
			found(upstream.Page[T]{}, listFailure(q, err))
			return
		}
		r.operation.leftOut(r.endpoint, p.LeftOut)
		found(p, nil)
	}
	b.add(r)
}
