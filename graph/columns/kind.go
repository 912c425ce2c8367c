package columns

import (
	"slices"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
)

// Kind is how the values of a Go type are written.
type Kind[V any] struct {
	// size returns the bytes of a leaf, or the number of objects of another value, as package limits counts them.
	size func(V) int
	// none is the size of a value that a batch resolver could not resolve.
	none int
	// text appends a leaf; nil for objects and lists.
	text func([]byte, V) []byte
	// bind returns the column of values; nil if the root field is abandoned.
	bind func(scope, []V) Row
}

// scope is the field whose values are bound, and where they are.
type scope struct {
	w     *Writer
	at    *place
	field graphql.CollectedField
}

// The sizes of leaves. Package limits counts numbers and times as one size.
const (
	sizeOfNull  = len("null")
	sizeOfFalse = len("false")
	sizeOfOther = 32
)

// Text returns the kind of a text or an enum value.
func Text[V ~string]() Kind[V] {
	return leaf(appendText[V], func(v V) int { return len(v) + len(`""`) })
}

// Boolean returns the kind of a Boolean.
func Boolean() Kind[bool] {
	return leaf(strconv.AppendBool, func(bool) int { return sizeOfFalse })
}

// Int32 returns the kind of an Int.
func Int32() Kind[int32] {
	return Scalar(func(b []byte, v int32) []byte { return strconv.AppendInt(b, int64(v), 10) })
}

// Scalar returns the kind of another scalar.
func Scalar[V any](text func([]byte, V) []byte) Kind[V] {
	return leaf(text, func(V) int { return sizeOfOther })
}

func leaf[V any](text func([]byte, V) []byte, size func(V) int) Kind[V] {
	return Kind[V]{size: size, none: sizeOfFalse, text: text, bind: func(_ scope, values []V) Row {
		return func(b []byte, i int) ([]byte, bool) { return text(b, values[i]), true }
	}}
}

// Optional returns the kind of a nullable leaf.
func Optional[V any](kind Kind[V]) Kind[*V] {
	text := func(b []byte, v *V) []byte {
		if v == nil {
			return append(b, "null"...)
		}
		return kind.text(b, *v)
	}
	return leaf(text, func(v *V) int {
		if v == nil {
			return sizeOfNull
		}
		return kind.size(*v)
	})
}

// List returns the kind of a list.
func List[V any](nullable bool, element Kind[V]) Kind[[]V] {
	k := Kind[[]V]{size: func(list []V) int { return len(list) }, none: 1}
	if element.text != nil {
		k.none = sizeOfFalse
		k.size = func(list []V) int {
			n := len("[]")
			for _, v := range list {
				n += element.size(v) + len(",")
			}
			return n
		}
	}
	k.bind = func(s scope, lists [][]V) Row {
		all, starts := flat(lists)
		row := element.bind(scope{s.w, &place{parent: s.at, starts: starts}, s.field}, all)
		if row == nil {
			return nil
		}
		return orNull(nullable, func(b []byte, i int) ([]byte, bool) {
			if nullable && lists[i] == nil {
				return null(b, false)
			}
			return appendList(b, row, int(starts[i]), int(starts[i+1]))
		})
	}
	return k
}

// flat returns the elements of all lists, and the first element of each list.
func flat[V any](lists [][]V) (all []V, starts []int32) {
	n := 0
	starts = make([]int32, len(lists)+1)
	for i, list := range lists {
		n += len(list)
		starts[i+1] = int32(n)
	}
	all = make([]V, 0, n)
	for _, list := range lists {
		all = append(all, list...)
	}
	return all, starts
}

// appendList appends the elements from first to before end. It writes the others after an element that may not be null,
// because they can abandon the root field.
func appendList(b []byte, row Row, first, end int) (_ []byte, ok bool) {
	ok = true
	b = append(b, '[')
	for i := first; i < end; i++ {
		if i > first {
			b = append(b, ',')
		}
		var written bool
		b, written = row(b, i)
		ok = ok && written
	}
	return append(b, ']'), ok
}

// orNull replaces a value that has a null where the schema does not permit it by null, if the value is nullable.
func orNull(nullable bool, row Row) Row {
	if !nullable {
		return row
	}
	return func(b []byte, i int) ([]byte, bool) {
		start := len(b)
		b, ok := row(b, i)
		if !ok {
			b = append(b[:start], "null"...)
		}
		return b, true
	}
}

// Objects returns the kind of the objects of a Go type. Satisfies has the type conditions that the type satisfies.
func Objects[T any](nullable bool, typeName string, satisfies []string, column func(*Column[*T]) Row) Kind[*T] {
	return Kind[*T]{
		size: func(*T) int { return 1 },
		none: 1,
		bind: func(s scope, values []*T) Row {
			objects, parents, rows := present(values)
			at := s.at
			if rows != nil {
				at = &place{parent: s.at, rows: parents}
			}
			row := bindObjects(s, &level[*T]{s.w, typeName, at, objects}, satisfies, column)
			if row == nil {
				return nil
			}
			return orNull(nullable, atRows(s.w, nullable, rows, row))
		},
	}
}

// present returns the values that are not nil with their rows, and the index of each row in them, or -1. Both indices
// are nil if no value is nil.
func present[T any](values []*T) (objects []*T, parents, rows []int32) {
	n := 0
	for _, v := range values {
		if v != nil {
			n++
		}
	}
	if n == len(values) {
		return values, nil, nil
	}
	objects, parents, rows = make([]*T, 0, n), make([]int32, 0, n), make([]int32, len(values))
	for i, v := range values {
		if v == nil {
			rows[i] = -1
			continue
		}
		rows[i] = int32(len(objects))
		objects, parents = append(objects, v), append(parents, int32(i))
	}
	return objects, parents, rows
}

