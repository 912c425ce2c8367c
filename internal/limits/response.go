package limits

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Answers limits the size of responses during execution: of each response, and of all responses in progress. The size
// of a response does not follow from its document: lists and strings depend on the tenant, and aliases repeat per
// object.
//
// The total limit applies to the memory of responses, which exceeds their size until they are encoded, and equals their
// size until they are sent. A quarter is reserved for responses below [smallAnswer], so that large responses do not
// block small ones.
type Responses struct {
	each, together int64
	reserved       atomic.Int64 // memory of the responses in progress
}

const (
	// smallAnswer is the maximum memory of a response that may use the reserved quarter.
	smallAnswer = 4 << 20
	// step is the unit of memory reservations.
	step = 64 << 10
	// fieldMemory is the memory of a field besides its value until the response is encoded: 1,000,000 fields were
	// measured at 130 MB.
	fieldMemory = 100
	// textCopies is the memory of the response's text during encoding, relative to its length: the buffer has up to
	// twice the length.
	textCopies = 2
)

// NewAnswers returns limits for the size of each response and for the total memory, in bytes.
func NewResponses(each, together int64) *Responses {
	return &Responses{each: each, together: together}
}

type responseKey struct{}

// Begin returns a context for one operation. Call end when its response was sent.
func (a *Responses) Begin(ctx context.Context) (_ context.Context, end func()) {
	begun := &response{of: a}
	return context.WithValue(ctx, responseKey{}, begun), begun.restart
}

// response is the size of one response.
type response struct {
	of       *Responses
	bytes    atomic.Int64
	memory   atomic.Int64
	reserved atomic.Int64 // its share of the total memory
	exceeded atomic.Pointer[exceeded]
	names    sync.Map // *ast.Field: size of __typename in each of its objects
}

func responseOf(ctx context.Context) *response {
	a, _ := ctx.Value(responseKey{}).(*response)
	return a
}

// restart resets the counts for the next response of a subscription.
func (a *response) restart() {
	a.of.reserved.Add(-a.reserved.Swap(0))
	a.bytes.Store(0)
	a.memory.Store(0)
	a.exceeded.Store(nil)
}

// take counts a field or an error of n bytes. It returns the limit that is exceeded, now or before.
func (a *response) take(n int) *exceeded { return a.takeFields(1, n) }

// takeFields counts fields or errors of n bytes in total.
func (a *response) takeFields(fields, n int) *exceeded {
	if e := a.exceeded.Load(); e != nil {
		return e
	}
	if a.bytes.Add(int64(n)) > a.of.each {
		return a.exceed(limitAnswer, a.of.each)
	}
	needed := a.memory.Add(memoryOf(fields, n))
	for reserved := a.reserved.Load(); reserved < needed; reserved = a.reserved.Load() {
		more := max(needed-reserved, step)
		if !a.reserved.CompareAndSwap(reserved, reserved+more) {
			continue
		}
		if a.of.reserved.Add(more) > a.of.upTo(reserved+more) {
			defer func() { a.of.reserved.Add(-a.reserved.Swap(0)) }() // the operation ends soon; release its share for others
			return a.exceed(limitAnswers, a.of.together)
		}
	}
	return nil
}

// memoryOf returns the memory of fields of n bytes in total.
func memoryOf(fields, n int) int64 { return int64(textCopies*n + fields*fieldMemory) }

// upTo returns the total memory up to which a response with that share may continue.
func (a *Responses) upTo(memory int64) int64 {
	if memory > smallAnswer {
		return a.together - a.together/4
	}
	return a.together
}

// written counts an encoded response: its buffer only. It releases most of the unused capacity.
func (a *response) written(response *graphql.Response) {
	if spare := cap(response.Data) - len(response.Data); spare > max(step, len(response.Data)/4) {
		response.Data = append(make([]byte, 0, len(response.Data)), response.Data...)
	}
	left := int64(cap(response.Data))
	for _, e := range response.Errors {
		left += int64(errorSize(e))
	}
	a.of.reserved.Add(left - a.reserved.Swap(left))
}

func (a *response) exceed(which limit, allowed int64) *exceeded {
	a.exceeded.CompareAndSwap(nil, &exceeded{limit: which, measured: most, allowed: int(min(allowed, most))})
	return a.exceeded.Load()
}

// A mutation cannot be canceled: its outcome must be reported. If a limit is exceeded, the other fields are null and
// the remaining payloads are reduced to their outcome. That takes a few hundred bytes per object with an outcome, times
// the maximum number of aliases.

