package loaders

import (
	"errors"
	"maps"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// partial returns an object with the properties that are known of it, when the read that would have completed it has failed: what was not shown is
// noted with why. It is nil when the read has not failed or was not made yet, and when the object is gone.
func (l *Loaders) partial(sent *licensing.Reference, err error) licensing.DirectoryObject {
	if err == nil || errors.Is(err, ErrBlocked) || errors.Is(err, upstream.ErrNotFound) {
		return nil
	}
	switch object := sent.Object.(type) {
	case *licensing.User:
		partial := *object
		partial.Unread = l.lacks("User", sent.Properties, object.Unread, err)
		return &partial
	case *licensing.Group:
		partial := *object
		partial.Unread = l.lacks("Group", sent.Properties, object.Unread, err)
		return &partial
	case *licensing.Device:
		partial := *object
		partial.Unread = l.lacks("Device", sent.Properties, object.Unread, err)
		return &partial
	}
	return nil
}

// Bare returns an object of which only the id is known, and why the rest cannot be read.
func (l *Loaders) Bare(object licensing.DirectoryObject, why error) licensing.DirectoryObject {
	switch object.(type) {
	case *licensing.User:
		return l.BareUser(object.ObjectID(), why)
	case *licensing.Group:
		return &licensing.Group{ID: object.ObjectID(), Unread: l.lacks("Group", justID, nil, why)}
	case *licensing.Device:
		return &licensing.Device{ID: object.ObjectID(), Unread: l.lacks("Device", justID, nil, why)}
	}
	return object
}

// BareUser is [Loaders.Bare] for a user.
func (l *Loaders) BareUser(id string, why error) *licensing.User {
	return &licensing.User{ID: id, Unread: l.lacks("User", justID, nil, why)}
}

// BareAllotment is [Loaders.Bare] for an allotment.
func (l *Loaders) BareAllotment(id string, why error) *licensing.Allotment {
	return &licensing.Allotment{ID: id, Unread: l.lacks("Allotment", justID, nil, why)}
}

// justID is what is shown of an object of which only the id is known. Shared: not to be changed.
var justID = map[string]bool{"id": true}

// partialAllotment is [Loaders.partial] for an allotment.
func (l *Loaders) partialAllotment(sent *upstream.Partial[*licensing.Allotment], err error) *licensing.Allotment {
	if errors.Is(err, upstream.ErrNotFound) {
		return nil
	}
	partial := *sent.Object
	partial.Unread = l.lacks("Allotment", sent.Properties, partial.Unread, err)
	return &partial
}

// partialRight is [Loaders.partial] for the right that was expanded with an error.
func (l *Loaders) partialRight(e *licensing.AssignmentError, err error) *licensing.UsageRight {
	right := e.Related.UsageRight
	if right == nil || errors.Is(err, upstream.ErrNotFound) {
		return nil
	}
	partial := *right
	partial.Unread = l.lacks("UsageRight", e.Related.RightProperties, partial.Unread, err)
	return &partial
}

// lacks adds the properties that the operation requires of a type and was not shown to what could not be read.
func (l *Loaders) lacks(typeName string, shown map[string]bool, unread upstream.Unread, why error) upstream.Unread {
	all := upstream.Unread{}
	maps.Copy(all, unread)
	for _, property := range l.properties(typeName) {
		if !shown[property] && !ownLoader(property) {
			all[property] = why
		}
	}
	return all
}
