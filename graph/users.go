package graph

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"
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
	if filter.InactiveSince != nil {
		return f.inactiveUsers(filter)
	}
	q := upstream.Query{OrderBy: orderBy(order), Filter: upstream.Filter{
		ServicePlanID: string(deref(filter.ServicePlanID)), Licensed: upstream.ChoiceOf(filter.Licensed), AccountEnabled: upstream.ChoiceOf(filter.AccountEnabled),
		OnPremisesSynced: upstream.ChoiceOf(filter.OnPremisesSynced), HasUsageLocation: upstream.ChoiceOf(filter.HasUsageLocation),
		UserType: userTypes[deref(filter.UserType)], UsageLocation: strings.ToUpper(deref(filter.UsageLocation)), Department: deref(filter.Department),
		CompanyName: deref(filter.CompanyName), City: deref(filter.City), Country: deref(filter.Country), EmployeeType: deref(filter.EmployeeType),
		DisplayNamePrefix: deref(filter.DisplayNameStartsWith),
	}}
	if filter.CreatedFrom != nil {
		q.Filter.CreatedFrom = wholeSecond(*filter.CreatedFrom)
	}
	if filter.CreatedBefore != nil {
		q.Filter.CreatedUntil = wholeSecond(*filter.CreatedBefore).Add(-time.Second)
	}
	keep := keepUsers(filter)
	switch {
	case keep == nil:
		q.Filter.SkuID = string(deref(filter.SkuID))
	case !withStates(filter): // of `skuIds`
		q.Filter.Licensed = upstream.Yes
	}
	l := list[*licensing.User, *licensing.User]{
		name: listName("users", filter, order), query: q, maxFirst: maxUsers, typeName: "User",
		loader: f.UsersByQuery, complete: f.UserOfPage, keep: keep, counted: true,
	}
	switch {
	case keep == nil:
	case withStates(filter):
		l.readError = statesReadError
	default:
		l.readError = func(user *licensing.User) error { return user.ReadError("assignedLicenses") }
	}
	return l
}

// inactiveUsers is the list of users who did not sign in. Microsoft Graph applies this condition only alone: the gateway
// applies the others.
func (f *field) inactiveUsers(filter model.UserFilter) list[*licensing.User, *licensing.User] {
	l := list[*licensing.User, *licensing.User]{
		name: listName("users", filter), query: upstream.Query{Filter: upstream.Filter{InactiveSince: filter.InactiveSince.UTC().Truncate(time.Second)}},
		maxFirst: maxUsers, typeName: "User", loader: f.UsersByQuery, complete: f.UserOfPage,
	}
	conditions := userConditions(filter)
	keep := keepUsers(filter)
	if keep == nil && len(conditions) == 0 {
		return l
	}
	l.readError = func(user *licensing.User) error {
		if withStates(filter) {
			if err := statesReadError(user); err != nil {
				return err
			}
		} else if filter.SkuIds != nil {
			if err := user.ReadError("assignedLicenses"); err != nil {
				return err
			}
		}
		for _, c := range conditions {
			if err := user.ReadError(c.property); err != nil {
				return err
			}
		}
		return nil
	}
	l.keep = func(user *licensing.User) bool {
		return (keep == nil || keep(user)) && !slices.ContainsFunc(conditions, func(c userCondition) bool {
			return user.ReadError(c.property) == nil && !c.matches(user)
		})
	}
	return l
}

// userCondition is a condition on a property of users.
type userCondition struct {
	property string
	matches  func(*licensing.User) bool
}

// conditionProperties maps the conditions of [userConditions] to the properties that they require.
var conditionProperties = map[string]string{
	"skuId": "assignedLicenses", "licensed": "assignedLicenses", "servicePlanId": "assignedPlans", "displayNameStartsWith": "displayName",
	"accountEnabled": "accountEnabled", "userType": "userType", "onPremisesSynced": "onPremisesSyncEnabled", "createdFrom": "createdDateTime",
	"createdBefore": "createdDateTime", "usageLocation": "usageLocation", "hasUsageLocation": "usageLocation", "department": "department",
	"companyName": "companyName", "city": "city", "country": "country", "employeeType": "employeeType",
}

