package loaders

import (
	"errors"
	"slices"

	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

func (l *Loaders) addAssignmentErrors() {
	l.AssignmentErrorsByQuery = newLoader(l, msgraph.ListAssignmentErrors, func(_ upstream.Query, page upstream.Page[*licensing.AssignmentError]) {
		for _, e := range page.Items {
			l.primeError(e)
		}
	})
	l.AssignmentErrorByID = newLoader(l, msgraph.AssignmentErrorsByID, func(_ string, e *licensing.AssignmentError) { l.primeError(e) })
	l.AssignmentErrorsByUserID = newLoader(l, msgraph.AssignmentErrorsOfUsers, func(id string, errs []*licensing.AssignmentError) {
		for _, e := range errs {
			e.Related.HasAssignedTo = true
			e.Related.AssignedTo = bareReference(&licensing.User{ID: id})
			l.primeError(e)
		}
	})
	l.AssigneeByErrorID = newLoader(l, msgraph.AssigneesOfErrors, nil)
}

// primeError caches the relations that were expanded with an error.
func (l *Loaders) primeError(e *licensing.AssignmentError) {
	if e.Related.HasAssignedTo {
		l.AssigneeByErrorID.Prime(e.ID, e.Related.AssignedTo)
	}
	if e.Related.HasUsageRight && (e.Related.UsageRight == nil || l.suffices(e.Related.RightProperties, "UsageRight")) {
		l.UsageRightByErrorID.Prime(e.ID, e.Related.UsageRight)
	}
}

// AssigneeOfError returns the assignee of an error with all required properties.
func (l *Loaders) AssigneeOfError(e *licensing.AssignmentError) (licensing.DirectoryObject, error) {
	ref, err := l.AssigneeByErrorID.Get(e.ID)
	if err != nil {
		return nil, err
	}
	return l.Complete(ref)
}

// UsageRightOfError returns the usage right of an error; nil if the assignee has none.
func (l *Loaders) UsageRightOfError(e *licensing.AssignmentError) (*licensing.UsageRight, error) {
	right, err := l.UsageRightByErrorID.Get(e.ID)
	if err != nil && !errors.Is(err, ErrBlocked) {
		if partial := l.partialRight(e, err); partial != nil {
			right, err = partial, nil
		}
	}
	if err != nil || right == nil || !l.requires("AssignmentError", "assignedTo") {
		return right, err
	}
	switch assignee, err := l.AssigneeByErrorID.Get(e.ID); {
	case errors.Is(err, ErrBlocked):
		return nil, err
	case err == nil:
		return withHolder(assignee, right), nil
	default:
		return right, nil
	}
}

// withHolder returns a right with its holder: errors only have users as assignees.
func withHolder(assignee *licensing.Reference, right *licensing.UsageRight) *licensing.UsageRight {
	if assignee == nil {
		return right
	}
	withID, id := *right, assignee.Object.ObjectID()
	withID.HolderID, withID.HolderType = &id, licensing.AssigneeUser
	return &withID
}

// LicenseStatesOfError returns the assignee's license states of the error's product; nil if the assignee is not a
// user or was deleted.
func (l *Loaders) LicenseStatesOfError(e *licensing.AssignmentError) ([]*licensing.LicenseAssignmentState, error) {
	assignee, err := l.AssigneeByErrorID.Get(e.ID)
	if err != nil || !isUser(assignee) {
		return nil, ignoreNotFound(err)
	}
	states, err := l.LicenseStatesByUserID.Get(assignee.Object.ObjectID())
	return StatesOf(e, states), ignoreNotFound(err)
}

func ignoreNotFound(err error) error {
	if errors.Is(err, upstream.ErrNotFound) {
		return nil
	}
	return err
}

func isUser(ref *licensing.Reference) bool {
	if ref == nil {
		return false
	}
	_, ok := ref.Object.(*licensing.User)
	return ok
}

// StatesOf returns the states of the error's product, and those whose product is unreadable.
func StatesOf(e *licensing.AssignmentError, states []*licensing.LicenseAssignmentState) []*licensing.LicenseAssignmentState {
	if states == nil || e.SkuID == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(states), func(s *licensing.LicenseAssignmentState) bool {
		return s.ReadError("skuId") == nil && (s.SkuID == nil || *s.SkuID != *e.SkuID)
	})
}
