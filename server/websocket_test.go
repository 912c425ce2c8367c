package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/coder/websocket"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/emulator"
	"licensegraph/internal/entra"
	"licensegraph/internal/execution/stub"
	"licensegraph/internal/upstream"
)

const initMessage = `{"type":"connection_init"}`

// socketClient is the other side of a WebSocket.
type socketClient struct {
	t    *testing.T
	conn *websocket.Conn
}

// dial opens a WebSocket. Headers are "Name: value".
func dial(t *testing.T, client *http.Client, url string, headers ...string) *socketClient {
	t.Helper()
	conn, _, err := dialing(t, client, url, []string{subprotocol}, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return &socketClient{t, conn}
}

func dialing(t *testing.T, client *http.Client, url string, protocols []string, headers ...string) (*websocket.Conn, reply, error) {
	t.Helper()
	options := &websocket.DialOptions{HTTPClient: client, Subprotocols: protocols, HTTPHeader: http.Header{}}
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		options.HTTPHeader.Add(name, value)
	}
	conn, resp, err := websocket.Dial(t.Context(), url+endpointPath, options) //nolint:bodyclose // "You never need to close resp.Body yourself."
	if err == nil {
		conn.SetReadLimit(-1)
		t.Cleanup(func() { _ = conn.CloseNow() })
	}
	r := reply{}
	if resp != nil {
		r = reply{status: resp.StatusCode, header: resp.Header}
	}
	return conn, r, err
}

func (c *socketClient) send(texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		if err := c.conn.Write(c.t.Context(), websocket.MessageText, []byte(text)); err != nil {
			c.t.Fatalf("sending %.100s: %v", text, err)
		}
	}
}

// want reads messages, which have to be these; one that ends with "…" begins so.
func (c *socketClient) want(texts ...string) {
	c.t.Helper()
	for _, text := range texts {
		_, got, err := c.conn.Read(c.t.Context())
		part, isPart := strings.CutSuffix(text, "…")
		if err != nil || string(got) != text && (!isPart || !strings.HasPrefix(string(got), part)) {
			c.t.Fatalf("got %.300s, %v; want %s", got, err, text)
		}
	}
}

// closed reads until the connection is closed, and returns with what.
func (c *socketClient) closed() (websocket.StatusCode, string) {
	c.t.Helper()
	for {
		if _, _, err := c.conn.Read(c.t.Context()); err != nil {
			why, _ := errors.AsType[websocket.CloseError](err)
			return why.Code, why.Reason
		}
	}
}

func (c *socketClient) wantClosed(code websocket.StatusCode, reason string) {
	c.t.Helper()
	if got, why := c.closed(); got != code || !strings.Contains(why, reason) {
		c.t.Errorf("closed with %d %q, want %d %q", got, why, code, reason)
	}
}

// serveStub runs the gateway over the stub, and returns its URL and its streams.
func serveStub(t *testing.T, exec func(context.Context) *graphql.Response, flags ...string) (string, *streams) {
	t.Helper()
	handler, live := testGateway(t, io.Discard, exec, &authenticator{audit: slog.New(slog.DiscardHandler)}, flags...)
	server := httptest.NewServer(handler)
	t.Cleanup(func() {
		live.drain()
		_ = live.wait(context.Background())
		server.Close()
	})
	return server.URL, live
}

func subscribing(ctx context.Context) bool {
	return graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription
}

// ticking answers subscriptions with what is in events, until their context ends.
func ticking(events <-chan string, ended chan<- struct{}) func(context.Context) *graphql.Response {
	return func(ctx context.Context) *graphql.Response {
		if !subscribing(ctx) {
			return stub.Hello(ctx)
		}
		select {
		case data, ok := <-events:
			if ok {
				return &graphql.Response{Data: []byte(data)}
			}
		case <-ctx.Done():
			ended <- struct{}{}
		}
		return nil
	}
}

