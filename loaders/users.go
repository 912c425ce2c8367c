package loaders

import (
	"strings"

	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

const licenseStates = "licenseAssignmentStates"

func (l *Loaders) addUsers() {
	l.UsersByQuery = newLoader(l, msgraph.ListUsers, func(q upstream.Query, page upstream.Page[*licensing.User]) {
		if l.covers(q, "User") {
			for _, user := range page.Items {
				l.primeUser(user)
			}
		}
	})
	l.Me = newLoader(l, msgraph.Me, func(_ upstream.Tenant, user *licensing.User) { l.primeUser(user) })
	l.LicenseDetailsByUserID = newLoader(l, msgraph.LicenseDetailsOfUsers, nil)
	l.UserByID = newLoader(l, usersByGUID, func(_ string, user *licensing.User) { l.primeUser(user) })
	l.UserByPrincipalName = newLoader(l, msgraph.UsersByPrincipalName, func(_ string, user *licensing.User) { l.primeUser(user) })
	l.LicenseStatesByUserID = newLoaderOf(l, func(b upstream.Batch, ids []string, found func(string, []*licensing.LicenseAssignmentState, error)) {
		addRead(l, usersByGUID, b, ids, upstream.Selection{Properties: []string{"id", licenseStates}}, func(id string, user *licensing.User, err error) {
			if err != nil {
				found(id, nil, err)
				return
			}
			found(id, user.LicenseAssignmentStates, user.ReadError(licenseStates))
		})
	})
}

// primeUser caches a user with all required properties, and its license states.
func (l *Loaders) primeUser(user *licensing.User) {
	if user == nil {
		return
	}
	l.UserByID.Prime(user.ID, user)
	if l.requires("User", licenseStates) && user.ReadError(licenseStates) == nil {
		l.LicenseStatesByUserID.Prime(user.ID, user.LicenseAssignmentStates)
	}
}

func covered[T licensing.Node](l *Loaders, byID *Loader[string, T], typeName string, q upstream.Query, item T) (T, error) {
	if l.covers(q, typeName) {
		return item, nil
	}
	whole, err := byID.Get(item.ObjectID())
	if err != nil {
		object, _ := any(item).(licensing.DirectoryObject)
		if partial, ok := l.partial(&licensing.Reference{Object: object, Properties: set(strings.Split(q.Shown, ","))}, err).(T); ok {
			return partial, nil
		}
	}
	return whole, err
}

// UserOfPage returns a user of a page with all required properties: a cursor's page may select fewer.
func (l *Loaders) UserOfPage(q upstream.Query, user *licensing.User) (*licensing.User, error) {
	return covered(l, l.UserByID, "User", q, user)
}

// GroupOfPage is [Loaders.UserOfPage] for a group.
func (l *Loaders) GroupOfPage(q upstream.Query, group *licensing.Group) (*licensing.Group, error) {
	return covered(l, l.GroupByID, "Group", q, group)
}

func set(members []string) map[string]bool {
	s := make(map[string]bool, len(members))
	for _, member := range members {
		s[member] = true
	}
	return s
}
