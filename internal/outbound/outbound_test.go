package outbound

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newOut returns an Out whose connections are closed when the test ends.
func newOut(t testing.TB, opts Options) *Out {
	t.Helper()
	o, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.CloseIdleConnections)
	return o
}

// all returns the clients of an Out by purpose.
func all(o *Out) map[string]*http.Client {
	return map[string]*http.Client{"reader": o.Reader(0), "rereader": o.Rereader(0), "writer": o.Writer(0)}
}

// get sends a request with a token, and returns the status; 0 if it fails.
func get(t testing.TB, client *http.Client, address string) (int, error) {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		return 0, err
	}
	req := (&http.Request{Method: http.MethodGet, URL: u, Header: http.Header{"Authorization": {"Bearer secret"}}}).WithContext(t.Context())
	resp, err := client.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}

func TestAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		address string
		ok      bool
	}{
		{"https://graph.microsoft.com", true},
		{"https://graph.microsoft.com/", true},
		{"https://proxy.example/graph", true},
		{"http://127.0.0.1:8081", true},
		{"http://[::1]:8081", true},
		{"http://localhost:8081", true},
		{"http://graph.microsoft.com", false},
		{"http://127.0.0.1.example", false},
		{"http://localhost.example", false},
		{"https://user:password@graph.microsoft.com", false},
		{"https://graph.microsoft.com?x=y", false},
		{"https://graph.microsoft.com?", false},
		{"https://graph.microsoft.com#x", false},
		{"https://gräph.microsoft.com", false},
		{"https://graph%20x.microsoft.com", false},
		{"https://:443", false},
		{"ftp://graph.microsoft.com", false},
		{"graph.microsoft.com", false},
		{"//graph.microsoft.com", false},
		{"https://", false},
		{"", false},
		{"http://[::1", false},
	} {
		_, err := Address("x", tt.address)
		_, err2 := New(Options{Services: []string{tt.address}})
		if (err == nil) != tt.ok || (err2 == nil) != tt.ok {
			t.Errorf("%q: %v, %v", tt.address, err, err2)
		}
		if err != nil && strings.Contains(err.Error(), "password@") {
			t.Errorf("the error has the URL: %v", err)
		}
	}
}

// strangers are URLs outside https://graph.example and http://127.0.0.1:8081.
var strangers = []string{
	"https://evil.example/beta?secret",
	"http://graph.example/beta?secret",
	"https://graph.example:444/beta?secret",
	"https://graph.example.evil.example/beta?secret",
	"https://graph.example./beta?secret",
	"https://user:secret@graph.example/beta",
	"https://graph.example@evil.example/beta?secret",
	`https://evil.example\@graph.example/beta?secret`,
	"https://graph%2Eexample.evil.example/beta?secret",
	"https://ɡraph.example/beta?secret",
	"https://graph.exampl\u212a/beta?secret",
	"https://xn--raph-n6a.example/beta?secret",
	"http://127.0.0.1:8082/beta?secret",
	"http://127.0.0.1/beta?secret",
	"https://127.0.0.1:8081/beta?secret",
	"http://localhost:8081/beta?secret",
	"http://[::1]:8081/beta?secret",
	"http://[::ffff:127.0.0.1]:8081/beta?secret",
	"http://2130706433:8081/beta?secret",
	"http://169.254.169.254/latest/meta-data?secret",
	"ws://graph.example/beta?secret",
	"file:///etc/passwd?secret",
	"//graph.example/beta?secret",
	"/beta?secret",
	"https:graph.example/beta?secret",
	"https:///beta?secret",
	"",
}

