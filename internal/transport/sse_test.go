package transport

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/emulator"
	"licensegraph/internal/execution/stub"
)

const acceptEvents = "Accept: text/event-stream"

// events is an event stream as read by its client.
type events struct {
	t      *testing.T
	status int
	header http.Header
	stream *bufio.Reader
	leave  func()
}

// open sends an operation by POST, or by GET with an empty body.
func open(t *testing.T, client *http.Client, url, body string, headers ...string) *events {
	t.Helper()
	ctx, leave := context.WithCancel(t.Context())
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, header := range append([]string{jsonBody, acceptEvents}, headers...) {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	leaving := func() {
		leave()
		_ = resp.Body.Close()
	}
	t.Cleanup(leaving)
	return &events{t, resp.StatusCode, resp.Header, bufio.NewReader(resp.Body), leaving}
}

// want reads events, without comments, and then the end if the last one is empty.
func (e *events) want(texts ...string) {
	e.t.Helper()
	for _, text := range texts {
		got, err := "", error(nil)
		for err == nil && !strings.HasSuffix(got, "\n\n") {
			var line string
			if line, err = e.stream.ReadString('\n'); line == ":\n" {
				_, err = e.stream.ReadString('\n')
				continue
			}
			got += line
		}
		if text == "" && errors.Is(err, io.EOF) && got == "" {
			return
		}
		if err != nil || got != text {
			e.t.Fatalf("got %q, %v; want %q", got, err, text)
		}
	}
}

const (
	helloEvent    = "event: next\ndata: " + stub.HelloAnswer + "\n\n"
	completeEvent = "event: complete\ndata: \n\n"
	subscription  = `{"query":"subscription {hello}"}`
)

func TestEvents(t *testing.T) {
	t.Parallel()
	ticks, ended := make(chan string, 3), make(chan struct{}, 1)
	endpoint, live := serveStub(t, ticking(ticks, ended), func(o *Options) { o.CallerStreams = 1 })

	query := open(t, http.DefaultClient, endpoint, helloBody)
	query.want(helloEvent, completeEvent, "")
	if query.status != 200 || query.header.Get("Content-Type") != "text/event-stream" {
		t.Error(query.status, query.header)
	}
	open(t, http.DefaultClient, endpoint+"?query="+url.QueryEscape("{hello}"), "").want(helloEvent, completeEvent, "")
	open(t, http.DefaultClient, endpoint, `{"query":"mutation {hello}"}`).want(helloEvent, completeEvent, "")
	open(t, http.DefaultClient, endpoint, `{"query":"{nothing}"}`).want(`event: next`+"\n"+`data: {"errors":[{"message":"Cannot query field \"nothing\" on type \"Query\".","locations":[{"line":1,"column":2}],"extensions":{"code":"BAD_USER_INPUT","retryable":false}}]}`+"\n\n", completeEvent, "")

	// A subscription, for all clients that accept its responses.
	ticks <- `{"hello":"1"}`
	for _, accept := range []string{"text/event-stream", "application/json, text/event-stream"} {
		s := open(t, http.DefaultClient, endpoint, subscription, "Accept: "+accept)
		s.want("event: next\ndata: {\"data\":{\"hello\":\"1\"}}\n\n")
		second := open(t, http.DefaultClient, endpoint+"?query="+url.QueryEscape("subscription{hello}"), "")
		if second.status != http.StatusTooManyRequests || second.header.Get("Retry-After") == "" {
			t.Errorf("a second one: %v", second.status)
		}
		s.leave()
		<-ended
		for live.streams.count() > 0 { // released asynchronously
			runtime.Gosched()
		}
		ticks <- `{"hello":"1"}`
	}
	close(ticks)
	open(t, http.DefaultClient, endpoint, subscription).want("event: next\ndata: {\"data\":{\"hello\":\"1\"}}\n\n", completeEvent, "")

	for name, tt := range map[string]struct {
		url, body, header string
		status            int
	}{
		"a mutation by GET":       {endpoint + "?query=" + url.QueryEscape("mutation{hello}"), "", acceptEvents, 405},
		"a subscription for JSON": {endpoint, subscription, "Accept: application/json", 400},
		"no JSON":                 {endpoint, "{", acceptEvents, 400},
		"a form":                  {endpoint, "query={hello}", "Content-Type: application/x-www-form-urlencoded", 415},
		"deep JSON":               {endpoint, `{"query":"{hello}","variables":` + strings.Repeat(`{"a":`, 500) + "1" + strings.Repeat("}", 501), acceptEvents, 400},
	} {
		r := open(t, http.DefaultClient, tt.url, tt.body, tt.header)
		body, _ := io.ReadAll(r.stream)
		if r.status != tt.status || !strings.HasPrefix(string(body), `{"errors":[{"message":`) {
			t.Errorf("%s: %d %s", name, r.status, body)
		}
	}
}

// TestEventsEndWithTheToken tests that a stream ends exactly when the token expires, with an error.
func TestEventsEndWithTheToken(t *testing.T) {
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
		const url = "http://127.0.0.1:8080/graphql"
		if r := open(t, client, url, subscription); r.status != 401 || r.header.Get("WWW-Authenticate") == "" {
			t.Errorf("without a token: %v", r.status)
		}
		s := open(t, client, url, subscription, "Authorization: Bearer "+token)
		s.want("event: next\ndata: {\"errors\":[{\"message\":\"The access token has expired: open a connection with a new one.\",\"extensions\":{\"code\":\"UNAUTHENTICATED\",\"retryable\":false}}]}\n\n", completeEvent, "")
		if late := time.Since(caller.Expires); late < 0 || late > time.Second {
			t.Errorf("ended %v after the token", late)
		}
		<-ended
		time.Sleep(2 * time.Minute)
		if r := open(t, client, url, subscription, "Authorization: Bearer "+token); r.status != 401 {
			t.Errorf("afterwards: %v", r.status)
		}
	})
}

