package decode

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// table describes the properties of a type.
type table struct {
	of     reflect.Type
	empty  reflect.Value // list of pointers to objects
	unread int           // index of the field for invalid properties
	fields []field
	index  map[string]int // of fields by name
	id     int            // index of the property id in fields; -1 without an ID
}

// field is a property or a relation.
type field struct {
	name    string
	at      int  // index in the struct; -1 for a relation
	notNull bool // null is invalid
	// read reads the value into the target of the pointer. It skips an invalid
	// value and returns false.
	read func(d *Decoder, into any) (ok bool)
	// relation reads an expanded relation; false if it cannot be read. drop removes it again, as incomplete.
	relation func(d *Decoder, object any) (ok bool)
	drop     func(object any)
}

var (
	unreadType = reflect.TypeFor[upstream.Unread]()
	tables     sync.Map // by reflect.Type
)

// tableOf returns the table of a struct with JSON tags.
func tableOf(of reflect.Type) *table {
	if t, ok := tables.Load(of); ok {
		return t.(*table)
	}
	t, _ := tables.LoadOrStore(of, newTable(of))
	return t.(*table)
}

func newTable(of reflect.Type) *table {
	t := &table{of: of, empty: reflect.MakeSlice(reflect.SliceOf(reflect.PointerTo(of)), 0, 0), index: map[string]int{}, id: -1}
	for i := range of.NumField() {
		f := of.Field(i)
		name := f.Tag.Get("json")
		switch {
		case f.Type == unreadType:
			t.unread = i
		case name != "" && name != "-":
			read := reader(f.Type)
			if emptyIsNull(name) {
				read = orEmpty(read)
			}
			t.add(field{name: name, at: i, read: read, notNull: slices.Contains(nullIsInvalid, name)})
		}
	}
	if i, ok := t.index["id"]; ok {
		t.id = i
	}
	return t
}

func (t *table) add(f field) {
	if len(t.fields) == 64 {
		panic(fmt.Sprintf("%v has more properties than a mask has bits", t.of))
	}
	t.index[f.name] = len(t.fields)
	t.fields = append(t.fields, f)
}

// state is the state of an object while it is read.
type state struct {
	mask     uint64 // the fields that were read
	hasValue bool   // any member but the ID is not null
	unread   upstream.Unread
	badID    bool
	partial  []string // relations that continue on another page
	wrapped  string   // the content of a {"value":…} envelope
	watch    string   // a property whose text is recorded in watched
	watched  string
}

// members reads the members of an object after its first delimiter and, if it
// is not nil, its first name. Next is that of a slab.
func (t *table) members(d *Decoder, object reflect.Value, s *state, next []int, first *string) {
	for last := len(t.fields); first != nil || d.more('}'); first = nil {
		name := ""
		if first != nil {
			name = *first
		} else {
			name = d.name()
		}
		i, known := next[last], true
		if t.fields[i].name != name {
			i, known = t.index[name]
		}
		if !known || name == s.watch {
			d.other(name, s)
			continue
		}
		next[last], last = i, i
		f := &t.fields[i]
		isNull := d.Peek() == 'n'
		if i != t.id && f.name[0] != '@' && !isNull {
			s.hasValue = true
		}
		ok := false
		if f.at >= 0 {
			ok = f.read(d, object.Field(f.at).Addr().Interface())
		} else {
			ok = f.relation(d, object.Addr().Interface())
		}
		s.set(t, i, ok && (!isNull || !f.notNull))
	}
}

// set records whether a field could be read.
func (s *state) set(t *table, i int, ok bool) {
	f := &t.fields[i]
	switch {
	case ok:
		s.mask |= 1 << i
		if s.unread != nil {
			delete(s.unread, f.name) // a duplicate name
		}
		if i == t.id {
			s.badID = false
		}
	case i == t.id:
		s.badID = true
	case f.at >= 0:
		s.mask |= 1 << i
		s.unread.SetReadError(f.name, upstream.OddValue(t.of.Name()+"."+f.name))
	}
}

