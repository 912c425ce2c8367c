// Package fault injects errors into answers of the emulator: it parses faults,
// matches them with requests, and changes the answers.
package fault

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/emulator/settings"
)

// Fault is an error to inject into answers. The first fields select the
// requests: a request must match all of them. The other fields define the
// effect. Faults are tried in the order of their injection. At most one fault
// applies to a request or part of a batch. All fields except Rewrite have a
// JSON form, with names in lower camel case and durations such as "1.5s". The
// same faults and seeds have the same effect on the same requests.
type Fault struct {
	Endpoint string        `json:"endpoint"` // label, such as "GET /users/{id}" or "POST /oauth2/v2.0/token"; "" = any of Graph, including batches and their parts
	Contains string        `json:"contains"` // substring of the decoded path and query, such as "/beta/users?$top=5"; "" = any
	Method   string        `json:"method"`   // such as "PATCH"; "" = any
	App      string        `json:"app"`      // client ID of the caller; "" = any
	Times    int           `json:"times"`    // number of requests; 0 = one, or no limit with Every, Rate or Until; negative = no limit
	Every    int           `json:"every"`    // every nth of the matching requests: 3 = the third, the sixth …; 0 = all
	Rate     float64       `json:"rate"`     // share of the matching requests; 0 = all
	Seed     uint64        `json:"seed"`     // for Rate and Spread
	From     time.Duration `json:"from"`     // start time, relative to the injection by the emulator's clock
	Until    time.Duration `json:"until"`    // end time; 0 = none

	Status     int               `json:"status"`     // status of the error, in the format of Graph or the token endpoint; 0 with a RetryAfter or a Code = 429
	Code       string            `json:"code"`       // error code; "" = the usual one for the status
	Message    string            `json:"message"`    // error message; "" = the usual one for the status
	Inner      map[string]any    `json:"inner"`      // additional members of innerError, such as a specific code, or of the error of the token endpoint, such as claims
	RetryAfter string            `json:"retryAfter"` // header value
	Header     map[string]string `json:"header"`     // additional headers, such as the Location of a 410 or another Content-Type
	Body       string            `json:"body"`       // body of the answer, with Status or 200

	Act      bool          `json:"act"`      // execute the request before the fault: the effect stays, the answer is lost
	Cut      bool          `json:"cut"`      // close the connection without an answer; for a part, that of the batch
	Delay    time.Duration `json:"delay"`    // delay before the answer; ends with the request's context
	Spread   string        `json:"spread"`   // distribution of Delay: "" = constant; "uniform" = between zero and twice Delay; "exponential" = with Delay as the average
	MaxDelay time.Duration `json:"maxDelay"` // maximum with Spread; 0 = ten times Delay
	Skew     time.Duration `json:"skew"`     // offset of the clock in the answer: its Date, and the times in a token; can be negative

	Page   string         `json:"page"`   // pages of a list: "duplicate" = the next link returns the same page again; "empty" = no elements, and a next link to the page itself; "expired" = a page token is rejected
	Omit   []string       `json:"omit"`   // properties to remove, at any depth
	Set    map[string]any `json:"set"`    // properties to change, at any depth, such as an unknown enumeration member
	Add    map[string]any `json:"add"`    // properties to add to each entity, which is an object with an id, such as an unknown @odata.type
	Damage string         `json:"damage"` // damage to the body: "truncated" = half of it, as if complete; "malformed" = invalid JSON; "cut" = half of it, then a closed connection; "stalled" = half of it, then nothing. An answer without a body, such as 204, is replaced by a closed connection, with "stalled" after the wait
	Stall  time.Duration  `json:"stall"`  // maximum duration of "stalled"; 0 = a minute

	Rewrite func(body []byte) []byte `json:"-"` // changes the JSON of the real answer
}

// faultValues are the non-empty values of string fields with few values.
var faultValues = map[string][]string{
	"spread": {"uniform", "exponential"},
	"page":   {"duplicate", "empty", "expired"},
	"damage": {"truncated", "malformed", "cut", "stalled"},
}

