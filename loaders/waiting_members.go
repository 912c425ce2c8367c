package loaders

import "licensegraph/internal/licensing"

func (l *Loaders) addWaitingMembers(s *scheduler) {
	l.WaitingMembersByQuery = newLoader(s, func(b Batch, queries []licensing.ListQuery, found func(licensing.ListQuery, licensing.Page[*licensing.WaitingMember], error)) {
		for _, q := range queries {
			b.ListWaitingMembers(q, l.relatedOf("WaitingMember", true, false), func(page licensing.Page[*licensing.WaitingMember], err error) {
				for _, w := range page.Items {
					w.Related.Allotment, w.Related.HasAllotment = onlyID(q.Of), true
				}
				found(q, page, err)
			})
		}
	})
	l.WaitingMembersByUserID = newLoader(s, func(b Batch, ids []string, found func(string, []*licensing.WaitingMember, error)) {
		b.WaitingMembersOfUsers(ids, l.relatedOf("WaitingMember", false, true), func(id string, members []*licensing.WaitingMember, err error) {
			waits(&licensing.User{ID: id}, members)
			found(id, members, err)
		})
	})
	l.WaitingMembersByDeviceID = newLoader(s, func(b Batch, ids []string, found func(string, []*licensing.WaitingMember, error)) {
		b.WaitingMembersOfDevices(ids, l.relatedOf("WaitingMember", false, true), func(id string, members []*licensing.WaitingMember, err error) {
			waits(&licensing.Device{ID: id}, members)
			found(id, members, err)
		})
	})
}

// waits says of places in queues who waits there.
func waits(who licensing.DirectoryObject, members []*licensing.WaitingMember) {
	for _, w := range members {
		w.Related.AssignedTo, w.Related.HasAssignedTo = &licensing.Reference{Object: who, Properties: set([]string{"id"}), Bare: true}, true
	}
}

// AllotmentsOfWaitingMembers returns the allotment that each waits for with all properties that the operation needs;
// nil when nobody said which it is.
func (l *Loaders) AllotmentsOfWaitingMembers(members []*licensing.WaitingMember) ([]*licensing.Allotment, []error) {
	return l.wholeAllotments(allotmentsOf(relatedOf(members), make([]error, len(members))))
}

// WaitingAssignees returns who waits, with all properties that the operation needs.
func (l *Loaders) WaitingAssignees(members []*licensing.WaitingMember) ([]licensing.DirectoryObject, []error) {
	return l.complete(assigneesOf(relatedOf(members), make([]error, len(members))))
}

func relatedOf(members []*licensing.WaitingMember) []*licensing.AssignmentRelated {
	related := make([]*licensing.AssignmentRelated, len(members))
	for i, w := range members {
		related[i] = &w.Related
	}
	return related
}

// PlanWaitingMember loads the allotment and the assignee of a place that will be asked for, and plans what follows.
func (l *Loaders) PlanWaitingMember(w *licensing.WaitingMember, ofAllotment func(*licensing.Allotment), ofAssignee func(licensing.DirectoryObject)) {
	l.planRelated(&w.Related, ofAllotment, ofAssignee)
}
