package loaders

import (
	"strings"

	"licensegraph/internal/licensing"
)

const licenseStates = "licenseAssignmentStates"

func (l *Loaders) addUsers() {
	l.UsersByQuery = newLoader(l, func(b Batch, queries []licensing.ListQuery, found func(licensing.ListQuery, licensing.Page[*licensing.User], error)) {
		for _, q := range queries {
			b.ListUsers(q, l.properties("User"), func(page licensing.Page[*licensing.User], err error) {
				if l.covers(q, "User") {
					for _, user := range page.Items {
						l.holdUser(user)
					}
				}
				found(q, page, err)
			})
		}
	})
	l.Me = newLoader(l, func(b Batch, _ []TenantKey, found func(TenantKey, *licensing.User, error)) {
		b.Me(l.properties("User"), func(user *licensing.User, err error) {
			l.holdUser(user)
			found(Tenant, user, err)
		})
	})
	l.LicenseDetailsByUserID = newLoader(l, func(b Batch, ids []string, found func(string, []*licensing.LicenseDetails, error)) {
		b.LicenseDetailsOfUsers(ids, l.properties("LicenseDetails"), found)
	})
	l.UserByID = newLoader(l, ofGUIDs("User", func(b Batch, ids []string, found func(string, *licensing.User, error)) {
		b.Users(ids, l.properties("User"), func(id string, user *licensing.User, err error) {
			l.holdUser(user)
			found(id, user, err)
		})
	}))
	l.UserByPrincipalName = newLoader(l, func(b Batch, names []string, found func(string, *licensing.User, error)) {
		b.UsersByPrincipalName(names, l.properties("User"), func(name string, user *licensing.User, err error) {
			l.holdUser(user)
			found(name, user, err)
		})
	})
	l.LicenseStatesByUserID = newLoader(l, ofGUIDs("User", func(b Batch, ids []string, found func(string, []*licensing.LicenseAssignmentState, error)) {
		b.Users(ids, []string{"id", licenseStates}, func(id string, user *licensing.User, err error) {
			if err != nil {
				found(id, nil, err)
				return
			}
			found(id, user.LicenseAssignmentStates, user.WhyUnread(licenseStates))
		})
	}))
}

// holdUser keeps what came along with a user that was read with all properties that the operation needs.
func (l *Loaders) holdUser(user *licensing.User) {
	if user == nil {
		return
	}
	l.UserByID.Prime(user.ID, user)
	if l.needs("User", licenseStates) && user.WhyUnread(licenseStates) == nil {
		l.LicenseStatesByUserID.Prime(user.ID, user.LicenseAssignmentStates)
	}
}

func covered[T licensing.Node](l *Loaders, byID *Loader[string, T], typeName string, q licensing.ListQuery, item T) (T, error) {
	if l.covers(q, typeName) {
		return item, nil
	}
	whole, err := byID.Get(item.ObjectID())
	if err != nil {
		object, _ := any(item).(licensing.DirectoryObject)
		if kept, ok := l.kept(&licensing.Reference{Object: object, Properties: set(strings.Split(q.Shown, ","))}, err).(T); ok {
			return kept, nil
		}
	}
	return whole, err
}

// UserOfPage returns a user of a page with all properties that the operation needs: the page may continue one of an
// operation that needed less.
func (l *Loaders) UserOfPage(q licensing.ListQuery, user *licensing.User) (*licensing.User, error) {
	return covered(l, l.UserByID, "User", q, user)
}

// GroupOfPage is [Loaders.UserOfPage] for a group.
func (l *Loaders) GroupOfPage(q licensing.ListQuery, group *licensing.Group) (*licensing.Group, error) {
	return covered(l, l.GroupByID, "Group", q, group)
}

func set(members []string) map[string]bool {
	s := make(map[string]bool, len(members))
	for _, member := range members {
		s[member] = true
	}
	return s
}
