package loaders

import (
	"slices"
	"strings"

	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

func (l *Loaders) addDirectoryObjects() {
	l.GroupsByQuery = newLoader(l, msgraph.ListGroups, func(q upstream.Query, page upstream.Page[*licensing.Group]) {
		if l.covers(q, "Group") {
			for _, group := range page.Items {
				l.GroupByID.Prime(group.ID, group)
			}
		}
	})
	l.GroupByID = newLoader(l, ofGUIDs(msgraph.GroupsByID), nil)
	l.DeviceByID = newLoader(l, ofGUIDs(msgraph.DevicesByID), nil)
	l.MembersByQuery = newLoader(l, msgraph.ListMembers, nil)
	l.MembersWithLicenseErrorsByQuery = newLoader(l, msgraph.ListMembersWithLicenseErrors, nil)
	l.DirectoryObjectByID = newLoader(l, ofGUIDs(msgraph.DirectoryObjectsByID), nil)
}

// ofGUIDs returns a read of directory objects that leaves out ids that are no GUIDs, each with an error of its own. Such an
// id came with another object: the service rejects a whole request for one of them.
func ofGUIDs[V any](read upstream.Read[string, V]) upstream.Read[string, V] {
	add := read.Add
	read.Add = func(b upstream.Batch, ids []string, ask upstream.Ask, found func(string, V, error)) {
		guids := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
			_, ok := licensing.ParseGUID(id)
			if !ok {
				var none V
				found(id, none, upstream.OddValue(read.Type+".id"))
			}
			return !ok
		})
		if len(guids) > 0 {
			add(b, guids, ask, found)
		}
	}
	return read
}

// DirectoryObject returns an object of any kind with all properties that the operation requires.
func (l *Loaders) DirectoryObject(id string) (licensing.DirectoryObject, error) {
	ref, err := l.DirectoryObjectByID.Get(id)
	if err != nil {
		return nil, err
	}
	return l.Whole(ref)
}

// Whole returns the object that is referred to with all properties that the operation requires. What was not shown,
// because the kind was not known or the relation shows only names, is read now. An object that cannot be completed is
// returned as a partial object.
func (l *Loaders) Whole(ref *licensing.Reference) (licensing.DirectoryObject, error) {
	if ref == nil {
		return nil, upstream.ErrNotFound
	}
	var whole licensing.DirectoryObject
	var err error
	switch object := ref.Object.(type) {
	case *licensing.User:
		if l.shows(ref.Properties, "User") {
			return object, nil
		}
		whole, err = l.UserByID.Get(object.ID)
	case *licensing.Group:
		if l.shows(ref.Properties, "Group") {
			return object, nil
		}
		whole, err = l.GroupByID.Get(object.ID)
	case *licensing.Device:
		if l.shows(ref.Properties, "Device") {
			return object, nil
		}
		whole, err = l.DeviceByID.Get(object.ID)
	default:
		return object, nil
	}
	if partial := l.partial(ref, err); partial != nil {
		return partial, nil
	}
	if err != nil {
		return nil, err
	}
	return whole, nil
}

// UserOfMember returns a member of a group that is a user, with all properties that the operation requires: what cannot be
// read is noted beside what was expanded. Other members are not found.
func (l *Loaders) UserOfMember(member *licensing.Reference) (*licensing.User, error) {
	if _, ok := member.Object.(*licensing.User); !ok {
		return nil, upstream.ErrNotFound
	}
	user, err := l.UserByID.Get(member.Object.ObjectID())
	if partial, ok := l.partial(member, err).(*licensing.User); ok {
		if l.requires("User", licenseStates) {
			partial.Lose(licenseStates, err)
		}
		return partial, nil
	}
	return user, err
}

// DirectoryObjectNow returns an object of which the id and the kind are known.
func (l *Loaders) DirectoryObjectNow(object licensing.DirectoryObject) (licensing.DirectoryObject, error) {
	return l.Whole(&licensing.Reference{Object: object, Properties: justID, Bare: true})
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
func (l *Loaders) covers(q upstream.Query, typeName string) bool {
	if q.Link == "" {
		return true
	}
	shown := set(strings.Split(q.Shown, ","))
	return l.shows(shown, typeName) && (!l.requires(typeName, licenseStates) || shown[licenseStates])
}
