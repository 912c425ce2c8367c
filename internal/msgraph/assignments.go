package msgraph

import (
	"maps"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	assignmentsEndpoint            = "GET /admin/cloudLicensing/assignments"
	assignmentEndpoint             = "GET /admin/cloudLicensing/assignments/{id}"
	allotmentOfAssignmentEndpoint  = "GET /admin/cloudLicensing/assignments/{id}/allotment"
	assigneeOfAssignmentEndpoint   = "GET /admin/cloudLicensing/assignments/{id}/assignedTo"
	assignmentsOfAllotmentEndpoint = "GET /admin/cloudLicensing/allotments/{id}/assignments"

	assignmentsPath = "/admin/cloudLicensing/assignments"
)

func init() {
	maps.Copy(permissions, map[string]string{
		assignmentsEndpoint:                                          "CloudLicensing.Read.All",
		assignmentEndpoint:                                           "CloudLicensing.Read.All",
		assigneeOfAssignmentEndpoint:                                 "CloudLicensing.Read.All",
		allotmentOfAssignmentEndpoint:                                "CloudLicensing.Read.All",
		assignmentsOfAllotmentEndpoint:                               "CloudLicensing.Read.All",
		"GET /users/{id}/cloudLicensing/assignments":                 "CloudLicensing.Read.All",
		"GET /groups/{id}/cloudLicensing/assignments":                "CloudLicensing.Read.All",
		"GET /users/{id}/cloudLicensing/assignments/{id}/allotment":  "User-CloudLicensing.Read.All",
		"GET /groups/{id}/cloudLicensing/assignments/{id}/allotment": "Group-CloudLicensing.Read.All",
	})
}

// ListAssignments reads a page of the assignments of the tenant. Permission: CloudLicensing.Read.All.
var ListAssignments = licensingList(assignmentsEndpoint, paged("assignments", "Assignment", ofAssignment, licensingPage, (*Batch).listAssignments))

// ListAssignmentsOfAllotment reads a page of the assignments of an allotment. Permission: CloudLicensing.Read.All.
var ListAssignmentsOfAllotment = licensingList(assignmentsOfAllotmentEndpoint, paged("assignments of an allotment", "Assignment", []string{"assignedTo"}, licensingPage, (*Batch).listAssignments))

func (b *Batch) listAssignments(q upstream.Query, selection upstream.Selection, found func(upstream.Page[*licensing.Assignment], error)) {
	endpoint, path, relationReads := assignmentsEndpoint, assignmentsPath, assignmentRelationReads
	if q.Of != "" {
		endpoint, path = assignmentsOfAllotmentEndpoint, below(allotmentsPath, q.Of, "assignments")
		relationReads.known = licensing.AssignmentRelated{Allotment: allotmentOf(q.Of), HasAllotment: true}
	}
	r := b.operation.expandingPage(endpoint, selection.Relations, q.Top, func(expand, top string) string {
		return at(path, "$expand", expand, "$top", top)
	})
	page(b, q, r, assignmentType.Read, func(p upstream.Page[*licensing.Assignment], err error) {
		complete(b, p.Items, err, selection.Relations, relationReads.assignment, func(items []*licensing.Assignment, err error) {
			p.Items = items
			found(p, err)
		})
	})
}

// AssignmentsByID reads assignments. Permission: CloudLicensing.Read.All.
var AssignmentsByID = keyed("assignments by ID", "Assignment", ofAssignment, apiece, (*Batch).assignmentsByID)

func (b *Batch) assignmentsByID(ids []string, selection upstream.Selection, found func(id string, assignment *licensing.Assignment, err error)) {
	for _, id := range ids {
		r := b.operation.expanding(assignmentEndpoint, selection.Relations, func(expand string) string {
			return at(below(assignmentsPath, id), "$expand", expand)
		})
		b.add(entity(r, assignmentType.Read, func(a *licensing.Assignment, err error) {
			if err != nil {
				found(id, nil, err)
				return
			}
			complete(b, []*licensing.Assignment{a}, nil, selection.Relations, assignmentRelationReads.assignment, func([]*licensing.Assignment, error) { found(id, a, nil) })
		}))
	}
}

// AssignmentsOfUsers reads the direct assignments of users. Permission: CloudLicensing.Read.All.
var AssignmentsOfUsers = keyed("assignments of users", "Assignment", []string{"allotment"}, apiece, (*Batch).assignmentsOfUsers)

func (b *Batch) assignmentsOfUsers(ids []string, selection upstream.Selection, found func(id string, assignments []*licensing.Assignment, err error)) {
	b.assignmentsOf(ofUsers, ids, selection.Relations, found)
}

// AssignmentsOfGroups reads the assignments of groups. Permission: CloudLicensing.Read.All.
var AssignmentsOfGroups = keyed("assignments of groups", "Assignment", []string{"allotment"}, apiece, (*Batch).assignmentsOfGroups)

func (b *Batch) assignmentsOfGroups(ids []string, selection upstream.Selection, found func(id string, assignments []*licensing.Assignment, err error)) {
	b.assignmentsOf(ofGroups, ids, selection.Relations, found)
}

