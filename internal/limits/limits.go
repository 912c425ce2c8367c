// Package limits limits the size and cost of one GraphQL document, so that a small request cannot occupy the server for
// seconds.
//
// It has two steps, both linear in the size of the document. Before validation it counts tokens, depth, width, aliases
// and so on, with fragments expanded but each fragment visited once. After validation, when types and variables are
// available, it computes the cost from the schema's @cost and @listSize directives. The package accepts or rejects a
// document; it never modifies one.
package limits

import (
	"context"
	"crypto/sha256"
	"fmt"

	"licensegraph/internal/cache"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// Limits are maximum values. A zero field means its value in [Default].
type Limits struct {
	// QueryBytes is the size of the document, in bytes.
	QueryBytes int
	// OperationNameBytes is the length of operationName, in bytes.
	OperationNameBytes int
	// Tokens is the number of lexical tokens, including comments.
	Tokens int
	// Depth is the number of fields on the longest path from the root to a leaf.
	Depth int
	// Width is the number of fields in one selection set, including those of fragments and of fields that are merged.
	// Validation compares them pairwise.
	Width int
	// RootFields is the number of root fields of an operation.
	RootFields int
	// Fields is the number of fields and fragment spreads of all operations, with fragments expanded.
	Fields int
	// Aliases is the number of aliased fields of an operation, with fragments expanded.
	Aliases int
	// Directives is the number of directives of an operation, with fragments expanded.
	Directives int
	// Fragments is the number of fragment definitions.
	Fragments int
	// Cost is the cost of an operation by the schema's @cost and @listSize, which counts objects, scalars and
	// __typename.
	Cost int
	// UpstreamRequests is the number of requests to Microsoft Graph of an operation, by the schema's @upstream,
	// counting each request of a $batch.
	UpstreamRequests int
	// ListSize is the assumed size of a list without one in the schema, such as the lists of introspection.
	ListSize int
	// IDs is the length of a list argument that determines a list's size, such as the ids of Query.nodes.
	IDs int
	// Representations is the number of entities in one request of a federation router.
	Representations int
	// NameBytes is the length of a name or an alias, in bytes.
	NameBytes int
	// Operations is the number of operations in a document.
	Operations int
	// Variables is the number of variable definitions of an operation.
	Variables int
	// Values is the number of JSON values in a request.
	Values int
	// Nesting is the nesting depth of a request's JSON.
	Nesting int
	// ListElements is the length of a list in a request's JSON; the larger of IDs and Representations applies if it
	// exceeds ListElements.
	ListElements int
	// StringBytes is the length of a string in a document or in variables, in bytes. The longest valid strings are
	// cursors.
	StringBytes int
	// Errors is the number of errors in a response.
	Errors int
}

// Default returns limits that permit GraphiQL's introspection query and the largest page of assignment errors with
// users, their licenses, groups and usage rights. UpstreamRequests is the quota of one application for ten seconds in a
// small tenant ("Microsoft Graph service-specific throttling limits", identity and access).
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

// withDefaults replaces zero fields.
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

// cachedVerdicts is the maximum number of cached results of checkDocument, of about 200 bytes each.
const cachedVerdicts = 4_096

// Extension is the gqlgen extension that enforces the limits. Add it before extensions that read the document.
type Extension struct {
	limits   Limits
	weights  *weights // set by Validate
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
		verdicts: cache.New(cache.Options[[sha256.Size]byte, *exceeded]{Most: cachedVerdicts}),
	}
}

// ExtensionName implements [graphql.HandlerExtension].
func (e *Extension) ExtensionName() string { return "Limits" }

// Validate reads the weights of the schema and rejects invalid ones.
func (e *Extension) Validate(es graphql.ExecutableSchema) error {
	w, err := newWeights(es.Schema(), e.limits.ListSize)
	if err != nil {
		return err
	}
	e.weights = w
	return nil
}

// CheckDocument returns the limit that a document exceeds by its shape; nil if there is none or the document cannot be
// parsed.
func (l Limits) CheckDocument(query string) *gqlerror.Error {
	l = l.withDefaults()
	if n := len(query); n > l.QueryBytes {
		return (&exceeded{limit: limitQuery, measured: n, allowed: l.QueryBytes}).error()
	}
	return checkDocument(query, l).error()
}

// MutateOperationParameters rejects a document by its shape, before validation. A document that cannot be parsed
// passes: the executor, which has the same token limit, reports the error.
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

// MutateOperationContext rejects an operation by its cost and its upstream requests, after validation and before
// execution.
func (e *Extension) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	c := newCounter(e.weights, e.limits, op.Variables)
	if e := c.check(op.Operation); e != nil {
		return e.error()
	}
	op.Stats.SetExtension(costKey, c.total)
	return newUpstreamCounter(e.weights, e.limits, op.Variables).checkUpstream(op.Operation).error()
}

// costKey is the key of an operation's cost in its statistics.
const costKey = "cost"

// Cost returns the cost of an operation that is within the limits.
func Cost(op *graphql.OperationContext) int {
	cost, _ := op.Stats.GetExtension(costKey).(int)
	return cost
}

// UpstreamRequests returns the maximum number of an operation's requests to Microsoft Graph, with the schema's list
// sizes.
func (e *Extension) UpstreamRequests(op *graphql.OperationContext) int {
	return newUpstreamCounter(e.weights, e.limits, op.Variables).requests(op.Operation.SelectionSet)
}

// InterceptResponse limits the size of a response and the number of its errors: each object of a page can have the same
// error.
func (e *Extension) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	a := responseOf(ctx)
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
		Message:    fmt.Sprintf("Errors omitted: %d.", more),
		Extensions: map[string]any{"code": response.Errors[e.limits.Errors].Extensions["code"], "count": more},
	})
	return response
}
