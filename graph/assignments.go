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
		name: listName("assignments"), maxFirst: maxLicensing, maxTop: licensingAtOnce, typeName: "Assignment",
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

func (f *field) allotmentOfAssignment(a *licensing.Assignment) (*licensing.Allotment, error) {
	return ignoreNotFound(f.AllotmentOfAssignment(a))
}

func (f *field) assigneeOfAssignment(a *licensing.Assignment) (licensing.DirectoryObject, error) {
	return ignoreNotFound(f.AssigneeOfAssignment(a))
}

func (f *field) allotmentOfWaitingMember(w *licensing.WaitingMember) (*licensing.Allotment, error) {
	return ignoreNotFound(f.AllotmentOfWaitingMember(w))
}

func (f *field) assigneeOfWaitingMember(w *licensing.WaitingMember) (licensing.DirectoryObject, error) {
	return ignoreNotFound(f.AssigneeOfWaitingMember(w))
}
