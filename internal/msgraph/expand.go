package msgraph

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
	"strings"

	"licensegraph/internal/decode"
	"licensegraph/internal/upstream"
)

// expansions returns the $expand values to try for the relations, in descending number of relations, without those that
// the endpoint is known to reject. The last value is empty: the relations are then read separately.
//
// For an assignment error, the reference allows both relations together but has no example; assignedTo alone works in
// practice. The relations are given in order of priority.
func (o *Operation) expansions(endpoint string, wanted []string) []string {
	var values []string
	for n := len(wanted); n > 0; n-- {
		value := strings.Join(wanted[:n], ",")
		if !o.capabilities.has(rejects(endpoint, value)) {
			values = append(values, value)
		}
	}
	return append(values, "")
}

// expanding returns a read that expands as many of the relations as the endpoint supports. Once a fallback is accepted,
// a rejected $expand value is recorded as unsupported: at once if the error names the option, otherwise after several
// observations, since a single 400 can have another cause.
func (o *Operation) expanding(endpoint string, wanted []string, address func(expand string) string) *read {
	values := o.expansions(endpoint, wanted)
	r := get(endpoint, address(values[0]))
	for _, value := range values[1:] {
		r.fallbacks = append(r.fallbacks, address(value))
	}
	r.accepted = func(named []bool) {
		o.capabilities.clearObservations(rejects(endpoint, values[len(named)]))
		for i, named := range named {
			if named {
				o.capabilities.record(rejects(endpoint, values[i]))
			} else {
				o.capabilities.observe(rejects(endpoint, values[i]))
			}
		}
	}
	return r
}

// namesExpansion reports whether an error message names $expand.
func namesExpansion(body []byte) bool {
	said := bytes.ToLower(body)
	return bytes.Contains(said, []byte("expansion")) || bytes.Contains(said, []byte("expand"))
}

// complete calls found with the entities when the relations are loaded, or with the failure. Relations that were not
// expanded are read first: alone returns the read of one relation of one entity, which calls filled when it is done;
// nil if the relation is loaded or cannot be read separately. An error in a relation affects only that relation.
func complete[E any](b *Batch, entities []E, failure error, wanted []string, alone func(entity E, relation string, filled func()) *read, found func([]E, error)) {
	if failure != nil {
		found(nil, failure)
		return
	}
	left := 1
	filled := func() {
		if left--; left == 0 {
			found(entities, nil)
		}
	}
	for _, entity := range entities {
		for _, relation := range wanted {
			if r := alone(entity, relation, filled); r != nil {
				left++
				b.add(r)
			}
		}
	}
	filled()
}

// relationRead returns the read of one relation of one entity. It calls set with the result and then filled.
func relationRead[T any](r *read, of func(*decode.Decoder) (*T, error), set func(*T, error), filled func()) *read {
	var related *T
	r.decode = func(d *decode.Decoder) (err error) { related, err = orNull(of)(d); return err }
	r.done = func(err error) {
		defer filled()
		switch {
		case err == nil:
			set(related, nil)
		case errors.Is(err, upstream.ErrNotFound):
			set(nil, nil) // null, or the entity was deleted
		case errors.Is(err, upstream.ErrRefused), errors.Is(err, errNotExpanded):
			set(nil, notOffered(r.endpoint))
		default:
			set(nil, err)
		}
	}
	return r
}

// errNotExpanded is the error of a relation that was not expanded.
var errNotExpanded = errors.New("relation not expanded")

// orNull returns a reader that returns nil for null, or for nothing.
func orNull[T any](read func(*decode.Decoder) (*T, error)) func(*decode.Decoder) (*T, error) {
	return func(d *decode.Decoder) (*T, error) {
		value, err := read(d)
		if errors.Is(err, decode.ErrNull) {
			return nil, nil
		}
		return value, err
	}
}

// expandedList reads all elements of an expanded relation; null gives none.
func expandedList[T any](d *decode.Decoder, read func(*decode.Decoder) (*T, error)) ([]*T, error) {
	items := []*T{}
	if d.Peek() == 'n' {
		d.Skip()
		return items, nil
	}
	var failure error
	if !d.Elements(func() {
		item, err := read(d)
		items, failure = append(items, item), cmp.Or(failure, err)
	}) {
		return nil, errors.New("not an array")
	}
	return items, failure
}

// without returns the properties without the relations.
func without(properties []string, relations ...string) []string {
	return slices.DeleteFunc(slices.Clone(properties), func(p string) bool { return slices.Contains(relations, p) })
}