// TestOnlyTheServices tests that other URLs are rejected before a connection is opened, and that the error has no
// query.
func TestOnlyTheServices(t *testing.T) {
	t.Parallel()
	o := newOut(t, Options{Services: []string{"https://graph.example", "http://127.0.0.1:8081"}})
	for _, g := range []*gate{o.reads, o.rereads, o.writes} {
		g.DialContext = nil
		g.Dial = func(network, address string) (net.Conn, error) { //nolint:staticcheck // observes dials
			t.Errorf("%s dialed", address)
			return nil, errors.New("no")
		}
	}
	for name, client := range all(o) {
		for _, address := range strangers {
			_, err := get(t, client, address)
			if err == nil {
				t.Errorf("%s: %q sent", name, address)
				continue
			}
			if err = WithoutURL(err); strings.Contains(err.Error(), "secret") {
				t.Errorf("%s: %q: %v", name, address, err)
			}
		}
	}
	req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "https://graph.example/beta", strings.NewReader("x"))
	req.Host = "evil.example"
	body := &closed{Reader: req.Body}
	req.Body = body
	resp, err := o.Reader(0).Transport.RoundTrip(req)
	if !errors.Is(err, ErrRefused) || !body.closed {
		t.Errorf("for another host: %v", err)
	}
	if err == nil {
		_ = resp.Body.Close()
	}
}

type closed struct {
	io.Reader
	closed bool
}

func (c *closed) Close() error {
	c.closed = true
	return nil
}

// FuzzCheck tests that an accepted URL is of one of the services, as the standard library parses it.
func FuzzCheck(f *testing.F) {
	o, err := New(Options{Services: []string{"https://graph.example", "http://127.0.0.1:8081"}})
	if err != nil {
		f.Fatal(err)
	}
	for _, address := range strangers {
		f.Add(address)
	}
	for _, address := range []string{"https://GRAPH.example:443/beta", "https://graph.example", "http://127.0.0.1:8081/x"} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		u, err := url.Parse(address)
		if err != nil || o.reads.check(&http.Request{URL: u}) != nil {
			return
		}
		host := strings.ToLower(u.Host)
		graph := u.Scheme == "https" && (host == "graph.example" || host == "graph.example:443" || host == "graph.example:")
		if !graph && (u.Scheme != "http" || host != "127.0.0.1:8081") || u.User != nil {
			t.Errorf("%q passes", address)
		}
	})
}

// TestRedirects tests that redirects are not followed, to another host or the same.
func TestRedirects(t *testing.T) {
	t.Parallel()
	var others atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		others.Add(1)
		t.Errorf("request to the other host with %q", r.Header.Get("Authorization"))
	}))
	t.Cleanup(other.Close)
	var asked atomic.Int32
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		to := other.URL
		if r.URL.Path == "/back" {
			to = "/again"
		}
		http.Redirect(w, r, to, http.StatusTemporaryRedirect)
	}))
	t.Cleanup(service.Close)
	o := newOut(t, Options{Services: []string{service.URL, other.URL}})
	for name, client := range all(o) {
		for _, path := range []string{"/away", "/back"} {
			asked.Store(0)
			if status, err := get(t, client, service.URL+path); status != http.StatusTemporaryRedirect || err != nil {
				t.Errorf("%s, %s: %d, %v", name, path, status, err)
			}
			if asked.Load() != 1 || others.Load() != 0 {
				t.Errorf("%s, %s: %d requests", name, path, asked.Load())
			}
		}
	}
}

// TestEnvironment tests that proxies of the environment are ignored. It is not parallel because it sets environment
// variables, and runs before parallel tests. (Go ignores proxies of the environment for loopback addresses; this one
// uses another name.)
func TestEnvironment(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("request to the proxy") }))
	defer proxy.Close()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY"} {
		t.Setenv(name, proxy.URL)
	}
	t.Setenv("NO_PROXY", "")
	var asked atomic.Int32
	service := httptest.NewUnstartedServer(nil)
	service.Config.ErrorLog = discard
	service.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			asked.Add(1)
		}
	}
	service.StartTLS()
	defer service.Close()
	address := strings.Replace(service.URL, "127.0.0.1", "0.0.0.0", 1)
	for name, client := range all(newOut(t, Options{Services: []string{address}})) {
		asked.Store(0)
		if _, err := get(t, client, address); err == nil || asked.Load() != 1 {
			t.Errorf("%s: %v, %d connections", name, err, asked.Load())
		}
	}
}

