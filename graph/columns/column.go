package columns

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
)

// level is all objects of one type below one field.
type level[P any] struct {
	*Writer

	typeName string
	at       *place
	objects  []P
}

// Column is a field of all objects of a level.
type Column[P any] struct {
	graphql.CollectedField

	level *level[P]
	w     *Writer
	fc    graphql.FieldContext
	at    place
	// null are the rows that are null because of an error, whose values are not resolved further; unread are those
	// whose value is returned with the error of an unreadable property. They are nil if there are none.
	null, unread []bool
}

func newColumn[P any](l *level[P], f graphql.CollectedField) *Column[P] {
	c := &Column[P]{CollectedField: f, level: l, w: l.Writer, fc: graphql.FieldContext{Object: l.typeName, Field: f}}
	c.at = place{parent: l.at, field: &c.fc}
	return c
}

// Resolvers returns gqlgen's resolvers.
func (c *Column[P]) Resolvers() any { return c.w.resolvers }

// Decoded decodes the arguments of the field.
func (c *Column[P]) Decoded(decode func(ctx context.Context, field string, raw map[string]any) (map[string]any, error)) *Column[P] {
	args, err := decode(c.w.ctx, c.fc.Object+"."+c.Name, c.ArgumentMap(c.w.op.Variables))
	if err != nil {
		c.w.abandon(Arguments)
	}
	c.fc.Args = args
	return c
}

// Plain returns the column of a field or a method of the Go type.
func Plain[P, V any](c *Column[P], kind Kind[V], value func(P) V) Row {
	return Checked(c, kind, func(object P) (V, error) { return value(object), nil })
}

// Checked returns the column of a method that can fail.
func Checked[P, V any](c *Column[P], kind Kind[V], value func(P) (V, error)) Row {
	if !c.start() {
		return c.nulls()
	}
	return each(c, kind, value)
}

// Single returns the column of a resolver of one object.
func Single[P, V any](c *Column[P], kind Kind[V], resolve func(ctx context.Context, object P, args map[string]any) (V, error)) Row {
	if !c.start() {
		return c.nulls()
	}
	ctx := c.context()
	row := each(c, kind, func(object P) (V, error) { return resolve(ctx, object, c.fc.Args) })
	if graphql.GetErrors(ctx) != nil {
		return c.w.abandon(AddsError)
	}
	return row
}

// context returns the context of a resolver. Its errors are not those of the response.
func (c *Column[P]) context() context.Context {
	return graphql.WithResponseContext(graphql.WithFieldContext(c.w.ctx, &c.fc), anyError, c.w.op.RecoverFunc)
}

// each returns the column of the values of each object.
func each[P, V any](c *Column[P], kind Kind[V], value func(P) (V, error)) Row {
	values := make([]V, len(c.level.objects))
	known, size := 0, 0
	for i, object := range c.level.objects {
		if c.isNull(i) {
			continue
		}
		v, err := value(object)
		if err != nil {
			c.fail(i, err, addLocated)
			continue
		}
		values[i] = v
		known, size = known+1, size+kind.size(v)
	}
	return bind(c, kind, values, known, size)
}

// Batch returns the column of a batch resolver.
func Batch[P, V any](c *Column[P], kind Kind[V], resolve func(ctx context.Context, objects []P, args map[string]any) ([]V, error)) Row {
	if !c.start() {
		return c.nulls()
	}
	ctx := c.context()
	results, err := resolve(ctx, c.level.objects, c.fc.Args)
	errs, valid := errorsOf(err, len(c.level.objects))
	switch {
	case !valid || len(results) != len(c.level.objects):
		return c.w.abandon(Results)
	case graphql.GetErrors(ctx) != nil:
		return c.w.abandon(AddsError)
	}
	values := make([]V, len(results))
	known, size := 0, 0
	for i, result := range results {
		if c.isNull(i) {
			continue
		}
		known++
		if errs != nil && errs[i] != nil {
			c.fail(i, errs[i], addOfBatch)
			size += kind.none // gqlgen adds the error and resolves to an untyped nil
			continue
		}
		values[i] = result
		size += kind.size(result)
	}
	return bind(c, kind, values, known, size)
}

