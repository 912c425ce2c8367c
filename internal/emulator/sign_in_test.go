package emulator

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"html"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// inside returns the claims of a token, without verifying the signature.
func inside(t *testing.T, token string) jwt.MapClaims {
	t.Helper()
	var got jwt.MapClaims
	if _, _, err := jwt.NewParser().ParseUnverified(token, &got); err != nil {
		t.Fatalf("%q: %v", token, err)
	}
	return got
}

// refusedWith returns an error of the token endpoint: "invalid_grant 54005".
func refusedWith(r reply) string {
	numbers, _ := r.body["error_codes"].([]any)
	if len(numbers) != 1 || r.body["access_token"] != nil {
		return string(r.raw)
	}
	number, _ := numbers[0].(float64)
	return str(r.body, "error") + " " + strings.TrimSuffix(jsonNumber(number), ".0")
}

func jsonNumber(n float64) string { return string(wire.Encode(n)) }

// changed returns v with fields in pairs set, or removed if the value is "".
func changed(v url.Values, pairs ...string) url.Values {
	w := url.Values{}
	for name, values := range v {
		w[name] = values
	}
	for i := 0; i < len(pairs); i += 2 {
		w.Set(pairs[i], pairs[i+1])
		if pairs[i+1] == "" {
			w.Del(pairs[i])
		}
	}
	return w
}

func TestTokenClaims(t *testing.T) {
	t.Parallel()
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c := start(t, Options{Users: 300, Now: func() time.Time { return at }})
	admin, plain := c.PersonInRole("License Administrator"), c.PersonInRole("")
	guest := c.guest().ID
	for _, tt := range []struct {
		name, token string
		want        jwt.MapClaims
		absent      string
	}{
		{"application", c.newToken(), jwt.MapClaims{
			"iss": "https://sts.windows.net/" + c.TenantID() + "/", "aud": c.URL, "ver": "1.0", "appid": c.ClientID(), "appidacr": "1", "idtyp": "app",
			"wids": []any{access.ApplicationRole}, "tid": c.TenantID(),
		}, "scp name upn azp acct"},
		{"member", c.DelegatedToken(plain, "User.Read"), jwt.MapClaims{
			"aud": access.Worldwide, "ver": "1.0", "appid": c.ClientID(), "idtyp": "user", "scp": "User.Read", "oid": plain, "wids": []any{memberRole}, "acct": 0.0,
		}, "roles azp"},
		{"administrator", c.DelegatedToken(admin, "User.Read"), jwt.MapClaims{"wids": []any{"4d6ac14f-3453-41d0-bef9-a3e0c569773a", memberRole}}, "roles"},
		{"guest", c.DelegatedToken(guest, "User.Read"), jwt.MapClaims{"wids": []any{guestRole}, "acct": 1.0, "oid": guest}, "roles upn"},
		{"own API", c.UserToken(plain, "a"), jwt.MapClaims{
			"iss": c.URL + "/" + c.TenantID() + "/v2.0", "aud": c.ClientID(), "ver": "2.0", "azp": c.PublicClientID(), "azpacr": "0", "scp": "a", "oid": plain,
		}, "roles wids appid upn"},
	} {
		got := inside(t, tt.token)
		for name, want := range tt.want {
			if diff := cmp.Diff(want, got[name]); diff != "" {
				t.Errorf("%s: %s (-want +got):\n%s", tt.name, name, diff)
			}
		}
		for _, name := range strings.Fields(tt.absent) {
			if got[name] != nil {
				t.Errorf("%s: %s is %v", tt.name, name, got[name])
			}
		}
		life := time.Duration(got["exp"].(float64)-float64(at.Unix())) * time.Second
		if life < minLifetime || life > maxLifetime || got["nbf"] != got["iat"] || got["sub"] == nil || got["uti"] == nil {
			t.Errorf("%s: lives %v: %v", tt.name, life, got)
		}
	}
	lives := map[any]bool{}
	for range 20 {
		lives[inside(t, c.DelegatedToken(plain, "User.Read"))["exp"]] = true
	}
	if len(lives) < 10 {
		t.Errorf("twenty tokens end at %d times", len(lives))
	}
	if a, b := inside(t, c.UserToken(plain))["sub"], inside(t, c.DelegatedToken(plain, "x"))["sub"]; a == b {
		t.Error("a user has the same subject in two applications")
	}
}