// TestEventsTimes tests the timeouts.
func TestEventsTimes(t *testing.T) {
	t.Parallel()
	const url = "http://127.0.0.1:8080/graphql"
	run := func(name string, exec func(context.Context) *graphql.Response, test func(t *testing.T, client *http.Client, live *Endpoint)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				live := testEndpoint(t, io.Discard, exec, nil, func(o *Options) { o.RequestTimeout = 10 * time.Second })
				test(t, servePipes(t, live), live)
			})
		})
	}
	ended := make(chan struct{}, 10)
	run("a silent one stays, with comments", ticking(nil, ended), func(t *testing.T, client *http.Client, live *Endpoint) {
		s := open(t, client, url+"?query=subscription{hello}", "")
		for range 240 {
			if line, err := s.stream.ReadString('\n'); line != ":\n" || err != nil {
				t.Fatalf("%q %v", line, err)
			}
			_, _ = s.stream.ReadString('\n')
		}
		// On shutdown the stream ends without complete, so that the client reconnects.
		live.Drain()
		s.want("")
	})
	run("a query takes too long", func(ctx context.Context) *graphql.Response {
		<-ctx.Done()
		return nil
	}, func(t *testing.T, client *http.Client, _ *Endpoint) {
		start := time.Now()
		open(t, client, url, helloBody).want("event: next\ndata: {\"errors\":[{\"message\":\"Microsoft Graph did not answer in time.\",\"extensions\":{\"code\":\"UPSTREAM_UNAVAILABLE\",\"retryable\":true}}]}\n\n", completeEvent, "")
		if waited := time.Since(start); waited != 10*time.Second {
			t.Error(waited)
		}
	})
	run("client does not read", func(ctx context.Context) *graphql.Response {
		if ctx.Err() != nil {
			ended <- struct{}{}
			return nil
		}
		return &graphql.Response{Data: []byte(`"` + strings.Repeat("x", 100_000) + `"`)}
	}, func(t *testing.T, client *http.Client, live *Endpoint) {
		start := time.Now()
		_ = open(t, client, url, subscription)
		for live.streams.count() > 0 {
			time.Sleep(time.Second)
		}
		if waited := time.Since(start); waited < 10*time.Second || waited > 12*time.Second {
			t.Error(waited)
		}
	})
	run("a panic", func(context.Context) *graphql.Response { panic("secret") }, func(t *testing.T, client *http.Client, _ *Endpoint) {
		open(t, client, url, subscription).want("event: next\ndata: {\"errors\":[{\"message\":\"Internal error.\",\"extensions\":{\"code\":\"INTERNAL\",\"retryable\":false}}]}\n\n", completeEvent, "")
	})
}
