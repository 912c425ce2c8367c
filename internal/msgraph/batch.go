package msgraph

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"licensegraph/internal/upstream"
)

const (
	batchEndpoint = "POST /$batch"
	// batchParts is how many requests a $batch takes (Microsoft Graph, "JSON batching").
	batchParts = 20
	// fewParts is how many a batch has that repeats parts whose answers were lost.
	fewParts = 4
	// batchesAtOnce bounds the requests of one operation that are on their way.
	batchesAtOnce = 6
	// maxPages bounds how far one list is followed inside a batch.
	maxPages = 100
)

// advanced is the header of what the directory calls advanced queries. It has to come with each page, since links
// do not carry it. Shared: not to be changed.
var advanced = map[string]string{"ConsistencyLevel": "eventual"}

// Batch is a set of reads that travel in as few requests as possible: alone, or 20 to a $batch.
type Batch struct {
	operation *Operation
	reads     []*read
}

// request is what is sent, alone or as a part of a batch.
type request struct {
	endpoint string // its name in permissions and reports
	together int    // how many parts a batch that it travels in has at most; 0: as many as can be
	method   string // GET when empty
	url      string // relative to the version
	header   map[string]string
	body     any
}

// read is one request to read something.
type read struct {
	request
	// known is why it is not sent at all; nil for almost all.
	known error
	// optional is set where a tenant may not have the endpoint.
	optional bool
	// others are ways to read the same with less along with it, for when the service refuses the first.
	others []string
	// took is told of each way before the one that was taken whether its refusal named what came along.
	took func(named []bool)
	// prompt is set where a caller would rather know that the service throttles than wait.
	prompt bool
	// done gets the body of the answer, page by page if there are several, or the reason why there is none.
	done func(body []byte, err error)
	// more tells whether another page follows the body; nil for what has no pages.
	more func(body []byte) string

	operation *Operation
	attempt   int
	named     []bool // see took
	renewed   bool   // the token
	walk      walk
}

// walk is how far a list has been followed.
type walk struct {
	urls     []string // of the pages that were read
	restarts int
	progress upstream.Progress
}

// begins tells whether no page was read yet.
func (w *walk) begins() bool { return len(w.urls) == 0 }

// next takes where a page leads, which was read at an address.
func (w *walk) next(at, link string) error {
	w.urls = append(w.urls, at)
	if slices.Contains(w.urls, link) || len(w.urls) >= maxPages {
		return upstream.ErrEndless
	}
	return nil
}

// read takes the ids of a page that has a next link.
func (w *walk) read(endpoint string, ids []string) error {
	if kind := w.progress.Page(ids); kind != nil {
		return &upstream.Error{Kind: kind, Operation: endpoint}
	}
	return nil
}

// restart returns where to go on when the service no longer knows a page: at the last one that was read, then at the
// first one; false when that has not helped.
func (w *walk) restart() (url string, ok bool) {
	w.restarts++
	w.progress = upstream.Progress{}
	switch {
	case w.restarts == 1:
		url = w.urls[len(w.urls)-1]
		w.urls = w.urls[:len(w.urls)-1]
	case w.restarts == 2 && len(w.urls) > 0:
		url = w.urls[0]
		w.urls = nil
	default:
		return "", false
	}
	return url, true
}

// get makes a read without a body.
func get(endpoint, url string) *read {
	return &read{request: request{endpoint: endpoint, url: url}}
}

// Batch returns an empty set of reads.
func (o *Operation) Batch() upstream.Batch { return o.newBatch() }

func (o *Operation) newBatch() *Batch { return &Batch{operation: o} }

func (b *Batch) add(reads ...*read) {
	for _, r := range reads {
		r.operation = b.operation
	}
	b.reads = append(b.reads, reads...)
}

// Do reads everything that was added, and repeats what may succeed when it is repeated.
func (b *Batch) Do(ctx context.Context) {
	for pending := b.take(); len(pending) > 0; pending = append(pending, b.take()...) {
		answers := b.operation.readAll(ctx, pending)
		var again []*read
		var pause time.Duration
		for i, r := range pending {
			repeat, delay := b.operation.settle(ctx, r, &answers[i])
			if repeat {
				again = append(again, r)
				pause = max(pause, delay)
			}
		}
		pending = again
		if pause == 0 {
			continue
		}
		if err := b.operation.client.wait(ctx, pause); err != nil {
			for pending = append(pending, b.take()...); len(pending) > 0; pending = b.take() {
				for _, r := range pending {
					r.done(nil, unreadable(r.endpoint, err))
				}
			}
			return
		}
	}
}

// take returns what was added and has to be sent.
func (b *Batch) take() []*read {
	var reads []*read
	for len(b.reads) > 0 {
		added := b.reads
		b.reads = nil
		for _, r := range added {
			if r.known != nil {
				r.done(nil, r.known)
				continue
			}
			reads = append(reads, r)
		}
	}
	return reads
}

