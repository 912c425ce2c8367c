// Package identity defines the authenticated caller, a user or an application. Authentication is elsewhere: every layer
// can import this package, which imports only the standard library.
package identity

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// Caller is an authenticated user or application. A user in two tenants is two callers.
type Caller struct {
	// TenantID is the caller's tenant: the claim tid.
	TenantID string
	// ObjectID is the object ID of the user or of the application's service principal: the claim oid.
	ObjectID string
	// ClientID is the client application: the claim azp or appid.
	ClientID string
	// App reports that the caller is an application, without a user.
	App bool
	// Scopes are the effective scopes and app roles.
	Scopes []string
	// TokenScopes are the scopes in a user's token, AppRoles the app roles of the user or the application, in effect or not.
	TokenScopes, AppRoles []string
	// ScopesAlone reports that a user's scopes are effective without app roles.
	ScopesAlone bool
	// Expires is the expiry of the caller's token, which also ends its subscriptions and streams.
	Expires time.Time
	// Token is the caller's access token, for on-behalf-of requests to Microsoft Graph.
	Token Secret
}

// Key identifies a caller.
type Key struct{ TenantID, ObjectID string }

// Key returns the caller's key; the zero Key without authentication.
func (c *Caller) Key() Key {
	if c == nil {
		return Key{}
	}
	return Key{c.TenantID, c.ObjectID}
}

// May reports whether the caller has all scopes or app roles of one of the alternatives. Without authentication,
// everything is permitted.
func (c *Caller) May(alternatives [][]string) bool {
	if c == nil || len(alternatives) == 0 {
		return true
	}
	return slices.ContainsFunc(alternatives, func(all []string) bool {
		return !slices.ContainsFunc(all, func(scope string) bool { return !slices.Contains(c.Scopes, scope) })
	})
}

// LogValue returns the caller's IDs for the log, without names or the token.
func (c *Caller) LogValue() slog.Value {
	if c == nil {
		return slog.StringValue("anyone")
	}
	return slog.GroupValue(slog.String("tenant", c.TenantID), slog.String("object", c.ObjectID),
		slog.String("client", c.ClientID), slog.Bool("app", c.App))
}

// Secret is a string that fmt, log/slog and encoders redact. Reveal returns it.
type Secret string

// Reveal returns the secret.
func (s Secret) Reveal() string { return string(s) }

const hidden = "(secret)"

// String redacts the secret in package fmt.
func (Secret) String() string { return hidden }

// GoString redacts the secret for %#v.
func (Secret) GoString() string { return hidden }

// MarshalText redacts the secret in encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue redacts the secret in package slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

type contextKey struct{}

// With returns a context with the caller.
func With(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns the caller; nil without authentication.
func From(ctx context.Context) *Caller {
	c, _ := ctx.Value(contextKey{}).(*Caller)
	return c
}
