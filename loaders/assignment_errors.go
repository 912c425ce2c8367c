package loaders

import (
	"errors"
	"slices"

	"licensegraph/internal/licensing"
)

func (l *Loaders) addAssignmentErrors(s *scheduler) {
	l.AssignmentErrorsByQuery = newLoader(s, func(b Batch, queries []licensing.ListQuery, found func(licensing.ListQuery, licensing.Page[*licensing.AssignmentError], error)) {
		for _, q := range queries {
			b.ListAssignmentErrors(q, l.related(), func(page licensing.Page[*licensing.AssignmentError], err error) {
				for _, e := range page.Items {
					l.holdError(e)
				}
				found(q, page, err)
			})
		}
	})
	l.AssignmentErrorByID = newLoader(s, func(b Batch, ids []string, found func(string, *licensing.AssignmentError, error)) {
		b.AssignmentErrors(ids, l.properties("AssignmentError"), l.related(), func(id string, e *licensing.AssignmentError, err error) {
			if err == nil {
				l.holdError(e)
			}
			found(id, e, err)
		})
	})
	l.AssignmentErrorsByUserID = newLoader(s, func(b Batch, ids []string, found func(string, []*licensing.AssignmentError, error)) {
		withoutAssignee := slices.DeleteFunc(l.related(), func(relation string) bool { return relation == "assignedTo" })
		b.AssignmentErrorsOfUsers(ids, l.properties("AssignmentError"), withoutAssignee, func(id string, errs []*licensing.AssignmentError, err error) {
			for _, e := range errs {
				e.Related.HasAssignedTo = true
				e.Related.AssignedTo = &licensing.Reference{Object: &licensing.User{ID: id}, Properties: set([]string{"id"}), Bare: true}
				l.holdError(e)
			}
			found(id, errs, err)
		})
	})
	l.AssigneeByErrorID = newLoader(s, func(b Batch, ids []string, found func(string, *licensing.Reference, error)) {
		b.AssigneesOfErrors(ids, l.properties("User"), found)
	})
}

// related are the relations of an assignment error that the operation needs.
func (l *Loaders) related() []string {
	var relations []string
	for _, relation := range []string{"assignedTo", "usageRight"} {
		if l.needs("AssignmentError", relation) {
			relations = append(relations, relation)
		}
	}
	return relations
}

// holdError keeps what came along with an error, so that none of it is read again.
func (l *Loaders) holdError(e *licensing.AssignmentError) {
	if e.Related.HasAssignedTo {
		l.AssigneeByErrorID.Prime(e.ID, e.Related.AssignedTo)
	}
	if e.Related.HasUsageRight && (e.Related.UsageRight == nil || l.shows(e.Related.RightProperties, "UsageRight")) {
		l.UsageRightByErrorID.Prime(e.ID, e.Related.UsageRight)
	}
}

// AssignedTo returns who should have got the licenses, with all properties that the operation needs, in the
// order of the errors.
func (l *Loaders) AssignedTo(errs []*licensing.AssignmentError) ([]licensing.DirectoryObject, []error) {
	return l.complete(EachOf(l.AssigneeByErrorID, errs, (*licensing.AssignmentError).ObjectID))
}

// PlanAssignedTo loads an assignee that will be asked for, and plans with next what follows from it.
func (l *Loaders) PlanAssignedTo(e *licensing.AssignmentError, next func(licensing.DirectoryObject)) {
	l.AssigneeByErrorID.Plan(e.ID, func(ref *licensing.Reference) { l.planWhole(ref, next) })
}

// UsageRights returns what the assignees can still use, in the order of the errors; nil where there is nothing.
func (l *Loaders) UsageRights(errs []*licensing.AssignmentError) ([]*licensing.UsageRight, []error) {
	rights, failures := EachOf(l.UsageRightByErrorID, errs, (*licensing.AssignmentError).ObjectID)
	for i, e := range errs {
		if failures[i] != nil {
			if kept := l.keptRight(e, failures[i]); kept != nil {
				rights[i], failures[i] = kept, nil
			}
		}
	}
	if !l.needs("AssignmentError", "assignedTo") {
		return rights, failures
	}
	var held []int
	var ids []string
	for i, right := range rights {
		if right != nil {
			held, ids = append(held, i), append(ids, errs[i].ID)
		}
	}
	assignees, unknown := Each(l.AssigneeByErrorID, ids)
	for n, i := range held {
		if unknown[n] == nil {
			rights[i] = heldBy(assignees[n], rights[i])
		}
	}
	return rights, failures
}

// PlanUsageRight loads the right of an error that will be asked for, and plans with next what follows from it.
func (l *Loaders) PlanUsageRight(e *licensing.AssignmentError, next func(*licensing.UsageRight)) {
	l.UsageRightByErrorID.Plan(e.ID, func(right *licensing.UsageRight) {
		if right == nil || l.cameAlong(right) {
			next(right)
			return
		}
		l.AssigneeByErrorID.Plan(e.ID, func(assignee *licensing.Reference) { next(heldBy(assignee, right)) })
	})
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

// LicenseStatesOfErrors returns in which ways the product of each error is assigned to its assignee: nil when that is no
// person, or is gone.
func (l *Loaders) LicenseStatesOfErrors(errs []*licensing.AssignmentError) ([][]*licensing.LicenseAssignmentState, []error) {
	assignees, failures := EachOf(l.AssigneeByErrorID, errs, (*licensing.AssignmentError).ObjectID)
	thunks := make([]Thunk[[]*licensing.LicenseAssignmentState], len(errs))
	l.Together(func() {
		for i, assignee := range assignees {
			if failures[i] != nil || !isUser(assignee) {
				thunks[i] = func() ([]*licensing.LicenseAssignmentState, error) { return nil, failures[i] }
				continue
			}
			thunks[i] = l.LicenseStatesByUserID.Load(assignee.Object.ObjectID())
		}
	})
	states, failures := Wait(thunks)
	for i, e := range errs {
		states[i] = StatesOf(e, states[i])
		if errors.Is(failures[i], licensing.ErrNotFound) {
			failures[i] = nil
		}
	}
	return states, failures
}

func isUser(ref *licensing.Reference) bool {
	if ref == nil {
		return false
	}
	_, ok := ref.Object.(*licensing.User)
	return ok
}

// PlanLicenseStates loads the states of an error that will be asked for, and plans with next what follows.
func (l *Loaders) PlanLicenseStates(e *licensing.AssignmentError, next func([]*licensing.LicenseAssignmentState)) {
	l.AssigneeByErrorID.Plan(e.ID, func(ref *licensing.Reference) {
		if isUser(ref) {
			l.LicenseStatesByUserID.Plan(ref.Object.ObjectID(), func(states []*licensing.LicenseAssignmentState) { next(StatesOf(e, states)) })
		}
	})
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
