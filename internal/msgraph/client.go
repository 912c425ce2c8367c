// Package msgraph is a client for the licensing data of Microsoft Graph. It implements endpoints, permissions, OData,
// $batch, paging, errors, throttling and retries, and returns types of package licensing. Callers select what
// to read; the client minimizes the number of requests. It caches only reference data, if configured.
//
// All requests use /beta: the cloudLicensing namespace is available there only, and all requests of a $batch use the
// API version of the batch.
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
	"licensegraph/internal/refdata"
)

// Options configure a [Client].
type Options struct {
	// GraphURL is the base URL without a version, such as https://graph.microsoft.com.
	GraphURL string
	// Out provides the transport to Microsoft Graph and to the token endpoint.
	Out *outbound.Out
	// Tokens provides the application's access tokens.
	Tokens Tokens
	// RequestTimeout is the timeout of one request including its response; 0 means 10 s.
	RequestTimeout time.Duration
	// RequestsPerOperation is the maximum number of requests of one operation, counting each request of a $batch; 0
	// means unlimited.
	RequestsPerOperation int
	// Wait waits between attempts; nil means the system clock. It returns an error when the context ends.
	Wait func(context.Context, time.Duration) error
	// Queue is shared by the clients of one application; nil means a new queue.
	Queue *Queue
	// Reference caches reference data that is read with the application's identity; nil disables the cache. [Client.Close]
	// closes it.
	Reference *refdata.Cache
	// Observer gets what the client sends; nil means none.
	Observer Observer
	// Now returns the current time for cool-downs and the expiry of capabilities; nil means [time.Now].
	Now func() time.Time
}

// Tokens provides access tokens, of the application or on behalf of one user.
type Tokens interface {
	// Token returns a valid token. It uses the client to request one if necessary.
	Token(ctx context.Context, client *http.Client) (string, error)
	// Refused records that Microsoft Graph rejected a token, with the claims challenge if there was one: a JSON object.
	// It reports whether another token may be accepted.
	Refused(token, claims string) (again bool)
}

// Client reads and changes the licensing data of one tenant. It is safe for concurrent use.
type Client struct {
	base             *url.URL // including the API version
	http             *http.Client
	again            *http.Client // for retries
	writer           *http.Client // for writes, which the transport must not repeat
	close            func()       // closes idle connections
	tokens           Tokens       // of the application
	now              func() time.Time
	wait             func(context.Context, time.Duration) error
	queue            *Queue
	capabilities     *capabilities    // of the tenant's endpoints, as seen by the application
	userCapabilities userCapabilities // as seen by each user
	groups           locks            // serialize the license changes of each group
	budget           int              // requests per operation
	reference        *refdata.Cache   // nil without a cache
	contact          contact
	observer         Observer
}

const (
	// version is the API version; see the package comment.
	version = "/beta"
	// maxBody is the maximum size of a response body, in bytes. A page of 999 users with their licenses has about 3
	// MiB.
	maxBody = 32 << 20
	// maxTokenBody is the maximum size of a token response, in bytes. A token response has about 3 KiB.
	maxTokenBody = 256 << 10
)

// New returns a client. It sends no request.
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

		reference: opts.Reference,
		observer:  opts.Observer,
	}
	if c.observer == nil {
		c.observer = unobserved{}
	}
	if c.wait == nil {
		c.wait = wait
	}
	if c.now == nil {
		c.now = time.Now
	}
	c.capabilities, c.userCapabilities = newCapabilities(c.now), newUserCapabilities(c.now)
	return c, nil
}

// wait waits on the system clock.
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

// Begin starts an operation with the application's identity.
func (c *Client) Begin() *Operation {
	o := c.begin()
	o.reference = c.reference
	return o
}

// begin starts an operation without the cache of reference data.
func (c *Client) begin() *Operation {
	return &Operation{client: c, tokens: c.tokens, capabilities: c.capabilities, budget: budget{most: c.budget}}
}

// BeginOnBehalfOf starts an operation on behalf of a user. Capabilities are separate for each user: an endpoint that is
// forbidden for one may be available to another. Nothing that is read on behalf of a user is cached.
func (c *Client) BeginOnBehalfOf(person identity.Key, tokens Tokens) *Operation {
	return &Operation{client: c, tokens: tokens, personal: true, capabilities: c.userCapabilities.of(person), budget: budget{most: c.budget}}
}

// Close ends the reads in the background and waits for them.
func (c *Client) Close() {
	if c.reference != nil {
		c.reference.Close()
	}
}

// CloseIdleConnections closes idle connections.
func (c *Client) CloseIdleConnections() {
	c.close()
}

// follow validates an @odata.nextLink and returns it relative to the version. It rejects links to other hosts, so that
// tokens are sent to the configured host only.
func (c *Client) follow(link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", errors.New("invalid next link: not a URL")
	}
	path, below := strings.CutPrefix(u.EscapedPath(), c.base.EscapedPath()+"/")
	if !outbound.SameHost(u, c.base) || u.User != nil || !below {
		return "", errors.New("invalid next link: different host")
	}
	if slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." || strings.Contains(s, `\`) }) {
		return "", errors.New("invalid next link: outside the API version")
	}
	if u.RawQuery == "" {
		return "/" + path, nil
	}
	return "/" + path + "?" + u.RawQuery, nil
}
