package main

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
)

// tokenFor returns a token of the embedded tenant of a running gateway: a user's by user principal name, or the
// application's for an empty name.
func tokenFor(t *testing.T, tenant *emulator.Server, person string, scopes ...string) string {
	t.Helper()
	api := "api://" + tenant.ClientID() + "/"
	if person == "" {
		return tokenBy(t, tenant, url.Values{"grant_type": {"client_credentials"}, "client_id": {tenant.ClientID()}, "client_secret": {tenant.ClientSecret()}, "scope": {api + ".default"}})
	}
	return tokenBy(t, tenant, url.Values{"grant_type": {"password"}, "client_id": {tenant.PublicClientID()}, "username": {person}, "password": {emulator.Password}, "scope": {api + strings.Join(scopes, " "+api)}})
}

// graphToken returns the application's token for Microsoft Graph.
func graphToken(t *testing.T, tenant *emulator.Server) string {
	t.Helper()
	return tokenBy(t, tenant, url.Values{"grant_type": {"client_credentials"}, "client_id": {tenant.ClientID()}, "client_secret": {tenant.ClientSecret()}, "scope": {"https://graph.microsoft.com/.default"}})
}

func tokenBy(t *testing.T, tenant *emulator.Server, form url.Values) string {
	t.Helper()
	resp, err := http.PostForm(tenant.URL+"/"+tenant.TenantID()+"/oauth2/v2.0/token", form)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Token string `json:"access_token"`
	}
	body, err := io.ReadAll(resp.Body)
	if err != nil || json.Unmarshal(body, &answer) != nil || answer.Token == "" {
		t.Fatalf("no token: %v %s", err, body)
	}
	return answer.Token
}

// startOver starts the program with a separate tenant, like a real one.
func startOver(t *testing.T, tenant *emulator.Server, args ...string) *program {
	t.Helper()
	env := map[string]string{"LICENSEGRAPH_CLIENT_SECRET": tenant.ClientSecret()}
	return start(t, env, append([]string{"--tenant-id=" + tenant.TenantID(), "--client-id=" + tenant.ClientID(), "--graph-url=" + tenant.URL, "--authority=" + tenant.URL}, args...)...)
}

// reply is a response of the gateway.
type reply struct {
	status int
	header http.Header
	body   string
}

// as sends an operation with headers of the form "Name: value".
func (p *program) as(t *testing.T, query string, headers ...string) reply {
	t.Helper()
	req := post(t, p.url+endpointPath, mustMarshal(map[string]string{"query": query}))
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		req.Header.Add(name, value)
	}
	return p.do(t, req)
}

// do sends a request.
func (p *program) do(t *testing.T, req *http.Request) reply {
	t.Helper()
	resp, err := p.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply{resp.StatusCode, resp.Header, string(body)}
}

func bearing(token string) string { return "Authorization: Bearer " + token }

// nameOf returns the user principal name of a user in a directory role.
func nameOf(t *testing.T, tenant *emulator.Server, role string) string {
	t.Helper()
	var person struct {
		Name string `json:"userPrincipalName"`
	}
	if readGraph(t, tenant, "/beta/users/"+tenant.PersonInRole(role)+"?$select=userPrincipalName", &person); person.Name == "" {
		t.Fatalf("no user in the role %s", role)
	}
	return person.Name
}

// readGraph reads JSON from the tenant's Microsoft Graph, as the application.
func readGraph(t *testing.T, tenant *emulator.Server, path string, into any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tenant.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+graphToken(t, tenant))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		t.Fatal(err)
	}
}

