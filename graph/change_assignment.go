package graph

import (
	"errors"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
)

// forAllotment are the properties of an allotment by which changes are checked.
var forAllotment = []string{"id", "skuId", "skuPartNumber", "allottedUnits", "consumedUnits", "assignableTo", "services", "subscriptions"}

// forAssignment are the properties by which a change of an assignment is checked and read back.
var forAssignment = map[string][]string{
	"User": {"id"}, "Group": {"id"}, "Device": {"id"}, "DirectoryObject": {"id"},
	"Allotment":  forAllotment,
	"Assignment": {"id", "disabledServicePlanIds", "allotment", "assignedTo"},
}

// assignment reads an assignment; nil, noted, when there is none.
func (c *change) assignment(id string) (a *licensing.Assignment, err error) {
	if opaqueID(id) != nil {
		c.mend(model.UserErrorInvalid, "This is no id of an assignment.", "id")
		return nil, nil
	}
	c.look(forAssignment, func(p plan) { a, err = unlessRefused(p.AssignmentByID.Load(id))() })
	if errors.Is(err, licensing.ErrNotFound) {
		c.mend(model.UserErrorNotFound, "Nothing has this id.", "id")
		return nil, nil
	}
	return a, err
}

// allotmentOf reads the allotment that an assignment draws on; nil when nobody says which it is.
func (c *change) allotmentOf(a *licensing.Assignment) (allotment *licensing.Allotment, err error) {
	c.look(forAssignment, func(p plan) { allotment, err = p.WholeAllotment(a.Related.Allotment) })
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
	disabled := c.plansIn(input.DisabledServicePlans, servicePlansOfAllotment(allotment), "disabledServicePlans")
	if payload.UserErrors = c.errs; len(c.errs) > 0 {
		return payload, nil
	}
	update := licensing.UpdateAssignment{ID: a.ID, AssignedTo: assigneeOf(a), DisabledServicePlanIDs: disabled}
	result := c.write([]licensing.Write{update}, c.reread(a.ID, func(now *licensing.Assignment) licensing.Outcome {
		switch {
		case now == nil:
			return licensing.WriteNotDone // it is gone
		case sameIDs(now.DisabledServicePlanIDs, disabled):
			return licensing.WriteDone
		default:
			return licensing.WriteUnknown
		}
	}))[0]
	payload.Outcome, payload.AssignmentID = &result.Outcome, a.ID
	c.refused(result.Err, []any{"id"}, ast.PathName("assignment"))
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
	result := c.write([]licensing.Write{licensing.DeleteAssignment{ID: a.ID, AssignedTo: assigneeOf(a)}},
		c.reread(a.ID, func(now *licensing.Assignment) licensing.Outcome {
			if now == nil {
				return licensing.WriteDone
			}
			return licensing.WriteUnknown
		}))[0]
	payload.Outcome, payload.AllotmentID = &result.Outcome, poolOf(a)
	if a.Related.AssignedTo != nil {
		payload.Assignee = a.Related.AssignedTo.Object
	}
	if result.Outcome == licensing.WriteDone {
		payload.DeletedAssignmentID = &a.ID
	}
	c.refused(result.Err, []any{"id"}, ast.PathName("deletedAssignmentId"))
	payload.UserErrors = c.errs
	return payload, nil
}

// assigneeOf returns the id of who has an assignment, as far as it is known.
func assigneeOf(a *licensing.Assignment) string {
	if a.Related.AssignedTo == nil {
		return ""
	}
	return a.Related.AssignedTo.Object.ObjectID()
}

// reread reads an assignment back, nil when it is gone, and has judged what became of it.
func (c *change) reread(id string, judge func(*licensing.Assignment) licensing.Outcome) func([]int) map[int]licensing.WriteResult {
	return func([]int) map[int]licensing.WriteResult {
		outcome := licensing.WriteUnknown
		c.look(map[string][]string{"Assignment": {"id", "disabledServicePlanIds"}}, func(p plan) {
			if now, err := p.AssignmentByID.Load(id)(); err == nil || errors.Is(err, licensing.ErrNotFound) {
				outcome = judge(now)
			}
		})
		return map[int]licensing.WriteResult{0: {Outcome: outcome}}
	}
}
