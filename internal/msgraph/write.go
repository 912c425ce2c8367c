package msgraph

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"licensegraph/internal/licensing"
	"licensegraph/internal/outbound"
)

const (
	createAssignmentEndpoint           = "POST /admin/cloudLicensing/assignments"
	createAssignmentOfDeviceEndpoint   = "POST /devices/{id}/cloudLicensing/assignments"
	updateAssignmentEndpoint           = "PATCH /admin/cloudLicensing/assignments/{id}"
	deleteAssignmentEndpoint           = "DELETE /admin/cloudLicensing/assignments/{id}"
	reprocessAssignmentsEndpoint       = "POST /users/{id}/cloudLicensing/assignments/reprocessAssignments"
	assignLicenseOfUserEndpoint        = "POST /users/{id}/assignLicense"
	assignLicenseOfGroupEndpoint       = "POST /groups/{id}/assignLicense"
	reprocessLicenseAssignmentEndpoint = "POST /users/{id}/reprocessLicenseAssignment"
)

// Write makes changes and returns what became of each, in the same order. No change is sent again unless the service
// certainly has not made it: the service has nothing to tell a repetition by. Those of one group are made one
// after the other, also of several operations; a group is what an assignment is changed for if its kind is not known.
func (o *Operation) Write(ctx context.Context, writes []licensing.Write) []licensing.WriteResult {
	results := make([]licensing.WriteResult, len(writes))
	changes := make([]*change, len(writes))
	for i, w := range writes {
		changes[i] = o.client.change(w)
		changes[i].result = &results[i]
	}
	for _, round := range rounds(changes) {
		o.writeRound(ctx, round)
	}
	return results
}

// change is a write on its way.
type change struct {
	request
	group   string // that has to be changed by one at a time; empty for none
	creates bool   // the answer shows what was made
	invalid error  // why it cannot be sent
	attempt int
	renewed bool // the token
	result  *licensing.WriteResult
}

// rounds splits changes so that no two of a round concern the same group.
func rounds(changes []*change) [][]*change {
	var rounds [][]*change
	before := map[string]int{} // by group
	for _, c := range changes {
		n := 0
		if c.group != "" {
			n = before[c.group]
			before[c.group]++
		}
		if n == len(rounds) {
			rounds = append(rounds, nil)
		}
		rounds[n] = append(rounds[n], c)
	}
	return rounds
}

// writeRound makes changes at the same time, while nobody else changes their groups.
func (o *Operation) writeRound(ctx context.Context, pending []*change) {
	var groups []string
	for _, c := range pending {
		if c.group != "" {
			groups = append(groups, c.group)
		}
	}
	release, err := o.client.groups.hold(ctx, groups)
	if err != nil {
		for _, c := range pending {
			c.settle(&answer{err: err, unsent: true})
		}
		return
	}
	defer release()
	for len(pending) > 0 {
		pending = o.sendChanges(ctx, pending)
	}
}

// sendChanges sends changes, and returns those to be sent again, now that it has waited for as long as the service
// asked.
func (o *Operation) sendChanges(ctx context.Context, changes []*change) []*change {
	var again []*change
	var pause time.Duration
	for i, a := range o.writeAll(ctx, changes) {
		c := changes[i]
		c.settle(&a)
		repeat, delay := o.repeats(ctx, c, &a)
		if repeat {
			again = append(again, c)
			pause = max(pause, delay)
		}
	}
	if pause > 0 && o.client.wait(ctx, pause) != nil {
		return nil // what the service said stands
	}
	for _, c := range again {
		c.attempt++
		o.count(c.endpoint, licensing.Usage{Retries: 1})
	}
	return again
}

// writeAll sends changes and returns the answers in the same order.
func (o *Operation) writeAll(ctx context.Context, changes []*change) []answer {
	answers := make([]answer, len(changes))
	var requests []*request
	var sent []int
	for i, c := range changes {
		if c.invalid != nil {
			answers[i] = answer{err: c.invalid, unsent: true}
			continue
		}
		requests, sent = append(requests, &c.request), append(sent, i)
	}
	for n, a := range o.exchange(ctx, o.client.writer, requests, partUnmade) {
		answers[sent[n]] = a
	}
	return answers
}

// partUnmade tells what the failure of a whole batch means for a part that is a change. What refuses a batch as such
// does so before any part has run.
func partUnmade(whole answer) answer {
	switch whole.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return whole // as if the part had been answered so
	}
	failure := whole.failure(batchEndpoint)
	unsent := whole.unsent
	switch whole.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusRequestEntityTooLarge:
		unsent = true
		failure.Kind = licensing.ErrUnavailable // nothing is known to be wrong with the part
	}
	return answer{err: failure, unsent: unsent}
}

// outcome tells what an answer says about a change.
func outcome(a *answer) licensing.Outcome {
	switch {
	case a.ok():
		return licensing.WriteDone
	case a.unsent,
		a.err == nil && a.status >= 400 && a.status < 500,
		a.err == nil && a.status == http.StatusServiceUnavailable && outbound.RetryAfter(a.header, time.Now()) > 0:
		return licensing.WriteNotDone
	}
	return licensing.WriteUnknown
}

// repeats tells whether a change has to be sent again, and after what pause. It has to be one that the service has
// put off, or whose token it did not take.
func (o *Operation) repeats(ctx context.Context, c *change, a *answer) (again bool, pause time.Duration) {
	if a.err != nil || outcome(a) != licensing.WriteNotDone || ctx.Err() != nil {
		return false, 0
	}
	switch a.status {
	case http.StatusUnauthorized:
		renew := !c.renewed && o.refused(a)
		c.renewed = true
		return renew, 0
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return repeatable(ctx, c.attempt, a.status, outbound.RetryAfter(a.header, time.Now()))
	}
	return false, 0
}

