package graph

import (
	"errors"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
)

// forAssignment are the properties by which a change of an assignment is checked and read back.
var forAssignment = map[string][]string{
	"User": {"id"}, "Group": {"id"}, "Device": {"id"}, "DirectoryObject": {"id"},
	"Allotment":  jsonNames(licensing.Allotment{}),
	"Assignment": {"id", "disabledServicePlanIds", "allotment", "assignedTo"},
}

// assignment reads an assignment with its allotment and its assignee; nil, noted, when there is none.
func (c *change) assignment(id string) (a *licensing.Assignment, allotment *licensing.Allotment, err error) {
	if opaqueID(id) != nil {
		c.mend(model.UserErrorInvalid, "This is no id of an assignment.", "id")
		return nil, nil, nil
	}
	c.look(forAssignment, func(p plan) {
		if a, err = unlessRefused(p.AssignmentByID.Load(id))(); err == nil {
			allotment, err = sole(p.AllotmentsOfAssignments([]*licensing.Assignment{a}))
		}
	})
	if errors.Is(err, licensing.ErrNotFound) && a == nil {
		c.mend(model.UserErrorNotFound, "Nothing has this id.", "id")
		return nil, nil, nil
	}
	return a, allotment, err
}

// updateAssignment replaces the service plans that are switched off.
func (c *change) updateAssignment(input model.UpdateAssignmentInput) (*model.UpdateAssignmentPayload, error) {
	a, allotment, err := c.assignment(input.ID)
	if err != nil {
		return nil, err
	}
	payload := &model.UpdateAssignmentPayload{UserErrors: c.errs}
	if a == nil {
		return payload, nil
	}
	disabled := c.plansIn(input.DisabledServicePlans, servicePlansOfAllotment(allotment), "disabledServicePlans")
	if payload.UserErrors = c.errs; len(c.errs) > 0 {
		return payload, nil
	}
	update := licensing.UpdateAssignment{ID: a.ID, AssignedTo: assigneeOf(a), DisabledServicePlanIDs: disabled}
	result := c.write([]licensing.Write{update}, c.reread(a.ID, func(now *licensing.Assignment) bool {
		return now != nil && sameIDs(now.DisabledServicePlanIDs, disabled)
	}))[0]
	payload.Outcome, payload.AssignmentID = &result.Outcome, a.ID
	c.refused(result.Err, []any{"id"}, ast.PathName("assignment"))
	payload.UserErrors = c.errs
	return payload, nil
}

// deleteAssignment takes an assignment back.
func (c *change) deleteAssignment(input model.DeleteAssignmentInput) (*model.DeleteAssignmentPayload, error) {
	a, allotment, err := c.assignment(input.ID)
	if err != nil {
		return nil, err
	}
	payload := &model.DeleteAssignmentPayload{UserErrors: c.errs}
	if a == nil {
		return payload, nil
	}
	result := c.write([]licensing.Write{licensing.DeleteAssignment{ID: a.ID, AssignedTo: assigneeOf(a)}},
		c.reread(a.ID, func(now *licensing.Assignment) bool { return now == nil }))[0]
	payload.Outcome, payload.AllotmentID = &result.Outcome, allotment.ID
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

// reread reads an assignment back, nil when it is gone, and tells whether it is as was wanted.
func (c *change) reread(id string, done func(*licensing.Assignment) bool) func([]int) map[int]licensing.WriteResult {
	return func([]int) map[int]licensing.WriteResult {
		var now *licensing.Assignment
		var err error
		c.look(map[string][]string{"Assignment": {"id", "disabledServicePlanIds"}}, func(p plan) {
			now, err = p.AssignmentByID.Load(id)()
		})
		outcome := licensing.WriteNotDone
		switch {
		case err != nil && !errors.Is(err, licensing.ErrNotFound):
			outcome = licensing.WriteUnknown
		case done(now):
			outcome = licensing.WriteDone
		}
		return map[int]licensing.WriteResult{0: {Outcome: outcome}}
	}
}