// other reads a member that is not a property.
func (d *Decoder) other(name string, s *state) {
	relation, more := strings.CutSuffix(name, "@odata.nextLink")
	switch kind := d.Peek(); {
	case more:
		s.partial = append(s.partial, relation)
	case name == s.watch:
		s.watched, _ = d.Text()
		return
	case strings.Contains(name, "@"):
	case name == "value" && (kind == '{' || kind == 'n'):
		s.wrapped = d.Raw()
		s.hasValue = s.hasValue || kind == '{'
		return
	case kind != 'n':
		s.hasValue = true
	}
	d.Skip()
}

// finish completes an object.
func (t *table) finish(d *Decoder, object reflect.Value, s *state) error {
	for _, relation := range s.partial {
		if i, ok := t.index[relation]; ok && t.fields[i].at < 0 {
			t.fields[i].drop(object.Addr().Interface())
			s.mask &^= 1 << i
		}
	}
	if s.badID {
		return errMissingID
	}
	if len(s.unread) > 0 {
		object.Field(t.unread).Set(reflect.ValueOf(s.unread))
	}
	return d.err
}

var errMissingID = errors.New("missing id")

// nested reads an object inside another.
func (t *table) nested(d *Decoder, object reflect.Value, next []int) (ok bool) {
	if d.Peek() != '{' {
		d.Skip()
		return false
	}
	d.count()
	d.open()
	var s state
	t.members(d, object, &s, next, nil)
	return t.finish(d, object, &s) == nil
}

// reader returns the function that reads a value of a type.
func reader(of reflect.Type) func(d *Decoder, into any) bool {
	switch reflect.Zero(of).Interface().(type) {
	case string:
		return required((*Decoder).Text)
	case licensing.GUID:
		return required((*Decoder).guid)
	case []string:
		return func(d *Decoder, into any) bool { return listOf(d, into.(*[]string), (*Decoder).Text) }
	case []licensing.GUID:
		return func(d *Decoder, into any) bool { return listOf(d, into.(*[]licensing.GUID), (*Decoder).guid) }
	case *string:
		return optional((*Decoder).Text, func(d *Decoder) *values[string] { return &d.texts })
	case *licensing.GUID:
		return optional((*Decoder).guid, func(d *Decoder) *values[licensing.GUID] { return &d.guids })
	case *bool:
		return optional((*Decoder).bool, func(d *Decoder) *values[bool] { return &d.bools })
	case *int32:
		return optional((*Decoder).int32, func(d *Decoder) *values[int32] { return &d.numbers })
	case *time.Time:
		return optional((*Decoder).time, func(d *Decoder) *values[time.Time] { return &d.times })
	case *licensing.Date:
		return optional((*Decoder).date, func(d *Decoder) *values[licensing.Date] { return &d.dates })
	}
	switch {
	case of.Kind() == reflect.Pointer && of.Elem().Kind() == reflect.Struct:
		t := tableOf(of.Elem())
		return func(d *Decoder, into any) bool { return d.readObject(t, reflect.ValueOf(into).Elem()) }
	case of.Kind() == reflect.Slice && of.Elem().Kind() == reflect.Pointer && of.Elem().Elem().Kind() == reflect.Struct:
		t := sync.OnceValue(func() *table { return tableOf(of.Elem().Elem()) }) // a type can have a list of itself
		return func(d *Decoder, into any) bool { return d.readObjects(t(), reflect.ValueOf(into).Elem()) }
	}
	panic(fmt.Sprintf("no reader for %v", of))
}

// nullIsInvalid are the properties in which null is invalid: lists of flags,
// in which an empty string means none. In other strings that are not nullable,
// null is treated as missing.
var nullIsInvalid = []string{"assignableTo"}

// required returns the reader of a value that is not nullable.
func required[V any](read func(*Decoder) (V, bool)) func(d *Decoder, into any) bool {
	return func(d *Decoder, into any) (ok bool) {
		p := into.(*V)
		if d.Peek() == 'n' {
			d.Skip()
			*p = *new(V)
			return true
		}
		*p, ok = read(d)
		return ok
	}
}

