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

// maxWrites bounds the changes of one mutation field.
const maxWrites = 100

// readBacks are the waits before each time that a change without an answer is looked for, until it shows. What the
// service has done can take longer than that to show.
var readBacks = []time.Duration{0, time.Second, 3 * time.Second}

// change is one mutation field: what it looks at before, what it sends, and its user errors.
type change struct {
	ctx      context.Context
	upstream Upstream
	errs     []*model.UserError
	products []product                // that it concerns
	plans    []*licensing.ServicePlan // of these products, as far as they were read
}

// changing begins a change.
func changing(ctx context.Context) *change {
	return &change{ctx: ctx, upstream: upstreamOf(ctx), errs: []*model.UserError{}}
}

// look reads, through loaders of its own, what is needed to check or to read back: nothing that was known before. It runs
// the function until that is not blocked.
func (c *change) look(properties map[string][]string, read func(*loaders.Loaders) error) error {
	l := loaders.New(c.ctx, c.upstream, func(typeName string) []string { return properties[typeName] })
	_, err := loaders.Read(l, func() (struct{}, error) { return struct{}{}, read(l) })
	return err
}

// userError adds an error that the caller can correct, at a place in the input.
func (c *change) userError(code model.UserErrorCode, message string, field ...any) *model.UserError {
	path := []string{"input"}
	for _, step := range field {
		path = append(path, fmt.Sprint(step))
	}
	e := &model.UserError{Field: path, Code: code, Message: message}
	c.errs = append(c.errs, e)
	trailOf(c.ctx).mistaken(fmt.Sprint(code))
	return e
}

