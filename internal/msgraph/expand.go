package msgraph

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

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
func relationRead[T any](r *read, decode func(json.RawMessage) (T, error), set func(T, error), filled func()) *read {
	r.done = func(body []byte, err error) {
		defer filled()
		var related T
		switch {
		case errors.Is(err, upstream.ErrNotFound) || err == nil && nothing(unwrapped(body)):
			set(related, nil) // null, or the entity was deleted
			return
		case errors.Is(err, upstream.ErrRefused):
			err = notOffered(r.endpoint)
		case err == nil:
			switch related, err = decode(body); {
			case errors.Is(err, errNotExpanded):
				err = notOffered(r.endpoint)
			case err != nil:
				err = unreadable(r.endpoint, err)
			}
		}
		set(related, err)
	}
	return r
}

// errNotExpanded is the error of a relation that was not expanded.
var errNotExpanded = errors.New("relation not expanded")

// relations returns the properties of an entity, including its expanded relations. It removes relations with a next
// link, since they are incomplete.
func relations(raw json.RawMessage) (map[string]json.RawMessage, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return nil, err
	}
	for name := range members {
		if relation, more := strings.CutSuffix(name, "@odata.nextLink"); more {
			delete(members, relation)
		}
	}
	return members, nil
}

// expandedEntity decodes an expanded entity.
func expandedEntity[T any](raw json.RawMessage) (*upstream.Partial[*T], error) {
	entity, err := decode[T](raw)
	if err != nil {
		return nil, err
	}
	properties, bare, err := loadedProperties(raw)
	return &upstream.Partial[*T]{Object: entity, Properties: properties, Bare: bare}, err
}

// decodeAll decodes the elements of an expanded relation; null gives none.
func decodeAll[T any](raw json.RawMessage, decode func(json.RawMessage) (T, error)) ([]T, error) {
	var elements []json.RawMessage
	if err := json.Unmarshal(raw, &elements); err != nil {
		return nil, err
	}
	items := make([]T, len(elements))
	for i, element := range elements {
		var err error
		if items[i], err = decode(element); err != nil {
			return nil, err
		}
	}
	return items, nil
}

// without returns the properties without the relations.
func without(properties []string, relations ...string) []string {
	return slices.DeleteFunc(slices.Clone(properties), func(p string) bool { return slices.Contains(relations, p) })
}
