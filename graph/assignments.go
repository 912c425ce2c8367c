package graph

import (
	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
)

// assignments returns a page of everything that is assigned in the tenant.
func (f *field) assignments() (*model.AssignmentConnection, error) {
	return rootPage(f, f.allAssignments())
}

func (f *field) allAssignments() list[*licensing.Assignment, *licensing.Assignment] {
	return list[*licensing.Assignment, *licensing.Assignment]{
		name: listName("assignments"), most: maxLicensing, mostUpstream: licensingAtOnce, typeName: "Assignment",
		loader: f.AssignmentsByQuery, whole: asSent[*licensing.Assignment],
	}
}

// assignment returns one assignment by its id.
func (f *field) assignment() (*licensing.Assignment, error) {
	return f.findAssignment(arg[string](f, "id"))
}

func (f *field) findAssignment(id string) (*licensing.Assignment, error) {
	if err := opaqueID(id); err != nil {
		return nil, err
	}
	f.prefetchLists()
	return unlessRefused(f.AssignmentByID.Get(id))
}

func (f *field) allotmentOfAssignment(a *licensing.Assignment) (*licensing.Allotment, error) {
	return existing(f.AllotmentOfAssignment(a))
}

func (f *field) assigneeOfAssignment(a *licensing.Assignment) (licensing.DirectoryObject, error) {
	return existing(f.AssigneeOfAssignment(a))
}

func (f *field) allotmentOfWaitingMember(w *licensing.WaitingMember) (*licensing.Allotment, error) {
	return existing(f.AllotmentOfWaitingMember(w))
}

func (f *field) assigneeOfWaitingMember(w *licensing.WaitingMember) (licensing.DirectoryObject, error) {
	return existing(f.AssigneeOfWaitingMember(w))
}