// TestAuthentication tests that only callers with a valid token are accepted.
func TestAuthentication(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{Users: 60, SignIn: emulator.SignIn{Scopes: scopes}})
	foreign := emulatortest.Start(t, emulator.Options{Users: 20, Seed: 2, SignIn: emulator.SignIn{Scopes: scopes}})
	assignRoles(tenant.Emulator)
	p := startOver(t, tenant, "--inbound=entra", "--cors-origin=https://portal.example.com")
	tenant.ResetCounts()

	admin, nobody := nameOf(t, tenant, "License Administrator"), nameOf(t, tenant, "")
	good := tokenFor(t, tenant, admin, scopes...)
	const query = `{ subscribedSkus(first: 1) { nodes { skuPartNumber } } }`
	for name, tt := range map[string]struct {
		headers []string
		want    string // of the challenge
	}{
		"nothing":                 {nil, ""},
		"another scheme":          {[]string{"Authorization: Basic YTpi"}, ""},
		"no token":                {[]string{"Authorization: Bearer "}, ""},
		"no scheme":               {[]string{"Authorization: " + good}, ""},
		"two headers":             {[]string{bearing(good), bearing(good)}, ""},
		"two tokens":              {[]string{bearing(good + " " + good)}, ""},
		"no JSON Web Token":       {[]string{bearing("letmein")}, "invalid_token"},
		"of Graph":                {[]string{bearing(graphToken(t, tenant))}, "invalid_token"},
		"of a person, for Graph":  {[]string{bearing(tenant.DelegatedToken(tenant.PersonInRole("Global Administrator"), "User.Read"))}, "invalid_token"},
		"of another tenant":       {[]string{bearing(tokenFor(t, foreign, nameOf(t, foreign, "Global Administrator"), scopes...))}, "invalid_token"},
		"another issuer's":        {[]string{bearing(tenant.Emulator.UserToken(tenant.PersonInRole(""), scopes...))}, "invalid_token"},
		"signature cut":           {[]string{bearing(good[:len(good)-4])}, "invalid_token"},
		"an unsigned one":         {[]string{bearing("eyJhbGciOiJub25lIn0." + strings.Split(good, ".")[1] + ".")}, "invalid_token"},
		"in another header":       {[]string{"X-Access-Token: " + good}, ""},
		"in a cookie":             {[]string{"Cookie: access_token=" + good}, ""},
		"a quote in it":           {[]string{bearing(`a"b`)}, ""},
		"a router's own identity": {[]string{"X-MS-CLIENT-PRINCIPAL-ID: " + tenant.PersonInRole("Global Administrator")}, ""},
	} {
		r := p.as(t, query, tt.headers...)
		challenge := r.header.Get("WWW-Authenticate")
		if r.status != http.StatusUnauthorized || !strings.Contains(r.body, `"code":"UNAUTHENTICATED"`) || strings.Contains(r.body, `"data"`) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
		if !strings.HasPrefix(challenge, `Bearer realm="licensegraph", authorization_uri="`+tenant.URL+"/"+tenant.TenantID()+`/oauth2/v2.0/authorize"`) || strings.Contains(challenge, "error=") != (tt.want != "") || !strings.Contains(challenge, tt.want) {
			t.Errorf("%s: %s", name, challenge)
		}
		if strings.Contains(r.body+challenge, good[:30]) {
			t.Errorf("%s: the error includes the token", name)
		}
		if !strings.Contains(p.stdout.String(), `"msg":"denied","outcome":"unauthenticated"`) {
			t.Errorf("%s: no record:\n%s", name, p.stdout)
		}
	}
	if n := tenant.Counts()["GET /subscribedSkus"].Requests; n != 0 {
		t.Errorf("%d requests reached the tenant", n)
	}
	if status, body := p.get(t, "/graphql?query=%7B__typename%7D&access_token="+good); status != http.StatusUnauthorized {
		t.Errorf("a token in the URL: %d %s", status, body)
	}
	if r := p.as(t, query, "Origin: https://portal.example.com"); r.status != 401 || r.header.Get("Access-Control-Allow-Origin") == "" || !strings.Contains(strings.ToLower(r.header.Get("Access-Control-Expose-Headers")), "www-authenticate") {
		t.Errorf("the challenge is not exposed by CORS: %d %v", r.status, r.header)
	}

	for name, tt := range map[string]struct{ token, want string }{
		"an administrator":           {good, `"skuPartNumber":"`},
		"an application":             {tokenFor(t, tenant, ""), `"skuPartNumber":"`},
		"a user without roles":       {tokenFor(t, tenant, nobody, scopes...), `"code":"FORBIDDEN"`},
		"a portal that may not read": {tokenFor(t, tenant, admin, "Licenses.Write"), `"code":"FORBIDDEN"`},
	} {
		if r := p.as(t, query, bearing(tt.token)); r.status != 200 || !strings.Contains(r.body, tt.want) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}
	if r := p.as(t, query, "Authorization: bearer  "+good); r.status != 200 {
		t.Errorf("scheme in another case: %d %s", r.status, r.body)
	}
	p.ready(t)
	for _, path := range []string{"/healthz", "/readyz", "/", "/graphiql.json"} {
		if status, body := p.get(t, path); status != 200 {
			t.Errorf("%s: %d %.200s", path, status, body)
		}
	}

	// New keys: published in advance, and in an emergency.
	tenant.RotateKeys()
	if r := p.as(t, query, bearing(tokenFor(t, tenant, admin, scopes...))); r.status != 200 {
		t.Errorf("the next key: %d %s", r.status, r.body)
	}
	if r := p.as(t, query, bearing(good)); r.status != 200 {
		t.Errorf("the last key: %d %s", r.status, r.body)
	}
	if leaked := p.stdout.String() + p.stderr.String(); strings.Contains(leaked, good[:40]) || strings.Contains(leaked, good[len(good)-40:]) || strings.Contains(leaked, admin) {
		t.Error("a token or a name is in the log")
	}
}

