package msgraph

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"slices"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// list is a page of a collection.
type list struct {
	Value    rows            `json:"value"`
	NextLink string          `json:"@odata.nextLink"`
	Count    json.RawMessage `json:"@odata.count"` // on the first page only
}

// count returns the number of elements in the collection; nil if the page does not have it.
func (l list) count() (n *int, err error) {
	if json.Unmarshal(l.Count, &n) != nil && len(l.Count) > 0 {
		return nil, upstream.OddValue("@odata.count")
	}
	return n, nil
}

// rows are the elements of a page; null elements are nil.
type rows []json.RawMessage

// maxRows is the maximum number of elements in a page, and in a whole list. The largest documented page has 1,000.
const maxRows = 5_000

// UnmarshalJSON decodes at most [maxRows] elements.
func (r *rows) UnmarshalJSON(raw []byte) error {
	elements := json.NewDecoder(bytes.NewReader(raw))
	switch first, err := elements.Token(); {
	case err != nil:
		return err
	case first == nil:
		return nil
	case first != json.Delim('['):
		return errors.New("value is not an array")
	}
	*r = rows{}
	for elements.More() {
		var row json.RawMessage
		if len(*r) == maxRows {
			return errTooLarge
		}
		if err := elements.Decode(&row); err != nil {
			return err
		}
		*r = append(*r, row)
	}
	return nil
}

// decodePage decodes a page and its elements. It leaves out elements that are null or have no ID. The next link is
// unchanged.
func decodePage[T any](endpoint string, body []byte, decode func(json.RawMessage) (T, error)) (upstream.Page[T], error) {
	var sent list
	if err := json.Unmarshal(body, &sent); err != nil {
		return upstream.Page[T]{}, unreadable(endpoint, err)
	}
	if sent.Value == nil {
		return upstream.Page[T]{}, unreadable(endpoint, errors.New("missing value"))
	}
	page := upstream.Page[T]{Items: make([]T, 0, len(sent.Value)), Next: sent.NextLink}
	page.Count, page.Uncounted = sent.count()
	for _, raw := range sent.Value {
		item, err := decode(raw)
		if err != nil {
			if page.LeftOut++; !nothing(raw) {
				page.Unusable = err
			}
			continue
		}
		page.Items, page.IDs = append(page.Items, item), append(page.IDs, idIn(item))
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

// nextLink returns the next link of a page; empty on the last page.
func nextLink(body []byte) string {
	if !bytes.Contains(body, []byte(`"@odata.nextLink"`)) { // avoids parsing
		return ""
	}
	var page struct {
		NextLink string `json:"@odata.nextLink"`
	}
	if json.Unmarshal(body, &page) != nil {
		return ""
	}
	return page.NextLink
}

// decode decodes one entity, with or without a {"value":…} envelope: the reference has examples of both.
func decode[T any](raw json.RawMessage) (*T, error) {
	raw = unwrapped(raw)
	if nothing(raw) {
		return nil, errNothing
	}
	var entity T
	if err := unmarshal(raw, &entity); err != nil {
		return nil, err
	}
	if node, ok := any(&entity).(licensing.Node); ok && node.ObjectID() == "" {
		return nil, errors.New("missing id")
	}
	return &entity, nil
}

// errNothing is the error of null in place of an entity.
var errNothing = errors.New("unexpected null")

// nothing reports whether a body is empty or null.
func nothing(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) == 0 || string(body) == "null"
}

// unwrapped returns the content of a {"value":…} envelope; the input if there is none.
func unwrapped(raw json.RawMessage) json.RawMessage {
	if !bytes.Contains(raw, []byte(`"value"`)) { // avoids parsing
		return raw
	}
	var envelope struct {
		Value json.RawMessage `json:"value"`
		ID    json.RawMessage `json:"id"`
	}
	if json.Unmarshal(raw, &envelope) == nil && envelope.ID == nil &&
		(bytes.HasPrefix(envelope.Value, []byte("{")) || string(envelope.Value) == "null") {
		return envelope.Value
	}
	return raw
}

// one sets up a read of one entity without relations.
func one[T any](r *read, found func(*T, error)) *read { return entity(r, decode[T], found) }

// entity sets up a read of one entity.
func entity[T any](r *read, decode func(json.RawMessage) (*T, error), found func(*T, error)) *read {
	r.done = func(body []byte, err error) {
		if err != nil {
			found(nil, err)
			return
		}
		entity, err := decode(body)
		if err != nil {
			found(nil, unreadable(r.endpoint, err))
			return
		}
		found(entity, nil)
	}
	return r
}

// all sets up a read of all pages of a list.
func all[T any](r *read, decode func(json.RawMessage) (T, error), found func([]T, error)) *read {
	items := []T{}
	before := map[string]bool{} // IDs on earlier pages
	leftOut, unusable := 0, error(nil)
	r.more = nextLink
	r.done = func(body []byte, err error) {
		if err == nil {
			var p upstream.Page[T]
			p, err = decodePage(r.endpoint, body, decode)
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
			r.more = nil
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
func page[T any](b *Batch, q upstream.Query, r *read, decode func(json.RawMessage) (T, error), found func(upstream.Page[T], error)) {
	if q.Link != "" {
		r.url, r.fallbacks, r.accepted = q.Link, nil, nil
	}
	r.done = func(body []byte, err error) {
		var p upstream.Page[T]
		if err == nil {
			p, err = decodePage(r.endpoint, body, decode)
		}
		if err == nil && len(p.Items) == 0 && p.Unusable != nil && p.Next == "" && q.Link == "" {
			err = unreadable(r.endpoint, p.Unusable) // no element is readable
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
