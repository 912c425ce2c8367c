package transport

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/execution/stub"
	"licensegraph/internal/logs"
	"licensegraph/internal/transport/transporttest"
)

const (
	jsonBody  = "Content-Type: application/json"
	acceptNew = "Accept: application/graphql-response+json"
	acceptOld = "Accept: application/json"
	helloBody = `{"query":"{hello}"}`
)

func TestTransport(t *testing.T) {
	t.Parallel()
	get := func(params ...string) string {
		values := url.Values{}
		for i := 0; i < len(params); i += 2 {
			values.Set(params[i], params[i+1])
		}
		return "/graphql?" + values.Encode()
	}
	tests := []struct {
		name         string
		method, path string
		body         string
		headers      []string
		status       int
		part         string // of the answer; what begins with "{" is all of it
		header       string // "Name: value" of the answer
	}{
		{"POST", "POST", "/graphql", helloBody, []string{jsonBody}, 200, stub.HelloAnswer, "Content-Type: application/json; charset=utf-8"},
		{"POST, new media type", "POST", "/graphql", helloBody, []string{jsonBody, acceptNew}, 200, stub.HelloAnswer, "Content-Type: application/graphql-response+json; charset=utf-8"},
		{"POST, utf-8", "POST", "/graphql", helloBody, []string{"Content-Type: application/json; charset=UTF-8"}, 200, stub.HelloAnswer, ""},
		{"POST, another charset", "POST", "/graphql", helloBody, []string{"Content-Type: application/json; charset=utf-16"}, 415, "utf-8", ""},
		{"POST, another type", "POST", "/graphql", helloBody, []string{"Content-Type: text/plain"}, 415, "application/json", "Accept-Post: application/json"},
		{"POST, no type", "POST", "/graphql", helloBody, nil, 415, "application/json", ""},
		{"POST, form", "POST", "/graphql", "query={hello}", []string{"Content-Type: application/x-www-form-urlencoded"}, 415, "application/json", ""},
		{"POST, gzip", "POST", "/graphql", helloBody, []string{jsonBody, "Content-Encoding: gzip"}, 415, "content coding", "Accept-Encoding: identity"},
		{"POST, no body", "POST", "/graphql", "", []string{jsonBody}, 400, "not a JSON object", ""},
		{"POST, no JSON", "POST", "/graphql", `{"query":"{secret`, []string{jsonBody}, 400, "not a JSON object", ""},
		{"POST, no object", "POST", "/graphql", `"secret"`, []string{jsonBody}, 400, "not a JSON object", ""},
		{"POST, null", "POST", "/graphql", `null`, []string{jsonBody}, 400, "not a JSON object", ""},
		{"POST, trailing JSON", "POST", "/graphql", helloBody + helloBody, []string{jsonBody}, 400, "not a JSON object", ""},
		{"POST, batch", "POST", "/graphql", " [" + helloBody + "]", []string{jsonBody}, 400, "Batches", ""},
		{"POST, no query", "POST", "/graphql", `{"queri":"secret"}`, []string{jsonBody}, 400, "Missing parameter: query", ""},
		{"POST, null query", "POST", "/graphql", `{"query":null}`, []string{jsonBody}, 400, "Missing parameter: query", ""},
		{"POST, query of a wrong type", "POST", "/graphql", `{"query":{"secret":1}}`, []string{jsonBody}, 400, "query of the body is not a JSON string", ""},
		{"POST, name of a wrong type", "POST", "/graphql", `{"query":"{hello}","operationName":["secret"]}`, []string{jsonBody}, 400, "operationName of the body is not a JSON string", ""},
		{"POST, variables of a wrong type", "POST", "/graphql", `{"query":"{hello}","variables":["secret"]}`, []string{jsonBody}, 400, "variables of the body is not a JSON object", ""},
		{"POST, extensions of a wrong type", "POST", "/graphql", `{"query":"{hello}","extensions":"secret"}`, []string{jsonBody}, 400, "extensions of the body is not a JSON object", ""},
		{"POST, nulls", "POST", "/graphql", `{"query":"{hello}","operationName":null,"variables":null,"extensions":null}`, []string{jsonBody}, 200, stub.HelloAnswer, ""},
		{"POST, unknown members", "POST", "/graphql", `{"query":"{hello}","id":1,"more":[]}`, []string{jsonBody}, 200, stub.HelloAnswer, ""},
		{"POST, mutation", "POST", "/graphql", `{"query":"mutation{hello}"}`, []string{jsonBody}, 200, stub.HelloAnswer, ""},
		{"POST, subscription", "POST", "/graphql", `{"query":"subscription{hello}"}`, []string{jsonBody}, 400, "subscription requires a stream", ""},
		{"POST, chosen operation", "POST", "/graphql", `{"query":"query a{hello} query b{hello}","operationName":"b"}`, []string{jsonBody}, 200, stub.HelloAnswer, ""},
		{"POST, unknown operation, old", "POST", "/graphql", `{"query":"query a{hello}","operationName":"b"}`, []string{jsonBody, acceptOld}, 200, "not found", ""},
		{"POST, one of two operations", "POST", "/graphql", `{"query":"query a{hello} query b{hello}"}`, []string{jsonBody, acceptNew}, 400, "set operationName", ""},
		{"POST, unknown operation, new", "POST", "/graphql", `{"query":"query a{hello}","operationName":"b"}`, []string{jsonBody, acceptNew}, 400, "not found", ""},
		{"POST, no GraphQL, old", "POST", "/graphql", `{"query":"{"}`, []string{jsonBody, acceptOld}, 200, `"locations":[{"line":1,"column":2}]`, ""},
		{"POST, no GraphQL, new", "POST", "/graphql", `{"query":"{"}`, []string{jsonBody, acceptNew}, 400, `"locations":[{"line":1,"column":2}]`, ""},
		{"POST, invalid, old", "POST", "/graphql", `{"query":"{nope}"}`, []string{jsonBody, acceptOld}, 200, `"code":"BAD_USER_INPUT"`, ""},
		{"POST, invalid, new", "POST", "/graphql", `{"query":"{nope}"}`, []string{jsonBody, acceptNew}, 400, `"code":"BAD_USER_INPUT"`, ""},
		{"POST, bad variable", "POST", "/graphql", `{"query":"query($n:Int){echo(n:$n){hello}}","variables":{"n":"3"}}`, []string{jsonBody, acceptNew}, 400, "$n has an invalid value for Int", ""},
		{"POST, not acceptable", "POST", "/graphql", helloBody, []string{jsonBody, "Accept: text/html"}, 406, mediaTypeGraphQL, "Content-Type: application/json; charset=utf-8"},
		{"POST, too long", "POST", "/graphql", `{"query":"` + strings.Repeat(" ", 2000) + `{hello}"}`, []string{jsonBody}, 413, "1000 bytes", ""},

		{"POST, the query twice", "POST", "/graphql", `{"query":"{hello}","query":"{secret}"}`, []string{jsonBody}, 400, `"limit":"members"`, ""},
		{"POST, deep variables", "POST", "/graphql", `{"query":"{hello}","variables":{"a":` + strings.Repeat("[", 400) + strings.Repeat("]", 400) + `}}`, []string{jsonBody}, 400, `"limit":"nesting"`, ""},
		{"POST, deep extensions", "POST", "/graphql", `{"query":"{hello}","extensions":{"a":` + strings.Repeat("[", 400) + strings.Repeat("]", 400) + `}}`, []string{jsonBody}, 400, `"limit":"nesting"`, ""},
		{"POST, deep unknown member", "POST", "/graphql", `{"query":"{hello}","a":` + strings.Repeat("[", 400) + strings.Repeat("]", 400) + `}`, []string{jsonBody}, 400, `"limit":"nesting"`, ""},
		{"POST, a huge number", "POST", "/graphql", `{"query":"query($n:Float){echo(f:$n){hello}}","variables":{"n":1e999999999}}`, []string{jsonBody}, 400, `"limit":"magnitude"`, ""},
		{"POST, bad UTF-8", "POST", "/graphql", "{\"query\":\"{hello}#\xff\"}", []string{jsonBody}, 400, `"limit":"encoding"`, ""},
		{"POST, byte order mark", "POST", "/graphql", "\ufeff" + helloBody, []string{jsonBody}, 400, "not a JSON object", ""},
		{"POST, NUL in the query", "POST", "/graphql", `{"query":"{echo(s:\"\\u0000\"){hello}}"}`, []string{jsonBody}, 200, `"limit":"nul"`, ""},
		{"POST, NUL in a variable", "POST", "/graphql", `{"query":"query($s:String){echo(s:$s){hello}}","variables":{"s":"\u0000"}}`, []string{jsonBody}, 400, `"limit":"nul"`, ""},

		{"GET, the query twice", "GET", "/graphql?query=%7Bhello%7D&query=%7Bsecret%7D", "", nil, 400, "Duplicate parameter", ""},
		{"GET, deep variables", "GET", get("query", "{hello}", "variables", strings.Repeat(`{"a":`, 50)), "", nil, 400, `"limit":"nesting"`, ""},
		{"GET, bad UTF-8", "GET", "/graphql?query=%7Bhello%7D%23%ff", "", nil, 200, `"limit":"encoding"`, ""},

		{"GET", "GET", get("query", "{hello}"), "", nil, 200, stub.HelloAnswer, ""},
		{"GET, everything", "GET", get("query", "query a($n:Int){echo(n:$n){hello}}", "operationName", "a", "variables", `{"n":3}`, "extensions", `{"a":1}`), "", nil, 200, stub.HelloAnswer, ""},
		{"GET, empty parameters", "GET", get("query", "{hello}", "operationName", "", "variables", ""), "", nil, 200, stub.HelloAnswer, ""},
		{"GET, no query", "GET", "/graphql", "", nil, 400, "Missing parameter: query", ""},
		{"GET, invalid variables", "GET", get("query", "{hello}", "variables", `["secret"]`), "", nil, 400, "variables is not a JSON object", ""},
		{"GET, invalid extensions", "GET", get("query", "{hello}", "extensions", `secret`), "", nil, 400, "extensions is not a JSON object", ""},
		{"GET, malformed", "GET", "/graphql?query=%zz", "", nil, 400, "malformed", ""},
		{"GET, mutation", "GET", get("query", "mutation{hello}"), "", nil, 405, "use POST", "Allow: POST"},
		{"GET, mutation among queries", "GET", get("query", "query a{hello} mutation b{hello}", "operationName", "b"), "", nil, 405, "use POST", "Allow: POST"},
		{"GET, query among mutations", "GET", get("query", "query a{hello} mutation b{hello}", "operationName", "a"), "", nil, 200, stub.HelloAnswer, ""},
		{"GET, subscription", "GET", get("query", "subscription{hello}"), "", nil, 400, "subscription requires a stream", ""},

		{"PUT", "PUT", "/graphql", helloBody, []string{jsonBody}, 405, "GET or POST", "Allow: GET, POST, OPTIONS"},
		{"DELETE", "DELETE", "/graphql", "", nil, 405, "GET or POST", "Allow: GET, POST, OPTIONS"},
		{"OPTIONS", "OPTIONS", "/graphql", "", nil, 204, "", "Allow: GET, POST, OPTIONS"},
	}
	handler := testEndpoint(t, new(bytes.Buffer), stub.Hello, nil, func(o *Options) { o.BodyBytes = 1000 })
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w := transporttest.Send(t, handler, tt.method, tt.path, tt.body, tt.headers...)
			body := w.Body.String()
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			if strings.HasPrefix(tt.part, "{") && body != tt.part || !strings.Contains(body, tt.part) {
				t.Errorf("got %s", body)
			}
			if name, value, _ := strings.Cut(tt.header, ": "); w.Header().Get(name) != value {
				t.Errorf("%s: %q, want %q", name, w.Header().Get(name), value)
			}
			if strings.Contains(body, `"errors"`) && strings.Contains(body, `"data"`) {
				t.Errorf("a request error with data: %s", body)
			}
			if strings.Contains(body, "secret") {
				t.Errorf("echoes the request: %s", body)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		exec    func(context.Context) *graphql.Response
		accept  string
		status  int
		want    string
		records int // of level ERROR
	}{
		{"partial", func(ctx context.Context) *graphql.Response {
			graphql.RegisterExtension(ctx, "upstream", 1)
			return &graphql.Response{Data: []byte(`{"hello":null}`), Errors: graphql.ErrorResponse(ctx, "no").Errors}
		}, acceptNew, 200, `{"errors":[{"message":"no","extensions":{"code":"BAD_USER_INPUT","retryable":false}}],"data":{"hello":null},"extensions":{"upstream":1}}`, 0},
		{"data is null", func(context.Context) *graphql.Response {
			return &graphql.Response{Data: []byte(`null`), Errors: graphql.ErrorResponse(t.Context(), "no").Errors}
		}, acceptNew, 200, `{"errors":[{"message":"no","extensions":{"code":"BAD_USER_INPUT","retryable":false}}],"data":null}`, 0},
		{"no data, new", func(context.Context) *graphql.Response { return graphql.ErrorResponse(t.Context(), "no") }, acceptNew, 400, `{"errors":[{"message":"no","extensions":{"code":"BAD_USER_INPUT","retryable":false}}]}`, 0},
		{"no data, old", func(context.Context) *graphql.Response { return graphql.ErrorResponse(t.Context(), "no") }, acceptOld, 200, `{"errors":[{"message":"no","extensions":{"code":"BAD_USER_INPUT","retryable":false}}]}`, 0},
		{"panic", func(context.Context) *graphql.Response { panic("secret") }, acceptNew, 500, `{"errors":[{"message":"Internal error.","extensions":{"code":"INTERNAL","retryable":false}}]}`, 1},
		{"out of time", func(ctx context.Context) *graphql.Response { <-ctx.Done(); return nil }, acceptNew, 504, `{"errors":[{"message":"Microsoft Graph did not answer in time.","extensions":{"code":"UPSTREAM_UNAVAILABLE","retryable":true}}]}`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			log := new(bytes.Buffer)
			handler := testEndpoint(t, log, tt.exec, nil, func(o *Options) { o.RequestTimeout = 30 * time.Millisecond })
			w := transporttest.Send(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				handler.ServeHTTP(w, r.WithContext(logs.WithRequestID(r.Context(), "the-request")))
			}), "POST", "/graphql", helloBody, jsonBody, tt.accept)
			if w.Code != tt.status {
				t.Errorf("status %d, want %d", w.Code, tt.status)
			}
			if diff := cmp.Diff(tt.want, w.Body.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			errors := 0
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, "level=ERROR") {
					errors++
				}
				if !strings.Contains(line, "request_id=the-request") {
					t.Errorf("a record without the request's id: %s", line)
				}
			}
			if errors != tt.records || strings.Contains(log.String(), "secret") {
				t.Errorf("%d errors, want %d:\n%s", errors, tt.records, log)
			}
		})
	}
}

