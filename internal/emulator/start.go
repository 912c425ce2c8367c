package emulator

import (
	"net"
	"net/http"
	"time"
)

// TB is the part of testing.TB that [Start] needs.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// Server is an emulator that listens.
type Server struct {
	*Emulator
	URL string // such as http://127.0.0.1:40123
}

// UserToken is that of the emulator, with the issuer of this server.
func (s *Server) UserToken(userID string, scopes ...string) string {
	return s.userToken(s.URL, userID, scopes)
}

// Start runs an emulator on a free port of the loopback interface until the
// test ends.
func Start(t TB, opts Options) *Server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("emulator: %v", err)
	}
	e := New(opts)
	srv := &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // Close ends it with http.ErrServerClosed.
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-done
	})
	return &Server{Emulator: e, URL: "http://" + l.Addr().String()}
}
