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

// Answers bounds the bytes of answers while they are produced: those of each
// and those of all that are under way. No document tells how long its answer
// gets: lists and texts are as long as the tenant has them, and an alias is
// repeated for each object.
//
// Together they are bounded by the memory that they take, which is more than
// their bytes until they are written, and their bytes until they are sent. A
// quarter of it is kept for answers below [smallAnswer], so that long ones never
// keep out short ones.
type Answers struct {
	each, together int64
	held           atomic.Int64 // memory of the answers under way
}

const (
	// smallAnswer is the memory of an answer for which a part of that of all is
	// kept.
	smallAnswer = 4 << 20
	// step is how much memory an answer takes at once.
	step = 64 << 10
	// fieldMemory is what a field takes besides its text until the answer is
	// written: measured, 1,000,000 fields took 130 MB.
	fieldMemory = 100
	// textCopies is how often the text of an answer is there while it is written:
	// its buffer has up to twice its length.
	textCopies = 2
)

// NewAnswers bounds the bytes of each answer, and the memory of all together.
func NewAnswers(each, together int64) *Answers {
	return &Answers{each: each, together: together}
}

type answerKey struct{}

// Begin returns a context for one operation. Call end when its answer was sent.
func (a *Answers) Begin(ctx context.Context) (_ context.Context, end func()) {
	begun := &answer{of: a}
	return context.WithValue(ctx, answerKey{}, begun), begun.restart
}

// answer is what was counted of one answer.
type answer struct {
	of       *Answers
	bytes    atomic.Int64
	memory   atomic.Int64
	held     atomic.Int64 // what it has taken of the memory of all
	exceeded atomic.Pointer[exceeded]
	names    sync.Map // *ast.Field: bytes of __typename that each of its objects has
}

func answerOf(ctx context.Context) *answer {
	a, _ := ctx.Value(answerKey{}).(*answer)
	return a
}

// restart counts from zero, for the next answer of a subscription.
func (a *answer) restart() {
	a.of.held.Add(-a.held.Swap(0))
	a.bytes.Store(0)
	a.memory.Store(0)
	a.exceeded.Store(nil)
}

// take counts a field or an error of n bytes, and returns the bound that is
// exceeded, now or before.
func (a *answer) take(n int) *exceeded {
	if e := a.exceeded.Load(); e != nil {
		return e
	}
	if a.bytes.Add(int64(n)) > a.of.each {
		return a.exceed(limitAnswer, a.of.each)
	}
	needed := a.memory.Add(int64(textCopies*n + fieldMemory))
	for held := a.held.Load(); held < needed; held = a.held.Load() {
		more := max(needed-held, step)
		if !a.held.CompareAndSwap(held, held+more) {
			continue
		}
		if a.of.held.Add(more) > a.of.upTo(held+more) {
			defer func() { a.of.held.Add(-a.held.Swap(0)) }() // it ends soon: the others may go on
			return a.exceed(limitAnswers, a.of.together)
		}
	}
	return nil
}

// upTo is the memory of all answers up to which one that takes so much of it may
// go on.
func (a *Answers) upTo(memory int64) int64 {
	if memory > smallAnswer {
		return a.together - a.together/4
	}
	return a.together
}

// written counts an answer that is written, and has to be sent: its bytes only.
// It gives back what else its buffer has room for.
func (a *answer) written(response *graphql.Response) {
	if cap(response.Data)-len(response.Data) > step {
		response.Data = append(make([]byte, 0, len(response.Data)), response.Data...)
	}
	left := int64(len(response.Data))
	for _, e := range response.Errors {
		left += int64(errorSize(e))
	}
	a.of.held.Add(left - a.held.Swap(left))
}

func (a *answer) exceed(which limit, allowed int64) *exceeded {
	a.exceeded.CompareAndSwap(nil, &exceeded{limit: which, measured: most, allowed: int(min(allowed, most))})
	return a.exceeded.Load()
}

// A mutation cannot be ended: what it did has to be told. Its other fields are
// null once a bound is exceeded, and payloads beyond it are reduced to what is
// told. That takes a few hundred bytes for each object that has an outcome, as
// often as an operation may have aliases.

// told tells whether a field says what a mutation did, as in
// createAssignments.results.0.outcome: it is the payload, a list or an object
// without null in it, or a text or number in one of these. That is never left out.
func told(op ast.Operation, fc *graphql.FieldContext) bool {
	if op != ast.Mutation {
		return false
	}
	for ; fc != nil; fc = fc.Parent {
		switch {
		case fc.Field.Field == nil: // an element of a list, or the root
		case fc.Object == "Mutation":
			return true
		case !tells(fc.Field.Field):
			return false
		}
	}
	return true
}

// tells tells whether a field of a payload says what a mutation did.
func tells(field *ast.Field) bool {
	return field.SelectionSet == nil || field.Definition != nil && field.Definition.Type.NonNull
}