func TestSocket(t *testing.T) {
	t.Parallel()
	events, ended := make(chan string, 3), make(chan struct{}, 1)
	url, _ := serveStub(t, ticking(events, ended))
	c := dial(t, nil, url)
	c.send(`{"type":"ping"}`, `{"type":"pong"}`, initMessage)
	c.want(`{"type":"pong"}`, `{"type":"connection_ack"}`)

	// A query, a mutation, and the id again once it is free.
	for range 2 {
		c.send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
		c.want(`{"id":"1","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"1","type":"complete"}`)
	}
	c.send(`{"id":"ä\"","type":"subscribe","payload":{"query":"mutation A {hello} query B {hello}","operationName":"A","variables":{}}}`)
	c.want(`{"id":"ä\"","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"ä\"","type":"complete"}`)

	// A subscription that ends, and one that the client ends.
	events <- `{"hello":"1"}`
	events <- `{"hello":"2"}`
	c.send(`{"id":"s","type":"subscribe","payload":{"query":"subscription {hello}"}}`)
	c.want(`{"id":"s","type":"next","payload":{"data":{"hello":"1"}}}`, `{"id":"s","type":"next","payload":{"data":{"hello":"2"}}}`)
	c.send(`{"id":"s","type":"complete"}`)
	<-ended
	close(events)
	c.send(`{"id":"s","type":"subscribe","payload":{"query":"subscription {hello}"}}`)
	c.want(`{"id":"s","type":"complete"}`)
	c.send(`{"id":"nobody's","type":"complete"}`)

	// What the document is refused for. Its connection goes on.
	for _, tt := range []struct{ payload, want string }{
		{`{"query":"{"}`, `[{"message":"Expected Name`},
		{`{"query":"{nothing}"}`, `[{"message":"Cannot query field`},
		{`{"query":"query($n:Int){echo(n:$n){hello}}","variables":{"n":"3"}}`, `[{"message":"The variable $n has`},
		{`{"query":"{` + strings.Repeat("echo{", 40) + "hello" + strings.Repeat("}", 41) + `"}`, `[{"message":"The `},
		{`{"documentId":"none"}`, `[{"message":"`},
	} {
		c.send(`{"id":"e","type":"subscribe","payload":` + tt.payload + `}`)
		c.want(`{"id":"e","type":"error","payload":` + tt.want + "…")
	}
	hash := sha256.Sum256([]byte("{hello}"))
	apq := `"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + hex.EncodeToString(hash[:]) + `"}}`
	c.send(`{"id":"p","type":"subscribe","payload":{"query":"{hello}",` + apq + `}}`)
	c.want(`{"id":"p","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"p","type":"complete"}`)
	c.send(`{"id":"p","type":"subscribe","payload":{` + apq + `}}`)
	c.want(`{"id":"p","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"p","type":"complete"}`)
	if err := c.conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

// TestSocketCloses shows what the gateway does not put up with.
func TestSocketCloses(t *testing.T) {
	t.Parallel()
	block := make(chan struct{})
	t.Cleanup(func() { close(block) })
	url, _ := serveStub(t, func(ctx context.Context) *graphql.Response {
		select {
		case <-block:
		case <-ctx.Done():
		}
		return stub.Hello(ctx)
	}, "--max-body-bytes=5000")
	const sub = `{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`
	for _, tt := range []struct {
		name   string
		sent   []string
		code   websocket.StatusCode
		reason string
	}{
		{"no JSON", []string{"hello"}, 4400, ""},
		{"two values", []string{initMessage + initMessage}, 4400, ""},
		{"no object", []string{`["connection_init"]`}, 4400, "JSON object"},
		{"null", []string{`null`}, 4400, "JSON object"},
		{"no type", []string{`{"id":"1"}`}, 4400, "type"},
		{"type of a wrong type", []string{`{"type":3}`}, 4400, "type"},
		{"unknown type", []string{`{"type":"start","id":"1"}`}, 4400, "unknown"},
		{"a server's type", []string{initMessage, `{"type":"next","id":"1"}`}, 4400, "unknown"},
		{"deep JSON", []string{`{"type":"ping","payload":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`}, 4400, "nest"},
		{"equal members", []string{`{"type":"ping","type":"pong"}`}, 4400, ""},
		{"invalid UTF-8", []string{"{\"type\":\"ping\",\"payload\":\"\xff\"}"}, 4400, "UTF-8"},
		{"parameters of a wrong type", []string{`{"type":"connection_init","payload":[]}`}, 4400, "JSON object"},
		{"a token of a wrong type", []string{`{"type":"connection_init","payload":{"authorization":["Bearer x"]}}`}, 4400, "JSON string"},
		{"subscribe before init", []string{sub}, 4401, "Unauthorized"},
		{"init twice", []string{initMessage, initMessage}, 4429, "Too many initialisation requests"},
		{"many inits", slicesRepeat(initMessage, 20), 4429, ""},
		{"id twice", []string{initMessage, sub, sub}, 4409, "Subscriber for 1 already exists"},
		{"no id", []string{initMessage, `{"type":"subscribe","payload":{"query":"{hello}"}}`}, 4400, "id"},
		{"empty id", []string{initMessage, `{"id":"","type":"subscribe","payload":{"query":"{hello}"}}`}, 4400, "id"},
		{"long id", []string{initMessage, `{"id":"` + strings.Repeat("i", 129) + `","type":"subscribe","payload":{"query":"{hello}"}}`}, 4400, "id"},
		{"number as id", []string{initMessage, `{"id":1,"type":"subscribe","payload":{"query":"{hello}"}}`}, 4400, ""},
		{"complete without an id", []string{initMessage, `{"type":"complete"}`}, 4400, "id"},
		{"no payload", []string{initMessage, `{"id":"1","type":"subscribe"}`}, 4400, "payload"},
		{"no query", []string{initMessage, `{"id":"1","type":"subscribe","payload":{}}`}, 4400, "query"},
		{"query of a wrong type", []string{initMessage, `{"id":"1","type":"subscribe","payload":{"query":["secret"]}}`}, 4400, "query"},
		{"variables of a wrong type", []string{initMessage, `{"id":"1","type":"subscribe","payload":{"query":"{hello}","variables":"x"}}`}, 4400, "variables"},
		{"batch", []string{initMessage, `{"id":"1","type":"subscribe","payload":[{"query":"{hello}"}]}`}, 4400, "object"},
		{"too long a message", []string{initMessage, `{"type":"ping","payload":"` + strings.Repeat("x", 5000) + `"}`}, 1009, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := dial(t, nil, url)
			for _, text := range tt.sent { // the connection may close before all are sent
				_ = c.conn.Write(t.Context(), websocket.MessageText, []byte(text))
			}
			code, reason := c.closed()
			if code != tt.code || !strings.Contains(reason, tt.reason) || strings.Contains(reason, "secret") {
				t.Errorf("closed with %d %q", code, reason)
			}
		})
	}
	t.Run("binary", func(t *testing.T) {
		t.Parallel()
		c := dial(t, nil, url)
		_ = c.conn.Write(t.Context(), websocket.MessageBinary, []byte(initMessage))
		c.wantClosed(4400, "text")
	})
	for _, protocols := range [][]string{nil, {"graphql-ws"}, {"graphql-ws", "chat"}} {
		t.Run(fmt.Sprint("subprotocols ", protocols), func(t *testing.T) {
			t.Parallel()
			conn, _, err := dialing(t, nil, url, protocols)
			if err != nil {
				t.Fatal(err)
			}
			(&socketClient{t, conn}).wantClosed(4406, "Subprotocol not acceptable")
		})
	}
}

