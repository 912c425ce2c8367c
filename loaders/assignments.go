package loaders

import "licensegraph/internal/licensing"

func (l *Loaders) addAssignments(s *scheduler) {
	l.AssignmentsByQuery = newLoader(s, func(b Batch, queries []licensing.ListQuery, found func(licensing.ListQuery, licensing.Page[*licensing.Assignment], error)) {
		for _, q := range queries {
			b.ListAssignments(q, l.relatedOf("Assignment", q.Of != "", false), func(page licensing.Page[*licensing.Assignment], err error) {
				for _, a := range page.Items {
					if q.Of != "" {
						a.Related.Allotment, a.Related.HasAllotment = onlyID(q.Of), true
					}
					l.holdAssignment(a)
				}
				found(q, page, err)
			})
		}
	})
	l.AssignmentsByUserID = newLoader(s, func(b Batch, ids []string, found func(string, []*licensing.Assignment, error)) {
		b.AssignmentsOfUsers(ids, l.relatedOf("Assignment", false, true), func(id string, assignments []*licensing.Assignment, err error) {
			l.holdAssignmentsOf(&licensing.User{ID: id}, assignments)
			found(id, assignments, err)
		})
	})
	l.AssignmentsByGroupID = newLoader(s, func(b Batch, ids []string, found func(string, []*licensing.Assignment, error)) {
		b.AssignmentsOfGroups(ids, l.relatedOf("Assignment", false, true), func(id string, assignments []*licensing.Assignment, err error) {
			l.holdAssignmentsOf(&licensing.Group{ID: id}, assignments)
			found(id, assignments, err)
		})
	})
	l.AssignmentByID = newLoader(s, func(b Batch, ids []string, found func(string, *licensing.Assignment, error)) {
		b.Assignments(ids, l.relatedOf("Assignment", false, false), func(id string, a *licensing.Assignment, err error) {
			if err == nil {
				l.RelatedByAssignmentID.Prime(id, &a.Related)
			}
			found(id, a, err)
		})
	})
	l.RelatedByAssignmentID = newLoader(s, func(b Batch, ids []string, found func(string, *licensing.AssignmentRelated, error)) {
		b.Assignments(ids, l.relatedOf("Assignment", false, false), func(id string, a *licensing.Assignment, err error) {
			if err != nil {
				found(id, nil, err)
				return
			}
			l.AssignmentByID.Prime(id, a)
			found(id, &a.Related, nil)
		})
	})
}

// relatedOf are the relations of an assignment or a waiting member that the operation needs, without those
// that are known already.
func (l *Loaders) relatedOf(typeName string, knowsAllotment, knowsAssignee bool) []string {
	var relations []string
	if !knowsAssignee && l.needs(typeName, "assignedTo") {
		relations = append(relations, "assignedTo")
	}
	if !knowsAllotment && l.needs(typeName, "allotment") {
		relations = append(relations, "allotment")
	}
	return relations
}

// onlyID is an allotment of which nothing but the id is known.
func onlyID(id string) *licensing.Sent[*licensing.Allotment] {
	return &licensing.Sent[*licensing.Allotment]{Object: &licensing.Allotment{ID: id}, Properties: set([]string{"id"}), Bare: true}
}

func (l *Loaders) holdAssignmentsOf(assignee licensing.DirectoryObject, assignments []*licensing.Assignment) {
	for _, a := range assignments {
		a.Related.AssignedTo, a.Related.HasAssignedTo = &licensing.Reference{Object: assignee, Properties: set([]string{"id"}), Bare: true}, true
		l.holdAssignment(a)
	}
}

// HoldAssignment keeps an assignment that is known without a look-up, and what is known of its relations.
func (l *Loaders) HoldAssignment(a *licensing.Assignment) {
	l.AssignmentByID.Prime(a.ID, a)
	l.holdAssignment(a)
}

// holdAssignment keeps what came along with an assignment, if it is everything that the operation needs, so that
// none of it is read again.
func (l *Loaders) holdAssignment(a *licensing.Assignment) {
	if (a.Related.HasAllotment || a.Related.AllotmentErr != nil || !l.needs("Assignment", "allotment")) && (a.Related.HasAssignedTo || a.Related.AssignedToErr != nil || !l.needs("Assignment", "assignedTo")) {
		l.RelatedByAssignmentID.Prime(a.ID, &a.Related)
	}
}

// AllotmentsOfAssignments returns the pool of each assignment with all properties that the operation needs.
func (l *Loaders) AllotmentsOfAssignments(assignments []*licensing.Assignment) ([]*licensing.Allotment, []error) {
	related, errs := EachOf(l.RelatedByAssignmentID, assignments, (*licensing.Assignment).ObjectID)
	return l.wholeAllotments(allotmentsOf(related, errs))
}

// AssigneesOfAssignments returns who has each assignment with all properties that the operation needs.
func (l *Loaders) AssigneesOfAssignments(assignments []*licensing.Assignment) ([]licensing.DirectoryObject, []error) {
	related, errs := EachOf(l.RelatedByAssignmentID, assignments, (*licensing.Assignment).ObjectID)
	return l.complete(assigneesOf(related, errs))
}

// PlanRelated loads the pool and the assignee of an assignment that will be asked for, and plans what follows.
func (l *Loaders) PlanRelated(a *licensing.Assignment, ofAllotment func(*licensing.Allotment), ofAssignee func(licensing.DirectoryObject)) {
	l.RelatedByAssignmentID.Plan(a.ID, func(related *licensing.AssignmentRelated) { l.planRelated(related, ofAllotment, ofAssignee) })
}

func (l *Loaders) planRelated(related *licensing.AssignmentRelated, ofAllotment func(*licensing.Allotment), ofAssignee func(licensing.DirectoryObject)) {
	if ofAllotment != nil {
		l.planWholeAllotment(related.Allotment, ofAllotment)
	}
	if ofAssignee != nil {
		l.planWhole(related.AssignedTo, ofAssignee)
	}
}

// allotmentsOf returns the allotments that came along, each or why it did not.
func allotmentsOf(related []*licensing.AssignmentRelated, errs []error) ([]*licensing.Sent[*licensing.Allotment], []error) {
	allotments := make([]*licensing.Sent[*licensing.Allotment], len(related))
	for i, r := range related {
		if r != nil && errs[i] == nil {
			allotments[i], errs[i] = r.Allotment, r.AllotmentErr
		}
	}
	return allotments, errs
}

// assigneesOf returns the assignees that came along, each or why it did not.
func assigneesOf(related []*licensing.AssignmentRelated, errs []error) ([]*licensing.Reference, []error) {
	assignees := make([]*licensing.Reference, len(related))
	for i, r := range related {
		if r != nil && errs[i] == nil {
			assignees[i], errs[i] = r.AssignedTo, r.AssignedToErr
		}
	}
	return assignees, errs
}
