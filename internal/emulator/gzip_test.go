package emulator

import (
	"bytes"
	"compress/gzip"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

// TestGzip tests that only long bodies are compressed, if the client accepts
// it.
func TestGzip(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 30})
	long, short := "/v1.0/users", "/v1.0/users?$top=1&$select=id"
	want := c.get(long, "Accept-Encoding", "identity")
	if want.header.Get("Content-Encoding") != "" || want.header.Get("Content-Length") == "" || want.header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("plain: %v", want.header)
	}
	r := c.get(long, "Accept-Encoding", "gzip")
	if r.header.Get("Content-Encoding") != "gzip" || len(r.raw) > len(want.raw)/2 {
		t.Errorf("compressed: %v, %d bytes of %d", r.header, len(r.raw), len(want.raw))
	}
	z, err := gzip.NewReader(bytes.NewReader(r.raw))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, want.raw) {
		t.Errorf("decompressed: %d bytes, want %d, %v", len(got), len(want.raw), err)
	}
	if r := c.get(short, "Accept-Encoding", "gzip"); r.header.Get("Content-Encoding") != "" || !json.Valid(r.raw) {
		t.Errorf("short: %v %s", r.header, r.raw)
	}
}

// TestGzipBomb tests the limit of a decompressed body.
func TestGzipBomb(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	chunk := make([]byte, 1<<20)
	for range 64 {
		_, _ = z.Write(chunk)
	}
	_ = z.Close()
	if r := c.do("POST", "/v1.0/$batch", bomb.String(), "Content-Encoding", "gzip"); r.status != 413 {
		t.Errorf("64 MiB in %d bytes: %d %s", bomb.Len(), r.status, r.raw)
	}
	if r := c.do("POST", "/v1.0/$batch", bomb.String()[:100], "Content-Encoding", "gzip"); r.status != 400 {
		t.Errorf("a part of it: %d %s", r.status, r.raw)
	}
	if r := c.do("POST", "/v1.0/$batch", "{}", "Content-Encoding", "br"); r.status != 415 {
		t.Errorf("another coding: %d %s", r.status, r.raw)
	}
}

// TestMethods tests that HEAD is not supported, and that its answer has no
// body.
func TestMethods(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	for _, method := range []string{"HEAD", "OPTIONS", "PUT", "TRACE"} {
		if r := c.do(method, "/v1.0/users", ""); r.status != 405 || method == "HEAD" && len(r.raw) != 0 {
			t.Errorf("%s: %d %s", method, r.status, r.raw)
		}
	}
}

// TestWebPages tests that pages of all origins have access, as in Graph.
func TestWebPages(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	const page = "https://app.example"
	r := c.do("OPTIONS", "/v1.0/users", "", "Authorization", "", "Origin", page, "Access-Control-Request-Method", "PATCH", "Access-Control-Request-Headers", "authorization,content-type")
	if h := r.header; r.status != 200 || len(r.raw) != 0 || h.Get("Access-Control-Allow-Origin") != "*" || h.Get("Access-Control-Allow-Methods") != "PATCH" || h.Get("Access-Control-Allow-Headers") != "authorization,content-type" {
		t.Errorf("preflight: %d %v", r.status, r.header)
	}
	for auth, want := range map[string]int{"Bearer " + c.token: 200, "": 401} {
		r := c.get("/v1.0/users", "Origin", page, "Authorization", auth)
		if r.status != want || r.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(r.header.Get("Access-Control-Expose-Headers"), "Retry-After") {
			t.Errorf("a page: %d %v", r.status, r.header)
		}
	}
	if r := c.get("/v1.0/users"); r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("no page: %v", r.header)
	}
}

// TestStrictTransport tests that the header is sent over HTTPS, but not for
// localhost.
func TestStrictTransport(t *testing.T) {
	t.Parallel()
	e := New(Options{Users: 1})
	for url, want := range map[string]string{
		"https://graph.example/v1.0/users": "max-age=31536000", "http://graph.example/v1.0/users": "",
		"https://localhost:8443/v1.0/users": "", "https://graph.localhost/v1.0/users": "", "https://127.0.0.1/v1.0/users": "max-age=31536000",
	} {
		r := httptest.NewRequest("GET", url, nil)
		if strings.HasPrefix(url, "https") {
			r.TLS = &tls.ConnectionState{}
		}
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		if got := w.Header().Get("Strict-Transport-Security"); got != want {
			t.Errorf("%s: %q", url, got)
		}
	}
}

// TestBatchOrder tests that the order of the responses differs from that of
// the requests, and depends on the seed.
func TestBatchOrder(t *testing.T) {
	t.Parallel()
	orders := func(seed uint64) (seen []string) {
		c := start(t, Options{Users: 10, Seed: seed})
		var list []string
		for i := range 6 {
			list = append(list, get(fmt.Sprint(i), "/groups?$top=1&$select=id"))
		}
		for range 5 {
			_, order := parts(t, c.do("POST", "/v1.0/$batch", batchOf(list...)))
			if slices.IsSorted(order) {
				t.Errorf("sorted: %v", order)
			}
			seen = append(seen, strings.Join(order, ""))
		}
		return seen
	}
	c := start(t, Options{Users: 10})
	for range 10 {
		if _, order := parts(t, c.do("POST", "/v1.0/$batch", batchOf(get("1", "/groups?$top=1"), get("2", "/groups?$top=1")))); order[0] != "2" {
			t.Errorf("two parts: %v", order)
		}
	}
	a, again, b := orders(1), orders(1), orders(2)
	if !slices.Equal(a, again) || slices.Equal(a, b) || a[0] == a[1] && a[1] == a[2] {
		t.Errorf("orders %v, again %v, of another seed %v", a, again, b)
	}
}

func TestEmptyPartCodes(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10, Variants: Variants{Roles: []string{"GroupMember.Read.All"}}})
	ask := func() string {
		got, _ := parts(t, c.do("POST", "/v1.0/$batch", batchOf(get("1", "/users"))))
		if got["1"]["status"] != 403.0 {
			t.Fatalf("got %v", got["1"])
		}
		return str(got["1"]["body"].(row)["error"].(row), "code")
	}
	if got := ask(); got != "Authorization_RequestDenied" {
		t.Errorf("code %q", got)
	}
	v := c.Variants()
	v.EmptyPartCodes = true
	c.SetVariants(v)
	if got := ask(); got != "" {
		t.Errorf("code %q", got)
	}
	if r := c.get("/v1.0/users"); r.status != 403 || r.code() == "" {
		t.Errorf("alone: %d %s", r.status, r.raw)
	}
}
