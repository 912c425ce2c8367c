package emulator

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
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

// faultValues are what texts of a fault can be besides "".
var faultValues = map[string][]string{
	"spread": {"uniform", "exponential"},
	"page":   {"duplicate", "empty", "expired"},
	"damage": {"truncated", "malformed", "cut", "stalled"},
}

// maxDelay is how long a request can be kept waiting.
const maxDelay = 24 * time.Hour

// Validate says what is wrong with the fault.
func (f Fault) Validate() error {
	for name, field := range settings(&f) {
		switch p := field.(type) {
		case *int:
			if *p < 0 && name != "times" {
				return wrongSetting(name, "it is negative")
			}
		case *duration:
			if *p < 0 && name != "skew" {
				return wrongSetting(name, "it is negative")
			}
			if waits := name == "delay" || name == "maxDelay" || name == "stall"; waits && time.Duration(*p) > maxDelay {
				return wrongSetting(name, "it is longer than a day")
			}
		case *string:
			if values := faultValues[name]; *p != "" && values != nil && !slices.Contains(values, *p) {
				return wrongSetting(name, "it is one of %s", strings.Join(values, ", "))
			}
		}
	}
	if f.Endpoint != "" && !isLabel(f.Endpoint) {
		return wrongSetting("endpoint", "there is no %q; it is a method and a template such as GET /users/{id}, as listed at /", shortened(f.Endpoint))
	}
	if !(f.Rate >= 0 && f.Rate <= 1) {
		return wrongSetting("rate", "it is a share between 0 and 1")
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return wrongSetting("status", "it is between 200 and 599")
	}
	if f.Until != 0 && f.Until <= f.From {
		return wrongSetting("until", "it is not after from")
	}
	headers := map[string]string{"Retry-After": f.RetryAfter}
	for name, value := range f.Header {
		headers[name] = value
	}
	for _, name := range slices.Sorted(maps.Keys(headers)) {
		value := headers[name]
		if name == "" || strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"(),/:;<=>?@[\]{}`, r) }) ||
			strings.ContainsFunc(value, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) { // RFC 9110 section 5
			return wrongSetting("header", "%q cannot be a header", shortened(name))
		}
	}
	return nil
}

// MarshalJSON writes what is set, but not Rewrite.
func (f Fault) MarshalJSON() ([]byte, error) {
	set := maps.Collect(settings(&f))
	maps.DeleteFunc(set, func(_ string, field any) bool { return isZero(field) })
	return json.Marshal(set)
}

// UnmarshalJSON reads what [Fault.MarshalJSON] writes. A name or a value that does
// not exist is an error that lists those that do.
func (f *Fault) UnmarshalJSON(raw []byte) error {
	var fresh Fault
	if err := decodeSettings(&fresh, "", raw); err != nil {
		return err
	}
	if err := fresh.Validate(); err != nil {
		return err
	}
	*f = fresh
	return nil
}

// ParseFault reads a fault as a flag has it: names and values such as
//
//	endpoint=GET /users,status=503,rate=0.1,seed=7
//
// or a JSON object. A comma stands between two of them only where a name and = come
// next; header.Location, inner.code, set.state and add.x are members of objects; a
// name alone is true.
func ParseFault(text string) (Fault, error) {
	var f Fault
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		return f, f.UnmarshalJSON([]byte(text))
	}
	for _, pair := range pairs(text, settingNames(&f)) {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			value = "true"
		}
		if err := setText(&f, "", strings.TrimSpace(name), value); err != nil {
			return Fault{}, err
		}
	}
	if err := f.Validate(); err != nil {
		return Fault{}, err
	}
	if isZero(&f) {
		return f, wrongSetting("", "the fault is empty; it has %s", strings.Join(settingNames(&f), ", "))
	}
	return f, nil
}

// UnmarshalText is [ParseFault], for libraries that read flags.
func (f *Fault) UnmarshalText(text []byte) error {
	read, err := ParseFault(string(text))
	if err == nil {
		*f = read
	}
	return err
}

// pairs splits a text before each comma that a known name follows.
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

// maxFaults bounds the queue.
const maxFaults = 1_000

var errTooManyFaults = fmt.Errorf("emulator: there are %d faults already", maxFaults)

