package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// resolveAll returns what the edge that is being resolved leads to from each parent, with the error of each.
func resolveAll[V, P any](ctx context.Context, r *Resolver, parents []P) ([]V, []error) {
	f := r.fieldOf(ctx)
	get := f.edge.get.(func(*field, P) (V, error))
	var values []V
	var errs []error
	loaders.Read(f.Loaders, func() (_ struct{}, blocked error) { //nolint:errcheck // each value has its own
		values, errs, blocked = loaders.Collect(parents, func(parent P) (V, error) { return get(f, parent) })
		if blocked != nil && !r.options.WithoutPrefetch && r.options.Unplanned != nil {
			r.options.Unplanned(f.name)
		}
		return struct{}{}, blocked
	})
	return values, errs
}

// resolveEach returns what the edge of a batch resolver leads to from each parent.
func resolveEach[V, P any](ctx context.Context, r *Resolver, parents []P) ([]V, error) {
	return withErrors(resolveAll[V](ctx, r, parents))
}

// withErrors returns the values of a batch resolver, each with its own error.
func withErrors[V any](values []V, errs []error) ([]V, error) {
	for _, err := range errs {
		if err != nil {
			return values, graphql.BatchErrorList(errs)
		}
	}
	return values, nil
}

// resolve returns what the edge of a resolver leads to from its parent.
func resolve[V, P any](ctx context.Context, r *Resolver, parent P) (V, error) {
	values, errs := resolveAll[V](ctx, r, []P{parent})
	if partial, ok := errors.AsType[*partialError](errs[0]); ok {
		graphql.AddError(ctx, partial.cause)
		return values[0], nil
	}
	return values[0], errs[0]
}

// partialError is why a part of a value is missing: the rest is there.
type partialError struct{ cause error }

func (e *partialError) Error() string { return e.cause.Error() }

func (e *partialError) Unwrap() error { return e.cause }

// resolveList returns a list of which each element has its own error, at its index.
func resolveList[V, P any](ctx context.Context, r *Resolver, parents []P) ([]V, error) {
	values, errs := resolveAll[V](ctx, r, parents)
	for i, err := range errs {
		if err != nil {
			graphql.AddError(ctx, gqlerror.WrapPath(append(graphql.GetPath(ctx), ast.PathIndex(i)), err))
		}
	}
	return values, nil
}

// existing leaves out what no longer exists: a reference to it is null, and the id beside it tells what it was.
func existing[V any](value V, err error) (V, error) {
	if errors.Is(err, upstream.ErrNotFound) {
		err = nil
	}
	return value, err
}

// unlessRefused takes the refusal of an opaque id for what it is: nothing has such an id.
func unlessRefused[V any](value V, err error) (V, error) {
	if errors.Is(err, upstream.ErrRefused) {
		err = upstream.ErrNotFound
	}
	return value, err
}

// each returns what a function gives of every element.
func each[E, V any](elements []E, of func(E) V) []V {
	values := make([]V, len(elements))
	for i, element := range elements {
		values[i] = of(element)
	}
	return values
}
