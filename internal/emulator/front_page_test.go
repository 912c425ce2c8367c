package emulator

import (
	"html"
	"strings"
	"testing"

	"licensegraph/internal/emulator/api"
)

// TestFrontPage tests that the page lists every endpoint, and that its first
// example works.
func TestFrontPage(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	c.token = ""
	r := c.get("/")
	text := html.UnescapeString(string(r.raw))
	if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || !strings.Contains(r.header.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Fatalf("%d %v", r.status, r.header)
	}
	for _, name := range []string{"X-Frame-Options", "X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy", "Cross-Origin-Resource-Policy", "Cache-Control"} {
		if r.header.Get(name) == "" {
			t.Errorf("without %s", name)
		}
	}
	for _, r := range api.Routes() {
		if !strings.Contains(text, "<code>"+r.Label+"</code>") {
			t.Errorf("%s is missing", r.Label)
		}
	}
	for _, part := range []string{c.URL + "/v1.0", c.TenantID(), c.ClientID(), c.ClientSecret(), c.PublicClientID(), "60 generated users", "disabled", "only basic properties: User.ReadBasic.All", "only basic properties: Group.ReadBasic.All", "Change notifications", "PUT /-/state"} {
		if !strings.Contains(text, part) {
			t.Errorf("it does not have %s", part)
		}
	}
	if strings.Contains(text, "<script") || strings.Contains(text, "src=") {
		t.Error("the page loads resources")
	}
	if r := c.do("POST", "/", ""); r.status != 405 {
		t.Errorf("POST: %d", r.status)
	}
	off := start(t, Options{Users: 5, Control: "off"})
	if r := off.get("/"); strings.Contains(string(r.raw), "/-/state") {
		t.Error("a disabled control endpoint is listed")
	}
}
