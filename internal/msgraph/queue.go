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
	// slots bounds the requests of one tenant and workload that are on their way.
	slots = 16
	// slotsAfter is how many of them there are when a cool-down ends. Each answer then adds one, so that the queue does
	// not run into the next cool-down as a whole.
	slotsAfter = 4
)

// Queue is the requests of one application in all its tenants that wait to be sent. No request is sent before the end
// of a Retry-After that concerns it, whichever request was answered with it, and callers take turns. One endpoint never
// has all slots: it gets one more only while it has fewer than are free. The queue is as long as the operations under
// way make it, each with at most [batchesAtOnce] requests for a set of reads. The zero value is an empty queue.
type Queue struct {
	mu      sync.Mutex
	lanes   map[laneKey]*lane
	callers map[identity.Key]*share
	waiting []*turn
	round   int       // what the caller had that last got a slot
	changed bool      // since slots were last given
	next    time.Time // end of the cool-down that ends first
}

// laneKey names requests that share a limit: those of a workload or an endpoint, in one tenant or, without a client, in
// all of them.
type laneKey struct {
	client *Client
	name   string
}

type lane struct {
	until time.Time // end of the cool-down
	slots int       // all, or fewer after a cool-down
	taken int
}

// share is what a caller had of the slots. Who had less comes first. What a new or quiet caller had is raised to what
// the last one had, so that nobody saves up turns.
type share struct {
	had   int // requests, each part of a $batch for itself
	round int // what the operation had that last got a slot
	open  int // turns that wait or have a slot
}

// turn is a request, or a $batch, that waits for a slot or has one.
type turn struct {
	operation *Operation
	key       identity.Key
	caller    *share
	lanes     []laneKey
	size      int // requests
	since     time.Time
	granted   bool
	wake      context.CancelFunc
}

// workload returns what an endpoint is throttled with (Microsoft Learn, "Microsoft Graph service-specific throttling limits"),
// for reads or writes.
func workload(endpoint string, writes bool) string {
	name := "directory"
	if strings.Contains(endpoint, "/cloudLicensing") {
		name = "cloudLicensing"
	}
	if writes {
		return name + " writes"
	}
	return name + " reads"
}

// writes tells whether the request counts as a change.
func (r *request) writes() bool {
	return r.verb() != http.MethodGet && r.endpoint != directoryObjectsByIDsEndpoint
}

// lanesOf returns the lanes of requests that travel together.
func (c *Client) lanesOf(requests []*request) []laneKey {
	var keys []laneKey
	var endpoints []string
	for _, r := range requests {
		if slices.Contains(endpoints, r.endpoint) {
			continue // of the same method, too
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

// throttledLanes returns the lanes that a 429 to a request concerns: its own workload, and what x-ms-throttle-scope names.
func (c *Client) throttledLanes(r *request, header http.Header) []laneKey {
	scope, rest, _ := strings.Cut(header.Get("x-ms-throttle-scope"), "/")
	limit, _, _ := strings.Cut(rest, "/")
	at := c
	if strings.EqualFold(scope, "Application") {
		at = nil
	}
	own := r.writes()
	keys := []laneKey{{at, workload(r.endpoint, own)}}
	if strings.EqualFold(limit, "ReadWrite") || strings.EqualFold(limit, "Read") && own || strings.EqualFold(limit, "Write") && !own {
		keys = append(keys, laneKey{at, workload(r.endpoint, !own)})
	}
	return keys
}

// lane returns a lane, which is made if need be.
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

// slots returns how many requests may be on their way in the lane while there is no cool-down.
func (k laneKey) slots() int {
	if k.client == nil || k.isEndpoint() {
		return math.MaxInt // each of them is in a workload of a tenant as well
	}
	return slots
}

// isEndpoint tells the lane of an endpoint from that of a workload.
func (k laneKey) isEndpoint() bool { return strings.Contains(k.name, "/") }

// maxCoolDown bounds how long one answer holds others back: a proxy on the way can ask for a day. The service has been
// seen to ask for ten minutes.
const maxCoolDown = 15 * time.Minute

// note begins a cool-down if the answer to a request, or to requests that travelled together, asks for one: a 429 for
// the workload, any other answer with a Retry-After for the endpoint.
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
}

// coolDown returns for how long nothing may be sent in some lanes.
func (q *Queue) coolDown(c *Client, keys ...laneKey) time.Duration {
	q.mu.Lock()
	defer q.mu.Unlock()
	return max(0, q.until(keys).Sub(c.now()))
}

// throttled is the error of a request that is not sent, since the service wants to be left alone for so long.
func throttled(endpoint string, rest time.Duration) *upstream.Error {
	seconds := (rest + time.Second - 1).Truncate(time.Second) // as the service counts
	return &upstream.Error{Kind: upstream.ErrThrottled, Operation: endpoint, RetryAfter: seconds, Retryable: true}
}

// until returns the end of the last cool-down of some lanes.
func (q *Queue) until(keys []laneKey) time.Time {
	var until time.Time
	for _, key := range keys {
		if l := q.lanes[key]; l != nil && l.until.After(until) {
			until = l.until
		}
	}
	return until
}

// errCoolDown tells that a cool-down lasts longer than a request waits.
var errCoolDown = errors.New("the service is left alone")

// take waits until requests that travel together may be sent, and returns the function that gives their slot back. It
// waits for a cool-down no longer than [maxWait], and for a slot as long as the context lasts.
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
			return func(ok bool) { q.release(t, ok) }, nil
		case late || ctx.Err() != nil:
			wake()
			q.remove(t)
			q.close(t)
			return nil, cmp.Or(ctx.Err(), errCoolDown)
		}
		q.mu.Unlock()
		if rest > 0 {
			_ = o.client.wait(waiting, rest) // whatever ended it, the next round looks
		} else {
			<-waiting.Done()
		}
		q.mu.Lock()
		wake()
	}
}

// enter adds a turn.
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

// give gives the free slots: to the caller that had the least, and of its operations to the one that had the least.
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

// fits tells whether there is a slot in each lane, and each endpoint has fewer than are free.
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

// release gives a slot back. After a cool-down, an answer that is no reason to repeat the request adds a slot.
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

// close forgets a turn that neither waits nor has a slot, and its caller with the last one.
func (q *Queue) close(t *turn) {
	if t.caller.open--; t.caller.open == 0 {
		delete(q.callers, t.key)
	}
}
