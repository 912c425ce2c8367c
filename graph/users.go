package graph

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// maxUsers is the largest page of users and other directory objects, here and upstream.
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
		p.ahead(s)
		p.belowUser(s)(guid)
		return p.UserByID.Plan(guid, p.user(s))
	default:
		if err := principalName(*name); err != nil {
			return failing[*licensing.User](err)
		}
		p.ahead(s)
		return p.UserByPrincipalName.Plan(strings.ToLower(*name), p.user(s)) // the directory ignores case
	}
}

// usersConnection returns a page of the users that a filter leaves.
func (p plan) usersConnection(s selection, filter *model.UserFilter, order *model.UserOrder, first *int32, after *string) (*model.UserConnection, error) {
	f := deref(filter)
	if err := checkUserFilter(&f, order); err != nil {
		return nil, err
	}
	if f.AssignedByGroup != nil {
		return connection(p, s, p.usersOfGroup(f), first, after)
	}
	return connection(p, s, p.allUsers(f, order), first, after)
}

// allUsers is the list of the tenant's users that a filter leaves.
func (p plan) allUsers(f model.UserFilter, order *model.UserOrder) list[*licensing.User, *licensing.User] {
	q := licensing.ListQuery{OrderBy: orderBy(order)}
	keep := keepUsers(f)
	if keep == nil {
		q.Filter.SkuID = deref(f.SkuID)
	}
	q.Filter.DisplayNamePrefix = deref(f.DisplayNameStartsWith)
	if f.Licensed != nil {
		q.Filter.Licensed, q.Filter.Unlicensed = *f.Licensed, !*f.Licensed
	}
	return list[*licensing.User, *licensing.User]{
		name: listName("users", f, order), query: q, most: maxUsers, mostUpstream: maxUsers, typeName: "User",
		loader: p.UsersByQuery, whole: p.PlanUsers, keep: keep, counted: true, plan: p.user,
	}
}

// usersOfGroup is the list of a group's members that have a license through it.
func (p plan) usersOfGroup(f model.UserFilter) list[*licensing.Reference, *licensing.User] {
	return list[*licensing.Reference, *licensing.User]{
		name: listName("users", f), query: licensing.ListQuery{Of: *f.AssignedByGroup}, most: maxUsers, mostUpstream: membersAtOnce,
		typeName: "User", loader: p.MembersByQuery, keep: keepUsers(f), doubt: statesNotRead, plan: p.user,
		whole: func(_ licensing.ListQuery, members []*licensing.Reference, next func([]loaders.Found[*licensing.User])) func() error {
			return p.PlanUsersAmong(members, next)
		},
	}
}

// membersAtOnce is how many members of a group are read when their licenses are looked at: those of 300 are
// one request.
const membersAtOnce = 300

// checkUserFilter refuses what cannot be asked, and reads the group's id.
func checkUserFilter(f *model.UserFilter, order *model.UserOrder) error {
	if err := namePrefix(f.DisplayNameStartsWith); err != nil {
		return err
	}
	if f.HasLicenseErrors != nil && !*f.HasLicenseErrors {
		return &licensing.InputError{Message: "`hasLicenseErrors` takes true only: leave it out for everybody"}
	}
	if f.AssignedByGroup == nil {
		return nil
	}
	if f.Licensed != nil || f.DisplayNameStartsWith != nil || order != nil {
		return &licensing.InputError{Message: "`assignedByGroup` goes together with `skuId`, `state`, `error` and `hasLicenseErrors` only"}
	}
	id, err := directoryID(*f.AssignedByGroup)
	f.AssignedByGroup = &id
	return err
}

// keepUsers returns what is filtered here: users with one license for which all conditions hold, and those whose licenses
// could not be read; nil when there are no conditions.
func keepUsers(f model.UserFilter) func(*licensing.User) bool {
	if f.State == nil && f.Error == nil && f.HasLicenseErrors == nil && f.AssignedByGroup == nil {
		return nil
	}
	return func(user *licensing.User) bool {
		if statesNotRead(user) != nil {
			return true
		}
		for _, state := range user.LicenseAssignmentStates {
			if (f.SkuID == nil || is(state.SkuID, *f.SkuID)) &&
				(f.State == nil || is(state.State(), *f.State)) &&
				(f.Error == nil || is(state.Error(), *f.Error)) &&
				(f.HasLicenseErrors == nil || state.Error() != nil) &&
				(f.AssignedByGroup == nil || state.AssignedByGroup != nil && strings.EqualFold(*state.AssignedByGroup, *f.AssignedByGroup)) {
				return true
			}
		}
		return false
	}
}

// statesNotRead returns why the license states of a user could not be read at all, so that nobody can tell whether the user
// is wanted; nil when they were read.
func statesNotRead(user *licensing.User) error {
	if err := user.WhyUnread("licenseAssignmentStates"); !errors.Is(err, licensing.ErrUnreadable) {
		return err
	}
	return nil
}

// filtersStates tells whether a filter of users, as an argument, looks at their license states.
func filtersStates(filter any) bool {
	f, _ := filter.(map[string]any)
	return f["state"] != nil || f["error"] != nil || f["hasLicenseErrors"] != nil || f["assignedByGroup"] != nil
}

// is tells whether there is a value and it is the one wanted.
func is[T comparable](value *T, wanted T) bool { return value != nil && *value == wanted }

// namePrefix checks what a name begins with.
func namePrefix(prefix *string) error {
	if prefix != nil && (*prefix == "" || utf8.RuneCountInString(*prefix) > maxPrincipalName) {
		return &licensing.InputError{Message: fmt.Sprintf("`displayNameStartsWith` has 1 to %d characters", maxPrincipalName)}
	}
	return nil
}

// orderBy returns the order upstream of what a client asked for.
func orderBy[F ~string](order *model.Order[F]) licensing.Order {
	if order == nil {
		return licensing.Order{}
	}
	return licensing.Order{By: string(order.Field), Descending: order.Direction == model.Descending}
}
