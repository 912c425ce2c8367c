package emulator

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"math/big"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
)

// lives reports whether the token's lifetime is that of the service.
func lives(r reply) bool {
	seconds, _ := r.body["expires_in"].(float64)
	return seconds >= 3599 && seconds < 5400 && seconds == r.body["ext_expires_in"]
}

func TestTokenEndpoint(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	form := func(pairs ...string) url.Values {
		v := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ClientID()}, "client_secret": {c.ClientSecret()}, "scope": {access.Worldwide + "/.default"}}
		for i := 0; i < len(pairs); i += 2 {
			v.Set(pairs[i], pairs[i+1])
			if pairs[i+1] == "" {
				v.Del(pairs[i])
			}
		}
		return v
	}
	for _, tt := range []struct {
		name   string
		form   url.Values
		status int
		error  string
		number float64
	}{
		{"worldwide", form(), 200, "", 0},
		{"own", form("scope", c.URL+"/.default"), 200, "", 0},
		{"extra scopes", form("scope", "openid "+c.URL+"/.default offline_access profile"), 200, "", 0},
		{"other grant", form("grant_type", "implicit"), 400, "unsupported_grant_type", 70003},
		{"by id", form("scope", access.GraphID+"/.default"), 200, "", 0},
		{"no grant", form("grant_type", ""), 400, "invalid_request", 900144},
		{"no client", form("client_id", ""), 400, "invalid_request", 900144},
		{"other client", form("client_id", c.TenantID()), 400, "unauthorized_client", 700016},
		{"no secret", form("client_secret", ""), 401, "invalid_client", 7000218},
		{"other secret", form("client_secret", "guess"), 401, "invalid_client", 7000215},
		{"no scope", form("scope", ""), 400, "invalid_request", 900144},
		{"single permission", form("scope", access.Worldwide+"/User.Read.All"), 400, "invalid_scope", 1002012},
		{"no resource", form("scope", "openid"), 400, "invalid_scope", 70011},
		{"two resources", form("scope", access.Worldwide+"/.default "+c.URL+"/.default"), 400, "invalid_scope", 70011},
		{"other resource", form("scope", "https://vault.example/.default"), 400, "invalid_resource", 500011},
	} {
		r := c.postForm(tt.form)
		if r.status != tt.status || str(r.body, "error") != tt.error {
			t.Errorf("%s: %d %s", tt.name, r.status, r.raw)
			continue
		}
		if tt.error == "" {
			if r.body["token_type"] != "Bearer" || !lives(r) || r.body["refresh_token"] != nil {
				t.Errorf("%s: %s", tt.name, r.raw)
			}
			continue
		}
		numbers := r.body["error_codes"].([]any)
		if numbers[0] != tt.number || !strings.HasPrefix(str(r.body, "error_description"), "AADSTS") || str(r.body, "trace_id") == "" {
			t.Errorf("%s: %s", tt.name, r.raw)
		}
	}

	const formType = "application/x-www-form-urlencoded"
	path := "/" + c.TenantID() + "/oauth2/v2.0/token"
	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte(c.ClientID()+":"+url.QueryEscape(c.ClientSecret())))
	if r := c.do("POST", path, form("client_id", "", "client_secret", "").Encode(), "Content-Type", formType, "Authorization", basic); r.status != 200 {
		t.Errorf("Basic: %d %s", r.status, r.raw)
	}
	if r := c.do("POST", "/"+tenant.MainDomain+"/oauth2/v2.0/token", form().Encode(), "Content-Type", formType); r.status != 200 {
		t.Errorf("tenant by domain: %d %s", r.status, r.raw)
	}
	if r := c.do("POST", "/elsewhere.example/oauth2/v2.0/token", form().Encode(), "Content-Type", formType); refusedWith(r) != "invalid_request 90002" {
		t.Errorf("other tenant: %d %s", r.status, r.raw)
	}
	if r := c.do("POST", "/common/oauth2/v2.0/token", form().Encode(), "Content-Type", formType); refusedWith(r) != "invalid_request 50059" {
		t.Errorf("no tenant: %d %s", r.status, r.raw)
	}
	if r := c.do("POST", path, form().Encode(), "Content-Type", "application/json"); r.status != 400 {
		t.Errorf("JSON: %d", r.status)
	}
	if r := c.do("POST", path, form().Encode()+"&scope=x", "Content-Type", formType); r.status != 400 {
		t.Errorf("a field twice: %d", r.status)
	}
	if r := c.get(path); r.status != 405 {
		t.Errorf("GET: %d", r.status)
	}
}