// errorsOf returns the error of each object from that of a batch resolver; nil if there are none.
func errorsOf(err error, objects int) (errs []error, valid bool) {
	if err == nil {
		return nil, true
	}
	if batch, ok := err.(graphql.BatchErrors); ok { //nolint:errorlint // as gqlgen does
		return batch.Errors(), len(batch.Errors()) == objects
	}
	errs = make([]error, objects)
	for i := range errs {
		errs[i] = err
	}
	return errs, true
}

// start applies the rules that precede the resolver. It returns false if no value may be resolved.
func (c *Column[P]) start() bool {
	if c.w.abandoned != "" {
		return false
	}
	if err := c.w.rules.Denied(c.fc.Object, c.Field); err != nil {
		for i := range c.level.objects {
			c.fail(i, err, addLocated)
		}
		return false
	}
	for i, object := range c.level.objects {
		err := c.w.rules.Unread(c.fc.Object, c.Name, object)
		switch {
		case err == nil:
		case c.nonNull():
			c.unread = c.with(c.unread, i)
			c.w.fail(&c.at, i, err, addPlain)
		default:
			c.fail(i, err, addLocated)
		}
	}
	return true
}

func (c *Column[P]) nonNull() bool { return c.Definition.Type.NonNull }

// fail makes a row null because of an error.
func (c *Column[P]) fail(i int, err error, add func(context.Context, error)) {
	c.null = c.with(c.null, i)
	c.w.fail(&c.at, i, err, add)
}

// with adds a row to a set of rows.
func (c *Column[P]) with(rows []bool, i int) []bool {
	if rows == nil {
		rows = make([]bool, len(c.level.objects))
	}
	rows[i] = true
	return rows
}

func (c *Column[P]) isNull(i int) bool { return c.null != nil && c.null[i] }

// nulls returns a column of nulls; nil if the root field is abandoned.
func (c *Column[P]) nulls() Row {
	if c.w.abandoned != "" {
		return nil
	}
	nonNull := c.nonNull()
	return func(b []byte, _ int) ([]byte, bool) { return null(b, nonNull) }
}

// null appends null. It returns false if the schema does not permit it.
func null(b []byte, nonNull bool) ([]byte, bool) { return append(b, "null"...), !nonNull }

// bind counts and checks the values of a column, and binds them. Known is the number of values that were resolved
// without an error.
func bind[P, V any](c *Column[P], kind Kind[V], values []V, known, size int) Row {
	if !c.w.count(c.CollectedField, known, size) {
		return nil
	}
	doubt(c, kind, values)
	row := kind.bind(scope{w: c.w, at: &c.at, field: c.CollectedField}, values)
	if row == nil || c.null == nil {
		return row
	}
	nulls, nonNull := c.null, c.nonNull()
	return func(b []byte, i int) ([]byte, bool) {
		if nulls[i] {
			return null(b, nonNull)
		}
		return row(b, i)
	}
}

// doubt adds the errors of values that are returned too.
func doubt[P, V any](c *Column[P], kind Kind[V], values []V) {
	leaf := c.SelectionSet == nil
	if leaf && !c.nonNull() || !leaf && !c.w.rules.ChecksList(c.fc.Object, c.Name) {
		return
	}
	for i, value := range values {
		if c.isNull(i) || c.unread != nil && c.unread[i] || leaf && kind.size(value) > len(`""`) {
			continue
		}
		if err := c.w.rules.Doubtful(c.w.ctx, c.fc.Object, c.Field, c.level.objects[i], value); err != nil {
			c.w.fail(&c.at, i, err, addPlain)
		}
	}
}
