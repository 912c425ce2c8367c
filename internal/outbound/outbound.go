// Package outbound is the only way out of the gateway. Whatever sends a request to another machine sends it through
// an [Out], which reaches the services that were configured and no other, whatever address it is handed.
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
)

// Options configure an [Out].
type Options struct {
	// Services are the addresses of all that may be contacted, such as https://graph.microsoft.com. See [Address].
	Services []string
	// CAFile is a PEM file with certificates of authorities that are trusted besides those of the system; none when
	// empty.
	CAFile string
	// Proxy carries all requests, in the schemes that net/http knows; none when nil, whatever the environment says.
	Proxy *url.URL
	// Silence is how long a [Out.Reader] waits for the headers of an answer; 5 s when 0.
	Silence time.Duration
}

// Out is the way to the services. It is safe for concurrent use.
type Out struct{ reads, rereads, writes *gate }

const (
	// Bounds of the parts of a request. A client bounds the whole.
	dialTimeout   = 5 * time.Second
	tlsTimeout    = 5 * time.Second
	headerTimeout = 30 * time.Second
	idleTimeout   = 90 * time.Second
	// silence is how long a read waits for the headers of an answer before it is worth another connection. A $batch of 20
	// takes a few seconds.
	silence = 5 * time.Second
	// maxHeaderBytes bounds the headers of an answer. The services send about 2 KiB.
	maxHeaderBytes = 64 << 10
	// Connections that wait for the next request, to one host and to all.
	idlePerHost, idleAtAll = 32, 64
	// requestTimeout bounds a request with its answer where its client does not say.
	requestTimeout = 10 * time.Second
)

// New returns the way to the services. It contacts nobody.
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
	return &Out{reads: &gate{reads, services}, rereads: &gate{rereads, services}, writes: &gate{writes, services}}, nil
}

// keepAlive finds out within about ten seconds that an idle connection leads nowhere.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3}

// transport returns a transport of HTTP/1.1. In HTTP/2 all requests share one connection, and stall together when it goes
// silent. It also repeats a request whose stream the service reset with PROTOCOL_ERROR, which does not say that the service
// has not acted; in HTTP/1.1 the transport repeats a POST, PATCH or DELETE only if nothing of it was written.
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

// Reader returns a client for what may be sent twice: an idle connection that turns out to be closed makes the
// transport repeat a GET. The timeout bounds a request with its answer; 10 s when 0. A service that is silent for
// [Options.Silence] makes a request fail earlier, so that it can be repeated.
func (o *Out) Reader(timeout time.Duration) *http.Client { return client(o.reads, timeout) }

// Rereader returns a client for repetitions of reads. Each goes over a connection of its own, and has all of the timeout,
// 10 s when 0.
func (o *Out) Rereader(timeout time.Duration) *http.Client { return client(o.rereads, timeout) }

// Writer returns a client for what must not be sent twice. The timeout bounds a request with its answer; 10 s when 0.
func (o *Out) Writer(timeout time.Duration) *http.Client { return client(o.writes, timeout) }

// client returns a client that follows no redirects: they would take credentials along, or be followed without.
func client(g *gate, timeout time.Duration) *http.Client {
	return &http.Client{
		Transport:     g,
		Timeout:       cmp.Or(timeout, requestTimeout),
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// CloseIdleConnections closes the connections that wait for the next request.
func (o *Out) CloseIdleConnections() {
	o.reads.CloseIdleConnections()
	o.writes.CloseIdleConnections()
}

// ErrRefused is the error of a request that was not sent, because it leads elsewhere.
var ErrRefused = errors.New("refused to send a request")

// gate lets requests to the services pass.
type gate struct {
	*http.Transport
	services map[string]bool
}

// RoundTrip sends a request, or refuses it before a connection is made.
func (g *gate) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := g.check(req); err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // as every RoundTripper has to; it was never read
		}
		return nil, err
	}
	resp, err := g.Transport.RoundTrip(req)
	if failure, ok := errors.AsType[net.Error](err); ok && failure.Timeout() && req.Context().Err() == nil {
		g.CloseIdleConnections() // which may be as silent
	}
	return resp, err
}

// check refuses what leads elsewhere. Of an address its errors name scheme and host, and no query.
func (g *gate) check(req *http.Request) error {
	if req.URL == nil || req.URL.Host == "" {
		return fmt.Errorf("%w without a host", ErrRefused)
	}
	at := origin(req.URL)
	switch {
	case !g.services[at]:
		return fmt.Errorf("%w to %.100q, which is none of the configured services", ErrRefused, at)
	case req.URL.User != nil:
		return fmt.Errorf("%w with credentials in its address to %.100q", ErrRefused, at)
	case req.Host != "" && lower(req.Host) != lower(req.URL.Host):
		return fmt.Errorf("%w for another host to %.100q", ErrRefused, at)
	}
	return nil
}

// Address reads the address of a service, to which credentials will be sent: https, or http on a loopback address. Its
// errors do not repeat the address, in which a password may be. The path ends in a slash, for [url.URL.JoinPath].
func Address(name, text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || !ascii(u.Host) {
		return nil, fmt.Errorf("%s address is not of the form https://host", name)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
		return nil, fmt.Errorf("%s address has to be https, unless it is a loopback address", name)
	}
	u.Path = strings.TrimRight(u.Path, "/") + "/"
	return u, nil
}

// SameHost tells whether an address leads to the scheme, host and port of another.
func SameHost(a, b *url.URL) bool { return origin(a) == origin(b) }

// loopback tells whether a host is this machine. A name other than localhost is not looked up.
func loopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}

// origin is scheme, host and port of an address in one form (RFC 3986, section 6.2.2 and 6.2.3).
func origin(u *url.URL) string {
	scheme := lower(u.Scheme)
	port := u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[scheme]
	}
	return scheme + "://" + net.JoinHostPort(lower(u.Hostname()), port)
}

// lower is the lower-case form of ASCII letters. Other letters stay what they are: some fold to ASCII ones.
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