func slicesRepeat(text string, n int) []string {
	return strings.Fields(strings.Repeat(text+" ", n))
}

// TestSocketHandshake shows who may open a WebSocket at all: a page of the gateway itself or of a listed origin, and
// what is no browser.
func TestSocketHandshake(t *testing.T) {
	t.Parallel()
	url, _ := serveStub(t, stub.Hello, "--cors-origin=https://portal.example")
	host := strings.TrimPrefix(url, "http://")
	for _, tt := range []struct {
		name    string
		headers []string
		status  int
	}{
		{"no browser", nil, 101},
		{"same origin", []string{"Origin: " + url}, 101},
		{"same origin, new browser", []string{"Origin: " + url, "Sec-Fetch-Site: same-origin"}, 101},
		{"listed", []string{"Origin: https://portal.example", "Sec-Fetch-Site: cross-site"}, 101},
		{"another", []string{"Origin: https://evil.example"}, 403},
		{"another, new browser", []string{"Origin: https://evil.example", "Sec-Fetch-Site: cross-site"}, 403},
		{"null", []string{"Origin: null"}, 403},
		{"no origin, cross-site", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"same site, another port", []string{"Origin: http://127.0.0.1:1", "Sec-Fetch-Site: same-site"}, 403},
		{"listed with a suffix", []string{"Origin: https://portal.example.evil.example"}, 403},
		{"below listed", []string{"Origin: https://a.portal.example"}, 403},
		{"listed without TLS", []string{"Origin: http://portal.example"}, 403},
		{"listed with a port", []string{"Origin: https://portal.example:8443"}, 403},
		{"ours with a suffix", []string{"Origin: http://" + host + ".evil.example"}, 403},
		{"ours as a user", []string{"Origin: http://" + host + "@evil.example"}, 403},
		{"empty", []string{"Origin: "}, 101}, // as without
		{"another version", []string{"Sec-WebSocket-Version: 8"}, 426},
		{"two keys", []string{"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="}, 400},
		{"a short key", []string{"Sec-WebSocket-Key: dGhlIA=="}, 400},
		{"no Connection", []string{"Connection: keep-alive"}, 400},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			req, err := http.NewRequestWithContext(t.Context(), "GET", url+endpointPath, nil)
			if err != nil {
				t.Fatal(err)
			}
			for name, value := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="} {
				req.Header.Set(name, value)
			}
			for _, header := range tt.headers {
				name, _, _ := strings.Cut(header, ": ")
				req.Header.Del(name)
			}
			for _, header := range tt.headers {
				name, value, _ := strings.Cut(header, ": ")
				req.Header.Add(name, value)
			}
			resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode != tt.status {
				t.Errorf("%s", resp.Status)
			}
			if resp.StatusCode == 101 {
				return
			}
			var answer struct{ Errors []struct{ Message string } }
			body, _ := io.ReadAll(resp.Body)
			if json.Unmarshal(body, &answer) != nil || len(answer.Errors) != 1 || resp.Header.Get("X-Content-Type-Options") != "nosniff" || resp.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%v %s", resp.Header, body)
			}
		})
	}
}

