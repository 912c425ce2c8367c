package graphiql_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/graphiql"
)

func TestRoutes(t *testing.T) {
	t.Parallel()
	url := serve(t, graphiql.Config{Endpoint: "/graphql", Title: "licensegraph"})
	script := firstScript(t, url)

	const day, forever = "public, max-age=86400", "public, max-age=31536000, immutable"
	tests := []struct {
		name, method, path  string
		status              int
		contentType, caches string
	}{
		{"page", "GET", "/", 200, "text/html; charset=utf-8", "no-cache"},
		{"page, head", "HEAD", "/", 200, "text/html; charset=utf-8", "no-cache"},
		{"page with a query", "GET", "/?query=x", 200, "text/html; charset=utf-8", "no-cache"},
		{"script", "GET", script, 200, "text/javascript; charset=utf-8", forever},
		{"script, head", "HEAD", script, 200, "text/javascript; charset=utf-8", forever},
		{"config", "GET", "/graphiql.json", 200, "application/json", "no-cache"},
		{"licenses", "GET", "/licenses.md", 200, "text/markdown; charset=utf-8", "no-cache"},
		{"icon", "GET", "/favicon.svg", 200, "image/svg+xml", day},
		{"icon under its old name", "HEAD", "/favicon.ico", 200, "image/svg+xml", day},
		{"unknown asset", "GET", "/assets/nothing.js", 404, "text/plain; charset=utf-8", ""},
		{"asset folder", "GET", "/assets/", 404, "text/plain; charset=utf-8", ""},
		{"packed name", "GET", script + ".gz", 404, "text/plain; charset=utf-8", ""},
		{"way out", "GET", "/assets/..%2findex.html", 404, "text/plain; charset=utf-8", ""},
		{"unknown path", "GET", "/nothing", 404, "text/plain; charset=utf-8", ""},
		{"page by post", "POST", "/", 405, "text/plain; charset=utf-8", ""},
		{"script by put", "PUT", script, 405, "text/plain; charset=utf-8", ""},
		{"config by delete", "DELETE", "/graphiql.json", 405, "text/plain; charset=utf-8", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := do(t, tt.method, url+tt.path, nil)
			if got.status != tt.status {
				t.Errorf("status = %d, want %d", got.status, tt.status)
			}
			allow := ""
			if tt.status == http.StatusMethodNotAllowed {
				allow = "GET, HEAD"
			}
			want := map[string]string{
				"Allow":                  allow,
				"Cache-Control":          tt.caches,
				"Content-Type":           tt.contentType,
				"X-Content-Type-Options": "nosniff",
			}
			if diff := cmp.Diff(want, got.pick(want)); diff != "" {
				t.Errorf("headers (-want +got):\n%s", diff)
			}
			if tt.method == "HEAD" && (len(got.body) != 0 || got.length <= 0) {
				t.Errorf("HEAD sent %d bytes and announced %d", len(got.body), got.length)
			}
		})
	}
}

func TestPageHeaders(t *testing.T) {
	t.Parallel()
	var page answer
	for name, tt := range map[string]struct {
		signIn  *graphiql.SignIn
		connect string
	}{
		"nobody is asked": {nil, "'self'"},
		"no client":       {&graphiql.SignIn{Authority: "https://login.example/tenant"}, "'self'"},
		"signs in":        {&graphiql.SignIn{Authority: "https://login.example:8443/tenant", ClientID: "client"}, "'self' https://login.example:8443"},
	} {
		page = do(t, "GET", serve(t, graphiql.Config{SignIn: tt.signIn})+"/", nil)
		want := map[string]string{
			"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; " +
				"font-src 'self' data:; img-src 'self' data:; connect-src " + tt.connect + "; worker-src 'self'; " +
				"base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
			"Cross-Origin-Opener-Policy": "same-origin",
			"Permissions-Policy":         "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
			"Referrer-Policy":            "no-referrer",
		}
		if diff := cmp.Diff(want, page.pick(want)); diff != "" {
			t.Errorf("%s: headers (-want +got):\n%s", name, diff)
		}
	}
	for _, authority := range []string{"", "login.example", "javascript:alert(1)", "https://a.example; script-src *", "https://a b/"} {
		if _, err := graphiql.Handler(graphiql.Config{SignIn: &graphiql.SignIn{Authority: authority, ClientID: "client"}}); err == nil {
			t.Errorf("takes the authority %q", authority)
		}
	}
	if inline := regexp.MustCompile(`<script>|<style|\son\w+=|https?://`).Find(page.body); inline != nil {
		t.Errorf("the page holds %q, which the policy refuses", inline)
	}
	if !bytes.Contains(page.body, []byte(`<html lang="en">`)) {
		t.Error("the page does not say its language")
	}
}

