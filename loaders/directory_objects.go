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
	l.GroupByID = newLoader(l, groupsByGUID, nil)
	l.DeviceByID = newLoader(l, devicesByGUID, nil)
	l.MembersByQuery = newLoader(l, msgraph.ListMembers, nil)
	l.MemberOfByQuery = newLoader(l, msgraph.ListMemberOf, nil)
	l.NestedGroupsByGroupID = newLoader(l, ofGUIDs(msgraph.NestedGroupsOfGroups), nil)
	l.OwnersByQuery = newLoader(l, msgraph.ListOwners, nil)
	l.ManagerByUserID = newLoader(l, ofGUIDs(msgraph.ManagersOfUsers), nil)
	l.MembersWithLicenseErrorsByQuery = newLoader(l, msgraph.ListMembersWithLicenseErrors, nil)
	l.DirectoryObjectByID = newLoader(l, directoryObjectsByGUID, nil)
}

var (
	usersByGUID            = ofGUIDs(msgraph.UsersByID)
	groupsByGUID           = ofGUIDs(msgraph.GroupsByID)
	devicesByGUID          = ofGUIDs(msgraph.DevicesByID)
	directoryObjectsByGUID = ofGUIDs(msgraph.DirectoryObjectsByID)
)

// ofGUIDs returns a read that answers malformed IDs with an error each. Microsoft Graph rejects a whole request for
// one malformed ID, even if another object refers to it.
func ofGUIDs[V any](read upstream.Read[string, V]) upstream.Read[string, V] {
	add := read.Add
	read.Add = func(b upstream.Batch, ids []string, selection upstream.Selection, found func(string, V, error)) {
		guids := slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
			_, ok := licensing.ParseGUID(id)
			if !ok {
				var none V
				found(id, none, upstream.OddValue(read.Type+".id"))
			}
			return !ok
		})
		if len(guids) > 0 {
			add(b, guids, selection, found)
		}
	}
	return read
}

// DirectoryObject returns an object of any type with all required properties.
func (l *Loaders) DirectoryObject(id string) (licensing.DirectoryObject, error) {
	ref, err := l.DirectoryObjectByID.Get(id)
	if err != nil {
		return nil, err
	}
	return l.Complete(ref)
}

// Complete returns a referenced object with all required properties. It reads properties that were not expanded. If
// that fails, the object is partial.
func (l *Loaders) Complete(ref *licensing.Reference) (licensing.DirectoryObject, error) {
	if ref == nil {
		return nil, upstream.ErrNotFound
	}
	var whole licensing.DirectoryObject
	var err error
	switch object := ref.Object.(type) {
	case *licensing.User:
		if l.suffices(ref.Properties, "User") {
			return object, nil
		}
		whole, err = l.UserByID.Get(object.ID)
	case *licensing.Group:
		if l.suffices(ref.Properties, "Group") {
			return object, nil
		}
		whole, err = l.GroupByID.Get(object.ID)
	case *licensing.Device:
		if l.suffices(ref.Properties, "Device") {
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

// UserOfMember returns a group member that is a user, with all required properties or partial; ErrNotFound for other
// members.
func (l *Loaders) UserOfMember(member *licensing.Reference) (*licensing.User, error) {
	if _, ok := member.Object.(*licensing.User); !ok {
		return nil, upstream.ErrNotFound
	}
	user, err := l.UserByID.Get(member.Object.ObjectID())
	if partial, ok := l.partial(member, err).(*licensing.User); ok {
		if l.requires("User", licenseStates) {
			partial.SetReadError(licenseStates, err)
		}
		return partial, nil
	}
	return user, err
}

// DirectoryObjectNow returns an object by its type and ID, with all required properties.
func (l *Loaders) DirectoryObjectNow(object licensing.DirectoryObject) (licensing.DirectoryObject, error) {
	return l.Complete(bareReference(object))
}

// relations are the relations among the properties of a type.
var relations = []string{"assignments", "allotments", "allotment", "assignedTo", "usageRight"}

// suffices reports whether the shown properties include all that are required of a type, except those with their own
// loader.
func (l *Loaders) suffices(shown map[string]bool, typeName string) bool {
	for _, property := range l.properties(typeName) {
		if !shown[property] && property != "id" && !ownLoader(property) {
			return false
		}
	}
	return true
}

// ownLoader reports whether a property is read by its own loader.
func ownLoader(property string) bool {
	return property == licenseStates || slices.Contains(relations, property)
}

// covers reports whether a page selects all required properties: a next link fixes its $select.
func (l *Loaders) covers(q upstream.Query, typeName string) bool {
	if q.Link == "" {
		return true
	}
	shown := set(strings.Split(q.Shown, ","))
	return l.suffices(shown, typeName) && (!l.requires(typeName, licenseStates) || shown[licenseStates])
}