// TestSocketAuthentication lets in who has a token for the gateway, and nobody else.
func TestSocketAuthentication(t *testing.T) {
	t.Parallel()
	tenant := emulator.Start(t, emulator.Options{Users: 60, SignIn: emulator.SignIn{Scopes: scopes}})
	assignRoles(tenant.Emulator)
	p := startOver(t, tenant, "--inbound=entra", "--caller-streams=2")
	admin := tokenFor(t, tenant, nameOf(t, tenant, "License Administrator"), scopes...)
	reader := tokenFor(t, tenant, nameOf(t, tenant, "Global Reader"), scopes...)
	nobody := tokenFor(t, tenant, nameOf(t, tenant, ""), scopes...)
	with := func(name, value string) string {
		return `{"type":"connection_init","payload":` + string(mustMarshal(map[string]string{name: value})) + `}`
	}
	const skus = `{"id":"1","type":"subscribe","payload":{"query":"{ subscribedSkus(first: 1) { nodes { skuPartNumber } } }"}}`

	for name, tt := range map[string]struct {
		header, init string
		code         websocket.StatusCode
		reason       string
	}{
		"no token":             {"", initMessage, 4401, "An access token is missing"},
		"no token, parameters": {"", with("token", admin), 4401, "An access token is missing"},
		"null":                 {"", `{"type":"connection_init","payload":{"Authorization":null}}`, 4401, "An access token is missing"},
		"another scheme":       {"", with("Authorization", "Basic YTpi"), 4401, "has to be Bearer"},
		"no scheme":            {"", with("Authorization", admin), 4401, "has to be Bearer"},
		"no JSON Web Token":    {"", with("Authorization", "Bearer letmein"), 4401, "not taken"},
		"of Graph":             {"", with("Authorization", "Bearer "+graphToken(t, tenant)), 4401, "audience"},
		"signature cut":        {"", with("Authorization", "Bearer "+admin[:len(admin)-4]), 4401, "signature"},
		"two spellings":        {"", `{"type":"connection_init","payload":{"Authorization":"Bearer ` + admin + `","authorization":"Bearer ` + admin + `"}}`, 4401, "more than once"},
		"two callers":          {"Authorization: Bearer " + admin, with("Authorization", "Bearer "+reader), 4401, "different access tokens"},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{}
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			c := dial(t, p.client, p.url, headers...)
			c.send(tt.init)
			c.wantClosed(tt.code, tt.reason)
		})
	}
	for name, header := range map[string]string{"no JSON Web Token": "Authorization: Bearer letmein", "two tokens": "Authorization: Bearer a b"} {
		_, r, err := dialing(t, p.client, p.url, []string{subprotocol}, header)
		if err == nil || r.status != 401 || r.header.Get("WWW-Authenticate") == "" {
			t.Errorf("%s in the handshake: %v %v", name, err, r)
		}
	}

	for name, tt := range map[string]struct{ header, init string }{
		"in the parameters":        {"", with("Authorization", "Bearer "+admin)},
		"in the parameters, lower": {"", with("authorization", "bearer "+admin)},
		"in the header":            {"Authorization: Bearer " + admin, initMessage},
		"in both":                  {"Authorization: Bearer " + admin, with("Authorization", "Bearer "+admin)},
	} {
		t.Run(name, func(t *testing.T) {
			headers := []string{}
			if tt.header != "" {
				headers = append(headers, tt.header)
			}
			c := dial(t, p.client, p.url, headers...)
			c.send(tt.init, skus)
			c.want(`{"type":"connection_ack"}`, `{"id":"1","type":"next","payload":{"data":{"subscribedSkus":{"nodes":[{"skuPartNumber":"…`, `{"id":"1","type":"complete"}`)
			_ = c.conn.Close(websocket.StatusNormalClosure, "")
		})
	}

	// Rights are those of the token, operation for operation.
	c := dial(t, p.client, p.url)
	c.send(with("Authorization", "Bearer "+nobody), skus)
	c.want(`{"type":"connection_ack"}`)
	if _, got, err := c.conn.Read(t.Context()); err != nil || !strings.Contains(string(got), `"code":"FORBIDDEN"`) {
		t.Errorf("%s %v", got, err)
	}
	// The audit log has the operation's own id.
	p.stdout.wait(`.1","caller":{"tenant":"` + tenant.TenantID())

	// A caller has so many streams, whatever others have.
	second := dial(t, p.client, p.url)
	second.send(with("Authorization", "Bearer "+nobody))
	second.want(`{"type":"connection_ack"}`)
	third := dial(t, p.client, p.url)
	third.send(with("Authorization", "Bearer "+nobody))
	third.wantClosed(websocket.StatusTryAgainLater, "2 streams open")
	another := dial(t, p.client, p.url)
	another.send(with("Authorization", "Bearer "+reader), skus)
	another.want(`{"type":"connection_ack"}`, `{"id":"1","type":"next"…`)
	if text := p.stdout.String() + p.stderr.String(); strings.Contains(text, admin[:40]) {
		t.Error("a token is in the log")
	}

	// At the end those who are connected are told.
	p.stop()
	for _, c := range []*socketClient{c, second, another} {
		c.wantClosed(websocket.StatusGoingAway, "shutting down")
	}
}

