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
		w.Related.AssignedTo, w.Related.HasAssignedTo = &licensing.Reference{Object: who, Properties: set([]string{"id"})}, true
	}
}

// AllotmentsOfWaitingMembers returns the allotment that each waits for with all properties that the operation needs.
func (l *Loaders) AllotmentsOfWaitingMembers(members []*licensing.WaitingMember) ([]*licensing.Allotment, []error) {
	thunks := make([]Thunk[*licensing.Allotment], len(members))
	l.Together(func() {
		for i, w := range members {
			if w.Related.HasAllotment {
				thunks[i] = l.wholeAllotment(w.Related.Allotment)
			} else {
				thunks[i] = l.AllotmentByWaitingMember.Load(waitingMemberKey(w))
			}
		}
	})
	return Wait(thunks)
}

// WaitingAssignees returns who waits, with all properties that the operation needs.
func (l *Loaders) WaitingAssignees(members []*licensing.WaitingMember) ([]licensing.DirectoryObject, []error) {
	refs := make([]*licensing.Reference, len(members))
	for i, w := range members {
		refs[i] = w.Related.AssignedTo
	}
	return l.complete(refs, make([]error, len(members)))
}

// PlanWaitingMember loads the allotment and the assignee of a place that will be asked for, and plans what follows.
func (l *Loaders) PlanWaitingMember(w *licensing.WaitingMember, ofAllotment func(*licensing.Allotment), ofAssignee func(licensing.DirectoryObject)) {
	if ofAllotment != nil && !w.Related.HasAllotment {
		l.AllotmentByWaitingMember.Plan(waitingMemberKey(w), ofAllotment)
		ofAllotment = nil
	}
	l.planRelated(&w.Related, ofAllotment, ofAssignee)
}

// waitingMemberKey returns where a place can be read whose allotment did not come along: only those of users can.
func waitingMemberKey(w *licensing.WaitingMember) licensing.WaitingMemberKey {
	key := licensing.WaitingMemberKey{ID: w.ID}
	if w.Related.AssignedTo != nil {
		key.UserID = w.Related.AssignedTo.Object.ObjectID()
	}
	return key
}
