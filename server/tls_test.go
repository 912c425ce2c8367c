package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
	"licensegraph/internal/logs"
	"licensegraph/internal/transport/transporttest"
)

// identityFiles are the files of a server certificate, which can be replaced.
type identityFiles struct {
	cert, key string
	roots     *x509.CertPool // of all certificates that were written
	serial    string         // of the last one
}

func newIdentityFiles(t *testing.T) *identityFiles {
	t.Helper()
	dir := t.TempDir()
	f := &identityFiles{filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key"), x509.NewCertPool(), ""}
	f.replace(t)
	return f
}

// replace writes another certificate.
func (f *identityFiles) replace(t *testing.T) {
	t.Helper()
	pair, authority, err := emulator.ServerCertificate()
	if err != nil {
		t.Fatal(err)
	}
	f.roots.AppendCertsFromPEM(authority)
	key, err := x509.MarshalPKCS8PrivateKey(pair.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	var chain []byte
	for _, der := range pair.Certificate {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})...)
	}
	overwrite(t, f.cert, string(chain))
	overwrite(t, f.key, string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key})))
	leaf, err := x509.ParseCertificate(pair.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	f.serial = leaf.SerialNumber.String()
}

// overwrite replaces a file at once, like a mounted secret.
func overwrite(t *testing.T, path, content string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(path+".new", []byte(content), 0o600), os.Rename(path+".new", path)); err != nil {
		t.Fatal(err)
	}
}

func (f *identityFiles) flags() []string {
	return []string{"--tls-cert-file=" + f.cert, "--tls-key-file=" + f.key}
}