// pipes is a listener within a process, so that the time of a test can be its own.
type pipes struct {
	ch   chan net.Conn
	done context.Context
	end  context.CancelFunc
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.ch:
		return conn, nil
	case <-p.done.Done():
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error {
	p.end()
	return nil
}

func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// servePipes serves a handler, and returns a client of it.
func servePipes(t *testing.T, handler http.Handler, live *streams) *http.Client {
	t.Helper()
	l := pipes{ch: make(chan net.Conn)}
	l.done, l.end = context.WithCancel(context.Background())
	server := &http.Server{Handler: handler, ReadTimeout: 15 * time.Second, WriteTimeout: 20 * time.Second} // as in newServer
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		l.ch <- theirs
		return ours, nil
	}}
	t.Cleanup(func() {
		live.drain()
		_ = live.wait(context.Background())
		transport.CloseIdleConnections()
		_ = server.Close()
		serving.Wait()
	})
	return &http.Client{Transport: transport}
}

// within lets a client ask a handler without a network.
type within struct{ http.Handler }

func (h within) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// tokenWithin signs somebody in at a tenant that does not listen, and returns the authenticator for it.
func tokenWithin(t *testing.T, tenant *emulator.Emulator) (token string, auth *authenticator) {
	t.Helper()
	const authority = "http://sign-in.example"
	client := &http.Client{Transport: within{tenant}}
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {tenant.ClientID()}, "client_secret": {tenant.ClientSecret()}, "scope": {"api://" + tenant.ClientID() + "/.default"}}
	resp, err := client.PostForm(authority+"/"+tenant.TenantID()+"/oauth2/v2.0/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Token == "" {
		t.Fatal("no token", err)
	}
	cfg := testConfig(t, "--inbound=entra")
	return answer.Token, newAuthenticator(cfg, entra.VerifierOptions{
		Authority: authority, IssuerV1: authority, TenantIDs: []string{tenant.TenantID()}, Audiences: cfg.AudiencesOf(tenant.ClientID()), Client: client, Logger: slog.New(slog.DiscardHandler),
	}, slog.New(slog.DiscardHandler))
}

