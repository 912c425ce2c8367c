package graph

import (
	"context"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
)

// maxAssignmentErrors is the largest page of assignment errors.
const maxAssignmentErrors = 1000

// allAssignmentErrors is the list of the tenant's assignment errors that a filter leaves.
func (p plan) allAssignmentErrors(filter *model.AssignmentErrorFilter) list[*licensing.AssignmentError] {
	l := list[*licensing.AssignmentError]{
		name: "assignmentErrors", most: maxAssignmentErrors, typeName: "AssignmentError",
		read: p.AssignmentErrors, plan: p.assignmentErrors,
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

// assignmentError returns one assignment error by its id.
func (p plan) assignmentError(s selection, id string) (*licensing.AssignmentError, error) {
	if err := opaqueID(id); err != nil {
		return nil, err
	}
	e, err := p.AssignmentErrorByID.Load(id)()
	if err != nil {
		return nil, unknownID(err)
	}
	p.assignmentErrors(s, []*licensing.AssignmentError{e})
	return e, nil
}

// assignedTo returns who should have got the licences, in the order of the errors.
func (p plan) assignedTo(s selection, errs []*licensing.AssignmentError) ([]licensing.DirectoryObject, []error) {
	objects, failures := p.AssignedTo(errs)
	var users []*licensing.User
	for _, object := range objects {
		if user, ok := object.(*licensing.User); ok {
			users = append(users, user)
		}
	}
	p.users(s, users)
	return objects, failures
}

// usageRightsLeft returns what the assignees can still use, in the order of the errors.
func (p plan) usageRightsLeft(s selection, errs []*licensing.AssignmentError) ([]*licensing.UsageRight, []error) {
	rights, failures := p.UsageRights(errs)
	p.usageRights(s, rights)
	return rights, failures
}
