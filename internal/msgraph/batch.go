package msgraph

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"licensegraph/internal/decode"
	"licensegraph/internal/upstream"
)

const (
	batchEndpoint = "POST /$batch"
	// batchParts is the maximum number of requests in a $batch (Microsoft Graph, "JSON batching").
	batchParts = 20
	// fewParts is the batch size for the first repetition of requests without a response.
	fewParts = 4
	// batchesAtOnce is the maximum number of concurrent requests of one operation.
	batchesAtOnce = 6
	// maxPages is the maximum number of pages read from one list.
	maxPages = 100
)

// advanced is the header for advanced queries on directory objects. Each page requires it, since next links do not
// include it. It is shared: do not modify.
var advanced = map[string]string{"ConsistencyLevel": "eventual"}

// Batch is a set of reads, sent alone or up to 20 in a $batch.
type Batch struct {
	operation *Operation
	reads     []*read
	lookups   []*lookup
}

// request is a request, sent alone or in a batch.
type request struct {
	endpoint string // name in permissions and reports
	together int    // maximum size of its batch; 0 means batchParts
	method   string // empty means GET
	url      string // relative to the API version
	header   map[string]string
	body     any
	limit    string // throttling limit besides that of the workload; empty for none
	// decode reads the body of a 2xx response; nil ignores it.
	decode func(*decode.Decoder) error
}

// read is a read request.
type read struct {
	request
	// known is the error of a read that must not be sent; nil otherwise.
	known error
	// optional reports that the tenant may not provide the endpoint.
	optional bool
	// fallbacks expand, page or filter less. They are tried in order after a 400.
	fallbacks []fallback
	// options are those of url, and rejected the ones that were tried before.
	options  options
	rejected []rejection
	// refusals are the properties that the tenant may refuse.
	refusals refusals
	// accepted is called when url is accepted.
	accepted func(r *read)
	// done is called when a response, one per page, was decoded, or with the error.
	done func(err error)
	// next returns the next link of the page that was decoded; nil for a read without pages.
	next func() string

	operation *Operation
	attempt   int
	renewed   bool // the token was renewed
	walk      walk
}

// walk is the progress of a read through the pages of a list.
type walk struct {
	urls     []string // of the pages read so far
	restarts int
	progress upstream.Progress
}

// atStart reports whether no page was read yet.
func (w *walk) atStart() bool { return len(w.urls) == 0 }

// next records the URL of a page and its next link. It returns [upstream.ErrEndless] if the link repeats or the list is
// too long.
func (w *walk) next(at, link string) error {
	w.urls = append(w.urls, at)
	if slices.Contains(w.urls, link) || len(w.urls) >= maxPages {
		return upstream.ErrEndless
	}
	return nil
}

// read records the IDs of a page that has a next link.
func (w *walk) read(endpoint string, ids []string) error {
	if kind := w.progress.Page(ids); kind != nil {
		return &upstream.Error{Kind: kind, Operation: endpoint}
	}
	return nil
}

// restart returns the URL to continue from after a page has expired: first the last page read, then the first page. It
// returns false if both failed.
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

// get returns a GET request.
func get(endpoint, url string) *read {
	return &read{request: request{endpoint: endpoint, url: url}}
}

// Batch returns an empty batch.
func (o *Operation) Batch() upstream.Batch { return o.newBatch() }

func (o *Operation) newBatch() *Batch { return &Batch{operation: o} }

func (b *Batch) add(reads ...*read) {
	for _, r := range reads {
		r.operation = b.operation
		r.selectRefusable()
	}
	b.reads = append(b.reads, reads...)
}

// Do sends all added reads, and repeats those that failed with a retryable error. Reference data comes from the cache
// if possible.
func (b *Batch) Do(ctx context.Context) {
	if len(b.lookups) == 0 {
		b.send(ctx)
		return
	}
	wait := b.lookUp(ctx)
	b.send(ctx)
	wait()
	b.send(ctx) // what the cache did not read
}

func (b *Batch) send(ctx context.Context) {
	for pending := b.take(); len(pending) > 0; pending = append(pending, b.take()...) {
		responses := b.operation.readAll(ctx, pending)
		var again []*read
		var pause time.Duration
		for i, r := range pending {
			repeat, delay := b.operation.settle(ctx, r, &responses[i])
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
					r.done(unreadable(r.endpoint, err))
				}
			}
			return
		}
		b.operation.countWait(pause)
	}
}

// take removes the added reads from the batch and returns those to send.
func (b *Batch) take() []*read {
	var reads []*read
	for len(b.reads) > 0 {
		added := b.reads
		b.reads = nil
		for _, r := range added {
			if r.known != nil {
				r.done(r.known)
				continue
			}
			reads = append(reads, r)
		}
	}
	return reads
}

