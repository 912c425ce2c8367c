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
	// algorithm is what Entra ID signs access tokens with; nothing else is taken.
	algorithm = jose.RS256
	// clockSkew is how much the clocks of the sign-in service and of the gateway may differ.
	clockSkew = time.Minute
	// MaxToken is the length of a token in bytes. Those of people in many groups have about 5,000.
	MaxToken = 16 << 10
	// roleSuffix tells an app role from the scope of the same name: an application registration has each value once.
	roleSuffix = ".All"
)

// VerifierOptions say whose tokens are taken.
type VerifierOptions struct {
	// Authority is the address of the sign-in service, such as https://login.microsoftonline.com.
	Authority string
	// IssuerV1 is the issuer of version 1.0 tokens without the tenant, such as https://sts.windows.net.
	IssuerV1 string
	// IssuersV2 are the issuers of version 2.0 tokens without tenant and version, where they are others than the
	// authority.
	IssuersV2 []string
	// TenantIDs are the tenants whose people and applications may come in.
	TenantIDs []string
	// Audiences are the names of this gateway in tokens: its client id (version 2.0) and its application ID URI.
	Audiences []string
	// ScopesAlone lets the scopes of a person count without app roles: because Microsoft Graph decides what the
	// person may do, or because everybody in the tenant may read everything.
	ScopesAlone bool
	// Client carries the requests for keys. It follows no redirects.
	Client *http.Client
	// Logger gets what became of them.
	Logger *slog.Logger
	// Now tells the time; nil for [time.Now].
	Now func() time.Time
}

// Verifier checks the access tokens that callers present, as Microsoft Learn demands of an API ("Access tokens in the
// Microsoft identity platform", "Validate tokens"). It is safe for concurrent use.
type Verifier struct {
	options VerifierOptions
	keys    map[string]*keySet // by tenant
}

// NewVerifier returns a verifier. It asks for keys when the first token comes, or when it runs.
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
			v.options.Logger.WarnContext(ctx, "the keys of the sign-in service could not be read; those that are known stay", "tenant", tenantID, "cause", err.Error())
			return
		}
		v.options.Logger.DebugContext(ctx, "keys of the sign-in service", "tenant", tenantID)
	}
}

// Run keeps the keys fresh until the context ends.
func (v *Verifier) Run(ctx context.Context) {
	var group sync.WaitGroup
	for _, set := range v.keys {
		group.Go(func() { set.keep(ctx) })
	}
	group.Wait()
}

// Ready tells whether the keys of one tenant at least are known: one that has gone takes no others with it.
func (v *Verifier) Ready(ctx context.Context) error {
	var err error
	for _, set := range v.keys {
		if set.held.Load() != nil {
			return nil
		}
	}
	for _, set := range v.keys {
		if err = set.refresh(ctx, keysRetry); err == nil {
			return nil
		}
	}
	return err
}

// RefusedError is a token that is not taken. Its text is for whoever sent it, and repeats nothing of the token.
type RefusedError struct {
	Reason string
	// Caller is who the token is of, where its signature held; nil where nobody knows.
	Caller *identity.Caller
}

func (e *RefusedError) Error() string { return "the token is not taken: " + e.Reason }

func refused(format string, args ...any) error {
	return &RefusedError{Reason: fmt.Sprintf(format, args...)}
}

// unavailableError says that no token can be checked for now.
type unavailableError struct{ cause error }

func (e *unavailableError) Error() string {
	return "the keys of the sign-in service cannot be read"
}

func (e *unavailableError) Unwrap() error { return e.cause }

// IsUnavailable tells whether a token was not checked, because no key is known to check it with.
func IsUnavailable(err error) bool {
	_, ok := errors.AsType[*unavailableError](err)
	return ok
}

// claims are those of an access token that are looked at (Microsoft Learn, "Access token claims reference"). Names and
// addresses of people are not among them: they change, and can be taken over.
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

