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

// list is the envelope of a page.
type list struct {
	Value    rows            `json:"value"`
	NextLink string          `json:"@odata.nextLink"`
	Count    json.RawMessage `json:"@odata.count"` // on the first page only
}

// count reads how many elements the whole list has; nil when the page does not say.
func (l list) count() (n *int, err error) {
	if json.Unmarshal(l.Count, &n) != nil && len(l.Count) > 0 {
		return nil, upstream.OddValue("@odata.count")
	}
	return n, nil
}

// rows are the elements of a page, null where one is.
type rows []json.RawMessage

// maxRows bounds the elements of a page, and of a whole list. The largest page that the service documents has 1,000.
const maxRows = 5_000

// UnmarshalJSON reads no more elements than [maxRows].
func (r *rows) UnmarshalJSON(raw []byte) error {
	elements := json.NewDecoder(bytes.NewReader(raw))
	switch first, err := elements.Token(); {
	case err != nil:
		return err
	case first == nil:
		return nil
	case first != json.Delim('['):
		return errors.New("the value of a list is none")
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

// decodePage reads one page, each element with the function given, without those that it cannot decode: null, and what
// has no ID. The link of the page is as the service sent it.
func decodePage[T any](endpoint string, body []byte, decode func(json.RawMessage) (T, error)) (upstream.Page[T], error) {
	var sent list
	if err := json.Unmarshal(body, &sent); err != nil {
		return upstream.Page[T]{}, unreadable(endpoint, err)
	}
	if sent.Value == nil {
		return upstream.Page[T]{}, unreadable(endpoint, errors.New("a list without a value"))
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

// listFailure tells what the failure of a page means. What is refused or missing is the place where an earlier page
// ended, else whom the list belongs to. A list of the tenant has no id that could be wrong: it is missing itself.
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

// nextLink returns where a page continues; empty at the end.
func nextLink(body []byte) string {
	if !bytes.Contains(body, []byte(`"@odata.nextLink"`)) { // sooner than parsing it
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

// decode reads one entity, bare or in an envelope of its own: pages of the reference show both.
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
		return nil, errors.New("an object without an id")
	}
	return &entity, nil
}

// errNothing is the error of null where an entity has to be.
var errNothing = errors.New("an entity without a value")

// nothing tells whether a body holds no value.
func nothing(body []byte) bool {
	body = bytes.TrimSpace(body)
	return len(body) == 0 || string(body) == "null"
}

// unwrapped returns the entity, or null, inside {"value":…}, else what it was given.
func unwrapped(raw json.RawMessage) json.RawMessage {
	if !bytes.Contains(raw, []byte(`"value"`)) { // sooner than parsing it
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

// one makes a read of one entity that has no relations.
func one[T any](r *read, found func(*T, error)) *read { return entity(r, decode[T], found) }

// entity makes a read of one entity.
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

// all makes a read of a whole list, all its pages.
func all[T any](r *read, decode func(json.RawMessage) (T, error), found func([]T, error)) *read {
	items := []T{}
	before := map[string]bool{} // ids on earlier pages
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

// idIn returns the id of an element of a list.
func idIn(item any) string {
	switch item := item.(type) {
	case licensing.Node:
		return item.ObjectID()
	case *licensing.Reference:
		return item.Object.ObjectID()
	}
	return ""
}

// page adds the read of one page of a list.
func page[T any](b *Batch, q upstream.Query, r *read, decode func(json.RawMessage) (T, error), found func(upstream.Page[T], error)) {
	if q.Link != "" {
		r.url, r.others, r.took = q.Link, nil, nil
	}
	r.done = func(body []byte, err error) {
		var p upstream.Page[T]
		if err == nil {
			p, err = decodePage(r.endpoint, body, decode)
		}
		if err == nil && len(p.Items) == 0 && p.Unusable != nil && p.Next == "" && q.Link == "" {
			err = unreadable(r.endpoint, p.Unusable) // of the whole list nothing is left
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
