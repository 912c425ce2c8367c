package emulator

import (
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"sync"
	"time"
)

// TB is the part of testing.TB that [Serve] uses.
type TB interface {
	Helper()
	Cleanup(func())
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// Server is a running emulator.
type Server struct {
	*Emulator
	URL       string // such as http://127.0.0.1:40123
	Authority []byte // certificate of the authority to trust, in PEM; nil without TLS
}

// UserToken returns the token of [Emulator.UserToken] with the issuer of this
// server.
func (s *Server) UserToken(userID string, scopes ...string) string {
	return s.entra.UserToken(s.URL, userID, scopes)
}

// Serve runs an emulator on a free port of the loopback interface until the
// test ends. Package emulatortest also checks the answers.
func Serve(t TB, e *Emulator) *Server {
	t.Helper()
	return serve(t, e, nil)
}

// ServeTLS is Serve with HTTPS, which sign-in libraries require. It issues a
// certificate, see [ServerCertificate].
func ServeTLS(t TB, e *Emulator) *Server {
	t.Helper()
	certificate, authority, err := ServerCertificate()
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	s := serve(t, e, &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}})
	s.Authority = authority
	return s
}

func serve(t TB, e *Emulator, config *tls.Config) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	url := "http://" + l.Addr().String()
	var running sync.RWMutex // read-locked by each request: Close does not wait for them
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		running.RLock()
		defer running.RUnlock()
		e.ServeHTTP(w, r)
	})
	srv := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, TLSConfig: config, ErrorLog: log.New(io.Discard, "", 0)}
	run := func() error { return srv.Serve(l) }
	if config != nil {
		url = "https://" + l.Addr().String()
		run = func() error { return srv.ServeTLS(l, "", "") }
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = run() // It returns http.ErrServerClosed after Close.
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
		running.Lock() // An observer can still check the last answer.
		defer running.Unlock()
	})
	return &Server{Emulator: e, URL: url}
}

// Client returns a client that trusts the server. The caller must close its
// idle connections.
func (s *Server) Client() *http.Client {
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(s.Authority)
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots}}}
}
