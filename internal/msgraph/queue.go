package msgraph

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"licensegraph/internal/identity"
	"licensegraph/internal/outbound"
	"licensegraph/internal/upstream"
)

const (
	// slots is the maximum number of concurrent requests per tenant and workload.
	slots = 16
	// slotsAfter is the number of slots after a cool-down. Each successful response then adds one, which avoids an
	// immediate second cool-down.
	slotsAfter = 4
)

// Queue schedules the requests of one application in all tenants. It delays requests until the end of an applicable
// Retry-After, and shares slots fairly among callers. One endpoint never occupies all slots: it gets another slot only
// while it has fewer than are free. The queue length is unlimited, but each operation has at most [batchesAtOnce]
// concurrent requests per batch. The zero value is an empty queue.
type Queue struct {
	mu      sync.Mutex
	lanes   map[laneKey]*lane
	callers map[identity.Key]*share
	waiting []*turn
	round   int       // use of the caller that last got a slot
	changed bool      // since the last call of give
	next    time.Time // end of the next cool-down
}

// laneKey identifies requests that share a limit: those of a workload or an endpoint, in one tenant or, with a nil
// client, in all tenants.
type laneKey struct {
	client *Client
	name   string
}

type lane struct {
	until time.Time // end of the cool-down
	slots int       // fewer after a cool-down
	taken int
}

// share is a caller's use of the slots. The caller with the least use comes first. The use of a new or idle caller is
// raised to the current round, so that idle time gives no advantage.
type share struct {
	had   int // number of requests, counting each request of a $batch
	round int // use of the operation that last got a slot
	open  int // number of turns that wait or have a slot
}

// turn is a request or a $batch that waits for a slot or has one.
type turn struct {
	operation *Operation
	key       identity.Key
	caller    *share
	lanes     []laneKey
	size      int // number of requests
	since     time.Time
	granted   bool
	wake      context.CancelFunc
}

// workload returns the throttling scope of an endpoint (Microsoft Learn, "Microsoft Graph service-specific throttling
// limits"), for reads or writes.
func workload(endpoint string, writes bool) string {
	name := "directory"
	switch {
	case strings.Contains(endpoint, "/cloudLicensing"):
		name = "cloudLicensing"
	case endpoint == directoryAuditsEndpoint:
		name = "audit log"
	case isReport(endpoint):
		name = "reports"
	}
	if writes {
		return name + " writes"
	}
	return name + " reads"
}

// writes reports whether the request is a write.
func (r *request) writes() bool {
	return r.verb() != http.MethodGet && r.endpoint != directoryObjectsByIDsEndpoint
}

