package emulator

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"fmt"
	"math/big"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	worldwide     = "https://graph.microsoft.com"
	keyID         = "embedded-tenant-key"
	tokenLifetime = 3599 * time.Second
)

// signingKey is made once per process, when the first token is asked for.
var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// answerSignIn serves what is not under a version of Graph: the token
// endpoint and the two documents about it.
func (e *Emulator) answerSignIn(c *call, tenant, path string) (a answer) {
	defer func() { a.plain = true }()
	real := func() answer { return answer{status: http.StatusNotFound} }
	switch path {
	case "oauth2/v2.0/token":
		real = func() answer { return e.token(c, tenant) }
		if c.method == http.MethodPost {
			c.label = tokenLabel
		}
	case "v2.0/.well-known/openid-configuration":
		real = func() answer { return e.discovery(c, tenant) }
	case "discovery/v2.0/keys":
		real = e.keys
	}
	if c.label == tokenLabel {
		if f := e.faults.next(c.label, "/"+tenant+"/"+path); f != nil {
			return f.apply(e, c, real)
		}
	}
	return real()
}

func (e *Emulator) knows(tenant string) bool {
	return strings.EqualFold(tenant, e.id) || strings.EqualFold(tenant, mainDomain)
}

func (e *Emulator) discovery(c *call, tenant string) answer {
	if !e.knows(tenant) {
		return e.refuse(c, http.StatusBadRequest, "invalid_tenant", 90002, "Tenant '%s' not found.", tenant)
	}
	authority := c.base + "/" + e.id
	return answer{status: http.StatusOK, body: encode(object{
		"issuer":                                authority + "/v2.0",
		"token_endpoint":                        authority + "/oauth2/v2.0/token",
		"jwks_uri":                              authority + "/discovery/v2.0/keys",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"pairwise"},
		"tenant_region_scope":                   "EU",
	})}
}

func (e *Emulator) keys() answer {
	public := signingKey().PublicKey
	encoded := base64.RawURLEncoding.EncodeToString
	return answer{status: http.StatusOK, body: encode(object{"keys": []object{{
		"kty": "RSA", "use": "sig", "alg": "RS256", "kid": keyID,
		"n": encoded(public.N.Bytes()), "e": encoded(big.NewInt(int64(public.E)).Bytes()),
	}}})}
}

// token answers two grants: client credentials, RFC 6749 section 4.4, in the
// way of Microsoft Learn, "OAuth 2.0 client credentials flow on the Microsoft
// identity platform", and on behalf of a person.
func (e *Emulator) token(c *call, tenant string) answer {
	if c.method != http.MethodPost {
		return e.refuse(c, http.StatusMethodNotAllowed, "invalid_request", 900561, "The endpoint only accepts POST requests.")
	}
	if !e.knows(tenant) {
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID.", tenant)
	}
	mediaType, _, _ := mime.ParseMediaType(c.header.Get("Content-Type"))
	form, err := url.ParseQuery(string(c.body))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'.")
	}
	for name, values := range form {
		if len(values) > 1 {
			return e.refuse(c, http.StatusBadRequest, "invalid_request", 9000411, "The parameter '%s' is duplicated.", name)
		}
	}
	id, secret := form.Get("client_id"), form.Get("client_secret")
	if user, password, ok := basicAuth(c.header); ok {
		id, secret = user, password
	}
	grant := form.Get("grant_type")
	switch grant {
	case "client_credentials", onBehalfOfGrant:
	case "":
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'.")
	default:
		return e.refuse(c, http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '%s'.", grant)
	}
	switch {
	case id == "":
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'client_id'.")
	case !strings.EqualFold(id, e.clientID):
		return e.refuse(c, http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '%s' was not found in the directory '%s'.", id, tenant)
	case secret == "":
		return e.refuse(c, http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	case secret != e.clientSecret:
		return e.refuse(c, http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided.")
	case form.Get("scope") == "":
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'.")
	}
	if grant == onBehalfOfGrant {
		return e.onBehalfOf(c, form)
	}
	audience := ""
	for _, scope := range strings.Fields(form.Get("scope")) {
		if slices.Contains(signInScopes, scope) {
			continue
		}
		resource, ok := strings.CutSuffix(scope, "/.default")
		switch {
		case !ok:
			return e.refuse(c, http.StatusBadRequest, "invalid_scope", 1002012, "The provided value for scope %s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier.", scope)
		case audience != "":
			return e.refuse(c, http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid: more than one resource.")
		case resource != c.base && resource != worldwide:
			return e.refuse(c, http.StatusBadRequest, "invalid_resource", 500011, "The resource principal named %s was not found in the tenant.", resource)
		}
		audience = resource
	}
	if audience == "" {
		return e.refuse(c, http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid.")
	}
	roles := c.variants.Roles
	if roles == nil {
		roles = defaultRoles
	}
	return answer{status: http.StatusOK, header: map[string]string{"Cache-Control": "no-store"}, body: encode(object{
		"token_type":     "Bearer",
		"expires_in":     int(tokenLifetime.Seconds()),
		"ext_expires_in": int(tokenLifetime.Seconds()),
		"access_token":   e.sign(c, jwt.MapClaims{"aud": audience, "idtyp": "app", "roles": roles}),
	})}
}

// basicAuth reads the header as RFC 6749 section 2.3.1 has it: both halves are
// form-encoded first.
func basicAuth(h http.Header) (user, password string, ok bool) {
	r := http.Request{Header: h}
	user, password, ok = r.BasicAuth()
	if u, err := url.QueryUnescape(user); err == nil {
		user = u
	}
	if p, err := url.QueryUnescape(password); err == nil {
		password = p
	}
	return user, password, ok
}

// sign makes an access token with the given claims and those that all have,
// except where nil is given.
func (e *Emulator) sign(c *call, claims jwt.MapClaims) string {
	all := jwt.MapClaims{
		"iss":   c.base + "/" + e.id + "/v2.0",
		"iat":   c.date.Unix(),
		"nbf":   c.date.Unix(),
		"exp":   c.date.Add(tokenLifetime).Unix(),
		"appid": e.clientID,
		"azp":   e.clientID,
		"oid":   e.dice.GUID("service principal", 0).String(),
		"sub":   e.dice.GUID("service principal", 0).String(),
		"tid":   e.id,
		"uti":   c.requestID,
		"ver":   "2.0",
	}
	for name, value := range claims {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, all)
	token.Header["kid"] = keyID
	signed, err := token.SignedString(signingKey())
	if err != nil {
		panic(err) // The key and the claims are our own.
	}
	return signed
}

// refuse is an error of the token endpoint, RFC 6749 section 5.2, with what
// Entra ID adds.
func (e *Emulator) refuse(c *call, status int, code string, number int, format string, args ...any) answer {
	return answer{status: status, body: encode(c.refusal(code, number, format, args...))}
}

func (c *call) refusal(code string, number int, format string, args ...any) object {
	at := c.date.UTC().Format("2006-01-02 15:04:05Z")
	return object{
		"error": code,
		"error_description": fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s",
			number, fmt.Sprintf(format, args...), c.requestID, c.clientRequestID, at),
		"error_codes":    []int{number},
		"timestamp":      at,
		"trace_id":       c.requestID,
		"correlation_id": c.clientRequestID,
	}
}
