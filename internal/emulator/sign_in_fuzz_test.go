package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/wire"
)

// FuzzTokenEndpoint tests that the answer to any request is an error in the
// format of the endpoint, or a token.
func FuzzTokenEndpoint(f *testing.F) {
	e := New(Options{Users: 10})
	who := "&client_id=" + e.PublicClientID()
	for _, s := range []string{
		"grant_type=client_credentials&client_id=" + e.ClientID() + "&client_secret=" + e.ClientSecret() + "&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default",
		"grant_type=refresh_token&refresh_token=1.AAAA" + who, "grant_type=authorization_code&code=1.&redirect_uri=x" + who,
		"grant_type=password&username=a&password=b&scope=c" + who, "grant_type=device_code&device_code=x" + who,
		"grant_type=client_credentials&client_assertion=a.b.c&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_id=" + e.ClientID() + "&scope=/.default",
		"grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&assertion=e30.e30.&requested_token_use=on_behalf_of&scope=/&client_secret=" + e.ClientSecret() + "&client_id=" + e.ClientID(),
		"claims=%7B%7D&scope=%2F+%2F.default", "=&=", "%", "",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, form string) {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://graph/"+e.TenantID()+"/oauth2/v2.0/token", strings.NewReader(form))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		w := &recorder{header: http.Header{}}
		e.ServeHTTP(w, req)
		var body struct {
			Token string `json:"access_token"`
			Error string `json:"error"`
			Codes []int  `json:"error_codes"`
		}
		if err := json.Unmarshal(w.body.Bytes(), &body); err != nil || (w.status == 200) != (body.Token != "") || (body.Error == "") != (w.status == 200) || len(body.Codes) > 1 {
			t.Errorf("%q: %d %s", form, w.status, w.body.Bytes())
		}
	})
}

// FuzzAuthorize tests that redirects only go to registered addresses, and that
// pages contain the input only as text.
func FuzzAuthorize(f *testing.F) {
	e := New(Options{Users: 10})
	name := ""
	for p := range access.People(e.current()) {
		name = p.PrincipalName
		break
	}
	f.Add("http://localhost/", "s", "query", name)
	f.Add("http://127.0.0.1:80@evil.example/", "<script>", "form_post", name)
	f.Add("http://[::1]/#", "%0d%0aSet-Cookie: a=b", "fragment", "<b>")
	f.Add("http://localhost\\@evil.example/", "\r\n", "", name)
	f.Add("javascript:alert(1)//localhost", "", "form_post", name)
	f.Add("http://localhost?a=b;c", "", "query", name)
	f.Fuzz(func(t *testing.T, redirect, state, mode, hint string) {
		params := url.Values{"client_id": {e.ClientID()}, "response_type": {"code"}, "scope": {"User.Read"},
			"redirect_uri": {redirect}, "state": {state}, "response_mode": {mode}, "login_hint": {hint}}
		req, err := http.NewRequestWithContext(t.Context(), "GET", "http://graph/common/oauth2/v2.0/authorize?"+params.Encode(), nil)
		if err != nil {
			return // not a valid request
		}
		w := &recorder{header: http.Header{}}
		e.ServeHTTP(w, req)
		if location := w.header.Get("Location"); location != "" {
			u, err := url.Parse(location)
			if err != nil || u.Scheme != "http" || !wire.IsLoopback(u.Hostname()) || strings.ContainsAny(location, "\r\n") {
				t.Errorf("%q leads to %q", redirect, location)
			}
		} else if page := w.body.String(); strings.Contains(strings.ToLower(page), "<script") || strings.Contains(page, `action="javascript`) {
			t.Errorf("%q: %s", redirect, page)
		}
	})
}
