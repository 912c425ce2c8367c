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
	"licensegraph/internal/upstream"
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

// Write makes changes and returns what became of each, in the same order. A change is sent again only when the service
// asks for that: it throttled the change, put it off, or did not accept the token. Those of one group are made one
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
	success success
	invalid error // why it cannot be sent
	attempt int
	renewed bool // the token
	doubted bool // it was put off, and may have been made nevertheless
	result  *licensing.WriteResult
}

// success is the answer that the service documents for a change that it made.
type success struct {
	status  int    // 0: any of a success
	id      string // of the object in the body; empty when it is not known before
	partial bool   // the object may lack its id
	silent  bool   // there is no body
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
		o.count(c.endpoint, upstream.Usage{Retries: 1})
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

// partUnmade tells what the failure of a whole batch means for a part that is a change. What the service rejects as a
// batch, it rejects before any part has run.
func partUnmade(whole answer) answer {
	switch whole.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return whole // as if the part had been answered so
	}
	failure := whole.failure(batchEndpoint)
	unsent := whole.unsent
	switch whole.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed:
		unsent = unsent || whole.err == nil && whole.ofService()
	}
	if whole.err == nil {
		failure.Kind = upstream.ErrUnavailable // nothing is known to be wrong with the part
	}
	return answer{err: failure, unsent: unsent}
}

// outcome tells what an answer says about a change. An intermediary can answer in the service's place, also after the
// service has made the change, so that only the service's own answers count.
func (c *change) outcome(a *answer) licensing.Outcome {
	switch {
	case a.unsent:
		return licensing.WriteNotDone
	case a.err != nil:
		return licensing.WriteUnknown
	case a.ok() && c.confirmed(a):
		return licensing.WriteDone
	case a.status == http.StatusTooManyRequests, rejected(a):
		return licensing.WriteNotDone
	}
	return licensing.WriteUnknown
}

// confirmed tells whether a success is the one that the service documents for the change. Another one can be that of an
// intermediary, or of a service that has only taken the request.
func (c *change) confirmed(a *answer) bool {
	want := c.success
	if want.status != 0 && a.status != want.status {
		return false
	}
	if want.silent {
		return nothing(a.body)
	}
	var object struct {
		ID       string            `json:"id"`
		Disabled []json.RawMessage `json:"disabledServicePlanIds"`
	}
	if nothing(a.body) || json.Unmarshal(unwrapped(a.body), &object) != nil {
		return false
	}
	if object.ID == "" {
		return want.partial && object.Disabled != nil
	}
	return want.id == "" || strings.EqualFold(object.ID, want.id)
}

// rejected tells whether the service has looked at a change and not made it. Other statuses of the 400s are those of
// intermediaries, or say that a request took too long, or came the wrong way, whatever became of it.
func rejected(a *answer) bool {
	switch a.status {
	case http.StatusUnauthorized:
		return a.ofService() || a.header.Get("WWW-Authenticate") != ""
	case http.StatusBadRequest, http.StatusPaymentRequired, http.StatusForbidden, http.StatusNotFound,
		http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusConflict, http.StatusGone, http.StatusLengthRequired,
		http.StatusPreconditionFailed, http.StatusUnsupportedMediaType, http.StatusRequestedRangeNotSatisfiable,
		http.StatusUnprocessableEntity, http.StatusLocked:
		return a.ofService()
	}
	return false
}

// repeats tells whether a change has to be sent again, and after what pause: the service has throttled it, has put it off
// to a time that it named, or did not accept its token. What was put off may have been made nevertheless; the service
// then refuses the repetition, or finds nothing left to change.
func (o *Operation) repeats(ctx context.Context, c *change, a *answer) (again bool, pause time.Duration) {
	if a.err != nil || ctx.Err() != nil {
		return false, 0
	}
	asked := outbound.RetryAfter(a.header, time.Now())
	switch {
	case a.status == http.StatusUnauthorized && rejected(a):
		again = !c.renewed && o.refused(a)
		c.renewed = true
	case a.status == http.StatusTooManyRequests:
		again, pause = repeatable(ctx, c.attempt, a.status, asked)
	case a.status == http.StatusServiceUnavailable && asked > 0:
		again, pause = repeatable(ctx, c.attempt, a.status, asked)
		c.doubted = true
	}
	return again, pause
}

// refusesRepetition tells whether a repeated change is refused for what an attempt before may have made, such as that it is
// there already, or nothing is left to change. That it is throttled, or its token not accepted, says nothing of that.
func refusesRepetition(a *answer) bool {
	return a.err == nil && a.status != http.StatusTooManyRequests && a.status != http.StatusUnauthorized
}

// settle notes what became of a change, as far as the answer tells.
func (c *change) settle(a *answer) {
	*c.result = licensing.WriteResult{Outcome: c.outcome(a), RequestID: requestID(a.header)}
	if c.result.Outcome == licensing.WriteDone {
		switch c.endpoint {
		case createAssignmentEndpoint, createAssignmentOfDeviceEndpoint, updateAssignmentEndpoint:
			c.result.Assignment = assignmentIn(a.body)
		}
		return
	}
	if c.doubted || c.attempt > 0 && refusesRepetition(a) {
		c.result.Outcome = licensing.WriteUnknown
	}
	if _, known := errors.AsType[*upstream.InputError](a.err); known {
		c.result.Err = a.err
		return
	}
	failure := *c.failure(a)
	if rejected(a) {
		failure.Sentence = sentence(a.body)
	}
	if errors.Is(failure.Kind, upstream.ErrForbidden) && failure.Sentence != "" && !lacksPermission[strings.ToLower(failure.Code)] {
		failure.Kind, failure.Permission, failure.PermissionAlternatives = upstream.ErrRefused, "", nil
	}
	failure.Retryable = failure.Retryable && c.result.Outcome == licensing.WriteNotDone
	if c.endpoint == createAssignmentOfDeviceEndpoint && errors.Is(failure.Kind, upstream.ErrNotFound) {
		failure.Kind = upstream.ErrNotOffered // as the reads of devices: callers have seen the device
	}
	c.result.Err = &failure
}

