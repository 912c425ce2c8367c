package msgraph

import (
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

	"licensegraph/internal/licensing"
)

const (
	batchEndpoint = "POST /$batch"
	// batchParts is how many requests a $batch takes (Microsoft Graph, "JSON batching").
	batchParts = 20
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
	// took is told how many ways were refused before one was taken.
	took func(refused int)
	// done gets the body of the answer, page by page if there are several, or the reason why there is none.
	done func(body []byte, err error)
	// more tells whether another page follows the body; nil for what has no pages.
	more func(body []byte) string

	attempt, refused, pages int
}

// get makes a read without a body.
func get(endpoint, url string) *read {
	return &read{request: request{endpoint: endpoint, url: url}}
}

// Batch returns an empty set of reads.
func (o *Operation) Batch() *Batch { return &Batch{operation: o} }

func (b *Batch) add(reads ...*read) { b.reads = append(b.reads, reads...) }

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
	switch {
	case failure == nil:
		if r.took != nil {
			r.took(r.refused)
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
		if r.pages++; err == nil && r.pages >= maxPages {
			err = errors.New("the list is too long")
		}
		if err != nil {
			r.done(nil, unreadable(r.endpoint, err))
			return false, 0
		}
		r.url, r.others, r.took, r.attempt = relative, nil, nil, 0
		return true, 0
	case errors.Is(failure.Kind, licensing.ErrRefused) && a.err == nil && len(r.others) > 0:
		r.url, r.others = r.others[0], r.others[1:]
		r.refused++
		return true, 0
	case r.attempt == 0 && o.refused(a):
	case r.optional && a.err == nil && o.absent(r.endpoint, failure):
		r.done(nil, failure)
		return false, 0
	case !failure.Retryable || ctx.Err() != nil:
		r.done(nil, failure)
		return false, 0
	default:
		if again, pause = repeatable(ctx, r.attempt, failure.RetryAfter); !again {
			r.done(nil, failure)
			return false, 0
		}
	}
	r.attempt++
	o.count(r.endpoint, licensing.Usage{Retries: 1})
	return true, pause
}

// readAll sends the reads and returns their answers in the same order. A failure of a whole batch is the failure
// of each part.
func (o *Operation) readAll(ctx context.Context, reads []*read) []answer {
	requests := make([]*request, len(reads))
	for i, r := range reads {
		requests[i] = &r.request
	}
	answers := o.exchange(ctx, o.client.http, requests, func(whole answer) answer {
		failure := whole.failure(batchEndpoint)
		switch {
		case errors.Is(failure, licensing.ErrForbidden):
			return whole // each part says which permission it lacks
		case errors.Is(failure, licensing.ErrRefused), errors.Is(failure, licensing.ErrNotFound):
			failure.Kind = licensing.ErrUnavailable // no part was refused, and none is known to be missing
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
	answers := make([]answer, 0, len(requests))
	affordable := o.budget.spend(len(requests))
	chunks := slices.Collect(slices.Chunk(requests[:affordable], batchParts))
	results := make([][]answer, len(chunks))
	var group errgroup.Group
	group.SetLimit(batchesAtOnce)
	for i, chunk := range chunks {
		group.Go(func() error {
			results[i] = o.together(ctx, client, chunk, failed)
			return nil
		})
	}
	group.Wait() //nolint:errcheck // nothing returns one
	for _, result := range results {
		answers = append(answers, result...)
	}
	for _, r := range requests[affordable:] {
		answers = append(answers, o.budget.exceeded(r.endpoint))
	}
	return answers
}

// alone sends a request of its own.
func (o *Operation) alone(ctx context.Context, client *http.Client, r *request) answer {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return answer{err: err, unsent: true}
		}
	}
	return o.send(ctx, client, r, body)
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

// together sends requests as the parts of one $batch.
func (o *Operation) together(ctx context.Context, client *http.Client, requests []*request, failed func(whole answer) answer) []answer {
	if len(requests) == 1 {
		return []answer{o.alone(ctx, client, requests[0])}
	}
	parts := make([]batchPart, len(requests))
	for i, r := range requests {
		parts[i] = batchPart{ID: strconv.Itoa(i), Method: r.verb(), URL: r.url, Headers: maps.Clone(r.header), Body: r.body}
		if r.body != nil {
			if parts[i].Headers == nil {
				parts[i].Headers = map[string]string{}
			}
			parts[i].Headers["Content-Type"] = "application/json"
		}
		o.count(r.endpoint, licensing.Usage{BatchParts: 1})
	}
	whole := o.alone(ctx, client, &request{
		endpoint: batchEndpoint,
		method:   http.MethodPost,
		url:      "/$batch",
		body:     map[string]any{"requests": parts},
	})
	if !whole.ok() {
		return slices.Repeat([]answer{failed(whole)}, len(requests))
	}
	return o.partsOf(whole, requests)
}

// partsOf returns what a batch answered to each of its parts, which it does in any order.
func (o *Operation) partsOf(whole answer, requests []*request) []answer {
	var got batchAnswer
	if err := json.Unmarshal(whole.body, &got); err != nil {
		return slices.Repeat([]answer{{err: unreadable(batchEndpoint, err)}}, len(requests))
	}
	answers := slices.Repeat([]answer{{err: unreadable(batchEndpoint, errors.New("a part has no answer"))}}, len(requests))
	for _, response := range got.Responses {
		i, err := strconv.Atoi(response.ID)
		if err != nil || i < 0 || i >= len(requests) {
			continue
		}
		header := http.Header{}
		for name, value := range response.Headers {
			header.Set(name, fmt.Sprint(value))
		}
		o.count(requests[i].endpoint, licensing.Usage{ResourceUnits: resourceUnits(header)})
		if header.Get("request-id") == "" { // a part has none of its own
			header.Set("request-id", whole.header.Get("request-id"))
		}
		answers[i] = answer{status: response.Status, header: header, body: response.Body, token: whole.token, personal: whole.personal}
	}
	return answers
}

func (r *request) verb() string {
	if r.method == "" {
		return http.MethodGet
	}
	return r.method
}
