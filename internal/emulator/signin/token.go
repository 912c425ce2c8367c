package signin

import (
	"cmp"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/fault"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

const (
	// Login is the address of the real service. The emulator does not listen
	// there.
	Login = "https://login.microsoftonline.com"

	// Limits of the lifetime of access tokens, see Microsoft Learn, "Access
	// tokens in the Microsoft identity platform". Tokens become valid before
	// they are issued, to tolerate clocks that are late.
	minLifetime = 60 * time.Minute
	maxLifetime = 90 * time.Minute
	backdated   = 5 * time.Minute
)

// Answer answers a request to a sign-in endpoint of a tenant.
func (e *Entra) Answer(c *wire.Call, tenant, path string) (a wire.Answer) {
	defer func() { a.Plain = true }()
	real := func() wire.Answer { return wire.Answer{Status: http.StatusNotFound} }
	switch path {
	case "oauth2/v2.0/token":
		real = func() wire.Answer { return e.token(c, tenant) }
		if c.Method == http.MethodPost {
			c.Label = wire.TokenLabel
		}
	case "oauth2/v2.0/authorize":
		real = func() wire.Answer { return e.authorize(c, tenant) }
	case "oauth2/v2.0/devicecode":
		real = func() wire.Answer { return e.startDevice(c, tenant) }
	case "oauth2/v2.0/deviceauth":
		real = func() wire.Answer { return e.approveDevice(c) }
	case "oauth2/v2.0/logout":
		real = func() wire.Answer { return e.signOut(c) }
	case "v2.0/.well-known/openid-configuration":
		real = func() wire.Answer { return e.discovery(c, tenant) }
		c.Label = wire.DiscoveryLabel
	case "discovery/v2.0/keys":
		real = func() wire.Answer { return e.keys(c, tenant) }
		c.Label = wire.KeysLabel
	case "discovery/instance":
		real = func() wire.Answer { return e.instance(c) }
	}
	if c.Label == wire.Other {
		return real()
	}
	return e.faults.Answer(fault.Target{
		Call: c, URI: "/" + tenant + "/" + path, Answer: real,
		Application: func() string { return e.named(c) },
		Refuse:      func(r fault.Refusal) wire.Answer { return refusedByFault(c, r) },
	})
}

// named returns the client ID in a request, verified or not.
func (e *Entra) named(c *wire.Call) string {
	if c.Label != wire.TokenLabel {
		return access.ClientOf(c)
	}
	if id, _, ok := basicAuth(c.Header); ok {
		return id
	}
	form, _ := url.ParseQuery(string(c.Body)) // An invalid form has no client ID.
	return form.Get("client_id")
}

// refusedByFault returns the answer of a fault. The codes of the token
// endpoint are those of Microsoft Learn, "Microsoft Entra authentication and
// authorization error codes".
func refusedByFault(c *wire.Call, r fault.Refusal) wire.Answer {
	if c.Label != wire.TokenLabel {
		a := r.Problem().Answer(c)
		if r.Status == http.StatusTooManyRequests {
			a.Units = 1 // Throttled calls count.
		}
		return a
	}
	code, number, message := "invalid_request", 9002313, "Invalid request. Request is malformed or invalid."
	switch {
	case r.Status == http.StatusTooManyRequests:
		code, number, message = "temporarily_unavailable", 90055, "There are too many incoming requests. Retry later."
	case r.Status >= http.StatusInternalServerError:
		code, number, message = "temporarily_unavailable", 90033, "A transient error has occurred. Please try again."
	}
	body := entraError(c, cmp.Or(r.Code, code), number, "%s", cmp.Or(r.Message, message))
	maps.Copy(body, r.More)
	a := wire.Answer{Status: r.Status, Body: wire.Encode(body)}
	a.Set("Cache-Control", "no-store")
	return a
}

// isTenant reports whether name identifies this tenant.
func (e *Entra) isTenant(name string) bool {
	return strings.EqualFold(name, e.id) || strings.EqualFold(name, tenant.MainDomain)
}

// acceptsUsers reports whether users of this tenant can sign in at the
// authority. The applications are multi-tenant, and there is only one tenant.
func (e *Entra) acceptsUsers(tenant string) bool {
	return e.isTenant(tenant) || tenant == "common" || tenant == "organizations"
}

// authority returns the authority of this tenant, and issuer the issuer of its
// tokens.
func (e *Entra) authority(c *wire.Call) string { return c.Base + "/" + e.id }
func (e *Entra) issuer(c *wire.Call) string    { return e.authority(c) + "/v2.0" }

// token is the token endpoint, RFC 6749 section 3.2, see Microsoft Learn,
// "Microsoft identity platform and OAuth 2.0".
func (e *Entra) token(c *wire.Call, tenant string) wire.Answer {
	form, refused := e.form(c)
	if refused != nil {
		return *refused
	}
	grants := map[string]func(*wire.Call, url.Values, *registration, string) wire.Answer{
		"client_credentials": e.clientCredentials,
		onBehalfOfGrant:      e.onBehalfOf,
		"authorization_code": e.redeemCode,
		"refresh_token":      e.refresh,
		"password":           e.password,
		deviceGrant:          e.redeemDevice,
		"device_code":        e.redeemDevice, // the name in some libraries
	}
	name := form.Get("grant_type")
	grant, ok := grants[name]
	switch {
	case name == "":
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'grant_type'.")
	case !ok:
		return e.refuse(c, http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '%s'.", name)
	}
	switch {
	case !e.acceptsUsers(tenant):
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 90002, "Tenant '%s' not found. Check to make sure you have the correct tenant ID.", tenant)
	case name == "client_credentials" && !e.isTenant(tenant):
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 50059, "No tenant-identifying information found in either the request or implied by any provided credentials.")
	}
	app, acr, refused := e.authenticateClient(c, tenant, form)
	if refused != nil {
		return *refused
	}
	a := grant(c, form, app, acr)
	if app.public && len(e.signIn.SinglePage) > 0 && c.Header.Get("Origin") != "" {
		a.Set("Access-Control-Allow-Origin", "*")
	}
	return a
}

