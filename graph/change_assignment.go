package graph

import (
	"errors"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// forAllotment are the properties of an allotment by which changes are checked.
var forAllotment = []string{"id", "skuId", "skuPartNumber", "allottedUnits", "consumedUnits", "assignableTo", "services", "subscriptions"}

// forAssignment are the properties by which a change of an assignment is checked and read back.
var forAssignment = map[string][]string{
	"User": {"id"}, "Group": {"id"}, "Device": {"id"}, "DirectoryObject": {"id"},
	"Allotment":  forAllotment,
	"Assignment": {"id", "disabledServicePlanIds", "allotment", "assignedTo"},
}

// forReread are the properties by which an assignment is read back.
var forReread = map[string][]string{"Assignment": {"id", "disabledServicePlanIds"}}

// assignment reads an assignment; nil, noted, when there is none.
func (c *change) assignment(id string) (a *licensing.Assignment, err error) {
	if opaqueID(id) != nil {
		c.userError(model.UserErrorInvalid, "This is not the ID of an assignment.", "id")
		return nil, nil
	}
	err = c.look(forAssignment, func(l *loaders.Loaders) (err error) {
		a, err = unlessRefused(l.AssignmentByID.Get(id))
		return err
	})
	if errors.Is(err, upstream.ErrNotFound) {
		c.userError(model.UserErrorNotFound, "No object has this ID.", "id")
		return nil, nil
	}
	return a, err
}

// allotmentOf reads the allotment that an assignment draws on; nil when nobody says which it is.
func (c *change) allotmentOf(a *licensing.Assignment) (allotment *licensing.Allotment, err error) {
	err = c.look(forAssignment, func(l *loaders.Loaders) (err error) {
		allotment, err = l.WholeAllotment(a.Related.Allotment)
		return err
	})
	return allotment, err
}

// updateAssignment replaces the service plans that are switched off.
func (c *change) updateAssignment(input model.UpdateAssignmentInput) (*model.UpdateAssignmentPayload, error) {
	payload := &model.UpdateAssignmentPayload{}
	a, err := c.assignment(input.ID)
	if payload.UserErrors = c.errs; a == nil {
		return payload, err
	}
	allotment, err := c.allotmentOf(a)
	if err != nil {
		return nil, err
	}
	c.products = productOf(allotment)
	disabled := c.plansIn(input.DisabledServicePlans, servicePlansOfAllotment(allotment), "disabledServicePlans")
	if payload.UserErrors = c.errs; len(c.errs) > 0 {
		return payload, nil
	}
	update := licensing.UpdateAssignment{ID: a.ID, AssignedTo: assigneeID(a), DisabledServicePlanIDs: disabled}
	result := c.write([]licensing.Write{update}, c.reread(a, func(now *licensing.Assignment) licensing.Outcome {
		if now != nil && disables(now, disabled) {
			return licensing.WriteDone
		}
		return licensing.WriteUnknown // also when it is gone: it may have been changed before
	}))[0]
	payload.Outcome, payload.Assignment = &result.Outcome, &licensing.Assignment{ID: a.ID}
	if result.Outcome == licensing.WriteDone {
		payload.Assignment = changed(a.ID, result.Assignment, disabled, poolOf(a), assigneeOf(a))
	}
	c.refused(result.Err, subject{}, []any{"id"}, ast.PathName("assignment"))
	payload.UserErrors = c.errs
	return payload, nil
}

// deleteAssignment takes an assignment back.
func (c *change) deleteAssignment(input model.DeleteAssignmentInput) (*model.DeleteAssignmentPayload, error) {
	payload := &model.DeleteAssignmentPayload{}
	a, err := c.assignment(input.ID)
	if payload.UserErrors = c.errs; a == nil {
		return payload, err
	}
	result := c.write([]licensing.Write{licensing.DeleteAssignment{ID: a.ID, AssignedTo: assigneeID(a)}},
		c.reread(a, func(now *licensing.Assignment) licensing.Outcome {
			if now == nil {
				return licensing.WriteDone
			}
			return licensing.WriteUnknown
		}))[0]
	payload.Outcome, payload.AllotmentID, payload.Assignee = &result.Outcome, poolOf(a), assigneeOf(a)
	if result.Outcome == licensing.WriteDone {
		payload.DeletedAssignmentID = &a.ID
	}
	c.refused(result.Err, subject{}, []any{"id"}, ast.PathName("deletedAssignmentId"))
	payload.UserErrors = c.errs
	return payload, nil
}

// disables tells whether an assignment is known to have just these plans switched off.
func disables(a *licensing.Assignment, plans []licensing.GUID) bool {
	return a.DisabledServicePlanIDs != nil && sameIDs(a.DisabledServicePlanIDs, plans)
}

// assigneeOf returns who has an assignment; nil when that is not known.
func assigneeOf(a *licensing.Assignment) licensing.DirectoryObject {
	if a.Related.AssignedTo == nil {
		return nil
	}
	return a.Related.AssignedTo.Object
}

// assigneeID is [assigneeOf] for the id, empty when it is not known.
func assigneeID(a *licensing.Assignment) string {
	if assignee := assigneeOf(a); assignee != nil {
		return assignee.ObjectID()
	}
	return ""
}

// changed is an assignment after a change, as the service returned it, or, if it did not, as it was sent.
func changed(id string, returned *licensing.Assignment, sent []licensing.GUID, allotmentID string, assignee licensing.DirectoryObject) *licensing.Assignment {
	a := &licensing.Assignment{ID: id, DisabledServicePlanIDs: sent}
	if returned != nil && returned.DisabledServicePlanIDs != nil {
		a.DisabledServicePlanIDs = returned.DisabledServicePlanIDs
	}
	shown := map[string]bool{"id": true}
	if allotmentID != "" {
		a.Related.Allotment = &upstream.Partial[*licensing.Allotment]{Object: &licensing.Allotment{ID: allotmentID}, Properties: shown, Bare: true}
		a.Related.HasAllotment = true
	}
	if assignee != nil {
		a.Related.AssignedTo = &licensing.Reference{Object: assignee, Properties: shown, Bare: true}
		a.Related.HasAssignedTo = true
	}
	return a
}

// reread reads an assignment back, and has judged what became of it: nil when it is gone. It is gone when twice neither it
// is found nor its assignee has it: a part of the service may lag behind another. Where the assignments of its assignee
// cannot be read, it is not known to be gone.
func (c *change) reread(a *licensing.Assignment, judge func(now *licensing.Assignment) licensing.Outcome) func([]int) map[int]licensing.WriteResult {
	missed := 0
	return func([]int) map[int]licensing.WriteResult {
		outcome := licensing.WriteUnknown
		c.look(forReread, func(l *loaders.Loaders) error { //nolint:errcheck // what cannot be read is not judged
			now, err := l.AssignmentByID.Get(a.ID)
			assignments, unlisted := assignmentsOf(l, assigneeOf(a))
			if errors.Is(err, loaders.ErrBlocked) || errors.Is(unlisted, loaders.ErrBlocked) {
				return loaders.ErrBlocked
			}
			at := slices.IndexFunc(assignments, func(b *licensing.Assignment) bool { return b.ID == a.ID })
			switch {
			case err == nil:
				outcome = judge(now)
			case !errors.Is(err, upstream.ErrNotFound) || unlisted != nil:
			case at >= 0:
				outcome = judge(assignments[at])
			default:
				if missed++; missed > 1 {
					outcome = judge(nil)
				}
			}
			return nil
		})
		return map[int]licensing.WriteResult{0: {Outcome: outcome}}
	}
}

// assignmentsOf returns the direct assignments of an object, where the service lists them.
func assignmentsOf(l *loaders.Loaders, assignee licensing.DirectoryObject) ([]*licensing.Assignment, error) {
	switch assignee := assignee.(type) {
	case *licensing.User:
		return l.AssignmentsByUserID.Get(assignee.ID)
	case *licensing.Group:
		return l.AssignmentsByGroupID.Get(assignee.ID)
	default:
		return nil, upstream.ErrNotOffered
	}
}
