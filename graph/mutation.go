package graph

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// maxWrites limits the changes of one mutation field.
const maxWrites = 100

// readBacks are the waits before each attempt to read back a change whose response was lost. Microsoft Graph is
// eventually consistent.
var readBacks = []time.Duration{0, time.Second, 3 * time.Second}

// change is the execution of one mutation field.
type change struct {
	ctx      context.Context
	upstream Upstream
	errs     []*model.UserError
	products []product                // affected by the change
	plans    []*licensing.ServicePlan // of these products
	dryRun   bool                     // nothing is sent
	loaders  *loaders.Loaders         // of a dry run, which reads each value once
}

func newChange(ctx context.Context, dryRun bool) *change {
	if dryRun {
		trailOf(ctx).setDryRun()
	}
	return &change{ctx: ctx, upstream: upstreamOf(ctx), errs: []*model.UserError{}, dryRun: dryRun}
}

// read calls a function with new loaders, without cached values, until it is not blocked. properties are the required
// properties by type. The reads of a dry run share their loaders.
func (c *change) read(properties map[string][]string, read func(*loaders.Loaders) error) error {
	l := c.loaders
	if l == nil {
		if c.dryRun {
			properties = withPredictionProperties(properties)
		}
		l = loaders.New(c.ctx, c.upstream, func(typeName string) []string { return properties[typeName] })
	}
	if c.dryRun {
		c.loaders = l
	}
	_, err := loaders.Read(l, func() (struct{}, error) {
		if c.dryRun { // the prediction requires the lists of the tenant: read them together with the first values
			_, _ = l.AllSubscribedSkus()
			_, _ = l.AllAllotments()
		}
		return struct{}{}, read(l)
	})
	return err
}

// userError adds an error that the caller can correct, at a path in the input.
func (c *change) userError(code model.UserErrorCode, message string, field ...any) *model.UserError {
	path := []string{"input"}
	for _, step := range field {
		path = append(path, fmt.Sprint(step))
	}
	e := &model.UserError{Field: path, Code: code, Message: message}
	c.errs = append(c.errs, e)
	trailOf(c.ctx).userError(fmt.Sprint(code))
	return e
}

// rejected adds the error of a change: a user error if Microsoft Graph rejected it, else an error at the response
// path.
func (c *change) rejected(err error, about subject, field []any, at ...ast.PathElement) []*model.UserError {
	if err == nil {
		return nil
	}
	failure, ok := errors.AsType[*upstream.Error](err)
	if ok && (errors.Is(err, upstream.ErrNotFound) || errors.Is(err, upstream.ErrRefused)) {
		code, message := c.refusal(failure, about)
		return []*model.UserError{c.userError(code, message, field...)}
	}
	graphql.AddError(c.ctx, gqlerror.WrapPath(append(slices.Clone(graphql.GetPath(c.ctx)), at...), err))
	return nil
}

// write sends the changes and reads back those with an unknown outcome or without the ID of a created assignment.
// readBack gets the indices of these changes and returns results by index; none if they cannot be read. A change that
// is not found may still have been made.
func (c *change) write(writes []licensing.Write, readBack func(open []int) map[int]licensing.WriteResult) []licensing.WriteResult {
	known := trailOf(c.ctx).writing(len(writes))
	results := c.send(writes)
	known(results)
	for _, pause := range readBacks {
		left := unconfirmed(writes, results)
		if len(left) == 0 || pause > 0 && c.upstream.Wait(c.ctx, pause) != nil {
			break
		}
		found := readBack(left)
		if len(found) == 0 {
			break
		}
		for i, result := range found {
			if result.Outcome == licensing.WriteUnknown {
				continue
			}
			results[i].Outcome = result.Outcome
			if result.Outcome == licensing.WriteDone {
				results[i].Assignment, results[i].Err = result.Assignment, nil
			}
		}
	}
	known(results)
	return results
}

// send sends changes. A dry run sends none: they are not done.
func (c *change) send(writes []licensing.Write) []licensing.WriteResult {
	if c.dryRun {
		return slices.Repeat([]licensing.WriteResult{{Outcome: licensing.WriteNotDone}}, len(writes))
	}
	return c.upstream.Write(c.ctx, writes)
}

