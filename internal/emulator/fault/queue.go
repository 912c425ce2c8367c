package fault

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// MaxQueue is the maximum number of faults in a queue.
const MaxQueue = 1_000

// ErrFull is the error of [Queue.Inject] for more than [MaxQueue] faults.
var ErrFull = fmt.Errorf("the queue is full: it has %d faults", MaxQueue)

// Waiting is a fault in the queue.
type Waiting struct {
	Fault
	Since time.Time
	Fit   int // matching requests
	Met   int // changed requests
}

// Queue is a list of faults in the order of their injection. It is safe for
// concurrent use.
type Queue struct {
	known func(endpoint string) bool
	mu    sync.Mutex
	queue []*Waiting // at most MaxQueue
}

// NewQueue returns an empty queue. The function known reports whether an
// endpoint exists.
func NewQueue(known func(endpoint string) bool) *Queue { return &Queue{known: known} }

// Inject appends faults to the queue, all or none. Their times are relative to
// now.
func (q *Queue) Inject(now time.Time, list ...Fault) error {
	fresh := make([]*Waiting, 0, len(list))
	for _, f := range list {
		if err := f.validate(q.known); err != nil {
			return err
		}
		if err := f.notEmpty(); err != nil {
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
		fresh = append(fresh, &Waiting{Fault: f, Since: now})
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue)+len(fresh) > MaxQueue {
		return ErrFull
	}
	q.queue = append(q.queue, fresh...)
	return nil
}

// Clear empties the queue.
func (q *Queue) Clear() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.queue = nil
}

// List returns a copy of the queue.
func (q *Queue) List() []Waiting {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := make([]Waiting, len(q.queue))
	for i, f := range q.queue {
		list[i] = *f
	}
	return list
}

// Target is a request to which a fault can apply.
type Target struct {
	*wire.Call
	URI         string                    // path and query
	Application func() string             // client ID in the request, verified or not
	Answer      func() wire.Answer        // returns the answer without a fault
	Refuse      func(Refusal) wire.Answer // returns an answer with an error
}

// Refusal is the error of a fault. Empty fields have the usual text for the
// status.
type Refusal struct {
	Status        int
	Code, Message string
	More          map[string]any // additional members of the error
}

// Problem converts the refusal to an error of Graph.
func (r Refusal) Problem() *wire.Problem {
	p := wire.Usual(r.Status)
	p.More = r.More
	if r.Code != "" {
		p.Code = r.Code
	}
	if r.Message != "" {
		p.Message = r.Message
	}
	return p
}

// Answer answers the request, with the first matching fault if there is one.
func (q *Queue) Answer(t Target) wire.Answer {
	if h := q.next(&t); h != nil {
		return h.apply(&t)
	}
	return t.Answer()
}

// hit is a fault that applies to a request, and the sequence number of that
// request.
type hit struct {
	Fault
	nth int
}

// next returns the first fault that applies to the request.
func (q *Queue) next(t *Target) *hit {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		return nil
	}
	uri := decoded(t.URI)
	q.queue = slices.DeleteFunc(q.queue, func(f *Waiting) bool { return f.Until > 0 && t.Date.Sub(f.Since) >= f.Until })
	for i, f := range q.queue {
		if !f.fits(t, uri) {
			continue
		}
		f.Fit++
		if f.Every > 0 && f.Fit%f.Every != 0 {
			continue
		}
		if f.Rate > 0 && share(tenant.Seed(f.Seed).Number("fault", f.Fit)) >= f.Rate {
			continue
		}
		f.Met++
		if f.Times > 0 {
			f.Times--
			if f.Times == 0 {
				q.queue = slices.Delete(q.queue, i, i+1)
			}
		}
		return &hit{f.Fault, f.Met}
	}
	return nil
}

// share converts roll to a number from 0 to less than 1.
func share(roll uint64) float64 { return float64(roll>>11) / (1 << 53) }

func (f *Waiting) fits(t *Target, uri string) bool {
	switch {
	case f.Endpoint != t.Label && (f.Endpoint != "" || t.Version == ""):
	case f.Method != "" && !strings.EqualFold(f.Method, t.Method):
	case !strings.Contains(uri, f.Contains):
	case f.Page == "expired" && !strings.Contains(uri, "$skiptoken="):
	case f.From > 0 && t.Date.Sub(f.Since) < f.From:
	case f.App != "" && !strings.EqualFold(f.App, t.Application()):
	default:
		return true
	}
	return false
}

// decoded reverses percent-encoding, and plus signs in the query.
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

// delay returns the delay of this request.
func (h *hit) delay() time.Duration {
	d := float64(h.Delay)
	u := share(tenant.Seed(h.Seed).Number("delay", h.nth))
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
// to be answered.
func (h *hit) wait(ctx context.Context) bool {
	return wire.Sleep(ctx, h.delay()) == nil && !h.Cut
}

// apply replaces or edits the real answer. The skew applies before the answer
// is made, because it also changes the times in a token.
func (h *hit) apply(t *Target) wire.Answer {
	token := t.Label == wire.TokenLabel
	if token {
		t.Date = t.Date.Add(h.Skew)
	}
	if h.Act {
		done := t.Answer()
		t.Answer = func() wire.Answer { return done }
	}
	if !h.wait(t.Ctx) {
		return wire.Answer{Cut: true}
	}
	a := h.answer(t)
	if !token {
		t.Date = t.Date.Add(h.Skew)
	}
	if h.RetryAfter != "" {
		a.Set("Retry-After", h.RetryAfter)
	}
	for name, value := range h.Header {
		a.Set(name, value)
	}
	if !a.Cut {
		h.edit(t.Call, &a)
	}
	a.Faulty = true
	return a
}

func (h *hit) answer(t *Target) wire.Answer {
	switch {
	case h.Body != "":
		return wire.Answer{Status: cmp.Or(h.Status, http.StatusOK), Body: []byte(h.Body)}
	case h.Page == "expired":
		return wire.ExpiredPage().Answer(t.Call)
	case h.Status != 0:
		return t.Refuse(Refusal{h.Status, h.Code, h.Message, h.Inner})
	}
	a := t.Answer()
	if h.Rewrite != nil && !a.Cut {
		a.Body = h.Rewrite(a.Body)
	}
	return a
}