// queued is a fault that waits for requests.
type queued struct {
	Fault
	since time.Time
	fit   int // requests that fitted
	met   int // requests that it met
}

type faults struct {
	mu    sync.Mutex
	queue []*queued // at most maxFaults
}

// Inject adds a fault to the end of the queue. It panics if [Fault.Validate] finds
// something wrong or a thousand faults wait already.
func (e *Emulator) Inject(f Fault) {
	if err := e.inject(f); err != nil {
		panic(err)
	}
}

// inject adds faults, all or none.
func (e *Emulator) inject(list ...Fault) error {
	fresh := make([]*queued, 0, len(list))
	for _, f := range list {
		if err := f.Validate(); err != nil {
			return err
		}
		if f.Times == 0 {
			f.Times = 1
			if f.Every > 0 || f.Rate > 0 || f.Until > 0 {
				f.Times = -1
			}
		}
		if f.Status == 0 && f.Body == "" && (f.RetryAfter != "" || f.Code != "") {
			f.Status = http.StatusTooManyRequests
		}
		fresh = append(fresh, &queued{Fault: f, since: e.now()})
	}
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	if len(e.faults.queue)+len(fresh) > maxFaults {
		return errTooManyFaults
	}
	e.faults.queue = append(e.faults.queue, fresh...)
	return nil
}

// ClearFaults empties the queue.
func (e *Emulator) ClearFaults() {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.queue = nil
}

// list is a copy of what waits, as it is now.
func (q *faults) list() []queued {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := make([]queued, len(q.queue))
	for i, f := range q.queue {
		list[i] = *f
	}
	return list
}

// hit is a fault that a request met, as its nth.
type hit struct {
	Fault
	nth int
}

// next takes the first fault that is meant for this request.
func (q *faults) next(c *call, uri string) *hit {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		return nil
	}
	uri = decoded(uri)
	q.queue = slices.DeleteFunc(q.queue, func(f *queued) bool { return f.Until > 0 && c.date.Sub(f.since) >= f.Until })
	for i, f := range q.queue {
		if !f.fits(c, uri) {
			continue
		}
		f.fit++
		if f.Every > 0 && f.fit%f.Every != 0 {
			continue
		}
		if f.Rate > 0 && share(dice(f.Seed).Roll("fault", f.fit)) >= f.Rate {
			continue
		}
		f.met++
		if f.Times > 0 {
			f.Times--
			if f.Times == 0 {
				q.queue = slices.Delete(q.queue, i, i+1)
			}
		}
		return &hit{f.Fault, f.met}
	}
	return nil
}

// share is a number from 0 to below 1.
func share(roll uint64) float64 { return float64(roll>>11) / (1 << 53) }

func (f *queued) fits(c *call, uri string) bool {
	switch {
	case f.Endpoint != c.label && (f.Endpoint != "" || c.version == ""):
	case f.Method != "" && !strings.EqualFold(f.Method, c.method):
	case !strings.Contains(uri, f.Contains):
	case f.Page == "expired" && !strings.Contains(uri, "$skiptoken="):
	case f.From > 0 && c.date.Sub(f.since) < f.From:
	case f.App != "" && !strings.EqualFold(f.App, c.application()):
	default:
		return true
	}
	return false
}

// application is the client id that the request names, checked or not.
func (c *call) application() string {
	if c.label == tokenLabel {
		if id, _, ok := basicAuth(c.header); ok {
			return id
		}
		form, _ := url.ParseQuery(string(c.body)) // What cannot be read names nobody.
		return form.Get("client_id")
	}
	_, raw, _ := strings.Cut(c.header.Get("Authorization"), " ")
	var named claims
	if _, _, err := jwt.NewParser().ParseUnverified(strings.TrimSpace(raw), &named); err != nil {
		return ""
	}
	return named.App
}

// decoded undoes percent-encoding, and the plus signs of the query.
func decoded(uri string) string {
	path, query, found := strings.Cut(uri, "?")
	if p, err := url.PathUnescape(path); err == nil {
		path = p
	}
	if q, err := url.QueryUnescape(query); err == nil {
		query = q
	}
	if found {
		return path + "?" + query
	}
	return path
}

