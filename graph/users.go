package graph

import (
	"context"

	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// maxUsers is the largest page of users.
const maxUsers = 999

// user returns one user by id or by sign-in name.
func (p plan) user(s selection, id, principalNameText *string) (*licensing.User, error) {
	thunk, err := p.userBy(id, principalNameText)
	if err != nil {
		return nil, err
	}
	user, err := thunk()
	if err == nil {
		p.users(s, []*licensing.User{user})
	}
	return user, err
}

func (p plan) userBy(id, name *string) (loaders.Thunk[*licensing.User], error) {
	switch {
	case (id == nil) == (name == nil):
		return nil, &licensing.InputError{Message: "`user` takes either `id` or `userPrincipalName`"}
	case id != nil:
		guid, err := directoryID(*id)
		if err != nil {
			return nil, err
		}
		return p.UserByID.Load(guid), nil
	default:
		if err := principalName(*name); err != nil {
			return nil, err
		}
		return p.UserByPrincipalName.Load(*name), nil
	}
}

func (p plan) usersPage(ctx context.Context, q licensing.ListQuery) (licensing.Page[*licensing.User], error) {
	page, err := p.Users(ctx, q)
	p.users(selected(ctx).nodes("User"), page.Items)
	return page, err
}

// licenseStatesOf returns the licence assignment states of the users, in their order.
func (p plan) licenseStatesOf(s selection, users []*licensing.User) ([][]*licensing.LicenseAssignmentState, []error) {
	states, errs := loaders.EachOf(p.LicenseStatesByUserID, users, (*licensing.User).ObjectID)
	p.licenseStates(s, states)
	return states, errs
}

// usageRightsOf returns the usage rights of the users, in their order.
func (p plan) usageRightsOf(s selection, users []*licensing.User) ([][]*licensing.UsageRight, []error) {
	rights, errs := loaders.EachOf(p.UsageRightsByUserID, users, (*licensing.User).ObjectID)
	p.Ahead(func() {
		for _, of := range rights {
			p.usageRights(s, of)
		}
	})
	return rights, errs
}

// assignmentErrorsOf returns the assignment errors of the users, in their order.
func (p plan) assignmentErrorsOf(s selection, users []*licensing.User) ([][]*licensing.AssignmentError, []error) {
	lists, errs := loaders.EachOf(p.AssignmentErrorsByUserID, users, (*licensing.User).ObjectID)
	p.Ahead(func() {
		for _, of := range lists {
			p.assignmentErrors(s, of)
		}
	})
	return lists, errs
}
