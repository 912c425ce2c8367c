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

// resolveAll resolves the field of ctx for each parent, with one error per parent.
func resolveAll[V, P any](ctx context.Context, r *Resolver, parents []P) ([]V, []error) {
	f := r.fieldOf(ctx)
	get := f.edge.get.(func(*field, P) (V, error))
	var values []V
	var errs []error
	loaders.Read(f.Loaders, func() (_ struct{}, blocked error) { //nolint:errcheck // each value has its own error
		values, errs, blocked = loaders.Collect(parents, func(parent P) (V, error) { return get(f, parent) })
		if blocked != nil && !r.options.WithoutPrefetch && r.options.PrefetchMiss != nil {
			r.options.PrefetchMiss(f.name)
		}
		return struct{}{}, blocked
	})
	return values, errs
}

// resolveEach resolves the field of ctx for a batch resolver.
func resolveEach[V, P any](ctx context.Context, r *Resolver, parents []P) ([]V, error) {
	return withErrors(resolveAll[V](ctx, r, parents))
}

// withErrors returns values and errors in the form of a batch resolver.
func withErrors[V any](values []V, errs []error) ([]V, error) {
	for _, err := range errs {
		if err != nil {
			return values, graphql.BatchErrorList(errs)
		}
	}
	return values, nil
}

// resolve resolves the field of ctx for one parent.
func resolve[V, P any](ctx context.Context, r *Resolver, parent P) (V, error) {
	values, errs := resolveAll[V](ctx, r, []P{parent})
	if partial, ok := errors.AsType[*partialError](errs[0]); ok {
		graphql.AddError(ctx, partial.cause)
		return values[0], nil
	}
	return values[0], errs[0]
}

// partialError is returned with a value of which a part could not be read.
type partialError struct{ cause error }

func (e *partialError) Error() string { return e.cause.Error() }

func (e *partialError) Unwrap() error { return e.cause }

// resolveList resolves the elements of a list, each with its own error path.
func resolveList[V, P any](ctx context.Context, r *Resolver, parents []P) ([]V, error) {
	values, errs := resolveAll[V](ctx, r, parents)
	for i, err := range errs {
		if err != nil {
			graphql.AddError(ctx, gqlerror.WrapPath(append(graphql.GetPath(ctx), ast.PathIndex(i)), err))
		}
	}
	return values, nil
}

// ignoreNotFound drops ErrNotFound: a reference to a deleted object resolves to null.
func ignoreNotFound[V any](value V, err error) (V, error) {
	if errors.Is(err, upstream.ErrNotFound) {
		err = nil
	}
	return value, err
}

// rejectedAsNotFound replaces the 400 of a malformed opaque ID by ErrNotFound.
func rejectedAsNotFound[V any](value V, err error) (V, error) {
	if errors.Is(err, upstream.ErrRefused) {
		err = upstream.ErrNotFound
	}
	return value, err
}

// each returns the results of a function for each element.
func each[E, V any](elements []E, of func(E) V) []V {
	values := make([]V, len(elements))
	for i, element := range elements {
		values[i] = of(element)
	}
	return values
}
