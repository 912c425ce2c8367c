package msgraph

import (
	"encoding/json"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	waitingMembersOfAllotmentEndpoint = "GET /admin/cloudLicensing/allotments/{id}/waitingMembers"
	waitingMemberOfAllotmentEndpoint  = "GET /admin/cloudLicensing/allotments/{id}/waitingMembers/{id}"
)

// listWaitingMembers adds the read of a page of those who wait for a unit of an allotment. Needs
// CloudLicensing.Read.All.
func (b *Batch) listWaitingMembers(q upstream.Query, ask upstream.Ask, found func(upstream.Page[*licensing.WaitingMember], error)) {
	path := below(allotmentsPath, q.Of, "waitingMembers")
	apart := apart{
		known: licensing.AssignmentRelated{Allotment: allotmentOf(q.Of), HasAllotment: true},
		assignedTo: func(id string) *read {
			return get(waitingMemberOfAllotmentEndpoint, at(below(path, id), "$expand", "assignedTo"))
		},
		assignee: assigneeWhoWaits,
	}
	r := b.operation.expanding(waitingMembersOfAllotmentEndpoint, ask.Relations, func(expand string) string {
		return at(path, "$expand", expand, "$top", atMost(q.Top, maxCloudLicensingTop))
	})
	page(b, q, r, waitingMember, func(p upstream.Page[*licensing.WaitingMember], err error) {
		complete(b, p.Items, err, ask.Relations, apart.waitingMember, func(items []*licensing.WaitingMember, err error) {
			p.Items = items
			found(p, err)
		})
	})
}

// waitingMembersOfUsers adds reads of what users wait for. Needs CloudLicensing.Read.All.
func (b *Batch) waitingMembersOfUsers(ids []string, ask upstream.Ask, found func(id string, members []*licensing.WaitingMember, err error)) {
	for _, id := range ids {
		path := ofUsers.below(id, "waitingMembers")
		b.waitingMembersOf(ofUsers, id, ask.Relations, func(place string) *read {
			return get(ofUsers.endpoint("waitingMembers/{id}/allotment"), below(path, place, "allotment"))
		}, found)
	}
}

// waitingMembersOf adds a read of what a holder waits for. Pages of the reference disagree whether relations can be
// sent along, and none allows a page size. The function allotment reads that of a place; nil when there is no way.
func (b *Batch) waitingMembersOf(h holders, id string, expand []string, allotment func(place string) *read, found func(string, []*licensing.WaitingMember, error)) {
	apart := apart{
		known:     licensing.AssignmentRelated{AssignedTo: h.reference(id), HasAssignedTo: true},
		allotment: allotment,
		list:      h.endpoint("waitingMembers"),
	}
	r := b.operation.expanding(h.endpoint("waitingMembers"), expand, func(expand string) string {
		return at(h.below(id, "waitingMembers"), "$expand", expand)
	})
	b.operation.optional(h, r)
	b.add(all(r, waitingMember, func(members []*licensing.WaitingMember, err error) {
		complete(b, members, err, expand, apart.waitingMember, func(members []*licensing.WaitingMember, err error) { found(id, members, err) })
	}))
}

// waitingMember decodes a place in a queue and what came along with it.
func waitingMember(raw json.RawMessage) (*licensing.WaitingMember, error) {
	w, err := decode[licensing.WaitingMember](raw)
	if err != nil {
		return nil, err
	}
	w.Related, err = assignmentRelated(raw)
	return w, err
}

// assigneeWhoWaits decodes who has a place in a queue.
func assigneeWhoWaits(raw json.RawMessage) (*licensing.Reference, error) {
	w, err := waitingMember(raw)
	if err == nil && !w.Related.HasAssignedTo {
		err = errAbsent
	}
	if err != nil {
		return nil, err
	}
	return w.Related.AssignedTo, nil
}
