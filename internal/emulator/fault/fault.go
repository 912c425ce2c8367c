// Package fault makes answers of the emulator go wrong on demand: it reads faults, matches requests with them, and damages
// the answers.
package fault

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/emulator/settings"
)

// Fault makes answers go wrong on purpose. The first fields say which requests it
// meets: those that fit all of them; the others say what happens. Faults are tried
// in the order in which they were injected; a request or a part of a batch meets at
// most one. All but Rewrite can be written as JSON, with names that begin with a
// small letter and durations such as "1.5s". The same faults and seeds do the same
// to the same requests.
type Fault struct {
	Endpoint string        `json:"endpoint"` // label, such as "GET /users/{id}" or "POST /oauth2/v2.0/token"; "" = any of Graph, the batch and its parts included
	Contains string        `json:"contains"` // must occur in the decoded path and query, such as "/beta/users?$top=5"; "" = any
	Method   string        `json:"method"`   // such as "PATCH"; "" = any
	App      string        `json:"app"`      // client id of the caller; "" = any
	Times    int           `json:"times"`    // how often; 0 = once, or always where Every, Rate or Until choose; negative = always
	Every    int           `json:"every"`    // of the requests that fit, each nth: 3 = the third, the sixth …; 0 = all
	Rate     float64       `json:"rate"`     // of the requests that fit, this share; 0 = all
	Seed     uint64        `json:"seed"`     // of Rate and Spread
	From     time.Duration `json:"from"`     // not before, from the injection on by the emulator's clock
	Until    time.Duration `json:"until"`    // not from then on; 0 = for ever

	Status     int               `json:"status"`     // answer this status with Graph's error envelope, or that of the token endpoint; 0 with a RetryAfter or a Code = 429
	Code       string            `json:"code"`       // of that envelope; "" = the usual one for the status
	Message    string            `json:"message"`    // of that envelope; "" = the usual one for the status
	Inner      map[string]any    `json:"inner"`      // more members of that envelope's innerError, such as a code of its own; of the envelope itself at the token endpoint, such as claims
	RetryAfter string            `json:"retryAfter"` // header, as is
	Header     map[string]string `json:"header"`     // more headers, as they are, such as the Location of a 410 or another Content-Type
	Body       string            `json:"body"`       // answer this text, with Status or 200

	Act      bool          `json:"act"`      // first do what was asked, and only then go wrong: the effect stays, the answer is lost
	Cut      bool          `json:"cut"`      // cut the connection without an answer; of a part: of the whole batch
	Delay    time.Duration `json:"delay"`    // wait before answering; ends when the request's context does
	Spread   string        `json:"spread"`   // of Delay: "" = always as long; "uniform" = between nothing and twice as long; "exponential" = so long on average
	MaxDelay time.Duration `json:"maxDelay"` // the longest with Spread; 0 = ten times Delay
	Skew     time.Duration `json:"skew"`     // the clock that the answer shows: its Date, and the times in a token; can be negative

	Page   string         `json:"page"`   // of the pages of a list: "duplicate" = the next link leads to the same page again; "empty" = no elements, and a next link to the page itself; "expired" = a page token is refused
	Omit   []string       `json:"omit"`   // properties to leave out, wherever they are
	Set    map[string]any `json:"set"`    // properties to change, wherever they are, such as an unknown member of an enumeration
	Add    map[string]any `json:"add"`    // properties to add to each entity, which is what has an id, such as an unknown @odata.type
	Damage string         `json:"damage"` // of the body: "truncated" = half of it, as if it were all; "malformed" = no JSON; "cut" = half of it, then the connection; "stalled" = half of it, then nothing. Without a body, as with 204, each of them cuts the connection without an answer, "stalled" after the wait
	Stall  time.Duration  `json:"stall"`  // how long "stalled" lasts unless the client leaves; 0 = a minute

	Rewrite func(body []byte) []byte `json:"-"` // edit the JSON of the real answer
}

// faultValues are the values of settings that are texts, besides "".
var faultValues = map[string][]string{
	"spread": {"uniform", "exponential"},
	"page":   {"duplicate", "empty", "expired"},
	"damage": {"truncated", "malformed", "cut", "stalled"},
}

// maxDelay is the longest delay of a request.
const maxDelay = 24 * time.Hour

// validate returns an error that names the first wrong setting. Where known is nil, any endpoint is right.
func (f Fault) validate(known func(endpoint string) bool) error {
	for name, field := range settings.Fields(&f) {
		switch p := field.(type) {
		case *int:
			if *p < 0 && name != "times" {
				return settings.Wrong(name, "it is negative")
			}
		case *settings.Duration:
			if *p < 0 && name != "skew" {
				return settings.Wrong(name, "it is negative")
			}
			if waits := name == "delay" || name == "maxDelay" || name == "stall"; waits && time.Duration(*p) > maxDelay {
				return settings.Wrong(name, "it is longer than a day")
			}
		case *string:
			if values := faultValues[name]; *p != "" && values != nil && !slices.Contains(values, *p) {
				return settings.Wrong(name, "it is one of %s", strings.Join(values, ", "))
			}
		}
	}
	if f.Endpoint != "" && known != nil && !known(f.Endpoint) {
		return settings.Wrong("endpoint", "there is no %q; it is a method and a template such as GET /users/{id}, as listed at /", settings.Shortened(f.Endpoint))
	}
	if !(f.Rate >= 0 && f.Rate <= 1) {
		return settings.Wrong("rate", "it is a share between 0 and 1")
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return settings.Wrong("status", "it is between 200 and 599")
	}
	if f.Until != 0 && f.Until <= f.From {
		return settings.Wrong("until", "it is not after from")
	}
	headers := map[string]string{"Retry-After": f.RetryAfter}
	for name, value := range f.Header {
		headers[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }) ||
			strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) { // RFC 9110 section 5
			return settings.Wrong("header", "%q cannot be a header", settings.Shortened(name))
		}
	}
	return nil
}

// MarshalJSON writes what is set, but not Rewrite.
func (f Fault) MarshalJSON() ([]byte, error) {
	set := maps.Collect(settings.Fields(&f))
	maps.DeleteFunc(set, func(_ string, field any) bool { return settings.IsZero(field) })
	return json.Marshal(set)
}

// UnmarshalJSON reads what [Fault.MarshalJSON] writes. A name or a value that does
// not exist is an error that lists those that do.
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

// Parse reads a fault from the text of a flag: names and values such as
//
//	endpoint=GET /users,status=503,rate=0.1,seed=7
//
// or a JSON object. A comma separates two of them only where a name and = follow;
// header.Location, inner.code, set.state and add.x are members of objects; a name
// without a value is true. The function known reports whether an endpoint exists.
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

// notEmpty returns an error when nothing is set.
func (f Fault) notEmpty() error {
	if settings.IsZero(&f) {
		return settings.Wrong("", "the fault is empty; it has %s", strings.Join(settings.Names(&f), ", "))
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
