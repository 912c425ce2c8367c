package msgraph

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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

// Batch is a set of reads that travel in as few requests as possible: alone, or 20 to a $batch.
type Batch struct {
	operation *Operation
	reads     []*read
}

// read is one request to read something.
type read struct {
	endpoint string // its name in permissions and reports
	method   string // GET when empty
	url      string // relative to the version
	body     any
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

// Batch returns an empty set of reads.
func (o *Operation) Batch() *Batch { return &Batch{operation: o} }

func (b *Batch) add(reads ...*read) { b.reads = append(b.reads, reads...) }

// Do reads everything that was added, and repeats what may succeed when it is repeated.
func (b *Batch) Do(ctx context.Context) {
	pending := b.reads
	b.reads = nil
	for len(pending) > 0 {
		answers := b.operation.exchange(ctx, pending)
		var next []*read
		var pause time.Duration
		for i, r := range pending {
			again, delay := b.operation.settle(ctx, r, &answers[i])
			if again {
				next = append(next, r)
				pause = max(pause, delay)
			}
		}
		if pause > 0 {
			if err := b.operation.client.wait(ctx, pause); err != nil {
				for _, r := range next {
					r.done(nil, unreadable(r.endpoint, err))
				}
				return
			}
		}
		pending = next
	}
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
	case errors.Is(failure.Kind, licensing.ErrUnauthenticated) && a.token != "" && r.attempt == 0:
		o.client.tokens.drop(ctx, a.token)
	case !failure.Retryable || r.attempt+1 >= attempts || ctx.Err() != nil:
		r.done(nil, failure)
		return false, 0
	default:
		pause = backoff(r.attempt+1, failure.RetryAfter)
		deadline, limited := ctx.Deadline()
		if pause > maxWait || limited && time.Until(deadline) < pause {
			r.done(nil, failure)
			return false, 0
		}
	}
	r.attempt++
	o.count(r.endpoint, licensing.Usage{Retries: 1})
	return true, pause
}

// exchange sends the reads and returns their answers in the same order.
func (o *Operation) exchange(ctx context.Context, reads []*read) []answer {
	if len(reads) == 1 {
		return []answer{o.alone(ctx, reads[0])}
	}
	answers := make([]answer, 0, len(reads))
	chunks := slices.Collect(slices.Chunk(reads, batchParts))
	results := make([][]answer, len(chunks))
	var group errgroup.Group
	group.SetLimit(batchesAtOnce)
	for i, chunk := range chunks {
		group.Go(func() error {
			results[i] = o.together(ctx, chunk)
			return nil
		})
	}
	group.Wait() //nolint:errcheck // nothing returns one
	for _, result := range results {
		answers = append(answers, result...)
	}
	return answers
}

// alone sends a read as a request of its own.
func (o *Operation) alone(ctx context.Context, r *read) answer {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return answer{err: err}
		}
	}
	return o.send(ctx, r.endpoint, r.verb(), r.url, body)
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

// together sends reads as the parts of one $batch. A failure of the whole is the failure of each part.
func (o *Operation) together(ctx context.Context, reads []*read) []answer {
	answers := make([]answer, len(reads))
	if len(reads) == 1 {
		answers[0] = o.alone(ctx, reads[0])
		return answers
	}
	var request struct {
		Requests []batchPart `json:"requests"`
	}
	for i, r := range reads {
		part := batchPart{ID: strconv.Itoa(i), Method: r.verb(), URL: r.url, Body: r.body}
		if r.body != nil {
			part.Headers = map[string]string{"Content-Type": "application/json"}
		}
		request.Requests = append(request.Requests, part)
		o.count(r.endpoint, licensing.Usage{BatchParts: 1})
	}
	fill := func(a answer) []answer {
		for i := range answers {
			answers[i] = a
		}
		return answers
	}
	body, err := json.Marshal(request)
	if err != nil {
		return fill(answer{err: err})
	}
	whole := o.send(ctx, batchEndpoint, http.MethodPost, "/$batch", body)
	if failure := whole.failure(batchEndpoint); failure != nil {
		switch {
		case errors.Is(failure, licensing.ErrForbidden):
			return fill(whole) // each part says which permission it lacks
		case errors.Is(failure, licensing.ErrRefused), errors.Is(failure, licensing.ErrNotFound):
			failure.Kind = licensing.ErrUnavailable // no part was refused, and none is known to be missing
		}
		return fill(answer{err: failure, token: whole.token})
	}
	var got batchAnswer
	if err := json.Unmarshal(whole.body, &got); err != nil {
		return fill(answer{err: unreadable(batchEndpoint, err)})
	}
	fill(answer{err: unreadable(batchEndpoint, errors.New("a part has no answer"))})
	for _, response := range got.Responses {
		i, err := strconv.Atoi(response.ID)
		if err != nil || i < 0 || i >= len(reads) {
			continue
		}
		header := http.Header{}
		for name, value := range response.Headers {
			header.Set(name, fmt.Sprint(value))
		}
		o.count(reads[i].endpoint, licensing.Usage{ResourceUnits: resourceUnits(header)})
		answers[i] = answer{status: response.Status, header: header, body: response.Body, token: whole.token}
	}
	return answers
}

func (r *read) verb() string {
	if r.method == "" {
		return http.MethodGet
	}
	return r.method
}