// settle processes a response. It reports whether to send the read again, for a retry or the next page, and the pause
// before that.
func (o *Operation) settle(ctx context.Context, r *read, a *response) (again bool, pause time.Duration) {
	failure := a.failure(r.endpoint)
	if failure == nil {
		a.read(&r.request)
		failure = a.malformed(r.endpoint)
	}
	if failure != nil && errors.Is(failure.Kind, upstream.ErrNotFound) && a.err == nil && len(r.rejected) > 0 && r.accepted != nil {
		r.accepted(r) // unlike rejected options
	}
	switch {
	case failure == nil && a.unreadable != nil:
		r.done(unreadable(r.endpoint, a.unreadable))
		return false, 0
	case failure == nil:
		r.recordRefusals()
		if r.accepted != nil {
			r.accepted(r)
		}
		r.done(nil)
		if r.next == nil {
			return false, 0
		}
		link := r.next()
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
			r.done(err)
			return false, 0
		}
		r.url, r.fallbacks, r.accepted, r.attempt = relative, nil, nil, 0
		r.selectRefusable()
		return true, 0
	case !r.walk.atStart() && a.err == nil && (errors.Is(failure, upstream.ErrRefused) || errors.Is(failure, upstream.ErrNotFound)):
		url, ok := r.walk.restart()
		if !ok {
			failure.Kind, failure.Retryable = upstream.ErrUnavailable, true
			r.done(failure)
			return false, 0
		}
		r.url, r.attempt = url, 0
		r.selectRefusable()
		return true, 0
	case errors.Is(failure.Kind, upstream.ErrRefused) && a.err == nil && len(r.fallbacks) > 0:
		r.fallBack(a.body)
		return true, 0
	case !errors.Is(failure, upstream.ErrThrottled) && r.leaveOut(failure):
		return true, 0
	case a.missing && r.together != 1:
		r.together = smallerBatch(r.together)
		o.countRetry(r.endpoint)
		return true, 0
	case !r.renewed && o.refused(a):
		r.renewed = true
	case r.optional && a.err == nil && o.absent(r.endpoint, failure):
		r.done(failure)
		return false, 0
	case !failure.Retryable, ctx.Err() != nil:
		r.done(failure)
		return false, 0
	default:
		if again, pause = repeatable(ctx, r.attempt, failure.Status, failure.RetryAfter); !again {
			if ctx.Err() == nil && r.leaveOut(failure) {
				r.attempt = 0
				return true, 0
			}
			r.done(failure)
			return false, 0
		}
	}
	r.attempt++
	o.countRetry(r.endpoint)
	return true, pause
}

// readAll sends the reads and returns their responses in the same order. If a whole batch fails, each of its requests
// fails.
func (o *Operation) readAll(ctx context.Context, reads []*read) []response {
	requests := make([]*request, len(reads))
	client := o.client.http
	for i, r := range reads {
		requests[i] = &r.request
		if r.attempt > 0 {
			client = o.client.again
		}
	}
	responses := o.exchange(ctx, client, requests, func(whole response) response {
		failure := whole.failure(batchEndpoint)
		switch {
		case errors.Is(failure, upstream.ErrForbidden):
			return whole // each request gets the error with its own permission
		case errors.Is(failure, upstream.ErrRefused), errors.Is(failure, upstream.ErrNotFound):
			failure.Kind = upstream.ErrUnavailable // the status is about the batch, not about its requests
		}
		return response{err: failure, status: whole.status, header: whole.header, token: whole.token}
	})
	for i, r := range reads {
		if r.optional && responses[i].ok() {
			o.capabilities.record(responds(r.endpoint))
		}
	}
	return responses
}

// exchange sends the requests in batches and returns their responses in the same order. When a whole batch fails,
// failed returns the response of each of its requests.
func (o *Operation) exchange(ctx context.Context, client *http.Client, requests []*request, failed func(whole response) response) []response {
	responses := make([]response, len(requests))
	affordable := o.budget.spend(len(requests))
	var group errgroup.Group
	group.SetLimit(batchesAtOnce)
	for _, places := range batches(requests[:affordable]) {
		group.Go(func() error {
			err := upstream.Guard(func() {
				parts := make([]*request, len(places))
				for n, i := range places {
					parts[n] = requests[i]
				}
				for n, a := range o.together(ctx, client, parts, failed) {
					responses[places[n]] = a
				}
			})
			for _, i := range places {
				if err != nil {
					responses[i] = response{err: &upstream.Error{Kind: err, Operation: requests[i].endpoint}}
				}
			}
			return nil
		})
	}
	group.Wait() //nolint:errcheck // no function returns an error
	for i, r := range requests[affordable:] {
		responses[affordable+i] = o.budget.exceeded(r.endpoint)
	}
	return responses
}

