// Package limits bounds what one GraphQL document may ask, so that no request
// of a few hundred bytes can keep the server busy for seconds.
//
// It works in two steps, both linear in the document. Before validation it
// counts: tokens, depth, width, aliases and so on, as they would be with every
// fragment written out, though each fragment is looked at once. After
// validation, when types and variables are known, it adds up a cost by the
// schema's own @cost and @listSize directives. The package refuses a document
// or lets it pass; it never changes one.
package limits

import (
	"context"
	"crypto/sha256"
	"fmt"

	"licensegraph/internal/cache"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Limits are the largest values that pass. A zero field stands for its value
// in [Default].
type Limits struct {
	// QueryBytes is the length of the document's text.
	QueryBytes int
	// OperationNameBytes is the length of the name that picks an operation.
	OperationNameBytes int
	// Tokens is the number of lexical tokens, comments included.
	Tokens int
	// Depth is the number of fields on the longest way from the root to a leaf.
	Depth int
	// Width is the number of fields in one selection set, those of its
	// fragments included, and those of sets that fields of the same name have
	// beside it. Validation compares each with each.
	Width int
	// RootFields is the number of fields that an operation asks of the root.
	RootFields int
	// Fields is the number of fields and fragment spreads of all operations
	// together, with their fragments written out.
	Fields int
	// Aliases is the number of aliased fields of an operation, counted alike.
	Aliases int
	// Directives is the number of directives of an operation, counted alike.
	Directives int
	// Fragments is the number of fragment definitions.
	Fragments int
	// Cost is the cost of an operation by the schema's @cost and @listSize:
	// each object counts, and so does each scalar and __typename.
	Cost int
	// UpstreamRequests is how many requests an operation may take at Microsoft
	// Graph, by the schema's @upstream; each part of a $batch is one.
	UpstreamRequests int
	// ListSize is how many elements a list is taken to have when the schema
	// does not say, as for the lists of introspection.
	ListSize int
	// IDs is the length of a list argument that sets a list's size, such as
	// the ids of Query.nodes.
	IDs int
	// Representations is the number of entities that a federation router may
	// ask for at once.
	Representations int
	// NameBytes is the length of a name or an alias.
	NameBytes int
	// Operations is the number of operations in a document, of which one runs.
	Operations int
	// Variables is the number of variables that an operation defines.
	Variables int
	// Values is the number of JSON values in a request, variables and all.
	Values int
	// Nesting is how deep objects and lists of a request's JSON are in each
	// other.
	Nesting int
	// ListElements is the length of any list in a request's JSON, unless IDs
	// or Representations are more.
	ListElements int
	// StringBytes is the length of a string in a document or in variables. The
	// longest that is of use is a cursor.
	StringBytes int
	// Errors is the number of errors in an answer.
	Errors int
}

// Default returns limits that let GraphiQL introspect and that let the largest
// page of assignment errors carry people, their licenses, groups and usage rights.
// The requests of an operation are what Microsoft Graph takes of one application
// in ten seconds in a small tenant ("Microsoft Graph service-specific throttling
// limits", identity and access).
func Default() Limits {
	return Limits{
		QueryBytes:         64 << 10,
		OperationNameBytes: 256,
		Tokens:             2_000,
		Depth:              15,
		Width:              200,
		RootFields:         20,
		Fields:             2_000,
		Aliases:            50,
		Directives:         50,
		Fragments:          50,
		Cost:               200_000,
		UpstreamRequests:   3_500,
		ListSize:           10,
		IDs:                100,
		Representations:    1_000,
		NameBytes:          128,
		Operations:         20,
		Variables:          100,
		Values:             20_000,
		Nesting:            20,
		ListElements:       1_000,
		StringBytes:        16 << 10,
		Errors:             1_000,
	}
}

// withDefaults replaces what is zero.
func (l Limits) withDefaults() Limits {
	d := Default()
	for _, field := range []struct{ value, fallback *int }{
		{&l.QueryBytes, &d.QueryBytes},
		{&l.OperationNameBytes, &d.OperationNameBytes},
		{&l.Tokens, &d.Tokens},
		{&l.Depth, &d.Depth},
		{&l.Width, &d.Width},
		{&l.RootFields, &d.RootFields},
		{&l.Fields, &d.Fields},
		{&l.Aliases, &d.Aliases},
		{&l.Directives, &d.Directives},
		{&l.Fragments, &d.Fragments},
		{&l.Cost, &d.Cost},
		{&l.UpstreamRequests, &d.UpstreamRequests},
		{&l.ListSize, &d.ListSize},
		{&l.IDs, &d.IDs},
		{&l.Representations, &d.Representations},
		{&l.NameBytes, &d.NameBytes},
		{&l.Operations, &d.Operations},
		{&l.Variables, &d.Variables},
		{&l.Values, &d.Values},
		{&l.Nesting, &d.Nesting},
		{&l.ListElements, &d.ListElements},
		{&l.StringBytes, &d.StringBytes},
		{&l.Errors, &d.Errors},
	} {
		if *field.value == 0 {
			*field.value = *field.fallback
		}
	}
	return l
}

// rememberedVerdicts bounds the memory of what was found about documents. An
// entry takes about 200 bytes.
const rememberedVerdicts = 4_096

// Extension is the gqlgen extension that applies the limits. Add it before any
// extension that reads the document.
type Extension struct {
	limits   Limits
	weights  *weights // of the schema, once Validate has seen it
	verdicts *cache.Cache[[sha256.Size]byte, *exceeded]
}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
	graphql.OperationContextMutator
	graphql.OperationInterceptor
	graphql.ResponseInterceptor
} = (*Extension)(nil)