// TestSocketEndsWithItsToken: to the second, with and without operations under way, and nothing begins afterwards.
func TestSocketEndsWithItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		token, auth := tokenWithin(t, emulator.New(emulator.Options{Users: 20, SignIn: emulator.SignIn{Scopes: scopes}}))
		caller, err := auth.verifier.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{}, 1)
		handler, live := testGateway(t, io.Discard, ticking(nil, ended), auth)
		client := servePipes(t, handler, live)
		const url = "http://127.0.0.1:8080"
		init := `{"type":"connection_init","payload":{"Authorization":"Bearer ` + token + `"}}`

		idle, busy := dial(t, client, url), dial(t, client, url, bearing(token))
		idle.send(init)
		idle.want(`{"type":"connection_ack"}`)
		busy.send(initMessage)
		busy.want(`{"type":"connection_ack"}`)
		busy.send(`{"id":"s","type":"subscribe","payload":{"query":"subscription{hello}"}}`)
		var reading sync.WaitGroup
		for _, c := range []*socketClient{idle, busy} {
			reading.Go(func() {
				c.wantClosed(4403, "expired")
				if late := time.Since(caller.Expires); late < 0 || late > time.Second {
					t.Errorf("closed %v after the token", late)
				}
			})
		}
		reading.Wait()
		<-ended

		// The verifier still takes it for a minute, for clocks that differ.
		late := dial(t, client, url)
		late.send(init)
		late.wantClosed(4403, "expired")
		time.Sleep(2 * time.Minute)
		late = dial(t, client, url)
		late.send(init)
		late.wantClosed(4401, "expired")
	})
}