// TestMe reads the caller: with the application's credentials the user is identified by the token.
func TestMe(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{Users: 60, SignIn: emulator.SignIn{Scopes: scopes}})
	assignRoles(tenant.Emulator)
	p := startOver(t, tenant, "--inbound=entra")
	const me = `{ me { id displayName } }`
	for name, tt := range map[string]struct{ token, want string }{
		"a person":       {tokenFor(t, tenant, nameOf(t, tenant, "Global Reader"), scopes...), `{"me":{"id":"` + tenant.PersonInRole("Global Reader") + `","displayName":"`},
		"another person": {tokenFor(t, tenant, nameOf(t, tenant, "License Administrator"), scopes...), `{"me":{"id":"` + tenant.PersonInRole("License Administrator") + `","displayName":"`},
		"an application": {tokenFor(t, tenant, ""), `"code":"BAD_USER_INPUT"`},
	} {
		if r := p.as(t, me, bearing(tt.token)); !strings.Contains(r.body, tt.want) {
			t.Errorf("%s: %s", name, r.body)
		}
	}
}

// TestOnBehalfOfCallers tests requests on behalf of callers, and the claims challenge of the identity provider.
func TestOnBehalfOfCallers(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{Users: 60, SignIn: emulator.SignIn{Scopes: scopes}})
	assignRoles(tenant.Emulator)
	p := startOver(t, tenant, "--inbound=entra", "--outbound=on-behalf-of", "--allow-writes")
	admin, nobody := nameOf(t, tenant, "License Administrator"), nameOf(t, tenant, "")
	const me, all = `{ me { id userPrincipalName } }`, `query { users(first: 2) { nodes { id userPrincipalName } } }`

	for name, tt := range map[string]struct {
		token, query string
		want         string
	}{
		"the person":           {tokenFor(t, tenant, admin, scopes...), me, tenant.PersonInRole("License Administrator")},
		"another person":       {tokenFor(t, tenant, nobody, scopes...), me, tenant.PersonInRole("")},
		"what Graph allows":    {tokenFor(t, tenant, admin, scopes...), all, `"nodes":[{`},
		"roles are not needed": {tokenFor(t, tenant, nobody, "Licenses.Read"), `{ subscribedSkus(first: 1) { nodes { id } } }`, `"subscribedSkus":{`},
		"scopes are":           {tokenFor(t, tenant, admin, "Licenses.Write"), all, `"code":"FORBIDDEN"`},
		"an application":       {tokenFor(t, tenant, ""), all, `your token is an application's: sign in as a user`},
	} {
		if r := p.as(t, tt.query, bearing(tt.token)); r.status == 401 || !strings.Contains(r.body, tt.want) {
			t.Errorf("%s: %d %s", name, r.status, r.body)
		}
	}

	// A 403 of Microsoft Graph for the user is audited as a denied access, with its request ID.
	r := p.as(t, `query Pools { allotments { nodes { id } } }`, bearing(tokenFor(t, tenant, nobody, scopes...)))
	record := ""
	for line := range strings.Lines(p.stdout.String()) {
		if strings.Contains(line, `"operation":"Pools"`) {
			record = line
		}
	}
	if !strings.Contains(r.body, "Microsoft Graph denied you access") || !strings.Contains(record, `"errors":["FORBIDDEN"],"fields":["allotments"],"upstreamRequestIds":["`) || !strings.Contains(record, `"object":"`+tenant.PersonInRole("")) {
		t.Errorf("denied by Graph: %s\n%s", r.body, record)
	}

	for name, tt := range map[string]struct {
		variant, challenge string
		claims             bool
	}{
		"a second factor is needed": {"mfa", `error="insufficient_claims"`, true},
		"a policy forbids":          {"policy", `error="insufficient_claims"`, true},
		"consent is missing":        {"consent", `error="invalid_token"`, false},
	} {
		tenant.SetVariants(emulator.Variants{OnBehalfOf: tt.variant})
		// A token that the gateway has not received before.
		token := tokenFor(t, tenant, nobody, scopes...)
		for _, query := range []string{me, `mutation { deleteAssignment(input: {id: "x"}) { outcome } }`} {
			r := p.as(t, query, bearing(token))
			challenge := r.header.Get("WWW-Authenticate")
			if r.status != 401 || !strings.Contains(challenge, tt.challenge) || !strings.Contains(r.body, `"code":"UNAUTHENTICATED"`) || strings.Contains(r.body, `"data"`) {
				t.Errorf("%s: %d %s %s", name, r.status, challenge, r.body)
			}
			_, claims, found := strings.Cut(challenge, `claims="`)
			decoded, err := base64.StdEncoding.DecodeString(strings.TrimSuffix(claims, `"`))
			if found != tt.claims || found && (err != nil || !strings.Contains(string(decoded), "polids")) {
				t.Errorf("%s: the claims are %q, %v", name, decoded, err)
			}
		}
	}
	if n := strings.Count(p.stdout.String(), `"msg":"denied"`); n < 7 || !strings.Contains(p.stdout.String(), `"errors":["UNAUTHENTICATED"]`) || !strings.Contains(p.stdout.String(), `"errors":["FORBIDDEN"]`) {
		t.Errorf("%d records:\n%s", n, p.stdout)
	}
	tenant.SetVariants(emulator.Variants{})
	if r := p.as(t, me, bearing(tokenFor(t, tenant, nobody, scopes...))); r.status != 200 {
		t.Errorf("afterwards: %d %s", r.status, r.body)
	}
}

// TestCallersOfTheEmbeddedTenant authenticates users of the embedded tenant like a real tenant's.
func TestCallersOfTheEmbeddedTenant(t *testing.T) {
	t.Parallel()
	p := start(t, nil, "--inbound=entra")
	if status, body := p.ready(t); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if r := p.as(t, "{__typename}"); r.status != 401 {
		t.Errorf("%d %s", r.status, r.body)
	}
}
