package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/loaders"
)

// Extension returns what surrounds each operation: it gets loaders of its own, reports identical failures
// once, and tells what it cost upstream.
func (r *Resolver) Extension() graphql.HandlerExtension { return &operations{resolver: r} }

type operations struct{ resolver *Resolver }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationInterceptor
	graphql.RootFieldInterceptor
	graphql.FieldInterceptor
	graphql.ResponseInterceptor
} = (*operations)(nil)

func (*operations) ExtensionName() string { return "Operations" }

func (*operations) Validate(graphql.ExecutableSchema) error { return nil }

type upstreamKey struct{}

func (o *operations) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	upstream := o.resolver.options.Begin()
	ctx = context.WithValue(ctx, upstreamKey{}, upstream)
	op := graphql.GetOperationContext(ctx)
	l := loaders.New(ctx, upstream, needsOf(op).of)
	if op.Operation.Operation == ast.Query {
		l.Expect(rootFields(op))
	}
	return next(loaders.With(ctx, l))
}

// rootFields counts the fields of a query that begin at the same time.
func rootFields(op *graphql.OperationContext) int {
	n := 0
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if field.Name != "__typename" {
			n++
		}
	}
	return n
}

func (o *operations) InterceptRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	op := graphql.GetOperationContext(ctx)
	if op.Operation.Operation != ast.Query {
		return next(ctx)
	}
	if field := graphql.GetRootFieldContext(ctx).Field; field.Name == "_entities" {
		below := selection{operation: op, sets: []ast.SelectionSet{field.Selections}}
		o.resolver.loaders(ctx).entities(below, field.ArgumentMap(op.Variables)["representations"])
	}
	loaders.For(ctx).Begun()
	return next(ctx)
}

// InterceptField lets each representation of an entity fail on its own.
func (*operations) InterceptField(ctx context.Context, next graphql.Resolver) (any, error) {
	if fc := graphql.GetFieldContext(ctx); fc.Field.Name == "_entities" {
		reps, _ := fc.Args["representations"].([]map[string]any)
		fc.Args["representations"] = each(reps, standIn)
	}
	return next(ctx)
}

func (o *operations) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	resp := next(ctx)
	if resp == nil {
		return nil
	}
	resp.Errors = merged(resp.Errors)
	log(ctx, o.resolver.options.Logger, resp.Errors)
	upstream, began := ctx.Value(upstreamKey{}).(Upstream)
	if !began {
		return resp
	}
	loaders.For(ctx).Wait()
	if o.resolver.options.ShowUpstream(graphql.GetOperationContext(ctx).Headers) {
		if resp.Extensions == nil {
			resp.Extensions = map[string]any{}
		}
		resp.Extensions["upstream"] = upstream.Report()
	}
	return resp
}
