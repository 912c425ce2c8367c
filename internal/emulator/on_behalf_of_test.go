package emulator

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator/access"
)

// onBehalf returns the form of the grant. Pairs replace the default fields.
func (c *client) onBehalf(assertion string, pairs ...string) url.Values {
	return changed(url.Values{
		"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "client_id": {c.ClientID()}, "client_secret": {c.ClientSecret()},
		"assertion": {assertion}, "scope": {access.Worldwide + "/.default"}, "requested_token_use": {"on_behalf_of"},
	}, pairs...)
}

func TestOnBehalfOf(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 20})
	me := c.userID(0)
	mine := c.UserToken(me, "access_as_user")
	for _, tt := range []struct {
		scope, granted string
		refresh        bool
	}{
		{access.Worldwide + "/User.Read", "User.Read", false},
		{c.URL + "/user.read " + c.URL + "/CloudLicensing.Read openid profile email", "User.Read CloudLicensing.Read", false},
		{"User.Read user.read offline_access", "User.Read", true},
		{access.Worldwide + "/.default", strings.Join(access.DefaultScopes, " "), false},
		{"offline_access " + c.URL + "/.default", strings.Join(access.DefaultScopes, " "), true},
	} {
		r := c.postForm(c.onBehalf(mine, "scope", tt.scope))
		if r.status != 200 || r.body["token_type"] != "Bearer" || !lives(r) || r.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", tt.scope, r.status, r.raw)
			continue
		}
		resource := access.Worldwide
		if strings.Contains(tt.scope, c.URL) {
			resource = c.URL
		}
		shown := strings.NewReplacer(resource+"/.default", "", resource+"/", "", "openid profile email", "").Replace(str(r.body, "scope"))
		if strings.TrimSpace(shown) != tt.granted || strings.Contains(tt.scope, ".default") != strings.Contains(str(r.body, "scope"), ".default") {
			t.Errorf("%s: scope %q", tt.scope, str(r.body, "scope"))
		}
		if (r.body["refresh_token"] != nil) != tt.refresh {
			t.Errorf("%s: refresh token %v", tt.scope, r.body["refresh_token"])
		}
		var got jwt.MapClaims
		if _, _, err := jwt.NewParser().ParseUnverified(str(r.body, "access_token"), &got); err != nil {
			t.Fatal(err)
		}
		if got["aud"] != resource || got["oid"] != me || got["scp"] != tt.granted || got["roles"] != nil || got["tid"] != c.TenantID() {
			t.Errorf("%s: %v", tt.scope, got)
		}
		c.token = str(r.body, "access_token")
		if got := c.ok("/v1.0/me"); got["id"] != me {
			t.Errorf("%s: me is %v", tt.scope, got)
		}
		want := 403
		if strings.Contains(tt.granted, "User.Read.All") {
			want = 200
		}
		if r := c.get("/v1.0/users"); r.status != want {
			t.Errorf("%s: users %d, want %d", tt.scope, r.status, want)
		}
	}
	// The user's token is not for Graph.
	if r := c.get("/v1.0/me", "Authorization", "Bearer "+mine); r.status != 401 {
		t.Errorf("me with the token of the application: %d", r.status)
	}
}

// TestUserToken validates the token like the application that it is for.
func TestUserToken(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	me := c.userID(0)
	doc := c.ok("/" + c.TenantID() + "/v2.0/.well-known/openid-configuration")
	for token, issuer := range map[string]string{
		c.UserToken(me, "a", "b"):          str(doc, "issuer"),
		c.Emulator.UserToken(me, "a", "b"): "https://login.microsoftonline.com/" + c.TenantID() + "/v2.0",
	} {
		var got jwt.MapClaims
		if _, err := jwt.ParseWithClaims(token, &got, func(*jwt.Token) (any, error) { return c.certificates()[0].PublicKey, nil },
			jwt.WithValidMethods([]string{"RS256"}), jwt.WithAudience(c.ClientID()), jwt.WithIssuer(issuer), jwt.WithExpirationRequired()); err != nil {
			t.Error(err)
		}
		if got["oid"] != me || got["scp"] != "a b" || got["ver"] != "2.0" || got["tid"] != c.TenantID() || got["azp"] == c.ClientID() {
			t.Errorf("%v", got)
		}
		if _, ok := got["appid"]; ok {
			t.Errorf("a v2.0 token has an appid: %v", got)
		}
	}
}

