package loaders

import "licensegraph/internal/licensing"

func (l *Loaders) addWaitingMembers() {
	l.WaitingMembersByQuery = newLoader(l, func(b Batch, queries []licensing.ListQuery, found func(licensing.ListQuery, licensing.Page[*licensing.WaitingMember], error)) {
		for _, q := range queries {
			b.ListWaitingMembers(q, l.relatedOf("WaitingMember", true, false), func(page licensing.Page[*licensing.WaitingMember], err error) {
				for _, w := range page.Items {
					w.Related.Allotment, w.Related.HasAllotment = onlyID(q.Of), true
				}
				found(q, page, err)
			})
		}
	})
	l.WaitingMembersByUserID = newLoader(l, func(b Batch, ids []string, found func(string, []*licensing.WaitingMember, error)) {
		b.WaitingMembersOfUsers(ids, l.relatedOf("WaitingMember", false, true), func(id string, members []*licensing.WaitingMember, err error) {
			waits(&licensing.User{ID: id}, members)
			found(id, members, err)
		})
	})
	l.WaitingMembersByDeviceID = newLoader(l, func(b Batch, ids []string, found func(string, []*licensing.WaitingMember, error)) {
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

// AllotmentOfWaitingMember returns the allotment that somebody waits for, with all properties that the operation needs;
// nil when nobody said which it is.
func (l *Loaders) AllotmentOfWaitingMember(w *licensing.WaitingMember) (*licensing.Allotment, error) {
	return l.allotmentOf(&w.Related)
}

// AssigneeOfWaitingMember returns who waits, with all properties that the operation needs.
func (l *Loaders) AssigneeOfWaitingMember(w *licensing.WaitingMember) (licensing.DirectoryObject, error) {
	return l.assigneeOf(&w.Related)
}
