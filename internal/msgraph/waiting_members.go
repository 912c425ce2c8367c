package msgraph

import (
	"maps"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	waitingMembersOfAllotmentEndpoint = "GET /admin/cloudLicensing/allotments/{id}/waitingMembers"
	waitingMemberOfAllotmentEndpoint  = "GET /admin/cloudLicensing/allotments/{id}/waitingMembers/{id}"
)

func init() {
	maps.Copy(permissions, map[string]string{
		waitingMembersOfAllotmentEndpoint:                              "CloudLicensing.Read.All",
		waitingMemberOfAllotmentEndpoint:                               "CloudLicensing.Read.All",
		"GET /users/{id}/cloudLicensing/waitingMembers":                "CloudLicensing.Read.All",
		"GET /users/{id}/cloudLicensing/waitingMembers/{id}/allotment": "User-CloudLicensing.Read.All",
		"GET /devices/{id}/cloudLicensing/waitingMembers":              "Device-CloudLicensing.Read.All",
	})
}

// ListWaitingMembers reads a page of the waiting members of an allotment. Permission: CloudLicensing.Read.All.
var ListWaitingMembers = licensingList(waitingMembersOfAllotmentEndpoint, paged("waiting members of an allotment", "WaitingMember", []string{"assignedTo"}, licensingPage, (*Batch).listWaitingMembers))

func (b *Batch) listWaitingMembers(q upstream.Query, selection upstream.Selection, found func(upstream.Page[*licensing.WaitingMember], error)) {
	path := below(allotmentsPath, q.Of, "waitingMembers")
	relationReads := relationReads{
		known: licensing.AssignmentRelated{Allotment: allotmentOf(q.Of), HasAllotment: true},
		assignedTo: func(id string) *read {
			return get(waitingMemberOfAllotmentEndpoint, at(below(path, id), "$expand", "assignedTo"))
		},
		assignee: assigneeWhoWaits,
	}
	r := b.operation.expandingPage(waitingMembersOfAllotmentEndpoint, selection.Relations, q.Top, func(expand, top string) string {
		return at(path, "$expand", expand, "$top", top)
	})
	page(b, q, r, waitingMemberType.Read, func(p upstream.Page[*licensing.WaitingMember], err error) {
		complete(b, p.Items, err, selection.Relations, relationReads.waitingMember, func(items []*licensing.WaitingMember, err error) {
			p.Items = items
			found(p, err)
		})
	})
}

// WaitingMembersOfUsers reads the waiting memberships of users. Permission: CloudLicensing.Read.All.
var WaitingMembersOfUsers = keyed("waiting members of users", "WaitingMember", []string{"allotment"}, apiece, (*Batch).waitingMembersOfUsers)

func (b *Batch) waitingMembersOfUsers(ids []string, selection upstream.Selection, found func(id string, members []*licensing.WaitingMember, err error)) {
	for _, id := range ids {
		path := ofUsers.below(id, "waitingMembers")
		b.waitingMembersOf(ofUsers, id, selection.Relations, func(place string) *read {
			return get(ofUsers.endpoint("waitingMembers/{id}/allotment"), below(path, place, "allotment"))
		}, found)
	}
}

// waitingMembersOf adds a read of the waiting memberships of a user or device. Pages of the reference disagree on
// $expand, and none documents $top. allotment returns the read of a member's allotment; nil if there is none.
func (b *Batch) waitingMembersOf(h holders, id string, expand []string, allotment func(place string) *read, found func(string, []*licensing.WaitingMember, error)) {
	relationReads := relationReads{
		known:     licensing.AssignmentRelated{AssignedTo: h.reference(id), HasAssignedTo: true},
		allotment: allotment,
		list:      h.endpoint("waitingMembers"),
	}
	r := b.operation.expanding(h.endpoint("waitingMembers"), expand, func(expand string) string {
		return at(h.below(id, "waitingMembers"), "$expand", expand)
	})
	b.operation.optional(h, r)
	b.add(all(r, waitingMemberType.Read, func(members []*licensing.WaitingMember, err error) {
		complete(b, members, err, expand, relationReads.waitingMember, func(members []*licensing.WaitingMember, err error) { found(id, members, err) })
	}))
}

// waitingMemberType reads waiting members and their expanded relations.
var waitingMemberType = decode.TypeOf(assignmentRelations(func(w *licensing.WaitingMember) *licensing.AssignmentRelated { return &w.Related })...)

// assigneeWhoWaits reads the assignee of a waiting member.
func assigneeWhoWaits(d *decode.Decoder) (*licensing.Reference, error) {
	w, err := waitingMemberType.Read(d)
	if err == nil && !w.Related.HasAssignedTo {
		err = errNotExpanded
	}
	if err != nil {
		return nil, err
	}
	return w.Related.AssignedTo, nil
}
