package msgraph

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"

	"licensegraph/internal/decode"
	"licensegraph/internal/outbound"
	"licensegraph/internal/upstream"
)

// failure returns the error of a response; nil for a 2xx status.
func (a *response) failure(endpoint string) *upstream.Error {
	if a.err != nil {
		if known, ok := errors.AsType[*upstream.Error](a.err); ok {
			return known
		}
		return &upstream.Error{Kind: upstream.ErrUnavailable, Operation: endpoint, Retryable: !errors.Is(a.err, errTooLarge), Cause: a.err}
	}
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	code, requestID := errorCode(a.body)
	if id := a.header.Get("request-id"); id != "" {
		requestID = id
	}
	failure := &upstream.Error{
		Kind:       upstream.ErrUnavailable,
		Operation:  endpoint,
		Status:     a.status,
		Code:       code,
		RequestID:  requestID,
		RetryAfter: outbound.RetryAfter(a.header, time.Now()),
		Retryable:  retryable(a.status),
		Personal:   a.personal,
	}
	switch a.status {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusConflict, http.StatusPreconditionFailed,
		http.StatusUnprocessableEntity, http.StatusNotImplemented:
		failure.Kind = upstream.ErrRefused
	case http.StatusUnauthorized:
		failure.Kind = upstream.ErrUnauthenticated
		if a.personal {
			failure.Kind, failure.Claims = upstream.ErrSignIn, claimsChallenge(a.header)
		}
	case http.StatusForbidden:
		failure.Kind = upstream.ErrForbidden
		if code == nonPremium && strings.HasPrefix(endpoint, http.MethodGet) {
			failure.Kind = upstream.ErrUnlicensed
		} else if !a.personal { // delegated permissions differ
			failure.Permission, failure.PermissionAlternatives = permissions[endpoint], alternatives(endpoint)
		}
	case http.StatusNotFound, http.StatusGone:
		failure.Kind = upstream.ErrNotFound
		switch { // only an endpoint with an ID can have a missing object
		case endpoint == batchEndpoint:
			failure.Kind = upstream.ErrUnavailable
		case !strings.Contains(endpoint, "{"):
			failure.Kind = upstream.ErrNotOffered
		}
	case http.StatusTooManyRequests:
		failure.Kind = upstream.ErrThrottled
	}
	return failure
}

// ofService reports whether the body is an error object of Microsoft Graph: one with a code, possibly empty (Microsoft
// Learn, "Microsoft Graph error responses and resource types").
func (a *response) ofService() bool {
	var envelope struct {
		Error *struct {
			Code *string `json:"code"`
		} `json:"error"`
	}
	return json.Unmarshal([]byte(a.body), &envelope) == nil && envelope.Error != nil && envelope.Error.Code != nil
}

// read decodes the body of a 2xx response, unless it was decoded with its batch.
func (a *response) read(r *request) {
	if a.decoded || r.decode == nil {
		return
	}
	d := decode.New(a.body)
	a.unreadable, a.decoded = r.decode(d), true
	if err := d.End(); err != nil {
		a.unreadable = err
	}
}

// malformed returns the error of a 2xx response whose body is not JSON, such as a truncated body or an intermediary's
// page; nil otherwise. The error is retryable.
func (a *response) malformed(endpoint string) *upstream.Error {
	if !errors.Is(a.unreadable, decode.ErrSyntax) {
		body := strings.TrimSpace(a.body)
		empty := nothing(body)
		switch {
		case a.part && (empty || body[0] != '"'): // a JSON string in a batch is an intermediary's text
			return nil
		case !a.part && empty && (a.status == http.StatusNoContent || len(body) > 0):
			return nil
		case !empty && body[0] == '{' && (a.decoded || json.Valid([]byte(body))):
			return nil
		}
	}
	return &upstream.Error{
		Kind: upstream.ErrUnavailable, Operation: endpoint, RequestID: a.header.Get("request-id"), Retryable: true,
		Cause: errors.New("the response is not a JSON object"),
	}
}

