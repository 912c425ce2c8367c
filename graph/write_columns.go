package graph

import (
	"context"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/columns"
	"licensegraph/graph/generated"
	"licensegraph/internal/upstream"
)

// columns writes the values of root fields by columns. It is the outermost middleware: the rules of the others apply to
// the root field before, and to the fields below it by [columnRules]. gqlgen's executor resolves what is not written,
// over the same loaders.
func (r *Resolver) columns(next graphql.FieldMiddleware) graphql.FieldMiddleware {
	return func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		value, err := next(ctx, resolve)
		if fc := graphql.GetFieldContext(ctx); err == nil && value != nil && fc.Object == "Query" {
			if written := r.write(ctx, fc.Field, value); written != nil {
				return written, nil
			}
		}
		return value, err
	}
}

// write returns the written value of a root field; nil if gqlgen's executor has to resolve it.
func (r *Resolver) write(ctx context.Context, f graphql.CollectedField, value any) graphql.Marshaler {
	var size columns.Counter
	if r.options.AnswerSize != nil {
		size = r.options.AnswerSize(ctx)
	}
	rules := columnRules{deniedIn(graphql.GetOperationContext(ctx)), r.options.Logger}
	w := columns.New(ctx, r, rules, size)
	written, reason := w.Write(func() columns.Row { return generated.RootColumn(w, f, value) })
	if r.options.ObserveColumns != nil {
		r.options.ObserveColumns(f.Name, reason)
	}
	if reason != "" {
		return nil
	}
	return written
}

// columnRules implements [columns.Rules] with the rules of the field middleware.
type columnRules struct {
	denied *denied
	logger *slog.Logger
}

func (r columnRules) Denied(typeName string, f *ast.Field) error {
	return r.denied.resolved(typeName, f)
}

func (columnRules) Unread(typeName, field string, object any) error {
	if object, ok := object.(withUnread); ok {
		return whyUnread(typeName, field, object)
	}
	return nil
}

func (r columnRules) Recover(ctx context.Context, panicked any) {
	caught := upstream.Recovered(panicked)
	r.logger.ErrorContext(ctx, "panic while a root field was written", "panic", caught.What, "at", caught.At, "path", graphql.GetPath(ctx).String())
}

func (columnRules) ChecksList(typeName, field string) bool { return mayBeIncomplete(typeName, field) }

func (columnRules) Doubtful(ctx context.Context, typeName string, f *ast.Field, object, value any) error {
	if object, ok := object.(withUnread); ok {
		return doubtful(ctx, typeName, f, object, value)
	}
	return nil
}
