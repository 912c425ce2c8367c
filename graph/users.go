package graph

import (
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

// allUsers is the list of the tenant's users.
func (p plan) allUsers() list[*licensing.User] {
	return list[*licensing.User]{name: "users", most: maxUsers, typeName: "User", read: p.Users, plan: p.users}
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
