// Package columns writes the value of a root field level by level: each selected field is resolved once for all objects
// of a level, and its values are appended to one buffer. The response is the same as that of gqlgen's executor, which
// resolves one field of one object at a time.
//
// The package abandons a root field that it cannot write exactly as gqlgen does, for example one with a null that no
// error explains. gqlgen's executor then resolves the field.
package columns

import (
	"bytes"
	"context"
	"io"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Rules are the checks of the fields of an operation, which are field middleware in gqlgen's executor.
type Rules interface {
	// Denied returns the error of a field that the caller may not read; nil if it may. It is called only for fields of
	// existing objects.
	Denied(typeName string, f *ast.Field) error
	// Unread returns the error of an unreadable property that a field of an object requires; nil if there is none.
	Unread(typeName, field string, object any) error
	// ChecksList reports whether Doubtful checks a field with a list of objects.
	ChecksList(typeName, field string) bool
	// Doubtful returns the error of a value that is returned too: a list that may be incomplete, or an empty text. It
	// is called for empty values of non-null leaf fields, and for the lists of ChecksList.
	Doubtful(ctx context.Context, typeName string, f *ast.Field, object, value any) error
	// Recover is called in the deferred function that recovered from a panic, with its value.
	Recover(ctx context.Context, panicked any)
}

// Counter limits the size of a response while it is produced.
type Counter interface {
	// Count counts the values of a field. Size is the bytes of all values, or the number of their objects if the field
	// has a selection. It returns false if the limit is exceeded.
	Count(f graphql.CollectedField, values, size int) bool
	// Undo removes all that was counted.
	Undo()
}

// Row appends the value of row i. It returns false for a null that the schema does not permit: the parent is null.
type Row func(b []byte, i int) ([]byte, bool)

// maxErrors is the maximum number of errors of one root field. gqlgen's executor resolves a field with more.
const maxErrors = 10_000

// Reasons why a root field is abandoned, besides the name of a field that has no column.
const (
	Canceled  = "canceled"
	Panicked  = "panic"
	Deferred  = "@defer"
	Unmerged  = "objects under one name that are not merged"
	Null      = "null without an error"
	Arguments = "invalid arguments"
	Results   = "wrong number of results"
	AddsError = "resolver that adds errors"
	Unknown   = "unknown type"
	TooLarge  = "size"
	TooMany   = "number of errors"
)

// Writer writes the value of one root field.
type Writer struct {
	ctx       context.Context // of the root field
	resolvers any             // gqlgen's, for the generated code
	op        *graphql.OperationContext
	rules     Rules
	counter   Counter
	counted   int // bytes, approximately
	errors    []rowError
	abandoned string
}

// New returns a writer for the root field that ctx resolves. The counter may be nil.
func New(ctx context.Context, resolvers any, rules Rules, counter Counter) *Writer {
	return &Writer{ctx: ctx, op: graphql.GetOperationContext(ctx), resolvers: resolvers, rules: rules, counter: counter}
}

// Write returns the value of the root field. Bind binds its columns; nil if the field has none. If the reason is not
// empty, nothing was written and gqlgen's executor has to resolve the field.
func (w *Writer) Write(bind func() Row) (value graphql.Marshaler, reason string) {
	text, ok := w.text(bind)
	if w.abandoned != "" {
		if w.counter != nil {
			w.counter.Undo()
		}
		return nil, w.abandoned
	}
	for _, e := range w.errors {
		e.addTo(w)
	}
	if !ok {
		return graphql.Null, ""
	}
	return written(text), ""
}

// text returns the value as text, after the room for what precedes it. A panic abandons the root field. If a resolver panicked, gqlgen's executor repeats and
// reports it.
func (w *Writer) text(bind func() Row) (text []byte, ok bool) {
	defer func() {
		if panicked := recover(); panicked != nil {
			w.rules.Recover(w.ctx, panicked)
			w.abandon(Panicked)
		}
	}()
	if w.ctx.Err() != nil {
		w.abandon(Canceled)
		return nil, false
	}
	row := bind()
	if row == nil && w.abandoned == "" {
		w.abandon(graphql.GetFieldContext(w.ctx).Field.Name)
	}
	if w.abandoned != "" {
		return nil, false
	}
	return row(make([]byte, before, before+w.counted+w.counted/8), 0)
}

// abandon records the first reason why gqlgen's executor has to resolve the root field.
func (w *Writer) abandon(reason string) Row {
	if w.abandoned == "" {
		w.abandoned = reason
	}
	return nil
}

// count counts the values of a field.
func (w *Writer) count(f graphql.CollectedField, values, size int) bool {
	w.counted += values*(len(f.Alias)+len(`"":,`)) + size
	if w.counter != nil && !w.counter.Count(f, values, size) {
		w.abandon(TooLarge)
		return false
	}
	return true
}

// before is the room for what precedes the value in the response, such as its name.
const before = 256

// written is a value that was written after the room.
type written []byte

// MarshalGQL implements [graphql.Marshaler]. A value that is first in the response becomes the buffer of the response,
// without a copy.
func (v written) MarshalGQL(to io.Writer) {
	if b, ok := to.(*bytes.Buffer); ok && b.Len() <= before {
		start := before - b.Len()
		copy(v[start:], b.Bytes())
		*b = *bytes.NewBuffer(v[start:])
		return
	}
	to.Write(v[before:]) //nolint:errcheck // gqlgen's writer does not fail
}

// place is where the values of a level are in the response. Each value has a row; its parent value is a row of the
// parent place.
type place struct {
	parent *place
	// field is set if the values are those of a field of the parent's objects, starts if they are the elements of the
	// parent's lists, rows if they are a part of the parent's values. The place of the root field's value has none.
	field  *graphql.FieldContext
	starts []int32 // first element of each list, and the number of all elements
	rows   []int32
}

// context returns the context in which gqlgen's executor resolves the value of a row.
func (p *place) context(root context.Context, row int32) context.Context {
	switch {
	case p == nil || p.parent == nil:
		return root
	case p.starts != nil:
		list := listOf(p.starts, row)
		index := int(row - p.starts[list])
		return graphql.WithFieldContext(p.parent.context(root, list), &graphql.FieldContext{Index: &index})
	case p.rows != nil:
		return p.parent.context(root, p.rows[row])
	default:
		fc := *p.field
		return graphql.WithFieldContext(p.parent.context(root, row), &fc)
	}
}

// listOf returns the list that has an element, by binary search.
func listOf(starts []int32, element int32) int32 {
	low, high := 0, len(starts)-1
	for high-low > 1 {
		if middle := int(uint(low+high) / 2); starts[middle] <= element {
			low = middle
		} else {
			high = middle
		}
	}
	return int32(low)
}

// rowError is an error of the value of one row.
type rowError struct {
	at  *place // of the field
	row int32
	add func(ctx context.Context, err error)
	err error
}

// fail records an error of a row.
func (w *Writer) fail(at *place, row int, err error, add func(context.Context, error)) {
	if len(w.errors) == maxErrors {
		w.abandon(TooMany)
		return
	}
	w.errors = append(w.errors, rowError{at, int32(row), add, err})
}

// The ways in which gqlgen's executor adds errors.
var (
	// addLocated adds the error that a resolver returned.
	addLocated = func(ctx context.Context, err error) {
		graphql.AddError(ctx, graphql.AddFieldLocationToError(ctx, err))
	}
	// addPlain adds an error besides a value.
	addPlain = graphql.AddError
	// addOfBatch adds an error that a batch resolver returned for one of its objects.
	addOfBatch = func(ctx context.Context, err error) {
		index := 0
		if path := graphql.GetPath(ctx); len(path) > 1 {
			if i, ok := path[len(path)-2].(ast.PathIndex); ok {
				index = int(i)
			}
		}
		graphql.AddBatchError(ctx, index, err)
	}
)

func (e rowError) addTo(w *Writer) { e.add(e.at.context(w.ctx, e.row), e.err) }

// anyError presents the errors that a resolver adds itself, of which only the existence matters.
func anyError(context.Context, error) *gqlerror.Error { return &gqlerror.Error{} }
