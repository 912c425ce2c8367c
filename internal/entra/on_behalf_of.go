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

// maxPeople bounds the tokens that are kept of people: about 5 KiB each.
const maxPeople = 10_000

// OnBehalfOf gets tokens in the name of the people who call the gateway, by the tokens with which they call it
// (Microsoft Learn, "Microsoft identity platform and OAuth 2.0 On-Behalf-Of flow"). It is safe for concurrent use.
type OnBehalfOf struct {
	application *Application
	people      *cache.Cache[[sha256.Size]byte, *PersonalTokens]
}

// OnBehalfOf returns what gets tokens in the name of people.
func (a *Application) OnBehalfOf() *OnBehalfOf {
	return &OnBehalfOf{application: a, people: cache.New(cache.Options[[sha256.Size]byte, *PersonalTokens]{
		Most: maxPeople,
		Life: func(_ [sha256.Size]byte, tokens *PersonalTokens) time.Duration { return tokens.until.Sub(a.now()) },
		Now:  a.now,
	})}
}

// PersonalTokens are those in the name of one person, by one token of the person. They are safe for concurrent use.
type PersonalTokens struct {
	application *Application
	tenantID    string
	assertion   identity.Secret
	until       time.Time // when the assertion ends
	held        held
}

// Tokens returns those of the caller, who has to be a person. The same token of a caller has the same tokens, and no
// other one has.
func (o *OnBehalfOf) Tokens(caller *identity.Caller) (*PersonalTokens, error) {
	switch {
	case caller == nil || caller.Token == "":
		return nil, &upstream.Error{Kind: upstream.ErrSignIn, Operation: tokenEndpoint, Personal: true}
	case caller.App:
		return nil, &upstream.Error{Kind: upstream.ErrNotAPerson, Operation: tokenEndpoint, Personal: true}
	}
	k := cacheKey(caller.TenantID, o.application.clientID, o.application.scope, caller.Token.Reveal())
	if known, ok := o.people.Get(k); ok {
		return known, nil
	}
	return o.people.GetOrAdd(k, &PersonalTokens{application: o.application, tenantID: caller.TenantID, assertion: caller.Token, until: caller.Expires}), nil
}

// cacheKey tells a token in the name of a person from all others. Each part comes with its length.
func cacheKey(parts ...string) [sha256.Size]byte {
	var text []byte
	for _, part := range parts {
		text = binary.BigEndian.AppendUint64(text, uint64(len(part)))
		text = append(text, part...)
	}
	return sha256.Sum256(text)
}

// over tells whether the tokens are of no use any more.
func (t *PersonalTokens) over(now time.Time) bool { return !now.Before(t.until) }

// Token returns a token that is valid. It asks for one through the client, if need be.
func (t *PersonalTokens) Token(ctx context.Context, client *http.Client) (string, error) {
	a := t.application
	if t.over(a.now()) {
		return "", &upstream.Error{Kind: upstream.ErrSignIn, Operation: tokenEndpoint, Personal: true}
	}
	return t.held.get(ctx, a.now, func(ctx context.Context, claims string) (*oauth2.Token, error) {
		token, err := a.ask(ctx, client, t.tenantID, url.Values{
			"grant_type":          {"urn:ietf:params:oauth:grant-type:jwt-bearer"},
			"requested_token_use": {"on_behalf_of"},
			"assertion":           {t.assertion.Reveal()},
			"claims":              {capable(claims)},
		})
		if err != nil {
			return nil, personError(err)
		}
		return token, nil
	})
}

// Refused has a token forgotten that Microsoft Graph did not take. Where it demanded claims, the person has to bring a
// token that proves them, and asking again is of no use.
func (t *PersonalTokens) Refused(token, claims string) (again bool) {
	t.held.drop(token, claims)
	return claims == ""
}
