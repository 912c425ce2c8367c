// Package transporttest provides clients for tests of the transports.
package transporttest

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// Send sends one request to a handler. Headers have the form "Name: value".
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

// Subprotocol is the WebSocket subprotocol.
const Subprotocol = "graphql-transport-ws"

// InitMessage initializes a connection without a token.
const InitMessage = `{"type":"connection_init"}`

// Socket is a WebSocket client. Its methods fail the test on errors.
type Socket struct {
	*websocket.Conn
	t *testing.T
}

// Dial opens a WebSocket. Headers have the form "Name: value".
func Dial(t *testing.T, client *http.Client, url string, headers ...string) *Socket {
	t.Helper()
	socket, _, err := DialAs(t, client, url, []string{Subprotocol}, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return socket
}

// Refusal is the response to a failed handshake.
type Rejection struct {
	Status int // 0 without a response
	Header http.Header
}

// DialAs opens a WebSocket with other subprotocols, or returns the failed handshake.
func DialAs(t *testing.T, client *http.Client, url string, protocols []string, headers ...string) (socket *Socket, rejected Rejection, err error) {
	t.Helper()
	options := &websocket.DialOptions{HTTPClient: client, Subprotocols: protocols, HTTPHeader: http.Header{}}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		options.HTTPHeader.Add(name, value)
	}
	conn, resp, err := websocket.Dial(t.Context(), url, options) //nolint:bodyclose // "You never need to close resp.Body yourself."
	if resp != nil {
		rejected = Rejection{resp.StatusCode, resp.Header}
	}
	if err != nil {
		return nil, rejected, err
	}
	conn.SetReadLimit(-1)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return &Socket{conn, t}, Rejection{}, nil
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

// Want reads messages and compares them; one that ends with "…" is a prefix.
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

// Closed reads until the connection is closed and returns the code and the reason.
func (c *Socket) Closed() (websocket.StatusCode, string) {
	c.t.Helper()
	for {
		if _, _, err := c.Read(c.t.Context()); err != nil {
			why, _ := errors.AsType[websocket.CloseError](err)
			return why.Code, why.Reason
		}
	}
}

// WantClosed reads until the connection is closed, and compares the code and a part of the reason.
func (c *Socket) WantClosed(code websocket.StatusCode, reason string) {
	c.t.Helper()
	if got, why := c.Closed(); got != code || !strings.Contains(why, reason) {
		c.t.Errorf("closed with %d %q, want %d %q", got, why, code, reason)
	}
}
