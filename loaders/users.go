package loaders

import (
	"context"
	"errors"
	"slices"

	"licensegraph/internal/licensing"
)

const licenseStates = "licenseAssignmentStates"

func (l *Loaders) addUsers(s *scheduler) {
	l.UserByID = newLoader(s, func(b Batch, ids []string, found func(string, *licensing.User, error)) {
		b.Users(ids, l.properties("User"), func(id string, user *licensing.User, err error) {
			l.holdUser(user)
			found(id, user, err)
		})
	})
	l.UserByPrincipalName = newLoader(s, func(b Batch, names []string, found func(string, *licensing.User, error)) {
		b.UsersByPrincipalName(names, l.properties("User"), func(name string, user *licensing.User, err error) {
			l.holdUser(user)
			found(name, user, err)
		})
	})
	l.LicenseStatesByUserID = newLoader(s, func(b Batch, ids []string, found func(string, []*licensing.LicenseAssignmentState, error)) {
		b.Users(ids, []string{"id", licenseStates}, func(id string, user *licensing.User, err error) {
			if err != nil {
				found(id, nil, err)
				return
			}
			found(id, user.LicenseAssignmentStates, nil)
		})
	})
}

// holdUser keeps what came along with a user that was read with all properties that the operation needs.
func (l *Loaders) holdUser(user *licensing.User) {
	if user == nil {
		return
	}
	l.UserByID.Prime(user.ID, user)
	if l.needs("User", licenseStates) {
		l.LicenseStatesByUserID.Prime(user.ID, user.LicenseAssignmentStates)
	}
}

// Users returns a page of the tenant's users.
func (l *Loaders) Users(ctx context.Context, q licensing.ListQuery) (licensing.Page[*licensing.User], error) {
	page, err := l.source.Users(ctx, q)
	if err != nil {
		return page, err
	}
	if l.shows(set(q.Properties), "User") && (!l.needs("User", licenseStates) || slices.Contains(q.Properties, licenseStates)) {
		for _, user := range page.Items {
			l.holdUser(user)
		}
		return page, nil
	}
	// The page continues one of an operation that needed less.
	users, errs := EachOf(l.UserByID, page.Items, (*licensing.User).ObjectID)
	page.Items = users
	return page, errors.Join(errs...)
}

func set(members []string) map[string]bool {
	s := make(map[string]bool, len(members))
	for _, member := range members {
		s[member] = true
	}
	return s
}