// TestSocketTimes shows the bounds of waiting.
func TestSocketTimes(t *testing.T) {
	t.Parallel()
	const url = "http://127.0.0.1:8080"
	run := func(name string, exec func(context.Context) *graphql.Response, test func(t *testing.T, client *http.Client)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				handler, live := testGateway(t, io.Discard, exec, &authenticator{audit: slog.New(slog.DiscardHandler)}, "--request-timeout=10s")
				test(t, servePipes(t, handler, live))
			})
		})
	}
	run("no connection_init", stub.Hello, func(t *testing.T, client *http.Client) {
		start := time.Now()
		c := dial(t, client, url)
		c.wantClosed(4408, "Connection initialisation timeout")
		if waited := time.Since(start); waited != 5*time.Second {
			t.Error(waited)
		}
	})
	run("a query takes too long", func(ctx context.Context) *graphql.Response {
		<-ctx.Done()
		return nil
	}, func(t *testing.T, client *http.Client) {
		c := dial(t, client, url)
		c.send(initMessage)
		c.want(`{"type":"connection_ack"}`)
		c.send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
		start := time.Now()
		c.want(`{"id":"1","type":"error","payload":[{"message":…`)
		if waited := time.Since(start); waited != 10*time.Second {
			t.Error(waited)
		}
	})
	run("nobody reads", stub.Hello, func(t *testing.T, client *http.Client) {
		c := dial(t, client, url)
		c.send(initMessage)
		start := time.Now() // connection_ack waits for a reader
		for c.conn.Write(t.Context(), websocket.MessageText, []byte(`{"type":"ping"}`)) == nil {
		}
		if waited := time.Since(start); waited != 10*time.Second {
			t.Error(waited)
		}
	})
	run("half a message", stub.Hello, func(t *testing.T, client *http.Client) {
		c := dial(t, client, url)
		c.send(initMessage)
		c.want(`{"type":"connection_ack"}`)
		w, err := c.conn.Writer(t.Context(), websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := w.Write([]byte(`{"type":"ping","payload":"` + strings.Repeat("x", 10_000))); err != nil {
			t.Fatal(err)
		}
		c.closed()
		if waited := time.Since(start); waited != 10*time.Second {
			t.Error(waited)
		}
	})
	run("nobody answers pings", stub.Hello, func(t *testing.T, client *http.Client) {
		conn, _, err := websocket.Dial(t.Context(), url+endpointPath, &websocket.DialOptions{ //nolint:bodyclose // as in dialing
			HTTPClient: client, Subprotocols: []string{subprotocol}, OnPingReceived: func(context.Context, []byte) bool { return false },
		})
		if err != nil {
			t.Fatal(err)
		}
		c := &socketClient{t, conn}
		start := time.Now()
		c.send(initMessage)
		c.closed()
		if waited := time.Since(start); waited != pingEvery+pongWait {
			t.Error(waited)
		}
	})
	run("an idle client that answers pings stays", stub.Hello, func(t *testing.T, client *http.Client) {
		c := dial(t, client, url)
		c.send(initMessage)
		c.want(`{"type":"connection_ack"}`)
		go func() {
			time.Sleep(time.Hour)
			c.send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
		}()
		c.want(`{"id":"1","type":"next","payload":` + stub.HelloAnswer + `}`)
	})
}