// unconfirmed returns the indices of the changes to read back.
func unconfirmed(writes []licensing.Write, results []licensing.WriteResult) []int {
	var indices []int
	for i, result := range results {
		_, creates := writes[i].(licensing.CreateAssignment)
		if result.Outcome == licensing.WriteUnknown || creates && result.Outcome == licensing.WriteDone && result.Assignment == nil {
			indices = append(indices, i)
		}
	}
	return indices
}

// stale reports whether reads after a change may return data from before it: its outcome is unknown, or Microsoft
// Graph does not return it yet.
func stale(outcome licensing.Outcome, shows func() bool) bool {
	return outcome == licensing.WriteUnknown || outcome == licensing.WriteDone && !shows()
}

// visible reports for each assignment whether Microsoft Graph returns it as changed; false for nil.
func (c *change) visible(assignments []*licensing.Assignment) []bool {
	shown := make([]bool, len(assignments))
	c.read(rereadProperties, func(l *loaders.Loaders) error { //nolint:errcheck // an unreadable assignment is not visible
		_, _, blocked := loaders.Collect(assignments, func(a *licensing.Assignment) (*licensing.Assignment, error) {
			if a == nil {
				return nil, nil
			}
			return l.AssignmentByID.Get(a.ID)
		})
		if blocked != nil {
			return blocked
		}
		for i, a := range assignments {
			if a != nil {
				now, err := l.AssignmentByID.Get(a.ID)
				shown[i] = err == nil && disables(now, a.DisabledServicePlanIDs)
			}
		}
		return nil
	})
	return shown
}

// staleResults returns [stale] for each created assignment.
func (c *change) staleResults(results []*model.CreateAssignmentResult) []bool {
	var shown []bool
	if slices.ContainsFunc(results, func(r *model.CreateAssignmentResult) bool { return r.Assignment != nil }) {
		shown = c.visible(each(results, func(r *model.CreateAssignmentResult) *licensing.Assignment { return r.Assignment }))
	}
	return indexed(results, func(i int, r *model.CreateAssignmentResult) bool {
		return stale(r.Outcome, func() bool { return shown != nil && shown[i] })
	})
}

// staleUpdate returns [stale] for an updated assignment.
func (c *change) staleUpdate(payload *model.UpdateAssignmentPayload) bool {
	return stale(deref(payload.Outcome), func() bool { return c.visible([]*licensing.Assignment{payload.Assignment})[0] })
}

// staleDeletion returns [stale] for a deleted assignment.
func (c *change) staleDeletion(payload *model.DeleteAssignmentPayload) bool {
	return stale(deref(payload.Outcome), func() bool {
		err := c.read(rereadProperties, func(l *loaders.Loaders) error {
			_, err := l.AssignmentByID.Get(*payload.DeletedAssignmentID)
			return err
		})
		return errors.Is(err, upstream.ErrNotFound)
	})
}

// staleLicenses returns [stale] for changed licenses.
func (c *change) staleLicenses(payload *model.AssignLicensePayload) bool {
	return stale(deref(payload.Outcome), func() bool { return c.licensesVisible(payload.Sent) })
}

// plansIn returns the IDs of service plans that are given by ID or name. If services is nil, because the product's
// plans are unknown, only IDs are valid.
func (c *change) plansIn(names []string, services []*licensing.ServicePlan, field ...any) []licensing.GUID {
	ids := []licensing.GUID{}
	c.plans = append(c.plans, services...)
	if len(names) > maxWrites {
		c.userError(model.UserErrorInvalid, "At most "+strconv.Itoa(maxWrites)+" plans.", field...)
		return ids
	}
	for i, name := range names {
		at := append(slices.Clone(field), i)
		id, ok := planNamed(name, services)
		if services == nil {
			id, ok = licensing.ParseGUID(name)
		}
		switch {
		case ok && slices.Contains(ids, id):
			c.userError(model.UserErrorInvalid, "Duplicate service plan.", at...)
		case ok:
			ids = append(ids, id)
		case services == nil:
			c.userError(model.UserErrorInvalid, "The product's plans are unknown: use plan IDs.", at...)
		case licensing.IsWellKnownPlan(name):
			c.userError(model.UserErrorPlanNotInProduct, "The service plan is not part of the product.", at...)
		default:
			c.userError(model.UserErrorUnknownPlan, "No service plan has this ID or short name. See `servicePlans` of the product.", at...)
		}
	}
	return ids
}

