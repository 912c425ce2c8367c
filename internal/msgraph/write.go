package msgraph

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"licensegraph/internal/decode"
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
	updateUserEndpoint                 = "PATCH /users/{id}"
	reprocessLicenseAssignmentEndpoint = "POST /users/{id}/reprocessLicenseAssignment"
	addMemberEndpoint                  = "POST /groups/{id}/members/$ref"
	removeMemberEndpoint               = "DELETE /groups/{id}/members/{id}/$ref"
	reprocessGroupEndpoint             = "POST /groups/{id}/cloudLicensing/assignments/reprocessAssignments"
)

func init() {
	maps.Copy(permissions, map[string]string{
		createAssignmentEndpoint:           "CloudLicensing.AssignLicenses.Organization",
		createAssignmentOfDeviceEndpoint:   "CloudLicensing-Assignment.ReadWrite.All",
		updateAssignmentEndpoint:           "CloudLicensing.AssignLicenses.Organization",
		deleteAssignmentEndpoint:           "CloudLicensing.AssignLicenses.Organization",
		reprocessAssignmentsEndpoint:       "CloudLicensing.AssignLicenses.Organization",
		assignLicenseOfUserEndpoint:        "LicenseAssignment.ReadWrite.All",
		assignLicenseOfGroupEndpoint:       "LicenseAssignment.ReadWrite.All",
		updateUserEndpoint:                 "User.ReadWrite.All",
		reprocessLicenseAssignmentEndpoint: "User.ReadWrite.All",
		addMemberEndpoint:                  "GroupMember.ReadWrite.All",
		removeMemberEndpoint:               "GroupMember.ReadWrite.All",
		reprocessGroupEndpoint:             "Group.ReadWrite.All",
	})
}

// Write sends the writes and returns their results in the same order. It retries a write only after a response that
// requires it: 429, 503 with Retry-After, or a rejected token. Writes of the same group are sequential, across
// operations. An assignment's target of unknown type counts as a group.
// It then invalidates the cached reference data of the tenant.
func (o *Operation) Write(ctx context.Context, writes []licensing.Write) []licensing.WriteResult {
	if cached := o.client.reference; cached != nil {
		defer cached.Invalidate(context.WithoutCancel(ctx))
	}
	o.writes.Store(true)
	results := make([]licensing.WriteResult, len(writes))
	changes := make([]*change, len(writes))
	for i, w := range writes {
		changes[i] = o.change(w)
		changes[i].result = &results[i]
	}
	for _, round := range rounds(changes) {
		o.writeRound(ctx, round)
	}
	return results
}

// change is a write in progress.
type change struct {
	request
	group     string // whose changes are sequential; empty if there is none
	parallel  bool   // with the other changes of the group in this operation
	optional  bool   // the tenant may not provide the endpoint
	success   success
	invalid   error // the write cannot be sent
	attempt   int
	renewed   bool // the token was renewed
	maybeMade bool // a response was 503: the change may have been made
	result    *licensing.WriteResult
}

// success is the documented response of a successful write.
type success struct {
	status  int    // 0 means any 2xx
	id      string // of the object in the body; empty if it is not known in advance
	partial bool   // the object may have no ID
	silent  bool   // the response has no body
}

