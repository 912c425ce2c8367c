package api

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"licensegraph/internal/emulator/odata"
)

const (
	maxValues      = 15  // values of in, or clauses joined with or, in a standard query
	maxValueLength = 120 // length of a string compared with a directory property
	maxAdvanced    = 2048
)

// field is a filterable property.
type field struct {
	kind     odata.Kind
	ops      string // operators, separated by spaces; any:eq is eq inside any, eq:null is eq with null
	advanced string // operators that require an advanced query
	plain    string // operators that cannot be combined with an advanced query
}

// level is the kind of a query.
type level uint8

const (
	usual    level = iota
	partly         // either $count or the header ConsistencyLevel
	advanced       // both
)

// rules are the filters of an endpoint. The path of a member of a collection
// is the path of the collection, a slash and the member's name.
type rules struct {
	resource  string // name in error messages
	fields    map[string]field
	or        bool     // or and not are supported
	other     []string // properties of Microsoft Graph that the emulator does not implement
	maxLength int      // of a string; 0 = unlimited
}

// notAdvanced is the error for a filter that requires advanced
// query capabilities.
func notAdvanced(op odata.Op) error {
	return fmt.Errorf("operator '%s' is not supported because the required parameters might be missing. Try adding $count=true query parameter and ConsistencyLevel:eventual header. Refer to https://aka.ms/graph-docs/advanced-queries for more information", op)
}

// errInvalidClause is the error for an operator that is not supported inside any.
var errInvalidClause = errors.New("invalid filter clause")

// check returns an error if an endpoint with these rules does not support f.
func (r rules) check(f *odata.Filter, at level) error {
	if r.or {
		if err := complexity(f, at); err != nil {
			return err
		}
	}
	return r.within(f, nil, at)
}

// complexity rejects a condition on a collection combined with another
// condition: always with or, and with and unless the query is advanced.
func complexity(f *odata.Filter, at level) error {
	if f.Op != odata.And && f.Op != odata.Or && f.Op != odata.Not {
		return nil
	}
	for _, kid := range f.Kids {
		if some := collectionIn(kid); some != "" && (f.Op == odata.Or || f.Op == odata.And && at < advanced) {
			return tooComplex(some)
		}
		if err := complexity(kid, at); err != nil {
			return err
		}
	}
	return nil
}

func tooComplex(collection string) error {
	return fmt.Errorf("complex query on property %s is not supported", collection)
}

// collectionIn returns a collection in a filter, or "".
func collectionIn(f *odata.Filter) string {
	if f.Op == odata.Any {
		return f.Path
	}
	for _, kid := range f.Kids {
		if some := collectionIn(kid); some != "" {
			return some
		}
	}
	return ""
}

// within checks a part of a filter, inside an any or not.
func (r rules) within(f, of *odata.Filter, at level) error {
	switch f.Op {
	case odata.And, odata.Or, odata.Not:
		switch {
		case !r.or && (f.Op != odata.And || of != nil):
			return fmt.Errorf("operator '%s' is not supported here", f.Op)
		case of != nil && f.Op != odata.And:
			return errInvalidClause
		case of != nil && at < advanced:
			return tooComplex(of.Path)
		case f.Op == odata.Not && at < advanced:
			return notAdvanced(f.Op)
		case f.Op == odata.Or && at < advanced && f.Clauses() > maxValues:
			return tooMany(f.Clauses())
		}
		for _, kid := range f.Kids {
			if err := r.within(kid, of, at); err != nil {
				return err
			}
		}
		return nil
	case odata.Any:
		if of != nil || f.Kids == nil {
			return r.unsupported(f.Path)
		}
		return r.within(f.Kids[0], f, at)
	}
	path, op := f.Path, f.Op.String()
	if of != nil {
		member, ok := memberOf(f.Path, of.Variable)
		if !ok {
			return fmt.Errorf("the body of any must be about '%s'", of.Variable)
		}
		path, op = of.Path+member, "any:"+op
	}
	toNull := (f.Op == odata.Eq || f.Op == odata.Ne) && f.Values[0].Kind == odata.Null
	if toNull {
		op += ":null"
	}
	known, ok := r.fields[path]
	switch {
	case !ok && slices.Contains(r.other, strings.SplitN(path, "/", 2)[0]):
		return notHere(path)
	case !ok:
		return r.unsupported(path)
	case slices.Contains(strings.Fields(known.ops), op):
	case slices.Contains(strings.Fields(known.plain), op):
		if at > usual {
			return r.unsupported(path)
		}
	case !slices.Contains(strings.Fields(known.advanced), op):
		return fmt.Errorf("unsupported property filter clause operator '%s' for property '%s'", f.Op, path)
	case at < advanced:
		return notAdvanced(f.Op)
	}
	if strings.HasSuffix(path, "/$count") && !toNull && f.Values[0].Text != "0" {
		return r.unsupported(path) // A collection can only be compared with the empty one.
	}
	if len(f.Values) > maxValues && at < advanced {
		return tooMany(len(f.Values))
	}
	for _, v := range f.Values {
		if v.Kind != known.kind && !toNull {
			return fmt.Errorf("a binary operator with incompatible types was detected: found operand types '%s' and '%s' for operator '%s'", known.kind, v.Kind, f.Op)
		}
		if r.maxLength > 0 && len(v.Text) > r.maxLength {
			return fmt.Errorf("a value is longer than %d characters", r.maxLength)
		}
	}
	return nil
}