// refused notes what the service said of a change that it did not make: a user error, or an
// error at the place given of the answer.
func (c *change) refused(err error, about subject, field []any, at ...ast.PathElement) []*model.UserError {
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

// write makes the changes, and reads back those of which the service has not told everything: what became of the change,
// or the id of what was made. readBack tells of each, by its index, what it found; nothing when nothing can be read. That
// a change is not found does not prove that it was not made.
func (c *change) write(writes []licensing.Write, readBack func(open []int) map[int]licensing.WriteResult) []licensing.WriteResult {
	known := trailOf(c.ctx).writing(len(writes))
	results := c.upstream.Write(c.ctx, writes)
	known(results)
	for _, pause := range readBacks {
		left := open(writes, results)
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

// unreadable is the readBack of changes that leave nothing to read.
func unreadable([]int) map[int]licensing.WriteResult { return nil }

// open returns the indices of the changes that have to be read back.
func open(writes []licensing.Write, results []licensing.WriteResult) []int {
	var indices []int
	for i, result := range results {
		_, creates := writes[i].(licensing.CreateAssignment)
		if result.Outcome == licensing.WriteUnknown || creates && result.Outcome == licensing.WriteDone && result.Assignment == nil {
			indices = append(indices, i)
		}
	}
	return indices
}

// stale tells whether what is read after a change may be older than the change: whether it is not known to be made, or
// the service does not show it yet. Without a change, nothing is.
func stale(outcome licensing.Outcome, shows func() bool) bool {
	return outcome == licensing.WriteUnknown || outcome == licensing.WriteDone && !shows()
}

// show tells of assignments whether the service shows them as they are; nil never shows.
func (c *change) show(assignments []*licensing.Assignment) []bool {
	shown := make([]bool, len(assignments))
	c.look(forReread, func(l *loaders.Loaders) error { //nolint:errcheck // what cannot be read does not show
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

// staleResults tells of new assignments whether what is read of them may be older; see [stale].
func (c *change) staleResults(results []*model.CreateAssignmentResult) []bool {
	var shown []bool
	if slices.ContainsFunc(results, func(r *model.CreateAssignmentResult) bool { return r.Assignment != nil }) {
		shown = c.show(each(results, func(r *model.CreateAssignmentResult) *licensing.Assignment { return r.Assignment }))
	}
	return indexed(results, func(i int, r *model.CreateAssignmentResult) bool {
		return stale(r.Outcome, func() bool { return shown != nil && shown[i] })
	})
}

// staleUpdate is [change.staleResults] for a changed assignment.
func (c *change) staleUpdate(payload *model.UpdateAssignmentPayload) bool {
	return stale(deref(payload.Outcome), func() bool { return c.show([]*licensing.Assignment{payload.Assignment})[0] })
}

// staleDeletion is [change.staleResults] for what belonged to a deleted assignment.
func (c *change) staleDeletion(payload *model.DeleteAssignmentPayload) bool {
	return stale(deref(payload.Outcome), func() bool {
		err := c.look(forReread, func(l *loaders.Loaders) error {
			_, err := l.AssignmentByID.Get(*payload.DeletedAssignmentID)
			return err
		})
		return errors.Is(err, upstream.ErrNotFound)
	})
}

// staleLicenses is [change.staleResults] for who got or lost licenses.
func (c *change) staleLicenses(payload *model.AssignLicensePayload) bool {
	return stale(deref(payload.Outcome), func() bool { return c.licensesShow(payload.Sent) })
}

// plansIn returns the ids of the service plans that are named, by id or by short name, among those of a product. Where
// those are not known, nil, they have to be named by id.
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
			c.userError(model.UserErrorInvalid, "The product is not known: name plans by their ids.", at...)
		case licensing.IsWellKnownPlan(name):
			c.userError(model.UserErrorPlanNotInProduct, "The service plan is not part of the product.", at...)
		default:
			c.userError(model.UserErrorUnknownPlan, "No service plan has this id or short name. `servicePlans` of the product lists them.", at...)
		}
	}
	return ids
}

// planNamed finds a service plan by its id, its short name, or its display name if no other plan has that.
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

// servicePlansOfAllotment returns the plans of an allotment as those of a product; nil when the allotment, or one of its plans,
// is not known.
func servicePlansOfAllotment(a *licensing.Allotment) []*licensing.ServicePlan {
	if a == nil || a.WhyUnread("services") != nil {
		return nil
	}
	return each(a.Services, func(s *licensing.LicensedService) *licensing.ServicePlan {
		return &licensing.ServicePlan{ServicePlanID: &s.PlanID, ServicePlanName: s.PlanName}
	})
}

// inputID is an object id of a list, or what is wrong with it.
type inputID struct {
	text    string
	mistake *model.UserError
}

// directoryIDs reads object ids of which each may be there once; nothing when there are none, or too many.
func (c *change) directoryIDs(inputs []string, field string) []inputID {
	if len(inputs) < 1 || len(inputs) > maxWrites {
		c.userError(model.UserErrorInvalid, "`"+field+"` takes 1 to "+strconv.Itoa(maxWrites)+" elements.", field)
		return nil
	}
	seen := map[licensing.GUID]bool{}
	return indexed(inputs, func(i int, text string) inputID {
		guid, ok := licensing.ParseGUID(text)
		switch {
		case !ok:
			return inputID{strings.ToValidUTF8(text[:min(len(text), maxID)], ""), c.userError(model.UserErrorInvalid, "An object ID is a GUID.", field, i)}
		case seen[guid]:
			return inputID{string(guid), c.userError(model.UserErrorInvalid, "Duplicate ID.", field, i)}
		}
		seen[guid] = true
		return inputID{text: string(guid)}
	})
}

// indexed returns what a function gives of every element and its index.
func indexed[E, V any](elements []E, of func(int, E) V) []V {
	values := make([]V, len(elements))
	for i, element := range elements {
		values[i] = of(i, element)
	}
	return values
}

// sameIDs tells whether two lists hold the same ids.
func sameIDs(a, b []licensing.GUID) bool { return joined(a) == joined(b) }

// assignmentAfter returns an assignment after a change: as the service returned it, or, where only the id is known, as it
// is read now. What belongs to it is read now. Nil stays nil.
func (f *field) assignmentAfter(a *licensing.Assignment) (*licensing.Assignment, error) {
	if a == nil {
		return nil, nil
	}
	if a.DisabledServicePlanIDs != nil {
		f.PrimeAssignment(a)
	}
	return f.AssignmentByID.Get(a.ID)
}

// userNow returns the person of a result as it is after a change, with nothing but the id when it cannot be read; nil when
// the licenses could not be processed.
func (f *field) userNow(result *model.ReprocessResult) (*licensing.User, error) {
	if len(result.UserErrors) > 0 {
		return nil, nil
	}
	user, err := f.UserByID.Get(result.UserID)
	if err != nil && !errors.Is(err, loaders.ErrBlocked) {
		return f.BareUser(result.UserID, err), nil
	}
	return user, err
}

// allotmentNow returns an allotment as it is after a change, with nothing but its id when it cannot be read; nil when there
// is no id.
func (f *field) allotmentNow(id string) (*licensing.Allotment, error) {
	switch {
	case id == "":
		return nil, nil
	case f.idSuffices("Allotment"):
		return &licensing.Allotment{ID: id}, nil
	}
	allotment, err := f.AllotmentByID.Get(id)
	if err != nil && !errors.Is(err, loaders.ErrBlocked) {
		return f.BareAllotment(id, err), nil
	}
	return allotment, err
}

// assigneeNow returns an object as it is after a change, with nothing but its id when it cannot be read; nil when it is
// not known.
func (f *field) assigneeNow(object licensing.DirectoryObject) (licensing.DirectoryObject, error) {
	if object == nil {
		return nil, nil
	}
	now, err := f.DirectoryObjectNow(object)
	if err != nil && !errors.Is(err, loaders.ErrBlocked) {
		return f.Bare(object, err), nil
	}
	return now, err
}