// settle hands an answer over, or tells that the read has to be sent (again), after a pause.
func (o *Operation) settle(ctx context.Context, r *read, a *answer) (again bool, pause time.Duration) {
	failure := a.failure(r.endpoint)
	if failure == nil {
		failure = a.malformed(r.endpoint)
	}
	switch {
	case failure == nil:
		if r.took != nil {
			r.took(r.named)
		}
		r.done(a.body, nil)
		if r.more == nil {
			return false, 0
		}
		link := r.more(a.body)
		if link == "" {
			return false, 0
		}
		relative, err := o.client.follow(link)
		if err != nil {
			err = unreadable(r.endpoint, err)
		} else if kind := r.walk.next(r.url, relative); kind != nil {
			err = &upstream.Error{Kind: kind, Operation: r.endpoint}
		}
		if err != nil {
			r.done(nil, err)
			return false, 0
		}
		r.url, r.others, r.took, r.attempt = relative, nil, nil, 0
		return true, 0
	case !r.walk.begins() && a.err == nil && (errors.Is(failure, upstream.ErrRefused) || errors.Is(failure, upstream.ErrNotFound)):
		url, ok := r.walk.restart()
		if !ok {
			failure.Kind, failure.Retryable = upstream.ErrUnavailable, true
			r.done(nil, failure)
			return false, 0
		}
		r.url, r.attempt = url, 0
		return true, 0
	case errors.Is(failure.Kind, upstream.ErrRefused) && a.err == nil && len(r.others) > 0:
		r.url, r.others = r.others[0], r.others[1:]
		r.named = append(r.named, namesExpansion(a.body))
		return true, 0
	case a.lost && r.together != 1:
		r.together = fewer(r.together)
		o.count(r.endpoint, upstream.Usage{Retries: 1})
		return true, 0
	case !r.renewed && o.refused(a):
		r.renewed = true
	case r.optional && a.err == nil && o.absent(r.endpoint, failure):
		r.done(nil, failure)
		return false, 0
	case !failure.Retryable, ctx.Err() != nil, r.prompt && errors.Is(failure, upstream.ErrThrottled):
		r.done(nil, failure)
		return false, 0
	default:
		if again, pause = repeatable(ctx, r.attempt, failure.Status, failure.RetryAfter); !again {
			r.done(nil, failure)
			return false, 0
		}
	}
	r.attempt++
	o.count(r.endpoint, upstream.Usage{Retries: 1})
	return true, pause
}

// readAll sends the reads and returns their answers in the same order. A failure of a whole batch is the failure
// of each part.
func (o *Operation) readAll(ctx context.Context, reads []*read) []answer {
	requests := make([]*request, len(reads))
	client := o.client.http
	for i, r := range reads {
		requests[i] = &r.request
		if r.attempt > 0 {
			client = o.client.again
		}
	}
	answers := o.exchange(ctx, client, requests, func(whole answer) answer {
		failure := whole.failure(batchEndpoint)
		switch {
		case errors.Is(failure, upstream.ErrForbidden):
			return whole // each part says which permission it lacks
		case errors.Is(failure, upstream.ErrRefused), errors.Is(failure, upstream.ErrNotFound):
			failure.Kind = upstream.ErrUnavailable // no part was refused, and none is known to be missing
		}
		return answer{err: failure, status: whole.status, header: whole.header, token: whole.token}
	})
	for i, r := range reads {
		if r.optional && answers[i].ok() {
			o.learnt.learn(present(r.endpoint))
		}
	}
	return answers
}

// exchange sends the requests, the parts of a batch at most together, and returns their answers in the same
// order. When a batch fails as a whole, the function tells what that means for a part.
func (o *Operation) exchange(ctx context.Context, client *http.Client, requests []*request, failed func(whole answer) answer) []answer {
	answers := make([]answer, len(requests))
	affordable := o.budget.spend(len(requests))
	var group errgroup.Group
	group.SetLimit(batchesAtOnce)
	for _, places := range batches(requests[:affordable]) {
		group.Go(func() error {
			parts := make([]*request, len(places))
			for n, i := range places {
				parts[n] = requests[i]
			}
			for n, a := range o.together(ctx, client, parts, failed) {
				answers[places[n]] = a
			}
			return nil
		})
	}
	group.Wait() //nolint:errcheck // nothing returns one
	for i, r := range requests[affordable:] {
		answers[affordable+i] = o.budget.exceeded(r.endpoint)
	}
	return answers
}

// batches divides requests, by their places, into those that travel together.
func batches(requests []*request) [][]int {
	places := map[int][]int{} // by how many may
	for i, r := range requests {
		most := cmp.Or(r.together, batchParts)
		places[most] = append(places[most], i)
	}
	var all [][]int
	for _, most := range slices.Sorted(maps.Keys(places)) {
		all = slices.AppendSeq(all, slices.Chunk(places[most], most))
	}
	return all
}

