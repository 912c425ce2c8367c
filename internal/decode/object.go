package decode

import (
	"cmp"
	"errors"
	"reflect"
	"strings"

	"licensegraph/internal/upstream"
)

// Type reads the objects of a struct: its JSON tags are the names of the
// properties. A property with an invalid value gets the zero value, or the
// valid elements of a list, and an entry in the struct's [upstream.Unread].
type Type[T any] struct{ table *table }

// Relation is an expandable relation of an object.
type Relation[T any] struct {
	Name string
	// Read reads or skips the value. It returns false if the relation is to be read separately.
	Read func(*Decoder, *T) bool
	// Drop removes a relation that continues on another page.
	Drop func(*T)
}

// TypeOf returns the type of a struct and its relations.
func TypeOf[T any](relations ...Relation[T]) Type[T] {
	t := newTable(reflect.TypeFor[T]())
	for _, r := range relations {
		t.add(field{
			name: r.Name, at: -1,
			relation: func(d *Decoder, object any) bool { return r.Read(d, object.(*T)) },
			drop:     func(object any) { r.Drop(object.(*T)) },
		})
	}
	return Type[T]{t}
}

// Object is the [Type] of any struct.
type Object interface{ tableOf() *table }

func (t Type[T]) tableOf() *table { return t.table }

// Read reads an object, with or without a {"value":…} envelope: the reference
// has examples of both. It returns [ErrNull] for null, and an error for an
// invalid ID.
func (t Type[T]) Read(d *Decoder) (*T, error) {
	object, _, err := d.entity(t.table)
	if err != nil {
		return nil, err
	}
	return object.(*T), nil
}

// ReadPartial reads an object like Read, and the names of its properties.
func (t Type[T]) ReadPartial(d *Decoder) (*upstream.Partial[*T], error) {
	object, s, err := d.entity(t.table)
	if err != nil {
		return nil, err
	}
	return &upstream.Partial[*T]{Object: object.(*T), Properties: d.properties(t.table, s.mask), IDOnly: !s.hasValue}, nil
}

// ReadOneOf reads an object whose type depends on a string property, or is
// fallback if the property is missing. It also returns the value of the
// property. See [Type.ReadPartial].
func ReadOneOf(d *Decoder, property, fallback string, typeOf func(text string) Object) (p upstream.Partial[any], text string, err error) {
	start := d.at
	if err := d.begin(); err != nil {
		return p, "", err
	}
	var first *string // name of the first member, if it is not the property
	if d.Peek() == '"' && d.more('}') {
		if name := d.name(); name == property {
			text, _ = d.Text()
		} else {
			first = &name
		}
	}
	t := typeOf(cmp.Or(text, fallback)).tableOf()
	s := state{watch: property}
	object, err := d.rest(t, &s, first)
	if s.watched != "" && s.watched != text { // it is not the first member
		again := d.below(d.text[start:d.at])
		t, text, s = typeOf(s.watched).tableOf(), s.watched, state{}
		if err := again.begin(); err != nil {
			return p, "", err
		}
		object, err = again.rest(t, &s, nil)
	}
	switch {
	case err != nil:
		return p, "", err
	case s.enveloped(t):
		content, err := d.content(s.wrapped)
		if err != nil {
			return p, "", err
		}
		return ReadOneOf(content, property, fallback, typeOf)
	}
	return upstream.Partial[any]{Object: object, Properties: d.properties(t, s.mask), IDOnly: !s.hasValue}, text, nil
}

// below returns a decoder of a skipped part of the text.
func (d *Decoder) below(text string) *Decoder {
	below := New(strings.Trim(text, ",: \t\r\n"))
	below.read, below.wrapped = d.read, d.wrapped
	return below
}

// maxEnvelopes is the maximum number of envelopes around an object, which are read again for each.
const maxEnvelopes = 4

// content returns a decoder of the content of an envelope.
func (d *Decoder) content(text string) (*Decoder, error) {
	if d.wrapped == maxEnvelopes {
		return nil, errors.New("too many envelopes")
	}
	content := d.below(text)
	content.wrapped++
	return content, nil
}

// entity reads an object that may be in an envelope.
func (d *Decoder) entity(t *table) (object any, s state, err error) {
	if err := d.begin(); err != nil {
		return nil, s, err
	}
	object, err = d.rest(t, &s, nil)
	if err == nil && s.enveloped(t) {
		content, err := d.content(s.wrapped)
		if err != nil {
			return nil, s, err
		}
		return content.entity(t)
	}
	return object, s, err
}

// begin reads the start of an object. It skips another value.
func (d *Decoder) begin() error {
	switch d.Peek() {
	case '{':
		d.count()
		d.open()
		return d.err
	case 'n':
		d.Skip()
	case 0:
	default:
		d.Skip()
		if d.err == nil {
			return errors.New("not an object")
		}
	}
	if d.err != nil {
		return d.err
	}
	return ErrNull
}

// rest reads the rest of an object after its start and, if it is not nil, its first name.
func (d *Decoder) rest(t *table, s *state, first *string) (any, error) {
	object, slab := d.object(t)
	t.members(d, object, s, slab.next, first)
	if err := t.finish(d, object, s); err != nil {
		return nil, err
	}
	if s.enveloped(t) {
		return nil, nil
	}
	if t.id >= 0 && object.Field(t.fields[t.id].at).Len() == 0 {
		return nil, errMissingID
	}
	read := object.Addr().Interface()
	if ids, ok := read.(interface{ FoldIDs() }); ok {
		ids.FoldIDs()
	}
	return read, nil
}

// enveloped reports whether the object is the content of a member value.
func (s *state) enveloped(t *table) bool {
	return s.wrapped != "" && (t.id < 0 || s.mask&(1<<t.id) == 0)
}