// reduced returns the data of a mutation within a number of bytes, and what is
// told of payloads beyond them.
func reduced(op *graphql.OperationContext, data []byte, bytes int64) []byte {
	var payloads map[string]json.RawMessage
	if json.Unmarshal(data, &payloads) != nil {
		return data
	}
	taken := int64(0)
	return object(graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Mutation"}), func(field graphql.CollectedField) []byte {
		payload := payloads[field.Alias]
		if taken += int64(len(field.Alias) + len(payload)); taken > bytes && field.Definition != nil {
			payload = whatIsTold(op, field, payload)
		}
		return payload
	})
}

// whatIsTold returns of the value of a field, which is a payload or in one, what
// says what a mutation did.
func whatIsTold(op *graphql.OperationContext, field graphql.CollectedField, value json.RawMessage) []byte {
	var elements []json.RawMessage
	var members map[string]json.RawMessage
	switch {
	case json.Unmarshal(value, &elements) == nil && elements != nil:
		list := []byte("[")
		for i, element := range elements {
			if i > 0 {
				list = append(list, ',')
			}
			list = append(list, whatIsTold(op, field, element)...)
		}
		return append(list, ']')
	case json.Unmarshal(value, &members) == nil && members != nil:
		return object(graphql.CollectFields(op, field.Selections, []string{field.Definition.Type.Name()}), func(field graphql.CollectedField) []byte {
			switch {
			case !tells(field.Field):
				return []byte("null")
			case field.SelectionSet == nil:
				return members[field.Alias]
			default:
				return whatIsTold(op, field, members[field.Alias])
			}
		})
	}
	return value
}

// object writes an object with the fields that have a value.
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

// middleware counts the fields of an operation. Once a bound is exceeded it
// resolves no more of them.
func (a *answer) middleware(op ast.Operation, next graphql.FieldMiddleware) graphql.FieldMiddleware {
	return func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		fc := graphql.GetFieldContext(ctx)
		if e := a.exceeded.Load(); e != nil && !told(op, fc) {
			return nil, e.error()
		}
		value, err := next(ctx, resolve)
		if err != nil {
			return value, err
		}
		if e := a.take(a.size(fc.Field, value)); e != nil && !told(op, fc) {
			return nil, e.error()
		}
		return value, nil
	}
}

// size is how many bytes a field takes, those of objects below it not counted.
func (a *answer) size(field graphql.CollectedField, value any) int {
	n := len(field.Alias) + len(`"":,`)
	if field.SelectionSet == nil {
		return n + textSize(reflect.ValueOf(value))
	}
	objects := 1
	if v := reflect.ValueOf(value); v.Kind() == reflect.Slice {
		objects = v.Len()
	}
	return n + objects*(len("{},")+a.typenames(field))
}

// textSize is how many bytes a scalar takes, or a list of them. What is no
// text takes no more than a number or a time does.
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

// typenames are the bytes of __typename in each object of a field, which is
// resolved without a call.
func (a *answer) typenames(field graphql.CollectedField) int {
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

// PresentWithin counts the errors of answers, each with its path. Where a
// bound is exceeded it presents no more of them, but for those that tell what a
// mutation did.
func PresentWithin(present graphql.ErrorPresenterFunc) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		a := answerOf(ctx)
		if a == nil {
			return present(ctx, err)
		}
		if a.exceeded.Load() != nil && (isBound(err) || !tellsOf(ctx)) {
			return nil
		}
		presented := present(ctx, err)
		if presented != nil && a.take(errorSize(presented)) != nil && !tellsOf(ctx) {
			return nil
		}
		return presented
	}
}

// tellsOf tells whether the context is that of a field that says what a mutation
// did, or of the mutation itself.
func tellsOf(ctx context.Context) bool {
	if !graphql.HasOperationContext(ctx) {
		return false
	}
	op := graphql.GetOperationContext(ctx).Operation
	return op != nil && told(op.Operation, graphql.GetFieldContext(ctx))
}

// isBound tells whether an error is that of the bound, which is told once.
func isBound(err error) bool {
	e, ok := errors.AsType[*gqlerror.Error](err)
	return ok && e.Err == nil && (e.Extensions["limit"] == string(limitAnswer) || e.Extensions["limit"] == string(limitAnswers))
}

func errorSize(e *gqlerror.Error) int {
	const rest = 100 // of its members, extensions among them
	n := len(e.Message) + rest
	for _, step := range e.Path {
		if name, ok := step.(ast.PathName); ok {
			n += len(name)
		}
		n += len(`"",`)
	}
	return n
}

// InterceptOperation has the fields of an operation counted.
func (e *Extension) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	if a := answerOf(ctx); a != nil {
		op := graphql.GetOperationContext(ctx)
		op.ResolverMiddleware = a.middleware(op.Operation.Operation, op.ResolverMiddleware)
	}
	return next(ctx)
}

// within answers nothing but the bound that an answer exceeds. What a mutation
// did is told beside it.
func (a *answer) within(op *graphql.OperationContext, response *graphql.Response) *graphql.Response {
	if int64(len(response.Data)) > a.of.each { // with what had to be escaped
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