// lanesOf returns the lanes of requests that are sent together.
func (c *Client) lanesOf(requests []*request) []laneKey {
	var keys []laneKey
	var endpoints []string
	for _, r := range requests {
		if key := (laneKey{c, r.limit}); r.limit != "" && !slices.Contains(keys, key) {
			keys = append(keys, key, laneKey{nil, r.limit})
		}
		if slices.Contains(endpoints, r.endpoint) {
			continue // the endpoint includes the method
		}
		endpoints = append(endpoints, r.endpoint)
		name := workload(r.endpoint, r.writes())
		for _, key := range []laneKey{{c, name}, {nil, name}, {c, r.endpoint}} {
			if !slices.Contains(keys, key) {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// throttledLanes returns the lanes that a 429 applies to: the request's own limit, or its workload and the scope in
// x-ms-throttle-scope.
func (c *Client) throttledLanes(r *request, header http.Header) []laneKey {
	scope, rest, _ := strings.Cut(header.Get("x-ms-throttle-scope"), "/")
	limit, _, _ := strings.Cut(rest, "/")
	at := c
	if strings.EqualFold(scope, "Application") {
		at = nil
	}
	if r.limit != "" {
		return []laneKey{{at, r.limit}}
	}
	if isReport(r.endpoint) {
		return []laneKey{{c, r.endpoint}}
	}
	own := r.writes()
	keys := []laneKey{{at, workload(r.endpoint, own)}}
	if strings.EqualFold(limit, "ReadWrite") || strings.EqualFold(limit, "Read") && own || strings.EqualFold(limit, "Write") && !own {
		keys = append(keys, laneKey{at, workload(r.endpoint, !own)})
	}
	return keys
}

// lane returns a lane and creates it if necessary.
func (q *Queue) lane(key laneKey) *lane {
	l := q.lanes[key]
	if l == nil {
		if q.lanes == nil {
			q.lanes = map[laneKey]*lane{}
		}
		l = &lane{slots: key.slots()}
		q.lanes[key] = l
	}
	return l
}

// slots returns the number of slots of the lane without a cool-down.
func (k laneKey) slots() int {
	if k.client == nil || k.isEndpoint() {
		return math.MaxInt // limited by the workload of the tenant
	}
	return slots
}

// isEndpoint reports whether the lane is of an endpoint, rather than of a workload.
func (k laneKey) isEndpoint() bool { return strings.Contains(k.name, "/") }

// maxCoolDown is the maximum cool-down after one response: an intermediary can request a day. Microsoft Graph has been
// observed to request ten minutes.
const maxCoolDown = 15 * time.Minute

// note starts a cool-down if a response requests one: a 429 for the workload, any other retryable response with
// Retry-After for the endpoint.
func (q *Queue) note(c *Client, requests []*request, status int, header http.Header) {
	pause := min(outbound.RetryAfter(header, time.Now()), maxCoolDown)
	if pause == 0 && status == http.StatusTooManyRequests {
		pause = throttledBackoff
	}
	if pause == 0 || !retryable(status) {
		return
	}
	var keys []laneKey
	for _, r := range requests {
		if status == http.StatusTooManyRequests && r.endpoint != tokenEndpoint {
			keys = append(keys, c.throttledLanes(r, header)...)
		} else {
			keys = append(keys, laneKey{c, r.endpoint})
		}
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	until := c.now().Add(pause)
	for _, key := range keys {
		l := q.lane(key)
		l.slots = slotsAfter
		if until.After(l.until) {
			l.until = until
		}
	}
	q.changed = true
	for _, t := range q.waiting {
		t.wake()
	}
	c.observer.CooledDown(requests[0].endpoint, pause)
}

// coolDown returns the remaining cool-down of the lanes.
func (q *Queue) coolDown(c *Client, keys ...laneKey) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(0, q.until(keys).Sub(c.now()))
}

// throttled returns the error of a request that was not sent because of a cool-down.
func throttled(endpoint string, rest time.Duration) *upstream.Error {
	seconds := (rest + time.Second - 1).Truncate(time.Second) // Retry-After has whole seconds
	return &upstream.Error{Kind: upstream.ErrThrottled, Operation: endpoint, RetryAfter: seconds, Retryable: true}
}

// until returns the latest end of the lanes' cool-downs.
func (q *Queue) until(keys []laneKey) time.Time {
	var until time.Time
	for _, key := range keys {
		if l := q.lanes[key]; l != nil && l.until.After(until) {
			until = l.until
		}
	}
	return until
}

// errCoolDown is the error of a cool-down longer than the maximum wait.
var errCoolDown = errors.New("cool-down")

// take waits for a slot and returns the function that releases it. It waits at most [maxWait] for a cool-down, and
// until the context ends for a slot.
func (q *Queue) take(ctx context.Context, o *Operation, requests []*request) (release func(ok bool), err error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.enter(ctx, o, requests)
	for {
		waiting, wake := context.WithCancel(ctx)
		t.wake = wake
		now := o.client.now()
		q.give(now)
		until := q.until(t.lanes)
		rest := until.Sub(now)
		deadline, limited := ctx.Deadline()
		switch late := rest > 0 && (until.Sub(t.since) > maxWait || limited && time.Until(deadline) < rest); {
		case t.granted:
			wake()
			o.countWait(now.Sub(t.since))
			o.client.observer.Queued(now.Sub(t.since))
			return func(ok bool) { q.release(t, ok) }, nil
		case late || ctx.Err() != nil:
			wake()
			q.remove(t)
			q.close(t)
			return nil, cmp.Or(ctx.Err(), errCoolDown)
		}
		q.mu.Unlock()
		if rest > 0 {
			_ = o.client.wait(waiting, rest) // the next iteration checks the state
		} else {
			<-waiting.Done()
		}
		q.mu.Lock()
		wake()
	}
}

// enter adds a turn to the queue.
func (q *Queue) enter(ctx context.Context, o *Operation, requests []*request) *turn {
	key := identity.From(ctx).Key()
	caller := q.callers[key]
	if caller == nil {
		if q.callers == nil {
			q.callers = map[identity.Key]*share{}
		}
		caller = &share{}
		q.callers[key] = caller
	}
	if o.caller != caller {
		o.caller, o.had = caller, 0
	}
	caller.open++
	caller.had = max(caller.had, q.round)
	o.had = max(o.had, caller.round)
	t := &turn{operation: o, key: key, caller: caller, lanes: o.client.lanesOf(requests), size: len(requests), since: o.client.now()}
	q.waiting = append(q.waiting, t)
	q.changed = true
	return t
}

// give grants the free slots: to the caller with the least use, and among its operations to the one with the least use.
func (q *Queue) give(now time.Time) {
	if !q.changed && now.Before(q.next) {
		return
	}
	q.changed = false
	for {
		q.next = now.Add(maxWait)
		var best *turn
		for _, t := range q.waiting {
			if until := q.until(t.lanes); until.After(now) {
				if until.Before(q.next) {
					q.next = until
				}
			} else if q.fits(t) && (best == nil || before(t, best)) {
				best = t
			}
		}
		if best == nil {
			return
		}
		best.granted = true
		for _, key := range best.lanes {
			q.lane(key).taken++
		}
		q.round = max(q.round, best.caller.had)
		best.caller.round = max(best.caller.round, best.operation.had)
		best.caller.had += best.size
		best.operation.had += best.size
		q.remove(best)
		best.wake()
	}
}

func before(t, other *turn) bool {
	return cmp.Or(cmp.Compare(t.caller.had, other.caller.had), cmp.Compare(t.operation.had, other.operation.had)) < 0
}

// fits reports whether each lane has a free slot and no endpoint has as many slots as are free.
func (q *Queue) fits(t *turn) bool {
	free := math.MaxInt
	for _, key := range t.lanes {
		if l := q.lanes[key]; l != nil {
			free = min(free, l.slots-l.taken)
		}
	}
	return free > 0 && !slices.ContainsFunc(t.lanes, func(key laneKey) bool {
		l := q.lanes[key]
		return key.isEndpoint() && l != nil && l.taken >= free
	})
}

// release releases a slot. After a cool-down, a response that needs no retry adds a slot.
func (q *Queue) release(t *turn, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := t.operation.client.now()
	for _, key := range t.lanes {
		l := q.lanes[key]
		l.taken--
		if ok && l.slots < slots && !l.until.After(now) {
			if l.slots++; l.slots == slots {
				l.slots = key.slots()
			}
		}
		if l.taken == 0 && l.slots == key.slots() && !l.until.After(now) {
			delete(q.lanes, key)
		}
	}
	q.changed = true
	q.close(t)
	q.give(now)
}

func (q *Queue) remove(t *turn) {
	i := slices.Index(q.waiting, t)
	q.waiting = slices.Delete(q.waiting, i, i+1)
}

// close removes a turn that neither waits nor has a slot, and its caller after the last turn.
func (q *Queue) close(t *turn) {
	if t.caller.open--; t.caller.open == 0 {
		delete(q.callers, t.key)
	}
}