func TestRefusedOnBehalfOf(t *testing.T) {
	t.Parallel()
	var late atomic.Int64
	at := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	c := start(t, Options{Users: 200, Now: func() time.Time { return at.Add(time.Duration(late.Load())) }})
	me := c.userID(0)
	off := c.userID(c.userWhere(func(i int32) bool { return !c.current().User(i).Enabled() }))
	mine := c.UserToken(me, "access_as_user")
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	own := func(more jwt.MapClaims) string {
		all := jwt.MapClaims{"aud": c.ClientID(), "oid": me, "scp": "access_as_user"}
		maps.Copy(all, more)
		return c.sign(all)
	}
	claims := jwt.MapClaims{"aud": c.ClientID(), "tid": c.TenantID(), "oid": me, "scp": "access_as_user", "exp": at.Add(time.Hour).Unix()}
	forged, _ := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(stranger)
	unsigned, _ := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)

	for _, tt := range []struct {
		name   string
		form   url.Values
		status int
		error  string
		number float64
	}{
		{"no assertion", c.onBehalf(""), 400, "invalid_request", 900144},
		{"no use", c.onBehalf(mine, "requested_token_use", ""), 400, "invalid_request", 900144},
		{"other use", c.onBehalf(mine, "requested_token_use", "anything"), 400, "invalid_request", 90100},
		{"no scope", c.onBehalf(mine, "scope", ""), 400, "invalid_request", 900144},
		{"no secret", c.onBehalf(mine, "client_secret", ""), 401, "invalid_client", 7000218},
		{"other secret", c.onBehalf(mine, "client_secret", "x"), 401, "invalid_client", 7000215},
		{"other client", c.onBehalf(mine, "client_id", c.TenantID()), 400, "unauthorized_client", 700016},

		{"nonsense", c.onBehalf("abc"), 400, "invalid_grant", 50013},
		{"forged", c.onBehalf(forged), 400, "invalid_grant", 50013},
		{"unsigned", c.onBehalf(unsigned), 400, "invalid_grant", 50013},
		{"without end", c.onBehalf(own(jwt.MapClaims{"exp": nil})), 400, "invalid_grant", 50013},
		{"expired", c.onBehalf(own(jwt.MapClaims{"exp": at.Add(-time.Second).Unix()})), 400, "invalid_grant", 500133},
		{"not yet", c.onBehalf(own(jwt.MapClaims{"nbf": at.Add(time.Minute).Unix()})), 400, "invalid_grant", 500133},
		{"to Graph", c.onBehalf(c.DelegatedToken(me, "User.Read")), 400, "invalid_grant", 50013},
		{"two audiences", c.onBehalf(own(jwt.MapClaims{"aud": []string{c.ClientID(), access.Worldwide}})), 400, "invalid_grant", 50013},
		{"other tenant", c.onBehalf(own(jwt.MapClaims{"tid": c.ClientID()})), 400, "invalid_grant", 50013},
		{"application", c.onBehalf(own(jwt.MapClaims{"scp": nil, "roles": []string{"User.Read.All"}, "idtyp": "app"})), 400, "invalid_grant", 7000114},
		{"application to Graph", c.onBehalf(c.token), 400, "invalid_grant", 50013},
		{"unknown user", c.onBehalf(c.UserToken(c.TenantID(), "access_as_user")), 400, "invalid_grant", 50034},
		{"by name", c.onBehalf(c.UserToken(c.userName(0), "access_as_user")), 400, "invalid_grant", 50034},
		{"disabled", c.onBehalf(c.UserToken(off, "access_as_user")), 400, "invalid_grant", 50057},

		{"no resource", c.onBehalf(mine, "scope", "openid offline_access"), 400, "invalid_scope", 70011},
		{"no such scope", c.onBehalf(mine, "scope", access.Worldwide+"/User.Fly"), 400, "invalid_scope", 70011},
		{"not consented to", c.onBehalf(mine, "scope", access.Worldwide+"/User.Read "+access.Worldwide+"/Directory.ReadWrite.All"), 400, "invalid_grant", 65001},
		{"all and one", c.onBehalf(mine, "scope", access.Worldwide+"/.default "+access.Worldwide+"/User.Read"), 400, "invalid_scope", 70011},
		{"one and all", c.onBehalf(mine, "scope", access.Worldwide+"/User.Read "+access.Worldwide+"/.default"), 400, "invalid_scope", 70011},
		{"two resources", c.onBehalf(mine, "scope", access.Worldwide+"/User.Read "+c.URL+"/User.Read"), 400, "invalid_scope", 70011},
		{"other resource", c.onBehalf(mine, "scope", "https://vault.example/.default"), 400, "invalid_resource", 500011},
		{"public client", c.onBehalf(mine, "client_id", c.PublicClientID(), "client_secret", ""), 401, "invalid_client", 7000218},
	} {
		r := c.postForm(tt.form)
		if r.status != tt.status || str(r.body, "error") != tt.error || r.body["access_token"] != nil {
			t.Errorf("%s: %d %s", tt.name, r.status, r.raw)
			continue
		}
		if diff := cmp.Diff([]any{tt.number}, r.body["error_codes"]); diff != "" || r.body["claims"] != nil {
			t.Errorf("%s: %s", tt.name, r.raw)
		}
	}

	for variant, want := range map[string]struct {
		error  string
		number float64
	}{
		"mfa": {"interaction_required", 50076}, "enroll": {"interaction_required", 50079},
		"policy": {"interaction_required", 53003}, "consent": {"invalid_grant", 65001},
	} {
		c.SetVariants(Variants{OnBehalfOf: variant})
		r := c.postForm(c.onBehalf(mine))
		if r.status != 400 || str(r.body, "error") != want.error || r.body["error_codes"].([]any)[0] != want.number {
			t.Errorf("%s: %d %s", variant, r.status, r.raw)
		}
		if claims := str(r.body, "claims"); json.Valid([]byte(claims)) != (want.error == "interaction_required") {
			t.Errorf("%s: claims %q", variant, claims)
		}
		if r := c.postForm(c.onBehalf("abc")); str(r.body, "error") != "invalid_grant" {
			t.Errorf("%s, with nonsense: %d %s", variant, r.status, r.raw)
		}
		c.newToken() // does not affect app-only tokens
	}

	c.SetVariants(Variants{})
	late.Store(int64(90*time.Minute + time.Second))
	if r := c.postForm(c.onBehalf(mine)); r.body["error_codes"].([]any)[0] != 500133.0 {
		t.Errorf("an hour later: %d %s", r.status, r.raw)
	}
}