// isOutcome reports whether a field is part of a mutation's outcome, such as createAssignments.results.0.outcome: the
// payload, a list or a non-null object in it, or a string or number in one of these. Such fields are never left out.
func isOutcome(op ast.Operation, fc *graphql.FieldContext) bool {
	if op != ast.Mutation {
		return false
	}
	for ; fc != nil; fc = fc.Parent {
		switch {
		case fc.Field.Field == nil: // a list element, or the root
		case fc.Object == "Mutation":
			return true
		case !isOutcomeField(fc.Field.Field):
			return false
		}
	}
	return true
}

// isOutcomeField reports whether a field of a payload is part of the outcome.
func isOutcomeField(field *ast.Field) bool {
	return field.SelectionSet == nil || field.Definition != nil && field.Definition.Type.NonNull
}

// reduced returns the data of a mutation up to a number of bytes, and only the outcome of further payloads.
func reduced(op *graphql.OperationContext, data []byte, bytes int64) []byte {
	var payloads map[string]json.RawMessage
	if json.Unmarshal(data, &payloads) != nil {
		return data
	}
	taken := int64(0)
	return object(graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Mutation"}), func(field graphql.CollectedField) []byte {
		payload := payloads[field.Alias]
		if taken += int64(len(field.Alias) + len(payload)); taken > bytes && field.Definition != nil {
			payload = outcomeOf(op, field, payload)
		}
		return payload
	})
}

// outcomeOf returns the outcome in the value of a field, which is a payload or in one.
func outcomeOf(op *graphql.OperationContext, field graphql.CollectedField, value json.RawMessage) []byte {
	var elements []json.RawMessage
	var members map[string]json.RawMessage
	switch {
	case json.Unmarshal(value, &elements) == nil && elements != nil:
		list := []byte("[")
		for i, element := range elements {
			if i > 0 {
				list = append(list, ',')
			}
			list = append(list, outcomeOf(op, field, element)...)
		}
		return append(list, ']')
	case json.Unmarshal(value, &members) == nil && members != nil:
		return object(graphql.CollectFields(op, field.Selections, []string{field.Definition.Type.Name()}), func(field graphql.CollectedField) []byte {
			switch {
			case !isOutcomeField(field.Field):
				return []byte("null")
			case field.SelectionSet == nil:
				return members[field.Alias]
			default:
				return outcomeOf(op, field, members[field.Alias])
			}
		})
	}
	return value
}

// object encodes an object of the fields that have a value.
func object(fields []graphql.CollectedField, value func(graphql.CollectedField) []byte) []byte {
	text := []byte("{")
	for _, field := range fields {
		written := value(field)
		if written == nil {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(append(append(append(text, '"'), field.Alias...), `":`...), written...)
	}
	return append(text, '}')
}

// middleware counts the fields of an operation and stops resolving them when a limit is exceeded.
func (a *response) middleware(op ast.Operation, next graphql.FieldMiddleware) graphql.FieldMiddleware {
	return func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		fc := graphql.GetFieldContext(ctx)
		if e := a.exceeded.Load(); e != nil && !isOutcome(op, fc) {
			return nil, e.error()
		}
		value, err := next(ctx, resolve)
		if err != nil {
			return value, err
		}
		if e := a.take(a.size(fc.Field, value)); e != nil && !isOutcome(op, fc) {
			return nil, e.error()
		}
		return value, nil
	}
}

// size returns the size of a field without its child objects, in bytes.
func (a *response) size(field graphql.CollectedField, value any) int {
	if field.SelectionSet == nil {
		return a.sizes(field, 1, textSize(reflect.ValueOf(value)))
	}
	objects := 1
	if v := reflect.ValueOf(value); v.Kind() == reflect.Slice {
		objects = v.Len()
	}
	return a.sizes(field, 1, objects)
}

// sizes returns the size of a field in several objects. Size is the bytes of the values, or the number of their objects
// if the field has a selection.
func (a *response) sizes(field graphql.CollectedField, values, size int) int {
	if field.SelectionSet != nil {
		size *= len("{},") + a.typenames(field)
	}
	return values*(len(field.Alias)+len(`"":,`)) + size
}

// Counter counts the fields of one root field that are resolved for many objects at once, without field middleware.
type Counter struct {
	response      *response
	bytes, memory int64
}

// NewCounter returns a counter for a root field of the context's response; nil if the response has no limits.
func NewCounter(ctx context.Context) *Counter {
	if a := responseOf(ctx); a != nil {
		return &Counter{response: a}
	}
	return nil
}