// maxDelay is the maximum delay of a request.
const maxDelay = 24 * time.Hour

// validate returns an error for the first invalid field. If known is nil, any
// endpoint is valid.
func (f Fault) validate(known func(endpoint string) bool) error {
	for name, field := range settings.Fields(&f) {
		switch p := field.(type) {
		case *int:
			if *p < 0 && name != "times" {
				return settings.Wrong(name, "must not be negative")
			}
		case *settings.Duration:
			if *p < 0 && name != "skew" {
				return settings.Wrong(name, "must not be negative")
			}
			if waits := name == "delay" || name == "maxDelay" || name == "stall"; waits && time.Duration(*p) > maxDelay {
				return settings.Wrong(name, "must be at most a day")
			}
		case *string:
			if values := faultValues[name]; *p != "" && values != nil && !slices.Contains(values, *p) {
				return settings.Wrong(name, "must be one of %s", strings.Join(values, ", "))
			}
		}
	}
	if f.Endpoint != "" && known != nil && !known(f.Endpoint) {
		return settings.Wrong("endpoint", "unknown endpoint %q; want a method and a template such as GET /users/{id}, see the list at /", settings.Shortened(f.Endpoint))
	}
	if !(f.Rate >= 0 && f.Rate <= 1) {
		return settings.Wrong("rate", "must be between 0 and 1")
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return settings.Wrong("status", "must be between 200 and 599")
	}
	if f.Until != 0 && f.Until <= f.From {
		return settings.Wrong("until", "must be after from")
	}
	headers := map[string]string{"Retry-After": f.RetryAfter}
	for name, value := range f.Header {
		headers[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }) ||
			strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) { // RFC 9110 section 5
			return settings.Wrong("header", "invalid header %q", settings.Shortened(name))
		}
	}
	return nil
}

// MarshalJSON writes the non-zero fields except Rewrite.
func (f Fault) MarshalJSON() ([]byte, error) {
	set := maps.Collect(settings.Fields(&f))
	maps.DeleteFunc(set, func(_ string, field any) bool { return settings.IsZero(field) })
	return json.Marshal(set)
}

// UnmarshalJSON parses the result of [Fault.MarshalJSON]. An error about an
// unknown name or value lists the valid ones.
func (f *Fault) UnmarshalJSON(raw []byte) error {
	var fresh Fault
	if err := settings.Decode(&fresh, "", raw); err != nil {
		return err
	}
	if err := fresh.validate(nil); err != nil {
		return err
	}
	*f = fresh
	return nil
}

// Parse parses a fault from the text of a flag: names and values such as
//
//	endpoint=GET /users,status=503,rate=0.1,seed=7
//
// or a JSON object. A comma is a separator only if a name and = follow.
// header.Location, inner.code, set.state and add.x are members of objects. A
// name without a value is true. The function known reports whether an endpoint
// exists.
func Parse(text string, known func(endpoint string) bool) (Fault, error) {
	var f Fault
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		if err := f.UnmarshalJSON([]byte(text)); err != nil {
			return Fault{}, err
		}
		return f, f.validate(known)
	}
	for _, pair := range pairs(text, settings.Names(&f)) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			value = "true"
		}
		if err := settings.SetText(&f, "", strings.TrimSpace(name), value); err != nil {
			return Fault{}, err
		}
	}
	if err := f.validate(known); err != nil {
		return Fault{}, err
	}
	return f, f.notEmpty()
}

// notEmpty returns an error if no field is set.
func (f Fault) notEmpty() error {
	if settings.IsZero(&f) {
		return settings.Wrong("", "the fault is empty; valid names: %s", strings.Join(settings.Names(&f), ", "))
	}
	return nil
}

// pairs splits a text at each comma before a known name.
func pairs(text string, names []string) []string {
	var list []string
	for chunk := range strings.SplitSeq(text, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(chunk), "=")
		name, _, _ = strings.Cut(name, ".")
		if len(list) > 0 && !slices.Contains(names, name) {
			list[len(list)-1] += "," + chunk
			continue
		}
		list = append(list, chunk)
	}
	return list
}