// TestErrorsAreBounded sends thousands of names and errors.
func TestErrorsAreBounded(t *testing.T) {
	t.Parallel()
	handler := testEndpoint(t, new(bytes.Buffer), stub.Hello, nil)
	many := "{"
	for i := range 150 {
		many += fmt.Sprintf("x%d ", i)
	}
	// The limit of root fields is lower.
	many = "{echo" + many + "}}"
	for name, query := range map[string]string{
		"names":    "{" + strings.Repeat("x", 60_000) + "}",
		"strings":  `{hello(a:"` + strings.Repeat("x", 60_000) + `")}`,
		"mistakes": many,
		"token":    `{hello "` + strings.Repeat("x", 60_000) + `"}`,
	} {
		w := transporttest.Send(t, handler, "POST", "/graphql", string(mustMarshal(map[string]string{"query": query})), jsonBody)
		if n := w.Body.Len(); n > 10_000 || !strings.Contains(w.Body.String(), `"errors"`) {
			t.Errorf("%s: an answer of %d bytes", name, n)
		}
	}
	w := transporttest.Send(t, handler, "POST", "/graphql", `{"query":"{hello}","operationName":"`+strings.Repeat("x", 100_000)+`"}`, jsonBody)
	if n := w.Body.Len(); n > 1_000 || w.Code != http.StatusOK {
		t.Errorf("operation name: %d, %d bytes", w.Code, n)
	}
}