// TestAppRoles tests scopes of the application as an API, and app roles.
func TestAppRoles(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 20, SignIn: SignIn{Scopes: []string{"Things.Read", "Things.Write"}}})
	admin, other := c.PersonInRole("License Administrator"), c.PersonInRole("")
	c.AssignAppRoles(admin, "Things.Read.All")
	c.AssignAppRoles(c.ClientID(), "Things.Write.All")
	api := "api://" + c.ClientID() + "/"
	people := func(id, scope string) reply {
		return c.postForm(url.Values{"grant_type": {"password"}, "client_id": {c.PublicClientID()}, "username": {id}, "password": {Password}, "scope": {scope}})
	}
	for name, tt := range map[string]struct {
		r            reply
		scopes, role any
	}{
		"one scope":      {people(admin, api+"Things.Read"), "Things.Read", []any{"Things.Read.All"}},
		"all scopes":     {people(admin, api+".default"), "Things.Read Things.Write", []any{"Things.Read.All"}},
		"no roles":       {people(other, api+"Things.Read"), "Things.Read", nil},
		"not of Graph":   {people(admin, "User.Read"), "User.Read", nil},
		"an application": {c.postForm(url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ClientID()}, "client_secret": {c.ClientSecret()}, "scope": {api + ".default"}}), nil, []any{"Things.Write.All"}},
	} {
		if tt.r.status != 200 {
			t.Errorf("%s: %d %s", name, tt.r.status, tt.r.raw)
			continue
		}
		claims := inside(t, str(tt.r.body, "access_token"))
		if diff := cmp.Diff([]any{tt.scopes, tt.role}, []any{claims["scp"], claims["roles"]}); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if got := refusedWith(people(admin, api+"access_as_user")); got != "invalid_scope 70011" {
		t.Errorf("a scope that it does not have: %s", got)
	}
}