// fewer returns how many parts a batch has when one with so many got no answer for some.
func fewer(together int) int {
	if together == 0 {
		return fewParts
	}
	return 1
}

type batchPart struct {
	ID      string            `json:"id"`
	Method  string            `json:"method"`
	URL     string            `json:"url"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    any               `json:"body,omitempty"`
}

type batchAnswer struct {
	Responses []struct {
		ID      string          `json:"id"`
		Status  int             `json:"status"`
		Headers map[string]any  `json:"headers"`
		Body    json.RawMessage `json:"body"`
	} `json:"responses"`
}

// together sends requests when it is their turn, as the parts of one $batch if there are several.
func (o *Operation) together(ctx context.Context, client *http.Client, requests []*request, failed func(whole answer) answer) []answer {
	token, err := o.token(ctx) // first: a request that waits for a token takes no slot
	var release func(ok bool)
	if err == nil {
		release, err = o.client.queue.take(ctx, o, requests)
	}
	var whole answer
	switch {
	case errors.Is(err, errCoolDown):
		return o.withhold(ctx, client, requests, failed)
	case err != nil:
		whole = answer{err: err, unsent: true}
	default:
		defer func() { release(whole.err == nil && !retryable(whole.status)) }()
		if len(requests) == 1 {
			whole = o.send(ctx, client, requests[0], token)
		} else {
			whole = o.send(ctx, client, o.batch(requests), token)
		}
		o.client.queue.note(o.client, requests, whole.status, whole.header)
	}
	switch {
	case len(requests) == 1:
		return []answer{whole}
	case errors.Is(whole.err, errTooLarge):
		return slices.Repeat([]answer{lost(errTooLarge)}, len(requests))
	case !whole.ok():
		return slices.Repeat([]answer{failed(whole)}, len(requests))
	}
	return o.partsOf(whole, requests)
}

// withhold answers those of the requests that a cool-down concerns, and sends the others.
func (o *Operation) withhold(ctx context.Context, client *http.Client, requests []*request, failed func(whole answer) answer) []answer {
	answers := make([]answer, len(requests))
	var others []*request
	var places []int
	for i, r := range requests {
		if rest := o.client.queue.coolDown(o.client, o.client.lanesOf([]*request{r})...); rest > 0 {
			answers[i] = answer{err: throttled(r.endpoint, rest), unsent: true}
		} else {
			others, places = append(others, r), append(places, i)
		}
	}
	if len(others) > 0 {
		for n, a := range o.together(ctx, client, others, failed) {
			answers[places[n]] = a
		}
	}
	return answers
}

// batch returns a $batch of requests.
func (o *Operation) batch(requests []*request) *request {
	parts := make([]batchPart, len(requests))
	for i, r := range requests {
		parts[i] = batchPart{ID: strconv.Itoa(i), Method: r.verb(), URL: r.url, Headers: maps.Clone(r.header), Body: r.body}
		if r.body != nil {
			if parts[i].Headers == nil {
				parts[i].Headers = map[string]string{}
			}
			parts[i].Headers["Content-Type"] = "application/json"
		}
		o.count(r.endpoint, upstream.Usage{BatchParts: 1})
	}
	return &request{endpoint: batchEndpoint, method: http.MethodPost, url: "/$batch", body: map[string]any{"requests": parts}}
}

// lost is the answer of a part that was not found in the answer to its batch.
func lost(cause error) answer {
	return answer{err: &upstream.Error{Kind: upstream.ErrUnavailable, Operation: batchEndpoint, Retryable: true, Cause: cause}, lost: true}
}

// partsOf returns what a batch answered to each of its parts, which it does in any order.
func (o *Operation) partsOf(whole answer, requests []*request) []answer {
	var got batchAnswer
	if err := json.Unmarshal(whole.body, &got); err != nil {
		return slices.Repeat([]answer{lost(err)}, len(requests)) // a part of it may be no JSON
	}
	answers := slices.Repeat([]answer{lost(errors.New("a part has no answer"))}, len(requests))
	for _, response := range got.Responses {
		i, err := strconv.Atoi(response.ID)
		if err != nil || i < 0 || i >= len(requests) || response.Status < 100 {
			continue
		}
		header := http.Header{}
		for name, value := range response.Headers {
			header.Set(name, fmt.Sprint(value))
		}
		o.count(requests[i].endpoint, upstream.Usage{ResourceUnits: resourceUnits(header)})
		o.client.queue.note(o.client, requests[i:i+1], response.Status, header)
		if header.Get("request-id") == "" { // a part has none of its own
			header.Set("request-id", whole.header.Get("request-id"))
		}
		answers[i] = answer{status: response.Status, header: header, body: response.Body, part: true, token: whole.token, personal: whole.personal}
	}
	return answers
}

func (r *request) verb() string {
	if r.method == "" {
		return http.MethodGet
	}
	return r.method
}