func (b *Batch) assignmentsOf(h holders, ids, expand []string, found func(string, []*licensing.Assignment, error)) {
	for _, id := range ids {
		path := h.below(id, "assignments")
		r := b.operation.expanding(h.endpoint("assignments"), expand, func(expand string) string {
			return at(path, "$expand", expand)
		})
		relationReads := relationReads{
			known: licensing.AssignmentRelated{AssignedTo: h.reference(id), HasAssignedTo: true},
			allotment: func(id string) *read {
				return get(h.endpoint("assignments/{id}/allotment"), below(path, id, "allotment"))
			},
		}
		b.add(all(r, assignmentType.Read, func(assignments []*licensing.Assignment, err error) {
			complete(b, assignments, err, expand, relationReads.assignment, func(assignments []*licensing.Assignment, err error) { found(id, assignments, err) })
		}))
	}
}

// assignmentType reads assignments and their expanded relations.
var assignmentType = decode.TypeOf(assignmentRelations(func(a *licensing.Assignment) *licensing.AssignmentRelated { return &a.Related })...)

// assignmentRelations are the relations of an assignment or a waiting member. A relation that cannot be read is read
// separately.
func assignmentRelations[T any](of func(*T) *licensing.AssignmentRelated) []decode.Relation[T] {
	return []decode.Relation[T]{
		{Name: "allotment", Read: func(d *decode.Decoder, object *T) bool {
			related := of(object)
			related.Allotment, related.HasAllotment = expanded(d, allotmentType.ReadPartial)
			return related.HasAllotment
		}, Drop: func(object *T) { of(object).Allotment, of(object).HasAllotment = nil, false }},
		{Name: "assignedTo", Read: func(d *decode.Decoder, object *T) bool {
			related := of(object)
			related.AssignedTo, related.HasAssignedTo = expanded(d, reference(""))
			return related.HasAssignedTo
		}, Drop: func(object *T) { of(object).AssignedTo, of(object).HasAssignedTo = nil, false }},
	}
}

// expanded reads an expanded relation, null or not; false if it cannot be read.
func expanded[T any](d *decode.Decoder, read func(*decode.Decoder) (*T, error)) (related *T, ok bool) {
	related, err := orNull(read)(d)
	return related, err == nil
}

// relationReads are the reads of relations that were not expanded for an assignment or a waiting member.
type relationReads struct {
	// known are the relations that all elements of the list share.
	known licensing.AssignmentRelated
	// allotment and assignedTo return the read of the relation of the object with the ID; nil if there is none.
	allotment, assignedTo func(id string) *read
	// list is the endpoint of the list, for the error of a relation without a read.
	list string
	// assignee reads the response of assignedTo; nil means a directory object.
	assignee func(*decode.Decoder) (*licensing.Reference, error)
}

// assignmentRelationReads are the relation reads of the tenant's assignments.
var assignmentRelationReads = relationReads{
	allotment: func(id string) *read {
		return get(allotmentOfAssignmentEndpoint, below(assignmentsPath, id, "allotment"))
	},
	assignedTo: func(id string) *read {
		return get(assigneeOfAssignmentEndpoint, below(assignmentsPath, id, "assignedTo"))
	},
}

func (p relationReads) assignment(a *licensing.Assignment, relation string, filled func()) *read {
	return p.related(&a.Related, a.ID, relation, filled)
}

func (p relationReads) waitingMember(w *licensing.WaitingMember, relation string, filled func()) *read {
	return p.related(&w.Related, w.ID, relation, filled)
}

// related sets a relation from known, or returns its read; nil if there is none. See [complete].
func (p relationReads) related(related *licensing.AssignmentRelated, id, relation string, filled func()) *read {
	switch {
	case relation == "allotment" && !related.HasAllotment:
		if related.Allotment, related.HasAllotment = p.known.Allotment, p.known.HasAllotment; related.HasAllotment {
			return nil
		}
		if p.allotment == nil {
			related.AllotmentErr = notOffered(p.list)
			return nil
		}
		return relationRead(p.allotment(id), allotmentType.ReadPartial, func(allotment *upstream.Partial[*licensing.Allotment], err error) {
			related.Allotment, related.HasAllotment, related.AllotmentErr = allotment, err == nil, err
		}, filled)
	case relation == "assignedTo" && !related.HasAssignedTo:
		if related.AssignedTo, related.HasAssignedTo = p.known.AssignedTo, p.known.HasAssignedTo; related.HasAssignedTo {
			return nil
		}
		if p.assignedTo == nil {
			related.AssignedToErr = notOffered(p.list)
			return nil
		}
		assignee := p.assignee
		if assignee == nil {
			assignee = reference("")
		}
		return relationRead(p.assignedTo(id), assignee, func(ref *licensing.Reference, err error) {
			related.AssignedTo, related.HasAssignedTo, related.AssignedToErr = ref, err == nil, err
		}, filled)
	}
	return nil
}
