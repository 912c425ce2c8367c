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

// maxUsers is the largest page of users and other directory objects, here and upstream.
const maxUsers = 999

// user returns one user by id or by sign-in name, one of which is nil.
func (f *field) user() (*licensing.User, error) {
	return f.findUser(arg[*string](f, "id"), arg[*string](f, "userPrincipalName"))
}

func (f *field) userStub(any) any { return userStub(arg[*string](f, "id")) }

func (f *field) findUser(id, name *string) (*licensing.User, error) {
	switch {
	case (id == nil) == (name == nil):
		return nil, &upstream.InputError{Message: "`user` takes either `id` or `userPrincipalName`"}
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

// userStub is a user of whom no more than the id is known; nil when there is no id.
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

// me returns the person who asks: as Microsoft Graph knows it, or, where the gateway asks in its own name, by the id.
func (f *field) me() (*licensing.User, error) {
	if id := f.callerID(); id != nil {
		return f.findUser(id, nil)
	}
	return f.Me.Get(loaders.Tenant)
}

func (f *field) meStub(any) any { return userStub(f.callerID()) }

// callerID is the id of the person who asks a gateway that asks in its own name; nil otherwise.
func (f *field) callerID() *string {
	if f.caller == nil || f.caller.App || f.onBehalfOf {
		return nil
	}
	return &f.caller.ObjectID
}

// users returns a page of the users that a filter leaves.
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

// allUsers is the list of the tenant's users that a filter leaves.
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
	return list[*licensing.User, *licensing.User]{
		name: listName("users", filter, order), query: q, most: maxUsers, mostUpstream: maxUsers, typeName: "User",
		loader: f.UsersByQuery, whole: f.UserOfPage, keep: keep, doubt: doubtOf(keep), counted: true,
	}
}

// usersOfGroup is the list of a group's members that have a license through it.
func (f *field) usersOfGroup(filter model.UserFilter) list[*licensing.Reference, *licensing.User] {
	return list[*licensing.Reference, *licensing.User]{
		name: listName("users", filter), query: upstream.Query{Of: *filter.AssignedByGroup}, most: maxUsers, mostUpstream: membersAtOnce,
		typeName: "User", loader: f.MembersByQuery, keep: keepUsers(filter), doubt: statesNotRead,
		whole: func(_ upstream.Query, member *licensing.Reference) (*licensing.User, error) {
			return f.UserOfMember(member)
		},
	}
}

// What belongs to a user.
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

// membersAtOnce is how many members of a group are read when their licenses are looked at: those of 300 are
// one request.
const membersAtOnce = 300

// checkUserFilter refuses what cannot be asked, and reads the group's id.
func checkUserFilter(f *model.UserFilter, order *model.UserOrder) error {
	if err := namePrefix(f.DisplayNameStartsWith); err != nil {
		return err
	}
	if f.HasLicenseErrors != nil && !*f.HasLicenseErrors {
		return &upstream.InputError{Message: "`hasLicenseErrors` takes true only: leave it out for everybody"}
	}
	if f.AssignedByGroup == nil {
		return nil
	}
	if f.Licensed != nil || f.DisplayNameStartsWith != nil || order != nil {
		return &upstream.InputError{Message: "`assignedByGroup` goes together with `skuId`, `state`, `error` and `hasLicenseErrors` only"}
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
	err := user.WhyUnread("licenseAssignmentStates")
	switch {
	case err == nil && user.LicenseAssignmentStates == nil: // who has none has an empty list: the service hides them
		return upstream.OddValue("User.licenseAssignmentStates")
	case errors.Is(err, upstream.ErrUnreadable):
		return nil
	}
	return err
}

// doubtOf is why nobody can tell whether users are wanted that are filtered here; nil where none are.
func doubtOf(keep func(*licensing.User) bool) func(*licensing.User) error {
	if keep == nil {
		return nil
	}
	return statesNotRead
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
		return &upstream.InputError{Message: fmt.Sprintf("`displayNameStartsWith` has 1 to %d characters", maxPrincipalName)}
	}
	return nil
}

// propertyNamed returns the property that a member of an enumeration names: displayName of DISPLAY_NAME.
func propertyNamed(name string) string {
	words := strings.Split(strings.ToLower(name), "_")
	for i, word := range words[1:] {
		words[i+1] = strings.ToUpper(word[:1]) + word[1:]
	}
	return strings.Join(words, "")
}

// orderBy returns the order upstream of what a client asked for.
func orderBy[F ~string](order *model.Order[F]) upstream.Order {
	if order == nil {
		return upstream.Order{}
	}
	return upstream.Order{By: propertyNamed(string(order.Field)), Descending: order.Direction == model.Descending}
}
