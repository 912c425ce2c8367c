package transport

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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
	"licensegraph/internal/transport/transporttest"
	"licensegraph/internal/upstream"
)

func subscribing(ctx context.Context) bool {
	return graphql.GetOperationContext(ctx).Operation.Operation == ast.Subscription
}

// ticking responds to subscriptions with the elements of events, until their context ends.
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
	c := transporttest.Dial(t, nil, url)
	c.Send(`{"type":"ping"}`, `{"type":"pong"}`, transporttest.InitMessage)
	c.Want(`{"type":"pong"}`, `{"type":"connection_ack"}`)

	// A query, a mutation, and the ID again after it is free.
	for range 2 {
		c.Send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
		c.Want(`{"id":"1","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"1","type":"complete"}`)
	}
	c.Send(`{"id":"ä\"","type":"subscribe","payload":{"query":"mutation A {hello} query B {hello}","operationName":"A","variables":{}}}`)
	c.Want(`{"id":"ä\"","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"ä\"","type":"complete"}`)

	// A subscription that ends, and one that the client ends.
	events <- `{"hello":"1"}`
	events <- `{"hello":"2"}`
	c.Send(`{"id":"s","type":"subscribe","payload":{"query":"subscription {hello}"}}`)
	c.Want(`{"id":"s","type":"next","payload":{"data":{"hello":"1"}}}`, `{"id":"s","type":"next","payload":{"data":{"hello":"2"}}}`)
	c.Send(`{"id":"s","type":"complete"}`)
	<-ended
	close(events)
	c.Send(`{"id":"s","type":"subscribe","payload":{"query":"subscription {hello}"}}`)
	c.Want(`{"id":"s","type":"complete"}`)
	c.Send(`{"id":"nobody's","type":"complete"}`)

	// Rejected documents. The connection remains open.
	for _, tt := range []struct{ payload, want string }{
		{`{"query":"{"}`, `[{"message":"Expected Name`},
		{`{"query":"{nothing}"}`, `[{"message":"Cannot query field`},
		{`{"query":"query($n:Int){echo(n:$n){hello}}","variables":{"n":"3"}}`, `[{"message":"The variable $n has`},
		{`{"query":"{` + strings.Repeat("echo{", 40) + "hello" + strings.Repeat("}", 41) + `"}`, `[{"message":"The `},
		{`{"documentId":"none"}`, `[{"message":"`},
	} {
		c.Send(`{"id":"e","type":"subscribe","payload":` + tt.payload + `}`)
		c.Want(`{"id":"e","type":"error","payload":` + tt.want + "…")
	}
	hash := sha256.Sum256([]byte("{hello}"))
	apq := `"extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + hex.EncodeToString(hash[:]) + `"}}`
	c.Send(`{"id":"p","type":"subscribe","payload":{"query":"{hello}",` + apq + `}}`)
	c.Want(`{"id":"p","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"p","type":"complete"}`)
	c.Send(`{"id":"p","type":"subscribe","payload":{` + apq + `}}`)
	c.Want(`{"id":"p","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"p","type":"complete"}`)
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Error(err)
	}
}