// texts returns the string properties with comparisons, which are also
// searchable.
func (r rules) texts() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r.fields)), func(path string) bool {
		return path == "id" || strings.Contains(path, "/") || r.fields[path].kind != odata.String || strings.Contains(r.fields[path].ops+r.fields[path].advanced, "any:")
	})
}

func (r rules) unsupported(path string) error {
	return fmt.Errorf("unsupported or invalid query filter clause specified for property '%s' of resource '%s'", path, r.resource)
}

func tooMany(n int) error {
	return fmt.Errorf("too many child clauses specified in search filter expression containing 'OR' operators: %d. Max allowed: %d", n, maxValues)
}

// memberOf removes a range variable from a path: the rest is "" or starts with
// a slash.
func memberOf(path, variable string) (member string, ok bool) {
	member, ok = strings.CutPrefix(path, variable)
	return member, ok && (member == "" || member[0] == '/')
}

// value is the value of a property for comparison.
type value struct {
	text string
	n    int64 // a number; a boolean with 1 for true; a time in nanoseconds
	null bool
}

// textValue returns the value of a string; "" is null.
func textValue(s string) value { return value{text: s, null: s == ""} }

// timeValue returns the value of a time; the zero time is null.
func timeValue(at time.Time) value {
	if at.IsZero() {
		return value{null: true}
	}
	return value{n: at.UnixNano()}
}

func truth(yes bool) value {
	if yes {
		return value{n: 1}
	}
	return value{}
}

// source reads the properties in a filter.
type source[T any] struct {
	// value reads a property.
	value func(path string) func(T) value
	// each reads a collection. It is nil if filters have no collections.
	each func(path string) collection[T]
	// direct evaluates a comparison without reading the property, or is nil.
	direct func(f *odata.Filter) func(T) bool
	// known caches results for properties with few values. It can be nil.
	known func(path string, fits func(T) bool) func(T) bool
}

// element is an item of a collection, with the values of its members. A boolean
// is true or false.
type element [3]string

// collection is a collection for any.
type collection[T any] struct {
	members []string                                 // with a leading slash; "" is the item itself
	some    func(of T, fits func(element) bool) bool // reports whether at least one item fits
}

// compile converts a validated filter to a function. It allocates only once,
// not for each item.
func compile[T any](f *odata.Filter, from source[T]) func(T) bool {
	if from.direct != nil {
		if fits := from.direct(f); fits != nil {
			return fits
		}
	}
	switch f.Op {
	case odata.And, odata.Or, odata.Not:
		kids := make([]func(T) bool, len(f.Kids))
		for i, kid := range f.Kids {
			kids[i] = compile(kid, from)
		}
		if f.Op == odata.Not {
			return func(x T) bool { return !kids[0](x) }
		}
		ends := f.Op == odata.Or // the result that ends the evaluation
		return func(x T) bool {
			for _, fits := range kids {
				if fits(x) == ends {
					return ends
				}
			}
			return !ends
		}
	case odata.Any:
		c := from.each(f.Path)
		body := compileBody(f, c.members)
		return func(x T) bool { return c.some(x, body) }
	}
	get, compare := from.value(f.Path), comparison(f)
	fits := func(x T) bool { return compare(get(x)) }
	if from.known != nil {
		return from.known(f.Path, fits)
	}
	return fits
}

