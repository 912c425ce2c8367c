package loaders

import (
	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

func (l *Loaders) addWaitingMembers() {
	l.WaitingMembersByQuery = newLoader(l, msgraph.ListWaitingMembers, func(q upstream.Query, page upstream.Page[*licensing.WaitingMember]) {
		for _, w := range page.Items {
			w.Related.Allotment, w.Related.HasAllotment = bareAllotment(q.Of), true
		}
	})
	l.WaitingMembersByUserID = newLoader(l, msgraph.WaitingMembersOfUsers, func(id string, members []*licensing.WaitingMember) {
		setAssignee(&licensing.User{ID: id}, members)
	})
	l.WaitingMembersByDeviceID = newLoader(l, msgraph.WaitingMembersOfDevices, func(id string, members []*licensing.WaitingMember) {
		setAssignee(&licensing.Device{ID: id}, members)
	})
}

// setAssignee sets the assignee of waiting members.
func setAssignee(who licensing.DirectoryObject, members []*licensing.WaitingMember) {
	for _, w := range members {
		w.Related.AssignedTo, w.Related.HasAssignedTo = bareReference(who), true
	}
}

// AllotmentOfWaitingMember returns the allotment that a member waits for, with all required properties; nil if
// unknown.
func (l *Loaders) AllotmentOfWaitingMember(w *licensing.WaitingMember) (*licensing.Allotment, error) {
	return l.allotmentOf(&w.Related)
}

// AssigneeOfWaitingMember returns the waiting user or device, with all required properties.
func (l *Loaders) AssigneeOfWaitingMember(w *licensing.WaitingMember) (licensing.DirectoryObject, error) {
	return l.assigneeOf(&w.Related)
}
