package main

import (
	"bytes"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/execution/stub"
	"licensegraph/internal/logs"
	"licensegraph/internal/transport/transporttest"
)

func TestRequestID(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	handler := testHandler(t, &log, stub.Hello)
	for sent, kept := range map[string]bool{
		"abc-123_x.y:z": true, "": false, strings.Repeat("a", 129): false, "a b": false, "a\"b": false, "ä": false, strings.Repeat("a", 128): true,
	} {
		w := transporttest.Send(t, handler, "GET", "/healthz", "", "X-Request-Id: "+sent)
		got := w.Header().Get("X-Request-Id")
		if kept && got != sent || !kept && !regexp.MustCompile(`^[A-Z2-7]{26}$`).MatchString(got) {
			t.Errorf("sent %q, got %q", sent, got)
		}
		if !strings.Contains(log.String(), "request_id="+got) {
			t.Errorf("no record of %s", got)
		}
	}
}

// TestAccessLog tests the content of access log records, which have no part of the query.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	handler := testHandler(t, &log, stub.Hello)
	transporttest.Send(t, handler, "GET", "/graphql?query=query($canary:ID){hello}&variables={\"canary\":\"canary\"}", "", "Authorization: canary")
	transporttest.Send(t, handler, "POST", "/graphql", `{"query":"{hello(canary:1)}","operationName":"canary"}`, jsonBody, acceptNew)
	transporttest.Send(t, handler, "GET", "/"+strings.Repeat("x", 5_000), "")
	if strings.Contains(log.String(), "canary") || log.Len() > 1_500 {
		t.Errorf("unwanted content in the log:\n%s", &log)
	}
	for _, want := range []string{`msg=request method=GET path=/graphql status=200 bytes=`, `msg=request method=POST path=/graphql status=400 bytes=`, "status=404"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no record %s in:\n%s", want, &log)
		}
	}
}