// client returns a client for the certificate.
func (f *identityFiles) client(t *testing.T, protocols func(*http.Protocols)) *http.Client {
	t.Helper()
	transport := &http.Transport{Protocols: new(http.Protocols)}
	protocols(transport.Protocols)
	if f != nil {
		transport.TLSClientConfig = &tls.Config{RootCAs: f.roots}
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func onlyHTTP1(p *http.Protocols) { p.SetHTTP1(true) }
func onlyHTTP2(p *http.Protocols) { p.SetHTTP2(true) }
func onlyH2C(p *http.Protocols)   { p.SetUnencryptedHTTP2(true) }

// TestProtocols tests a query, an event stream, a slow body and a WebSocket with each protocol of the listener, and
// that each is off unless it is configured.
func TestProtocols(t *testing.T) {
	t.Parallel()
	files := newIdentityFiles(t)
	listeners := map[string]*program{
		"plain": start(t, nil, "--request-timeout=1s"),
		"h2c":   start(t, nil, "--request-timeout=1s", "--h2c"),
		"TLS":   start(t, nil, append(files.flags(), "--request-timeout=1s")...),
	}
	for _, tt := range []struct {
		listener, name string
		protocols      func(*http.Protocols)
		version        int // 0: the request fails
	}{
		{"plain", "HTTP/1.1", onlyHTTP1, 1},
		{"plain", "HTTP/2 without TLS", onlyH2C, 0},
		{"h2c", "HTTP/1.1", onlyHTTP1, 1},
		{"h2c", "HTTP/2 without TLS", onlyH2C, 2},
		{"TLS", "HTTP/1.1", onlyHTTP1, 1},
		{"TLS", "HTTP/2", onlyHTTP2, 2},
	} {
		t.Run(tt.listener+" "+tt.name, func(t *testing.T) {
			t.Parallel()
			p := &program{url: listeners[tt.listener].url, client: files.client(t, tt.protocols)}
			if want := map[bool]string{true: "https://", false: "http://"}[tt.listener == "TLS"]; !strings.HasPrefix(p.url, want) {
				t.Errorf("the banner has %s", p.url)
			}
			resp, err := p.client.Do(post(t, p.url+endpointPath, []byte(`{"query":"{subscribedSkus{nodes{skuPartNumber}}}"}`)))
			if tt.version == 0 {
				if err == nil {
					resp.Body.Close()
					t.Errorf("response with %s", resp.Proto)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || resp.StatusCode != 200 || resp.ProtoMajor != tt.version || !strings.Contains(string(body), `"skuPartNumber":"`) {
				t.Errorf("%s %d %.100s %v", resp.Proto, resp.StatusCode, body, err)
			}
			if got := resp.Header.Get("Strict-Transport-Security"); got != "" {
				t.Errorf("HSTS of a loopback address: %s", got)
			}

			events := post(t, p.url+endpointPath, []byte(`{"query":"{subscribedSkus{nodes{skuPartNumber}}}"}`))
			events.Header.Set("Accept", mediaTypeEvents)
			r := p.do(t, events)
			if r.status != 200 || !strings.Contains(r.body, "event: next\ndata: {\"data\":{\"subscribedSkus\"") || !strings.HasSuffix(r.body, "event: complete\ndata: \n\n") {
				t.Errorf("event stream: %d %.200s", r.status, r.body)
			}

			body2, rest := io.Pipe()
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+endpointPath, body2)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("Content-Type", mediaTypeJSON)
			slow, err := p.client.Do(req) // its body never ends
			rest.Close()
			if err != nil {
				t.Errorf("slow body: %v", err)
			} else if slow.Body.Close(); slow.StatusCode != http.StatusRequestTimeout {
				t.Errorf("slow body: %d", slow.StatusCode)
			}

			if tt.version == 1 { // clients open another connection with HTTP/1.1
				c := transporttest.Dial(t, p.client, p.url+endpointPath)
				c.Send(transporttest.InitMessage, `{"id":"1","type":"subscribe","payload":{"query":"{ __typename }"}}`)
				c.Want(`{"type":"connection_ack"}`, `{"id":"1","type":"next","payload":{"data":{"__typename":"Query"…`, `{"id":"1","type":"complete"}`)
				_ = c.Close(websocket.StatusNormalClosure, "")
			}
		})
	}
}

// TestBadTLS tests clients that the TLS listener rejects.
func TestBadTLS(t *testing.T) {
	t.Parallel()
	files := newIdentityFiles(t)
	p := start(t, nil, files.flags()...)
	host := strings.TrimPrefix(p.url, "https://")
	for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12, tls.VersionTLS13} {
		conn, err := tls.Dial("tcp", host, &tls.Config{RootCAs: files.roots, MinVersion: tls.VersionTLS10, MaxVersion: version})
		if err == nil {
			conn.Close()
		}
		if accepted := err == nil; accepted != (version >= tls.VersionTLS12) {
			t.Errorf("%s: %v", tls.VersionName(version), err)
		}
	}
	conn, err := net.Dial("tcp", host)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprint(conn, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
	if line, err := bufio.NewReader(conn).ReadString('\n'); err != nil || !strings.Contains(line, " 400 ") {
		t.Errorf("without TLS: %q %v", line, err)
	}
}

// TestStreamsByHTTP2 tests that an event stream by HTTP/2 is sent event by event, and ends when the gateway drains.
func TestStreamsByHTTP2(t *testing.T) {
	t.Parallel()
	files := newIdentityFiles(t)
	next := make(chan struct{})
	handler, endpoint := testGateway(t, io.Discard, func(ctx context.Context) *graphql.Response {
		select {
		case <-next:
			return &graphql.Response{Data: []byte(`{"hello":"world"}`)}
		case <-ctx.Done():
			return nil
		}
	})
	cfg := testConfig(t, files.flags()...)
	a := &app{cfg: cfg, logger: logs.New(io.Discard, "error", "text")}
	var err error
	if a.certificate, err = openCertificate(cfg); err != nil {
		t.Fatal(err)
	}
	server := a.newServer(handler)
	a.serveProtocols(server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- serving(server, l, t.Context())() }()

	req := post(t, "https://"+l.Addr().String()+endpointPath, []byte(`{"query":"subscription{hello}"}`))
	req.Header.Set("Accept", mediaTypeEvents)
	resp, err := files.client(t, onlyHTTP2).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewReader(resp.Body)
	for range 2 {
		next <- struct{}{}
		for line := ""; !strings.HasPrefix(line, "data: "); {
			if line, err = lines.ReadString('\n'); err != nil {
				t.Fatal(err)
			}
		}
	}
	endpoint.Drain()
	if rest, err := io.ReadAll(lines); err != nil || strings.Contains(string(rest), "complete") {
		t.Errorf("at the end: %q %v", rest, err)
	}
	if err := errors.Join(endpoint.Wait(t.Context()), server.Shutdown(t.Context()), <-served); err != nil {
		t.Error(err)
	}
}

// TestDrainByHTTP2 tests that a request by HTTP/2 that is in progress at the end is answered.
func TestDrainByHTTP2(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"TLS", "h2c"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tenant := emulatortest.Start(t, emulator.Options{Users: 60})
			waiting, release := make(chan struct{}, 10), make(chan struct{})
			tenant.Inject(emulator.Fault{Endpoint: "GET /groups", Times: -1, Rewrite: func(body []byte) []byte {
				waiting <- struct{}{}
				<-release
				return body
			}})
			files := newIdentityFiles(t)
			flags, client := files.flags(), files.client(t, onlyHTTP2)
			if name == "h2c" {
				flags, client = []string{"--h2c"}, files.client(t, onlyH2C)
			}
			p := startOver(t, tenant, flags...)
			type result struct {
				body string
				err  error
			}
			results := make(chan result, 1)
			go func() {
				resp, err := client.Do(post(t, p.url+endpointPath, []byte(`{"query":"{groups{nodes{id}}}"}`)))
				if err != nil {
					results <- result{"", err}
					return
				}
				defer resp.Body.Close()
				text, err := io.ReadAll(resp.Body)
				results <- result{string(text), err}
			}()
			<-waiting
			p.stop()
			p.stderr.wait("draining")
			close(release)
			if got := <-results; got.err != nil || !strings.Contains(got.body, `"groups":{"nodes":[{"id":"`) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// serialOf returns the serial number of the certificate of a new connection.
func (f *identityFiles) serialOf(t *testing.T, host string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", host, &tls.Config{RootCAs: f.roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// TestCertificateIsReadAgain tests that new connections get a replaced certificate, and the previous one while the
// files are invalid or do not belong together.
func TestCertificateIsReadAgain(t *testing.T) {
	t.Parallel()
	files, others := newIdentityFiles(t), newIdentityFiles(t)
	read := func(path string) string {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(content)
	}
	log := newJournal()
	a := &app{cfg: testConfig(t, files.flags()...), logger: logs.New(log, "info", "text")}
	var err error
	if a.certificate, err = openCertificate(a.cfg); err != nil {
		t.Fatal(err)
	}
	server := a.newServer(http.NotFoundHandler())
	a.serveProtocols(server)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- serving(server, l, t.Context())() }()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ticks, done := make(chan time.Time), make(chan struct{})
	go func() { defer close(done); a.newSources()[0].watch(ctx, a.logger, ticks) }()
	want := files.serial
	for _, step := range []struct {
		name    string
		change  func()
		changes int // so far
		faults  int
	}{
		{"the same", func() {}, 0, 0},
		{"another", func() { files.replace(t); want = files.serial }, 1, 0},
		{"another key", func() { overwrite(t, files.key, read(others.key)) }, 1, 1},
		{"still", func() {}, 1, 1},
		{"no certificate", func() { overwrite(t, files.cert, "canary") }, 1, 2},
		{"none", func() {
			if err := os.Remove(files.cert); err != nil {
				t.Fatal(err)
			}
		}, 1, 3},
		{"repaired", func() { files.replace(t); want = files.serial }, 2, 3},
	} {
		step.change()
		ticks <- time.Time{}
		ticks <- time.Time{} // the first is processed by now
		if got := files.serialOf(t, l.Addr().String()); got != want {
			t.Errorf("%s: certificate %s, want %s", step.name, got, want)
		}
		if got := strings.Count(log.String(), "reloaded the TLS certificate"); got != step.changes {
			t.Errorf("%s: %d changes, want %d", step.name, got, step.changes)
		}
		if got := strings.Count(log.String(), "cannot reload the TLS certificate"); got != step.faults {
			t.Errorf("%s: %d faults, want %d", step.name, got, step.faults)
		}
	}
	end()
	<-done
	if err := errors.Join(server.Shutdown(t.Context()), <-served); err != nil {
		t.Error(err)
	}
	if text := log.String(); strings.Contains(text, "canary") || strings.Contains(text, "PRIVATE") || strings.Count(text, files.cert) < 3 {
		t.Errorf("the log:\n%s", text)
	}
}