// settle notes what became of a change, as far as the answer tells.
func (c *change) settle(a *answer) {
	*c.result = licensing.WriteResult{Outcome: outcome(a), RequestID: requestID(a.header)}
	if c.result.Outcome == licensing.WriteDone {
		if c.creates {
			c.result.ID = idOf(a.body)
		}
		return
	}
	if _, known := errors.AsType[*licensing.InputError](a.err); known {
		c.result.Err = a.err
		return
	}
	failure := *a.failure(c.endpoint)
	failure.Retryable = failure.Retryable && c.result.Outcome == licensing.WriteNotDone
	if c.endpoint == createAssignmentOfDeviceEndpoint && errors.Is(failure.Kind, licensing.ErrNotFound) {
		failure.Kind = licensing.ErrNotOffered // as the reads of devices: callers have seen the device
	}
	c.result.Err = &failure
}

// requestID returns the service's own id of a request; empty when it shows none that is sane.
func requestID(header http.Header) string {
	id := header.Get("request-id")
	if len(id) > 100 {
		return ""
	}
	return id
}

// idOf returns the id of the entity in an answer; empty when it shows none.
func idOf(body []byte) string {
	var entity struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(unwrapped(body), &entity) != nil {
		return ""
	}
	return licensing.FoldID(entity.ID)
}

// change returns how a write is sent.
func (c *Client) change(w licensing.Write) *change {
	switch w := w.(type) {
	case licensing.CreateAssignment:
		return c.createAssignment(w)
	case licensing.UpdateAssignment:
		return &change{group: groupKey(w.AssignedTo), request: request{
			endpoint: updateAssignmentEndpoint, method: http.MethodPatch, url: below(assignmentsPath, w.ID),
			body: map[string]any{"disabledServicePlanIds": guids(w.DisabledServicePlanIDs)},
		}}
	case licensing.DeleteAssignment:
		return &change{group: groupKey(w.AssignedTo), request: request{
			endpoint: deleteAssignmentEndpoint, method: http.MethodDelete, url: below(assignmentsPath, w.ID),
		}}
	case licensing.ReprocessAssignments:
		return &change{request: request{
			endpoint: reprocessAssignmentsEndpoint, method: http.MethodPost,
			url: ofUsers.below(w.UserID, "assignments/reprocessAssignments"), body: struct{}{},
		}}
	case licensing.AssignLicense:
		return assignLicense(w)
	case licensing.ReprocessLicenseAssignment:
		return &change{request: request{
			endpoint: reprocessLicenseAssignmentEndpoint, method: http.MethodPost,
			url: below("/users", w.UserID, "reprocessLicenseAssignment"), body: struct{}{},
		}}
	}
	return &change{invalid: &licensing.InputError{Message: "the gateway does not know this kind of change"}}
}

func (c *Client) createAssignment(w licensing.CreateAssignment) *change {
	body := map[string]any{
		"allotment@odata.bind":   c.base.String() + below(allotmentsPath, w.AllotmentID),
		"disabledServicePlanIds": guids(w.DisabledServicePlanIDs),
	}
	made := &change{creates: true, request: request{
		endpoint: createAssignmentEndpoint, method: http.MethodPost, url: assignmentsPath, body: body,
	}}
	switch w.AssignedTo.Type {
	case licensing.AssigneeUser:
		body["assignedTo@odata.bind"] = c.base.String() + below("/users", w.AssignedTo.ID)
	case licensing.AssigneeGroup:
		body["assignedTo@odata.bind"] = c.base.String() + below("/groups", w.AssignedTo.ID)
		made.group = groupKey(w.AssignedTo.ID)
	case licensing.AssigneeDevice:
		made.endpoint, made.url = createAssignmentOfDeviceEndpoint, ofDevices.below(w.AssignedTo.ID, "assignments")
	default:
		made.invalid = &licensing.InputError{Message: "a unit of an allotment can be given to a user, a group or a device"}
	}
	return made
}

func assignLicense(w licensing.AssignLicense) *change {
	type license struct {
		SkuID         *licensing.GUID  `json:"skuId"`
		DisabledPlans []licensing.GUID `json:"disabledPlans"`
	}
	add := make([]license, len(w.Add))
	for i, l := range w.Add {
		add[i] = license{l.SkuID, guids(l.DisabledPlans)}
	}
	made := &change{request: request{
		method: http.MethodPost,
		body:   map[string]any{"addLicenses": add, "removeLicenses": guids(w.Remove)},
	}}
	switch w.AssignedTo.Type {
	case licensing.AssigneeUser:
		made.endpoint, made.url = assignLicenseOfUserEndpoint, below("/users", w.AssignedTo.ID, "assignLicense")
	case licensing.AssigneeGroup:
		made.endpoint, made.url = assignLicenseOfGroupEndpoint, below("/groups", w.AssignedTo.ID, "assignLicense")
		made.group = groupKey(w.AssignedTo.ID)
	default:
		made.invalid = &licensing.InputError{Message: "a licence can be given to a user or a group"}
	}
	return made
}

// guids returns the ids as the service wants them: none are an empty list, not null.
func guids(ids []licensing.GUID) []licensing.GUID {
	return append([]licensing.GUID{}, ids...)
}

// groupKey returns the id of a group as it is compared, without regard to case.
func groupKey(id string) string { return strings.ToLower(id) }
