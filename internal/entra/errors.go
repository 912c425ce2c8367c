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
	// tokenEndpoint names token requests in errors.
	tokenEndpoint = "POST /oauth2/v2.0/token"
	// maxClaims bounds the claims that are passed on. They travel in a header.
	maxClaims = 4 << 10
	// maxName bounds what is passed on of the service's codes and ids.
	maxName = 100
	// maxNumbers bounds the numbers of a failure. There is one.
	maxNumbers = 3
)

// tokenError keeps of a failed token request what may be shown: never its body.
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
		TraceID string `json:"trace_id"` // what the support of Entra ID asks for
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

// personError is tokenError for a request in the name of a person, which the person can be the reason of: the token has
// ended or was revoked, nobody has consented, or there is something to prove first, which the claims then say.
func personError(err error) *upstream.Error {
	failure := tokenError(err)
	if !errors.Is(failure.Kind, upstream.ErrUnauthenticated) {
		return failure
	}
	switch failure.Code {
	case "invalid_grant", "interaction_required":
		failure.Kind = upstream.ErrSignIn
		failure.Claims = demanded(err)
	}
	return failure
}

// demanded returns the claims that a refused token request names, a JSON object; empty when it names none.
func demanded(err error) string {
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
