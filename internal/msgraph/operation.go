package msgraph

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"licensegraph/internal/outbound"
	"licensegraph/internal/upstream"
)

// Operation is the client as one GraphQL operation uses it.
type Operation struct {
	client   *Client
	tokens   Tokens
	personal bool    // the tokens are those of a person, not of the application
	learnt   *memory // what the tenant offers to whom the tokens are of, and what it does not
	budget   budget

	mu     sync.Mutex
	report upstream.Report

	caller *share // of whom it was sent for last, and what it has had of it; guarded by the queue
	had    int
}

// Report returns what the operation cost until now.
func (o *Operation) Report() upstream.Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	report := upstream.Report{Usage: o.report.Usage, Endpoints: map[string]upstream.Usage{}, LeftOut: maps.Clone(o.report.LeftOut)}
	maps.Copy(report.Endpoints, o.report.Endpoints)
	return report
}

// leftOut notes elements of a list that are left out.
func (o *Operation) leftOut(endpoint string, n int) {
	if n == 0 {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.report.LeftOut == nil {
		o.report.LeftOut = map[string]int{}
	}
	o.report.LeftOut[endpoint] += n
}

// count adds to the cost of an endpoint.
func (o *Operation) count(endpoint string, usage upstream.Usage) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.report.Add(usage)
	share := o.report.Endpoints[endpoint]
	share.Add(usage)
	if o.report.Endpoints == nil {
		o.report.Endpoints = map[string]upstream.Usage{}
	}
	o.report.Endpoints[endpoint] = share
}

// answer is what the service answered to a request, or to a part of a batch.
type answer struct {
	status int
	header http.Header
	body   []byte
	err    error // nothing was answered, or nothing that can be read
	unsent bool  // the request has certainly not reached the service
	part   bool  // of a batch
	lost   bool  // the batch that the request was a part of was answered, and the part not
	token  string
	// personal: it was asked in the name of a person.
	personal bool
}

// ok tells whether the service did what it was asked to.
func (a *answer) ok() bool { return a.err == nil && a.status >= 200 && a.status < 300 }

// send sends one request, which has a slot, and reads its answer.
func (o *Operation) send(ctx context.Context, client *http.Client, r *request, token string) answer {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return answer{err: err, unsent: true}
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.verb(), o.client.base.String()+r.url, bytes.NewReader(body))
	if err != nil {
		return answer{err: err, unsent: true}
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "licensegraph")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	if err := ctx.Err(); err != nil {
		return answer{err: err, unsent: true}
	}
	resp, err := o.metered(client, r.endpoint).Do(req)
	if err != nil {
		return answer{err: outbound.WithoutURL(err), unsent: notConnected(err)}
	}
	defer resp.Body.Close()
	read, err := io.ReadAll(resp.Body) // from memory: see meter
	return answer{status: resp.StatusCode, header: resp.Header, body: read, err: err, token: token, personal: o.personal}
}

// tokenEndpoint names token requests in reports.
const tokenEndpoint = "POST /oauth2/v2.0/token"

// token returns a token of whom the operation is made for.
func (o *Operation) token(ctx context.Context) (string, error) {
	return o.tokens.Token(ctx, o.metered(o.client.http, tokenEndpoint))
}

// SignIn makes sure that a person is let in, before anything is asked in the person's name. An application's token is
// had with the first request.
func (o *Operation) SignIn(ctx context.Context) error {
	if !o.personal {
		return nil
	}
	for attempt := 0; ; attempt++ {
		_, err := o.token(ctx)
		failure, known := errors.AsType[*upstream.Error](err)
		if !known || !failure.Retryable || ctx.Err() != nil {
			return err
		}
		again, pause := repeatable(ctx, attempt, failure.Status, failure.RetryAfter)
		if !again || o.client.wait(ctx, pause) != nil {
			return err
		}
		o.count(tokenEndpoint, upstream.Usage{Retries: 1})
	}
}

// metered returns an HTTP client as it counts for the endpoint.
func (o *Operation) metered(client *http.Client, endpoint string) *http.Client {
	counting := *client
	m := &meter{next: client.Transport, operation: o, endpoint: endpoint, most: maxBody}
	if endpoint == tokenEndpoint {
		m.most = maxTokenBody
	}
	counting.Transport = m
	return &counting
}

// notConnected tells whether a request failed because there was no connection to send it on.
func notConnected(err error) bool {
	failure, ok := errors.AsType[*net.OpError](err)
	return ok && (failure.Op == "dial" || failure.Op == "proxyconnect") || errors.Is(err, outbound.ErrRefused)
}

// meter counts requests and what their answers hold. It reads each answer whole, up to its bound.
type meter struct {
	next      http.RoundTripper
	operation *Operation
	endpoint  string
	most      int64 // bytes of an answer
}

func (m *meter) RoundTrip(req *http.Request) (*http.Response, error) {
	c := m.operation.client
	if m.endpoint == tokenEndpoint { // throttled apart from Microsoft Graph
		if rest := c.queue.coolDown(c, laneKey{c, tokenEndpoint}); rest > 0 {
			_ = req.Body.Close() // as every RoundTripper has to
			return nil, throttled(tokenEndpoint, rest)
		}
	}
	start := time.Now()
	var usage upstream.Usage
	// The transport repeats a GET by itself, on another connection, when an idle one turns out to be closed.
	var connections atomic.Int32
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connections.Add(1) },
	}))
	defer func() {
		usage.Requests = max(1, int(connections.Load()))
		usage.Milliseconds = upstream.Milliseconds(time.Since(start))
		m.operation.count(m.endpoint, usage)
	}()
	resp, err := m.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if m.endpoint == tokenEndpoint {
		c.queue.note(c, []*request{{endpoint: tokenEndpoint}}, resp.StatusCode, resp.Header)
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, m.most+1))
	usage.Bytes = int64(len(body))
	if err != nil {
		return nil, fmt.Errorf("the answer broke off: %w", err)
	}
	if int64(len(body)) > m.most || values(body) > maxValues {
		return nil, errTooLarge
	}
	usage.ResourceUnits = resourceUnits(resp.Header)
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return resp, nil
}

// errTooLarge is an answer beyond [maxBody], [maxTokenBody], [maxValues] or [maxRows]. It would not be smaller at the next attempt.
var errTooLarge = errors.New("the answer is larger than any that the service gives")

// resourceUnits returns the cost by which the service throttles; 0 when the answer did not state it.
func resourceUnits(header http.Header) int {
	units, err := strconv.Atoi(header.Get("x-ms-resource-unit"))
	if err != nil || units < 0 {
		return 0
	}
	return units
}
