// Package transporttest has clients for tests of the transports.
package transporttest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// Send lets a handler answer one request. Headers are "Name: value".
func Send(t *testing.T, handler http.Handler, method, target, body string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	req := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	req.Host = "127.0.0.1:8080"
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Add(name, value)
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, req)
	return w
}

// Subprotocol is what is spoken over WebSockets.
const Subprotocol = "graphql-transport-ws"

// InitMessage begins a connection without a token.
const InitMessage = `{"type":"connection_init"}`

// Socket is the other side of a WebSocket. Its methods fail the test.
type Socket struct {
	*websocket.Conn
	t *testing.T
}

// Dial opens a WebSocket at an address. Headers are "Name: value".
func Dial(t *testing.T, client *http.Client, url string, headers ...string) *Socket {
	t.Helper()
	socket, _, err := DialAs(t, client, url, []string{Subprotocol}, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return socket
}

// Refusal is the answer to a handshake that failed.
type Refusal struct {
	Status int // 0: there was no answer
	Header http.Header
}

// DialAs opens a WebSocket with other subprotocols, or returns how that was refused.
func DialAs(t *testing.T, client *http.Client, url string, protocols []string, headers ...string) (socket *Socket, refusal Refusal, err error) {
	t.Helper()
	options := &websocket.DialOptions{HTTPClient: client, Subprotocols: protocols, HTTPHeader: http.Header{}}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		options.HTTPHeader.Add(name, value)
	}
	conn, resp, err := websocket.Dial(t.Context(), url, options) //nolint:bodyclose // "You never need to close resp.Body yourself."
	if resp != nil {
		refusal = Refusal{resp.StatusCode, resp.Header}
	}
	if err != nil {
		return nil, refusal, err
	}
	conn.SetReadLimit(-1)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &Socket{conn, t}, Refusal{}, nil
}

// Send sends messages.
func (c *Socket) Send(texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		if err := c.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
			c.t.Fatalf("sending %.100s: %v", text, err)
		}
	}
}

// Want reads messages, which have to be these; one that ends with "…" begins so.
func (c *Socket) Want(texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		_, got, err := c.Read(c.t.Context())
		part, isPart := strings.CutSuffix(text, "…")
		if err != nil || string(got) != text && (!isPart || !strings.HasPrefix(string(got), part)) {
			c.t.Fatalf("got %.300s, %v; want %s", got, err, text)
		}
	}
}

// Closed reads until the connection is closed, and returns with what.
func (c *Socket) Closed() (websocket.StatusCode, string) {
	c.t.Helper()
	for {
		if _, _, err := c.Read(c.t.Context()); err != nil {
			why, _ := errors.AsType[websocket.CloseError](err)
			return why.Code, why.Reason
		}
	}
}

// WantClosed reads until the connection is closed, which has to be with this code and a reason that has this part.
func (c *Socket) WantClosed(code websocket.StatusCode, reason string) {
	c.t.Helper()
	if got, why := c.Closed(); got != code || !strings.Contains(why, reason) {
		c.t.Errorf("closed with %d %q, want %d %q", got, why, code, reason)
	}
}
