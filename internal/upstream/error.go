package upstream

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kinds of [Error]. An Error wraps one of these; test with [errors.Is].
var (
	// ErrNotFound: the object does not exist.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: a permission is missing (403).
	ErrForbidden = errors.New("forbidden")
	// ErrUnlicensed: the tenant lacks a license for Microsoft Entra ID P1 or P2 (403).
	ErrUnlicensed = errors.New("unlicensed")
	// ErrUnauthenticated: the gateway got no token, or Microsoft Graph rejected it (401).
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrSignIn: the caller must sign in again or meet a claims challenge; see [Error.Claims].
	ErrSignIn = errors.New("the caller has to sign in again")
	// ErrNotUser: requests are on behalf of users, and the caller is an application.
	ErrNotUser = errors.New("the caller is not a user")
	// ErrRefused: Microsoft Graph rejected the request (400).
	ErrRefused = errors.New("refused")
	// ErrNotOffered: the tenant or its cloud does not provide the resource.
	ErrNotOffered = errors.New("not offered")
	// ErrThrottled: Microsoft Graph throttled the request (429).
	ErrThrottled = errors.New("throttled")
	// ErrBudget: the operation reached its limit of requests; see [Error.Spent].
	ErrBudget = errors.New("the operation has spent its requests")
	// ErrUnreadable: a property has an invalid value; see [OddValue].
	ErrUnreadable = errors.New("unreadable")
	// ErrExpired: the link of a page has expired.
	ErrExpired = errors.New("expired")
	// ErrEndless: a list does not end, since its pages repeat or too many are empty.
	ErrEndless = errors.New("endless")
	// ErrTooLong: a list has more elements than the gateway reads.
	ErrTooLong = errors.New("too long")
	// ErrConcealed: a report has pseudonyms in place of names.
	ErrConcealed = errors.New("concealed names")
	// ErrUnavailable: Microsoft Graph could not be reached, or its response is invalid.
	ErrUnavailable = errors.New("unavailable")
)

// InputError is an error in a request that the client can correct.
type InputError struct {
	// Message describes the error and the correction.
	Message string
}

func (e *InputError) Error() string { return e.Message }

// Error is a failed request to Microsoft Graph.
type Error struct {
	// Kind is one of the sentinel errors of this package.
	Kind error
	// Operation is the method and the path without IDs, such as "GET /users/{id}".
	Operation string
	// Status is the HTTP status; 0 without a response.
	Status int
	// Code and RequestID are Microsoft Graph's error code and request ID.
	Code, RequestID string
	// Sentence is Microsoft Graph's message for a rejected change, at most 500 characters without control characters.
	// It is shown to the client only: it can contain personal data, so Error does not include it and it is not logged.
	Sentence string
	// Numbers are the error codes of the Microsoft identity platform, such as 65001 for AADSTS65001; for the log.
	Numbers []int
	// RetryAfter is the delay that Microsoft Graph requested; 0 if there was none.
	RetryAfter time.Duration
	// Permission is the least privileged permission for the request, set on ErrForbidden. PermissionAlternatives are
	// permissions that suffice as well, set where a tenant may be unable to grant Permission.
	Permission             string
	PermissionAlternatives []string
	// Claims is the claims challenge for the caller's next token, set on some ErrSignIn: a JSON object of at most 4
	// KiB, which the client passes to the identity platform (OpenID Connect Core, section 5.5).
	Claims string
	// Spent is the number of requests that the operation sent, counting each request of a $batch; set on ErrBudget.
	Spent int
	// Personal reports whether the request was on behalf of the user, rather than with the application's own token.
	Personal bool
	// Retryable reports whether the same request may succeed later.
	Retryable bool
	// Cause is the error of the transport or of the decoder; nil for an error response.
	Cause error
}

func (e *Error) Error() string {
	text := e.Operation + ": " + e.Kind.Error()
	if e.Status != 0 {
		text += fmt.Sprintf(" (status %d, code %q, request-id %s)", e.Status, e.Code, e.RequestID)
	}
	if len(e.Numbers) > 0 {
		text += fmt.Sprintf(" AADSTS%v", e.Numbers)
	}
	if e.Permission != "" {
		text += " needs " + strings.Join(append([]string{e.Permission}, e.PermissionAlternatives...), " or ")
	}
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
