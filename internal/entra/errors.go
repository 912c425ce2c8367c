package entra

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"golang.org/x/oauth2"

	"licensegraph/internal/outbound"
	"licensegraph/internal/upstream"
)

const (
	// tokenEndpoint is the name of token requests in errors.
	tokenEndpoint = "POST /oauth2/v2.0/token"
	// maxClaims is the maximum size of a claims challenge, which is sent in a header, in bytes.
	maxClaims = 4 << 10
	// maxName is the maximum length of error codes and request IDs.
	maxName = 100
	// maxNumbers is the maximum number of error codes (AADSTS) of an error. Usually there is one.
	maxNumbers = 3
)

// tokenError returns the error of a failed token request, without its body.
func tokenError(err error) *upstream.Error {
	if known, ok := errors.AsType[*upstream.Error](err); ok {
		return known
	}
	failure := &upstream.Error{Kind: upstream.ErrUnavailable, Operation: tokenEndpoint, Retryable: true}
	answer, answered := errors.AsType[*oauth2.RetrieveError](err)
	if !answered {
		failure.Cause = outbound.WithoutURL(err)
		return failure
	}
	failure.Code = short(answer.ErrorCode)
	var told struct {
		TraceID string `json:"trace_id"` // required for Microsoft support
		Numbers []int  `json:"error_codes"`
	}
	if json.Unmarshal(answer.Body, &told) == nil {
		failure.RequestID = short(told.TraceID)
		failure.Numbers = told.Numbers[:min(len(told.Numbers), maxNumbers)]
	}
	if answer.Response != nil {
		failure.Status = answer.Response.StatusCode
		failure.RetryAfter = outbound.RetryAfter(answer.Response.Header, time.Now())
	}
	switch {
	case failure.Status == http.StatusTooManyRequests:
		failure.Kind = upstream.ErrThrottled
	case failure.Status < 500 && failure.Code != "temporarily_unavailable":
		failure.Kind, failure.Retryable = upstream.ErrUnauthenticated, false
	}
	return failure
}

// onBehalfOfError returns the error of a failed on-behalf-of token request. The user may have to sign in again, since the
// token has expired or was revoked, consent is missing, or there is a claims challenge.
func onBehalfOfError(err error) *upstream.Error {
	failure := tokenError(err)
	if !errors.Is(failure.Kind, upstream.ErrUnauthenticated) {
		return failure
	}
	switch failure.Code {
	case "invalid_grant", "interaction_required":
		failure.Kind = upstream.ErrSignIn
		failure.Claims = claimsChallenge(err)
	}
	return failure
}

// claimsChallenge returns the claims challenge of a failed token request, a JSON object; empty if there is none.
func claimsChallenge(err error) string {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok {
		return ""
	}
	var told struct {
		Claims string `json:"claims"`
	}
	if json.Unmarshal(answer.Body, &told) != nil || len(told.Claims) > maxClaims {
		return ""
	}
	var members map[string]json.RawMessage
	if json.Unmarshal([]byte(told.Claims), &members) != nil || len(members) == 0 {
		return ""
	}
	return told.Claims
}

func short(text string) string {
	if len(text) > maxName {
		return ""
	}
	return text
}