// assertion returns a client assertion signed with the demonstration key pair.
func (c *client) assertion(claims jwt.MapClaims, method jwt.SigningMethod, header map[string]any) string {
	c.t.Helper()
	c.Certificate()
	now := c.clock.Now()
	all := jwt.MapClaims{
		"aud": c.URL + "/" + c.TenantID() + "/oauth2/v2.0/token", "iss": c.ClientID(), "sub": c.ClientID(),
		"jti": rand.Text(), "nbf": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
	for name, value := range claims {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	token := jwt.NewWithClaims(method, all)
	if header == nil {
		cert, _ := c.pair()
		header = map[string]any{"x5t#S256": wire.Digest(string(cert.Raw))}
	}
	for name, value := range header {
		token.Header[name] = value
	}
	_, key := c.pair()
	signed, err := token.SignedString(key)
	if err != nil {
		c.t.Fatal(err)
	}
	return signed
}

func (c *client) asserting(assertion string) url.Values {
	return url.Values{
		"grant_type": {"client_credentials"}, "client_id": {c.ClientID()}, "scope": {access.Worldwide + "/.default"},
		"client_assertion_type": {assertionType}, "client_assertion": {assertion},
	}
}

func TestClientAssertion(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	cert, _ := c.pair()
	whole := sha256.Sum256(cert.Raw)
	short := map[string]any{"x5t": thumbprint(cert.Raw)}
	now := c.clock.Now()
	for _, tt := range []struct {
		name, assertion, want string
	}{
		{"PS256", c.assertion(nil, jwt.SigningMethodPS256, nil), ""},
		{"RS256", c.assertion(nil, jwt.SigningMethodRS256, short), ""},
		{"base64", c.assertion(nil, jwt.SigningMethodPS256, map[string]any{"x5t#S256": base64.StdEncoding.EncodeToString(whole[:])}), ""},
		{"issuer as audience", c.assertion(jwt.MapClaims{"aud": c.URL + "/" + c.TenantID() + "/v2.0"}, jwt.SigningMethodPS256, nil), ""},
		{"without nbf", c.assertion(jwt.MapClaims{"nbf": nil}, jwt.SigningMethodPS256, nil), ""},

		{"other algorithm", c.assertion(nil, jwt.SigningMethodPS384, nil), "invalid_client 700027"},
		{"other certificate", c.assertion(nil, jwt.SigningMethodPS256, map[string]any{"x5t#S256": "x"}), "invalid_client 700027"},
		{"no certificate", c.assertion(nil, jwt.SigningMethodPS256, map[string]any{}), "invalid_client 700027"},
		{"no jti", c.assertion(jwt.MapClaims{"jti": nil}, jwt.SigningMethodPS256, nil), "invalid_client 50027"},
		{"other subject", c.assertion(jwt.MapClaims{"sub": c.TenantID()}, jwt.SigningMethodPS256, nil), "invalid_client 700021"},
		{"other audience", c.assertion(jwt.MapClaims{"aud": access.Worldwide}, jwt.SigningMethodPS256, nil), "invalid_client 700023"},
		{"two audiences", c.assertion(jwt.MapClaims{"aud": []string{c.URL + "/" + c.TenantID() + "/v2.0", access.Worldwide}}, jwt.SigningMethodPS256, nil), "invalid_client 700023"},
		{"too long", c.assertion(jwt.MapClaims{"exp": now.Add(11 * time.Minute).Unix()}, jwt.SigningMethodPS256, nil), "invalid_client 700024"},
		{"too long, without nbf", c.assertion(jwt.MapClaims{"nbf": nil, "exp": now.Add(time.Hour).Unix()}, jwt.SigningMethodPS256, nil), "invalid_client 700024"},
		{"expired", c.assertion(jwt.MapClaims{"nbf": nil, "exp": now.Add(-6 * time.Minute).Unix()}, jwt.SigningMethodPS256, nil), "invalid_client 700024"},
		{"not yet", c.assertion(jwt.MapClaims{"nbf": now.Add(7 * time.Minute).Unix()}, jwt.SigningMethodPS256, nil), "invalid_client 700024"},
		{"without end", c.assertion(jwt.MapClaims{"exp": nil}, jwt.SigningMethodPS256, nil), "invalid_client 700024"},
		{"other issuer", c.assertion(jwt.MapClaims{"iss": "https://issuer.example"}, jwt.SigningMethodPS256, nil), "invalid_client 700211"},
		{"nonsense", "abc", "invalid_request 50027"},
		{"very long", strings.Repeat("a", maxAssertion+1), "invalid_request 50027"},
		{"forged", c.assertion(nil, jwt.SigningMethodPS256, nil)[:600] + "AAAA", "invalid_client 700027"},
	} {
		r := c.postForm(c.asserting(tt.assertion))
		if tt.want != "" {
			if got := refusedWith(r); got != tt.want {
				t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
			}
		} else if r.status != 200 || inside(t, str(r.body, "access_token"))["appidacr"] != "2" {
			t.Errorf("%s: %d %s", tt.name, r.status, r.raw)
		}
	}
	one := c.assertion(jwt.MapClaims{"jti": "one"}, jwt.SigningMethodPS256, nil)
	for range 2 { // as libraries do that cache assertions
		if r := c.postForm(c.asserting(one)); r.status != 200 {
			t.Errorf("again: %d %s", r.status, r.raw)
		}
	}
	if r := c.postForm(c.asserting(c.assertion(jwt.MapClaims{"jti": "one"}, jwt.SigningMethodPS256, nil))); refusedWith(r) != "invalid_client 700027" {
		t.Errorf("replay: %d %s", r.status, r.raw)
	}
	if r := c.postForm(changed(c.asserting(one), "client_secret", c.ClientSecret())); refusedWith(r) != "invalid_request 90100" {
		t.Errorf("two credentials: %s", r.raw)
	}
	if r := c.postForm(changed(c.asserting(one), "client_assertion_type", "")); refusedWith(r) != "invalid_request 900144" {
		t.Errorf("no type: %s", r.raw)
	}
	if r := c.postForm(changed(c.asserting(one), "client_id", c.PublicClientID())); refusedWith(r) != "invalid_client 700025" {
		t.Errorf("public client: %s", r.raw)
	}
	me := c.UserToken(c.PersonInRole(""), "access_as_user")
	r := c.postForm(changed(c.onBehalf(me), "client_secret", "", "client_assertion_type", assertionType, "client_assertion", one))
	if r.status != 200 || inside(t, str(r.body, "access_token"))["appidacr"] != "2" {
		t.Errorf("on behalf of: %d %s", r.status, r.raw)
	}
}

// TestForeignCertificate signs in with a key pair that the tenant did not
// generate.
func TestForeignCertificate(t *testing.T) {
	t.Parallel()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	for registered, want := range map[bool]int{true: 200, false: 401} {
		opts := Options{Users: 10}
		if registered {
			opts.SignIn.Certificates = []*x509.Certificate{cert}
		}
		c := start(t, opts)
		token := jwt.NewWithClaims(jwt.SigningMethodPS256, jwt.MapClaims{
			"aud": c.URL + "/" + c.TenantID() + "/oauth2/v2.0/token", "iss": c.ClientID(), "sub": c.ClientID(), "jti": "1",
			"nbf": c.clock.Now().Unix(), "exp": c.clock.Now().Add(time.Minute).Unix(),
		})
		token.Header["x5t#S256"] = wire.Digest(string(cert.Raw))
		signed, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		if r := c.postForm(c.asserting(signed)); r.status != want {
			t.Errorf("registered %v: %d %s", registered, r.status, r.raw)
		}
	}
}

func TestFederatedCredential(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point, err := key.PublicKey.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	encoded := base64.RawURLEncoding.EncodeToString
	set := wire.Encode(row{"keys": []row{{"kty": "EC", "crv": "P-256", "kid": "k", "x": encoded(point[1:33]), "y": encoded(point[33:])}}})
	c := start(t, Options{Users: 10, SignIn: SignIn{Federated: []Federated{{Issuer: "https://ci.example", Subject: "repo:a", Keys: set}}}})
	sign := func(kid string, key *ecdsa.PrivateKey, pairs ...string) url.Values {
		all := jwt.MapClaims{"iss": "https://ci.example", "sub": "repo:a", "aud": "api://AzureADTokenExchange", "exp": c.clock.Now().Add(time.Hour).Unix()}
		for i := 0; i < len(pairs); i += 2 {
			all[pairs[i]] = pairs[i+1]
		}
		token := jwt.NewWithClaims(jwt.SigningMethodES256, all)
		token.Header["kid"] = kid
		signed, err := token.SignedString(key)
		if err != nil {
			t.Fatal(err)
		}
		return c.asserting(signed)
	}
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if r := c.postForm(sign("k", key)); r.status != 200 || inside(t, str(r.body, "access_token"))["appidacr"] != "2" {
		t.Errorf("%d %s", r.status, r.raw)
	}
	for name, tt := range map[string]struct {
		form url.Values
		want string
	}{
		"issuer":      {sign("k", key, "iss", "https://ci.example/"), "invalid_client 700211"},
		"subject":     {sign("k", key, "sub", "repo:b"), "invalid_client 700213"},
		"audience":    {sign("k", key, "aud", access.Worldwide), "invalid_client 700212"},
		"unknown key": {sign("other", key), "invalid_client 700027"},
		"forged":      {sign("k", stranger), "invalid_client 700027"},
	} {
		if got := refusedWith(c.postForm(tt.form)); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestRotateKeys(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c := start(t, Options{Users: 10, Now: func() time.Time { return at.Add(time.Duration(ahead.Load())) }})
	ids := func() (list []string) {
		certificates := c.certificates()
		for i, k := range rows(c.ok("/"+c.TenantID()+"/discovery/v2.0/keys"), "keys") {
			if thumbprint(certificates[i].Raw) != k["kid"] || k["x5t"] != k["kid"] || str(k, "issuer") != c.URL+"/"+c.TenantID()+"/v2.0" {
				t.Errorf("%v", k)
			}
			list = append(list, str(k, "kid"))
		}
		return list
	}
	usable := func(token string) int { return c.get("/v1.0/groups", "Authorization", "Bearer "+token).status }
	before, old := ids(), c.newToken()
	if len(before) != 2 {
		t.Errorf("keys %v", before)
	}
	c.RotateKeys()
	after := ids()
	if len(after) != 3 || after[0] != before[1] || after[2] != before[0] || after[1] == before[0] || after[1] == before[1] {
		t.Errorf("keys %v, then %v", before, after)
	}
	fresh := c.newToken()
	if usable(old) != 200 || usable(fresh) != 200 {
		t.Errorf("after a rotation: %d %d", usable(old), usable(fresh))
	}
	c.RotateKeys()
	if usable(old) != 401 || usable(fresh) != 200 {
		t.Errorf("after two: %d %d", usable(old), usable(fresh))
	}
	long := c.sign(jwt.MapClaims{"aud": c.URL, "roles": access.DefaultRoles, "exp": at.Add(1000 * time.Hour).Unix()})
	c.RotateKeys()
	ahead.Store(int64(keyGrace) - 1)
	if got := usable(long); got != 200 || 28*time.Hour >= keyGrace {
		t.Errorf("before the end of the grace: %d", got)
	}
	ahead.Store(int64(keyGrace))
	if got := ids(); len(got) != 2 || usable(long) != 401 {
		t.Errorf("after the grace: %v, %d", got, usable(long))
	}
}

func TestDiscoveryDocuments(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	for tenant, want := range map[string][2]string{
		c.TenantID():      {c.TenantID(), c.TenantID()},
		tenant.MainDomain: {c.TenantID(), c.TenantID()},
		"common":          {"common", "{tenantid}"},
		"organizations":   {"organizations", "{tenantid}"},
	} {
		doc := c.ok("/" + tenant + "/v2.0/.well-known/openid-configuration")
		if str(doc, "authorization_endpoint") != c.URL+"/"+want[0]+"/oauth2/v2.0/authorize" || str(doc, "issuer") != c.URL+"/"+want[1]+"/v2.0" {
			t.Errorf("%s: %v", tenant, doc)
		}
		if set := c.ok(str(doc, "jwks_uri")); str(rows(set, "keys")[0], "issuer") != str(doc, "issuer") {
			t.Errorf("%s: %v", tenant, set)
		}
	}
	for _, path := range []string{"/v2.0/.well-known/openid-configuration", "/discovery/v2.0/keys"} {
		if r := c.get("/elsewhere.example" + path); refusedWith(r) != "invalid_tenant 90002" {
			t.Errorf("%s: %d %s", path, r.status, r.raw)
		}
		if r := c.do("POST", "/common"+path, ""); r.status != 405 {
			t.Errorf("%s: %d %s", path, r.status, r.raw)
		}
	}
	ask := func(endpoint string) reply {
		return c.get("/common/discovery/instance?api-version=1.1&authorization_endpoint=" + url.QueryEscape(endpoint))
	}
	if r := ask(c.URL + "/" + c.TenantID() + "/oauth2/v2.0/authorize"); str(r.body, "tenant_discovery_endpoint") != c.URL+"/"+c.TenantID()+"/v2.0/.well-known/openid-configuration" {
		t.Errorf("%d %s", r.status, r.raw)
	}
	if r := ask("https://login.example/common/oauth2/v2.0/authorize"); r.status != 400 || str(r.body, "error") != "invalid_instance" {
		t.Errorf("another instance: %d %s", r.status, r.raw)
	}
}

func TestForwarded(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 300})
	for name, tt := range map[string]struct{ proto, host, want string }{
		"proxy":      {"https", "graph.example:8443", "https://graph.example:8443"},
		"IPv6":       {"https", "[::1]:8443", "https://[::1]:8443"},
		"host alone": {"", "graph.example", "http://graph.example"},
		"no scheme":  {"gopher", "", c.URL},
		"path":       {"", "graph.example/x", c.URL},
		"two":        {"", "a.example, b.example", c.URL},
		"user":       {"", "a@b.example", c.URL},
	} {
		headers := []string{"X-Forwarded-Proto", tt.proto, "X-Forwarded-Host", tt.host}
		doc := c.ok("/common/v2.0/.well-known/openid-configuration", headers...)
		if got := str(doc, "token_endpoint"); got != tt.want+"/common/oauth2/v2.0/token" {
			t.Errorf("%s: %s", name, got)
		}
		token := c.DelegatedToken(c.PersonInRole("Global Reader"), "User.Read.All")
		if got := str(c.ok("/v1.0/users?$top=5", append(headers, "Authorization", "Bearer "+token)...), "@odata.nextLink"); !strings.HasPrefix(got, tt.want+"/v1.0/users") {
			t.Errorf("%s: %s", name, got)
		}
	}
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://graph/", nil)
	r.RemoteAddr = "192.0.2.1:1234"
	r.Header.Set("X-Forwarded-Proto", "https")
	if got := wire.Origin(r); got != "http://graph" {
		t.Errorf("a stranger is believed: %s", got)
	}
}

func TestStartTLS(t *testing.T) {
	t.Parallel()
	s := startChecked(t, Options{Users: 10}, ServeTLS)
	http1 := s.Client()
	t.Cleanup(http1.CloseIdleConnections)
	for _, base := range []string{s.URL, strings.Replace(s.URL, "127.0.0.1", "localhost", 1)} {
		resp, err := http1.Get(base + "/common/v2.0/.well-known/openid-configuration")
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if resp.StatusCode != 200 || !strings.Contains(string(raw), base+"/common/oauth2/v2.0/token") {
			t.Errorf("%s: %d %s", base, resp.StatusCode, raw)
		}
	}
	// The authority is restricted to these names.
	block, _ := pem.Decode(s.Authority)
	root, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(root.PermittedDNSDomains, []string{"localhost"}) || !root.PermittedDNSDomainsCritical || !root.MaxPathLenZero {
		t.Errorf("%v", root.PermittedDNSDomains)
	}
	if _, err := tls.Dial("tcp", strings.TrimPrefix(s.URL, "https://"), &tls.Config{}); err == nil {
		t.Error("trusted by everybody")
	}
}

// authorization returns the parameters of an authorization request, and its
// verifier.
func (c *client) authorization(pairs ...string) (url.Values, string) {
	verifier := rand.Text() + rand.Text()
	sum := sha256.Sum256([]byte(verifier))
	return changed(url.Values{
		"client_id": {c.PublicClientID()}, "response_type": {"code"}, "redirect_uri": {"http://localhost:1/back"},
		"scope": {"openid profile offline_access User.Read"}, "state": {"s&t"}, "nonce": {"n"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"},
	}, pairs...), verifier
}

func (c *client) authorizing(params url.Values) reply {
	c.t.Helper()
	return c.get("/" + c.TenantID() + "/oauth2/v2.0/authorize?" + params.Encode())
}

// returned returns the parameters in the redirect to the application.
func returned(t *testing.T, r reply) url.Values {
	t.Helper()
	u, err := url.Parse(r.header.Get("Location"))
	if r.status != 302 || err != nil || !strings.HasPrefix(u.String(), "http://localhost:1/back?") {
		t.Fatalf("%d %v %s", r.status, r.header, r.raw)
	}
	return u.Query()
}

func TestAuthorizationCode(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 200})
	me := c.current().User(0)
	params, verifier := c.authorization("login_hint", strings.ToUpper(me.UserPrincipalName()), "client_info", "1")
	got := returned(t, c.authorizing(params))
	if got.Get("state") != "s&t" || got.Get("error") != "" {
		t.Fatalf("%v", got)
	}
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {c.PublicClientID()}, "code": {got.Get("code")},
		"redirect_uri": {"http://localhost:1/back"}, "code_verifier": {verifier}, "client_info": {"1"}}
	for name, tt := range map[string]struct {
		form url.Values
		want string
	}{
		"other verifier":   {changed(form, "code_verifier", rand.Text()+rand.Text()), "invalid_grant 501481"},
		"no verifier":      {changed(form, "code_verifier", ""), "invalid_grant 50148"},
		"other address":    {changed(form, "redirect_uri", "http://localhost:2/back"), "invalid_grant 500112"},
		"other client":     {changed(form, "client_id", c.ClientID(), "client_secret", c.ClientSecret()), "invalid_grant 700005"},
		"credential":       {changed(form, "client_secret", c.ClientSecret()), "invalid_client 700025"},
		"no code":          {changed(form, "code", ""), "invalid_request 900144"},
		"nonsense":         {changed(form, "code", "x"), "invalid_grant 9002313"},
		"as refresh token": {changed(form, "grant_type", "refresh_token", "refresh_token", got.Get("code")), "invalid_grant 9002313"},
	} {
		if got := refusedWith(c.postForm(tt.form)); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
	r := c.postForm(form)
	if r.status != 200 || str(r.body, "scope") != "User.Read openid profile" || !lives(r) {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	id := inside(t, str(r.body, "id_token"))
	if id["aud"] != c.PublicClientID() || id["nonce"] != "n" || id["oid"] != me.ID().String() || id["preferred_username"] != me.UserPrincipalName() || id["iss"] != c.URL+"/"+c.TenantID()+"/v2.0" {
		t.Errorf("%v", id)
	}
	if info, err := base64.RawURLEncoding.DecodeString(str(r.body, "client_info")); err != nil || !strings.Contains(string(info), me.ID().String()) {
		t.Errorf("client_info %s", info)
	}
	if got := c.ok("/v1.0/me", "Authorization", "Bearer "+str(r.body, "access_token")); got["id"] != me.ID().String() {
		t.Errorf("me is %v", got)
	}
	if r := c.get("/v1.0/me", "Authorization", "Bearer "+str(r.body, "id_token")); r.status != 401 {
		t.Errorf("an id token reads: %d", r.status)
	}
	if got := refusedWith(c.postForm(form)); got != "invalid_grant 54005" {
		t.Errorf("a code twice: %s", got)
	}

	// Refresh, also for the API of the application.
	again := url.Values{"grant_type": {"refresh_token"}, "client_id": {c.PublicClientID()}, "refresh_token": {str(r.body, "refresh_token")}}
	for range 2 {
		r := c.postForm(again)
		if r.status != 200 || str(r.body, "scope") != "User.Read openid profile" || str(r.body, "refresh_token") == again.Get("refresh_token") || str(r.body, "id_token") == "" {
			t.Errorf("%d %s", r.status, r.raw)
		}
	}
	r = c.postForm(changed(again, "scope", "api://"+c.ClientID()+"/access_as_user"))
	mine := str(r.body, "access_token")
	if r.status != 200 || inside(t, mine)["aud"] != c.ClientID() {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	if r := c.postForm(c.onBehalf(mine)); r.status != 200 {
		t.Errorf("on behalf of: %d %s", r.status, r.raw)
	}
	for name, tt := range map[string]struct {
		form url.Values
		want string
	}{
		"other client": {changed(again, "client_id", c.ClientID(), "client_secret", c.ClientSecret()), "invalid_grant 700005"},
		"edited":       {changed(again, "refresh_token", again.Get("refresh_token")+"A"), "invalid_grant 9002313"},
		"no token":     {changed(again, "refresh_token", ""), "invalid_request 900144"},
		"more":         {changed(again, "scope", "Directory.ReadWrite.All"), "invalid_grant 65001"},
	} {
		if got := refusedWith(c.postForm(tt.form)); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestConfidentialCode redeems a code with a secret, without a challenge.
func TestConfidentialCode(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	params, _ := c.authorization("client_id", c.ClientID(), "code_challenge", "", "code_challenge_method", "", "login_hint", c.PersonInRole(""))
	code := returned(t, c.authorizing(params)).Get("code")
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {c.ClientID()}, "code": {code}, "redirect_uri": {"http://localhost:1/back"}}
	if got := refusedWith(c.postForm(form)); got != "invalid_client 7000218" {
		t.Errorf("without the secret: %s", got)
	}
	form.Set("client_secret", c.ClientSecret())
	if got := refusedWith(c.postForm(changed(form, "code_verifier", rand.Text()+rand.Text()))); got != "invalid_grant 501481" {
		t.Errorf("with a verifier of nothing: %s", got)
	}
	if r := c.postForm(form); r.status != 200 || inside(t, str(r.body, "access_token"))["appidacr"] != "1" {
		t.Errorf("%d %s", r.status, r.raw)
	}
}

// TestSinglePage signs in like a single-page application.
func TestSinglePage(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	const home = "https://app.example/spa"
	c := start(t, Options{Users: 10, Now: func() time.Time { return at.Add(time.Duration(ahead.Load())) }, SignIn: SignIn{SinglePage: []string{home}}})
	ask := func(origin string, form url.Values) reply {
		return c.do("POST", "/common/oauth2/v2.0/token", form.Encode(), "Content-Type", "application/x-www-form-urlencoded", "Origin", origin, "Authorization", "")
	}
	code := func(redirect string) url.Values {
		params, verifier := c.authorization("login_hint", c.PersonInRole(""), "redirect_uri", redirect)
		u, err := url.Parse(c.authorizing(params).header.Get("Location"))
		if err != nil || u.Query().Get("code") == "" {
			t.Fatalf("%s: %v %v", redirect, u, err)
		}
		return url.Values{"grant_type": {"authorization_code"}, "client_id": {c.PublicClientID()}, "code": {u.Query().Get("code")}, "redirect_uri": {redirect}, "code_verifier": {verifier}}
	}
	const origin = "https://app.example"
	if r := ask(origin, code("http://localhost:1/back")); refusedWith(r) != "invalid_request 9002326" || r.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("a code of another kind, in a browser: %v %s", r.header, r.raw)
	}
	form := code(home)
	if got := refusedWith(ask("", form)); got != "invalid_request 9002327" {
		t.Errorf("not in a browser: %s", got)
	}
	r := ask(origin, form)
	if r.status != 200 || r.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Fatalf("%d %v %s", r.status, r.header, r.raw)
	}
	for range 2 {
		ahead.Add(int64(pageLifetime / 2))
		form = url.Values{"grant_type": {"refresh_token"}, "client_id": {c.PublicClientID()}, "refresh_token": {str(r.body, "refresh_token")}}
		if ahead.Load() == int64(pageLifetime) {
			break
		}
		if got := refusedWith(ask("", form)); got != "invalid_request 9002327" {
			t.Errorf("refreshed elsewhere: %s", got)
		}
		if r = ask(origin, form); r.status != 200 {
			t.Fatalf("%d %s", r.status, r.raw)
		}
	}
	if got := refusedWith(ask(origin, form)); got != "invalid_grant 700082" {
		t.Errorf("a day later: %s", got)
	}
	params, _ := c.authorization("client_id", c.ClientID(), "redirect_uri", home)
	if r := c.authorizing(params); r.status != 400 {
		t.Errorf("the other client: %d", r.status)
	}
	if r := start(t, Options{Users: 10}).do("POST", "/common/oauth2/v2.0/token", form.Encode(), "Origin", origin); r.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("without such a client: %v", r.header)
	}
}

func TestRefusedAuthorization(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c := start(t, Options{Users: 200, Now: func() time.Time { return at.Add(time.Duration(ahead.Load())) }, SignIn: SignIn{RedirectURIs: []string{"https://app.example/back"}}})
	me := c.userName(0)
	// Errors that are not sent to the application:
	for name, pairs := range map[string][]string{
		"other client":   {"client_id", c.TenantID()},
		"no client":      {"client_id", ""},
		"no address":     {"redirect_uri", ""},
		"other address":  {"redirect_uri", "https://evil.example/"},
		"like loopback":  {"redirect_uri", "http://localhost.evil.example/"},
		"user":           {"redirect_uri", "http://localhost@evil.example/"},
		"user, loopback": {"redirect_uri", "http://me@localhost/"},
		"other scheme":   {"redirect_uri", "ftp://localhost/"},
		"https":          {"redirect_uri", "https://localhost/"},
		"fragment":       {"redirect_uri", "http://localhost/#x"},
		"script":         {"redirect_uri", "javascript:alert(1)"},
		"registered, +x": {"redirect_uri", "https://app.example/back/x"},
	} {
		params, _ := c.authorization(append(pairs, "login_hint", me)...)
		if r := c.authorizing(params); r.status != 400 || r.header.Get("Location") != "" || !strings.Contains(string(r.raw), "AADSTS") {
			t.Errorf("%s: %d %v %s", name, r.status, r.header, r.raw)
		}
	}
	params, _ := c.authorization("redirect_uri", "https://app.example/back", "login_hint", me)
	if r := c.authorizing(params); r.status != 302 || !strings.HasPrefix(r.header.Get("Location"), "https://app.example/back?") {
		t.Errorf("registered: %d %v", r.status, r.header)
	}
	if r := c.get("/" + c.TenantID() + "/oauth2/v2.0/authorize?" + params.Encode() + "&client_id=x"); r.status != 400 {
		t.Errorf("a parameter twice: %d", r.status)
	}
	if r := c.get("/elsewhere.example/oauth2/v2.0/authorize?" + params.Encode()); r.status != 400 {
		t.Errorf("another tenant: %d", r.status)
	}
	// Errors that are:
	for name, tt := range map[string]struct {
		pairs []string
		want  string
	}{
		"no challenge":     {[]string{"code_challenge", "", "code_challenge_method", ""}, "invalid_request"},
		"short challenge":  {[]string{"code_challenge", "x"}, "invalid_request"},
		"other method":     {[]string{"code_challenge_method", "S512"}, "invalid_request"},
		"method alone":     {[]string{"client_id", c.ClientID(), "code_challenge", ""}, "invalid_request"},
		"implicit":         {[]string{"response_type", "token"}, "unsupported_response_type"},
		"no response type": {[]string{"response_type", ""}, "invalid_request"},
		"other mode":       {[]string{"response_mode", "web_message"}, "invalid_request"},
		"other prompt":     {[]string{"prompt", "maybe"}, "invalid_request"},
		"silent":           {[]string{"prompt", "none"}, "login_required"},
		"no scope":         {[]string{"scope", ""}, "invalid_request"},
		"no such scope":    {[]string{"scope", "User.Fly"}, "invalid_scope"},
		"not consented to": {[]string{"scope", "Directory.ReadWrite.All"}, "consent_required"},
	} {
		params, _ := c.authorization(append(tt.pairs, "login_hint", me)...)
		if got := returned(t, c.authorizing(params)); got.Get("error") != tt.want || got.Get("code") != "" || got.Get("state") != "s&t" || !strings.HasPrefix(got.Get("error_description"), "AADSTS") {
			t.Errorf("%s: %v", name, got)
		}
	}
	params, verifier := c.authorization("login_hint", me)
	code := returned(t, c.authorizing(params)).Get("code")
	refresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {c.PublicClientID()}}
	r := c.postForm(url.Values{"grant_type": {"password"}, "client_id": {c.PublicClientID()}, "username": {me}, "password": {Password}, "scope": {"openid offline_access"}})
	refresh.Set("refresh_token", str(r.body, "refresh_token"))
	ahead.Store(int64(refreshLifetime) - int64(time.Second))
	if r := c.postForm(refresh); r.status != 200 {
		t.Errorf("ninety days less a second later: %d %s", r.status, r.raw)
	}
	ahead.Store(int64(refreshLifetime))
	if got := refusedWith(c.postForm(refresh)); got != "invalid_grant 700082" {
		t.Errorf("ninety days later: %s", got)
	}
	ahead.Store(int64(codeLifetime))
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {c.PublicClientID()}, "code": {code}, "redirect_uri": {"http://localhost:1/back"}, "code_verifier": {verifier}}
	if got := refusedWith(c.postForm(form)); got != "invalid_grant 70008" {
		t.Errorf("ten minutes later: %s", got)
	}
}

