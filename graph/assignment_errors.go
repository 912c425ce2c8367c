package graph

import (
	"context"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
)

// maxAssignmentErrors is the largest page of assignment errors.
const maxAssignmentErrors = 1000

// assignmentErrorsList names the list of assignment errors that a filter leaves, for its cursors.
func assignmentErrorsList(filter *model.AssignmentErrorFilter) string {
	list := "assignmentErrors"
	if filter != nil && filter.SkuID != nil {
		list += " skuId=" + string(*filter.SkuID)
	}
	return list
}

func filtered(q licensing.ListQuery, filter *model.AssignmentErrorFilter) licensing.ListQuery {
	if filter != nil {
		q.SkuID = filter.SkuID
	}
	return q
}

func (p plan) assignmentErrorsPage(ctx context.Context, q licensing.ListQuery) (licensing.Page[*licensing.AssignmentError], error) {
	page, err := p.AssignmentErrors(ctx, q)
	p.assignmentErrors(selected(ctx).nodes("AssignmentError"), page.Items)
	return page, err
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