// TestProxyIsUsed tests that all requests use the configured proxy with its credentials, which are never shown.
func TestProxyIsUsed(t *testing.T) {
	t.Parallel()
	seen := make(chan *http.Request, 1)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r
		w.WriteHeader(http.StatusProxyAuthRequired)
	}))
	t.Cleanup(proxy.Close)
	at, err := Proxy(proxy.URL, "user:canary:4711")
	if err != nil {
		t.Fatal(err)
	}
	const plain, secured = "http://127.0.0.1:9", "https://graph.example"
	for name, client := range all(newOut(t, Options{Services: []string{plain, secured}, Proxy: at})) {
		if status, err := get(t, client, plain+"/beta"); status != http.StatusProxyAuthRequired || err != nil {
			t.Errorf("%s: %d, %v", name, status, err)
		}
		r := <-seen
		if user, password, ok := proxyAuth(r); r.RequestURI != plain+"/beta" || !ok || user != "user" || password != "canary:4711" {
			t.Errorf("%s: %s %q", name, r.RequestURI, r.Header)
		}
		_, err := get(t, client, secured+"/beta")
		if r := <-seen; r.Method != http.MethodConnect || r.Host != "graph.example:443" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s: %s %s %q", name, r.Method, r.Host, r.Header)
		}
		if err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
	proxy.Close()
	for name, client := range all(newOut(t, Options{Services: []string{secured}, Proxy: at})) {
		if _, err := get(t, client, secured); err == nil || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s, without the proxy: %v", name, err)
		}
	}
}

func proxyAuth(r *http.Request) (user, password string, ok bool) {
	r.Header.Set("Authorization", r.Header.Get("Proxy-Authorization"))
	return r.BasicAuth()
}

func TestProxyAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		address, credentials, want string // want is empty for an error
	}{
		{"http://proxy.example:3128", "", "http://proxy.example:3128"},
		{"https://proxy.example", "", "https://proxy.example"},
		{"socks5://127.0.0.1:1080/", "", "socks5://127.0.0.1:1080/"},
		{"socks5h://127.0.0.1:1080", "u:p", "socks5h://u:p@127.0.0.1:1080"},
		{"http://proxy.example", `u:p@/:\ ü`, "http://u:p%40%2F%3A%5C%20%C3%BC@proxy.example"},
		{"http://proxy.example", "u:", "http://u:@proxy.example"},
		{"http://u:canary@proxy.example", "", ""},
		{"http://canary@proxy.example", "", ""},
		{"http://proxy.example", "canary", ""},
		{"http://proxy.example", ":canary", ""},
		{"http://proxy.example", "u:canary\r\nX: y", ""},
		{"http://proxy.example/canary", "", ""},
		{"http://proxy.example?canary", "", ""},
		{"http://proxy.example#canary", "", ""},
		{"ftp://canary.example", "", ""},
		{"canary.example:3128", "", ""},
		{"http://canary:canary:x", "", ""},
		{"http://", "", ""},
		{"", "", ""},
	} {
		u, err := Proxy(tt.address, tt.credentials)
		if (err == nil) != (tt.want != "") || err == nil && u.String() != tt.want {
			t.Errorf("%q: %v, %v", tt.address, u, err)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("%q: %v", tt.address, err)
		}
	}
}