// atRows returns the rows of values of which some are nil.
func atRows(w *Writer, nullable bool, rows []int32, row Row) Row {
	if rows == nil {
		return row
	}
	return func(b []byte, i int) ([]byte, bool) {
		if rows[i] >= 0 {
			return row(b, int(rows[i]))
		}
		if !nullable {
			w.abandon(Null)
		}
		return null(b, !nullable)
	}
}

// member is a field of an object, or __typename.
type member struct {
	prefix []byte // with the comma, the name and the colon
	row    Row    // nil for __typename, whose value is in the prefix
	hidden bool   // resolved, but not written: the object has a member of this name
}

// append appends the member of a row.
func (m *member) append(b []byte, i int) (_ []byte, ok bool) {
	start := len(b)
	b = append(b, m.prefix...)
	if ok = m.row == nil; !ok {
		b, ok = m.row(b, i)
	}
	if m.hidden {
		b = b[:start]
	}
	return b, ok
}

// bindObjects binds the selected fields of objects.
func bindObjects[T any](s scope, l *level[*T], satisfies []string, column func(*Column[*T]) Row) Row {
	if len(l.objects) == 0 {
		return noRow
	}
	fields := graphql.CollectFields(s.w.op, s.field.Selections, satisfies)
	members := make([]member, len(fields))
	first := true
	for i, f := range fields {
		m := &members[i]
		// Fields of an interface or a union and of its object type are not merged. gqlgen's executor resolves all of
		// them and writes the first.
		m.hidden = slices.ContainsFunc(fields[:i], func(other graphql.CollectedField) bool { return other.Alias == f.Alias })
		switch {
		case f.IsDeferred():
			return s.w.abandon(Deferred)
		case m.hidden && f.SelectionSet != nil:
			return s.w.abandon(Unmerged)
		case !m.hidden:
			m.prefix = prefixOf(first, f.Alias)
			first = false
		}
		if f.Name == "__typename" {
			m.prefix = appendText(m.prefix, l.typeName)
		} else if m.row = column(newColumn(l, f)); m.row == nil {
			return s.w.abandon(l.typeName + "." + f.Name)
		}
	}
	return func(b []byte, i int) (_ []byte, ok bool) {
		ok = true
		b = append(b, '{')
		for j := range members {
			var written bool
			b, written = members[j].append(b, i)
			ok = ok && written
		}
		return append(b, '}'), ok
	}
}

// noRow is the column of no values.
func noRow(b []byte, _ int) ([]byte, bool) { return b, false }

// prefixOf returns the text before a member's value.
func prefixOf(first bool, name string) []byte {
	var b []byte
	if !first {
		b = append(b, ',')
	}
	return append(appendText(b, name), ':')
}

// Case is one Go type of an interface.
type Case[V any] func(s scope, values []V, number int8, slots []slot) Row

// slot is where the value of a row is: in the rows of a case.
type slot struct {
	number int8 // of the case, from 1; 0 for nil
	row    int32
}

// As returns the case of the objects of a Go type.
func As[V, T any](kind Kind[*T]) Case[V] {
	return func(s scope, values []V, number int8, slots []slot) Row {
		var objects []*T
		var parents []int32
		for i, v := range values {
			if object, ok := any(v).(*T); ok && object != nil {
				slots[i] = slot{number, int32(len(objects))}
				objects, parents = append(objects, object), append(parents, int32(i))
			}
		}
		return kind.bind(scope{s.w, &place{parent: s.at, rows: parents}, s.field}, objects)
	}
}

// Abstract returns the kind of an interface or a union.
func Abstract[V any](nullable bool, cases ...Case[V]) Kind[V] {
	return Kind[V]{
		size: func(V) int { return 1 },
		none: 1,
		bind: func(s scope, values []V) Row {
			slots := make([]slot, len(values))
			rows := make([]Row, len(cases))
			for i, of := range cases {
				if rows[i] = of(s, values, int8(i+1), slots); rows[i] == nil {
					return nil
				}
			}
			return orNull(nullable, func(b []byte, i int) ([]byte, bool) {
				at := slots[i]
				if at.number > 0 {
					return rows[at.number-1](b, int(at.row))
				}
				if any(values[i]) != nil {
					s.w.abandon(Unknown)
				} else if !nullable {
					s.w.abandon(Null)
				}
				return null(b, !nullable)
			})
		},
	}
}

// Root returns the column of a root field's value.
func Root[V any](w *Writer, f graphql.CollectedField, kind Kind[V], value any) Row {
	v, ok := value.(V)
	if !ok {
		return w.abandon(Unknown)
	}
	return kind.bind(scope{w: w, at: &place{}, field: f}, []V{v})
}

const hex = "0123456789ABCDEF"

// appendText appends a text as [graphql.MarshalString] writes it.
func appendText[S ~string](b []byte, s S) []byte {
	b = append(b, '"')
	start := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '\\' && c != '"' {
			continue
		}
		b = append(b, s[start:i]...)
		switch c {
		case '\t':
			b = append(b, `\t`...)
		case '\r':
			b = append(b, `\r`...)
		case '\n':
			b = append(b, `\n`...)
		case '\\', '"':
			b = append(b, '\\', c)
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&0xf])
		}
		start = i + 1
	}
	return append(append(b, s[start:]...), '"')
}
