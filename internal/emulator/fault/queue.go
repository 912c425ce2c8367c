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

// MaxQueue is the most faults in a queue.
const MaxQueue = 1_000

// ErrFull is the error of [Queue.Inject] when faults would pass [MaxQueue].
var ErrFull = fmt.Errorf("there are %d faults already", MaxQueue)

// Waiting is a fault in the queue.
type Waiting struct {
	Fault
	Since time.Time
	Fit   int // requests that it fitted
	Met   int // requests that it changed
}

// Queue is the faults that wait for requests, in the order in which they were
// injected. It is safe for concurrent use.
type Queue struct {
	known func(endpoint string) bool
	mu    sync.Mutex
	queue []*Waiting // at most MaxQueue
}

// NewQueue makes an empty queue. The function known reports whether an endpoint exists.
func NewQueue(known func(endpoint string) bool) *Queue { return &Queue{known: known} }

// Inject adds faults to the end of the queue, all or none. Their times begin now.
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

// Target is a request that faults can meet.
type Target struct {
	*wire.Call
	URI         string                    // path and query
	Application func() string             // the client id that the request names, verified or not
	Answer      func() wire.Answer        // answers without a fault
	Refuse      func(Refusal) wire.Answer // answers with an error
}

// Refusal is the error that a fault answers with. What is "" is the usual text for the status.
type Refusal struct {
	Status        int
	Code, Message string
	More          map[string]any // more members of the error
}

// Problem is the refusal as an error of Graph.
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

// Answer answers the request: with the first fault that is meant for it, or without one.
func (q *Queue) Answer(t Target) wire.Answer {
	if h := q.next(&t); h != nil {
		return h.apply(&t)
	}
	return t.Answer()
}

// hit is a fault that a request met, as its nth.
type hit struct {
	Fault
	nth int
}

// next takes the first fault that is meant for this request.
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
		if f.Rate > 0 && share(tenant.Dice(f.Seed).Roll("fault", f.Fit)) >= f.Rate {
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

// share is a number from 0 to below 1.
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
	u := share(tenant.Dice(h.Seed).Roll("delay", h.nth))
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

// wait sleeps for the fault's delay. It reports whether the request is to be answered.
func (h *hit) wait(ctx context.Context) bool {
	return wire.Sleep(ctx, h.delay()) == nil && !h.Cut
}

// apply answers in place of the real answer, or edits it. A token shows the skewed time as well, so its clock is skewed
// before it is made.
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
