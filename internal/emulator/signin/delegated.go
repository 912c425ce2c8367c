package signin

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/wire"
)

// Password is the password of all users in the tenant, for the password grant.
// It is not confidential.
const Password = "not-a-password"

// Lifetimes of refresh tokens, see Microsoft Learn, "Refresh tokens in the
// Microsoft identity platform".
const (
	refreshLifetime = 90 * 24 * time.Hour
	pageLifetime    = 24 * time.Hour // for single-page applications: a renewed token expires with the first one
)

// signInScopes are the OpenID Connect scopes, which belong to no resource.
var signInScopes = []string{"openid", "profile", "email", "offline_access"}

// askedScopes are the scopes of an authorization request.
type askedScopes struct {
	audience string   // "" = no resource
	scopes   []string // granted scopes of the audience
	shown    []string // the same in the format of the answer
	signIn   []string // OpenID Connect scopes
}

func (a *askedScopes) has(scope string) bool { return slices.Contains(a.signIn, scope) }

// askedScopes parses the requested scopes: permissions of one resource, or all
// with consent. Names are case-insensitive.
func (e *Entra) askedScopes(c *wire.Call, scope string) (askedScopes, *wire.Answer) {
	refuse := func(code string, number int, format string, args ...any) (askedScopes, *wire.Answer) {
		a := e.refuse(c, http.StatusBadRequest, code, number, format, args...)
		return askedScopes{}, &a
	}
	var asked askedScopes
	all := ""
	for _, name := range strings.Fields(scope) {
		if slices.Contains(signInScopes, name) {
			asked.signIn = append(asked.signIn, name)
			continue
		}
		resource, prefix, permission := access.Worldwide, "", name // A scope without a resource is one of Graph.
		if at := strings.LastIndexByte(name, '/'); at >= 0 {
			resource, prefix, permission = name[:at], name[:at+1], name[at+1:]
		}
		audience, consented := resource, access.DefaultScopes
		switch {
		case access.IsGraph(c.Base, resource):
		case e.isOwnAPI(resource):
			audience, consented = e.clientID, e.ownScopes()
		default:
			return refuse("invalid_resource", 500011, "The resource principal named %s was not found in the tenant.", resource)
		}
		same := func(other string) bool { return strings.EqualFold(other, permission) }
		at := slices.IndexFunc(consented, same)
		switch {
		case asked.audience != "" && audience != asked.audience:
			return refuse("invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid: more than one resource.")
		case all != "" || permission == ".default" && asked.scopes != nil:
			return refuse("invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid: .default scope can't be combined with resource-specific scopes.")
		case permission == ".default":
			all, asked.scopes = prefix, consented
			for _, s := range append(slices.Clip(consented), ".default") {
				asked.shown = append(asked.shown, prefix+s)
			}
		case at >= 0:
			if !slices.Contains(asked.scopes, consented[at]) {
				asked.scopes, asked.shown = append(asked.scopes, consented[at]), append(asked.shown, prefix+consented[at])
			}
		case slices.ContainsFunc(access.Unconsented, same), e.knownScope(permission):
			return refuse("invalid_grant", 65001, "The user or administrator has not consented to use the application with ID '%s' and the scope %s.", e.clientID, name)
		default:
			return refuse("invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid. The scope %s does not exist.", name)
		}
		asked.audience = audience
	}
	if asked.audience == "" && len(asked.signIn) > 0 && !slices.ContainsFunc(asked.signIn, func(s string) bool { return s != "offline_access" }) {
		return refuse("invalid_scope", 70011, "The provided value for the input parameter 'scope' is not valid. The scope offline_access is not valid alone.")
	}
	return asked, nil
}

// signInAs returns the user that signs in, by object ID or name.
func (e *Entra) signInAs(c *wire.Call, name string) (access.Person, *wire.Answer) {
	p, ok := e.person(name)
	switch {
	case !ok:
		a := e.refuse(c, http.StatusBadRequest, "invalid_grant", 50034, "The user account %s does not exist in the directory.", name)
		return access.Person{}, &a
	case p.Disabled:
		a := e.refuse(c, http.StatusBadRequest, "invalid_grant", 50057, "The user account is disabled.")
		return access.Person{}, &a
	}
	return p, nil
}

// personal returns the token response to an application that acts for a user,
// for any delegated grant.
func (e *Entra) personal(c *wire.Call, form url.Values, app *registration, acr string, p *access.Person, asked askedScopes, by consent) wire.Answer {
	audience, scopes, shown := asked.audience, asked.scopes, asked.shown
	if audience == "" { // Without other scopes, the token is for Graph.
		audience = access.Worldwide
	}
	for _, s := range asked.signIn {
		if s == "offline_access" {
			continue
		}
		shown = append(slices.Clip(shown), s)
		if asked.audience == "" {
			scopes = append(slices.Clip(scopes), s)
		}
	}
	token, seconds := e.accessToken(c, bearer{app: app, acr: acr, audience: audience, person: p, scopes: scopes, continuous: continuous(form)})
	body := object{
		"token_type":     "Bearer",
		"scope":          strings.Join(shown, " "),
		"expires_in":     seconds,
		"ext_expires_in": seconds,
		"access_token":   token,
	}
	if asked.has("offline_access") {
		ends := c.Date.Add(refreshLifetime).Unix()
		switch {
		case by.SinglePage && by.Kind == refreshKind:
			ends = by.Ends
		case by.SinglePage:
			ends = c.Date.Add(pageLifetime).Unix()
		}
		body["refresh_token"] = e.sealConsent(consent{
			Kind: refreshKind, Client: app.id, Person: p.ID, Scope: strings.Join(append(asked.shown, asked.signIn...), " "), Made: c.Date.UnixMilli(), Ends: ends, SinglePage: by.SinglePage,
		})
	}
	if asked.has("openid") {
		body["id_token"] = e.idToken(c, app, p, asked, by.Nonce)
	}
	if form.Get("client_info") == "1" {
		body["client_info"] = e.clientInfo(p)
	}
	return tokens(body)
}

