package graph

import (
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// allAssignments is the list of everything that is assigned in the tenant.
func (p plan) allAssignments() list[*licensing.Assignment, *licensing.Assignment] {
	return list[*licensing.Assignment, *licensing.Assignment]{
		name: listName("assignments"), most: maxLicensing, mostUpstream: licensingAtOnce, typeName: "Assignment",
		loader: p.AssignmentsByQuery, whole: asSent[*licensing.Assignment], plan: p.assignment,
	}
}

// findAssignment returns one assignment by its id.
func (p plan) findAssignment(s selection, id string) loaders.Thunk[*licensing.Assignment] {
	if err := opaqueID(id); err != nil {
		return failing[*licensing.Assignment](err)
	}
	p.ahead(s)
	return unlessRefused(p.AssignmentByID.Plan(id, p.assignment(s)))
}
