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

// Extension returns the handler extension that gives each operation its own loaders, merges equal errors and reports
// upstream cost.
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

// MutateOperationContext rejects mutations unless they are allowed, and representations that are not objects or have
// numbers out of range, for which gqlgen would return internal errors.
func (o *operations) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	if op.Operation.Operation != ast.Query {
		return o.rejectMutations(op)
	}
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if field.Name == "_entities" && !readable(field, op.Variables) {
			return gqlerror.ErrorPosf(field.Position, "a representation must be an object with a `__typename` and a key of that type")
		}
	}
	return nil
}

func (o *operations) rejectMutations(op *graphql.OperationContext) *gqlerror.Error {
	if o.resolver.options.AllowWrites || op.Operation.Operation != ast.Mutation {
		return nil
	}
	e := gqlerror.ErrorPosf(op.Operation.Position, "mutations are disabled on this gateway: its operator can enable them with --allow-writes")
	errcode.Set(e, "FORBIDDEN")
	return e
}

// readable reports whether all representations of an _entities field are objects. gqlparser panics at numbers beyond
// 64 bits.
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

// prefetchKey is the context key of the function that prefetches a query once.
type prefetchKey struct{}

// upstreamOf returns the operation's view of Microsoft Graph.
func upstreamOf(ctx context.Context) Upstream { return ctx.Value(upstreamKey{}).(Upstream) }

func (o *operations) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	upstream, err := o.resolver.options.NewUpstream(ctx)
	if err == nil {
		ctx = context.WithValue(ctx, upstreamKey{}, upstream)
		if op.Operation.Operation != ast.Query {
			upstream.ReadUncached() // changes are checked with current data
		}
		if !introspects(op) {
			err = upstream.SignIn(ctx)
		}
	}
	if err != nil {
		return o.reject(ctx, err)
	}
	denied := o.resolver.permissions.deniedTo(identity.From(ctx), op)
	if denied != nil {
		op.Stats.SetExtension(deniedKey, denied)
	}
	all := o.resolver.newLoaders(ctx, upstream, op)
	ctx = loaders.With(ctx, all)
	if op.Operation.Operation == ast.Query {
		if slices.Contains(rootFields(op), "_entities") {
			op.ResolverMiddleware = o.entities(op.ResolverMiddleware)
		}
		ctx = context.WithValue(ctx, prefetchKey{}, sync.OnceFunc(func() { o.resolver.prefetchQuery(ctx, all, op) }))
	}
	op.ResolverMiddleware = unread(op.ResolverMiddleware)
	if o.resolver.options.PlainSDL && slices.Contains(rootFields(op), "_service") {
		op.ResolverMiddleware = plainSDL(op.ResolverMiddleware)
	}
	if denied != nil {
		op.ResolverMiddleware = denied.middleware(op.ResolverMiddleware)
	}
	if o.resolver.options.Columns && op.Operation.Operation == ast.Query && !introspects(op) {
		op.ResolverMiddleware = o.resolver.columns(op.ResolverMiddleware)
	}
	return next(ctx)
}

// reportKey is the key of the report in the statistics of an operation.
const reportKey = "upstream"

// Report returns the cost of an operation at Microsoft Graph, after its response.
func Report(op *graphql.OperationContext) upstream.Report {
	report, _ := op.Stats.GetExtension(reportKey).(upstream.Report)
	return report
}

// reject returns an error response without executing the operation.
func (o *operations) reject(ctx context.Context, err error) graphql.ResponseHandler {
	return graphql.OneShot(o.InterceptResponse(ctx, func(ctx context.Context) *graphql.Response {
		return &graphql.Response{Errors: gqlerror.List{PresentError(ctx, err)}}
	}))
}

// introspects reports whether an operation selects only the schema.
func introspects(op *graphql.OperationContext) bool {
	return op.Operation.Operation == ast.Query && !slices.ContainsFunc(rootFields(op), func(name string) bool {
		return name != "__schema" && name != "__type" && name != "_service"
	})
}

// rootFields returns the names of the root fields of a query.
func rootFields(op *graphql.OperationContext) []string {
	var names []string
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"}) {
		if field.Name != "__typename" {
			names = append(names, field.Name)
		}
	}
	return names
}

// InterceptRootField gives each root field of a mutation its own loaders: a payload is read after the change, without
// values cached by earlier fields.
func (o *operations) InterceptRootField(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	op := graphql.GetOperationContext(ctx)
	if op.Operation.Operation == ast.Query {
		return next(ctx)
	}
	return o.audited(loaders.With(ctx, o.resolver.newLoaders(ctx, upstreamOf(ctx), op)), next)
}

// entities resolves each representation of _entities separately; see [placeholder]. Only operations with _entities
// install it: a middleware costs one call per field.
func (o *operations) entities(next graphql.FieldMiddleware) graphql.FieldMiddleware {
	return func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		if fc := graphql.GetFieldContext(ctx); fc.Object == "Query" && fc.Field.Name == "_entities" {
			reps, _ := fc.Args["representations"].([]map[string]any)
			fc.Args["representations"] = each(reps, placeholder)
			result, err := next(ctx, resolve)
			found, _ := result.([]fedruntime.Entity)
			return each(found, untypedNil), err
		}
		return next(ctx, resolve)
	}
}

func (o *operations) InterceptResponse(ctx context.Context, next graphql.ResponseHandler) *graphql.Response {
	if prefetch, ok := ctx.Value(prefetchKey{}).(func()); ok {
		prefetch() // gqlgen creates no response after the deadline
	}
	resp := next(ctx)
	if resp == nil {
		return nil
	}
	report := upstream.Report{Endpoints: map[string]upstream.Usage{}} // for operations that were rejected before they started
	if graph, began := ctx.Value(upstreamKey{}).(Upstream); began {
		report = graph.Report()
	}
	if graphql.HasOperationContext(ctx) {
		graphql.GetOperationContext(ctx).Stats.SetExtension(reportKey, report)
	}
	resp.Errors = append(merged(resp.Errors), omitted(ctx, report)...)
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
