package graph

import (
	"cmp"
	"errors"
	"slices"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// createProperties are the properties that createAssignments requires for its checks and for reading back.
var createProperties = map[string][]string{
	"User":       {"id", "usageLocation", "assignedLicenses"},
	"Group":      {"id", "securityEnabled"},
	"Device":     {"id"},
	"Allotment":  allotmentProperties,
	"Assignment": {"id", "disabledServicePlanIds", "allotment"},
}

// candidate is one assignee of the input.
type candidate struct {
	index    int
	assignee licensing.Assignee

	inputError  *model.UserError // an invalid input is neither read nor sent
	user        *licensing.User
	group       *licensing.Group
	assignments []*licensing.Assignment // direct
	err         error
}

// createAssignments assigns a unit of a product to each of several assignees.
func (c *change) createAssignments(input model.CreateAssignmentsInput) (*model.CreateAssignmentsPayload, error) {
	payload := &model.CreateAssignmentsPayload{Results: []*model.CreateAssignmentResult{}}
	candidates := c.candidates(input.AssignedTo)
	mistakes := len(c.errs)
	if (input.AllotmentID == nil) == (input.SkuID == nil) {
		c.userError(model.UserErrorInvalid, "Set either `allotmentId` or `skuId`.")
	} else if input.AllotmentID != nil && opaqueID(*input.AllotmentID) != nil {
		c.userError(model.UserErrorInvalid, "Not a valid allotment ID.", "allotmentId")
	}
	if payload.UserErrors = c.errs; len(candidates) == 0 || len(c.errs) > mistakes {
		return payload, nil
	}
	pools, err := c.pools(input, candidates)
	if err != nil {
		return nil, err
	}
	var disabled []licensing.GUID
	if len(pools) > 0 {
		c.products = productOf(pools[0])
		disabled = c.plansIn(input.DisabledServicePlans, servicePlansOfAllotment(pools[0]), "disabledServicePlans")
	}
	if payload.UserErrors = c.errs; len(c.errs) > mistakes {
		return payload, nil
	}
	var writes []licensing.Write
	var writers []*candidate
	taken := map[string]int32{}
	for _, candidate := range candidates {
		result := &model.CreateAssignmentResult{AssignedToID: candidate.assignee.ID, Outcome: licensing.WriteNotDone, UserErrors: []*model.UserError{}}
		payload.Results = append(payload.Results, result)
		pool, refused := c.pool(candidate, pools, taken)
		if refused != nil {
			result.UserErrors = append(result.UserErrors, refused)
			trailOf(c.ctx).notSent()
			continue
		}
		taken[pool.ID]++
		writes = append(writes, licensing.CreateAssignment{AllotmentID: pool.ID, AssignedTo: candidate.assignee, DisabledServicePlanIDs: disabled})
		writers = append(writers, candidate)
	}
	c.predict(&payload.Prediction, func(*predictor) ([]alteration, error) {
		return each(writes, func(w licensing.Write) alteration {
			create := w.(licensing.CreateAssignment)
			sku := pools[slices.IndexFunc(pools, func(a *licensing.Allotment) bool { return a.ID == create.AllotmentID })].SkuID
			return alteration{assignee: create.AssignedTo, sku: deref(sku), pool: create.AllotmentID, disabled: disabled}
		}), nil
	})
	c.report(payload, writers, writes, c.write(writes, func(open []int) map[int]licensing.WriteResult {
		return c.created(open, writes, writers)
	}))
	payload.UserErrors = c.errs
	return payload, nil
}

// candidates validates the assignees of the input. It returns none if there are no assignees or too many.
func (c *change) candidates(inputs []*model.AssigneeInput) []*candidate {
	ids := c.directoryIDs(each(inputs, func(a *model.AssigneeInput) string { return a.ID }), "assignedTo")
	candidates := make([]*candidate, len(ids))
	for i, id := range ids {
		candidates[i] = &candidate{index: i, assignee: licensing.Assignee{Type: inputs[i].Type, ID: id.text}, inputError: id.inputError}
		if id.inputError == nil && inputs[i].Type == licensing.AssigneeUnknownFuture {
			candidates[i].inputError = c.userError(model.UserErrorInvalid, "The type must be USER, GROUP or DEVICE.", "assignedTo", i, "type")
		}
	}
	return candidates
}

// pools reads the allotments to draw on and the candidates.
func (c *change) pools(input model.CreateAssignmentsInput, candidates []*candidate) (pools []*licensing.Allotment, err error) {
	err = c.read(createProperties, func(l *loaders.Loaders) (err error) {
		if input.SkuID != nil {
			if pools, err = l.AllotmentsOfSku(*input.SkuID); err == nil && len(pools) == 0 {
				err = l.AllotmentReadError()
			}
		} else {
			var allotment *licensing.Allotment
			allotment, err = rejectedAsNotFound(l.AllotmentByID.Get(*input.AllotmentID))
			pools = []*licensing.Allotment{allotment}
		}
		return cmp.Or(readCandidates(l, candidates), err)
	})
	switch {
	case errors.Is(err, upstream.ErrNotFound):
		c.userError(model.UserErrorNotFound, "No allotment has this ID. See `allotments`.", "allotmentId")
		return nil, nil
	case err != nil:
		return nil, err
	case len(pools) == 0:
		c.userError(model.UserErrorUnknownProduct, "The tenant has no allotment of this product. See `subscribedSkus` and `allotments`.", "skuId")
	}
	for _, candidate := range candidates {
		if candidate.err != nil && !errors.Is(candidate.err, upstream.ErrNotFound) {
			return nil, candidate.err
		}
	}
	return pools, nil
}

// readCandidates reads the candidates, with each candidate's error in its err. It returns only [loaders.ErrBlocked].
func readCandidates(l *loaders.Loaders, candidates []*candidate) error {
	_, _, blocked := loaders.Collect(candidates, func(d *candidate) (*candidate, error) {
		if d.inputError != nil {
			return d, nil
		}
		d.err = d.read(l)
		return d, d.err
	})
	return blocked
}

// read reads the assignee and its direct assignments.
func (d *candidate) read(l *loaders.Loaders) error {
	var missing, unlisted error
	switch d.assignee.Type {
	case licensing.AssigneeUser:
		d.user, missing = l.UserByID.Get(d.assignee.ID)
		d.assignments, unlisted = l.AssignmentsByUserID.Get(d.assignee.ID)
	case licensing.AssigneeGroup:
		d.group, missing = l.GroupByID.Get(d.assignee.ID)
		d.assignments, unlisted = l.AssignmentsByGroupID.Get(d.assignee.ID)
	default:
		_, missing = l.DeviceByID.Get(d.assignee.ID)
	}
	if errors.Is(unlisted, loaders.ErrBlocked) {
		return unlisted
	}
	return cmp.Or(missing, unlisted)
}

// pool returns the allotment that a candidate draws on, or why there is none. It picks the usable allotment with the
// most available units, less those of earlier candidates. Microsoft Graph may still reject those, so only units that
// were never available count as missing.
func (c *change) pool(d *candidate, pools []*licensing.Allotment, taken map[string]int32) (*licensing.Allotment, *model.UserError) {
	no := func(code model.UserErrorCode, message string) (*licensing.Allotment, *model.UserError) {
		return nil, c.userError(code, message, "assignedTo", d.index)
	}
	switch {
	case d.inputError != nil:
		return nil, d.inputError
	case d.err != nil:
		return no(model.UserErrorNotFound, "No object of this type has this ID.")
	case lacksLocation(d.user):
		return no(model.UserErrorUsageLocation, "The user has no usage location. Set it first.")
	case unlicensable(d.group):
		return no(model.UserErrorNotSecurityEnabled, advice[model.UserErrorNotSecurityEnabled])
	}
	usable := slices.DeleteFunc(slices.Clone(pools), func(a *licensing.Allotment) bool {
		return a.ReadError("assignableTo") == nil && !slices.Contains(a.AssignableTo(), d.assignee.Type)
	})
	if len(usable) == 0 {
		code := model.UserErrorNotAssignable
		if d.assignee.Type == licensing.AssigneeGroup {
			code = model.UserErrorGroupWithoutUnits
		}
		return no(code, advice[code])
	}
	if slices.ContainsFunc(usable, func(a *licensing.Allotment) bool { return d.draws(a.ID) }) {
		return no(model.UserErrorAlreadyAssigned, advice[model.UserErrorAlreadyAssigned])
	}
	left := func(a *licensing.Allotment) int32 { return deref(a.AvailableUnits()) - taken[a.ID] }
	pool := slices.MaxFunc(usable, func(a, b *licensing.Allotment) int { return cmp.Compare(left(a), left(b)) })
	free := slices.ContainsFunc(usable, func(a *licensing.Allotment) bool {
		units := a.AvailableUnits()
		return units == nil || *units > 0 // unknown: Microsoft Graph checks
	})
	// Members of a group wait for units, and a user with the product may not use another one.
	if d.assignee.Type != licensing.AssigneeGroup && !free && !d.has(pool.SkuID) {
		return no(model.UserErrorNoFreeUnit, "No unit is available. Free or buy units, or assign through a group, whose members wait for units.")
	}
	return pool, nil
}

// lacksLocation reports whether a user was read without a usage location.
func lacksLocation(user *licensing.User) bool {
	return user != nil && user.ReadError("usageLocation") == nil && deref(user.UsageLocation) == ""
}

// unlicensable reports whether a group was read that is not security enabled.
func unlicensable(group *licensing.Group) bool {
	return group != nil && group.SecurityEnabled != nil && !*group.SecurityEnabled
}

// has reports whether a user has a product, direct or through a group. It is true if the licenses could not be read.
func (d *candidate) has(sku *licensing.GUID) bool {
	if d.user != nil && d.user.ReadError("assignedLicenses") != nil {
		return true
	}
	return d.user != nil && sku != nil && slices.ContainsFunc(d.user.AssignedLicenses, func(l *licensing.AssignedLicense) bool { return is(l.SkuID, *sku) })
}

// draws reports whether an assignee is known to have a direct assignment of an allotment.
func (d *candidate) draws(allotmentID string) bool {
	return slices.ContainsFunc(d.assignments, func(a *licensing.Assignment) bool { return poolOf(a) == allotmentID })
}

// poolOf returns the ID of the allotment that an assignment draws on; empty if unknown.
func poolOf(a *licensing.Assignment) string {
	if a.Related.Allotment == nil {
		return ""
	}
	return a.Related.Allotment.Object.ID
}

// created reads back assignments whose response was lost or had no ID. Assignments of devices cannot be read.
func (c *change) created(open []int, writes []licensing.Write, writers []*candidate) map[int]licensing.WriteResult {
	now := map[int]*candidate{}
	var readable []*candidate
	for _, i := range open {
		if writers[i].assignee.Type != licensing.AssigneeDevice {
			now[i] = &candidate{assignee: writers[i].assignee}
			readable = append(readable, now[i])
		}
	}
	c.read(createProperties, func(l *loaders.Loaders) error { return readCandidates(l, readable) }) //nolint:errcheck // each candidate has its own error
	results := map[int]licensing.WriteResult{}
	for i, d := range now {
		results[i] = d.since(writers[i], writes[i].(licensing.CreateAssignment))
	}
	return results
}

// since compares with the candidate as read before the change, and returns WriteDone if it has a new assignment of
// this allotment with these plans.
func (d *candidate) since(before *candidate, sent licensing.CreateAssignment) licensing.WriteResult {
	for _, a := range d.assignments {
		old := slices.ContainsFunc(before.assignments, func(b *licensing.Assignment) bool { return b.ID == a.ID })
		if !old && poolOf(a) == sent.AllotmentID && disables(a, sent.DisabledServicePlanIDs) {
			return licensing.WriteResult{Outcome: licensing.WriteDone, Assignment: a}
		}
	}
	return licensing.WriteResult{Outcome: licensing.WriteUnknown}
}

// report sets the outcome, assignment and user errors of each result.
func (c *change) report(payload *model.CreateAssignmentsPayload, writers []*candidate, writes []licensing.Write, results []licensing.WriteResult) {
	for n, written := range results {
		i, sent := writers[n].index, writes[n].(licensing.CreateAssignment)
		result := payload.Results[i]
		result.Outcome = written.Outcome
		if made := written.Assignment; made != nil {
			result.Assignment = changed(made.ID, made, sent.DisabledServicePlanIDs, sent.AllotmentID, writers[n].object())
		}
		result.UserErrors = append(result.UserErrors, c.rejected(written.Err, writers[n].subject(), []any{"assignedTo", i}, ast.PathName("results"), ast.PathIndex(i))...)
	}
}

// subject describes the assignee for the texts of refusals.
func (d *candidate) subject() subject {
	return subject{creates: true, assignee: d.assignee.Type, located: d.user != nil && deref(d.user.UsageLocation) != ""}
}

// object returns the assignee with its ID only.
func (d *candidate) object() licensing.DirectoryObject {
	switch d.assignee.Type {
	case licensing.AssigneeUser:
		return &licensing.User{ID: d.assignee.ID}
	case licensing.AssigneeGroup:
		return &licensing.Group{ID: d.assignee.ID}
	default:
		return &licensing.Device{ID: d.assignee.ID}
	}
}
