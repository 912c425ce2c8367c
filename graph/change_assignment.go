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

// allotmentProperties are the properties of an allotment that mutations of assignments require.
var allotmentProperties = []string{"id", "skuId", "skuPartNumber", "allottedUnits", "consumedUnits", "assignableTo", "services", "subscriptions"}

// assignmentProperties are the properties that a change of an assignment requires for its checks.
var assignmentProperties = map[string][]string{
	"User": {"id"}, "Group": {"id"}, "Device": {"id"}, "DirectoryObject": {"id"},
	"Allotment":  allotmentProperties,
	"Assignment": {"id", "disabledServicePlanIds", "allotment", "assignedTo"},
}

// rereadProperties are the properties that reading an assignment back requires.
var rereadProperties = map[string][]string{"Assignment": {"id", "disabledServicePlanIds"}}

// assignment reads an assignment. If it does not exist, assignment adds a user error and returns nil.
func (c *change) assignment(id string) (a *licensing.Assignment, err error) {
	if opaqueID(id) != nil {
		c.userError(model.UserErrorInvalid, "Not a valid assignment ID.", "id")
		return nil, nil
	}
	err = c.read(assignmentProperties, func(l *loaders.Loaders) (err error) {
		a, err = rejectedAsNotFound(l.AssignmentByID.Get(id))
		return err
	})
	if errors.Is(err, upstream.ErrNotFound) {
		c.userError(model.UserErrorNotFound, "No object has this ID.", "id")
		return nil, nil
	}
	return a, err
}

// allotmentOf reads the allotment that an assignment draws on; nil if the service does not return it.
func (c *change) allotmentOf(a *licensing.Assignment) (allotment *licensing.Allotment, err error) {
	err = c.read(assignmentProperties, func(l *loaders.Loaders) (err error) {
		allotment, err = l.CompleteAllotment(a.Related.Allotment)
		return err
	})
	return allotment, err
}

// updateAssignment replaces the disabled service plans of an assignment.
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
	c.predictAssignment(&payload.Prediction, a, func(a *alteration) { a.disabled, a.updates = disabled, true })
	result := c.write([]licensing.Write{update}, c.reread(a, func(now *licensing.Assignment) licensing.Outcome {
		if now != nil && disables(now, disabled) {
			return licensing.WriteDone
		}
		return licensing.WriteUnknown // also after a 404: the change may have preceded the deletion
	}))[0]
	payload.Outcome, payload.Assignment = &result.Outcome, &licensing.Assignment{ID: a.ID}
	if result.Outcome == licensing.WriteDone {
		payload.Assignment = changed(a.ID, result.Assignment, disabled, poolOf(a), assigneeOf(a))
	}
	c.rejected(result.Err, subject{}, []any{"id"}, ast.PathName("assignment"))
	payload.UserErrors = c.errs
	return payload, nil
}

// deleteAssignment deletes an assignment.
func (c *change) deleteAssignment(input model.DeleteAssignmentInput) (*model.DeleteAssignmentPayload, error) {
	payload := &model.DeleteAssignmentPayload{}
	a, err := c.assignment(input.ID)
	if payload.UserErrors = c.errs; a == nil {
		return payload, err
	}
	c.predictAssignment(&payload.Prediction, a, func(a *alteration) { a.removes = true })
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
	c.rejected(result.Err, subject{}, []any{"id"}, ast.PathName("deletedAssignmentId"))
	payload.UserErrors = c.errs
	return payload, nil
}

// predictAssignment sets the prediction of a change of an assignment.
func (c *change) predictAssignment(p *model.Prediction, a *licensing.Assignment, set func(*alteration)) {
	c.predict(p, func(run *predictor) ([]alteration, error) {
		change := alteration{pool: poolOf(a), assignee: licensing.Assignee{ID: assigneeID(a)}}
		set(&change)
		switch assigneeOf(a).(type) {
		case *licensing.User:
			change.assignee.Type = licensing.AssigneeUser
		case *licensing.Group:
			change.assignee.Type = licensing.AssigneeGroup
		case *licensing.Device:
			change.assignee.Type = licensing.AssigneeDevice
		default:
			return nil, errUnpredictable
		}
		at := slices.IndexFunc(run.allotments, func(one *licensing.Allotment) bool { return one.ID == change.pool && one.SkuID != nil })
		if at < 0 {
			if run.blocked {
				return nil, loaders.ErrBlocked
			}
			return nil, errUnpredictable
		}
		change.sku = *run.allotments[at].SkuID
		return []alteration{change}, nil
	})
}

// errUnpredictable is the error of a prediction without the assignee or the product of the assignment.
var errUnpredictable = &upstream.InputError{Message: "the effects cannot be predicted: Microsoft Graph does not return the assignee or the product of the assignment"}

// disables reports whether exactly these service plans are disabled in an assignment.
func disables(a *licensing.Assignment, plans []licensing.GUID) bool {
	return a.DisabledServicePlanIDs != nil && sameIDs(a.DisabledServicePlanIDs, plans)
}

// assigneeOf returns the assignee of an assignment; nil if unknown.
func assigneeOf(a *licensing.Assignment) licensing.DirectoryObject {
	if a.Related.AssignedTo == nil {
		return nil
	}
	return a.Related.AssignedTo.Object
}

// assigneeID returns the ID of the assignee of an assignment; empty if unknown.
func assigneeID(a *licensing.Assignment) string {
	if assignee := assigneeOf(a); assignee != nil {
		return assignee.ObjectID()
	}
	return ""
}

// changed returns an assignment after a change, with the plans that the service returned, else the ones that were
// sent.
func changed(id string, returned *licensing.Assignment, sent []licensing.GUID, allotmentID string, assignee licensing.DirectoryObject) *licensing.Assignment {
	a := &licensing.Assignment{ID: id, DisabledServicePlanIDs: sent}
	if returned != nil && returned.DisabledServicePlanIDs != nil {
		a.DisabledServicePlanIDs = returned.DisabledServicePlanIDs
	}
	shown := map[string]bool{"id": true}
	if allotmentID != "" {
		a.Related.Allotment = &upstream.Partial[*licensing.Allotment]{Object: &licensing.Allotment{ID: allotmentID}, Properties: shown, IDOnly: true}
		a.Related.HasAllotment = true
	}
	if assignee != nil {
		a.Related.AssignedTo = &licensing.Reference{Object: assignee, Properties: shown, IDOnly: true}
		a.Related.HasAssignedTo = true
	}
	return a
}

// reread returns a function that reads an assignment back and passes it to judge: nil if two reads in a row find it
// neither by ID nor in its assignee's list, because replicas of the service can lag behind. While the list cannot be
// read, the outcome stays unknown.
func (c *change) reread(a *licensing.Assignment, judge func(now *licensing.Assignment) licensing.Outcome) func([]int) map[int]licensing.WriteResult {
	missed := 0
	return func([]int) map[int]licensing.WriteResult {
		outcome := licensing.WriteUnknown
		c.read(rereadProperties, func(l *loaders.Loaders) error { //nolint:errcheck // a failed read leaves the outcome unknown
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

// assignmentsOf returns the direct assignments of a user or group; [upstream.ErrNotOffered] for other types.
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