// planNamed finds a service plan by ID, by servicePlanName, or by display name if that is unique.
func planNamed(name string, services []*licensing.ServicePlan) (licensing.GUID, bool) {
	id, _ := licensing.ParseGUID(name)
	var alike []licensing.GUID
	for _, plan := range services {
		switch {
		case plan.ServicePlanID == nil:
		case *plan.ServicePlanID == id, plan.ServicePlanName != nil && strings.EqualFold(*plan.ServicePlanName, name):
			return *plan.ServicePlanID, true
		case strings.EqualFold(deref(plan.DisplayName()), name):
			alike = append(alike, *plan.ServicePlanID)
		}
	}
	if len(alike) == 1 {
		return alike[0], true
	}
	return "", false
}

// servicePlansOfAllotment returns the service plans of an allotment; nil if they are unknown.
func servicePlansOfAllotment(a *licensing.Allotment) []*licensing.ServicePlan {
	if a == nil || a.ReadError("services") != nil {
		return nil
	}
	return each(a.Services, func(s *licensing.LicensedService) *licensing.ServicePlan {
		return &licensing.ServicePlan{ServicePlanID: &s.PlanID, ServicePlanName: s.PlanName}
	})
}

// inputID is an ID of an input list, or why it is invalid.
type inputID struct {
	text       string
	inputError *model.UserError
}

// directoryIDs validates a list of distinct object IDs. It returns nil if the list is empty or too long.
func (c *change) directoryIDs(inputs []string, field string) []inputID {
	if len(inputs) < 1 || len(inputs) > maxWrites {
		c.userError(model.UserErrorInvalid, "`"+field+"` accepts 1 to "+strconv.Itoa(maxWrites)+" elements.", field)
		return nil
	}
	seen := map[licensing.GUID]bool{}
	return indexed(inputs, func(i int, text string) inputID {
		guid, ok := licensing.ParseGUID(text)
		switch {
		case !ok:
			return inputID{strings.ToValidUTF8(text[:min(len(text), maxID)], ""), c.userError(model.UserErrorInvalid, "An object ID must be a GUID.", field, i)}
		case seen[guid]:
			return inputID{string(guid), c.userError(model.UserErrorInvalid, "Duplicate ID.", field, i)}
		}
		seen[guid] = true
		return inputID{text: string(guid)}
	})
}

// indexed returns the results of a function for each element and its index.
func indexed[E, V any](elements []E, of func(int, E) V) []V {
	values := make([]V, len(elements))
	for i, element := range elements {
		values[i] = of(i, element)
	}
	return values
}

// sameIDs reports whether two lists have the same IDs.
func sameIDs(a, b []licensing.GUID) bool { return joined(a) == joined(b) }

// assignmentAfter returns an assignment after a change: as the service returned it, or read again if only its ID is
// known. Nil stays nil.
func (f *field) assignmentAfter(a *licensing.Assignment) (*licensing.Assignment, error) {
	if a == nil {
		return nil, nil
	}
	if a.DisabledServicePlanIDs != nil {
		f.PrimeAssignment(a)
	}
	return f.AssignmentByID.Get(a.ID)
}

// userNow reads the user of a result after a change; only the ID if that fails. It is nil if the licenses were not
// processed.
func (f *field) userNow(result *model.ReprocessResult) (*licensing.User, error) {
	if len(result.UserErrors) > 0 {
		return nil, nil
	}
	user, err := f.UserByID.Get(result.UserID)
	if err != nil && !errors.Is(err, loaders.ErrBlocked) {
		return f.UnreadableUser(result.UserID, err), nil
	}
	return user, err
}

// allotmentNow reads an allotment after a change; only the ID if that fails, nil without an ID.
func (f *field) allotmentNow(id string) (*licensing.Allotment, error) {
	switch {
	case id == "":
		return nil, nil
	case f.idSuffices("Allotment"):
		return &licensing.Allotment{ID: id}, nil
	}
	allotment, err := f.AllotmentByID.Get(id)
	if err != nil && !errors.Is(err, loaders.ErrBlocked) {
		return f.UnreadableAllotment(id, err), nil
	}
	return allotment, err
}

// assigneeNow reads a directory object after a change; only the ID if that fails. Nil stays nil.
func (f *field) assigneeNow(object licensing.DirectoryObject) (licensing.DirectoryObject, error) {
	if object == nil {
		return nil, nil
	}
	now, err := f.DirectoryObjectNow(object)
	if err != nil && !errors.Is(err, loaders.ErrBlocked) {
		return f.Unreadable(object, err), nil
	}
	return now, err
}
