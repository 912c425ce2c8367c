package loaders

import (
	"errors"
	"slices"

	"licensegraph/internal/licensing"
)

func (l *Loaders) addDirectoryObjects(s *scheduler) {
	l.GroupByID = newLoader(s, func(b Batch, ids []string, found func(string, *licensing.Group, error)) {
		b.Groups(ids, l.properties("Group"), found)
	})
	l.MembersWithLicenseErrorsByGroupID = newLoader(s, func(b Batch, ids []string, found func(string, []*licensing.Reference, error)) {
		b.MembersWithLicenseErrors(ids, l.properties("User"), found)
	})
	l.DirectoryObjectByID = newLoader(s, func(b Batch, ids []string, found func(string, *licensing.Reference, error)) {
		b.DirectoryObjects(ids, l.properties("DirectoryObject"), found)
	})
}

// DirectoryObjects returns objects of any kind with all properties that the operation needs, in the order
// of their ids.
func (l *Loaders) DirectoryObjects(ids []string) ([]licensing.DirectoryObject, []error) {
	return l.complete(Each(l.DirectoryObjectByID, ids))
}

// MembersWithLicenseErrors returns the members of each group to whom a licence of it could not be given, with
// all properties that the operation needs, in the order of the groups.
func (l *Loaders) MembersWithLicenseErrors(groups []*licensing.Group) ([][]licensing.DirectoryObject, []error) {
	lists, errs := EachOf(l.MembersWithLicenseErrorsByGroupID, groups, (*licensing.Group).ObjectID)
	every := slices.Concat(lists...)
	objects, failures := l.complete(every, make([]error, len(every)))
	members := make([][]licensing.DirectoryObject, len(lists))
	for i, list := range lists {
		n := len(list)
		members[i] = objects[:n]
		errs[i] = errors.Join(append(failures[:n:n], errs[i])...)
		objects, failures = objects[n:], failures[n:]
	}
	return members, errs
}

// PlanMemberWithLicenseErrors plans with next what follows from a member.
func (l *Loaders) PlanMemberWithLicenseErrors(member *licensing.Reference, next func(licensing.DirectoryObject)) {
	l.planWhole(member, next)
}

// complete returns the objects that are referred to with all properties that the operation needs. What was
// not shown, because the kind was not known or the relation shows only names, is read now.
func (l *Loaders) complete(refs []*licensing.Reference, errs []error) ([]licensing.DirectoryObject, []error) {
	thunks := make([]Thunk[licensing.DirectoryObject], len(refs))
	l.Together(func() {
		for i, ref := range refs {
			if ref == nil && errs[i] == nil {
				errs[i] = licensing.ErrNotFound
			}
			if errs[i] != nil {
				thunks[i] = func() (licensing.DirectoryObject, error) { return nil, errs[i] }
				continue
			}
			thunks[i] = l.whole(ref)
		}
	})
	return Wait(thunks)
}

// whole returns the object with all properties that the operation needs.
func (l *Loaders) whole(ref *licensing.Reference) Thunk[licensing.DirectoryObject] {
	switch object := ref.Object.(type) {
	case *licensing.User:
		if !l.shows(ref.Properties, "User") {
			return asObject(l.UserByID.Load(object.ID))
		}
	case *licensing.Group:
		if !l.shows(ref.Properties, "Group") {
			return asObject(l.GroupByID.Load(object.ID))
		}
	}
	return func() (licensing.DirectoryObject, error) { return ref.Object, nil }
}

// PlanDirectoryObject loads an object that will be asked for, and plans with next what follows from it.
func (l *Loaders) PlanDirectoryObject(id string, next func(licensing.DirectoryObject)) {
	l.DirectoryObjectByID.Plan(id, func(ref *licensing.Reference) { l.planWhole(ref, next) })
}

func (l *Loaders) planWhole(ref *licensing.Reference, next func(licensing.DirectoryObject)) {
	if ref == nil {
		return
	}
	switch object := ref.Object.(type) {
	case *licensing.User:
		if !l.shows(ref.Properties, "User") {
			l.UserByID.Plan(object.ID, func(user *licensing.User) { next(user) })
			return
		}
	case *licensing.Group:
		if !l.shows(ref.Properties, "Group") {
			l.GroupByID.Plan(object.ID, func(group *licensing.Group) { next(group) })
			return
		}
	}
	next(ref.Object)
}

// shows tells whether everything that the operation needs of the type was shown. Licence states do not
// count: they have a loader of their own.
func (l *Loaders) shows(shown map[string]bool, typeName string) bool {
	for _, property := range l.properties(typeName) {
		if property != licenseStates && !shown[property] {
			return false
		}
	}
	return true
}

func asObject[T licensing.DirectoryObject](thunk Thunk[T]) Thunk[licensing.DirectoryObject] {
	return func() (licensing.DirectoryObject, error) {
		object, err := thunk()
		if err != nil {
			return nil, err
		}
		return object, nil
	}
}
