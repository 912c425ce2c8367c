package upstream

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Why something could not be answered. An upstream failure wraps one of these; [errors.Is] finds it.
var (
	// ErrNotFound: the service has no such object.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: the gateway's application lacks a permission.
	ErrForbidden = errors.New("forbidden")
	// ErrUnauthenticated: the service did not take the gateway's token, or gave it none.
	ErrUnauthenticated = errors.New("unauthenticated")
	// ErrSignIn: the service wants the caller to sign in again, or to prove more; see [Error.Claims].
	ErrSignIn = errors.New("the caller has to sign in again")
	// ErrNotAPerson: the service is asked in the name of people, and the caller is an application.
	ErrNotAPerson = errors.New("the caller is not a person")
	// ErrRefused: the service does not take the request as the gateway wrote it.
	ErrRefused = errors.New("refused")
	// ErrNotOffered: the tenant or its cloud does not have what was asked for.
	ErrNotOffered = errors.New("not offered")
	// ErrThrottled: the service wants fewer requests for a while.
	ErrThrottled = errors.New("throttled")
	// ErrBudget: the operation has sent as many requests as one may; see [Error.Spent].
	ErrBudget = errors.New("the operation has spent its requests")
	// ErrUnreadable: a property has a value that cannot be read; see [OddValue].
	ErrUnreadable = errors.New("unreadable")
	// ErrExpired: the service no longer knows the place where a page of a list begins.
	ErrExpired = errors.New("expired")
	// ErrEndless: a list does not end, since its pages repeat, or too many are empty.
	ErrEndless = errors.New("endless")
	// ErrUnavailable: the service could not be reached, or answered what cannot be understood.
	ErrUnavailable = errors.New("unavailable")
)

// InputError is an error in a request that its sender can correct.
type InputError struct {
	// Message says what is wrong and what to do.
	Message string
}

func (e *InputError) Error() string { return e.Message }

// Error is a request to Microsoft Graph that failed.
type Error struct {
	// Kind is one of the sentinel errors of this package.
	Kind error
	// Operation names the request without its ids, such as "GET /users/{id}".
	Operation string
	// Status is the HTTP status; 0 when there was no answer.
	Status int
	// Code and RequestID are the service's own, for whoever asks its support.
	Code, RequestID string
	// Sentence is the service's own about a change that it refused, at most 500 characters and none of control, for who asked for the
	// change. It can hold personal data: it is not part of Error, and is not logged.
	Sentence string
	// Numbers are what the sign-in service calls the failure besides its code, such as 65001; for the log.
	Numbers []int
	// RetryAfter is how long the service wants to be left alone; 0 when it did not say.
	RetryAfter time.Duration
	// Permission is the least permission that the request needs, set on ErrForbidden. Each of the alternatives does as well; they
	// are set where a tenant may not be able to grant the permission.
	Permission             string
	PermissionAlternatives []string
	// Claims are what the caller's next token has to prove, set on some of ErrSignIn: a JSON object (OpenID Connect Core,
	// section 5.5), at most 4 KiB, which the caller hands to the sign-in service.
	Claims string
	// Spent is how many requests the operation had sent, each part of a $batch for itself; set on ErrBudget.
	Spent int
	// Personal tells that the request was made in the name of the caller, not of the gateway's application.
	Personal bool
	// Retryable tells whether the same request may succeed later.
	Retryable bool
	// Cause is the error of the transport or of decoding; nil when the service answered an error.
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

// Unwrap gives the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}