var personLink = regexp.MustCompile(`<a href="([^"]+)">`)

// TestSignInPage chooses a user on the page, in each response mode.
func TestSignInPage(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 200})
	for _, mode := range []string{"", "query", "fragment", "form_post"} {
		params, _ := c.authorization("response_mode", mode, "state", `"><script>`, "prompt", "select_account", "login_hint", c.userName(0))
		r := c.authorizing(params)
		policy := r.header.Get("Content-Security-Policy")
		if r.status != 200 || !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || strings.Contains(string(r.raw), "<script") ||
			!strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "script-src") || strings.Contains(policy, "unsafe") || !strings.Contains(policy, "form-action 'self' http://localhost:1;") {
			t.Fatalf("%s: %d %v %s", mode, r.status, r.header, r.raw)
		}
		links := personLink.FindAllStringSubmatch(string(r.raw), -1)
		if len(links) != shownPeople || !strings.Contains(string(r.raw), "License Administrator") || !strings.Contains(string(r.raw), ", guest") {
			t.Errorf("%s: %d users: %s", mode, len(links), r.raw)
		}
		r = c.get("/" + c.TenantID() + "/oauth2/v2.0/" + html.UnescapeString(links[1][1]))
		switch location := r.header.Get("Location"); mode {
		case "form_post":
			if r.status != 200 || !strings.Contains(string(r.raw), `<form method="post" action="http://localhost:1/back">`) || !strings.Contains(string(r.raw), `name="code"`) || strings.Contains(string(r.raw), "<script") {
				t.Errorf("%s: %d %s", mode, r.status, r.raw)
			}
		case "fragment":
			if r.status != 302 || !strings.HasPrefix(location, "http://localhost:1/back#") || !strings.Contains(location, "code=") {
				t.Errorf("%s: %d %s", mode, r.status, location)
			}
		default:
			if got := returned(t, r); got.Get("code") == "" || got.Get("state") != `"><script>` {
				t.Errorf("%s: %v", mode, got)
			}
		}
	}
	off := c.userName(c.userWhere(func(i int32) bool { return !c.current().User(i).Enabled() }))
	for _, name := range []string{"nobody", off, "<b>"} {
		params, _ := c.authorization("login_hint", name)
		if r := c.authorizing(params); r.status != 200 || !strings.Contains(string(r.raw), "No user with this name") || strings.Contains(string(r.raw), "<b>") {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
	if r := c.get("/common/oauth2/v2.0/logout?state=x&post_logout_redirect_uri=" + url.QueryEscape("http://localhost:1/bye")); r.header.Get("Location") != "http://localhost:1/bye?state=x" {
		t.Errorf("%d %v", r.status, r.header)
	}
	if r := c.get("/common/oauth2/v2.0/logout?post_logout_redirect_uri=" + url.QueryEscape("https://evil.example")); r.status != 200 || r.header.Get("Location") != "" {
		t.Errorf("%d %v", r.status, r.header)
	}
}

func TestPasswordGrant(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	form := url.Values{"grant_type": {"password"}, "client_id": {c.PublicClientID()}, "username": {c.userName(0)}, "password": {Password}, "scope": {"openid User.Read"}}
	if r := c.postForm(form); r.status != 200 || str(r.body, "id_token") == "" || r.body["refresh_token"] != nil {
		t.Errorf("%d %s", r.status, r.raw)
	}
	for name, tt := range map[string]struct {
		form url.Values
		want string
	}{
		"password":     {changed(form, "password", "x"), "invalid_grant 50126"},
		"person":       {changed(form, "username", "nobody@licensegraph.example"), "invalid_grant 50034"},
		"confidential": {changed(form, "client_id", c.ClientID(), "client_secret", c.ClientSecret()), "invalid_client 7000218"},
		"missing":      {changed(form, "password", ""), "invalid_request 900144"},
	} {
		if got := refusedWith(c.postForm(tt.form)); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

// TestDeletedUsersCannotSignIn tests that a deleted or disabled user can neither sign in nor
// refresh.
func TestDeletedUsersCannotSignIn(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10, Variants: Variants{Roles: []string{"User.ReadWrite.All"}}})
	for _, leave := range []func(id string){
		func(id string) { c.directory("PATCH", "users/"+id, 204, "accountEnabled", false) },
		func(id string) { c.directory("DELETE", "users/"+id, 204) },
	} {
		id := c.newUser("leaver")
		form := url.Values{"grant_type": {"password"}, "client_id": {c.PublicClientID()}, "username": {"leaver@" + tenant.MainDomain}, "password": {Password}, "scope": {"openid offline_access"}}
		r := c.postForm(form)
		if r.status != 200 {
			t.Fatalf("%d %s", r.status, r.raw)
		}
		leave(id)
		refresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {c.PublicClientID()}, "refresh_token": {str(r.body, "refresh_token")}}
		for _, form := range []url.Values{form, refresh, c.onBehalf(c.UserToken(id, "access_as_user"))} {
			if got := refusedWith(c.postForm(form)); got != "invalid_grant 50057" && got != "invalid_grant 50034" {
				t.Errorf("%s: %s", form.Get("grant_type"), got)
			}
		}
		if r := c.do("DELETE", "/v1.0/users/"+id, ""); r.status != 204 && r.status != 404 {
			t.Errorf("%d %s", r.status, r.raw)
		}
	}
}

