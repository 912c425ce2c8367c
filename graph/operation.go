package graph

import (
	"context"
	"net/http"
	"slices"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/99designs/gqlgen/plugin/federation/fedruntime"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/identity"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// Extension returns what surrounds each operation: it gets loaders of its own, reports identical failures
// once, and tells what it cost upstream.
func (r *Resolver) Extension() graphql.HandlerExtension { return &operations{resolver: r} }

type operations struct{ resolver *Resolver }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
	graphql.OperationInterceptor
	graphql.RootFieldInterceptor
	graphql.ResponseInterceptor
} = (*operations)(nil)

func (*operations) ExtensionName() string { return "Operations" }

func (*operations) Validate(graphql.ExecutableSchema) error { return nil }

// MutateOperationContext refuses mutations where they are switched off, representations that are no objects, and
// numbers in them that nothing can hold, which gqlgen takes for faults of ours.
func (o *operations) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if op.Operation.Operation != ast.Query {
		return o.refuseChanges(op)
	}
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if field.Name == "_entities" && !readable(field, op.Variables) {
			return gqlerror.ErrorPosf(field.Position, "a representation is an object with a `__typename` and a key of that type")
		}
	}
	return nil
}

// refuseChanges refuses mutations where they are switched off.
func (o *operations) refuseChanges(op *graphql.OperationContext) *gqlerror.Error {
	if o.resolver.options.AllowWrites || op.Operation.Operation != ast.Mutation {
		return nil
	}
	e := gqlerror.ErrorPosf(op.Operation.Position, "changes are switched off at this gateway: its operator can allow them with --allow-writes")
	errcode.Set(e, "FORBIDDEN")
	return e
}

// readable tells whether all representations of an _entities field are objects. gqlparser panics at numbers
// beyond 64 bits.
func readable(field graphql.CollectedField, variables map[string]any) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	reps, _ := field.ArgumentMap(variables)["representations"].([]any)
	return !slices.ContainsFunc(reps, func(rep any) bool {
		_, isObject := rep.(representation)
		return !isObject
	})
}

type upstreamKey struct{}

// prefetchKey is where an operation has the function that reads ahead of its resolvers.
type prefetchKey struct{}

// upstreamOf returns Microsoft Graph as the operation sees it.
func upstreamOf(ctx context.Context) Upstream { return ctx.Value(upstreamKey{}).(Upstream) }

func (o *operations) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	upstream, err := o.resolver.options.Begin(ctx)
	if err == nil {
		ctx = context.WithValue(ctx, upstreamKey{}, upstream)
		if !introspects(op) {
			err = upstream.SignIn(ctx)
		}
	}
	if err != nil {
		return o.refuse(ctx, err)
	}
	denied := o.resolver.rights.deniedTo(identity.From(ctx), op)
	if denied != nil {
		op.Stats.SetExtension(deniedKey, denied)
	}
	ctx = loaders.With(ctx, o.resolver.newLoaders(ctx, upstream, op))
	if op.Operation.Operation == ast.Query {
		if slices.Contains(rootFields(op), "_entities") {
			op.ResolverMiddleware = o.entities(op.ResolverMiddleware)
		}
		ctx = context.WithValue(ctx, prefetchKey{}, sync.OnceFunc(func() { o.resolver.prefetchQuery(ctx, op) }))
	}
	op.ResolverMiddleware = unread(op.ResolverMiddleware)
	if o.resolver.options.PlainSDL && introspects(op) {
		op.ResolverMiddleware = plainSDL(op.ResolverMiddleware)
	}
	if denied != nil {
		op.ResolverMiddleware = denied.middleware(op.ResolverMiddleware)
	}
	return next(ctx)
}

// refuse answers an operation that was not begun: without data.
func (o *operations) refuse(ctx context.Context, err error) graphql.ResponseHandler {
	return graphql.OneShot(o.InterceptResponse(ctx, func(ctx context.Context) *graphql.Response {
		return &graphql.Response{Errors: gqlerror.List{PresentError(ctx, err)}}
	}))
}

// introspects tells whether an operation asks for nothing but the schema.
func introspects(op *graphql.OperationContext) bool {
	return op.Operation.Operation == ast.Query && !slices.ContainsFunc(rootFields(op), func(name string) bool {
		return name != "__schema" && name != "__type" && name != "_service"
	})
}

// rootFields returns the fields of a query that begin at the same time.
func rootFields(op *graphql.OperationContext) []string {
	var names []string
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if field.Name != "__typename" {
			names = append(names, field.Name)
		}
	}
	return names
}

// InterceptRootField gives each root field of a mutation loaders of its own: what a payload shows is read after the
// change, and is nothing that an earlier field has read.
func (o *operations) InterceptRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	op := graphql.GetOperationContext(ctx)
	if op.Operation.Operation == ast.Query {
		return next(ctx)
	}
	return o.audited(loaders.With(ctx, o.resolver.newLoaders(ctx, upstreamOf(ctx), op)), next)
}

// entities lets each representation of an _entities field fail on its own. It surrounds the fields of operations that ask for entities, no others: a call for each
// field is dear.
func (o *operations) entities(next graphql.FieldMiddleware) graphql.FieldMiddleware {
	return func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		if fc := graphql.GetFieldContext(ctx); fc.Object == "Query" && fc.Field.Name == "_entities" {
			reps, _ := fc.Args["representations"].([]map[string]any)
			fc.Args["representations"] = each(reps, standIn)
			result, err := next(ctx, resolve)
			found, _ := result.([]fedruntime.Entity)
			return each(found, noNilPointer), err
		}
		return next(ctx, resolve)
	}
}

func (o *operations) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if prefetch, ok := ctx.Value(prefetchKey{}).(func()); ok {
		prefetch() // here, since gqlgen begins no response when the time is up
	}
	resp := next(ctx)
	if resp == nil {
		return nil
	}
	report := upstream.Report{Endpoints: map[string]upstream.Usage{}} // of what was refused before it began
	if graph, began := ctx.Value(upstreamKey{}).(Upstream); began {
		report = graph.Report()
	}
	resp.Errors = append(merged(resp.Errors), leftOut(ctx, report)...)
	if graphql.HasOperationContext(ctx) {
		o.denials(ctx, graphql.GetOperationContext(ctx), resp)
	}
	log(ctx, o.resolver.options.Logger, resp.Errors)
	var headers http.Header
	if graphql.HasOperationContext(ctx) {
		headers = graphql.GetOperationContext(ctx).Headers
	}
	if o.resolver.options.ShowUpstream(headers) {
		if resp.Extensions == nil {
			resp.Extensions = map[string]any{}
		}
		resp.Extensions["upstream"] = report
	}
	return resp
}
