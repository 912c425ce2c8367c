package msgraph

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"licensegraph/internal/licensing"
)

// failure turns an answer that is not a success into an error; nil for a success.
func (a *answer) failure(endpoint string) *licensing.UpstreamError {
	if a.err != nil {
		if known, ok := errors.AsType[*licensing.UpstreamError](a.err); ok {
			return known
		}
		return &licensing.UpstreamError{Kind: licensing.ErrUnavailable, Operation: endpoint, Retryable: !errors.Is(a.err, errTooLarge), Cause: a.err}
	}
	if a.status >= 200 && a.status < 300 {
		return nil
	}
	code, requestID := errorCode(a.body)
	if id := a.header.Get("request-id"); id != "" {
		requestID = id
	}
	failure := &licensing.UpstreamError{
		Kind:       licensing.ErrUnavailable,
		Operation:  endpoint,
		Status:     a.status,
		Code:       code,
		RequestID:  requestID,
		RetryAfter: retryAfter(a.header, time.Now()),
		Retryable:  retryable(a.status),
	}
	switch a.status {
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		failure.Kind = licensing.ErrRefused
	case http.StatusUnauthorized:
		failure.Kind = licensing.ErrUnauthenticated
	case http.StatusForbidden:
		failure.Kind, failure.Permission = licensing.ErrForbidden, permissions[endpoint]
	case http.StatusNotFound, http.StatusGone:
		failure.Kind = licensing.ErrNotFound
	case http.StatusTooManyRequests:
		failure.Kind = licensing.ErrThrottled
	}
	return failure
}

// unreadable is the error of an answer whose body is not what the endpoint answers.
func unreadable(endpoint string, cause error) error {
	return &licensing.UpstreamError{Kind: licensing.ErrUnavailable, Operation: endpoint, Cause: cause}
}

// maxInnerErrors bounds how deep inner errors are followed.
const maxInnerErrors = 8

// errorCode returns the innermost code of an error and the request's id. Services write innerError and
// innererror, and may leave the code empty.
func errorCode(body []byte) (code, requestID string) {
	type inner struct {
		Code       string          `json:"code"`
		RequestID  string          `json:"request-id"`
		InnerError json.RawMessage `json:"innerError"` // matched without regard to case
	}
	var envelope struct {
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &envelope) != nil {
		return "", ""
	}
	next := envelope.Error
	for range maxInnerErrors {
		var e inner
		if len(next) == 0 || json.Unmarshal(next, &e) != nil {
			break
		}
		if e.Code != "" && len(e.Code) <= 100 {
			code = e.Code
		}
		if e.RequestID != "" && len(e.RequestID) <= 100 {
			requestID = e.RequestID
		}
		next = e.InnerError
	}
	return code, requestID
}

// permissions maps an endpoint to the least application permission that it needs, as its reference page
// says. An application that holds a higher one never gets here.
var permissions = map[string]string{
	assignmentErrorsEndpoint:       "CloudLicensing.Read.All",
	assignmentErrorEndpoint:        "CloudLicensing.Read.All",
	assigneeOfErrorEndpoint:        "CloudLicensing.Read.All",
	usageRightOfErrorEndpoint:      "CloudLicensing.Read.All",
	assignmentErrorsOfUserEndpoint: "CloudLicensing.Read.All",
	usageRightsOfUserEndpoint:      "User-UsageRight.Read.All",
	usageRightOfUserEndpoint:       "User-UsageRight.Read.All",
	usageRightsOfGroupEndpoint:     "Group-UsageRight.Read.All",
	usageRightOfGroupEndpoint:      "Group-UsageRight.Read.All",
	licenseErrorsOfGroupEndpoint:   "GroupMember.Read.All",
	usersEndpoint:                  "User.Read.All",
	userEndpoint:                   "User.Read.All",
	groupsEndpoint:                 "GroupMember.Read.All",
	groupEndpoint:                  "GroupMember.Read.All",
	directoryObjectsByIDsEndpoint:  "Directory.Read.All",
	subscribedSkusEndpoint:         "LicenseAssignment.Read.All",
}