// TestDiscovery validates a token with the two discovery documents.
func TestDiscovery(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	doc := c.ok("/" + c.TenantID() + "/v2.0/.well-known/openid-configuration")
	if str(doc, "token_endpoint") != c.URL+"/"+c.TenantID()+"/oauth2/v2.0/token" {
		t.Errorf("token_endpoint %q", str(doc, "token_endpoint"))
	}
	key := rows(c.ok(str(doc, "jwks_uri")), "keys")[0]
	decode := func(name string) *big.Int {
		b, err := base64.RawURLEncoding.DecodeString(str(key, name))
		if err != nil {
			t.Fatal(err)
		}
		return new(big.Int).SetBytes(b)
	}
	public := &rsa.PublicKey{N: decode("n"), E: int(decode("e").Int64())}
	token, err := jwt.Parse(c.token, func(*jwt.Token) (any, error) { return public, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithAudience(c.URL), jwt.WithIssuer("https://sts.windows.net/"+c.TenantID()+"/"))
	if err != nil || token.Header["kid"] != key["kid"] {
		t.Errorf("%v, kid %v", err, token.Header["kid"])
	}
	if r := c.get("/elsewhere.example/v2.0/.well-known/openid-configuration"); r.status != 400 {
		t.Errorf("other tenant: %d", r.status)
	}
}

func TestUnauthorized(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	roles := access.DefaultRoles
	stranger, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	claims := jwt.MapClaims{"aud": c.URL, "tid": c.TenantID(), "roles": roles, "exp": time.Now().Add(time.Hour).Unix()}
	forged, _ := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(stranger)
	unsigned, _ := jwt.NewWithClaims(jwt.SigningMethodNone, claims).SignedString(jwt.UnsafeAllowNoneSignatureType)
	symmetric, _ := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString([]byte("a key that is public"))
	for name, token := range map[string]string{
		"none": "", "nonsense": "abc", "forged": forged, "unsigned": unsigned, "symmetric": symmetric,
		"expired":        c.sign(jwt.MapClaims{"aud": c.URL, "roles": roles, "exp": time.Now().Add(-time.Minute).Unix()}),
		"not yet":        c.sign(jwt.MapClaims{"aud": c.URL, "roles": roles, "nbf": time.Now().Add(time.Hour).Unix()}),
		"without end":    c.sign(jwt.MapClaims{"aud": c.URL, "roles": roles, "exp": nil}),
		"other audience": c.sign(jwt.MapClaims{"aud": "https://vault.example", "roles": roles}),
		"two audiences":  c.sign(jwt.MapClaims{"aud": []string{c.URL, access.Worldwide}, "roles": roles}),
		"other tenant":   c.sign(jwt.MapClaims{"aud": c.URL, "roles": roles, "tid": c.ClientID()}),
	} {
		for _, uri := range []string{"/v1.0/users", "/beta/nothing"} {
			r := c.get(uri, "Authorization", strings.TrimSuffix("Bearer "+token, "Bearer "))
			if r.status != 401 || r.code() != "InvalidAuthenticationToken" || !strings.HasPrefix(r.header.Get("WWW-Authenticate"), "Bearer ") {
				t.Errorf("%s: %d %v %s", name, r.status, r.header, r.raw)
			}
		}
	}
}

func TestTokenExpires(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	e := New(Options{Users: 10, Now: func() time.Time { return now }})
	token, _ := e.entra.ApplicationToken(nil)
	status := func() int {
		r := httptest.NewRequest("GET", "http://graph/v1.0/users", nil)
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, r)
		return w.Code
	}
	if got := status(); got != 200 {
		t.Errorf("a new token: %d", got)
	}
	now = now.Add(90*time.Minute + time.Second)
	if got := status(); got != 401 {
		t.Errorf("an old token: %d", got)
	}
}

func TestRoles(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 20})
	user := c.userID(0)
	group := c.of("warehouse")
	const errs = "/beta/admin/cloudLicensing/assignmentErrors"
	uris := map[string]string{
		"errors": errs, "assignee": errs + "/" + c.current().ErrorID(c.errors()[0]) + "/assignedTo",
		"rights": "/beta/users/" + user + "/cloudLicensing/usageRights",
		"users":  "/v1.0/users", "groups": "/v1.0/groups", "skus": "/v1.0/subscribedSkus",
		"shared": "/beta/groups/" + group + "/cloudLicensing/usageRights", "one": "/beta/groups/" + group + "/cloudLicensing/usageRights/" + c.current().RightID(c.current().Rights(tenant.Ref{Kind: tenant.GroupKind, At: c.groupNamed("warehouse")})[0]),
		"members": "/v1.0/groups/" + group + "/membersWithLicenseErrors",
	}
	for role, allowed := range map[string]string{
		"CloudLicensing.Read.All":            "errors assignee rights",
		"User-CloudLicensing.Read.All":       "errors rights",
		"User-UsageRight.Read.All":           "rights",
		"Group-UsageRight.Read.All":          "shared one",
		"Group-UsageRight.Read":              "",
		"User.Read.All":                      "errors rights users shared one",
		"GroupMember.Read.All":               "groups",
		"GroupMember.Read.All,User.Read.All": "errors rights users groups members shared one",
		"Group.Read.All,User.ReadWrite.All":  "errors rights users groups members shared one",
		"Group.Read.All":                     "groups shared one",
		"LicenseAssignment.Read.All":         "skus",
		"Organization.Read.All":              "skus",
		"Directory.Read.All":                 "errors assignee rights users groups skus shared one members",
		"CloudLicensing.ReadWrite.All":       "", // on no page
		"CloudLicensing.AssignLicenses":      "",
		"Group-CloudLicensing.Read.All":      "shared one",
		"Group-CloudLicensing.Read":          "",
		"directory.read.all":                 "",
		"Directory.Read.All User.Read.All ":  "",
	} {
		c.SetVariants(Variants{Roles: strings.Split(role, ",")})
		c.token = c.newToken()
		for name, uri := range uris {
			want := 403
			if strings.Contains(" "+allowed+" ", " "+name+" ") {
				want = 200
			}
			if r := c.get(uri); r.status != want {
				t.Errorf("%s reads %s: %d, want %d", role, name, r.status, want)
			}
		}
	}
	c.SetVariants(Variants{Roles: []string{}})
	c.token = c.newToken()
	if r := c.get(errs); r.status != 403 || r.code() != "missingRequiredPermission" {
		t.Errorf("without roles: %d %s", r.status, r.raw)
	}
	got, _ := parts(t, c.do("POST", "/beta/$batch", batchOf(get("1", "/users"))))
	if got["1"]["status"] != 403.0 {
		t.Errorf("a batch evades roles: %v", got)
	}
}