// TestSocketCloses tests the close codes of protocol violations.
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
	}, func(o *Options) { o.BodyBytes = 5000 })
	const sub = `{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`
	for _, tt := range []struct {
		name   string
		sent   []string
		code   websocket.StatusCode
		reason string
	}{
		{"no JSON", []string{"hello"}, 4400, ""},
		{"two values", []string{transporttest.InitMessage + transporttest.InitMessage}, 4400, ""},
		{"no object", []string{`["connection_init"]`}, 4400, "JSON object"},
		{"null", []string{`null`}, 4400, "JSON object"},
		{"no type", []string{`{"id":"1"}`}, 4400, "type"},
		{"type of a wrong type", []string{`{"type":3}`}, 4400, "type"},
		{"unknown type", []string{`{"type":"start","id":"1"}`}, 4400, "unknown"},
		{"a server's type", []string{transporttest.InitMessage, `{"type":"next","id":"1"}`}, 4400, "unknown"},
		{"deep JSON", []string{`{"type":"ping","payload":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000) + `}`}, 4400, "nest"},
		{"equal members", []string{`{"type":"ping","type":"pong"}`}, 4400, ""},
		{"invalid UTF-8", []string{"{\"type\":\"ping\",\"payload\":\"\xff\"}"}, 4400, "UTF-8"},
		{"parameters of a wrong type", []string{`{"type":"connection_init","payload":[]}`}, 4400, "JSON object"},
		{"a token of a wrong type", []string{`{"type":"connection_init","payload":{"authorization":["Bearer x"]}}`}, 4400, "JSON string"},
		{"subscribe before init", []string{sub}, 4401, "Unauthorized"},
		{"init twice", []string{transporttest.InitMessage, transporttest.InitMessage}, 4429, "Too many initialisation requests"},
		{"many inits", slicesRepeat(transporttest.InitMessage, 20), 4429, ""},
		{"id twice", []string{transporttest.InitMessage, sub, sub}, 4409, "Subscriber for 1 already exists"},
		{"no id", []string{transporttest.InitMessage, `{"type":"subscribe","payload":{"query":"{hello}"}}`}, 4400, "id"},
		{"empty id", []string{transporttest.InitMessage, `{"id":"","type":"subscribe","payload":{"query":"{hello}"}}`}, 4400, "id"},
		{"long id", []string{transporttest.InitMessage, `{"id":"` + strings.Repeat("i", 129) + `","type":"subscribe","payload":{"query":"{hello}"}}`}, 4400, "id"},
		{"number as id", []string{transporttest.InitMessage, `{"id":1,"type":"subscribe","payload":{"query":"{hello}"}}`}, 4400, ""},
		{"complete without an id", []string{transporttest.InitMessage, `{"type":"complete"}`}, 4400, "id"},
		{"no payload", []string{transporttest.InitMessage, `{"id":"1","type":"subscribe"}`}, 4400, "payload"},
		{"no query", []string{transporttest.InitMessage, `{"id":"1","type":"subscribe","payload":{}}`}, 4400, "query"},
		{"query of a wrong type", []string{transporttest.InitMessage, `{"id":"1","type":"subscribe","payload":{"query":["secret"]}}`}, 4400, "query"},
		{"variables of a wrong type", []string{transporttest.InitMessage, `{"id":"1","type":"subscribe","payload":{"query":"{hello}","variables":"x"}}`}, 4400, "variables"},
		{"batch", []string{transporttest.InitMessage, `{"id":"1","type":"subscribe","payload":[{"query":"{hello}"}]}`}, 4400, "object"},
		{"too long a message", []string{transporttest.InitMessage, `{"type":"ping","payload":"` + strings.Repeat("x", 5000) + `"}`}, 1009, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c := transporttest.Dial(t, nil, url)
			for _, text := range tt.sent { // the connection may close before all are sent
				_ = c.Write(t.Context(), websocket.MessageText, []byte(text))
			}
			code, reason := c.Closed()
			if code != tt.code || !strings.Contains(reason, tt.reason) || strings.Contains(reason, "secret") {
				t.Errorf("closed with %d %q", code, reason)
			}
		})
	}
	t.Run("binary", func(t *testing.T) {
		t.Parallel()
		c := transporttest.Dial(t, nil, url)
		_ = c.Write(t.Context(), websocket.MessageBinary, []byte(transporttest.InitMessage))
		c.WantClosed(4400, "text")
	})
	for _, protocols := range [][]string{nil, {"graphql-ws"}, {"graphql-ws", "chat"}} {
		t.Run(fmt.Sprint("subprotocols ", protocols), func(t *testing.T) {
			t.Parallel()
			c, _, err := transporttest.DialAs(t, nil, url, protocols)
			if err != nil {
				t.Fatal(err)
			}
			c.WantClosed(4406, "Subprotocol not acceptable")
		})
	}
}

func slicesRepeat(text string, n int) []string {
	return strings.Fields(strings.Repeat(text+" ", n))
}

// pipes is an in-process listener, which works with a test's fake clock.
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
func servePipes(t *testing.T, live *Endpoint) *http.Client {
	t.Helper()
	l := pipes{ch: make(chan net.Conn)}
	l.done, l.end = context.WithCancel(context.Background())
	server := &http.Server{Handler: live, ReadTimeout: 15 * time.Second, WriteTimeout: 20 * time.Second} // as in newServer
	var serving sync.WaitGroup
	serving.Go(func() { _ = server.Serve(l) })
	transport := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		l.ch <- theirs
		return ours, nil
	}}
	t.Cleanup(func() {
		live.Drain()
		_ = live.Wait(context.Background())
		transport.CloseIdleConnections()
		_ = server.Close()
		serving.Wait()
	})
	return &http.Client{Transport: transport}
}

// within sends a client's requests to a handler without a network.
type within struct{ http.Handler }

func (h within) RoundTrip(r *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w.Result(), nil
}

// tokenWithin gets a user's token from a tenant without a listener, and returns its authenticator.
func tokenWithin(t *testing.T, tenant *emulator.Emulator) (token string, auth *Authenticator) {
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
	audience := tenant.ClientID()
	return answer.Token, NewAuthenticator(entra.NewVerifier(entra.VerifierOptions{
		Authority: authority, IssuerV1: authority, TenantIDs: []string{tenant.TenantID()}, Audiences: []string{audience, "api://" + audience}, Client: client, Logger: slog.New(slog.DiscardHandler),
	}), authority, slog.New(slog.DiscardHandler))
}

// TestSocketEndsWithItsToken tests that a WebSocket closes exactly when the token expires, with and without operations,
// and that nothing starts afterwards.
func TestSocketEndsWithItsToken(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		token, auth := tokenWithin(t, emulator.New(emulator.Options{Users: 20, SignIn: emulator.SignIn{Scopes: []string{"Licenses.Read"}}}))
		caller, err := auth.verifier.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan struct{}, 1)
		live := testEndpoint(t, io.Discard, ticking(nil, ended), auth)
		client := servePipes(t, live)
		const url = "http://127.0.0.1:8080"
		init := `{"type":"connection_init","payload":{"Authorization":"Bearer ` + token + `"}}`

		idle, busy := transporttest.Dial(t, client, url), transporttest.Dial(t, client, url, "Authorization: Bearer "+token)
		idle.Send(init)
		idle.Want(`{"type":"connection_ack"}`)
		busy.Send(transporttest.InitMessage)
		busy.Want(`{"type":"connection_ack"}`)
		busy.Send(`{"id":"s","type":"subscribe","payload":{"query":"subscription{hello}"}}`)
		var reading sync.WaitGroup
		for _, c := range []*transporttest.Socket{idle, busy} {
			reading.Go(func() {
				c.WantClosed(4403, "expired")
				if late := time.Since(caller.Expires); late < 0 || late > time.Second {
					t.Errorf("closed %v after the token", late)
				}
			})
		}
		reading.Wait()
		<-ended

		// The verifier still accepts the token for a minute, because of clock skew.
		late := transporttest.Dial(t, client, url)
		late.Send(init)
		late.WantClosed(4403, "expired")
		time.Sleep(2 * time.Minute)
		late = transporttest.Dial(t, client, url)
		late.Send(init)
		late.WantClosed(4401, "expired")
	})
}

// TestSocketTimes tests the timeouts.
func TestSocketTimes(t *testing.T) {
	t.Parallel()
	const url = "http://127.0.0.1:8080"
	run := func(name string, exec func(context.Context) *graphql.Response, test func(t *testing.T, client *http.Client)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				live := testEndpoint(t, io.Discard, exec, nil, func(o *Options) { o.RequestTimeout = 10 * time.Second })
				test(t, servePipes(t, live))
			})
		})
	}
	run("no connection_init", stub.Hello, func(t *testing.T, client *http.Client) {
		start := time.Now()
		c := transporttest.Dial(t, client, url)
		c.WantClosed(4408, "Connection initialisation timeout")
		if waited := time.Since(start); waited != 5*time.Second {
			t.Error(waited)
		}
	})
	run("a query takes too long", func(ctx context.Context) *graphql.Response {
		<-ctx.Done()
		return nil
	}, func(t *testing.T, client *http.Client) {
		c := transporttest.Dial(t, client, url)
		c.Send(transporttest.InitMessage)
		c.Want(`{"type":"connection_ack"}`)
		c.Send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
		start := time.Now()
		c.Want(`{"id":"1","type":"error","payload":[{"message":…`)
		if waited := time.Since(start); waited != 10*time.Second {
			t.Error(waited)
		}
	})
	run("client does not read", stub.Hello, func(t *testing.T, client *http.Client) {
		c := transporttest.Dial(t, client, url)
		c.Send(transporttest.InitMessage)
		start := time.Now() // connection_ack waits for a reader
		for c.Write(t.Context(), websocket.MessageText, []byte(`{"type":"ping"}`)) == nil {
		}
		if waited := time.Since(start); waited != 10*time.Second {
			t.Error(waited)
		}
	})
	run("half a message", stub.Hello, func(t *testing.T, client *http.Client) {
		c := transporttest.Dial(t, client, url)
		c.Send(transporttest.InitMessage)
		c.Want(`{"type":"connection_ack"}`)
		w, err := c.Writer(t.Context(), websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if _, err := w.Write([]byte(`{"type":"ping","payload":"` + strings.Repeat("x", 10_000))); err != nil {
			t.Fatal(err)
		}
		c.Closed()
		if waited := time.Since(start); waited != 10*time.Second {
			t.Error(waited)
		}
	})
	run("client does not answer pings", stub.Hello, func(t *testing.T, client *http.Client) {
		conn, _, err := websocket.Dial(t.Context(), url, &websocket.DialOptions{ //nolint:bodyclose // as in transporttest
			HTTPClient: client, Subprotocols: []string{subprotocol}, OnPingReceived: func(context.Context, []byte) bool { return false },
		})
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(transporttest.InitMessage)); err != nil {
			t.Fatal(err)
		}
		for err == nil {
			_, _, err = conn.Read(t.Context())
		}
		if waited := time.Since(start); waited != pingEvery+pongWait {
			t.Error(waited)
		}
	})
	run("an idle client that answers pings stays", stub.Hello, func(t *testing.T, client *http.Client) {
		c := transporttest.Dial(t, client, url)
		c.Send(transporttest.InitMessage)
		c.Want(`{"type":"connection_ack"}`)
		go func() {
			time.Sleep(time.Hour)
			c.Send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
		}()
		c.Want(`{"id":"1","type":"next","payload":` + stub.HelloAnswer + `}`)
	})
}

// TestSocketOperations tests that an operation counts until it has ended, and a subscription does not.
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
	}, func(o *Options) { o.Quota.PerCaller = 2 })
	c := transporttest.Dial(t, nil, url)
	c.Send(transporttest.InitMessage)
	c.Want(`{"type":"connection_ack"}`)
	c.Send(`{"id":"s","type":"subscribe","payload":{"query":"subscription{hello}"}}`)
	<-running
	c.Send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	<-running
	// An operation that the client has completed still runs and counts.
	c.Send(`{"id":"1","type":"complete"}`, `{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	c.Want(`{"id":"1","type":"error","payload":[{"message":"The connection has 2 concurrent operations, which is its limit.","extensions":{"code":"RATE_LIMITED",…`)
	other := transporttest.Dial(t, nil, url)
	other.Send(transporttest.InitMessage, `{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	other.Want(`{"type":"connection_ack"}`)
	<-running
	other.Send(`{"id":"2","type":"subscribe","payload":{"query":"{hello}"}}`)
	other.Want(`{"id":"2","type":"error","payload":[{"message":"You have 2 concurrent operations…`)

	// On shutdown, subscriptions end and queries complete.
	live.Drain()
	c.Want(`{"id":"s","type":"complete"}`)
	if _, r, err := transporttest.DialAs(t, nil, url, []string{transporttest.Subprotocol}); err == nil || r.Status != 503 {
		t.Errorf("a new one: %v", err)
	}
	close(release)
	other.Want(`{"id":"1","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"1","type":"complete"}`)
	other.WantClosed(websocket.StatusGoingAway, "shutting down")
	c.WantClosed(websocket.StatusGoingAway, "shutting down")
	if err := live.Wait(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestSocketSurvivesPanics tests that a panic of one operation does not affect others.
func TestSocketSurvivesPanics(t *testing.T) {
	t.Parallel()
	url, _ := serveStub(t, func(ctx context.Context) *graphql.Response {
		if graphql.GetOperationContext(ctx).Operation.Name == "Bad" {
			panic("secret")
		}
		return stub.Hello(ctx)
	})
	c := transporttest.Dial(t, nil, url)
	c.Send(transporttest.InitMessage, `{"id":"1","type":"subscribe","payload":{"query":"query Bad{hello}"}}`)
	c.Want(`{"type":"connection_ack"}`, `{"id":"1","type":"error","payload":[{"message":"Internal error.","extensions":{"code":"INTERNAL","retryable":false}}]}`)
	c.Send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	c.Want(`{"id":"1","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"1","type":"complete"}`)
}

// TestSocketLongAnswers sends large responses in parts concurrently, and tests that messages are not mixed.
func TestSocketLongAnswers(t *testing.T) {
	t.Parallel()
	url, _ := serveStub(t, func(ctx context.Context) *graphql.Response {
		if name := graphql.GetOperationContext(ctx).Operation.Name; name != "" {
			return &graphql.Response{Data: []byte(`{"hello":"` + strings.Repeat(name, 300_000) + `"}`)}
		}
		return stub.Hello(ctx)
	})
	c := transporttest.Dial(t, nil, url)
	c.Send(transporttest.InitMessage)
	c.Want(`{"type":"connection_ack"}`)
	want := map[string]bool{}
	for _, name := range []string{"a", "b", "c", "d", ""} {
		c.Send(`{"id":"1` + name + `","type":"subscribe","payload":{"query":"query ` + name + `{hello}"}}`)
		answer := `{"hello":"` + strings.Repeat(name, 300_000) + `"}`
		if name == "" {
			answer = `{"hello":"world"}`
		}
		want[`{"id":"1`+name+`","type":"next","payload":{"data":`+answer+`}}`] = true
		want[`{"id":"1`+name+`","type":"complete"}`] = true
	}
	for range 10 {
		_, got, err := c.Read(t.Context())
		if err != nil || !want[string(got)] {
			t.Fatalf("%v, %d bytes: %.100s", err, len(got), got)
		}
		delete(want, string(got))
	}
}

// TestSocketSignInAgain tests that errors include the challenge of the HTTP header.
func TestSocketSignInAgain(t *testing.T) {
	t.Parallel()
	url, _ := serveStub(t, func(context.Context) *graphql.Response {
		cause := &upstream.Error{Kind: upstream.ErrSignIn, Claims: `{"access_token":{}}`}
		return &graphql.Response{Data: []byte(`{"hello":null}`), Errors: gqlerror.List{{Message: "No.", Err: cause}}}
	})
	c := transporttest.Dial(t, nil, url)
	c.Send(transporttest.InitMessage, `{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	c.Want(`{"type":"connection_ack"}`, `{"id":"1","type":"next","payload":{"errors":[{"message":"No.","extensions":{"code":"BAD_USER_INPUT","retryable":false,"wwwAuthenticate":"Bearer realm=\"licensegraph\"…`)
}

// TestSocketFlood opens many hostile connections while a regular one is served.
func TestSocketFlood(t *testing.T) {
	t.Parallel()
	url, live := serveStub(t, stub.Hello, func(o *Options) { o.CallerStreams, o.MaxStreams = 30, 10 })
	healthy := transporttest.Dial(t, nil, url)
	healthy.Send(transporttest.InitMessage)
	healthy.Want(`{"type":"connection_ack"}`)
	var group sync.WaitGroup
	var refused sync.Map
	for i := range 60 {
		group.Go(func() {
			c := transporttest.Dial(t, nil, url)
			for n := range 50 {
				text := []string{transporttest.InitMessage, `{"id":"` + fmt.Sprint(n) + `","type":"subscribe","payload":{"query":"{hello}"}}`, `{"id":"0","type":"complete"}`}[min(n, 2)*(n%3)/2]
				if c.Write(t.Context(), websocket.MessageText, []byte(text)) != nil {
					break
				}
			}
			code, _ := c.Closed()
			refused.Store(i, code)
		})
	}
	healthy.Send(`{"id":"1","type":"subscribe","payload":{"query":"{hello}"}}`)
	healthy.Want(`{"id":"1","type":"next","payload":`+stub.HelloAnswer+`}`, `{"id":"1","type":"complete"}`)
	group.Wait()
	refused.Range(func(_, code any) bool {
		if code != websocket.StatusCode(4429) && code != websocket.StatusTryAgainLater {
			t.Errorf("closed with %v", code)
		}
		return true
	})
	live.Drain()
	healthy.WantClosed(websocket.StatusGoingAway, "")
	if err := live.Wait(t.Context()); err != nil || live.streams.count() != 0 || len(live.streams.callers) != 0 {
		t.Errorf("%d are still counted", live.streams.open)
	}
}