// rounds splits changes so that each round has at most one change per group, except parallel ones.
func rounds(changes []*change) [][]*change {
	var rounds [][]*change
	before := map[string]int{} // by group
	for _, c := range changes {
		n := 0
		if c.group != "" && !c.parallel {
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

// writeRound sends changes concurrently, with their groups locked.
func (o *Operation) writeRound(ctx context.Context, pending []*change) {
	var groups []string
	for _, c := range pending {
		if c.group != "" {
			groups = append(groups, c.group)
		}
	}
	release, err := o.client.groups.acquire(ctx, groups)
	if err != nil {
		for _, c := range pending {
			c.settle(&response{err: err, unsent: true})
		}
		return
	}
	defer release()
	for len(pending) > 0 {
		pending = o.sendChanges(ctx, pending)
	}
}

// sendChanges sends changes, waits for the requested delay, and returns the changes to retry.
func (o *Operation) sendChanges(ctx context.Context, changes []*change) []*change {
	var again []*change
	var pause time.Duration
	for i, a := range o.writeAll(ctx, changes) {
		c := changes[i]
		c.settle(&a)
		if c.optional {
			o.settleOptional(c, &a)
		}
		repeat, delay := o.repeats(ctx, c, &a)
		if repeat {
			again = append(again, c)
			pause = max(pause, delay)
		}
	}
	if pause > 0 && o.client.wait(ctx, pause) != nil {
		return nil // keep the last result
	}
	o.countWait(pause)
	for _, c := range again {
		c.attempt++
		o.countRetry(c.endpoint)
	}
	return again
}

// writeAll sends changes and returns the responses in the same order.
func (o *Operation) writeAll(ctx context.Context, changes []*change) []response {
	responses := make([]response, len(changes))
	var requests []*request
	var sent []int
	for i, c := range changes {
		if c.invalid != nil {
			responses[i] = response{err: c.invalid, unsent: true}
			continue
		}
		requests, sent = append(requests, &c.request), append(sent, i)
	}
	for n, a := range o.exchange(ctx, o.client.writer, requests, failedChange) {
		responses[sent[n]] = a
	}
	return responses
}

// failedChange returns the response of a change in a batch that failed as a whole. Microsoft Graph rejects a batch before
// it runs any of its requests.
func failedChange(whole response) response {
	switch whole.status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return whole // each change gets the same response
	}
	failure := whole.failure(batchEndpoint)
	unsent := whole.unsent
	switch whole.status {
	case http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed:
		unsent = unsent || whole.err == nil && whole.ofService()
	}
	if whole.err == nil {
		failure.Kind = upstream.ErrUnavailable // the status is about the batch, not about the change
	}
	return response{err: failure, unsent: unsent}
}

// outcome returns the outcome that a response reports. Only responses of Microsoft Graph count: an intermediary can
// respond in its place, also after the change was made.
func (c *change) outcome(a *response) licensing.Outcome {
	switch {
	case a.unsent:
		return licensing.WriteNotDone
	case a.err != nil:
		return licensing.WriteUnknown
	case a.ok() && c.confirmed(a):
		return licensing.WriteDone
	case a.status == http.StatusTooManyRequests, rejected(a), c.optional && a.status == http.StatusNotImplemented && a.ofService():
		return licensing.WriteNotDone
	}
	return licensing.WriteUnknown
}

// confirmed reports whether a 2xx response is the documented one. Another one may come from an intermediary, or mean
// that the request was only accepted.
func (c *change) confirmed(a *response) bool {
	want := c.success
	if want.status != 0 && a.status != want.status {
		return false
	}
	if want.silent {
		return nothing(a.body)
	}
	type assignment struct {
		ID       string            `json:"id"`
		Disabled []json.RawMessage `json:"disabledServicePlanIds"`
	}
	var object struct {
		assignment
		Value *assignment `json:"value"` // an envelope
	}
	if nothing(a.body) || json.Unmarshal([]byte(a.body), &object) != nil {
		return false
	}
	if object.ID == "" && object.Value != nil {
		object.assignment = *object.Value
	}
	if object.ID == "" {
		return want.partial && object.Disabled != nil
	}
	return want.id == "" || strings.EqualFold(object.ID, want.id)
}

// rejected reports whether Microsoft Graph rejected the change. Other 4xx statuses come from intermediaries, or
// describe a timeout or the transport, not the outcome.
func rejected(a *response) bool {
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

// repeats reports whether to retry a change, and the pause before it: after 429, 503 with Retry-After, or a rejected
// token. After 503 the change may have been made; Microsoft Graph then rejects the retry or has nothing to change.
func (o *Operation) repeats(ctx context.Context, c *change, a *response) (again bool, pause time.Duration) {
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
		c.maybeMade = true
	}
	return again, pause
}

// refusesRepetition reports whether a rejected retry may mean that an earlier attempt made the change, such as when the
// assignment already exists. A 429 or 401 does not.
func refusesRepetition(a *response) bool {
	return a.err == nil && a.status != http.StatusTooManyRequests && a.status != http.StatusUnauthorized
}

// settle sets the result of a change from a response.
func (c *change) settle(a *response) {
	*c.result = licensing.WriteResult{Outcome: c.outcome(a), RequestID: requestID(a.header)}
	if c.result.Outcome == licensing.WriteDone {
		switch c.endpoint {
		case createAssignmentEndpoint, createAssignmentOfDeviceEndpoint, updateAssignmentEndpoint:
			c.result.Assignment = assignmentIn(a.body)
		}
		return
	}
	if c.maybeMade || c.attempt > 0 && refusesRepetition(a) {
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
		failure.Kind = upstream.ErrNotOffered // as for reads of devices: the device exists
	}
	c.result.Err = &failure
}

// settleOptional records whether the tenant provides the endpoint of a change of an existing object, and sets the kind of
// the error to [upstream.ErrNotOffered] if it does not. A 404 can have another cause: several in a row establish it, and
// none if the endpoint has responded.
func (o *Operation) settleOptional(c *change, a *response) {
	failure, _ := errors.AsType[*upstream.Error](c.result.Err)
	switch {
	case c.result.Outcome == licensing.WriteDone:
		o.capabilities.record(responds(c.endpoint))
		o.capabilities.clearObservations(notProvided(c.endpoint))
	case failure == nil || a.unsent || c.result.Outcome != licensing.WriteNotDone:
	case a.status == http.StatusNotFound:
		o.absent(c.endpoint, failure)
	case a.status == http.StatusMethodNotAllowed, a.status == http.StatusNotImplemented:
		o.capabilities.record(notProvided(c.endpoint))
		failure.Kind = upstream.ErrNotOffered
	}
}

// lacksPermission are the codes, in lower case, of a 403 for a missing permission or role. Other codes are rejections
// by the tenant, such as by a policy.
var lacksPermission = map[string]bool{
	"": true, "forbidden": true, "accessdenied": true, "erroraccessdenied": true, "unauthorized": true, "unauthorizedaccess": true,
	"authorization_requestdenied": true, "authorization_identitynotfound": true, "missingrequiredpermission": true,
	"allotmentpermissions": true, "insufficientpermissions": true, "insufficientprivileges": true,
}

// failure returns the error of a response that does not confirm the change.
func (c *change) failure(a *response) *upstream.Error {
	failure := a.failure(c.endpoint)
	switch {
	case failure == nil:
		return &upstream.Error{
			Kind: upstream.ErrUnavailable, Operation: c.endpoint, Status: a.status, RequestID: requestID(a.header),
			Cause: errors.New("undocumented success response"),
		}
	case a.err == nil && c.outcome(a) == licensing.WriteUnknown:
		failure.Kind, failure.Permission, failure.PermissionAlternatives = upstream.ErrUnavailable, "", nil // the response is not about the change
	}
	return failure
}

// requestID returns Microsoft Graph's request ID; empty if there is no valid one.
func requestID(header http.Header) string {
	id := header.Get("request-id")
	if len(id) > 100 {
		return ""
	}
	return id
}

// assignmentIn returns the assignment in a response; nil if there is none with an ID.
func assignmentIn(body string) *licensing.Assignment {
	a, err := assignmentType.Read(decode.New(body))
	if err != nil {
		return nil
	}
	return a
}

// change returns the request of a write. An optional request that the tenant is known not to provide is invalid.
func (o *Operation) change(w licensing.Write) *change {
	made := o.client.change(w)
	if made.optional && o.capabilities.has(notProvided(made.endpoint)) && !o.capabilities.has(responds(made.endpoint)) {
		made.invalid = notOffered(made.endpoint)
	}
	return made
}

// deletable are the URLs that the gateway may delete: an assignment, and the reference from a group to a member. Without
// $ref, Microsoft Graph deletes the member itself ("Remove member").
var deletable = regexp.MustCompile(`^/admin/cloudLicensing/assignments/[^/?#]+$|^/groups/[0-9a-f-]{36}/members/[0-9a-f-]{36}/\$ref$`)

// change returns the request of a write. A DELETE of anything else than [deletable] is invalid.
func (c *Client) change(w licensing.Write) *change {
	made := c.changeOf(w)
	if made.invalid == nil && made.method == http.MethodDelete && !deletable.MatchString(made.url) {
		made.invalid = &upstream.InputError{Message: "invalid ID of an object to delete"}
	}
	return made
}

func (c *Client) changeOf(w licensing.Write) *change {
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
		return &change{optional: w.Known, success: success{silent: true}, request: request{
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
	case licensing.SetUsageLocation:
		return &change{success: success{status: http.StatusNoContent, silent: true}, request: request{
			endpoint: updateUserEndpoint, method: http.MethodPatch, url: below("/users", w.UserID),
			body: map[string]string{"usageLocation": w.UsageLocation},
		}}
	case licensing.AddGroupMember:
		return &change{group: groupKey(w.GroupID), parallel: true, success: success{status: http.StatusNoContent, silent: true}, request: request{
			endpoint: addMemberEndpoint, method: http.MethodPost, url: below("/groups", w.GroupID, "members/$ref"),
			body: map[string]string{"@odata.id": c.base.JoinPath("../v1.0/directoryObjects", w.MemberID).String()},
		}}
	case licensing.RemoveGroupMember:
		return &change{group: groupKey(w.GroupID), parallel: true, success: success{status: http.StatusNoContent, silent: true}, request: request{
			endpoint: removeMemberEndpoint, method: http.MethodDelete,
			url: below("/groups", groupKey(w.GroupID), "members", url.PathEscape(groupKey(w.MemberID)), "$ref"),
		}}
	case licensing.ReprocessGroup:
		return &change{group: groupKey(w.GroupID), optional: true, success: success{silent: true}, request: request{
			endpoint: reprocessGroupEndpoint, method: http.MethodPost,
			url: ofGroups.below(w.GroupID, "assignments/reprocessAssignments"), body: struct{}{},
		}}
	}
	return &change{invalid: &upstream.InputError{Message: "unknown type of change"}}
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
		made.invalid = &upstream.InputError{Message: "invalid assignee: want a user, a group or a device"}
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
		made.invalid = &upstream.InputError{Message: "invalid assignee: want a user or a group"}
	}
	return made
}

// guids returns the IDs, with an empty list in place of null, which Microsoft Graph requires.
func guids(ids []licensing.GUID) []licensing.GUID {
	return append([]licensing.GUID{}, ids...)
}

// groupKey returns the lock key of a group, ignoring case.
func groupKey(id string) string { return strings.ToLower(id) }