// form parses a form without repeated fields, RFC 6749 section 3.2.
func (e *Entra) form(c *wire.Call) (url.Values, *wire.Answer) {
	refuse := func(status, number int, format string, args ...any) (url.Values, *wire.Answer) {
		a := e.refuse(c, status, "invalid_request", number, format, args...)
		return nil, &a
	}
	if c.Method != http.MethodPost {
		return refuse(http.StatusMethodNotAllowed, 900561, "The endpoint only accepts POST requests. Received a %s request.", c.Method)
	}
	mediaType, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	form, err := url.ParseQuery(string(c.Body))
	if err != nil || mediaType != "application/x-www-form-urlencoded" {
		return refuse(http.StatusBadRequest, 900144, "The request body must contain the following parameter: 'grant_type'.")
	}
	for _, name := range slices.Sorted(maps.Keys(form)) {
		if len(form[name]) > 1 {
			return refuse(http.StatusBadRequest, 9000411, "The parameter '%s' is duplicated.", name)
		}
	}
	return form, nil
}

// clientCredentials is the client credentials grant, RFC 6749 section 4.4, see
// Microsoft Learn, "OAuth 2.0 client credentials flow on the Microsoft
// identity platform".
func (e *Entra) clientCredentials(c *wire.Call, form url.Values, app *registration, acr string) wire.Answer {
	switch {
	case app.public:
		return e.refuse(c, http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	case form.Get("scope") == "":
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'.")
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
		case e.isOwnAPI(resource):
			resource = e.clientID
		case !access.IsGraph(c.Base, resource):
			return e.refuse(c, http.StatusBadRequest, "invalid_resource", 500011, "The resource principal named %s was not found in the tenant.", resource)
		}
		audience = resource
	}
	if audience == "" {
		return e.refuse(c, http.StatusBadRequest, "invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid.")
	}
	token, expires := e.accessToken(c, bearer{app: app, acr: acr, audience: audience, continuous: continuous(form)})
	return tokens(object{
		"token_type":     "Bearer",
		"expires_in":     expires,
		"ext_expires_in": expires,
		"access_token":   token,
	})
}

// isOwnAPI reports whether a resource is the API of the application.
func (e *Entra) isOwnAPI(resource string) bool {
	return strings.EqualFold(strings.TrimPrefix(resource, "api://"), e.clientID)
}