func TestDeviceCode(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c := start(t, Options{Users: 10, Now: func() time.Time { return at.Add(time.Duration(ahead.Load())) }})
	const formType = "application/x-www-form-urlencoded"
	begin := func(client string) reply {
		return c.do("POST", "/"+c.TenantID()+"/oauth2/v2.0/devicecode", url.Values{"client_id": {client}, "scope": {"User.Read offline_access"}}.Encode(), "Content-Type", formType)
	}
	if r := begin(c.ClientID()); refusedWith(r) != "invalid_client 7000218" {
		t.Errorf("confidential client: %s", r.raw)
	}
	d := begin(c.PublicClientID()).body
	poll := url.Values{"grant_type": {deviceGrant}, "client_id": {c.PublicClientID()}, "device_code": {str(d, "device_code")}}
	wait := func(t time.Duration) { ahead.Add(int64(t)) }
	if got := refusedWith(c.postForm(poll)); got != "authorization_pending 70016" {
		t.Errorf("at once: %s", got)
	}
	if got := refusedWith(c.postForm(poll)); got != "slow_down 70018" {
		t.Errorf("again at once: %s", got)
	}
	if r := c.get(str(d, "verification_uri")); r.status != 200 || !strings.Contains(string(r.raw), "user_code") {
		t.Errorf("%d %s", r.status, r.raw)
	}
	approve := str(d, "verification_uri") + "?user_code="
	if r := c.get(approve + "WRONG"); !strings.Contains(string(r.raw), "didn&#39;t work") {
		t.Errorf("%s", r.raw)
	}
	r := c.get(approve + strings.ToLower(str(d, "user_code")))
	links := personLink.FindAllStringSubmatch(string(r.raw), -1)
	if len(links) == 0 {
		t.Fatalf("%s", r.raw)
	}
	c.get("/common/oauth2/v2.0/" + html.UnescapeString(links[0][1]))
	if r := c.get(approve + str(d, "user_code")); !strings.Contains(string(r.raw), "didn&#39;t work") {
		t.Errorf("approved twice: %s", r.raw)
	}
	wait(deviceInterval)
	if got := refusedWith(c.postForm(changed(poll, "client_id", c.ClientID(), "client_secret", c.ClientSecret()))); got != "invalid_grant 700005" {
		t.Errorf("another client: %s", got)
	}
	if r := c.postForm(poll); r.status != 200 || str(r.body, "refresh_token") == "" {
		t.Errorf("%d %s", r.status, r.raw)
	}
	if got := refusedWith(c.postForm(poll)); got != "bad_verification_code 70019" {
		t.Errorf("twice: %s", got)
	}
	poll.Set("device_code", str(begin(c.PublicClientID()).body, "device_code"))
	wait(deviceLifetime)
	if got := refusedWith(c.postForm(poll)); got != "expired_token 70020" {
		t.Errorf("too late: %s", got)
	}
}