func TestNegotiate(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]string{
		"":                                  mediaTypeJSON,
		"*/*":                               mediaTypeJSON,
		"application/*":                     mediaTypeJSON,
		"application/json":                  mediaTypeJSON,
		"application/json; charset=utf-8":   mediaTypeJSON,
		"application/graphql-response+json": mediaTypeGraphQL,
		"application/graphql-response+json; charset=utf-8":                                 mediaTypeGraphQL,
		"application/json, application/graphql-response+json":                              mediaTypeGraphQL,
		"application/graphql-response+json, application/json;q=0.9":                        mediaTypeGraphQL,
		"application/graphql-response+json;q=0.5, application/json":                        mediaTypeJSON,
		"application/graphql-response+json;q=0, application/json;q=0.1":                    mediaTypeJSON,
		"application/graphql-response+json;q=0, */*":                                       mediaTypeJSON,
		"application/json;q=0, */*":                                                        mediaTypeGraphQL,
		"multipart/mixed;deferSpec=20220824, application/graphql-response+json, */*;q=0.1": mediaTypeGraphQL,
		"text/html, */*;q=0.1":                                                             mediaTypeJSON,
		"text/html":                                                                        "",
		"application/json;q=0":                                                             "",
		"application/json; charset=utf-16":                                                 "",
		"nonsense/;;, application/json":                                                    mediaTypeJSON,
		"application/json;q=high":                                                          "",
		"application/graphql+json":                                                         "",
		"application/JSON":                                                                 mediaTypeJSON,
		"text/html, application/xhtml+xml, */*;q=0":                                        "",
	} {
		if got, events := negotiate([]string{accept}); got != want || events {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
	}
	for accept, want := range map[string]string{
		"text/event-stream":                         mediaTypeEvents,
		"text/event-stream, */*;q=0.1":              mediaTypeEvents,
		"application/json;q=0.9, text/event-stream": mediaTypeEvents,
		"text/event-stream;q=0.9, application/json": mediaTypeJSON,
		"application/graphql-response+json, application/json, text/event-stream, */*;q=0": mediaTypeGraphQL,
		"text/event-stream, */*": mediaTypeJSON,
	} {
		if got, events := negotiate([]string{accept}); got != want || !events {
			t.Errorf("%q: got %q, want %q", accept, got, want)
		}
	}
	if got, _ := negotiate([]string{"text/html", "application/json"}); got != mediaTypeJSON {
		t.Errorf("two headers: got %q", got)
	}
}
