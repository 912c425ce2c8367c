package loaders

import (
	"strings"

	"licensegraph/internal/licensing"
)

const licenseStates = "licenseAssignmentStates"

func (l *Loaders) addUsers(s *scheduler) {
	l.UsersByQuery = newLoader(s, func(b Batch, queries []licensing.ListQuery, found func(licensing.ListQuery, licensing.Page[*licensing.User], error)) {
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
	l.Me = newLoader(s, func(b Batch, _ []TenantKey, found func(TenantKey, *licensing.User, error)) {
		b.Me(l.properties("User"), func(user *licensing.User, err error) {
			l.holdUser(user)
			found(Tenant, user, err)
		})
	})
	l.LicenseDetailsByUserID = newLoader(s, func(b Batch, ids []string, found func(string, []*licensing.LicenseDetails, error)) {
		b.LicenseDetailsOfUsers(ids, l.properties("LicenseDetails"), found)
	})
	l.UserByID = newLoader(s, ofGUIDs("User", func(b Batch, ids []string, found func(string, *licensing.User, error)) {
		b.Users(ids, l.properties("User"), func(id string, user *licensing.User, err error) {
			l.holdUser(user)
			found(id, user, err)
		})
	}))
	l.UserByPrincipalName = newLoader(s, func(b Batch, names []string, found func(string, *licensing.User, error)) {
		b.UsersByPrincipalName(names, l.properties("User"), func(name string, user *licensing.User, err error) {
			l.holdUser(user)
			found(name, user, err)
		})
	})
	l.LicenseStatesByUserID = newLoader(s, ofGUIDs("User", func(b Batch, ids []string, found func(string, []*licensing.LicenseAssignmentState, error)) {
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

// PlanMe loads the user who asks, and plans with next what follows.
func (l *Loaders) PlanMe(next func(*licensing.User)) Thunk[*licensing.User] {
	return l.Me.Plan(Tenant, next)
}

// PlanUsers plans with next what follows from the users of a page, once all of them have all properties that the
// operation needs: the page may continue one of an operation that needed less. Those that are gone meanwhile are left open.
func (l *Loaders) PlanUsers(q licensing.ListQuery, users []*licensing.User, next func([]Found[*licensing.User])) (wait func() error) {
	return planCovered(l, l.UserByID, "User", q, users, next)
}

// PlanGroups is PlanUsers for groups.
func (l *Loaders) PlanGroups(q licensing.ListQuery, groups []*licensing.Group, next func([]Found[*licensing.Group])) (wait func() error) {
	return planCovered(l, l.GroupByID, "Group", q, groups, next)
}

func planCovered[T licensing.Node](l *Loaders, byID *Loader[string, T], typeName string, q licensing.ListQuery, items []T, next func([]Found[T])) func() error {
	if l.covers(q, typeName) {
		found := make([]Found[T], len(items))
		for i, item := range items {
			found[i] = Found[T]{Value: item, OK: true}
		}
		next(found)
		return func() error { return nil }
	}
	shown := set(strings.Split(q.Shown, ","))
	return gather(len(items), func(i int, found func(T, error)) func() {
		thunk := byID.planEither(items[i].ObjectID(), func(item T, err error) {
			object, _ := any(items[i]).(licensing.DirectoryObject)
			if kept, ok := l.kept(&licensing.Reference{Object: object, Properties: shown}, err).(T); ok {
				item, err = kept, nil
			}
			found(item, err)
		})
		return func() { thunk() } //nolint:errcheck // found is told
	}, next)
}

func set(members []string) map[string]bool {
	s := make(map[string]bool, len(members))
	for _, member := range members {
		s[member] = true
	}
	return s
}
