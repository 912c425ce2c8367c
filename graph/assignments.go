package graph

import (
	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
)

// assignments returns a page of the tenant's assignments.
func (f *field) assignments() (*model.AssignmentConnection, error) {
	return rootPage(f, f.allAssignments())
}

func (f *field) allAssignments() list[*licensing.Assignment, *licensing.Assignment] {
	return list[*licensing.Assignment, *licensing.Assignment]{
		name: listName("assignments"), maxFirst: maxLicensing, typeName: "Assignment",
		loader: f.AssignmentsByQuery, complete: asReturned[*licensing.Assignment],
	}
}

// assignment returns one assignment by its ID.
func (f *field) assignment() (*licensing.Assignment, error) {
	return f.findAssignment(arg[string](f, "id"))
}

func (f *field) findAssignment(id string) (*licensing.Assignment, error) {
	if err := opaqueID(id); err != nil {
		return nil, err
	}
	f.prefetchLists()
	return rejectedAsNotFound(f.AssignmentByID.Get(id))
}
