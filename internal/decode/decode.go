// Package decode reads the JSON responses of Microsoft Graph into structs,
// each response in one pass. An invalid property does not invalidate its
// object.
package decode

import (
	"errors"
	"reflect"
	"strconv"
	"time"

	"licensegraph/internal/licensing"
)

var (
	// ErrSyntax is the error of a text that is not JSON.
	ErrSyntax = errors.New("the response is not JSON")
	// ErrNull is the error of null or an empty text in place of an object.
	ErrNull = errors.New("unexpected null")
	// ErrTooLarge is the error of a response with more than [maxValues] values, or a list with too many elements.
	ErrTooLarge = errors.New("response too large")
)

// maxValues is the maximum number of objects and list elements in a response.
// In real responses each has more than 30 bytes.
const maxValues = 1 << 20

// Decoder reads one JSON text. After a syntax or size error it stops reading.
type Decoder struct {
	text   string // decoded texts are substrings of it
	at     int    // next byte
	opened bool   // an object or array was opened, and none of its members or elements read
	depth  int    // of the next value
	err    error
	read   *int // number of values read

	wrapped int // number of envelopes around the text

	slabs   map[*table]*slab
	texts   values[string]
	guids   values[licensing.GUID]
	bools   values[bool]
	numbers values[int32]
	times   values[time.Time]
	dates   values[licensing.Date]

	loaded map[loadedKey]map[string]bool
	lists  []reflect.Value // elements of the lists in progress
}

// New returns a decoder of a text. Invalid UTF-8 is replaced, and the last of
// duplicate names takes precedence, as in encoding/json.
func New(text string) *Decoder {
	return &Decoder{text: text, read: new(int), slabs: map[*table]*slab{}}
}

// Err returns the syntax or size error, or nil.
func (d *Decoder) Err() error { return d.err }

// End returns an error if there is more text.
func (d *Decoder) End() error {
	if d.next(); d.err == nil && d.at < len(d.text) {
		d.fail("text after the value")
	}
	return d.err
}

// count counts a value.
func (d *Decoder) count() {
	if *d.read++; *d.read > maxValues && d.err == nil {
		d.err = ErrTooLarge
	}
}

// Text reads a string. It skips a value of another type and returns false.
func (d *Decoder) Text() (text string, ok bool) {
	if d.Peek() != '"' {
		d.Skip()
		return "", false
	}
	text = d.unquoted()
	return text, d.err == nil
}

// Int reads an integer; nil for null. It skips a value of another type and
// returns false.
func (d *Decoder) Int() (n *int, ok bool) {
	switch d.Peek() {
	case 'n':
		d.Skip()
		return nil, true
	case '0':
		value, err := strconv.Atoi(d.Raw())
		return &value, err == nil
	}
	d.Skip()
	return nil, false
}

// Scalar reads a string, a number or a boolean as text. It skips another
// value.
func (d *Decoder) Scalar() string {
	switch d.Peek() {
	case '"':
		text, _ := d.Text()
		return text
	case '0', 't', 'f':
		return d.Raw()
	}
	d.Skip()
	return ""
}

// Members calls a function with the name of each member of an object. The
// function must read or skip the value. Members skips a value of another type
// and returns false.
func (d *Decoder) Members(member func(name string)) (ok bool) {
	if d.Peek() != '{' {
		d.Skip()
		return false
	}
	for d.open(); d.more('}'); {
		member(d.name())
	}
	return d.err == nil
}

// Elements calls a function for each element of an array. The function must
// read or skip the value. Elements skips a value of another type and returns
// false.
func (d *Decoder) Elements(element func()) (ok bool) {
	if d.Peek() != '[' {
		d.Skip()
		return false
	}
	for d.open(); d.more(']'); {
		d.count()
		element()
	}
	return d.err == nil
}

// loadedKey is a set of properties of a type.
type loadedKey struct {
	table *table
	mask  uint64
}

// properties returns the names of the properties in the mask. Objects with the
// same properties share one map.
func (d *Decoder) properties(t *table, mask uint64) map[string]bool {
	key := loadedKey{t, mask}
	names := d.loaded[key]
	if names == nil {
		names = map[string]bool{}
		for i, f := range t.fields {
			if mask&(1<<i) != 0 && f.name[0] != '@' {
				names[f.name] = true
			}
		}
		if d.loaded == nil {
			d.loaded = map[loadedKey]map[string]bool{}
		}
		d.loaded[key] = names
	}
	return names
}

// slab is memory for objects of a type.
type slab struct {
	objects reflect.Value
	used    int
	// next has, for each field of the type, the one that followed in the last object: objects of a response mostly have
	// their members in one order.
	next []int
}

// maxSlab is the maximum number of objects in a slab.
const maxSlab = 64

// object returns a new object of a type.
func (d *Decoder) object(t *table) (reflect.Value, *slab) {
	s := d.slabs[t]
	if s == nil {
		s = &slab{objects: reflect.MakeSlice(reflect.SliceOf(t.of), 1, 1), next: make([]int, len(t.fields)+1)}
		d.slabs[t] = s
	}
	if s.used == s.objects.Len() {
		n := min(2*s.used, maxSlab)
		s.objects, s.used = reflect.MakeSlice(reflect.SliceOf(t.of), n, n), 0
	}
	s.used++
	return s.objects.Index(s.used - 1), s
}

// values is memory for the targets of pointers.
type values[V any] []V

// pointer returns a pointer to a copy of the value.
func (s *values[V]) pointer(value V) *V {
	if len(*s) == cap(*s) {
		*s = make([]V, 0, min(max(1, 2*cap(*s)), maxSlab))
	}
	*s = append(*s, value)
	return &(*s)[len(*s)-1]
}
