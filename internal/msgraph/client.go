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
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"licensegraph/internal/licensing"
)

// Options configure a [Client].
type Options struct {
	// GraphURL is the service's address without a version, such as https://graph.microsoft.com.
	GraphURL string
	// Authority is the address of the sign-in service, such as https://login.microsoftonline.com.
	Authority string
	// TenantID, ClientID and ClientSecret are the credentials of the gateway's application.
	TenantID, ClientID, ClientSecret string
	// TokenSource gives the tokens of a person who has signed in, in place of those of the application. Nil for
	// the application's own.
	TokenSource oauth2.TokenSource
	// Transport carries the requests, and repeats none that may have been processed, unless it is a GET; nil for
	// [http.DefaultTransport] without proxies.
	Transport http.RoundTripper
	// RequestTimeout bounds one request with its answer; 10 s when 0.
	RequestTimeout time.Duration
	// Wait waits between attempts; nil for the wall clock. It returns early, with an error, when the
	// context ends.
	Wait func(context.Context, time.Duration) error
	// Now tells the time by which what the tenant does not offer is forgotten; nil for [time.Now].
	Now func() time.Time
}

// Client reads and changes one tenant. It is safe for concurrent use.
type Client struct {
	base   *url.URL // with the version
	http   *http.Client
	writer *http.Client // for what must not be sent twice
	tokens *tokens
	wait   func(context.Context, time.Duration) error
	slots  chan struct{} // one per request on its way
	learnt memory        // what the tenant offers and what it does not
	groups locks         // held by who changes the licences of a group
}

const (
	// version of the API; see the package comment.
	version = "/beta"
	// requestsAtOnce bounds the requests of a client that are on their way.
	requestsAtOnce = 16
	// maxBody bounds the body of an answer. A page of 999 users with their licences takes about 3 MiB.
	maxBody = 32 << 20
)

// New returns a client. It sends nothing yet.
func New(opts Options) (*Client, error) {
	graphURL, err := address("Graph", opts.GraphURL)
	if err != nil {
		return nil, err
	}
	authority, err := address("authority", opts.Authority)
	if err != nil {
		return nil, err
	}
	transport, writing := opts.Transport, opts.Transport
	if transport == nil {
		transport, writing = transports()
	}
	c := &Client{
		base:   graphURL.JoinPath(version),
		http:   httpClient(transport, opts.RequestTimeout),
		writer: httpClient(writing, opts.RequestTimeout),
		wait:   opts.Wait,
		slots:  make(chan struct{}, requestsAtOnce),
		learnt: memory{now: opts.Now},
	}
	if c.wait == nil {
		c.wait = wait
	}
	if c.learnt.now == nil {
		c.learnt.now = time.Now
	}
	if opts.TokenSource != nil {
		c.tokens = newPersonalTokens(opts.TokenSource)
		return c, nil
	}
	c.tokens = newTokens(authority.JoinPath(opts.TenantID, "oauth2/v2.0/token").String(), opts.ClientID, opts.ClientSecret,
		graphURL.Scheme+"://"+graphURL.Host+"/.default")
	return c, nil
}

func httpClient(transport http.RoundTripper, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     transport,
		Timeout:       cmp.Or(timeout, 10*time.Second),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// transports returns what carries reads and what carries writes. Writes travel by HTTP/1.1, where the transport
// repeats a POST, PATCH or DELETE only if nothing of it was written. In HTTP/2 it also repeats a stream that the
// service reset with PROTOCOL_ERROR, which does not say that the service has not acted.
func transports() (reads, writes *http.Transport) {
	reads = http.DefaultTransport.(*http.Transport).Clone()
	reads.Proxy = nil
	reads.MaxIdleConnsPerHost = requestsAtOnce
	writes = reads.Clone()
	writes.Protocols = new(http.Protocols)
	writes.Protocols.SetHTTP1(true)
	if writes.TLSClientConfig == nil {
		writes.TLSClientConfig = &tls.Config{}
	}
	writes.TLSClientConfig.NextProtos = []string{"http/1.1"} // the clone offers HTTP/2 as well
	return reads, writes
}

// address reads an address to which credentials will be sent.
func address(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%s address %q is not of the form https://host", name, text)
	}
	host := u.Hostname()
	loopback := host == "localhost" || net.ParseIP(host).IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback) {
		return nil, fmt.Errorf("%s address %q has to be https, unless it is a loopback address", name, text)
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/" // for JoinPath
	return u, nil
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

// Begin returns the client as one operation uses it, which counts what it costs.
func (c *Client) Begin() *Operation {
	return &Operation{client: c}
}

// Ready tells whether the service answers the gateway. It costs a small request.
func (c *Client) Ready(ctx context.Context) error {
	var failure error
	batch := c.Begin().Batch()
	r := get(subscribedSkusEndpoint, "/subscribedSkus?"+query("$select", "skuId"))
	r.done = func(_ []byte, err error) { failure = err }
	batch.add(r)
	batch.Do(ctx)
	if errors.Is(failure, licensing.ErrForbidden) || errors.Is(failure, licensing.ErrThrottled) {
		return nil // it does answer
	}
	return failure
}

// CloseIdleConnections closes the connections that wait for the next request.
func (c *Client) CloseIdleConnections() {
	c.http.CloseIdleConnections()
	c.writer.CloseIdleConnections()
}

// follow returns an @odata.nextLink relative to the version, so that a token never travels to another
// host than the configured one.
func (c *Client) follow(link string) (string, error) {
	u, err := url.Parse(link)
	if err != nil {
		return "", errors.New("the next link is not a URL")
	}
	path, below := strings.CutPrefix(u.EscapedPath(), c.base.EscapedPath()+"/")
	if u.Scheme != c.base.Scheme || !strings.EqualFold(u.Host, c.base.Host) || u.User != nil || !below {
		return "", errors.New("the next link leads to another service")
	}
	if slices.ContainsFunc(strings.Split(u.Path, "/"), func(s string) bool { return s == "." || s == ".." }) {
		return "", errors.New("the next link leads out of the version")
	}
	if u.RawQuery == "" {
		return "/" + path, nil
	}
	return "/" + path + "?" + u.RawQuery, nil
}