// userConditions returns the conditions that Microsoft Graph applies if they are not combined with `inactiveSince`. Like
// there, texts are equal ignoring case.
func userConditions(f model.UserFilter) (conditions []userCondition) {
	add := func(given bool, input string, matches func(*licensing.User) bool) {
		if given {
			conditions = append(conditions, userCondition{conditionProperties[input], matches})
		}
	}
	equal := func(input string, wanted *string, of func(*licensing.User) *string) {
		add(wanted != nil, input, func(u *licensing.User) bool { return of(u) != nil && strings.EqualFold(*of(u), *wanted) })
	}
	add(f.SkuID != nil && !withStates(f), "skuId", func(u *licensing.User) bool {
		return slices.ContainsFunc(u.AssignedLicenses, func(l *licensing.AssignedLicense) bool { return is(l.SkuID, *f.SkuID) })
	})
	add(f.Licensed != nil, "licensed", func(u *licensing.User) bool { return len(u.AssignedLicenses) > 0 == *f.Licensed })
	add(f.ServicePlanID != nil, "servicePlanId", func(u *licensing.User) bool {
		return slices.ContainsFunc(u.AssignedPlans, func(p *licensing.AssignedPlan) bool {
			return is(p.ServicePlanID, *f.ServicePlanID) && is(p.CapabilityStatus, "Enabled")
		})
	})
	add(f.DisplayNameStartsWith != nil, "displayNameStartsWith", func(u *licensing.User) bool {
		return strings.HasPrefix(strings.ToLower(deref(u.DisplayName)), strings.ToLower(*f.DisplayNameStartsWith))
	})
	add(f.AccountEnabled != nil, "accountEnabled", func(u *licensing.User) bool { return is(u.AccountEnabled, *f.AccountEnabled) })
	add(f.UserType != nil, "userType", func(u *licensing.User) bool { return strings.EqualFold(deref(u.UserType), userTypes[*f.UserType]) })
	add(f.OnPremisesSynced != nil, "onPremisesSynced", func(u *licensing.User) bool { return is(u.OnPremisesSyncEnabled, true) == *f.OnPremisesSynced })
	add(f.CreatedFrom != nil, "createdFrom", func(u *licensing.User) bool {
		return u.CreatedDateTime != nil && !u.CreatedDateTime.Before(*f.CreatedFrom)
	})
	add(f.CreatedBefore != nil, "createdBefore", func(u *licensing.User) bool {
		return u.CreatedDateTime != nil && u.CreatedDateTime.Before(*f.CreatedBefore)
	})
	add(f.HasUsageLocation != nil, "hasUsageLocation", func(u *licensing.User) bool { return (u.UsageLocation != nil) == *f.HasUsageLocation })
	equal("usageLocation", f.UsageLocation, func(u *licensing.User) *string { return u.UsageLocation })
	equal("department", f.Department, func(u *licensing.User) *string { return u.Department })
	equal("companyName", f.CompanyName, func(u *licensing.User) *string { return u.CompanyName })
	equal("city", f.City, func(u *licensing.User) *string { return u.City })
	equal("country", f.Country, func(u *licensing.User) *string { return u.Country })
	equal("employeeType", f.EmployeeType, func(u *licensing.User) *string { return u.EmployeeType })
	return conditions
}

