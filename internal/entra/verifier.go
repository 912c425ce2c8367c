package entra

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"licensegraph/internal/identity"
)

const (
	// algorithm is the signature algorithm of Entra ID's access tokens, the only one accepted.
	algorithm = jose.RS256
	// clockSkew is the maximum clock difference between Entra ID and the gateway.
	clockSkew = time.Minute
	// MaxToken is the maximum length of a token, in bytes. Tokens of users in many groups have about 5,000.
	MaxToken = 16 << 10
	// roleSuffix distinguishes an app role from the scope of the same name: values are unique in an app registration.
	roleSuffix = ".All"
)

// VerifierOptions configure a [Verifier].
type VerifierOptions struct {
	// Authority is the base URL of Entra ID, such as https://login.microsoftonline.com.
	Authority string
	// IssuerV1 is the issuer of version 1.0 tokens without the tenant ID, such as https://sts.windows.net.
	IssuerV1 string
	// IssuersV2 are the issuers of version 2.0 tokens without the tenant ID and version, if they differ from Authority.
	IssuersV2 []string
	// TenantIDs are the accepted tenants.
	TenantIDs []string
	// Audiences are the accepted audiences: the gateway's client ID (version 2.0) and its application ID URI.
	Audiences []string
	// ScopesAlone makes a user's scopes effective without app roles: if Microsoft Graph authorizes each user, or
	// everybody in the tenant may read everything.
	ScopesAlone bool
	// Client sends the requests for signing keys. It must not follow redirects.
	Client *http.Client
	// Logger logs the results of these requests.
	Logger *slog.Logger
	// Now returns the current time; nil means [time.Now].
	Now func() time.Time
}

// Verifier verifies access tokens as Microsoft Learn requires of an API ("Access tokens in the Microsoft identity
// platform", "Validate tokens"). It is safe for concurrent use.
type Verifier struct {
	options VerifierOptions
	keys    map[string]*keySet // by tenant
}

// NewVerifier returns a verifier. It requests signing keys on the first token, or in [Verifier.Run].
func NewVerifier(options VerifierOptions) *Verifier {
	if options.Now == nil {
		options.Now = time.Now
	}
	if len(options.IssuersV2) == 0 {
		options.IssuersV2 = []string{options.Authority}
	}
	v := &Verifier{options: options, keys: map[string]*keySet{}}
	for _, id := range options.TenantIDs {
		id = strings.ToLower(id)
		v.keys[id] = newKeySet(options.Authority+"/"+url.PathEscape(id)+"/discovery/v2.0/keys", options.Client, options.Now, v.reporter(id))
	}
	return v
}

func (v *Verifier) reporter(tenantID string) func(context.Context, error) {
	return func(ctx context.Context, err error) {
		if err != nil {
			if outer, ok := errors.AsType[*url.Error](err); ok {
				err = outer.Err
			}
			v.options.Logger.WarnContext(ctx, "cannot refresh the signing keys of Entra ID; cached keys remain in use", "tenant", tenantID, "cause", err.Error())
			return
		}
		v.options.Logger.DebugContext(ctx, "refreshed the signing keys of Entra ID", "tenant", tenantID)
	}
}

// Run refreshes the signing keys until the context ends.
func (v *Verifier) Run(ctx context.Context) {
	var group sync.WaitGroup
	for _, set := range v.keys {
		group.Go(func() { set.keep(ctx) })
	}
	group.Wait()
}

// Check reports whether signing keys of a tenant are available, and the error of the last request for them: cached keys
// remain in use after it. It requests keys only if there are none, after an error, or if they are old.
func (v *Verifier) Check(ctx context.Context, tenantID string) (usable bool, err error) {
	set := v.keys[strings.ToLower(tenantID)]
	err = set.refresh(ctx, keysLifetime)
	return set.cached.Load() != nil, err
}

// RefusedError is an invalid access token. Its text is for the client and does not include any part of the token.
type RefusedError struct {
	Reason string
	// Caller is the caller in the token if its signature is valid; nil otherwise.
	Caller *identity.Caller
}

func (e *RefusedError) Error() string { return "invalid token: " + e.Reason }

func refused(format string, args ...any) error {
	return &RefusedError{Reason: fmt.Sprintf(format, args...)}
}

// unavailableError is the error of a token that cannot be verified at present.
type unavailableError struct{ cause error }

func (e *unavailableError) Error() string {
	return "signing keys of Entra ID unavailable"
}

func (e *unavailableError) Unwrap() error { return e.cause }

// IsUnavailable reports whether a token could not be verified because signing keys are unavailable.
func IsUnavailable(err error) bool {
	_, ok := errors.AsType[*unavailableError](err)
	return ok
}

// claims are the verified claims of an access token (Microsoft Learn, "Access token claims reference"). Names and
// addresses of users are not included: they can change and be reassigned.
type claims struct {
	Version   string           `json:"ver"`
	Issuer    string           `json:"iss"`
	Audience  string           `json:"aud"`
	TenantID  string           `json:"tid"`
	ObjectID  string           `json:"oid"`
	AppID     string           `json:"appid"` // version 1.0
	Party     string           `json:"azp"`   // version 2.0
	Scopes    *string          `json:"scp"`
	Roles     []string         `json:"roles"`
	IDType    string           `json:"idtyp"`
	Expires   *jwt.NumericDate `json:"exp"`
	NotBefore *jwt.NumericDate `json:"nbf"`
	IssuedAt  *jwt.NumericDate `json:"iat"`
}

