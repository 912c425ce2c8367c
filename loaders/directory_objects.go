package loaders

import (
	"slices"
	"strings"

	"licensegraph/internal/licensing"
)

func (l *Loaders) addDirectoryObjects(s *scheduler) {
	l.GroupsByQuery = newLoader(s, func(b Batch, queries []licensing.ListQuery, found func(licensing.ListQuery, licensing.Page[*licensing.Group], error)) {
		for _, q := range queries {
			b.ListGroups(q, l.properties("Group"), func(page licensing.Page[*licensing.Group], err error) {
				if l.covers(q, "Group") {
					for _, group := range page.Items {
						l.GroupByID.Prime(group.ID, group)
					}
				}
				found(q, page, err)
			})
		}
	})
	l.GroupByID = newLoader(s, ofGUIDs("Group", func(b Batch, ids []string, found func(string, *licensing.Group, error)) {
		b.Groups(ids, l.properties("Group"), found)
	}))
	l.DeviceByID = newLoader(s, ofGUIDs("Device", func(b Batch, ids []string, found func(string, *licensing.Device, error)) {
		b.Devices(ids, l.properties("Device"), found)
	}))
	l.MembersByQuery = newLoader(s, func(b Batch, queries []licensing.ListQuery, found func(licensing.ListQuery, licensing.Page[*licensing.Reference], error)) {
		for _, q := range queries {
			b.ListMembers(q, l.properties("DirectoryObject"), func(page licensing.Page[*licensing.Reference], err error) { found(q, page, err) })
		}
	})
	l.MembersWithLicenseErrorsByQuery = newLoader(s, func(b Batch, queries []licensing.ListQuery, found func(licensing.ListQuery, licensing.Page[*licensing.Reference], error)) {
		for _, q := range queries {
			b.ListMembersWithLicenseErrors(q, l.properties("User"), func(page licensing.Page[*licensing.Reference], err error) { found(q, page, err) })
		}
	})
	l.DirectoryObjectByID = newLoader(s, ofGUIDs("DirectoryObject", func(b Batch, ids []string, found func(string, *licensing.Reference, error)) {
		b.DirectoryObjects(ids, l.properties("DirectoryObject"), found)
	}))
}

// ofGUIDs returns a read of directory objects of a type that leaves out ids that are no GUIDs, each with an error of its
// own. Such an id came with another object: the service rejects a whole request for one of them.
func ofGUIDs[V any](typeName string, read func(Batch, []string, func(string, V, error))) func(Batch, []string, func(string, V, error)) {
	return func(b Batch, ids []string, found func(string, V, error)) {
		guids := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
			_, ok := licensing.ParseGUID(id)
			if !ok {
				var none V
				found(id, none, licensing.OddValue(typeName+".id"))
			}
			return !ok
		})
		if len(guids) > 0 {
			read(b, guids, found)
		}
	}
}

// DirectoryObjects returns objects of any kind with all properties that the operation needs, in the order
// of their ids.
func (l *Loaders) DirectoryObjects(ids []string) ([]licensing.DirectoryObject, []error) {
	return l.complete(Each(l.DirectoryObjectByID, ids))
}

// DirectoryObjectNow returns an object of which the id and the kind are known.
func (l *Loaders) DirectoryObjectNow(object licensing.DirectoryObject) (licensing.DirectoryObject, error) {
	return l.whole(&licensing.Reference{Object: object, Properties: set([]string{"id"}), Bare: true})()
}

// PlanWhole plans with next what follows from objects, once all of them have all properties that the operation
// needs. Those that are gone meanwhile are left open.
func (l *Loaders) PlanWhole(refs []*licensing.Reference, next func([]Found[licensing.DirectoryObject])) (wait func() error) {
	return gather(len(refs), func(i int, found func(licensing.DirectoryObject, error)) func() {
		return l.planEitherWhole(refs[i], found)
	}, next)
}

