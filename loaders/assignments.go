package loaders

import (
	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

func (l *Loaders) addAssignments() {
	l.AssignmentsByQuery = newLoader(l, msgraph.ListAssignments, func(_ upstream.Query, page upstream.Page[*licensing.Assignment]) {
		for _, a := range page.Items {
			l.primeAssignment(a)
		}
	})
	l.AssignmentsOfAllotmentByQuery = newLoader(l, msgraph.ListAssignmentsOfAllotment, func(q upstream.Query, page upstream.Page[*licensing.Assignment]) {
		for _, a := range page.Items {
			a.Related.Allotment, a.Related.HasAllotment = bareAllotment(q.Of), true
			l.primeAssignment(a)
		}
	})
	l.AssignmentsByUserID = newLoader(l, msgraph.AssignmentsOfUsers, func(id string, assignments []*licensing.Assignment) {
		l.primeAssignmentsOf(&licensing.User{ID: id}, assignments)
	})
	l.AssignmentsByGroupID = newLoader(l, msgraph.AssignmentsOfGroups, func(id string, assignments []*licensing.Assignment) {
		l.primeAssignmentsOf(&licensing.Group{ID: id}, assignments)
	})
	l.AssignmentByID = newLoader(l, msgraph.AssignmentsByID, func(id string, a *licensing.Assignment) {
		l.RelatedByAssignmentID.Prime(id, &a.Related)
	})
	l.RelatedByAssignmentID = newLoaderOf(l, func(b upstream.Batch, ids []string, found func(string, *licensing.AssignmentRelated, error)) {
		add(l, msgraph.AssignmentsByID, b, ids, func(id string, a *licensing.Assignment, err error) {
			if err != nil {
				found(id, nil, err)
				return
			}
			l.AssignmentByID.Prime(id, a)
			found(id, &a.Related, nil)
		})
	})
}

// bareAllotment returns an allotment with its ID only.
func bareAllotment(id string) *upstream.Partial[*licensing.Allotment] {
	return &upstream.Partial[*licensing.Allotment]{Object: &licensing.Allotment{ID: id}, Properties: idOnly, IDOnly: true}
}

func (l *Loaders) primeAssignmentsOf(assignee licensing.DirectoryObject, assignments []*licensing.Assignment) {
	for _, a := range assignments {
		a.Related.AssignedTo, a.Related.HasAssignedTo = bareReference(assignee), true
		l.primeAssignment(a)
	}
}

// PrimeAssignment caches an assignment and its known relations.
func (l *Loaders) PrimeAssignment(a *licensing.Assignment) {
	l.AssignmentByID.Prime(a.ID, a)
	l.primeAssignment(a)
}

// primeAssignment caches the relations of an assignment if all required ones are known.
func (l *Loaders) primeAssignment(a *licensing.Assignment) {
	if (a.Related.HasAllotment || a.Related.AllotmentErr != nil || !l.requires("Assignment", "allotment")) && (a.Related.HasAssignedTo || a.Related.AssignedToErr != nil || !l.requires("Assignment", "assignedTo")) {
		l.RelatedByAssignmentID.Prime(a.ID, &a.Related)
	}
}

// AllotmentOfAssignment returns the allotment of an assignment with all required properties; nil if unknown.
func (l *Loaders) AllotmentOfAssignment(a *licensing.Assignment) (*licensing.Allotment, error) {
	related, err := l.RelatedByAssignmentID.Get(a.ID)
	if err != nil {
		return nil, err
	}
	return l.allotmentOf(related)
}

// AssigneeOfAssignment returns the assignee of an assignment with all required properties.
func (l *Loaders) AssigneeOfAssignment(a *licensing.Assignment) (licensing.DirectoryObject, error) {
	related, err := l.RelatedByAssignmentID.Get(a.ID)
	if err != nil {
		return nil, err
	}
	return l.assigneeOf(related)
}

func (l *Loaders) allotmentOf(related *licensing.AssignmentRelated) (*licensing.Allotment, error) {
	if related.AllotmentErr != nil {
		return nil, related.AllotmentErr
	}
	return l.CompleteAllotment(related.Allotment)
}

func (l *Loaders) assigneeOf(related *licensing.AssignmentRelated) (licensing.DirectoryObject, error) {
	if related.AssignedToErr != nil {
		return nil, related.AssignedToErr
	}
	return l.Complete(related.AssignedTo)
}