// optional returns the reader of a value or null.
func optional[V any](read func(*Decoder) (V, bool), memory func(*Decoder) *values[V]) func(d *Decoder, into any) bool {
	return func(d *Decoder, into any) bool {
		p := into.(**V)
		*p = nil
		if d.Peek() == 'n' {
			d.Skip()
			return true
		}
		value, ok := read(d)
		if ok {
			*p = memory(d).pointer(value)
		}
		return ok
	}
}

// emptyIsNull reports whether an empty text is null: a day without a value in a usage report.
func emptyIsNull(name string) bool {
	return strings.HasSuffix(name, "ActivityDate") || strings.HasSuffix(name, "AssignDate")
}

// orEmpty returns a reader for which an empty text is null.
func orEmpty(read func(d *Decoder, into any) bool) func(d *Decoder, into any) bool {
	return func(d *Decoder, into any) bool {
		if d.Peek() == '"' && strings.HasPrefix(d.text[d.at:], `""`) {
			d.Skip()
			reflect.ValueOf(into).Elem().SetZero()
			return true
		}
		return read(d, into)
	}
}

// listOf reads the valid elements of an array. It returns false if an element
// is invalid. Null is not a list.
func listOf[V any](d *Decoder, into *[]V, read func(*Decoder) (V, bool)) (ok bool) {
	*into = nil
	if d.Peek() == 'n' {
		d.Skip()
		return true
	}
	list, valid := []V{}, true
	if !d.Elements(func() {
		if value, ok := read(d); ok {
			list = append(list, value)
		} else {
			valid = false
		}
	}) {
		return false
	}
	*into = slices.Clip(list)
	return valid
}

// readObject reads an object or null into a pointer.
func (d *Decoder) readObject(t *table, into reflect.Value) (ok bool) {
	into.SetZero()
	if d.Peek() == 'n' {
		d.Skip()
		return true
	}
	object, slab := d.object(t)
	if ok = t.nested(d, object, slab.next); ok {
		into.Set(object.Addr())
	}
	return ok
}

// readObjects reads the valid objects of an array into a list of pointers. It
// returns false if an object is invalid. Null is not a list.
func (d *Decoder) readObjects(t *table, into reflect.Value) (ok bool) {
	into.SetZero()
	if d.Peek() == 'n' {
		d.Skip()
		return true
	}
	first, valid := len(d.lists), true
	ok = d.Elements(func() {
		if object, slab := d.object(t); t.nested(d, object, slab.next) {
			d.lists = append(d.lists, object.Addr())
		} else {
			valid = false
		}
	})
	if ok {
		n := len(d.lists) - first
		into.Set(t.empty)
		into.Grow(n)
		into.SetLen(n)
		for i, object := range d.lists[first:] {
			into.Index(i).Set(object)
		}
	}
	d.lists = d.lists[:first]
	return ok && valid
}

func (d *Decoder) guid() (licensing.GUID, bool) {
	text, ok := d.Text()
	return licensing.GUID(licensing.FoldID(text)), ok
}

func (d *Decoder) bool() (bool, bool) {
	kind := d.Peek()
	d.Skip()
	return kind == 't', kind == 't' || kind == 'f'
}

// maxDigits is the maximum length of a number.
const maxDigits = 40

// int32 reads an integer. A number outside the range is read as the nearest
// value in it.
func (d *Decoder) int32() (int32, bool) {
	if d.Peek() != '0' {
		d.Skip()
		return 0, false
	}
	raw := d.Raw()
	if n, err := strconv.ParseInt(raw, 10, 32); err == nil {
		return int32(n), true
	}
	n, ok := new(big.Int).SetString(raw[:min(len(raw), maxDigits)], 10)
	switch {
	case !ok || len(raw) > maxDigits:
		return 0, false
	case n.Sign() > 0:
		return math.MaxInt32, true
	default:
		return math.MinInt32, true
	}
}

// time reads a timestamp (RFC 3339).
func (d *Decoder) time() (t time.Time, ok bool) {
	text, ok := d.Text()
	return t, ok && t.UnmarshalText([]byte(text)) == nil
}

// date reads a date or a timestamp.
func (d *Decoder) date() (day licensing.Date, ok bool) {
	text, ok := d.Text()
	return day, ok && day.UnmarshalText([]byte(text)) == nil
}
