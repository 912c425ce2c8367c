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
			e.Related.AssignedTo = &licensing.Reference{Object: &licensing.User{ID: id}, Properties: set([]string{"id"}), Bare: true}
			l.primeError(e)
		}
	})
	l.AssigneeByErrorID = newLoader(l, msgraph.AssigneesOfErrors, nil)
}

// primeError keeps what was expanded with an error, so that none of it is read again.
func (l *Loaders) primeError(e *licensing.AssignmentError) {
	if e.Related.HasAssignedTo {
		l.AssigneeByErrorID.Prime(e.ID, e.Related.AssignedTo)
	}
	if e.Related.HasUsageRight && (e.Related.UsageRight == nil || l.shows(e.Related.RightProperties, "UsageRight")) {
		l.UsageRightByErrorID.Prime(e.ID, e.Related.UsageRight)
	}
}

// AssigneeOfError returns who should have got the licenses, with all properties that the operation requires.
func (l *Loaders) AssigneeOfError(e *licensing.AssignmentError) (licensing.DirectoryObject, error) {
	ref, err := l.AssigneeByErrorID.Get(e.ID)
	if err != nil {
		return nil, err
	}
	return l.Whole(ref)
}

// UsageRightOfError returns what the assignee can still use; nil when that is nothing.
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
		return heldBy(assignee, right), nil
	default:
		return right, nil
	}
}

// heldBy returns a right that came with an error, with who holds it: a user, as all whom errors concern.
func heldBy(assignee *licensing.Reference, right *licensing.UsageRight) *licensing.UsageRight {
	if assignee == nil {
		return right
	}
	held, id := *right, assignee.Object.ObjectID()
	held.HolderID, held.HolderType = &id, licensing.AssigneeUser
	return &held
}

// LicenseStatesOfError returns in which ways the product of an error is assigned to its assignee: nil when that is no
// person, or is gone.
func (l *Loaders) LicenseStatesOfError(e *licensing.AssignmentError) ([]*licensing.LicenseAssignmentState, error) {
	assignee, err := l.AssigneeByErrorID.Get(e.ID)
	if err != nil || !isUser(assignee) {
		return nil, unlessGone(err)
	}
	states, err := l.LicenseStatesByUserID.Get(assignee.Object.ObjectID())
	return StatesOf(e, states), unlessGone(err)
}

// unlessGone leaves out that something does not exist.
func unlessGone(err error) error {
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

// StatesOf returns those of a person's states that are of the error's product, or may be since their product cannot be read.
func StatesOf(e *licensing.AssignmentError, states []*licensing.LicenseAssignmentState) []*licensing.LicenseAssignmentState {
	if states == nil || e.SkuID == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(states), func(s *licensing.LicenseAssignmentState) bool {
		return s.WhyUnread("skuId") == nil && (s.SkuID == nil || *s.SkuID != *e.SkuID)
	})
}