// TestDirectoryRoles uses every consented scope, so that only the user's roles
// decide.
func TestDirectoryRoles(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 300})
	guest := c.guest()
	someone := c.userID(200)
	board := c.of("board")
	who := map[string]string{"member": c.PersonInRole(""), "guest": guest.ID}
	for _, r := range access.Roles {
		if who[r.Name] = c.PersonInRole(r.Name); who[r.Name] == "" {
			t.Fatalf("no user has the role %s", r.Name)
		}
	}
	for name, id := range who {
		c.token = c.DelegatedToken(id, append(access.DefaultScopes, "User-CloudLicensing.Read.All", "Group.Read.All")...)
		has := access.ReadsOneself
		switch name {
		case "guest":
		case "member":
			has = access.ReadsDirectory
		default:
			has = access.Roles[slices.IndexFunc(access.Roles, func(r access.Role) bool { return r.Name == name })].Clearance
		}
		for uri, needs := range map[string]access.Clearance{
			"/v1.0/me": access.ReadsOneself, "/v1.0/users/" + id: access.ReadsOneself, "/beta/me/cloudLicensing/usageRights": access.ReadsOneself, "/beta/users/" + strings.ToUpper(id) + "/cloudLicensing/assignments": access.ReadsOneself,
			"/v1.0/users": access.ReadsDirectory, "/v1.0/users/" + someone: access.ReadsDirectory, "/v1.0/groups/" + board + "/members": access.ReadsDirectory, "/v1.0/subscribedSkus": access.ReadsDirectory,
			pools: access.ReadsLicenses, granted: access.ReadsLicenses, "/beta/users/" + someone + "/cloudLicensing/usageRights": access.ReadsLicenses, "/beta/groups/" + board + "/cloudLicensing/usageRights": access.ReadsLicenses,
			"/v1.0/groups/" + board + "/membersWithLicenseErrors": access.ReadsLicenses, "/v1.0/users/" + someone + "/licenseDetails": access.ReadsDetails,
			"/v1.0/me/licenseDetails": access.ReadsOneself, "/v1.0/users/" + id + "/licenseDetails": access.ReadsOneself,
		} {
			if r := c.get(uri); (r.status == 200) != has.Has(needs) || r.status != 200 && (r.status != 403 || strings.Contains(string(r.raw), "such as")) {
				t.Errorf("%s, %s: %d %s", name, uri, r.status, r.raw)
			}
		}
		for uri, needs := range map[string]access.Clearance{
			"/v1.0/users/" + someone + "/assignLicense": access.LicensesUsers, "/v1.0/me/assignLicense": access.LicensesUsers, "/v1.0/groups/" + board + "/assignLicense": access.LicensesGroups,
			"/v1.0/users/" + someone + "/reprocessLicenseAssignment": access.LicensesUsers, granted: access.AssignsLicenses, "/v1.0/groups/" + board + "/members/$ref": access.WritesMembers,
		} {
			if r := c.do("POST", uri, `{"nothing":1}`); (r.status == 403) == has.Has(needs) {
				t.Errorf("%s, %s: %d %s", name, uri, r.status, r.raw)
			}
		}
	}
	// A former name of the caller's account, which is another user's now,
	// gives no access.
	me, plain := who["member"], c.token
	c.SetVariants(Variants{Roles: []string{"User.ReadWrite.All"}, GroupEffects: Immediately})
	c.token = c.newToken()
	name := func(id, name string) {
		if r := c.do("PATCH", "/v1.0/users/"+id, string(wire.Encode(row{"userPrincipalName": name}))); r.status != 204 {
			t.Fatalf("%d %s", r.status, r.raw)
		}
	}
	old := str(c.ok("/v1.0/users/"+me), "userPrincipalName")
	before := c.DelegatedToken(me, "User.Read", "CloudLicensing.Read")
	name(me, "renamed@"+tenant.MainDomain)
	name(someone, old)
	c.token = before
	for as, want := range map[string]int{old: 403, "RENAMED@" + tenant.MainDomain: 200, me: 200} {
		if r := c.get("/beta/users/" + as + "/cloudLicensing/usageRights"); r.status != want {
			t.Errorf("as %s: %d %s", as, r.status, r.raw)
		}
	}
	c.token = plain
	// The scope User.Read applies to any caller's own data.
	c.token = c.DelegatedToken(who["Global Administrator"], "User.Read")
	if r := c.get("/beta/users/" + someone + "/cloudLicensing/usageRights"); r.status != 403 {
		t.Errorf("User.Read reads others: %d", r.status)
	}
	if r := c.get("/beta/users/" + who["Global Administrator"] + "/cloudLicensing/usageRights"); r.status != 200 {
		t.Errorf("User.Read does not read oneself: %d %s", r.status, r.raw)
	}
}
