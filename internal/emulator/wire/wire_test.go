package wire

import (
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