// New returns an extension for one executor.
func New(l Limits) *Extension {
	return &Extension{
		limits:   l.withDefaults(),
		verdicts: cache.New(cache.Options[[sha256.Size]byte, *exceeded]{Most: rememberedVerdicts}),
	}
}

// ExtensionName names the extension in gqlgen.
func (e *Extension) ExtensionName() string { return "Limits" }

// Validate reads the weights of the schema and refuses those that make no
// sense.
func (e *Extension) Validate(es graphql.ExecutableSchema) error {
	w, err := newWeights(es.Schema(), e.limits.ListSize)
	if err != nil {
		return err
	}
	e.weights = w
	return nil
}

// CheckDocument returns the limit that a document does not keep by its shape. One that cannot be parsed passes.
func (l Limits) CheckDocument(query string) *gqlerror.Error {
	l = l.withDefaults()
	if n := len(query); n > l.QueryBytes {
		return (&exceeded{limit: limitQuery, measured: n, allowed: l.QueryBytes}).error()
	}
	return checkDocument(query, l).error()
}

// MutateOperationParameters refuses a document by its shape, before it is
// validated. A document that cannot be parsed passes: the executor, under the
// same token limit, says what is wrong with it.
func (e *Extension) MutateOperationParameters(_ context.Context, params *graphql.RawParams) *gqlerror.Error {
	if n := len(params.OperationName); n > e.limits.OperationNameBytes {
		return (&exceeded{limit: limitOperationName, measured: n, allowed: e.limits.OperationNameBytes}).error()
	}
	if n := len(params.Query); n > e.limits.QueryBytes {
		return (&exceeded{limit: limitQuery, measured: n, allowed: e.limits.QueryBytes}).error()
	}
	key := sha256.Sum256([]byte(params.Query))
	verdict, known := e.verdicts.Get(key)
	if !known {
		verdict = checkDocument(params.Query, e.limits)
		e.verdicts.Add(key, verdict)
	}
	return verdict.error()
}

// MutateOperationContext refuses an operation by its cost and by what it would take upstream, after validation
// and before anything is fetched.
func (e *Extension) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	c := newCounter(e.weights, e.limits, op.Variables)
	if e := c.check(op.Operation); e != nil {
		return e.error()
	}
	op.Stats.SetExtension(costKey, c.total)
	return newUpstreamCounter(e.weights, e.limits, op.Variables).checkUpstream(op.Operation).error()
}

// costKey is where an operation keeps its cost.
const costKey = "cost"

// Cost is the cost of an operation that was found to be within the limits.
func Cost(op *graphql.OperationContext) int {
	cost, _ := op.Stats.GetExtension(costKey).(int)
	return cost
}

// UpstreamRequests is how many requests an operation takes at Microsoft Graph at
// most, if its lists are as long as the schema takes them to be.
func (e *Extension) UpstreamRequests(op *graphql.OperationContext) int {
	return newUpstreamCounter(e.weights, e.limits, op.Variables).requests(op.Operation.SelectionSet)
}

// InterceptResponse keeps an answer within its bytes, and cuts its errors: a
// page of objects that all lack the same can have one each.
func (e *Extension) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	a := answerOf(ctx)
	if a != nil {
		a.restart()
	}
	response := next(ctx)
	if a != nil && response != nil && graphql.HasOperationContext(ctx) {
		response = a.within(graphql.GetOperationContext(ctx), response)
		a.written(response)
	}
	if response == nil || len(response.Errors) <= e.limits.Errors {
		return response
	}
	more := len(response.Errors) - e.limits.Errors
	response.Errors = append(response.Errors[:e.limits.Errors:e.limits.Errors], &gqlerror.Error{
		Message:    fmt.Sprintf("There are %d more errors.", more),
		Extensions: map[string]any{"code": response.Errors[e.limits.Errors].Extensions["code"], "count": more},
	})
	return response
}
