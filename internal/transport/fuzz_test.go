package transport

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"licensegraph/internal/execution/stub"
)

// FuzzNegotiate tests that the selected media type is supported and accepted.
func FuzzNegotiate(f *testing.F) {
	for _, accept := range []string{"", "*/*", "application/json;q=0", "text/event-stream, */*;q=0.1", mediaTypeGraphQL + ";q=NaN", "application/*;q=1e400,,;", "a/b;q=\"1", mediaTypeJSON + ";charset=latin1"} {
		f.Add(accept)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		mediaType, events := negotiate([]string{accept})
		lower := strings.ToLower(accept)
		switch mediaType {
		case "":
			if strings.TrimSpace(accept) == "" || events {
				t.Errorf("%q: nothing", accept)
			}
		case mediaTypeJSON, mediaTypeGraphQL:
			if strings.TrimSpace(accept) != "" && !strings.Contains(lower, mediaType) && !strings.Contains(lower, "*") {
				t.Errorf("%q: %s", accept, mediaType)
			}
		case mediaTypeEvents:
			if !strings.Contains(lower, mediaTypeEvents) || !events {
				t.Errorf("%q: %s", accept, mediaType)
			}
		default:
			t.Errorf("%q: %s", accept, mediaType)
		}
	})
}

// FuzzRequest tests that the endpoint responds to any HTTP request with valid JSON and never with an internal error.
func FuzzRequest(f *testing.F) {
	for _, body := range []string{helloBody, `{"query":"query($n:Int){echo(n:$n){hello}}","variables":{"n":1e3}}`, `[]`, `{"documentId":"sha256:a"}`, `{"query":"{__typename}","extensions":{"persistedQuery":{"version":1,"sha256Hash":"` + strings.Repeat("a", 64) + `"}}}`,
		`{"query":"query($o:In){echo(o:$o){hello}}","variables":{"o":{"o":{"l":[[1],null]}}}}`, `{"query":"{echo(r:[{__typename:\"x\"}]){hello}}"}`, "\xff", `{"query":null}`, `{"query":"subscription{hello}"}`} {
		f.Add("application/json", mediaTypeGraphQL, "", body)
	}
	f.Add("application/json; charset=utf-16", "*/*", "query={hello}&variables={\"a\":1}", "")
	f.Add("text/plain;;", ";", "query=%zz", "{}")
	var log bytes.Buffer
	var handler http.Handler
	f.Fuzz(func(t *testing.T, contentType, accept, rawQuery, body string) {
		if handler == nil {
			handler = testEndpoint(t, &log, stub.Hello, nil, func(o *Options) { o.Quota.Rate, o.Quota.Burst = 1e9, 1e9 })
		}
		log.Reset()
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req := httptest.NewRequestWithContext(t.Context(), method, "/graphql", strings.NewReader(body))
			req.URL = &url.URL{Path: "/graphql", RawQuery: rawQuery}
			req.Host = "127.0.0.1:8080"
			req.Header = http.Header{"Content-Type": {contentType}, "Accept": {accept}}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, req)
			answer := w.Body.Bytes()
			if w.Code >= 500 || strings.Contains(w.Body.String(), `"INTERNAL"`) || strings.Contains(log.String(), "panic") || len(answer) > 64<<10 {
				t.Errorf("%s: %d %.500s\n%s", method, w.Code, answer, &log)
			}
			if !strings.HasPrefix(w.Header().Get("Content-Type"), mediaTypeEvents) && (!json.Valid(answer) || !utf8.Valid(answer)) {
				t.Errorf("%s: %d %.500q", method, w.Code, answer)
			}
		}
	})
}

// FuzzBearer tests that a returned token is valid in a header, or that there is a problem.
func FuzzBearer(f *testing.F) {
	for _, value := range []string{"Bearer a.b.c", "bearer  x", "Basic YTpi", "Bearer", "Bearer a b", "Bearer \x00", ""} {
		f.Add(value)
	}
	f.Fuzz(func(t *testing.T, value string) {
		token, problem := bearer(http.Header{"Authorization": {value}})
		if (token == "") == (problem == "") || token != "" && !strings.HasSuffix(strings.TrimRight(value, " "), token) {
			t.Fatalf("%q: %q, %q", value, token, problem)
		}
		if problem != "" && len(value) > 12 && strings.Contains(problem, value) {
			t.Fatalf("%q in the error", value)
		}
	})
}