// delay is how long this request waits.
func (h *hit) delay() time.Duration {
	d := float64(h.Delay)
	u := share(dice(h.Seed).Roll("delay", h.nth))
	switch h.Spread {
	case "uniform":
		d *= 2 * u
	case "exponential":
		d *= -math.Log(1 - u)
	default:
		return h.Delay
	}
	longest := h.MaxDelay
	if longest == 0 {
		longest = min(10*h.Delay, maxDelay)
	}
	return time.Duration(min(d, float64(longest)))
}

// wait sleeps for the fault's delay. It reports whether the request is still
// wanted and is to be answered.
func (h *hit) wait(ctx context.Context) bool {
	return sleep(ctx, h.delay()) == nil && !h.Cut
}

// sleep ends with an error when the context does before the time is over.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// apply answers in place of real, or with an edited real.
func (h *hit) apply(e *Emulator, c *call, real func() answer) answer {
	if c.label == tokenLabel {
		c.date = c.date.Add(h.Skew) // of the token's times as well
	}
	if h.Act {
		done := real()
		real = func() answer { return done }
	}
	if !h.wait(c.ctx) {
		return answer{cut: true}
	}
	a := h.answer(e, c, real)
	if c.label != tokenLabel {
		c.date = c.date.Add(h.Skew)
	}
	if h.RetryAfter != "" {
		a.set("Retry-After", h.RetryAfter)
	}
	for name, value := range h.Header {
		a.set(name, value)
	}
	if !a.cut {
		h.edit(c, &a)
	}
	a.faulty = true
	return a
}

func (h *hit) answer(e *Emulator, c *call, real func() answer) answer {
	switch {
	case h.Body != "":
		return answer{status: positive(h.Status, http.StatusOK), body: []byte(h.Body)}
	case h.Page == "expired":
		return expiredPage().answer(c)
	case h.Status != 0 && c.label == tokenLabel:
		return h.refusal(e, c)
	case h.Status != 0:
		p := usualProblem(h.Status)
		p.more = h.Inner
		if h.Code != "" {
			p.code = h.Code
		}
		if h.Message != "" {
			p.message = h.Message
		}
		if c.version != "" {
			p.header = e.refusalHeaders(c, h.Status)
		}
		a := p.answer(c)
		if h.Status == http.StatusTooManyRequests {
			a.units = 1 // Throttled calls still count.
		}
		return a
	}
	a := real()
	if h.Rewrite != nil && !a.cut {
		a.body = h.Rewrite(a.body)
	}
	return a
}

// refusal is what the token endpoint says with the fault's status: Microsoft
// Learn, "Microsoft Entra authentication and authorization error codes".
func (h *hit) refusal(e *Emulator, c *call) answer {
	code, number, message := "invalid_request", 9002313, "Invalid request. Request is malformed or invalid."
	switch {
	case h.Status == http.StatusTooManyRequests:
		code, number, message = "temporarily_unavailable", 90055, "There are too many incoming requests. Retry later."
	case h.Status >= http.StatusInternalServerError:
		code, number, message = "temporarily_unavailable", 90033, "A transient error has occurred. Please try again."
	}
	said := c.refusal(cmp.Or(h.Code, code), number, "%s", cmp.Or(h.Message, message))
	maps.Copy(said, h.Inner)
	a := answer{status: h.Status, body: encode(said)}
	a.set("Cache-Control", "no-store")
	return a
}

// refusalHeaders are what Graph sends with some statuses. Those of 429 name the
// limit that was met, by Microsoft Learn, "Microsoft Graph throttling
// guidance".
func (e *Emulator) refusalHeaders(c *call, status int) map[string]string {
	switch status {
	case http.StatusUnauthorized:
		return map[string]string{"WWW-Authenticate": c.challenge()}
	case http.StatusTooManyRequests:
		limit, information := "Read", "ResourceUnitLimitExceeded"
		if c.route != nil && c.route.writes {
			limit, information = "Write", "WriteLimitExceeded"
		}
		app := c.application()
		if _, ok := parseGUID(app); !ok {
			app = e.clientID
		}
		return map[string]string{
			"x-ms-throttle-scope":       "Tenant_Application/" + limit + "/" + app + "/" + e.id,
			"x-ms-throttle-information": information,
		}
	}
	return nil
}
