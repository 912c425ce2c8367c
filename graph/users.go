package graph

import (
	"strings"

	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// maxUsers is the largest page of users.
const maxUsers = 999

// findUser returns one user by id or by sign-in name, one of which is nil.
func (p plan) findUser(s selection, id, name *string) loaders.Thunk[*licensing.User] {
	switch {
	case (id == nil) == (name == nil):
		return failing[*licensing.User](&licensing.InputError{Message: "`user` takes either `id` or `userPrincipalName`"})
	case id != nil:
		guid, err := directoryID(*id)
		if err != nil {
			return failing[*licensing.User](err)
		}
		return p.UserByID.Plan(guid, p.user(s))
	default:
		if err := principalName(*name); err != nil {
			return failing[*licensing.User](err)
		}
		return p.UserByPrincipalName.Plan(strings.ToLower(*name), p.user(s)) // the directory ignores case
	}
}

// allUsers is the list of the tenant's users.
func (p plan) allUsers() list[*licensing.User] {
	return list[*licensing.User]{name: "users", most: maxUsers, typeName: "User", read: p.Users, plan: p.user}
}