// secured starts a server with a self-signed certificate, and returns it with the certificate in PEM.
func secured(t *testing.T, change func(*httptest.Server)) (*httptest.Server, []byte) {
	t.Helper()
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/long" {
			w.Header().Set("X-Long", strings.Repeat("x", 2*maxHeaderBytes))
		}
	}))
	s.Config.ErrorLog = discard
	s.EnableHTTP2 = true
	if change != nil {
		change(s)
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func write(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestAuthorities tests that the file's CAs are trusted in addition to the system's.
func TestAuthorities(t *testing.T) {
	t.Parallel()
	s, certificate := secured(t, nil)
	for name, client := range all(newOut(t, Options{Services: []string{s.URL}})) {
		if _, err := get(t, client, s.URL); err == nil {
			t.Errorf("%s trusts any certificate", name)
		}
	}
	file := write(t, "# the company's\n"+string(certificate)+string(certificate))
	for name, client := range all(newOut(t, Options{Services: []string{s.URL}, CAFile: file})) {
		if status, err := get(t, client, s.URL); status != 200 || err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	want, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	want.AddCert(s.Certificate())
	if got, err := authorities(file); err != nil || !got.Equal(want) {
		t.Errorf("system CAs lost: %v", err)
	}
	broken := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("canary")})
	key := pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("canary")})
	for name, tt := range map[string]struct{ file, want string }{
		"missing":           {filepath.Join(t.TempDir(), "none"), "no such file"},
		"empty":             {write(t, ""), "no PEM certificate"},
		"no PEM":            {write(t, "canary"), "no PEM certificate"},
		"broken":            {write(t, string(broken)), "certificate 1"},
		"valid and invalid": {write(t, string(certificate)+string(broken)), "certificate 2"},
		"key":               {write(t, string(certificate)+string(key)), `unexpected PEM block "PRIVATE KEY"`},
	} {
		_, err := New(Options{Services: []string{s.URL}, CAFile: tt.file})
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestOldTLS tests that TLS 1.1 is rejected.
func TestOldTLS(t *testing.T) {
	t.Parallel()
	for version, want := range map[uint16]int{tls.VersionTLS11: 0, tls.VersionTLS12: 200, tls.VersionTLS13: 200} {
		s, certificate := secured(t, func(s *httptest.Server) {
			s.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: version} //nolint:gosec // tests the rejection
		})
		for name, client := range all(newOut(t, Options{Services: []string{s.URL}, CAFile: write(t, string(certificate))})) {
			if status, err := get(t, client, s.URL); status != want {
				t.Errorf("%s, %s: %d, %v", name, tls.VersionName(version), status, err)
			}
		}
	}
}

// TestLongHeaders tests the limit of response headers, with both protocols.
func TestLongHeaders(t *testing.T) {
	t.Parallel()
	s, certificate := secured(t, nil)
	for name, client := range all(newOut(t, Options{Services: []string{s.URL}, CAFile: write(t, string(certificate))})) {
		if status, err := get(t, client, s.URL+"/long"); err == nil {
			t.Errorf("%s: %d", name, status)
		}
	}
}

// TestBounds tests the timeouts of each phase and of each client.
func TestBounds(t *testing.T) {
	t.Parallel()
	o := newOut(t, Options{})
	for _, g := range []*gate{o.reads, o.rereads, o.writes} {
		if g.TLSHandshakeTimeout <= 0 || g.ResponseHeaderTimeout <= 0 || g.IdleConnTimeout <= 0 || g.MaxIdleConns <= 0 || g.MaxIdleConnsPerHost <= 0 || g.DialContext == nil {
			t.Errorf("%+v", g.Transport)
		}
	}
	if o.Reader(0).Timeout <= 0 || o.Writer(time.Second).Timeout != time.Second {
		t.Error("a client without a timeout")
	}
}

// TestSilence tests that idle connections are closed when a response does not arrive, since they may be broken as well.
// The next request, and each retry, uses a new connection.
func TestSilence(t *testing.T) {
	t.Parallel()
	const connections = 3
	var warm sync.WaitGroup
	warm.Add(connections)
	var silent sync.Map // connections without responses
	var asked atomic.Int32
	over := make(chan struct{})
	s, certificate := secured(t, func(s *httptest.Server) {
		s.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/warm" {
				silent.Store(r.RemoteAddr, true)
				warm.Done()
				warm.Wait()
			} else if _, ok := silent.Load(r.RemoteAddr); ok {
				asked.Add(1)
				<-over
			}
		})
	})
	t.Cleanup(func() { close(over) })
	o := newOut(t, Options{Services: []string{s.URL}, CAFile: write(t, string(certificate)), Silence: 2 * time.Second})
	var group sync.WaitGroup
	for i := range connections {
		client := o.Reader(0)
		if i == 0 {
			client = o.Rereader(0)
		}
		group.Go(func() {
			if status, err := get(t, client, s.URL+"/warm"); status != 200 {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if status, err := get(t, o.Rereader(0), s.URL); status != 200 {
		t.Errorf("a repetition: %v", err)
	}
	if _, err := get(t, o.Reader(0), s.URL); err == nil {
		t.Error("none was silent")
	}
	if status, err := get(t, o.Reader(0), s.URL); status != 200 {
		t.Errorf("the next request: %v", err)
	}
	if asked.Load() != 1 {
		t.Errorf("%d requests on silent connections", asked.Load())
	}
}

// discard discards server logs of broken connections.
var discard = log.New(io.Discard, "", 0)