func TestEncoding(t *testing.T) {
	t.Parallel()
	url := serve(t, graphiql.Config{})
	script := firstScript(t, url)
	plain := do(t, "GET", url+script, nil).body
	if bytes.HasPrefix(plain, []byte{0x1f, 0x8b}) {
		t.Fatal("compressed without being asked to")
	}

	tests := []struct {
		accept string
		gzip   bool
	}{
		{"gzip", true},
		{"GZIP", true},
		{"deflate, gzip, br, zstd", true},
		{"br;q=1.0, gzip;q=0.8, *;q=0.1", true},
		{"*", true},
		{"", false},
		{"identity", false},
		{"br", false},
		{"gzip;q=0", false},
		{"gzip; Q=0.000", false},
		{"gzip;q=much", false},
		{"*, gzip;q=0", false},
		{"gzip;q=0, *", false},
		{"*;q=0", false},
	}
	for _, tt := range tests {
		t.Run(strconv.Quote(tt.accept), func(t *testing.T) {
			t.Parallel()
			resp := do(t, "GET", url+script, http.Header{"Accept-Encoding": {tt.accept}})
			if got := resp.header.Get("Content-Encoding") == "gzip"; got != tt.gzip {
				t.Fatalf("gzip = %t, want %t", got, tt.gzip)
			}
			if got := resp.header.Get("Vary"); got != "Accept-Encoding" {
				t.Errorf("Vary = %q, want Accept-Encoding", got)
			}
			body := resp.body
			if resp.length != int64(len(body)) {
				t.Errorf("announced %d bytes, sent %d", resp.length, len(body))
			}
			if tt.gzip {
				body = gunzip(t, body)
			}
			if !bytes.Equal(body, plain) {
				t.Error("the content differs from the plain one")
			}
		})
	}
}

func TestUnchangedPageIsNotSentAgain(t *testing.T) {
	t.Parallel()
	url := serve(t, graphiql.Config{})
	for _, encoding := range []string{"identity", "gzip"} {
		first := do(t, "GET", url+"/", http.Header{"Accept-Encoding": {encoding}})
		again := do(t, "GET", url+"/", http.Header{
			"Accept-Encoding": {encoding},
			"If-None-Match":   {first.header.Get("Etag")},
		})
		if again.status != http.StatusNotModified || len(again.body) != 0 {
			t.Errorf("%s: status = %d with %d bytes, want 304 with none", encoding, again.status, len(again.body))
		}
	}
}

// TestPageIsComplete follows every file name that the built page and scripts
// mention: a rename without a rebuild would otherwise show in a browser only.
func TestPageIsComplete(t *testing.T) {
	t.Parallel()
	url := serve(t, graphiql.Config{})
	page := do(t, "GET", url+"/", nil).body

	name := regexp.MustCompile(`[\w.-]+-[\w-]{8}\.(?:js|css|ttf)\b`)
	queue := name.FindAllString(string(page), -1)
	seen := map[string]bool{}
	for len(queue) > 0 {
		file := queue[0]
		queue = queue[1:]
		if seen[file] {
			continue
		}
		seen[file] = true
		resp := do(t, "GET", url+"/assets/"+file, nil)
		if resp.status != http.StatusOK {
			t.Errorf("%s: status = %d, want 200", file, resp.status)
		}
		for _, next := range regexp.MustCompile(`(?:\./|assets/)([\w.-]+-[\w-]{8}\.(?:js|css|ttf))\b`).FindAllSubmatch(resp.body, -1) {
			queue = append(queue, string(next[1]))
		}
	}
	if len(seen) < 20 {
		t.Errorf("found only %d files behind the page", len(seen))
	}
}

