package emulator

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault makes one answer, or several, go wrong on purpose. Faults are consumed
// in the order in which they were injected; a request or a part of a batch
// meets at most one.
type Fault struct {
	Endpoint   string                   // label; "" = any Graph endpoint, the batch and its parts included
	Contains   string                   // must occur in the decoded path and query, such as "/beta/users?$top=5"; "" = any
	Times      int                      // how often; 0 = once; negative = always
	Status     int                      // answer this status with Graph's error envelope; 0 with a RetryAfter or a Code = 429
	Code       string                   // of that envelope; "" = the usual one for the status
	Message    string                   // of that envelope; "" = the usual one for the status
	Inner      map[string]any           // more members of that envelope's innerError, such as a code of its own
	RetryAfter string                   // header, as is
	Header     map[string]string        // more headers, as they are, such as the Location of a 410
	Act        bool                     // first do what was asked, and only then go wrong: the effect stays, the answer is lost
	Delay      time.Duration            // wait before answering; ends when the request's context does
	Cut        bool                     // cut the connection without an answer; of a part: of the whole batch
	Body       string                   // answer this text, with Status or 200
	Rewrite    func(body []byte) []byte // edit the JSON of the real answer
}

type faults struct {
	mu    sync.Mutex
	queue []*Fault
}

// Inject adds a fault to the end of the queue.
func (e *Emulator) Inject(f Fault) {
	if f.Times == 0 {
		f.Times = 1
	}
	if f.Status == 0 && f.Body == "" && (f.RetryAfter != "" || f.Code != "") {
		f.Status = http.StatusTooManyRequests
	}
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.queue = append(e.faults.queue, &f)
}

// ClearFaults empties the queue.
func (e *Emulator) ClearFaults() {
	e.faults.mu.Lock()
	defer e.faults.mu.Unlock()
	e.faults.queue = nil
}

// next takes the first fault that is meant for this request.
func (q *faults) next(label, uri string) *Fault {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		return nil
	}
	uri = decoded(uri)
	for i, f := range q.queue {
		if f.Endpoint != label && (f.Endpoint != "" || label == tokenLabel) {
			continue
		}
		if !strings.Contains(uri, f.Contains) {
			continue
		}
		if f.Times > 0 {
			f.Times--
			if f.Times == 0 {
				q.queue = slices.Delete(q.queue, i, i+1)
			}
		}
		taken := *f
		return &taken
	}
	return nil
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

// wait sleeps for the fault's delay. It reports whether the request is still
// wanted and is to be answered.
func (f *Fault) wait(ctx context.Context) bool {
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
			return false
		}
	}
	return !f.Cut
}

// apply answers in place of real, or with an edited real.
func (f *Fault) apply(e *Emulator, c *call, real func() answer) answer {
	if f.Act {
		done := real()
		real = func() answer { return done }
	}
	if !f.wait(c.ctx) {
		return answer{cut: true}
	}
	var a answer
	switch {
	case f.Body != "":
		a = answer{status: f.Status, body: []byte(f.Body)}
		if a.status == 0 {
			a.status = http.StatusOK
		}
	case f.Status != 0:
		p := usualProblem(f.Status)
		p.more = f.Inner
		if f.Code != "" {
			p.code = f.Code
		}
		if f.Message != "" {
			p.message = f.Message
		}
		if c.version != "" {
			p.header = e.refusalHeaders(c, f.Status)
		}
		a = p.answer(c)
		if f.Status == http.StatusTooManyRequests {
			a.units = 1 // Throttled calls still count.
		}
	default:
		a = real()
		if f.Rewrite != nil && !a.cut {
			a.body = f.Rewrite(a.body)
		}
	}
	if f.RetryAfter != "" {
		a.set("Retry-After", f.RetryAfter)
	}
	for name, value := range f.Header {
		a.set(name, value)
	}
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
		return map[string]string{
			"x-ms-throttle-scope":       "Tenant_Application/" + limit + "/" + e.clientID + "/" + e.id,
			"x-ms-throttle-information": information,
		}
	}
	return nil
}