// lacksPermission are the codes, in lower case, of a 403 that says that the caller lacks a permission or a role. Others are
// refusals for a reason of the tenant's own, such as a policy.
var lacksPermission = map[string]bool{
	"": true, "forbidden": true, "accessdenied": true, "erroraccessdenied": true, "unauthorized": true, "unauthorizedaccess": true,
	"authorization_requestdenied": true, "authorization_identitynotfound": true, "missingrequiredpermission": true,
	"allotmentpermissions": true, "insufficientpermissions": true, "insufficientprivileges": true,
}

// failure returns why an answer does not tell that a change was made.
func (c *change) failure(a *answer) *upstream.Error {
	failure := a.failure(c.endpoint)
	switch {
	case failure == nil:
		return &upstream.Error{
			Kind: upstream.ErrUnavailable, Operation: c.endpoint, Status: a.status, RequestID: requestID(a.header),
			Cause: errors.New("the answer is not the one that is documented for a success"),
		}
	case a.err == nil && c.outcome(a) == licensing.WriteUnknown:
		failure.Kind, failure.Permission, failure.PermissionAlternatives = upstream.ErrUnavailable, "", nil // it says nothing about the change
	}
	return failure
}

// requestID returns the service's own id of a request; empty when it shows none that is sane.
func requestID(header http.Header) string {
	id := header.Get("request-id")
	if len(id) > 100 {
		return ""
	}
	return id
}

// assignmentIn returns the assignment in an answer; nil when there is none with an id.
func assignmentIn(body []byte) *licensing.Assignment {
	a, err := decode[licensing.Assignment](body)
	if err != nil {
		return nil
	}
	return a
}

// change returns how a write is sent.
func (c *Client) change(w licensing.Write) *change {
	switch w := w.(type) {
	case licensing.CreateAssignment:
		return c.createAssignment(w)
	case licensing.UpdateAssignment:
		return &change{group: groupKey(w.AssignedTo), success: success{status: http.StatusOK, id: w.ID, partial: true}, request: request{
			endpoint: updateAssignmentEndpoint, method: http.MethodPatch, url: below(assignmentsPath, w.ID),
			body: map[string]any{"disabledServicePlanIds": guids(w.DisabledServicePlanIDs)},
		}}
	case licensing.DeleteAssignment:
		return &change{group: groupKey(w.AssignedTo), success: success{status: http.StatusNoContent, silent: true}, request: request{
			endpoint: deleteAssignmentEndpoint, method: http.MethodDelete, url: below(assignmentsPath, w.ID),
		}}
	case licensing.ReprocessAssignments:
		return &change{success: success{silent: true}, request: request{
			endpoint: reprocessAssignmentsEndpoint, method: http.MethodPost,
			url: ofUsers.below(w.UserID, "assignments/reprocessAssignments"), body: struct{}{},
		}}
	case licensing.AssignLicense:
		return assignLicense(w)
	case licensing.ReprocessLicenseAssignment:
		return &change{success: success{status: http.StatusOK, id: w.UserID}, request: request{
			endpoint: reprocessLicenseAssignmentEndpoint, method: http.MethodPost,
			url: below("/users", w.UserID, "reprocessLicenseAssignment"), body: struct{}{},
		}}
	}
	return &change{invalid: &upstream.InputError{Message: "the gateway does not know this kind of change"}}
}

func (c *Client) createAssignment(w licensing.CreateAssignment) *change {
	body := map[string]any{
		"allotment@odata.bind":   c.base.String() + below(allotmentsPath, w.AllotmentID),
		"disabledServicePlanIds": guids(w.DisabledServicePlanIDs),
	}
	made := &change{success: success{status: http.StatusCreated, partial: true}, request: request{
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
		made.invalid = &upstream.InputError{Message: "a unit of an allotment can be given to a user, a group or a device"}
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
	made := &change{success: success{status: http.StatusOK, id: w.AssignedTo.ID}, request: request{
		method: http.MethodPost,
		body:   map[string]any{"addLicenses": add, "removeLicenses": guids(w.Remove)},
	}}
	switch w.AssignedTo.Type {
	case licensing.AssigneeUser:
		made.endpoint, made.url = assignLicenseOfUserEndpoint, below("/users", w.AssignedTo.ID, "assignLicense")
	case licensing.AssigneeGroup:
		made.endpoint, made.url = assignLicenseOfGroupEndpoint, below("/groups", w.AssignedTo.ID, "assignLicense")
		made.group, made.success.status = groupKey(w.AssignedTo.ID), http.StatusAccepted
	default:
		made.invalid = &upstream.InputError{Message: "a license can be given to a user or a group"}
	}
	return made
}

// guids returns the ids as the service wants them: none are an empty list, not null.
func guids(ids []licensing.GUID) []licensing.GUID {
	return append([]licensing.GUID{}, ids...)
}

// groupKey returns the id of a group as it is compared, without regard to case.
func groupKey(id string) string { return strings.ToLower(id) }
