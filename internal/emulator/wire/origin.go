package wire

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// Origin returns the scheme and host as seen by the client. The headers
// X-Forwarded-Proto and X-Forwarded-Host are only trusted from a proxy on this
// machine.
func Origin(r *http.Request) string {
	scheme, host := "http", r.Host
	if r.TLS != nil {
		scheme = "https"
	}
	if peer, _, err := net.SplitHostPort(r.RemoteAddr); err == nil && IsLoopback(peer) {
		if s := r.Header.Get("X-Forwarded-Proto"); s == "http" || s == "https" {
			scheme = s
		}
		if h := r.Header.Get("X-Forwarded-Host"); isHost(h) {
			host = h
		}
	}
	return scheme + "://" + host
}

// isHost reports whether the text is only a host with an optional port.
func isHost(text string) bool {
	u, err := url.Parse("https://" + text)
	return err == nil && text != "" && len(text) <= 260 && u.Host == text && u.Hostname() != "" && !strings.ContainsAny(text, "/?#@\\ ,")
}

// IsLoopback reports whether a host is this machine.
func IsLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback() && address.Zone() == ""
}