// compileBody converts the expression inside an any to a function.
func compileBody(f *odata.Filter, members []string) func(element) bool {
	return compile(f.Kids[0], source[element]{value: func(path string) func(element) value {
		member, _ := memberOf(path, f.Variable)
		i := slices.Index(members, member)
		return func(e element) value {
			v := textValue(e[i])
			v.n = truth(e[i] == "true").n
			return v
		}
	}})
}

// comparison reports whether a value satisfies a comparison. Strings are
// compared case-insensitively, as in the directory. Null is not equal to any
// value, and neither less nor greater.
func comparison(f *odata.Filter) func(value) bool {
	first := f.Values[0]
	if first.Kind == odata.Null {
		return func(v value) bool { return v.null == (f.Op == odata.Eq) }
	}
	switch first.Kind {
	case odata.Bool, odata.Int, odata.DateTimeOffset:
		want := make([]int64, len(f.Values))
		for i, v := range f.Values {
			switch v.Kind {
			case odata.Bool:
				want[i] = truth(v.Text == "true").n
			case odata.Int:
				want[i], _ = strconv.ParseInt(v.Text, 10, 64)
			default:
				want[i] = v.Time().UnixNano()
			}
		}
		if f.Op == odata.In {
			return func(v value) bool { return !v.null && slices.Contains(want, v.n) }
		}
		return func(v value) bool {
			if v.null {
				return f.Op == odata.Ne
			}
			return ordered(f.Op, int(min(max(v.n-want[0], -1), 1)))
		}
	}
	switch f.Op {
	case odata.Eq, odata.In:
		return func(v value) bool {
			return !v.null && slices.ContainsFunc(f.Values, func(l odata.Literal) bool { return strings.EqualFold(v.text, l.Text) })
		}
	case odata.Ne:
		return func(v value) bool { return v.null || !strings.EqualFold(v.text, first.Text) }
	case odata.StartsWith:
		return func(v value) bool { return !v.null && hasPrefixFold(v.text, first.Text) }
	case odata.EndsWith:
		return func(v value) bool { return !v.null && hasSuffixFold(v.text, first.Text) }
	default:
		return func(v value) bool { return !v.null && ordered(f.Op, compareFold(v.text, first.Text)) }
	}
}

// ordered reports whether a result of cmp.Compare satisfies the operator.
func ordered(op odata.Op, order int) bool {
	switch op {
	case odata.Eq:
		return order == 0
	case odata.Ne:
		return order != 0
	case odata.Gt:
		return order > 0
	case odata.Ge:
		return order >= 0
	case odata.Lt:
		return order < 0
	default: // le
		return order <= 0
	}
}

func hasPrefixFold(s, prefix string) bool {
	for _, want := range prefix {
		got, size := utf8.DecodeRuneInString(s)
		if size == 0 || unicode.ToLower(got) != unicode.ToLower(want) {
			return false
		}
		s = s[size:]
	}
	return true
}

func hasSuffixFold(s, suffix string) bool {
	for suffix != "" {
		want, behind := utf8.DecodeLastRuneInString(suffix)
		got, size := utf8.DecodeLastRuneInString(s)
		if size == 0 || unicode.ToLower(got) != unicode.ToLower(want) {
			return false
		}
		s, suffix = s[:len(s)-size], suffix[:len(suffix)-behind]
	}
	return true
}

// compareFold compares by code points in lower case, like sorting.
func compareFold(a, b string) int {
	for a != "" && b != "" {
		x, behindX := utf8.DecodeRuneInString(a)
		y, behindY := utf8.DecodeRuneInString(b)
		if x, y = unicode.ToLower(x), unicode.ToLower(y); x != y {
			return int(x - y)
		}
		a, b = a[behindX:], b[behindY:]
	}
	return len(a) - len(b)
}