// PlanUsersAmong plans with next what follows from those of the objects that are users, the others left open, once
// all of them have all properties that the operation needs. One that cannot be read has what came along.
func (l *Loaders) PlanUsersAmong(refs []*licensing.Reference, next func([]Found[*licensing.User])) (wait func() error) {
	return gather(len(refs), func(i int, found func(*licensing.User, error)) func() {
		if _, ok := refs[i].Object.(*licensing.User); !ok {
			found(nil, licensing.ErrNotFound)
			return func() {}
		}
		thunk := l.UserByID.planEither(refs[i].Object.ObjectID(), func(user *licensing.User, err error) {
			if kept, ok := l.kept(refs[i], err).(*licensing.User); ok {
				if l.needs("User", licenseStates) {
					kept.Lose(licenseStates, err)
				}
				user, err = kept, nil
			}
			found(user, err)
		})
		return func() { thunk() } //nolint:errcheck // found is told
	}, next)
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
			return l.orKept(ref, asObject(l.UserByID.Load(object.ID)))
		}
	case *licensing.Group:
		if !l.shows(ref.Properties, "Group") {
			return l.orKept(ref, asObject(l.GroupByID.Load(object.ID)))
		}
	case *licensing.Device:
		if !l.shows(ref.Properties, "Device") {
			return l.orKept(ref, asObject(l.DeviceByID.Load(object.ID)))
		}
	}
	return func() (licensing.DirectoryObject, error) { return ref.Object, nil }
}

// PlanDirectoryObject loads an object that will be asked for, and plans with next what follows from it.
func (l *Loaders) PlanDirectoryObject(id string, next func(licensing.DirectoryObject)) {
	l.DirectoryObjectByID.Plan(id, func(ref *licensing.Reference) { l.planWhole(ref, next) })
}

func (l *Loaders) planWhole(ref *licensing.Reference, next func(licensing.DirectoryObject)) {
	if ref != nil {
		l.planEitherWhole(ref, func(object licensing.DirectoryObject, err error) {
			if err == nil {
				next(object)
			}
		})
	}
}

func (l *Loaders) planEitherWhole(ref *licensing.Reference, next func(licensing.DirectoryObject, error)) (wait func()) {
	switch object := ref.Object.(type) {
	case *licensing.User:
		if !l.shows(ref.Properties, "User") {
			return planObject(l.UserByID, object.ID, l.elseKept(ref, next))
		}
	case *licensing.Group:
		if !l.shows(ref.Properties, "Group") {
			return planObject(l.GroupByID, object.ID, l.elseKept(ref, next))
		}
	case *licensing.Device:
		if !l.shows(ref.Properties, "Device") {
			return planObject(l.DeviceByID, object.ID, l.elseKept(ref, next))
		}
	}
	next(ref.Object, nil)
	return func() {}
}

// orKept is the object with what came along, when it cannot be completed.
func (l *Loaders) orKept(ref *licensing.Reference, whole Thunk[licensing.DirectoryObject]) Thunk[licensing.DirectoryObject] {
	return func() (object licensing.DirectoryObject, err error) {
		object, err = whole()
		l.elseKept(ref, func(o licensing.DirectoryObject, e error) { object, err = o, e })(object, err)
		return object, err
	}
}

// elseKept hands over what came along of an object that cannot be completed.
func (l *Loaders) elseKept(ref *licensing.Reference, next func(licensing.DirectoryObject, error)) func(licensing.DirectoryObject, error) {
	return func(object licensing.DirectoryObject, err error) {
		if kept := l.kept(ref, err); kept != nil {
			next(kept, nil)
			return
		}
		next(object, err)
	}
}

func planObject[T licensing.DirectoryObject](l *Loader[string, T], id string, next func(licensing.DirectoryObject, error)) (wait func()) {
	thunk := l.planEither(id, func(object T, err error) { next(object, err) })
	return func() { thunk() } //nolint:errcheck // next is told
}

// relations are what properties of a type lists besides properties.
var relations = []string{"assignments", "allotments", "allotment", "assignedTo", "usageRight"}

// shows tells whether everything that the operation needs of the type was shown. License states and relations do not
// count: they have loaders of their own.
func (l *Loaders) shows(shown map[string]bool, typeName string) bool {
	for _, property := range l.properties(typeName) {
		if !shown[property] && property != "id" && !ownLoader(property) {
			return false
		}
	}
	return true
}

// ownLoader tells whether a property is read by a loader of its own.
func ownLoader(property string) bool {
	return property == licenseStates || slices.Contains(relations, property)
}

// covers tells whether a page shows everything that the operation needs of its elements.
func (l *Loaders) covers(q licensing.ListQuery, typeName string) bool {
	if q.Link == "" {
		return true
	}
	shown := set(strings.Split(q.Shown, ","))
	return l.shows(shown, typeName) && (!l.needs(typeName, licenseStates) || shown[licenseStates])
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