func tokens(body object) wire.Answer {
	return wire.Answer{Status: http.StatusOK, Header: map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache"}, Body: wire.Encode(body)}
}

// bearer is the subject and the audience of a token.
type bearer struct {
	audience string // the requested identifier of Graph, or the client ID of an application
	app      *registration
	acr      string
	person   *access.Person // nil: an app-only token
	scopes   []string
	// continuous: the client understands claims challenges.
	continuous bool
}

// accessToken issues a token and returns its lifetime in seconds. For the
// claims see Microsoft Learn, "Access token claims reference". Tokens for
// Graph have version 1.0, others 2.0.
func (e *Entra) accessToken(c *wire.Call, b bearer) (token string, seconds int) {
	graph := b.audience != e.clientID
	least, most := minLifetime, maxLifetime
	if b.continuous = b.continuous && graph; b.continuous {
		least, most = minContinuous, maxContinuous
	}
	lifetime := e.lifetime(least, most)
	all := jwt.MapClaims{"aud": b.audience, "exp": c.Date.Add(lifetime).Unix()}
	if b.continuous {
		all["xms_cc"] = []string{"cp1"}
	}
	if graph {
		all["appid"], all["appidacr"], all["app_displayname"] = b.app.id, b.acr, b.app.name
	} else {
		all["azp"], all["azpacr"] = b.app.id, b.acr
	}
	principal := b.app.id
	if b.person != nil {
		principal = b.person.ID
	}
	if roles := e.appRoles.at(principal); !graph && len(roles) > 0 {
		all["roles"] = roles
	}
	if b.person == nil {
		all["idtyp"] = "app"
		if graph {
			all["roles"], all["wids"] = roles(c), []string{access.ApplicationRole}
		}
		return e.Sign(c, all), int(lifetime.Seconds()) - 1
	}
	p := b.person
	if since := e.Revoked(p.ID); c.Date.Add(-backdated).Before(since) {
		all["iat"], all["nbf"] = since.Unix(), since.Unix()
	}
	all["oid"], all["sub"], all["scp"], all["name"] = p.ID, e.pairwise(p.ID, b.audience), strings.Join(b.scopes, " "), p.Name
	switch {
	case !graph:
		all["preferred_username"] = p.PrincipalName
	case p.Guest:
		all["idp"], all["acct"], all["unique_name"] = "https://sts.windows.net/"+e.seed.GUID("home of guests", 0).String()+"/", 1, p.PrincipalName
	default:
		all["acct"], all["unique_name"], all["upn"] = 0, p.PrincipalName, p.PrincipalName
	}
	if graph {
		all["idtyp"], all["acr"], all["amr"], all["wids"] = "user", "1", []string{"pwd"}, p.Wids()
		all["given_name"], all["family_name"] = p.GivenName, p.Surname
	}
	return e.Sign(c, all), int(lifetime.Seconds()) - 1
}

// roles returns the application roles of new tokens.
func roles(c *wire.Call) []string {
	if c.Variants != nil && c.Variants.Roles != nil {
		return c.Variants.Roles
	}
	return access.DefaultRoles
}

// lifetime returns the lifetime of the next token. It varies, as in the
// service.
func (e *Entra) lifetime(least, most time.Duration) time.Duration {
	seconds := int((most - least).Seconds())
	return least + time.Duration(e.seed.Pick("token lifetime", int(e.lifetimes.Add(1)), seconds+1))*time.Second
}

// pairwise returns the subject identifier of a user for an application, OpenID
// Connect Core section 8.1.
func (e *Entra) pairwise(userID, audience string) string {
	sum := sha256.Sum256([]byte(e.id + "/" + audience + "/" + userID))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// Sign signs an access token with the given claims and the common ones. A nil
// value removes a common claim.
func (e *Entra) Sign(c *wire.Call, claims jwt.MapClaims) string {
	principal := e.seed.GUID("service principal", 0).String()
	uti := sha256.Sum256([]byte(c.RequestID))
	all := jwt.MapClaims{
		"iat": c.Date.Add(-backdated).Unix(),
		"nbf": c.Date.Add(-backdated).Unix(),
		"exp": c.Date.Add(minLifetime).Unix(),
		"oid": principal,
		"sub": principal,
		"tid": e.id,
		"uti": base64.RawURLEncoding.EncodeToString(uti[:16]),
		"rh":  "1." + base64.RawURLEncoding.EncodeToString(uti[16:]) + ".",
	}
	if claims["aud"] == e.clientID {
		all["iss"], all["ver"] = e.issuer(c), "2.0"
	} else {
		issuer := "https://sts.windows.net/" + e.id + "/"
		all["iss"], all["idp"], all["ver"], all["appid"], all["tenant_region_scope"] = issuer, issuer, "1.0", e.clientID, "EU"
	}
	for name, value := range claims {
		all[name] = value
		if value == nil {
			delete(all, name)
		}
	}
	return e.keyRing.sign(all)
}

func (r *keyRing) sign(claims jwt.MapClaims) string {
	key := r.signing()
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"], token.Header["x5t"] = key.id, key.id
	signed, err := token.SignedString(key.private)
	if err != nil {
		panic(err) // The key and the claims are valid.
	}
	return signed
}

// refuse returns an error of the token endpoint, RFC 6749 section 5.2, with
// the additions of Entra ID.
func (e *Entra) refuse(c *wire.Call, status int, code string, number int, format string, args ...any) wire.Answer {
	a := wire.Answer{Status: status, Body: wire.Encode(entraError(c, code, number, format, args...))}
	a.Set("Cache-Control", "no-store")
	return a
}

func entraError(c *wire.Call, code string, number int, format string, args ...any) object {
	at := c.Date.UTC().Format("2006-01-02 15:04:05Z")
	return object{
		"error": code,
		"error_description": fmt.Sprintf("AADSTS%d: %s\r\nTrace ID: %s\r\nCorrelation ID: %s\r\nTimestamp: %s",
			number, fmt.Sprintf(format, args...), c.RequestID, c.ClientRequestID, at),
		"error_codes":    []int{number},
		"timestamp":      at,
		"trace_id":       c.RequestID,
		"correlation_id": c.ClientRequestID,
		"error_uri":      fmt.Sprintf("%s/error?code=%d", Login, number),
	}
}