// Verify verifies a token and returns its caller. It returns a [RefusedError], an error for which [IsUnavailable] is
// true, or the context's error.
func (v *Verifier) Verify(ctx context.Context, token string) (*identity.Caller, error) {
	if len(token) > MaxToken {
		return nil, refused("longer than %d bytes.", MaxToken)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{algorithm})
	if err != nil || len(parsed.Headers) != 1 {
		return nil, refused("not a JSON Web Token signed with %s.", algorithm)
	}
	header := parsed.Headers[0]
	if typ, there := header.ExtraHeaders[jose.HeaderType]; there && !isTokenType(typ) {
		return nil, refused("token type is not JWT.")
	}
	// The unverified tenant ID selects the keys. The signature then verifies it.
	var c claims
	if err := parsed.UnsafeClaimsWithoutVerification(&c); err != nil {
		return nil, refused("malformed claims.")
	}
	set, known := v.keys[c.TenantID]
	if !known {
		return nil, refused("tenant not accepted.")
	}
	key, err := set.find(ctx, header.KeyID)
	switch {
	case errors.Is(err, errUnknownKey):
		return nil, refused("%v.", err)
	case err != nil:
		return nil, err
	}
	var checked claims
	if err := parsed.Claims(key.public, &checked); err != nil {
		return nil, refused("invalid signature.")
	}
	if err := v.check(&checked, key); err != nil {
		if refusal, ok := errors.AsType[*RefusedError](err); ok {
			refusal.Caller = &identity.Caller{TenantID: checked.TenantID, ObjectID: checked.ObjectID, ClientID: cmp.Or(checked.Party, checked.AppID)}
		}
		return nil, err
	}
	return v.caller(&checked, token), nil
}

// isTokenType reports whether the header typ is that of an access token (RFC 7519, section 5.1; RFC 9068, section 2.1).
func isTokenType(typ any) bool {
	text, _ := typ.(string)
	text = strings.TrimPrefix(strings.ToLower(text), "application/")
	return text == "jwt" || text == "at+jwt"
}

// check compares the claims of a token with the configuration.
func (v *Verifier) check(c *claims, signer key) error {
	v1 := []string{v.options.IssuerV1 + "/" + c.TenantID + "/"}
	var v2, issuers []string
	for _, base := range v.options.IssuersV2 {
		v2 = append(v2, base+"/"+c.TenantID+"/v2.0")
	}
	client := ""
	switch c.Version {
	case "1.0":
		issuers, client = v1, c.AppID
	case "2.0":
		issuers, client = v2, c.Party
	}
	now := v.options.Now()
	keyIssuer := strings.ReplaceAll(signer.issuer, "{tenantid}", c.TenantID)
	switch {
	case issuers == nil:
		return refused("version is neither 1.0 nor 2.0.")
	case !slices.Contains(issuers, c.Issuer):
		return refused("wrong issuer.")
	case signer.issuer != "" && !slices.Contains(slices.Concat(v1, v2), keyIssuer):
		return refused("the signing key is for another issuer.")
	case !slices.Contains(v.options.Audiences, c.Audience):
		return refused("wrong audience: request a token for this gateway's own scopes.")
	case c.Expires == nil:
		return refused("missing expiry (exp).")
	case now.After(c.Expires.Time().Add(clockSkew)):
		return refused("expired.")
	case c.NotBefore != nil && now.Before(c.NotBefore.Time().Add(-clockSkew)), c.IssuedAt != nil && now.Before(c.IssuedAt.Time().Add(-clockSkew)):
		return refused("not valid yet.")
	case c.ObjectID == "" || client == "":
		return refused("missing object ID (oid) or client application (azp or appid).")
	case c.IDType == "app" && c.Scopes != nil:
		return refused("an application's token has a user's scopes.")
	}
	return nil
}

// caller returns the caller with the effective scopes and roles. A user is never permitted more than the client
// application: a user's scope is effective only with the app role of the same name, unless ScopesAlone is set.
// Applications have only app roles.
func (v *Verifier) caller(c *claims, token string) *identity.Caller {
	caller := &identity.Caller{
		TenantID: c.TenantID,
		ObjectID: c.ObjectID,
		ClientID: c.AppID,
		App:      c.IDType == "app" || c.IDType == "" && c.Scopes == nil,
		Expires:  c.Expires.Time(),

		AppRoles:    c.Roles,
		ScopesAlone: v.options.ScopesAlone,
		Token:       identity.Secret(token),
	}
	if c.Version == "2.0" {
		caller.ClientID = c.Party
	}
	switch {
	case caller.App:
		for _, role := range c.Roles {
			if strings.HasSuffix(role, roleSuffix) { // app roles without the suffix are not ours
				caller.Scopes = append(caller.Scopes, role)
			}
		}
	case c.Scopes != nil:
		caller.TokenScopes = strings.Fields(*c.Scopes)
		for _, scope := range caller.TokenScopes {
			if v.options.ScopesAlone || slices.Contains(c.Roles, scope+roleSuffix) {
				caller.Scopes = append(caller.Scopes, scope)
			}
		}
	}
	return caller
}
