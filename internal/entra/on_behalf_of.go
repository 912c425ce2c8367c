package entra

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/oauth2"

	"licensegraph/internal/cache"
	"licensegraph/internal/identity"
	"licensegraph/internal/upstream"
)

// maxUserTokens is the maximum number of cached on-behalf-of tokens, of about 5 KiB each.
const maxUserTokens = 10_000

// OnBehalfOf gets access tokens on behalf of users, in exchange for the tokens that they send to the gateway (Microsoft
// Learn, "Microsoft identity platform and OAuth 2.0 On-Behalf-Of flow"). It is safe for concurrent use.
type OnBehalfOf struct {
	application *Application
	people      *cache.Cache[[sha256.Size]byte, *PersonalTokens]
}

// OnBehalfOf returns the on-behalf-of tokens of the application.
func (a *Application) OnBehalfOf() *OnBehalfOf {
	return &OnBehalfOf{application: a, people: cache.New(cache.Options[[sha256.Size]byte, *PersonalTokens]{
		Most: maxUserTokens,
		Life: func(_ [sha256.Size]byte, tokens *PersonalTokens) time.Duration { return tokens.until.Sub(a.now()) },
		Now:  a.now,
	})}
}

// PersonalTokens provides the on-behalf-of tokens for one token of a user. It is safe for concurrent use.
type PersonalTokens struct {
	application *Application
	tenantID    string
	assertion   identity.Secret
	until       time.Time // expiry of the assertion
	cached      cachedToken
}

// Tokens returns the on-behalf-of tokens of the caller, which must be a user. They are cached by the caller's token and
// never shared between tokens.
func (o *OnBehalfOf) Tokens(caller *identity.Caller) (*PersonalTokens, error) {
	switch {
	case caller == nil || caller.Token == "":
		return nil, &upstream.Error{Kind: upstream.ErrSignIn, Operation: tokenEndpoint, Personal: true}
	case caller.App:
		return nil, &upstream.Error{Kind: upstream.ErrNotUser, Operation: tokenEndpoint, Personal: true}
	}
	k := cacheKey(caller.TenantID, o.application.clientID, o.application.scope, caller.Token.Reveal())
	if known, ok := o.people.Get(k); ok {
		return known, nil
	}
	return o.people.GetOrAdd(k, &PersonalTokens{application: o.application, tenantID: caller.TenantID, assertion: caller.Token, until: caller.Expires}), nil
}

// cacheKey returns the hash of the parts, each prefixed with its length.
func cacheKey(parts ...string) [sha256.Size]byte {
	var text []byte
	for _, part := range parts {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	return sha256.Sum256(text)
}

// over reports whether the assertion has expired.
func (t *PersonalTokens) over(now time.Time) bool { return !now.Before(t.until) }

// Token returns a valid access token. It uses the client to request one if necessary.
func (t *PersonalTokens) Token(ctx context.Context, client *http.Client) (string, error) {
	a := t.application
	if t.over(a.now()) {
		return "", &upstream.Error{Kind: upstream.ErrSignIn, Operation: tokenEndpoint, Personal: true}
	}
	return t.cached.get(ctx, a.now, func(ctx context.Context, claims string) (*oauth2.Token, error) {
		token, err := a.ask(ctx, client, t.tenantID, url.Values{
			"grant_type":          {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
			"requested_token_use": {"on_behalf_of"},
			"assertion":           {t.assertion.Reveal()},
			"claims":              {withClientCapability(claims)},
		})
		if err != nil {
			return nil, onBehalfOfError(err)
		}
		return token, nil
	})
}

// Refused removes a token that Microsoft Graph rejected. After a claims challenge the user must sign in again, so
// another token request cannot succeed.
func (t *PersonalTokens) Refused(token, claims string) (again bool) {
	t.cached.drop(token, claims)
	return claims == ""
}