// batches splits the indexes of requests into batches.
func batches(requests []*request) [][]int {
	places := map[int][]int{} // by maximum batch size
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

// smallerBatch returns the next smaller batch size, after a batch of the size had missing responses.
func smallerBatch(together int) int {
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

// together waits for a slot and sends the requests, as a $batch if there are several.
func (o *Operation) together(ctx context.Context, client *http.Client, requests []*request, failed func(whole response) response) []response {
	token, err := o.token(ctx) // before the slot, so that waiting for a token does not occupy one
	var release func(ok bool)
	if err == nil {
		release, err = o.client.queue.take(ctx, o, requests)
	}
	var whole response
	switch {
	case errors.Is(err, errCoolDown):
		return o.sendUnthrottled(ctx, client, requests, failed)
	case err != nil:
		whole = response{err: err, unsent: true}
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
		return []response{whole}
	case errors.Is(whole.err, errTooLarge):
		return slices.Repeat([]response{missingResponse(errTooLarge)}, len(requests))
	case !whole.ok():
		return slices.Repeat([]response{failed(whole)}, len(requests))
	}
	responses := o.partsOf(whole, requests)
	for i := range responses {
		o.client.observer.Part(requests[i].endpoint, responses[i].status)
	}
	return responses
}

// sendUnthrottled returns ErrThrottled for the requests in a cool-down and sends the rest.
func (o *Operation) sendUnthrottled(ctx context.Context, client *http.Client, requests []*request, failed func(whole response) response) []response {
	responses := make([]response, len(requests))
	var unthrottled []*request
	var places []int
	for i, r := range requests {
		if rest := o.client.queue.coolDown(o.client, o.client.lanesOf([]*request{r})...); rest > 0 {
			responses[i] = response{err: throttled(r.endpoint, rest), unsent: true}
		} else {
			unthrottled, places = append(unthrottled, r), append(places, i)
		}
	}
	if len(unthrottled) > 0 {
		for n, a := range o.together(ctx, client, unthrottled, failed) {
			responses[places[n]] = a
		}
	}
	return responses
}

// batch returns a $batch request.
func (o *Operation) batch(requests []*request) *request {
	parts := make([]batchPart, len(requests))
	o.client.observer.Batched(len(parts))
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

// missingResponse is the response of a request that is missing from its batch response.
func missingResponse(cause error) response {
	return response{err: &upstream.Error{Kind: upstream.ErrUnavailable, Operation: batchEndpoint, Retryable: true, Cause: cause}, missing: true}
}

// partsOf returns the responses in a batch response, in the order of the requests. It decodes those that follow their
// status, as Microsoft Graph writes them.
func (o *Operation) partsOf(whole response, requests []*request) []response {
	responses := slices.Repeat([]response{missingResponse(errors.New("missing response in $batch"))}, len(requests))
	d := decode.New(whole.body)
	if !d.Members(func(name string) {
		if name != "responses" {
			d.Skip()
			return
		}
		d.Elements(func() {
			if a, i := readPart(d, requests); i >= 0 {
				responses[i] = a
			}
		})
	}) || d.End() != nil {
		return slices.Repeat([]response{missingResponse(cmp.Or(d.Err(), errors.New("not an object")))}, len(requests)) // a response in it may be invalid JSON
	}
	for i := range responses {
		a := &responses[i]
		if a.missing {
			continue
		}
		o.count(requests[i].endpoint, upstream.Usage{ResourceUnits: resourceUnits(a.header)})
		o.client.queue.note(o.client, requests[i:i+1], a.status, a.header)
		if a.header.Get("request-id") == "" { // missing in the batched response
			a.header.Set("request-id", whole.header.Get("request-id"))
		}
		a.token, a.personal = whole.token, whole.personal
	}
	return responses
}

// partHeaders are the headers of a response in a batch that are read.
var partHeaders = []string{"Request-Id", "Retry-After", "X-Ms-Resource-Unit", "X-Ms-Throttle-Scope", "Www-Authenticate"}

// readPart reads a response in a batch response, and returns it with the index of its request; -1 if there is none.
func readPart(d *decode.Decoder, requests []*request) (a response, i int) {
	i = -1
	a = response{part: true, header: http.Header{}}
	d.Members(func(name string) {
		switch name {
		case "id":
			id, _ := d.Text()
			if n, err := strconv.Atoi(id); err == nil && i < 0 && n >= 0 && n < len(requests) {
				i = n // of a part with several, the first, whose request decodes the body
			}
		case "status":
			if status, ok := d.Int(); ok && status != nil {
				a.status = *status
			}
		case "headers":
			d.Members(func(name string) {
				if !slices.Contains(partHeaders, http.CanonicalHeaderKey(name)) {
					d.Skip()
					return
				}
				a.header.Set(name, d.Scalar())
			})
		case "body":
			if d.Peek() == '{' && i >= 0 && a.ok() && requests[i].decode != nil {
				a.unreadable, a.decoded = requests[i].decode(d), true
				return
			}
			a.body, a.decoded = d.Raw(), false
		default:
			d.Skip()
		}
	})
	if a.status < 100 {
		return a, -1
	}
	return a, i
}

func (r *request) verb() string {
	if r.method == "" {
		return http.MethodGet
	}
	return r.method
}