func TestConfigIsServed(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		cfg  graphiql.Config
		want string
	}{
		{
			name: "nothing set",
			want: `{"endpoint":"","title":"","examples":[],"headers":null}`,
		},
		{
			name: "everything set",
			cfg: graphiql.Config{
				Endpoint: "/graphql",
				Title:    "licensegraph",
				Examples: []graphiql.Example{
					{Name: "Plain", Query: "query Plain { a }"},
					{Name: "Full", Query: "query Full($b: ID) { a(b: $b) }", Variables: `{"b":"</script>"}`},
				},
				Headers: map[string]string{"Upstream-Report": "true"},
				SignIn:  &graphiql.SignIn{Authority: "https://login.example/tenant", ClientID: "client", Scope: "api://gateway/.default"},
			},
			want: `{"endpoint":"/graphql","title":"licensegraph","examples":[{"name":"Plain","query":"query Plain { a }"},` +
				`{"name":"Full","query":"query Full($b: ID) { a(b: $b) }","variables":"{\"b\":\"\u003c/script\u003e\"}"}],` +
				`"headers":{"Upstream-Report":"true"},"signIn":{"authority":"https://login.example/tenant","clientId":"client","scope":"api://gateway/.default"}}`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := do(t, "GET", serve(t, tt.cfg)+"/graphiql.json", nil)
			if diff := cmp.Diff(tt.want, string(got.body)); diff != "" {
				t.Errorf("config (-want +got):\n%s", diff)
			}
		})
	}
}

func TestHandlerBehindPrefix(t *testing.T) {
	t.Parallel()
	handler, err := graphiql.Handler(graphiql.Config{Title: "licensegraph"})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.StripPrefix("/workbench", handler))
	t.Cleanup(server.Close)
	script := firstScript(t, server.URL+"/workbench")
	if got := do(t, "GET", server.URL+"/workbench"+script, nil); got.status != http.StatusOK {
		t.Errorf("status = %d, want 200", got.status)
	}
}

func TestExamples(t *testing.T) {
	t.Parallel()
	examples := graphiql.Examples()

	var names []string
	for _, example := range examples {
		names = append(names, example.Name)
	}
	want := []string{"FailedAssignments", "PeopleWithErrors", "Person", "Products", "Group", "Overview", "Waste", "Renewals", "Search", "DryRun", "Fix", "FederatedEntities"}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for _, example := range examples {
		if !strings.HasPrefix(example.Query, "# ") {
			t.Errorf("%s does not open with a comment", example.Name)
		}
		if strings.Contains(example.Query, "($") != (example.Variables != "") {
			t.Errorf("%s: variables and their values do not go together", example.Name)
		}
		if example.Variables != "" && !json.Valid([]byte(example.Variables)) {
			t.Errorf("%s: variables are not JSON", example.Name)
		}
	}
}

// serve starts a handler and returns its URL without a final slash.
func serve(t *testing.T, cfg graphiql.Config) string {
	t.Helper()
	handler, err := graphiql.Handler(cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	length int64
	body   []byte
}

// pick returns the headers that want names.
func (a answer) pick(want map[string]string) map[string]string {
	got := map[string]string{}
	for name := range want {
		got[name] = a.header.Get(name)
	}
	return got
}

// do sends one request, leaving compression to the test.
func do(t *testing.T, method, url string, header http.Header) answer {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		req.Header[name] = values
	}
	transport := &http.Transport{DisableCompression: true, DisableKeepAlives: true}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{resp.StatusCode, resp.Header, resp.ContentLength, body}
}

// firstScript returns the path of the script that the page loads.
func firstScript(t *testing.T, url string) string {
	t.Helper()
	page := do(t, "GET", url+"/", nil).body
	match := regexp.MustCompile(`src="\.(/assets/[^"]+\.js)"`).FindSubmatch(page)
	if match == nil {
		t.Fatalf("no script in the page:\n%s", page)
	}
	return string(match[1])
}

func gunzip(t *testing.T, packed []byte) []byte {
	t.Helper()
	zr, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(zr)
	if err != nil {
		t.Fatal(err)
	}
	return body
}
