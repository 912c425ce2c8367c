// Package msgraph is a thin client for the licensing data of Microsoft Graph. It knows the wire: endpoints,
// permissions, OData, $batch, paging, errors, throttling. It hands out values of package licensing and
// keeps none of them. It does not decide what is read, only how with the fewest requests.
//
// Everything is read and changed under /beta, where the cloudLicensing namespace lives, because the parts of a $batch
// all run in the version of the batch.
package msgraph

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/identity"
	"licensegraph/internal/outbound"
	"licensegraph/internal/upstream"
)

// Options configure a [Client].
type Options struct {
	// GraphURL is the service's address without a version, such as https://graph.microsoft.com.
	GraphURL string
	// Out is the way to the service, and to that where tokens are had.
	Out *outbound.Out
	// Tokens are those of the gateway's application.
	Tokens Tokens
	// RequestTimeout bounds one request with its answer; 10 s when 0.
	RequestTimeout time.Duration
	// RequestsPerOperation bounds what one operation sends, each part of a $batch for itself; no bound when 0.
	RequestsPerOperation int
	// Wait waits between attempts; nil for the wall clock. It returns early, with an error, when the
	// context ends.
	Wait func(context.Context, time.Duration) error
	// Queue is shared by the clients of one application; nil for one of its own.
	Queue *Queue
	// Now tells the time by which cool-downs end, and what the tenant does not offer is forgotten; nil for [time.Now].
	Now func() time.Time
}

// Tokens are the access tokens of the gateway's application, or of one person.
type Tokens interface {
	// Token returns a token that is valid. It asks for one through the client, if need be.
	Token(ctx context.Context, client *http.Client) (string, error)
	// Refused is told that the service did not take a token, and the claims that it demands of another one, a JSON
	// object; empty when it demanded none. It tells whether to try again, with another token.
	Refused(token, claims string) (again bool)
}

// Client reads and changes one tenant. It is safe for concurrent use.
type Client struct {
	base   *url.URL // with the version
	http   *http.Client
	again  *http.Client // for what was sent before
	writer *http.Client // for what must not be sent twice
	close  func()       // closes idle connections
	tokens Tokens       // of the application
	now    func() time.Time
	wait   func(context.Context, time.Duration) error
	queue  *Queue
	learnt *memory // what the tenant offers to the application and what it does not
	people people  // what it offers to people
	groups locks   // held by who changes the licenses of a group
	budget int     // of one operation
}

const (
	// version of the API; see the package comment.
	version = "/beta"
	// maxBody bounds the body of an answer. A page of 999 users with their licenses takes about 3 MiB.
	maxBody = 32 << 20
	// maxTokenBody bounds that of a token request. A token takes about 3 KiB.
	maxTokenBody = 256 << 10
)

// New returns a client. It sends nothing yet.
func New(opts Options) (*Client, error) {
	graphURL, err := outbound.Address("Graph's", opts.GraphURL)
	if err != nil {
		return nil, err
	}
	c := &Client{
		base:   graphURL.JoinPath(version),
		http:   opts.Out.Reader(opts.RequestTimeout),
		again:  opts.Out.Rereader(opts.RequestTimeout),
		writer: opts.Out.Writer(opts.RequestTimeout),
		close:  opts.Out.CloseIdleConnections,
		tokens: opts.Tokens,
		wait:   opts.Wait,
		now:    opts.Now,
		queue:  cmp.Or(opts.Queue, new(Queue)),
		budget: opts.RequestsPerOperation,
	}
	if c.wait == nil {
		c.wait = wait
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.learnt, c.people = newMemory(c.now), newPeople(c.now)
	return c, nil
}

// wait waits by the wall clock.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Begin returns the client as one operation of the application uses it, which counts what it costs.
func (c *Client) Begin() *Operation {
	return &Operation{client: c, tokens: c.tokens, learnt: c.learnt, budget: budget{most: c.budget}}
}

// BeginAs returns the client as one operation in the name of a person uses it. The tokens are those of the person. What
// the tenant refuses one person is not held against another.
func (c *Client) BeginAs(person identity.Key, tokens Tokens) *Operation {
	return &Operation{client: c, tokens: tokens, personal: true, learnt: c.people.memory(person), budget: budget{most: c.budget}}
}

// Ready tells whether the service answers the gateway. It costs a small request, or none during a cool-down:
// [upstream.ErrThrottled].
func (c *Client) Ready(ctx context.Context) error {
	var failure error
	batch := c.Begin().newBatch()
	r := get(subscribedSkusEndpoint, "/subscribedSkus?"+query("$select", "skuId"))
	if rest := c.queue.coolDown(c, c.lanesOf([]*request{&r.request})...); rest > 0 {
		return throttled(r.endpoint, rest)
	}
	r.prompt = true
	r.done = func(_ []byte, err error) { failure = err }
	batch.add(r)
	batch.Do(ctx)
	if errors.Is(failure, upstream.ErrForbidden) {
		return nil // it does answer
	}
	return failure
}

// CloseIdleConnections closes the connections that wait for the next request.
func (c *Client) CloseIdleConnections() {
	c.close()
}

// follow returns an @odata.nextLink relative to the version, so that a token never travels to another
// host than the configured one.
func (c *Client) follow(link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", errors.New("the next link is not a URL")
	}
	path, below := strings.CutPrefix(u.EscapedPath(), c.base.EscapedPath()+"/")
	if !outbound.SameHost(u, c.base) || u.User != nil || !below {
		return "", errors.New("the next link leads to another service")
	}
	if slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." || strings.Contains(s, `\`) }) {
		return "", errors.New("the next link leads out of the version")
	}
	if u.RawQuery == "" {
		return "/" + path, nil
	}
	return "/" + path + "?" + u.RawQuery, nil
}