// TestHeaders tests the headers of all responses, including errors.
func TestHeaders(t *testing.T) {
	t.Parallel()
	handler := testHandler(t, new(bytes.Buffer), stub.Hello)
	for _, tt := range []struct {
		method, path string
		status       int
		headers      []string
	}{
		{"GET", "/graphql?query={hello}", 200, nil},
		{"GET", "/graphql", 400, nil},
		{"PUT", "/graphql", 405, nil},
		{"POST", "/graphql", 403, []string{"Origin: https://evil.example"}},
		{"GET", "/graphql", 426, []string{"Upgrade: websocket", "Connection: Upgrade"}},
		{"GET", "/graphql?query={hello}", 200, []string{acceptEvents}},
		{"GET", "/healthz", 200, nil},
		{"GET", "/readyz", 200, nil},
		{"POST", "/healthz", 405, nil},
		{"GET", "/nothing", 404, nil},
	} {
		w := transporttest.Send(t, handler, tt.method, tt.path, "", tt.headers...)
		got := map[string]string{"status": strconv.Itoa(w.Code)}
		want := map[string]string{
			"status":                       strconv.Itoa(tt.status),
			"Cache-Control":                "no-store",
			"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
			"Cross-Origin-Opener-Policy":   "same-origin",
			"Cross-Origin-Resource-Policy": "same-origin",
			"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
			"Referrer-Policy":              "no-referrer",
			"Strict-Transport-Security":    "",
			"X-Content-Type-Options":       "nosniff",
			"X-Frame-Options":              "DENY",
		}
		for name := range want {
			if name != "status" {
				got[name] = strings.Join(w.Header().Values(name), " AND ")
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s %s (-want +got):\n%s", tt.method, tt.path, diff)
		}
	}
	if h := transporttest.Send(t, handler, "GET", "/", "").Header(); len(h.Values("Content-Security-Policy")) != 1 || h.Get("Cache-Control") != "no-cache" || h.Get("X-Frame-Options") != "DENY" {
		t.Errorf("the page: %v", h)
	}
}

// TestStrictTransport tests HSTS behind a reverse proxy and with TLS, for hosts other than loopback.
func TestStrictTransport(t *testing.T) {
	t.Parallel()
	handler := testHandler(t, new(bytes.Buffer), stub.Hello, "--listen=0.0.0.0:8080")
	for _, tt := range []struct{ host, url, proto, want string }{
		{"gateway.example", "/healthz", "https", "max-age=31536000"},
		{"gateway.example:8443", "/healthz", "https", "max-age=31536000"},
		{"gateway.example", "/healthz", "http", ""},
		{"gateway.example", "/healthz", "", ""},
		{"localhost:8080", "/healthz", "https", ""},
		{"127.0.0.1", "/healthz", "https", ""},
		{"gateway.example", "https://gateway.example/healthz", "", "max-age=31536000"},
		{"127.0.0.1", "https://127.0.0.1/healthz", "", ""},
	} {
		req := httptest.NewRequestWithContext(t.Context(), "GET", tt.url, nil) // with TLS if it is https
		req.Host = tt.host
		req.Header.Set("X-Forwarded-Proto", tt.proto)
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		if got := w.Header().Get("Strict-Transport-Security"); got != tt.want {
			t.Errorf("%+v: %q", tt, got)
		}
	}
}

func TestRoutes(t *testing.T) {
	t.Parallel()
	bare := testHandler(t, new(bytes.Buffer), stub.Hello, "--no-graphiql")
	full := testHandler(t, new(bytes.Buffer), stub.Hello)
	for _, tt := range []struct {
		handler      http.Handler
		method, path string
		want         int
	}{
		{full, "GET", "/", 200}, {full, "HEAD", "/", 200}, {full, "GET", "/x", 404}, {full, "POST", "/healthz", 405},
		{full, "GET", "/graphql/", 404}, {full, "GET", "/favicon.ico", 200},
		{bare, "GET", "/", 404}, {bare, "GET", "/favicon.ico", 404}, {bare, "GET", "/healthz", 200}, {bare, "DELETE", "/readyz", 405},
	} {
		if got := transporttest.Send(t, tt.handler, tt.method, tt.path, "").Code; got != tt.want {
			t.Errorf("%s %s: %d, want %d", tt.method, tt.path, got, tt.want)
		}
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		flag, host string
		want       int
	}{
		{"--log-level=info", "localhost:8080", 200},
		{"--log-level=info", "127.0.0.1:8080", 200},
		{"--log-level=info", "[::1]:8080", 200},
		{"--log-level=info", "LOCALHOST", 200},
		{"--log-level=info", "evil.example:8080", 421},
		{"--log-level=info", "10.0.0.1", 421},
		{"--log-level=info", "", 421},
		{"--allowed-host=gateway.example", "Gateway.example", 200},
		{"--allowed-host=gateway.example", "evil.example", 421},
		{"--listen=0.0.0.0:8080", "evil.example", 200},
	} {
		handler := testHandler(t, new(bytes.Buffer), stub.Hello, tt.flag)
		req := httptest.NewRequestWithContext(t.Context(), "GET", "/graphql?query={hello}", nil)
		req.Host = tt.host
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		if w.Code != tt.want {
			t.Errorf("%s, host %q: %d, want %d", tt.flag, tt.host, w.Code, tt.want)
		}
	}
}

func TestOrigins(t *testing.T) {
	t.Parallel()
	const ours, theirs = "https://portal.example", "https://evil.example"
	plain := testHandler(t, new(bytes.Buffer), stub.Hello)
	open := testHandler(t, new(bytes.Buffer), stub.Hello, "--cors-origin="+ours)
	own := testHandler(t, new(bytes.Buffer), stub.Hello, "--cors-origin="+ours, "--cors-header=X-Team", "--cors-header=X-Unit")
	preflight := []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type"}
	for _, tt := range []struct {
		name    string
		handler http.Handler
		method  string
		headers []string
		status  int
		allowed string // Access-Control-Allow-Origin
	}{
		{"no browser", plain, "POST", []string{jsonBody}, 200, ""},
		{"same origin", plain, "POST", []string{jsonBody, "Origin: http://127.0.0.1:8080", "Sec-Fetch-Site: same-origin"}, 200, ""},
		{"another origin", plain, "POST", []string{jsonBody, "Origin: " + theirs, "Sec-Fetch-Site: cross-site"}, 403, ""},
		{"another origin, old browser", plain, "POST", []string{jsonBody, "Origin: " + theirs}, 403, ""},
		{"listed origin", open, "POST", []string{jsonBody, "Origin: " + ours, "Sec-Fetch-Site: cross-site"}, 200, ours},
		{"unlisted origin", open, "POST", []string{jsonBody, "Origin: " + theirs, "Sec-Fetch-Site: cross-site"}, 403, ""},
		{"preflight of a listed origin", open, "OPTIONS", append(preflight, "Origin: "+ours), 204, ours},
		{"preflight of another", open, "OPTIONS", append(preflight, "Origin: "+theirs), 204, ""},
		{"null", open, "POST", []string{jsonBody, "Origin: null"}, 403, ""},
		{"below a listed one", open, "POST", []string{jsonBody, "Origin: https://a.portal.example"}, 403, ""},
		{"above a listed one", open, "POST", []string{jsonBody, "Origin: https://example"}, 403, ""},
		{"another port", open, "POST", []string{jsonBody, "Origin: " + ours + ":8443"}, 403, ""},
		{"another scheme", open, "POST", []string{jsonBody, "Origin: http://portal.example"}, 403, ""},
		{"a suffix", open, "POST", []string{jsonBody, "Origin: " + ours + ".evil.example"}, 403, ""},
		{"a prefix", open, "POST", []string{jsonBody, "Origin: https://evil-portal.example"}, 403, ""},
		{"a path", open, "POST", []string{jsonBody, "Origin: " + ours + "/"}, 403, ""},
		{"preflight of null", open, "OPTIONS", append(preflight, "Origin: null"), 204, ""},
		{"preflight below a listed one", open, "OPTIONS", append(preflight, "Origin: https://a.portal.example"), 204, ""},
		{"preflight for another method", open, "OPTIONS", []string{"Access-Control-Request-Method: PUT", "Origin: " + ours}, 204, ""},
		{"preflight for another header", open, "OPTIONS", []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: x-evil", "Origin: " + ours}, 204, ""},
		{"preflight of Apollo Client", open, "OPTIONS", []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: apollographql-client-name,apollographql-client-version,authorization,content-type,traceparent", "Origin: " + ours}, 204, ours},
		{"preflight of Application Insights", open, "OPTIONS", []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: baggage,content-type,request-context,request-id,traceparent,x-apollo-operation-name", "Origin: " + ours}, 204, ours},
		{"preflight for a header of the operator's", own, "OPTIONS", []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type,x-team", "Origin: " + ours}, 204, ours},
		{"and for another", own, "OPTIONS", []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: content-type,x-other", "Origin: " + ours}, 204, ""},
		{"preflight for a token", open, "OPTIONS", []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization,content-type", "Origin: " + ours}, 204, ours},
		{"an event stream for another origin", plain, "POST", []string{jsonBody, acceptEvents, "Origin: " + theirs}, 403, ""},
		{"an EventSource of another site", plain, "GET", []string{acceptEvents, "Sec-Fetch-Site: cross-site"}, 403, ""},
		{"GET of a listed origin", open, "GET", []string{"Origin: " + ours, "Sec-Fetch-Site: cross-site"}, 200, ours},
		{"an image, form or link of another site", plain, "GET", []string{"Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"}, 403, ""},
		{"the same for a listed one", open, "GET", []string{"Sec-Fetch-Site: cross-site"}, 403, ""},
		{"an image of another name of the site", plain, "GET", []string{"Sec-Fetch-Site: same-site"}, 403, ""},
		{"GET of another origin", plain, "GET", []string{"Origin: " + theirs}, 403, ""},
		{"GET of the page itself", plain, "GET", []string{"Sec-Fetch-Site: same-origin"}, 200, ""},
		{"a typed address", plain, "GET", []string{"Sec-Fetch-Site: none"}, 200, ""},
		{"GET of no browser", plain, "GET", nil, 200, ""},
		{"preflight without any list", plain, "OPTIONS", append(preflight, "Origin: "+theirs), 204, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := transporttest.Send(t, tt.handler, tt.method, "/graphql?query={hello}", helloBody, tt.headers...)
			if w.Code != tt.status || w.Header().Get("Access-Control-Allow-Origin") != tt.allowed {
				t.Errorf("%d %v", w.Code, w.Header())
			}
			if tt.allowed != "" && !strings.Contains(strings.Join(w.Header().Values("Vary"), ","), "Origin") {
				t.Errorf("missing Vary: %v", w.Header())
			}
			if w.Header().Get("Access-Control-Allow-Credentials") != "" {
				t.Error("credentials allowed")
			}
			if w.Code == 403 && !strings.HasPrefix(w.Body.String(), `{"errors":[{"message":"Cross-origin request`) {
				t.Error(w.Body)
			}
		})
	}
}

// TestDenied tests that rejected requests are audited.
func TestDenied(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	handler := testHandler(t, &log, stub.Hello)
	for status, header := range map[int]string{403: "Origin: https://evil.example", 421: "Host: evil.example"} {
		log.Reset()
		req := httptest.NewRequestWithContext(t.Context(), "POST", "http://127.0.0.1:8080/graphql", strings.NewReader(helloBody))
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Set(name, value)
		if name == "Host" {
			req.Host = value
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, req)
		if w.Code != status || !strings.Contains(w.Body.String(), `"code":"FORBIDDEN"`) || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Errorf("%d %v %s", w.Code, w.Header(), w.Body)
		}
		if !strings.Contains(log.String(), `"msg":"denied","outcome":"forbidden","reason":"`) || strings.Contains(log.String(), "evil") {
			t.Errorf("%d: %s", status, &log)
		}
	}
}

func TestPanicOutsideGraphQL(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	handler := chain(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("oh") }), withRequestID, recoverPanics(logs.New(&log, "info", "json")))
	w := transporttest.Send(t, handler, "GET", "/", "")
	if w.Code != 500 || strings.Count(log.String(), "\n") != 1 || !strings.Contains(log.String(), `"request_id":"`+w.Header().Get("X-Request-Id")) {
		t.Errorf("%d %s", w.Code, &log)
	}
}

// TestConnectionsAreBounded tests that the second connection is accepted after the first one ends.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	bound := boundConnections(listener, 1)
	defer bound.Close()
	accepted := make(chan net.Conn, 2)
	var group sync.WaitGroup
	group.Go(func() {
		for {
			conn, err := bound.Accept()
			if err != nil {
				return
			}
			accepted <- conn
		}
	})
	var dialer net.Dialer
	for range 2 {
		conn, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	first := <-accepted
	select {
	case <-accepted:
		t.Error("second connection accepted")
	case <-time.After(100 * time.Millisecond): // without a limit it is immediate
	}
	_ = first.Close()
	second := <-accepted
	_ = second.Close()
	_ = bound.Close()
	group.Wait()
}
