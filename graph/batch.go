package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// batch returns the values of a batch resolver, each with its own error.
func batch[V any](values []V, errs []error) ([]V, error) {
	for _, err := range errs {
		if err != nil {
			return values, graphql.BatchErrorList(errs)
		}
	}
	return values, nil
}

// existing leaves out what no longer exists: a reference to it is null, and the id beside it tells what it was.
func existing[V any](values []V, errs []error) ([]V, []error) {
	for i, err := range errs {
		if errors.Is(err, licensing.ErrNotFound) {
			errs[i] = nil
		}
	}
	return values, errs
}

// each returns what a function gives of every parent.
func each[P, V any](parents []P, of func(P) V) []V {
	values := make([]V, len(parents))
	for i, parent := range parents {
		values[i] = of(parent)
	}
	return values
}

// findEach finds something for every parent, together.
func findEach[P, V any](p plan, parents []P, find func(P) loaders.Thunk[V]) ([]V, []error) {
	var thunks []loaders.Thunk[V]
	p.Together(func() { thunks = each(parents, find) })
	p.Begun()
	return loaders.Wait(thunks)
}

// found returns what a root field looks up.
func found[V any](p plan, thunk loaders.Thunk[V]) (V, error) {
	p.Begun()
	return thunk()
}

// held is a value that needs no look-up.
func held[V any](value V) loaders.Thunk[V] {
	return func() (V, error) { return value, nil }
}

// failing is a look-up that cannot be made.
func failing[V any](err error) loaders.Thunk[V] {
	return func() (V, error) {
		var none V
		return none, err
	}
}

// unlessRefused takes the refusal of an opaque id for what it is: nothing has such an id.
func unlessRefused[V any](thunk loaders.Thunk[V]) loaders.Thunk[V] {
	return func() (V, error) {
		value, err := thunk()
		if errors.Is(err, licensing.ErrRefused) {
			err = licensing.ErrNotFound
		}
		return value, err
	}
}

// sole returns the only value of a look-up, or its error.
func sole[V any](values []V, errs []error) (V, error) { return values[0], errs[0] }

// The keys of what points to a product.
func skuOfError(e *licensing.AssignmentError) *licensing.GUID        { return e.SkuID }
func skuOfState(s *licensing.LicenseAssignmentState) *licensing.GUID { return s.SkuID }
func skuOfLicense(l *licensing.AssignedLicense) *licensing.GUID      { return l.SkuID }
func skuOfRight(u *licensing.UsageRight) *licensing.GUID             { return u.SkuID }
func skuOfAllotment(a *licensing.Allotment) *licensing.GUID          { return a.SkuID }
func skuOfDetails(d *licensing.LicenseDetails) *licensing.GUID       { return d.SkuID }
func skuOfCount(c *model.AssignmentErrorsOfProduct) *licensing.GUID  { return c.SkuID }

// The service plans that are switched off in what points to a product.
func plansOfLicense(l *licensing.AssignedLicense) []licensing.GUID      { return l.DisabledPlans }
func plansOfState(s *licensing.LicenseAssignmentState) []licensing.GUID { return s.DisabledPlans }
func plansOfAssignment(a *licensing.Assignment) []licensing.GUID        { return a.DisabledServicePlanIDs }

// The ids of what results and counts point to.
func groupOfCount(c *model.AssignmentErrorsOfGroup) *string { return c.GroupID }

// What results are about.
func createdAssignment(r *model.CreateAssignmentResult) *licensing.Assignment { return r.Assignment }

// listed reports the error of each element of a list at its index.
func listed[V any](ctx context.Context, values []V, errs []error) ([]V, error) {
	for i, err := range errs {
		if err != nil {
			graphql.AddError(ctx, gqlerror.WrapPath(append(graphql.GetPath(ctx), ast.PathIndex(i)), err))
		}
	}
	return values, nil
}
