package loaders

import (
	"errors"
	"maps"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// kept returns an object as it came along, when the read that would have completed it has failed: what was not shown is
// noted with why. It is nil when the read has not failed or was not made yet, and when the object is gone.
func (l *Loaders) kept(sent *licensing.Reference, err error) licensing.DirectoryObject {
	if err == nil || errors.Is(err, ErrBlocked) || errors.Is(err, upstream.ErrNotFound) {
		return nil
	}
	switch object := sent.Object.(type) {
	case *licensing.User:
		kept := *object
		kept.Unread = l.lacks("User", sent.Properties, object.Unread, err)
		return &kept
	case *licensing.Group:
		kept := *object
		kept.Unread = l.lacks("Group", sent.Properties, object.Unread, err)
		return &kept
	case *licensing.Device:
		kept := *object
		kept.Unread = l.lacks("Device", sent.Properties, object.Unread, err)
		return &kept
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

// keptAllotment is kept for an allotment.
func (l *Loaders) keptAllotment(sent *upstream.Partial[*licensing.Allotment], err error) *licensing.Allotment {
	if errors.Is(err, upstream.ErrNotFound) {
		return nil
	}
	kept := *sent.Object
	kept.Unread = l.lacks("Allotment", sent.Properties, kept.Unread, err)
	return &kept
}

// keptRight is kept for the right that came along with an error.
func (l *Loaders) keptRight(e *licensing.AssignmentError, err error) *licensing.UsageRight {
	right := e.Related.UsageRight
	if right == nil || errors.Is(err, upstream.ErrNotFound) {
		return nil
	}
	kept := *right
	kept.Unread = l.lacks("UsageRight", e.Related.RightProperties, kept.Unread, err)
	return &kept
}

// lacks adds what the operation needs of a type and was not shown to what could not be read.
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
