package loaders

import (
	"context"

	"licensegraph/internal/licensing"
)

func (l *Loaders) addAssignmentErrors(s *scheduler) {
	l.AssignmentErrorByID = newLoader(s, func(b Batch, ids []string, found func(string, *licensing.AssignmentError, error)) {
		b.AssignmentErrors(ids, l.properties("AssignmentError"), l.related(), func(id string, e *licensing.AssignmentError, err error) {
			if err == nil {
				l.holdError(e)
			}
			found(id, e, err)
		})
	})
	l.AssignmentErrorsByUserID = newLoader(s, func(b Batch, ids []string, found func(string, []*licensing.AssignmentError, error)) {
		b.AssignmentErrorsOfUsers(ids, l.properties("AssignmentError"), l.related(), func(id string, errs []*licensing.AssignmentError, err error) {
			for _, e := range errs {
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
	if e.Related.HasUsageRight {
		l.UsageRightByErrorID.Prime(e.ID, e.Related.UsageRight)
	}
}

// AssignmentErrors returns a page of the tenant's assignment errors.
func (l *Loaders) AssignmentErrors(ctx context.Context, q licensing.ListQuery) (licensing.Page[*licensing.AssignmentError], error) {
	q.Properties, q.Expand = l.properties("AssignmentError"), l.related()
	page, err := l.source.AssignmentErrors(ctx, q)
	for _, e := range page.Items {
		l.holdError(e)
	}
	return page, err
}

// AssignedTo returns who should have got the licences, with all properties that the operation needs, in the
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
		if ref := e.Related.AssignedTo; ref != nil && rights[i] != nil {
			held, id := *rights[i], ref.Object.ObjectID()
			held.HolderID = &id
			rights[i] = &held
		}
	}
	return rights, failures
}
