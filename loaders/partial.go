package loaders

import (
	"errors"
	"maps"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// partial returns an object with its known properties after the read of the others failed. It is nil if the read did
// not fail, is pending, or returned 404.
func (l *Loaders) partial(sent *licensing.Reference, err error) licensing.DirectoryObject {
	if err == nil || errors.Is(err, ErrBlocked) || errors.Is(err, upstream.ErrNotFound) {
		return nil
	}
	switch object := sent.Object.(type) {
	case *licensing.User:
		partial := *object
		partial.Unread = l.unreadWith("User", sent.Properties, object.Unread, err)
		return &partial
	case *licensing.Group:
		partial := *object
		partial.Unread = l.unreadWith("Group", sent.Properties, object.Unread, err)
		return &partial
	case *licensing.Device:
		partial := *object
		partial.Unread = l.unreadWith("Device", sent.Properties, object.Unread, err)
		return &partial
	}
	return nil
}

// Unreadable returns an object with its ID; all other required properties return the error.
func (l *Loaders) Unreadable(object licensing.DirectoryObject, why error) licensing.DirectoryObject {
	switch object.(type) {
	case *licensing.User:
		return l.UnreadableUser(object.ObjectID(), why)
	case *licensing.Group:
		return &licensing.Group{ID: object.ObjectID(), Unread: l.unreadWith("Group", idOnly, nil, why)}
	case *licensing.Device:
		return &licensing.Device{ID: object.ObjectID(), Unread: l.unreadWith("Device", idOnly, nil, why)}
	}
	return object
}

// UnreadableUser is [Loaders.Unreadable] for a user.
func (l *Loaders) UnreadableUser(id string, why error) *licensing.User {
	return &licensing.User{ID: id, Unread: l.unreadWith("User", idOnly, nil, why)}
}

// UnreadableAllotment is [Loaders.Unreadable] for an allotment.
func (l *Loaders) UnreadableAllotment(id string, why error) *licensing.Allotment {
	return &licensing.Allotment{ID: id, Unread: l.unreadWith("Allotment", idOnly, nil, why)}
}

// bareReference returns a reference to an object of which only the ID is known.
func bareReference(object licensing.DirectoryObject) *licensing.Reference {
	return &licensing.Reference{Object: object, Properties: idOnly, IDOnly: true}
}

// idOnly is the property set of a bare object. Read-only.
var idOnly = map[string]bool{"id": true}

// partialAllotment is [Loaders.partial] for an allotment.
func (l *Loaders) partialAllotment(sent *upstream.Partial[*licensing.Allotment], err error) *licensing.Allotment {
	if errors.Is(err, upstream.ErrNotFound) {
		return nil
	}
	partial := *sent.Object
	partial.Unread = l.unreadWith("Allotment", sent.Properties, partial.Unread, err)
	return &partial
}

// partialRight is [Loaders.partial] for an expanded usage right.
func (l *Loaders) partialRight(e *licensing.AssignmentError, err error) *licensing.UsageRight {
	right := e.Related.UsageRight
	if right == nil || errors.Is(err, upstream.ErrNotFound) {
		return nil
	}
	partial := *right
	partial.Unread = l.unreadWith("UsageRight", e.Related.RightProperties, partial.Unread, err)
	return &partial
}

// unreadWith returns unread and, with the error, the required properties that were not shown.
func (l *Loaders) unreadWith(typeName string, shown map[string]bool, unread upstream.Unread, why error) upstream.Unread {
	all := upstream.Unread{}
	maps.Copy(all, unread)
	for _, property := range l.properties(typeName) {
		if !shown[property] && !ownLoader(property) {
			all[property] = why
		}
	}
	return all
}
