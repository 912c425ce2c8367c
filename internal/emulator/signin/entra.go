// Package signin implements Microsoft Entra ID: the token endpoint and the
// other endpoints for signing in, with their pages, keys and discovery
// documents.
package signin

import (
	"crypto/cipher"
	"strings"
	"sync/atomic"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/fault"
	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/store"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// Config is the configuration of the endpoints.
type Config struct {
	TenantID   string
	Seed       tenant.Seed // random numbers of the tenant's seed
	Now        func() time.Time
	Variants   func() *settings.Variants // returns the current variants
	Store      *store.Store
	Faults     *fault.Queue
	KnownScope func(name string) bool // reports whether an endpoint of Graph accepts a scope, ignoring case
	Options    Options
}

// Entra is the sign-in endpoints of a tenant. It is safe for concurrent use.
type Entra struct {
	id                     string // tenant ID
	seed                   tenant.Seed
	now                    func() time.Time
	variants               func() *settings.Variants
	store                  *store.Store
	faults                 *fault.Queue
	knownScope             func(name string) bool
	signIn                 Options
	clientID, clientSecret string

	appRoles          appRoles
	keyRing           *keyRing
	verified          verified
	sealer            cipher.AEAD  // encrypts codes and refresh tokens
	lifetimes         atomic.Int64 // number of tokens, determines their lifetimes
	assertions, codes once
	deviceCodes       deviceCodes
	revocations       revocations
}

// New returns the endpoints of a tenant.
func New(c Config) *Entra {
	return &Entra{
		id: c.TenantID, seed: c.Seed, now: c.Now, variants: c.Variants, store: c.Store, faults: c.Faults, knownScope: c.KnownScope, signIn: c.Options,
		clientID:     c.Seed.GUID("client", 0).String(),
		clientSecret: "not-a-secret-" + c.Seed.LongID("client secret", 0)[:20],
		keyRing:      newKeyRing(),
		sealer:       newSealer(),
	}
}

// UserToken returns a delegated token for the application itself, as the
// public client gets it. Its issuer is that of a base URL.
func (e *Entra) UserToken(base, userID string, scopes []string) string {
	token, _ := e.accessToken(e.outside(base), bearer{app: e.publicClient(), acr: "0", audience: e.clientID, person: e.personOrID(userID), scopes: scopes})
	return token
}

// DelegatedToken returns a delegated token for Graph, and its lifetime in
// seconds.
func (e *Entra) DelegatedToken(userID string, scopes []string) (token string, seconds int) {
	return e.accessToken(e.outside(access.Worldwide), bearer{app: e.confidentialClient(), acr: "1", audience: access.Worldwide, person: e.personOrID(userID), scopes: scopes})
}

// ApplicationToken returns an app-only token for Graph, and its lifetime in
// seconds. Without roles, it has the roles of new tokens.
func (e *Entra) ApplicationToken(roles []string) (token string, seconds int) {
	c := e.outside(access.Worldwide)
	if roles != nil {
		v := *c.Variants
		v.Roles = roles
		c.Variants = &v
	}
	return e.accessToken(c, bearer{app: e.confidentialClient(), acr: "1", audience: access.Worldwide})
}

// personOrID returns the user with an object ID. If there is none, the result
// has only the ID.
func (e *Entra) personOrID(userID string) *access.Person {
	if p, ok := e.person(userID); ok && strings.EqualFold(p.ID, userID) {
		return &p
	}
	return &access.Person{ID: userID}
}

// outside returns a call without a client.
func (e *Entra) outside(base string) *wire.Call {
	return &wire.Call{Base: base, Date: e.now(), Variants: e.variants(), RequestID: e.seed.GUID("outside", int(e.lifetimes.Load())).String()}
}

type object = map[string]any
