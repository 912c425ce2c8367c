package msgraph

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strings"

	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const (
	signInActivity = "signInActivity"
	// maxActivityTop is the maximum page size with signInActivity (Microsoft Graph, "List users").
	maxActivityTop = 500
	// nonPremium is the code of a request with signInActivity in a tenant without Microsoft Entra ID P1 or P2.
	nonPremium = "Authentication_RequestFromNonPremiumTenantOrB2CTenant"
)

// refusable maps properties of users that a tenant may refuse to the permission that each requires besides that of the
// endpoint (Microsoft Graph, "user resource type"). A 403 then rejects the whole request: it is repeated without them.
var refusable = map[string]string{
	signInActivity:          "AuditLog.Read.All",
	"employeeLeaveDateTime": "User-LifeCycleInfo.Read.All",
}

// refusals is the progress of a read with refusable properties.
type refusals struct {
	required []string // refusable properties
	// whole is the URL with those that are not known to be refused, and attempts are the sets to leave out after a 403.
	whole    string
	attempts [][]string
	known    upstream.Unread // properties that whole does not select
	leftOut  []string        // by the current attempt
	reasons  upstream.Unread // of all that were left out, on earlier pages too
}

// users returns a reader of the users in the response. The properties are the required ones.
func (r *read) users(properties []string) func(*decode.Decoder) (*licensing.User, error) {
	s := &r.refusals
	for _, property := range properties {
		if refusable[property] != "" {
			s.required = append(s.required, property)
		}
	}
	if s.required == nil {
		return userType.Read
	}
	return func(d *decode.Decoder) (*licensing.User, error) {
		user, err := userType.Read(d)
		if err != nil {
			return nil, err
		}
		for property, why := range s.known {
			user.SetReadError(property, why)
		}
		for _, property := range s.leftOut {
			user.SetReadError(property, s.reasons[property])
		}
		return user, nil
	}
}

// selectRefusable removes the properties that the tenant is known to refuse from $select.
func (r *read) selectRefusable() {
	s := &r.refusals
	selected, ok := selectedIn(r.url)
	if s.required == nil || !ok {
		return
	}
	s.attempts, s.known, s.leftOut = nil, nil, nil
	var left []string
	for _, property := range s.required {
		switch why := r.operation.refusal(r.endpoint, property); {
		case why != nil:
			s.known.SetReadError(property, why)
		case slices.Contains(selected, property):
			left = append(left, property)
			s.attempts = append(s.attempts, []string{property})
		case s.reasons[property] != nil: // of an earlier page
			s.known.SetReadError(property, s.reasons[property])
		default: // of a cursor
			s.known.SetReadError(property, unreadable(r.endpoint, errors.New("the first page was read without "+property)))
		}
	}
	if len(left) > 1 {
		s.attempts = append(s.attempts, left)
	}
	s.whole = deselect(r.url, slices.Collect(maps.Keys(s.known)))
	r.setURL(s.whole)
}

// setURL sets the URL and the limit that it is subject to.
func (r *read) setURL(address string) {
	r.url, r.limit = address, ""
	if selected, _ := selectedIn(address); slices.Contains(selected, signInActivity) {
		r.limit = signInActivity
	}
}

// leaveOut sets the URL without properties that may be the cause of a 403, or without the one that is throttled. It
// returns false if there are none.
func (r *read) leaveOut(failure *upstream.Error) bool {
	s := &r.refusals
	if errors.Is(failure.Kind, upstream.ErrThrottled) {
		if r.limit != signInActivity || s.required == nil {
			return false
		}
		s.reasons.SetReadError(signInActivity, failure)
		s.known.SetReadError(signInActivity, failure)
		s.whole, s.attempts = deselect(s.whole, []string{signInActivity}), nil
		r.setURL(deselect(r.url, []string{signInActivity}))
		return true
	}
	unlicensed := errors.Is(failure.Kind, upstream.ErrUnlicensed)
	if !unlicensed && !errors.Is(failure.Kind, upstream.ErrForbidden) {
		return false
	}
	i := slices.IndexFunc(s.attempts, func(properties []string) bool { return !unlicensed || slices.Contains(properties, signInActivity) })
	if i < 0 {
		return false
	}
	s.leftOut, s.attempts = s.attempts[i], s.attempts[i+1:]
	for _, property := range s.leftOut {
		switch {
		case property == signInActivity && unlicensed:
			s.reasons.SetReadError(property, failure)
		case !errors.Is(s.reasons[property], upstream.ErrUnlicensed):
			s.reasons.SetReadError(property, r.operation.forbidden(failure, property))
		}
	}
	r.setURL(deselect(s.whole, s.leftOut))
	return true
}

// recordRefusals records the refused properties of a request that was accepted without them.
func (r *read) recordRefusals() {
	for _, property := range r.refusals.leftOut {
		name := refuses(property)
		if errors.Is(r.refusals.reasons[property], upstream.ErrUnlicensed) {
			name = unlicensed(property)
		}
		r.operation.capabilities.record(name)
	}
}

// refusal returns the error of a property that the tenant is known to refuse; nil otherwise.
func (o *Operation) refusal(endpoint, property string) error {
	failure := &upstream.Error{Operation: endpoint, Personal: o.personal}
	switch {
	case o.capabilities.has(unlicensed(property)):
		failure.Kind = upstream.ErrUnlicensed
		return failure
	case o.capabilities.has(refuses(property)):
		return o.forbidden(failure, property)
	}
	return nil
}

// forbidden returns the error of a property that requires a permission of its own.
func (o *Operation) forbidden(failure *upstream.Error, property string) error {
	e := *failure
	e.Kind = upstream.ErrForbidden
	if !o.personal { // delegated permissions differ
		e.Permission, e.PermissionAlternatives = refusable[property], nil
	}
	return &e
}

// selectedIn returns the properties in the $select of a URL; false if it has none.
func selectedIn(address string) (properties []string, ok bool) {
	_, options, _ := strings.Cut(address, "?")
	for option := range strings.SplitSeq(options, "&") {
		if value, ok := selectValue(option); ok {
			return strings.Split(value, ","), true
		}
	}
	return nil, false
}

// selectValue returns the value of the query option if it is $select.
func selectValue(option string) (value string, ok bool) {
	name, value, _ := strings.Cut(option, "=")
	if name != "$select" && !strings.EqualFold(name, "%24select") {
		return "", false
	}
	value, err := url.QueryUnescape(value)
	return value, err == nil
}

// deselect returns a URL without the properties in $select.
func deselect(address string, properties []string) string {
	path, text, _ := strings.Cut(address, "?")
	options := strings.Split(text, "&")
	for i, option := range options {
		if value, ok := selectValue(option); ok {
			options[i] = query("$select", strings.Join(without(strings.Split(value, ","), properties...), ","))
		}
	}
	return path + "?" + strings.Join(options, "&")
}