// filtersInactive returns whether a UserFilter argument has a condition together with `inactiveSince`.
func filtersInactive(condition string) func(any) bool {
	return func(filter any) bool {
		f, _ := filter.(map[string]any)
		return f["inactiveSince"] != nil && f[condition] != nil
	}
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

// manager returns the manager of a user; nil if there is none.
func (f *field) manager(user *licensing.User) (licensing.DirectoryObject, error) {
	manager, err := f.ManagerByUserID.Get(user.ID)
	if err != nil || manager == nil {
		return nil, err
	}
	return f.Complete(manager)
}

// memberOf returns a page of the groups and roles of a user.
func (f *field) memberOf(user *licensing.User) (*model.DirectoryObjectConnection, error) {
	return pageOf(f, f.objectsOf("memberOf", user.ID, f.MemberOfByQuery, false))
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

// userTypes are the types of accounts as in Microsoft Graph.
var userTypes = map[model.UserType]string{model.Members: "Member", model.Guests: "Guest"}

// wholeSecond rounds up: times in the directory are in whole seconds.
func wholeSecond(t time.Time) time.Time { return t.UTC().Add(time.Second - 1).Truncate(time.Second) }

// maxFilterSkus limits the products of a filter that the gateway evaluates.
const maxFilterSkus = 50

// checkUserFilter validates the filter and normalizes the group's ID.
func checkUserFilter(f *model.UserFilter, order *model.UserOrder) error {
	for _, text := range []struct {
		name  string
		value *string
	}{
		{"displayNameStartsWith", f.DisplayNameStartsWith}, {"department", f.Department}, {"companyName", f.CompanyName},
		{"city", f.City}, {"country", f.Country}, {"employeeType", f.EmployeeType},
	} {
		if err := boundedText(text.name, text.value); err != nil {
			return err
		}
	}
	unlicensed, located := f.Licensed != nil && !*f.Licensed, f.HasUsageLocation == nil || *f.HasUsageLocation
	var problem string
	switch {
	case f.HasLicenseErrors != nil && !*f.HasLicenseErrors:
		problem = "`hasLicenseErrors` must be true: omit it for all users"
	case f.SkuIds != nil && (len(f.SkuIds) == 0 || len(f.SkuIds) > maxFilterSkus):
		problem = fmt.Sprintf("`skuIds` has 1 to %d products: omit it for all", maxFilterSkus)
	case f.SkuIds != nil && f.SkuID != nil:
		problem = "`skuId` and `skuIds` cannot be combined: put all products into `skuIds`"
	case unlicensed && (f.ServicePlanID != nil || (f.SkuID != nil || f.SkuIds != nil) && !withStates(*f)):
		problem = "`licensed: false` selects users without any product: it cannot be combined with `skuId`, `skuIds` and `servicePlanId`"
	case f.UsageLocation != nil && !countryCode.MatchString(*f.UsageLocation):
		problem = "`usageLocation` must be a code of two letters, such as CH (ISO 3166-1 alpha-2)"
	case f.UsageLocation != nil && !located:
		problem = "`usageLocation` and `hasUsageLocation: false` exclude each other"
	case f.CreatedFrom != nil && f.CreatedBefore != nil && !f.CreatedFrom.Before(*f.CreatedBefore):
		problem = "`createdFrom` must be before `createdBefore`"
	case f.InactiveSince != nil && f.InactiveSince.After(time.Now()):
		problem = "`inactiveSince` is in the future"
	case f.InactiveSince != nil && order != nil:
		problem = "`inactiveSince` and `orderBy` cannot be combined"
	case f.AssignedByGroup != nil && (order != nil || !onlyOfGroup(*f)):
		problem = "`assignedByGroup` can be combined with `skuId`, `state`, `error` and `hasLicenseErrors` only"
	}
	if problem != "" {
		return &upstream.InputError{Message: problem}
	}
	if f.AssignedByGroup == nil {
		return nil
	}
	id, err := directoryID(*f.AssignedByGroup)
	f.AssignedByGroup = &id
	return err
}

// countryCode matches an ISO 3166-1 alpha-2 code.
var countryCode = regexp.MustCompile(`^[A-Za-z]{2}$`)

// onlyOfGroup reports whether the filter has only conditions that can be combined with assignedByGroup.
func onlyOfGroup(f model.UserFilter) bool {
	f.AssignedByGroup, f.SkuID, f.State, f.Error, f.HasLicenseErrors = nil, nil, nil, nil, nil
	return reflect.ValueOf(f).IsZero()
}

// withStates reports whether the filter has conditions on license states.
func withStates(f model.UserFilter) bool {
	return f.State != nil || f.Error != nil || f.HasLicenseErrors != nil || f.AssignedByGroup != nil || f.Assignment != nil
}

// keepUsers returns a filter for users with one license state that matches all conditions, or with unreadable states;
// nil without such conditions and without `skuIds`.
func keepUsers(f model.UserFilter) func(*licensing.User) bool {
	wanted := func(sku *licensing.GUID) bool {
		return (f.SkuID == nil || is(sku, *f.SkuID)) && (f.SkuIds == nil || sku != nil && slices.Contains(f.SkuIds, *sku))
	}
	if !withStates(f) {
		if f.SkuIds == nil {
			return nil
		}
		return func(user *licensing.User) bool {
			return user.ReadError("assignedLicenses") != nil ||
				slices.ContainsFunc(user.AssignedLicenses, func(l *licensing.AssignedLicense) bool { return wanted(l.SkuID) })
		}
	}
	return func(user *licensing.User) bool {
		if statesReadError(user) != nil {
			return true
		}
		for _, state := range user.LicenseAssignmentStates {
			if wanted(state.SkuID) &&
				(f.Assignment == nil || sourceOf(user, state.SkuID) == *f.Assignment) &&
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

// sourceOf returns how a user's product is assigned.
func sourceOf(user *licensing.User, sku *licensing.GUID) model.AssignmentSource {
	direct, inherited := false, false
	for _, state := range user.LicenseAssignmentStates {
		if sku == nil || !is(state.SkuID, *sku) {
			continue
		}
		if state.AssignedByGroup == nil {
			direct = true
		} else {
			inherited = true
		}
	}
	switch {
	case direct && inherited:
		return model.AssignedBothWays
	case inherited:
		return model.AssignedByGroups
	case direct:
		return model.AssignedDirectly
	}
	return "" // of an unreadable product
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
	return f["state"] != nil || f["error"] != nil || f["hasLicenseErrors"] != nil || f["assignedByGroup"] != nil || f["assignment"] != nil
}

// filtersProducts reports whether a UserFilter argument has several products.
func filtersProducts(filter any) bool {
	f, _ := filter.(map[string]any)
	return f["skuIds"] != nil
}

// is reports whether a pointer is set to the value.
func is[T comparable](value *T, wanted T) bool { return value != nil && *value == wanted }

// boundedText validates a text in a filter.
func boundedText(name string, text *string) error {
	if text != nil && (*text == "" || utf8.RuneCountInString(*text) > maxPrincipalName) {
		return &upstream.InputError{Message: fmt.Sprintf("`%s` has 1 to %d characters", name, maxPrincipalName)}
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
