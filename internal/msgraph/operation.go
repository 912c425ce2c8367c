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
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"licensegraph/internal/decode"
	"licensegraph/internal/outbound"
	"licensegraph/internal/refdata"
	"licensegraph/internal/upstream"
)

// Operation sends the requests of one GraphQL operation and counts their cost.
type Operation struct {
	client       *Client
	tokens       Tokens
	personal     bool          // on behalf of a user, not as the application
	capabilities *capabilities // of the tenant's endpoints, as seen by this identity
	budget       budget
	reference    *refdata.Cache // nil without a cache
	writes       atomic.Bool    // it has sent changes

	mu     sync.Mutex
	report upstream.Report

	caller *share // of the last request, and the operation's use of it; guarded by the queue
	had    int
}

// Report returns the cost of the operation so far.
func (o *Operation) Report() upstream.Report {
	o.mu.Lock()
	defer o.mu.Unlock()
	report := o.report
	report.Endpoints, report.LeftOut = map[string]upstream.Usage{}, maps.Clone(o.report.LeftOut)
	maps.Copy(report.Endpoints, o.report.Endpoints)
	return report
}

// leftOut counts elements left out of a list.
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

// countWait counts the time that requests waited.
func (o *Operation) countWait(d time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.report.WaitedMilliseconds += d.Milliseconds()
}

// countRetry counts a request that is sent again.
func (o *Operation) countRetry(endpoint string) {
	o.count(endpoint, upstream.Usage{Retries: 1})
	o.client.observer.Repeated(endpoint)
}

// response is a response of Microsoft Graph, possibly in a batch.
type response struct {
	status  int
	header  http.Header
	body    string
	err     error // no response, or an unreadable one
	unsent  bool  // the request was not sent
	part    bool  // it is in a batch response
	missing bool  // it is missing from its batch response
	token   string
	// personal reports that the request was on behalf of a user.
	personal bool
	// decoded reports that the body was decoded, and unreadable why it could not be.
	decoded    bool
	unreadable error
}

// ok reports whether the status is 2xx.
func (a *response) ok() bool { return a.err == nil && a.status >= 200 && a.status < 300 }

// send sends one request, which has a slot, and reads its response.
func (o *Operation) send(ctx context.Context, client *http.Client, r *request, token string) (a response) {
	var body []byte
	if r.body != nil {
		var err error
		if body, err = json.Marshal(r.body); err != nil {
			return response{err: err, unsent: true}
		}
	}
	req, err := http.NewRequestWithContext(ctx, r.verb(), o.client.base.String()+r.url, bytes.NewReader(body))
	if err != nil {
		return response{err: err, unsent: true}
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
		return response{err: err, unsent: true}
	}
	defer func() { o.client.contact.note(a, o.client.now()) }()
	metered, m := o.metered(client, r.endpoint)
	resp, err := metered.Do(req)
	if err != nil {
		return response{err: outbound.WithoutURL(err), unsent: notConnected(err)}
	}
	defer resp.Body.Close()
	return response{status: resp.StatusCode, header: resp.Header, body: m.body, token: token, personal: o.personal}
}

// tokenEndpoint is the name of token requests in reports.
const tokenEndpoint = "POST /oauth2/v2.0/token"

// token returns an access token for the operation's identity.
func (o *Operation) token(ctx context.Context) (string, error) {
	client, _ := o.metered(o.client.http, tokenEndpoint)
	return o.tokens.Token(ctx, client)
}

// SignIn gets the on-behalf-of token before other requests, to report sign-in errors early. The application's token is
// requested with the first request.
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
		o.countWait(pause)
		o.countRetry(tokenEndpoint)
	}
}

// metered returns an HTTP client that counts the requests of the endpoint, and its transport.
func (o *Operation) metered(client *http.Client, endpoint string) (*http.Client, *meter) {
	counting := *client
	m := &meter{next: client.Transport, operation: o, endpoint: endpoint, most: maxBody}
	if endpoint == tokenEndpoint {
		m.most = maxTokenBody
	}
	counting.Transport = m
	return &counting, m
}

// notConnected reports whether a request failed because no connection could be established.
func notConnected(err error) bool {
	failure, ok := errors.AsType[*net.OpError](err)
	return ok && (failure.Op == "dial" || failure.Op == "proxyconnect") || errors.Is(err, outbound.ErrRefused)
}

// meter counts requests and response sizes. It reads each response body up to its limit.
type meter struct {
	next      http.RoundTripper
	operation *Operation
	endpoint  string
	most      int64  // maximum size of a response body, in bytes
	body      string // of the last response
}

func (m *meter) RoundTrip(req *http.Request) (*http.Response, error) {
	c := m.operation.client
	if m.endpoint == tokenEndpoint { // throttled separately from Microsoft Graph
		if rest := c.queue.coolDown(c, laneKey{c, tokenEndpoint}); rest > 0 {
			_ = req.Body.Close() // required of every RoundTripper
			return nil, throttled(tokenEndpoint, rest)
		}
	}
	start, status := time.Now(), 0
	var usage upstream.Usage
	// The transport retries a GET on another connection if an idle connection turns out to be closed.
	var connections atomic.Int32
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connections.Add(1) },
	}))
	defer func() {
		usage.Requests = max(1, int(connections.Load()))
		took := time.Since(start)
		usage.Milliseconds = upstream.Milliseconds(took)
		m.operation.count(m.endpoint, usage)
		c.observer.Sent(m.endpoint, status, usage.ResourceUnits, took)
	}()
	resp, err := m.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	status = resp.StatusCode
	if m.endpoint == tokenEndpoint {
		c.queue.note(c, []*request{{endpoint: tokenEndpoint}}, resp.StatusCode, resp.Header)
	}
	body, err := textOf(io.LimitReader(resp.Body, m.most+1))
	usage.Bytes = int64(len(body))
	if err != nil {
		return nil, fmt.Errorf("reading the response: %w", err)
	}
	if int64(len(body)) > m.most {
		return nil, errTooLarge
	}
	usage.ResourceUnits = resourceUnits(resp.Header)
	m.body, resp.Body = body, io.NopCloser(strings.NewReader(body))
	return resp, nil
}

// buffers are the buffers into which responses are read, up to maxBuffer bytes.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

const maxBuffer = 8 << 20

// textOf reads a body.
func textOf(body io.Reader) (string, error) {
	buffer := buffers.Get().(*bytes.Buffer)
	defer func() {
		if buffer.Cap() <= maxBuffer {
			buffer.Reset()
			buffers.Put(buffer)
		}
	}()
	_, err := buffer.ReadFrom(body)
	return buffer.String(), err
}

// errTooLarge is the error of a response beyond [maxBody], [maxTokenBody] or [maxRows], or with too
// many values. It is not retryable.
var errTooLarge = decode.ErrTooLarge

// resourceUnits returns the request's cost in resource units, which throttling is based on; 0 if the response does not
// have it.
func resourceUnits(header http.Header) int {
	units, err := strconv.Atoi(header.Get("x-ms-resource-unit"))
	if err != nil || units < 0 {
		return 0
	}
	return units
}