// unreadable returns the error of a response that the endpoint should not send.
func unreadable(endpoint string, cause error) error {
	return &upstream.Error{Kind: upstream.ErrUnavailable, Operation: endpoint, Cause: cause}
}

// maxInnerErrors is the maximum depth of inner errors.
const maxInnerErrors = 8

// errorCode returns the innermost code of an error and the request ID. Services use innerError or innererror, and may
// leave code empty.
func errorCode(body string) (code, requestID string) {
	type inner struct {
		Code       string          `json:"code"`
		RequestID  string          `json:"request-id"`
		InnerError json.RawMessage `json:"innerError"` // encoding/json ignores case
	}
	var envelope struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal([]byte(body), &envelope) != nil {
		return "", ""
	}
	next := envelope.Error
	for range maxInnerErrors {
		var e inner
		if len(next) == 0 || json.Unmarshal(next, &e) != nil {
			break
		}
		if e.Code != "" && len(e.Code) <= 100 && strings.Trim(e.Code, "0123456789") != "" { // some services send the status as a code
			code = e.Code
		}
		if e.RequestID != "" && len(e.RequestID) <= 100 {
			requestID = e.RequestID
		}
		next = e.InnerError
	}
	return code, requestID
}

// maxSentence is the maximum number of characters of a message from Microsoft Graph.
const maxSentence = 500

// sentence returns the message of an error response on one line; empty if there is none.
func sentence(body string) string {
	var envelope struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if json.Unmarshal([]byte(body), &envelope) != nil {
		return ""
	}
	printable := strings.Map(func(r rune) rune {
		if !unicode.IsGraphic(r) { // control and direction characters
			return ' '
		}
		return r
	}, envelope.Error.Message)
	runes := []rune(strings.Join(strings.Fields(printable), " "))
	if len(runes) > maxSentence {
		return string(runes[:maxSentence-1]) + "…"
	}
	return string(runes)
}

// notOffered returns the error of an endpoint that the tenant does not provide.
func notOffered(endpoint string) *upstream.Error {
	return &upstream.Error{Kind: upstream.ErrNotOffered, Operation: endpoint}
}

// alternatives returns permissions that suffice in place of the endpoint's least privileged one: general permissions by
// the root of the path (microsoft-graph-devx-content, "permissions.json"). Not every tenant can consent to the
// permissions for cloudLicensing, and applications with a general permission may lack the one for
// reprocessLicenseAssignment.
func alternatives(endpoint string) []string {
	method, path, _ := strings.Cut(endpoint, " ")
	root, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	reads := method == http.MethodGet
	switch {
	case endpoint == companySubscriptionsEndpoint:
		return []string{"Directory.Read.All"}
	case endpoint == reprocessLicenseAssignmentEndpoint, endpoint == updateUserEndpoint:
		return []string{"Directory.ReadWrite.All"}
	case endpoint == addMemberEndpoint, endpoint == removeMemberEndpoint:
		return []string{"Group.ReadWrite.All", "Directory.ReadWrite.All"}
	case !strings.Contains(path, "/cloudLicensing/"):
		return nil
	case root == "users" && reads:
		return []string{"User.Read.All", "Directory.Read.All"}
	case root == "users":
		return []string{"User.ReadWrite.All", "Directory.ReadWrite.All"}
	case root == "groups" && reads:
		return []string{"Group.Read.All", "Directory.Read.All"}
	case root == "devices" && reads:
		return []string{"Device.Read.All", "Directory.Read.All"}
	case root == "devices":
		return []string{"Device.ReadWrite.All", "Directory.ReadWrite.All"}
	case reads:
		return []string{"Directory.Read.All"}
	}
	return []string{"Directory.ReadWrite.All"}
}

// permissions maps an endpoint to its least privileged application permission, from its reference page. Each file adds
// its endpoints.
var permissions = map[string]string{}
