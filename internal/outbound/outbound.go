// Package outbound sends all requests of the gateway to other machines. An [Out] sends requests to the configured
// services only.
package outbound

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/klauspost/compress/gzhttp"
)

// Options configure an [Out].
type Options struct {
	// Services are the base URLs of the permitted services, such as https://graph.microsoft.com. See [Address].
	Services []string
	// CAFile is a PEM file with additional trusted CA certificates; optional.
	CAFile string
	// Proxy is the proxy for all requests, with a scheme that net/http supports; nil means none. The environment is
	// ignored.
	Proxy *url.URL
	// Silence is the time that a [Out.Reader] waits for response headers; 0 means 5 s.
	Silence time.Duration
}

// Out provides HTTP clients for the services. It is safe for concurrent use.
type Out struct{ reads, rereads, writes *gate }

const (
	// Timeouts of the phases of a request. The client limits the total.
	dialTimeout   = 5 * time.Second
	tlsTimeout    = 5 * time.Second
	headerTimeout = 30 * time.Second
	idleTimeout   = 90 * time.Second
	// silence is the time after which another connection is tried for a read without response headers. A $batch of 20
	// requests takes a few seconds.
	silence = 5 * time.Second
	// maxHeaderBytes is the maximum size of response headers. The services send about 2 KiB.
	maxHeaderBytes = 64 << 10
	// Maximum numbers of idle connections, per host and in total.
	idlePerHost, idleAtAll = 32, 64
	// requestTimeout is the default timeout of a request including its response.
	requestTimeout = 10 * time.Second
)

// New returns an Out. It opens no connections.
func New(opts Options) (*Out, error) {
	services := map[string]bool{}
	for _, text := range opts.Services {
		u, err := Address("a service's", text)
		if err != nil {
			return nil, err
		}
		services[origin(u)] = true
	}
	roots, err := authorities(opts.CAFile)
	if err != nil {
		return nil, err
	}
	reads, rereads, writes := transport(opts.Proxy, roots), transport(opts.Proxy, roots), transport(opts.Proxy, roots)
	reads.ResponseHeaderTimeout = cmp.Or(opts.Silence, silence)
	rereads.DisableKeepAlives = true
	return &Out{newGate(reads, services), newGate(rereads, services), newGate(writes, services)}, nil
}

// keepAlive detects a broken idle connection within about ten seconds.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}

// transport returns an HTTP/1.1 transport. With HTTP/2, all requests share one connection and stall together. HTTP/2
// also retries a request after a stream error PROTOCOL_ERROR, although the service may have processed it; with
// HTTP/1.1, the transport retries a POST, PATCH or DELETE only if nothing of it was written.
func transport(proxy *url.URL, roots *x509.CertPool) *http.Transport {
	t := &http.Transport{
		DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAliveConfig: keepAlive}).DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		TLSHandshakeTimeout:    tlsTimeout,
		ResponseHeaderTimeout:  headerTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
		MaxIdleConns:           idleAtAll,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTimeout,
		Protocols:              new(http.Protocols),
	}
	t.Protocols.SetHTTP1(true)
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
	}
	return t
}

// Reader returns a client for requests that may be sent twice: the transport retries a GET if an idle connection turns
// out to be closed. timeout limits a request including its response; 0 means 10 s. A request without response headers
// fails after [Options.Silence], so that it can be retried.
func (o *Out) Reader(timeout time.Duration) *http.Client { return client(o.reads, timeout) }

// Rereader returns a client for retries of reads. Each uses a new connection and waits for the whole timeout; 0 means
// 10 s.
func (o *Out) Rereader(timeout time.Duration) *http.Client { return client(o.rereads, timeout) }

// Writer returns a client for requests that must not be sent twice. timeout limits a request including its response; 0
// means 10 s.
func (o *Out) Writer(timeout time.Duration) *http.Client { return client(o.writes, timeout) }

// client returns a client that does not follow redirects, which could send credentials elsewhere.
func client(g *gate, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     g,
		Timeout:       cmp.Or(timeout, requestTimeout),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CloseIdleConnections closes idle connections.
func (o *Out) CloseIdleConnections() {
	o.reads.CloseIdleConnections()
	o.writes.CloseIdleConnections()
}

// ErrRefused is the error of a request that was not sent, because its destination is not permitted.
var ErrRefused = errors.New("request not permitted")

// gate sends requests to the services only.
type gate struct {
	*http.Transport
	// gzipped sends requests by Transport and decompresses responses, faster than Transport does.
	gzipped  http.RoundTripper
	services map[string]bool
}

func newGate(t *http.Transport, services map[string]bool) *gate {
	return &gate{t, gzhttp.Transport(t, gzhttp.TransportEnableZstd(false)), services}
}

// RoundTrip sends a request, or returns [ErrRefused] before a connection is opened.
func (g *gate) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.check(req); err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // required of every RoundTripper
		}
		return nil, err
	}
	resp, err := g.gzipped.RoundTrip(req)
	if failure, ok := errors.AsType[net.Error](err); ok && failure.Timeout() && req.Context().Err() == nil {
		g.CloseIdleConnections() // which may be broken as well
	}
	return resp, err
}

// check rejects requests to other destinations. Its errors include the scheme and host of a URL only.
func (g *gate) check(req *http.Request) error {
	if req.URL == nil || req.URL.Host == "" {
		return fmt.Errorf("%w: missing host", ErrRefused)
	}
	at := origin(req.URL)
	switch {
	case !g.services[at]:
		return fmt.Errorf("%w: %.100q is not a configured service", ErrRefused, at)
	case req.URL.User != nil:
		return fmt.Errorf("%w: credentials in the URL of %.100q", ErrRefused, at)
	case req.Host != "" && lower(req.Host) != lower(req.URL.Host):
		return fmt.Errorf("%w: different Host header for %.100q", ErrRefused, at)
	}
	return nil
}

// Address parses the base URL of a service, to which credentials are sent: https, or http on a loopback address. Its
// errors do not include the URL, which may contain a password. The path ends in a slash, for [url.URL.JoinPath].
func Address(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || !ascii(u.Host) {
		return nil, fmt.Errorf("%s URL is invalid: want https://host", name)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("%s URL is invalid: want https, or a loopback address", name)
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	return u, nil
}

// SameHost reports whether two URLs have the same scheme, host and port.
func SameHost(a, b *url.URL) bool { return origin(a) == origin(b) }

// loopback reports whether a host is a loopback address or localhost. It does not resolve other names.
func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// origin returns the normalized scheme, host and port of a URL (RFC 3986, sections 6.2.2 and 6.2.3).
func origin(u *url.URL) string {
	scheme := lower(u.Scheme)
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(lower(u.Hostname()), port)
}

// lower converts ASCII letters to lower case. Other letters are unchanged, since some fold to ASCII.
func lower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			r += 'a' - 'A'
		}
		return r
	}, text)
}

func ascii(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
}