// TestSocketOperations: each has a place until it has ended, a subscription gives its place back.
func TestSocketOperations(t *testing.T) {
	t.Parallel()
	release, running := make(chan struct{}), make(chan struct{}, 10)
	url, live := serveStub(t, func(ctx context.Context) *graphql.Response {
		if subscribing(ctx) {
			running <- struct{}{}
			<-ctx.Done()
			return nil
		}
		running <- struct{}{}
		<-release
		return stub.Hello(ctx)
	}, "--caller-operations=2")
	c := dial(t, nil, url)
	c.send(initMessage)
	c.want(`{"type":"connection_ack"}`)
	c.send(`{"id":"s","type":"subscribe","payload":{"query":"subscription{hello}"}}`)
	<-running
	c.send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	<-running
	// What the client has completed still runs, and counts.
	c.send(`{"id":"1","type":"complete"}`, `{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	c.want(`{"id":"1","type":"error","payload":[{"message":"The connection has 2 operations under way, as many as it may have.","extensions":{"code":"RATE_LIMITED",…`)
	other := dial(t, nil, url)
	other.send(initMessage, `{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	other.want(`{"type":"connection_ack"}`)
	<-running
	other.send(`{"id":"2","type":"subscribe","payload":{"query":"{hello}"}}`)
	other.want(`{"id":"2","type":"error","payload":[{"message":"You have 2 operations under way…`)

	// At the end, subscriptions end and queries are waited for.
	live.drain()
	c.want(`{"id":"s","type":"complete"}`)
	if _, r, err := dialing(t, nil, url, []string{subprotocol}); err == nil || r.status != 503 {
		t.Errorf("a new one: %v", err)
	}
	close(release)
	other.want(`{"id":"1","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"1","type":"complete"}`)
	other.wantClosed(websocket.StatusGoingAway, "shutting down")
	c.wantClosed(websocket.StatusGoingAway, "shutting down")
	if err := live.wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSocketSurvivesPanics keeps one operation's mistake from others.
func TestSocketSurvivesPanics(t *testing.T) {
	t.Parallel()
	url, _ := serveStub(t, func(ctx context.Context) *graphql.Response {
		if graphql.GetOperationContext(ctx).Operation.Name == "Bad" {
			panic("secret")
		}
		return stub.Hello(ctx)
	})
	c := dial(t, nil, url)
	c.send(initMessage, `{"id":"1","type":"subscribe","payload":{"query":"query Bad{hello}"}}`)
	c.want(`{"type":"connection_ack"}`, `{"id":"1","type":"error","payload":[{"message":"Internal error.","extensions":{"code":"INTERNAL","retryable":false}}]}`)
	c.send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	c.want(`{"id":"1","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"1","type":"complete"}`)
}

// TestSocketLongAnswers has long answers sent in parts, several at once. No message has a part of another one.
func TestSocketLongAnswers(t *testing.T) {
	t.Parallel()
	url, _ := serveStub(t, func(ctx context.Context) *graphql.Response {
		if name := graphql.GetOperationContext(ctx).Operation.Name; name != "" {
			return &graphql.Response{Data: []byte(`{"hello":"` + strings.Repeat(name, 300_000) + `"}`)}
		}
		return stub.Hello(ctx)
	})
	c := dial(t, nil, url)
	c.send(initMessage)
	c.want(`{"type":"connection_ack"}`)
	want := map[string]bool{}
	for _, name := range []string{"a", "b", "c", "d", ""} {
		c.send(`{"id":"1` + name + `","type":"subscribe","payload":{"query":"query ` + name + `{hello}"}}`)
		answer := `{"hello":"` + strings.Repeat(name, 300_000) + `"}`
		if name == "" {
			answer = `{"hello":"world"}`
		}
		want[`{"id":"1`+name+`","type":"next","payload":{"data":`+answer+`}}`] = true
		want[`{"id":"1`+name+`","type":"complete"}`] = true
	}
	for range 10 {
		_, got, err := c.conn.Read(t.Context())
		if err != nil || !want[string(got)] {
			t.Fatalf("%v, %d bytes: %.100s", err, len(got), got)
		}
		delete(want, string(got))
	}
}

// TestSocketSignInAgain passes on what a header would say.
func TestSocketSignInAgain(t *testing.T) {
	t.Parallel()
	url, _ := serveStub(t, func(context.Context) *graphql.Response {
		cause := &upstream.Error{Kind: upstream.ErrSignIn, Claims: `{"access_token":{}}`}
		return &graphql.Response{Data: []byte(`{"hello":null}`), Errors: gqlerror.List{{Message: "No.", Err: cause}}}
	})
	c := dial(t, nil, url)
	c.send(initMessage, `{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	c.want(`{"type":"connection_ack"}`, `{"id":"1","type":"next","payload":{"errors":[{"message":"No.","extensions":{"code":"BAD_USER_INPUT","retryable":false,"wwwAuthenticate":"Bearer realm=\"licensegraph\"…`)
}

// TestSocketFlood holds many hostile connections, while a healthy one is served.
func TestSocketFlood(t *testing.T) {
	t.Parallel()
	url, live := serveStub(t, stub.Hello, "--caller-streams=30", "--max-streams=10")
	healthy := dial(t, nil, url)
	healthy.send(initMessage)
	healthy.want(`{"type":"connection_ack"}`)
	var group sync.WaitGroup
	var refused sync.Map
	for i := range 60 {
		group.Go(func() {
			c := dial(t, nil, url)
			for n := range 50 {
				text := []string{initMessage, `{"id":"` + fmt.Sprint(n) + `","type":"subscribe","payload":{"query":"{hello}"}}`, `{"id":"0","type":"complete"}`}[min(n, 2)*(n%3)/2]
				if c.conn.Write(t.Context(), websocket.MessageText, []byte(text)) != nil {
					break
				}
			}
			code, _ := c.closed()
			refused.Store(i, code)
		})
	}
	healthy.send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	healthy.want(`{"id":"1","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"1","type":"complete"}`)
	group.Wait()
	refused.Range(func(_, code any) bool {
		if code != websocket.StatusCode(4429) && code != websocket.StatusTryAgainLater {
			t.Errorf("closed with %v", code)
		}
		return true
	})
	live.drain()
	healthy.wantClosed(websocket.StatusGoingAway, "")
	if err := live.wait(t.Context()); err != nil || live.open != 0 || len(live.callers) != 0 {
		t.Errorf("%d are still counted", live.open)
	}
}
