package loaders

import (
	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

func (l *Loaders) addWaitingMembers() {
	l.WaitingMembersByQuery = newLoader(l, msgraph.ListWaitingMembers, func(q upstream.Query, page upstream.Page[*licensing.WaitingMember]) {
		for _, w := range page.Items {
			w.Related.Allotment, w.Related.HasAllotment = onlyID(q.Of), true
		}
	})
	l.WaitingMembersByUserID = newLoader(l, msgraph.WaitingMembersOfUsers, func(id string, members []*licensing.WaitingMember) {
		waits(&licensing.User{ID: id}, members)
	})
	l.WaitingMembersByDeviceID = newLoader(l, msgraph.WaitingMembersOfDevices, func(id string, members []*licensing.WaitingMember) {
		waits(&licensing.Device{ID: id}, members)
	})
}

// waits says of places in queues who waits there.
func waits(who licensing.DirectoryObject, members []*licensing.WaitingMember) {
	for _, w := range members {
		w.Related.AssignedTo, w.Related.HasAssignedTo = &licensing.Reference{Object: who, Properties: set([]string{"id"}), Bare: true}, true
	}
}

// AllotmentOfWaitingMember returns the allotment that somebody waits for, with all properties that the operation requires;
// nil when nobody said which it is.
func (l *Loaders) AllotmentOfWaitingMember(w *licensing.WaitingMember) (*licensing.Allotment, error) {
	return l.allotmentOf(&w.Related)
}

// AssigneeOfWaitingMember returns who waits, with all properties that the operation requires.
func (l *Loaders) AssigneeOfWaitingMember(w *licensing.WaitingMember) (licensing.DirectoryObject, error) {
	return l.assigneeOf(&w.Related)
}
