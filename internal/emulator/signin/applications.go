package signin

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/subtle"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"licensegraph/internal/emulator/wire"
)

// Options are the credentials of the applications in addition to the secret,
// and the redirect URIs of the sign-in page.
type Options struct {
	// Certificates are the certificates of the application. Their RSA keys of
	// at least 2,048 bits sign its assertions. The certificate of
	// [Entra.Certificate] is always included.
	Certificates []*x509.Certificate
	// Federated are the federated credentials of the application.
	Federated []Federated
	// RedirectURIs are compared exactly. Both applications also accept
	// http://localhost, http://127.0.0.1 and http://[::1] with any port and
	// path (RFC 8252 section 7.3).
	RedirectURIs []string
	// SinglePage are redirect URIs of the public client for single-page
	// applications. Only a web page of another origin can redeem their codes.
	SinglePage []string
	// Scopes are the scopes that the application exposes as an API, with
	// consent for both applications. The default is access_as_user.
	Scopes []string
}

// ownScopes returns the scopes of the application as an API.
func (e *Entra) ownScopes() []string {
	if len(e.signIn.Scopes) == 0 {
		return []string{"access_as_user"}
	}
	return e.signIn.Scopes
}

// appRoles are the app roles for the application as an API, by the object ID
// of a user or the client ID of an application.
type appRoles struct {
	mu sync.Mutex
	of map[string][]string
}

// AssignAppRoles sets the app roles of a user (object ID) or an application
// (client ID) for the application as an API: the claim roles of new tokens.
// Without roles, it removes them.
func (e *Entra) AssignAppRoles(principal string, roles ...string) {
	e.appRoles.mu.Lock()
	defer e.appRoles.mu.Unlock()
	if e.appRoles.of == nil {
		e.appRoles.of = map[string][]string{}
	}
	e.appRoles.of[strings.ToLower(principal)] = slices.Clone(roles)
}

func (a *appRoles) at(principal string) []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.of[strings.ToLower(principal)]
}

// registration is an application registration of the tenant.
type registration struct {
	id, name string
	public   bool // a public client, RFC 6749 section 2.1
}

// ClientID returns the client ID of the confidential client, which has a
// secret and a certificate. This application is also an API, see
// [Entra.UserToken].
func (e *Entra) ClientID() string { return e.clientID }

// ClientSecret returns the secret of that application. It is not confidential.
func (e *Entra) ClientSecret() string { return e.clientSecret }

// PublicClientID returns the client ID of the public client, an application
// without credentials, such as a desktop application. It gets only delegated
// tokens: for Graph, or for the confidential client (the scope access_as_user
// of api://{ClientID}, unless [Options] defines others).
func (e *Entra) PublicClientID() string { return e.publicClient().id }

func (e *Entra) publicClient() *registration {
	return &registration{e.seed.GUID("front end", 0).String(), "Embedded tenant's public client", true}
}

func (e *Entra) confidentialClient() *registration {
	return &registration{e.clientID, "Embedded tenant's application", false}
}

func (e *Entra) application(id string) *registration {
	for _, a := range []*registration{e.confidentialClient(), e.publicClient()} {
		if strings.EqualFold(a.id, id) {
			return a
		}
	}
	return nil
}

// demoPair is shared by all tenants of a process, because its generation is
// slow.
var demoPair = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

var demoCertificate = sync.OnceValue(func() *x509.Certificate {
	cert, err := x509.ParseCertificate(selfSigned(demoPair(), "Embedded tenant, application", 365*24*time.Hour))
	if err != nil {
		panic(err) // The input is valid.
	}
	return cert
})

// Certificate returns a certificate of the application with its private key,
// in PEM (PKCS #8). All embedded tenants of a process have the same one.
func (e *Entra) Certificate() (certificate, key []byte) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(demoPair())
	if err != nil {
		panic(err) // The input is valid.
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: demoCertificate().Raw}),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

func (e *Entra) certificates() []*x509.Certificate {
	return append(slices.Clip(e.signIn.Certificates), demoCertificate())
}

// authenticateClient authenticates the application, RFC 6749 section 2.3. acr
// is 0 without authentication, 1 for a secret, 2 for a certificate or a
// federated credential.
func (e *Entra) authenticateClient(c *wire.Call, tenant string, form url.Values) (app *registration, acr string, refused *wire.Answer) {
	refuse := func(status int, code string, number int, format string, args ...any) (*registration, string, *wire.Answer) {
		a := e.refuse(c, status, code, number, format, args...)
		return nil, "", &a
	}
	id, secret, assertion := form.Get("client_id"), form.Get("client_secret"), form.Get("client_assertion")
	if user, password, ok := basicAuth(c.Header); ok {
		if secret != "" || assertion != "" || id != "" && !strings.EqualFold(id, user) {
			return refuse(http.StatusBadRequest, "invalid_request", 90100, "The client presents more than one credential.")
		}
		id, secret = user, password
	}
	if id == "" {
		return refuse(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'client_id'.")
	}
	if app = e.application(id); app == nil {
		return refuse(http.StatusBadRequest, "unauthorized_client", 700016, "Application with identifier '%s' was not found in the directory '%s'.", id, tenant)
	}
	switch {
	case app.public && (secret != "" || assertion != ""):
		return refuse(http.StatusUnauthorized, "invalid_client", 700025, "Client is public so neither 'client_assertion' nor 'client_secret' should be presented.")
	case app.public:
		return app, "0", nil
	case secret != "" && assertion != "":
		return refuse(http.StatusBadRequest, "invalid_request", 90100, "The client presents more than one credential.")
	case assertion != "":
		if refused := e.checkAssertion(c, app, tenant, form.Get("client_assertion_type"), assertion); refused != nil {
			return nil, "", refused
		}
		return app, "2", nil
	case secret == "":
		return refuse(http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	case subtle.ConstantTimeCompare([]byte(secret), []byte(e.clientSecret)) != 1:
		return refuse(http.StatusUnauthorized, "invalid_client", 7000215, "Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", app.id)
	}
	return app, "1", nil
}

// basicAuth parses the Authorization header as in RFC 6749 section 2.3.1: both
// parts are form-encoded.
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

// redirectsTo reports whether uri is a redirect URI of the application.
func (e *Entra) redirectsTo(app *registration, uri string) bool {
	u, err := url.Parse(uri)
	switch {
	case err != nil:
		return false
	case slices.Contains(e.signIn.RedirectURIs, uri), app.public && e.isSinglePage(uri):
		return true
	case u.Scheme != "http" || u.User != nil || u.Opaque != "" || strings.Contains(uri, "#"):
		return false
	}
	return wire.IsLoopback(u.Hostname())
}

func (e *Entra) isSinglePage(uri string) bool { return slices.Contains(e.signIn.SinglePage, uri) }