// Verify returns who presents a token. It fails with a [RefusedError], with what [IsUnavailable] tells, or with the
// context's error.
func (v *Verifier) Verify(ctx context.Context, token string) (*identity.Caller, error) {
	if len(token) > MaxToken {
		return nil, refused("it is longer than %d bytes.", MaxToken)
	}
	parsed, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{algorithm})
	if err != nil || len(parsed.Headers) != 1 {
		return nil, refused("it is no JSON Web Token signed with %s.", algorithm)
	}
	header := parsed.Headers[0]
	if typ, there := header.ExtraHeaders[jose.HeaderType]; there && !isTokenType(typ) {
		return nil, refused("it is of another type than JWT.")
	}
	// Which keys to check it with follows from what it says of itself, and is checked with them.
	var c claims
	if err := parsed.UnsafeClaimsWithoutVerification(&c); err != nil {
		return nil, refused("its claims are not readable.")
	}
	set, known := v.keys[c.TenantID]
	if !known {
		return nil, refused("it is of a tenant that is not let in.")
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
		return nil, refused("its signature is wrong.")
	}
	if err := v.check(&checked, key); err != nil {
		if refusal, ok := errors.AsType[*RefusedError](err); ok {
			refusal.Caller = &identity.Caller{TenantID: checked.TenantID, ObjectID: checked.ObjectID, ClientID: cmp.Or(checked.Party, checked.AppID)}
		}
		return nil, err
	}
	return v.caller(&checked, token), nil
}

// isTokenType tells whether the header's typ is that of an access token (RFC 7519, section 5.1; RFC 9068, section 2.1).
func isTokenType(typ any) bool {
	text, _ := typ.(string)
	text = strings.TrimPrefix(strings.ToLower(text), "application/")
	return text == "jwt" || text == "at+jwt"
}

// check holds the claims of a token against what is configured.
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
		return refused("its version is neither 1.0 nor 2.0.")
	case !slices.Contains(issuers, c.Issuer):
		return refused("it is of another issuer.")
	case signer.issuer != "" && !slices.Contains(slices.Concat(v1, v2), keyIssuer):
		return refused("its key is for tokens of another issuer.")
	case !slices.Contains(v.options.Audiences, c.Audience):
		return refused("it is for another audience: ask for a token of this gateway's own scopes.")
	case c.Expires == nil:
		return refused("it has no end.")
	case now.After(c.Expires.Time().Add(clockSkew)):
		return refused("it has expired.")
	case c.NotBefore != nil && now.Before(c.NotBefore.Time().Add(-clockSkew)), c.IssuedAt != nil && now.Before(c.IssuedAt.Time().Add(-clockSkew)):
		return refused("it is not valid yet.")
	case c.ObjectID == "" || client == "":
		return refused("it does not say who asks (oid), or through which application (azp or appid).")
	case c.IDType == "app" && c.Scopes != nil:
		return refused("it is an application's own, and has a person's scopes.")
	}
	return nil
}

// caller is who presents the token, with the scopes and roles that count. Whatever they may do, a person may do no more
// than the application through which they ask: so a person's scope counts when the person has the app role of its name
// as well. An application has app roles alone.
func (v *Verifier) caller(c *claims, token string) *identity.Caller {
	caller := &identity.Caller{
		TenantID: c.TenantID,
		ObjectID: c.ObjectID,
		ClientID: c.AppID,
		App:      c.IDType == "app" || c.IDType == "" && c.Scopes == nil,
		Expires:  c.Expires.Time(),

		ScopesAlone: v.options.ScopesAlone,
		Token:       identity.Secret(token),
	}
	if c.Version == "2.0" {
		caller.ClientID = c.Party
	}
	switch {
	case caller.App:
		for _, role := range c.Roles {
			if strings.HasSuffix(role, roleSuffix) { // one that is named like a scope is none of ours
				caller.Scopes = append(caller.Scopes, role)
			}
		}
	case c.Scopes != nil:
		for scope := range strings.FieldsSeq(*c.Scopes) {
			if v.options.ScopesAlone || slices.Contains(c.Roles, scope+roleSuffix) {
				caller.Scopes = append(caller.Scopes, scope)
			}
		}
	}
	return caller
}
