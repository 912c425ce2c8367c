package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/loaders"
)

// Extension returns what surrounds each operation: it gets loaders of its own, reports identical failures
// once, and tells what it cost upstream.
func (r *Resolver) Extension() graphql.HandlerExtension { return &operations{resolver: r} }

type operations struct{ resolver *Resolver }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationInterceptor
	graphql.ResponseInterceptor
} = (*operations)(nil)

func (*operations) ExtensionName() string { return "Operations" }

func (*operations) Validate(graphql.ExecutableSchema) error { return nil }

type upstreamKey struct{}

func (o *operations) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	upstream := o.resolver.options.Begin()
	ctx = context.WithValue(ctx, upstreamKey{}, upstream)
	return next(loaders.With(ctx, loaders.New(ctx, upstream, needsOf(graphql.GetOperationContext(ctx)).of)))
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
