package msgraph

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"licensegraph/internal/upstream"
)

// expansions returns the $expand values to try for the relations wanted, the fullest first, without those
// that the endpoint is known to refuse. The last one is empty: the relations are then read one by one.
//
// Of the relations of an assignment error the reference allows both together and shows neither; assignedTo
// alone is in use. So the order in which they are given is the order of what is worth keeping.
func (o *Operation) expansions(endpoint string, wanted []string) []string {
	var values []string
	for n := len(wanted); n > 0; n-- {
		value := strings.Join(wanted[:n], ",")
		if !o.learnt.knows(refuses(endpoint, value)) {
			values = append(values, value)
		}
	}
	return append(values, "")
}

// expanding makes a read that brings relations along as far as the endpoint can. What it refuses is remembered when a
// lesser request was taken and the refusals named the option, or it has come to that several times: a single 400 can
// have any cause.
func (o *Operation) expanding(endpoint string, wanted []string, address func(expand string) string) *read {
	values := o.expansions(endpoint, wanted)
	r := get(endpoint, address(values[0]))
	for _, value := range values[1:] {
		r.others = append(r.others, address(value))
	}
	r.took = func(named []bool) {
		o.learnt.acquit(refuses(endpoint, values[len(named)]))
		for i, named := range named {
			if named {
				o.learnt.learn(refuses(endpoint, values[i]))
			} else {
				o.learnt.suspect(refuses(endpoint, values[i]))
			}
		}
	}
	return r
}

// namesExpansion tells whether a refusal says that it is for what was to come along.
func namesExpansion(body []byte) bool {
	said := bytes.ToLower(body)
	return bytes.Contains(said, []byte("expansion")) || bytes.Contains(said, []byte("expand"))
}

// complete hands over entities, or why there are none, when the relations wanted are there. Those that did not come
// along, because the service refused them or ignored that they were asked for, are read first: the function alone
// returns the read of one relation of one entity, which calls filled at its end; nil when the relation came, or when
// there is no way to read it alone. A relation that cannot be read costs that relation.
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

// aside makes a read of one relation of one entity, and sets it or why it cannot be read.
func aside[T any](r *read, decode func(json.RawMessage) (T, error), set func(T, error), filled func()) *read {
	r.done = func(body []byte, err error) {
		defer filled()
		var related T
		switch {
		case errors.Is(err, upstream.ErrNotFound) || err == nil && nothing(unwrapped(body)):
			set(related, nil) // it relates to nothing, or it has gone itself
			return
		case errors.Is(err, upstream.ErrRefused):
			err = notOffered(r.endpoint)
		case err == nil:
			switch related, err = decode(body); {
			case errors.Is(err, errAbsent):
				err = notOffered(r.endpoint)
			case err != nil:
				err = unreadable(r.endpoint, err)
			}
		}
		set(related, err)
	}
	return r
}

// errAbsent is the error of a relation that did not come along.
var errAbsent = errors.New("a relation that did not come along")

// relations returns the members of an entity, among them the relations that came along with it. One that is null
// is an answer; one that is absent, or came in part, is none.
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

// sent decodes an entity that came along with another one.
func sent[T any](raw json.RawMessage) (*upstream.Partial[*T], error) {
	entity, err := decode[T](raw)
	if err != nil {
		return nil, err
	}
	properties, bare, err := shown(raw)
	return &upstream.Partial[*T]{Object: entity, Properties: properties, Bare: bare}, err
}

// decodeAll decodes the elements of a relation that came along; none for null.
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

// without returns the properties that are not relations.
func without(properties []string, relations ...string) []string {
	return slices.DeleteFunc(slices.Clone(properties), func(p string) bool { return slices.Contains(relations, p) })
}
