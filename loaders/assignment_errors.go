package loaders

import (
	"context"
	"slices"

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
		withoutAssignee := slices.DeleteFunc(l.related(), func(relation string) bool { return relation == "assignedTo" })
		b.AssignmentErrorsOfUsers(ids, l.properties("AssignmentError"), withoutAssignee, func(id string, errs []*licensing.AssignmentError, err error) {
			for _, e := range errs {
				e.Related.HasAssignedTo = true
				e.Related.AssignedTo = &licensing.Reference{Object: &licensing.User{ID: id}, Properties: set([]string{"id"})}
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

// AssignmentErrors returns a page of the tenant's assignment errors.
func (l *Loaders) AssignmentErrors(ctx context.Context, q licensing.ListQuery) (licensing.Page[*licensing.AssignmentError], error) {
	q.Expand = l.related()
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
	holders, unknown := Each(l.AssigneeByErrorID, ids)
	for n, i := range held {
		if unknown[n] == nil && holders[n] != nil {
			right, id := *rights[i], holders[n].Object.ObjectID()
			right.HolderID = &id
			rights[i] = &right
		}
	}
	return rights, failures
}
