package graph

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// maxUsers is the largest page of users and other directory objects, also upstream.
const maxUsers = 999

func (f *field) user() (*licensing.User, error) {
	return f.findUser(arg[*string](f, "id"), arg[*string](f, "userPrincipalName"))
}

func (f *field) userStub(any) any { return userStub(arg[*string](f, "id")) }

func (f *field) findUser(id, name *string) (*licensing.User, error) {
	switch {
	case (id == nil) == (name == nil):
		return nil, &upstream.InputError{Message: "`user` requires either `id` or `userPrincipalName`"}
	case id != nil:
		guid, err := directoryID(*id)
		if err != nil {
			return nil, err
		}
		f.prefetchLists()
		return f.UserByID.Get(guid)
	default:
		if err := principalName(*name); err != nil {
			return nil, err
		}
		f.prefetchLists()
		return f.UserByPrincipalName.Get(strings.ToLower(*name)) // the directory ignores case
	}
}

// userStub returns a user with the ID only; nil without a valid ID.
func userStub(id *string) any {
	if id == nil {
		return nil
	}
	guid, err := directoryID(*id)
	if err != nil {
		return nil
	}
	return &licensing.User{ID: guid}
}

// me returns the caller, by ID, or with /me if the gateway calls on behalf of users.
func (f *field) me() (*licensing.User, error) {
	if id := f.callerID(); id != nil {
		return f.findUser(id, nil)
	}
	return f.Me.Get(loaders.Tenant)
}

func (f *field) meStub(any) any { return userStub(f.callerID()) }

// callerID returns the ID of the calling user; nil if the gateway calls on behalf of users.
func (f *field) callerID() *string {
	if f.caller == nil || f.caller.App || f.onBehalfOf {
		return nil
	}
	return &f.caller.ObjectID
}

// users returns a page of the users that match the filter.
func (f *field) users() (*model.UserConnection, error) {
	filter, order := deref(arg[*model.UserFilter](f, "filter")), arg[*model.UserOrder](f, "orderBy")
	if err := checkUserFilter(&filter, order); err != nil {
		return nil, err
	}
	if filter.AssignedByGroup != nil {
		return rootPage(f, f.usersOfGroup(filter))
	}
	return rootPage(f, f.allUsers(filter, order))
}

// allUsers is the list of the tenant's users.
func (f *field) allUsers(filter model.UserFilter, order *model.UserOrder) list[*licensing.User, *licensing.User] {
	q := upstream.Query{OrderBy: orderBy(order)}
	keep := keepUsers(filter)
	if keep == nil {
		q.Filter.SkuID = string(deref(filter.SkuID))
	}
	q.Filter.DisplayNamePrefix = deref(filter.DisplayNameStartsWith)
	if filter.Licensed != nil {
		q.Filter.Licensed, q.Filter.Unlicensed = *filter.Licensed, !*filter.Licensed
	}
	l := list[*licensing.User, *licensing.User]{
		name: listName("users", filter, order), query: q, maxFirst: maxUsers, typeName: "User",
		loader: f.UsersByQuery, complete: f.UserOfPage, keep: keep, counted: true,
	}
	if keep != nil {
		l.readError = statesReadError
	}
	return l
}

// usersOfGroup is the list of a group's members with a license assigned by the group.
func (f *field) usersOfGroup(filter model.UserFilter) list[*licensing.Reference, *licensing.User] {
	return list[*licensing.Reference, *licensing.User]{
		name: listName("users", filter), query: upstream.Query{Of: *filter.AssignedByGroup}, maxFirst: maxUsers, maxTop: membersAtOnce,
		typeName: "User", loader: f.MembersByQuery, keep: keepUsers(filter), readError: statesReadError,
		complete: func(_ upstream.Query, member *licensing.Reference) (*licensing.User, error) {
			return f.UserOfMember(member)
		},
	}
}

// Loaders of a user's lists.
func licenseStatesOfUser(f *field) *loaders.Loader[string, []*licensing.LicenseAssignmentState] {
	return f.LicenseStatesByUserID
}
func licenseDetailsOfUser(f *field) *loaders.Loader[string, []*licensing.LicenseDetails] {
	return f.LicenseDetailsByUserID
}
func assignmentsOfUser(f *field) *loaders.Loader[string, []*licensing.Assignment] {
	return f.AssignmentsByUserID
}
func errorsOfUser(f *field) *loaders.Loader[string, []*licensing.AssignmentError] {
	return f.AssignmentErrorsByUserID
}
func waitingMembersOfUser(f *field) *loaders.Loader[string, []*licensing.WaitingMember] {
	return f.WaitingMembersByUserID
}

// membersAtOnce is the page size of members whose licenses are read: 300 take one $batch request.
const membersAtOnce = 300

// checkUserFilter validates the filter and normalizes the group's ID.
func checkUserFilter(f *model.UserFilter, order *model.UserOrder) error {
	if err := namePrefix(f.DisplayNameStartsWith); err != nil {
		return err
	}
	if f.HasLicenseErrors != nil && !*f.HasLicenseErrors {
		return &upstream.InputError{Message: "`hasLicenseErrors` must be true: omit it for all users"}
	}
	if f.AssignedByGroup == nil {
		return nil
	}
	if f.Licensed != nil || f.DisplayNameStartsWith != nil || order != nil {
		return &upstream.InputError{Message: "`assignedByGroup` can be combined with `skuId`, `state`, `error` and `hasLicenseErrors` only"}
	}
	id, err := directoryID(*f.AssignedByGroup)
	f.AssignedByGroup = &id
	return err
}

// keepUsers returns a filter for users with one license state that matches all conditions, or with unreadable states;
// nil without conditions.
func keepUsers(f model.UserFilter) func(*licensing.User) bool {
	if f.State == nil && f.Error == nil && f.HasLicenseErrors == nil && f.AssignedByGroup == nil {
		return nil
	}
	return func(user *licensing.User) bool {
		if statesReadError(user) != nil {
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

// statesReadError returns why the license states of a user are unreadable as a whole; nil otherwise.
func statesReadError(user *licensing.User) error {
	err := user.ReadError("licenseAssignmentStates")
	switch {
	case err == nil && user.LicenseAssignmentStates == nil: // omitted: a user without licenses has an empty list
		return upstream.OddValue("User.licenseAssignmentStates")
	case errors.Is(err, upstream.ErrUnreadable):
		return nil
	}
	return err
}

// filtersStates reports whether a UserFilter argument has conditions on license states.
func filtersStates(filter any) bool {
	f, _ := filter.(map[string]any)
	return f["state"] != nil || f["error"] != nil || f["hasLicenseErrors"] != nil || f["assignedByGroup"] != nil
}

// is reports whether a pointer is set to the value.
func is[T comparable](value *T, wanted T) bool { return value != nil && *value == wanted }

// namePrefix validates displayNameStartsWith.
func namePrefix(prefix *string) error {
	if prefix != nil && (*prefix == "" || utf8.RuneCountInString(*prefix) > maxPrincipalName) {
		return &upstream.InputError{Message: fmt.Sprintf("`displayNameStartsWith` has 1 to %d characters", maxPrincipalName)}
	}
	return nil
}

// propertyNamed converts an enum value to a property name: DISPLAY_NAME to displayName.
func propertyNamed(name string) string {
	words := strings.Split(strings.ToLower(name), "_")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

// orderBy converts an order to $orderby.
func orderBy[F ~string](order *model.Order[F]) upstream.Order {
	if order == nil {
		return upstream.Order{}
	}
	return upstream.Order{By: propertyNamed(string(order.Field)), Descending: order.Direction == model.Descending}
}
