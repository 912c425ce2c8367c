package graph

import (
	"context"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// maxAssignmentErrors is the largest page of assignment errors.
const maxAssignmentErrors = 1000

// allAssignmentErrors is the list of the tenant's assignment errors that a filter leaves.
func (p plan) allAssignmentErrors(filter *model.AssignmentErrorFilter) list[*licensing.AssignmentError] {
	l := list[*licensing.AssignmentError]{
		name: "assignmentErrors", most: maxAssignmentErrors, typeName: "AssignmentError",
		read: p.AssignmentErrors, plan: p.assignmentError,
	}
	if filter != nil && filter.SkuID != nil {
		l.name += " skuId=" + string(*filter.SkuID)
		l.read = func(ctx context.Context, q licensing.ListQuery) (licensing.Page[*licensing.AssignmentError], error) {
			q.SkuID = filter.SkuID
			return p.AssignmentErrors(ctx, q)
		}
	}
	return l
}

// findAssignmentError returns one assignment error by its id.
func (p plan) findAssignmentError(s selection, id string) loaders.Thunk[*licensing.AssignmentError] {
	if err := opaqueID(id); err != nil {
		return failing[*licensing.AssignmentError](err)
	}
	return unlessRefused(p.AssignmentErrorByID.Plan(id, p.assignmentError(s)))
}