// Count counts a field in several objects. Size is the bytes of the values, or the number of their objects if the field
// has a selection. It returns false if a limit is exceeded.
func (c *Counter) Count(field graphql.CollectedField, values, size int) bool {
	n := c.response.sizes(field, values, size)
	c.bytes, c.memory = c.bytes+int64(n), c.memory+memoryOf(values, n)
	return c.response.takeFields(values, n) == nil
}

// Undo removes all that was counted: the field middleware counts the same fields again. It does not undo that a limit
// was exceeded.
func (c *Counter) Undo() {
	c.response.bytes.Add(-c.bytes)
	c.response.memory.Add(-c.memory)
	c.bytes, c.memory = 0, 0
}

// textSize returns the size of a scalar or a list of scalars, in bytes. Values that are not strings count as a number
// or a time.
func textSize(v reflect.Value) int {
	const other = 32
	switch v.Kind() {
	case reflect.String:
		return v.Len() + len(`""`)
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return len("null")
		}
		return textSize(v.Elem())
	case reflect.Slice:
		n := len("[]")
		for i := range v.Len() {
			n += textSize(v.Index(i)) + len(",")
		}
		return n
	case reflect.Invalid, reflect.Bool:
		return len("false")
	}
	return other
}

// typenames returns the size of __typename in each object of a field, which is resolved without middleware.
func (a *response) typenames(field graphql.CollectedField) int {
	if known, ok := a.names.Load(field.Field); ok {
		return known.(int)
	}
	n := typenamesIn(field.Selections)
	a.names.Store(field.Field, n)
	return n
}

func typenamesIn(set ast.SelectionSet) int {
	const name = len(`"":"",`) + len("OtherDirectoryObject")
	n := 0
	for _, selection := range set {
		switch selection := selection.(type) {
		case *ast.Field:
			if selection.Name == "__typename" {
				n += len(selection.Alias) + name
			}
		case *ast.InlineFragment:
			n += typenamesIn(selection.SelectionSet)
		case *ast.FragmentSpread:
			if selection.Definition != nil {
				n += typenamesIn(selection.Definition.SelectionSet)
			}
		}
	}
	return n
}

// PresentWithin counts the errors of a response with their paths. When a limit is exceeded, it omits further errors,
// except those of a mutation's outcome.
func PresentWithin(present graphql.ErrorPresenterFunc) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		a := responseOf(ctx)
		if a == nil {
			return present(ctx, err)
		}
		if a.exceeded.Load() != nil && (isBound(err) || !inOutcome(ctx)) {
			return nil
		}
		presented := present(ctx, err)
		if presented != nil && a.take(errorSize(presented)) != nil && !inOutcome(ctx) {
			return nil
		}
		return presented
	}
}

// inOutcome reports whether the context is of a field that is part of a mutation's outcome, or of the mutation itself.
func inOutcome(ctx context.Context) bool {
	if !graphql.HasOperationContext(ctx) {
		return false
	}
	op := graphql.GetOperationContext(ctx).Operation
	return op != nil && isOutcome(op.Operation, graphql.GetFieldContext(ctx))
}

// isBound reports whether an error is that of the exceeded limit, which is reported once.
func isBound(err error) bool {
	e, ok := errors.AsType[*gqlerror.Error](err)
	return ok && e.Err == nil && (e.Extensions["limit"] == string(limitAnswer) || e.Extensions["limit"] == string(limitAnswers))
}

func errorSize(e *gqlerror.Error) int {
	const rest = 100 // the other members, including extensions
	n := len(e.Message) + rest
	for _, step := range e.Path {
		if name, ok := step.(ast.PathName); ok {
			n += len(name)
		}
		n += len(`"",`)
	}
	return n
}

// InterceptOperation counts the fields of an operation.
func (e *Extension) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	if a := responseOf(ctx); a != nil {
		op := graphql.GetOperationContext(ctx)
		op.ResolverMiddleware = a.middleware(op.Operation.Operation, op.ResolverMiddleware)
	}
	return next(ctx)
}

// within returns a response with only the error of the exceeded limit and, for a mutation, its outcome.
func (a *response) within(op *graphql.OperationContext, response *graphql.Response) *graphql.Response {
	if int64(len(response.Data)) > a.of.each { // including escapes
		a.exceed(limitAnswer, a.of.each)
	}
	e := a.exceeded.Load()
	if e == nil {
		return response
	}
	if op.Operation.Operation == ast.Mutation {
		if int64(len(response.Data)) > a.of.each {
			response.Data = reduced(op, response.Data, a.of.each)
		}
		response.Errors = append(response.Errors, e.error())
		return response
	}
	return &graphql.Response{Data: []byte("null"), Errors: gqlerror.List{e.error()}, Extensions: response.Extensions}
}
