package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
	"licensegraph/internal/graphiql"
)

// TestGraphiQLSignsIn tests the page's sign-in settings and its content security policy.
func TestGraphiQLSignsIn(t *testing.T) {
	t.Parallel()
	const client = "11111111-2222-4333-8444-555555555555"
	tenant := emulatortest.Start(t, emulator.Options{Users: 20, SignIn: emulator.SignIn{Scopes: scopes}})
	for _, tt := range []struct {
		name       string
		p          *program
		signIn     *graphiql.SignIn
		connection string
	}{
		{"no authentication", start(t, nil), nil, "connect-src 'self';"},
		{"no client", startOver(t, tenant, "--inbound=entra"), &graphiql.SignIn{
			Authority: tenant.URL + "/" + tenant.TenantID(), Scope: "api://" + tenant.ClientID() + "/.default",
		}, "connect-src 'self';"},
		{"a client", startOver(t, tenant, "--inbound=entra", "--graphiql-client-id="+client, "--audience="+tenant.ClientID()), &graphiql.SignIn{
			Authority: tenant.URL + "/" + tenant.TenantID(), ClientID: client, Scope: tenant.ClientID() + "/.default",
		}, "connect-src 'self' " + tenant.URL + ";"},
		{"two tenants", startOver(t, tenant, "--inbound=entra", "--graphiql-client-id="+client, "--tenant-id="+client), &graphiql.SignIn{
			Authority: tenant.URL + "/organizations", ClientID: client, Scope: "api://" + tenant.ClientID() + "/.default",
		}, "connect-src 'self' " + tenant.URL + ";"},
	} {
		page := tt.p.fetch(t, "/")
		if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, tt.connection) {
			t.Errorf("%s: %s", tt.name, policy)
		}
		var config graphiql.Config
		if err := json.Unmarshal([]byte(tt.p.fetch(t, "/graphiql.json").body), &config); err != nil {
			t.Fatal(err)
		}
		if tt.signIn == nil != (config.SignIn == nil) || tt.signIn != nil && *config.SignIn != *tt.signIn {
			t.Errorf("%s: %+v", tt.name, config.SignIn)
		}
	}
}

// TestGraphiQLSignsInAtTheEmbeddedTenant tests the sign-in at both URLs of the page.
func TestGraphiQLSignsInAtTheEmbeddedTenant(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--inbound=entra")
	if !strings.Contains(p.stderr.String(), "\nSign in          as License Administrator") {
		t.Error(p.stderr)
	}
	var config graphiql.Config
	if err := json.Unmarshal([]byte(p.fetch(t, "/graphiql.json").body), &config); err != nil || config.SignIn == nil {
		t.Fatal(err)
	}
	for page, taken := range map[string]bool{
		p.url + "/": true,
		strings.Replace(p.url, "127.0.0.1", "localhost", 1) + "/": true,
		"https://evil.example/":                                   false,
	} {
		query := url.Values{"client_id": {config.SignIn.ClientID}, "scope": {config.SignIn.Scope + " openid"}, "response_type": {"code"}, "redirect_uri": {page}, "code_challenge": {strings.Repeat("c", 43)}, "code_challenge_method": {"S256"}}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, config.SignIn.Authority+"/oauth2/v2.0/authorize?"+query.Encode(), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := p.client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if taken != (resp.StatusCode == http.StatusOK) {
			t.Errorf("%s: %s", page, resp.Status)
		}
	}
}

// fetch returns the content of a path.
func (p *program) fetch(t *testing.T, path string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return p.do(t, req)
}