// clientInfo returns the account identifier for MSAL.
func (e *Entra) clientInfo(p *access.Person) string {
	return base64.RawURLEncoding.EncodeToString(wire.Encode(object{"uid": p.ID, "utid": e.id}))
}

// idToken returns an ID token, see Microsoft Learn, "ID token claims
// reference".
func (e *Entra) idToken(c *wire.Call, app *registration, p *access.Person, asked askedScopes, nonce string) string {
	all := jwt.MapClaims{
		"aud": app.id, "iss": e.issuer(c), "ver": "2.0", "tid": e.id, "oid": p.ID, "sub": e.pairwise(p.ID, app.id),
		"iat": c.Date.Add(-backdated).Unix(), "nbf": c.Date.Add(-backdated).Unix(), "exp": c.Date.Add(time.Hour).Unix(),
		"uti": wire.Digest(c.RequestID)[:22],
	}
	if nonce != "" {
		all["nonce"] = nonce
	}
	if asked.has("profile") {
		all["name"], all["preferred_username"] = p.Name, p.PrincipalName
	}
	if asked.has("email") && !p.Guest {
		all["email"] = p.PrincipalName
	}
	return e.keyRing.sign(all)
}

// consent is the content of codes and refresh tokens: the grant of a user. The
// client stores it in encrypted form.
type consent struct {
	Kind   string `json:"k"`
	Client string `json:"c"`
	Person string `json:"p"`
	Scope  string `json:"s"`
	Made   int64  `json:"t"` // in milliseconds
	Ends   int64  `json:"e"`
	// SinglePage: issued to a single-page application.
	SinglePage bool   `json:"b,omitempty"`
	Redirect   string `json:"r,omitempty"`
	Nonce      string `json:"n,omitempty"`
	Challenge  string `json:"h,omitempty"`
	Method     string `json:"m,omitempty"`
}

const (
	codeKind    = "code"
	refreshKind = "refresh"
)

// newSealer returns a random key to encrypt grants. Each tenant has a
// different one.
func newSealer() cipher.AEAD {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // It never fails.
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	sealer, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err)
	}
	return sealer
}

func (e *Entra) sealConsent(g consent) string {
	return "1." + base64.RawURLEncoding.EncodeToString(e.sealer.Seal(nil, nil, wire.Encode(g), []byte(g.Kind)))
}

func (e *Entra) openConsent(kind, text string) (g consent, ok bool) {
	sealed, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(text, "1."))
	if err != nil {
		return g, false
	}
	plain, err := e.sealer.Open(nil, nil, sealed, []byte(kind))
	return g, err == nil && json.Unmarshal(plain, &g) == nil
}

// refresh redeems a refresh token, RFC 6749 section 6. Each answer has a new
// refresh token. The old one stays valid until it expires, as in the service.
func (e *Entra) refresh(c *wire.Call, form url.Values, app *registration, acr string) wire.Answer {
	if form.Get("refresh_token") == "" {
		return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'refresh_token'.")
	}
	g, ok := e.openConsent(refreshKind, form.Get("refresh_token"))
	switch {
	case !ok:
		return e.refuse(c, http.StatusBadRequest, "invalid_grant", 9002313, "Invalid request. Request is malformed or invalid.")
	case g.Client != app.id:
		return e.refuse(c, http.StatusBadRequest, "invalid_grant", 700005, "The provided token was issued to another client.")
	case c.Date.Unix() >= g.Ends:
		return e.refuse(c, http.StatusBadRequest, "invalid_grant", 700082, "The refresh token has expired due to inactivity.")
	case time.UnixMilli(g.Made).Before(e.Revoked(g.Person).Truncate(time.Millisecond)):
		return e.refuse(c, http.StatusBadRequest, "invalid_grant", 50173, "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.")
	}
	if refused := e.crossOrigin(c, g); refused != nil {
		return *refused
	}
	p, refused := e.signInAs(c, g.Person)
	if refused != nil {
		return *refused
	}
	scope := form.Get("scope")
	if scope == "" {
		scope = g.Scope
	}
	asked, refused := e.askedScopes(c, scope)
	if refused != nil {
		return *refused
	}
	if !asked.has("offline_access") { // It is part of the grant.
		asked.signIn = append(asked.signIn, "offline_access")
	}
	return e.personal(c, form, app, acr, &p, asked, g)
}

// password is the password grant, RFC 6749 section 4.3, which Entra ID allows
// public clients.
func (e *Entra) password(c *wire.Call, form url.Values, app *registration, acr string) wire.Answer {
	for _, name := range []string{"username", "password", "scope"} {
		if form.Get(name) == "" {
			return e.refuse(c, http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: '%s'.", name)
		}
	}
	if !app.public {
		return e.refuse(c, http.StatusUnauthorized, "invalid_client", 7000218, "The application does not allow public client flows.")
	}
	p, refused := e.signInAs(c, form.Get("username"))
	switch {
	case refused != nil:
		return *refused
	case form.Get("password") != Password:
		return e.refuse(c, http.StatusBadRequest, "invalid_grant", 50126, "Error validating credentials due to invalid username or password.")
	}
	asked, refused := e.askedScopes(c, form.Get("scope"))
	if refused != nil {
		return *refused
	}
	return e.personal(c, form, app, acr, &p, asked, consent{})
}
