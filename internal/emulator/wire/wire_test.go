package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"testing"
)

func TestAcceptsGzip(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"gzip": true, "GZIP": true, "br, gzip;q=0.5": true, "*": true, "deflate, *;q=0.1": true, "x-gzip": true,
		"": false, "identity": false, "gzip;q=0": false, "gzip; q=0.000, *": false, "*;q=0": false, "br": false, "gzip;q=high": false,
	} {
		if got := acceptsGzip(http.Header{"Accept-Encoding": {text}}); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}

// TestEncode compares with encoding/json.
func TestEncode(t *testing.T) {
	t.Parallel()
	text := "quoted"
	for _, v := range []any{
		nil, true, false, 0, -1, math.MaxInt, int64(math.MinInt64), uint8(7), 1.5, 1e21, 1e-7,
		"", "plain", "<a href='x?y&z'>", `quote "`, `back\slash`, "tab\t", "newline\n", "control\x01", "\x7f", "Zoë 東京 😀", "line\u2028", "paragraph\u2029", "in\xffvalid", "\ufffd",
		[]any(nil), []any{}, []any{nil, 1, "a", []any{2.5}, map[string]any{}}, []string(nil), []string{"a", "b\n"}, []int{1}, []byte("bytes"),
		map[string]any(nil), map[string]any{"b": 1, "a": map[string]any{"d": []string{"e"}, "c": nil}, "": "", "é\"": 2}, map[string]string{"y": "1", "x": "<"}, map[string]int{"n": 1},
		[]map[string]any(nil), []map[string]any{{"a": 1}, nil, {}}, json.RawMessage(`{"z":[1,2]}`), json.RawMessage(nil), &text, (*string)(nil),
		struct {
			A string `json:"a,omitempty"`
			B any
		}{B: map[string]any{"c": "&"}},
	} {
		var want bytes.Buffer
		j := json.NewEncoder(&want)
		j.SetEscapeHTML(false)
		if err := j.Encode(v); err != nil {
			t.Fatal(err)
		}
		if got := string(Encode(v)) + "\n"; got != want.String() {
			t.Errorf("%#v: got %swant %s", v, got, &want)
		}
	}
}

// FuzzForwarded tests that a forwarded host is a valid address or ignored.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"a.example", "a:1", "[::1]:2", "a/b", "a@b", "a, b", "é", "", "[", "a:b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, host string) {
		if !isHost(host) {
			return
		}
		if u, err := url.Parse("https://" + host + "/v1.0/users"); err != nil || u.Host != host || u.Path != "/v1.0/users" {
			t.Errorf("%q is not a host", host)
		}
	})
}
