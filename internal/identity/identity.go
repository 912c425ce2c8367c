// Package identity says who asks: the person or the application that a checked token vouches for. It checks
// nothing itself, and imports nothing, so that every layer can know the caller without knowing how.
package identity

import (
	"context"
	"log/slog"
	"slices"
	"time"
)

// Caller is who asks. The same person in two tenants is two callers.
type Caller struct {
	// TenantID is the directory that vouches for the caller: the claim tid.
	TenantID string
	// ObjectID is the person, or the application's service principal, in it: the claim oid.
	ObjectID string
	// ClientID is the application through which a person asks, or which asks: the claim azp or appid.
	ClientID string
	// App tells that an application asks for itself, without a person.
	App bool
	// Scopes are the scopes and app roles that count for this caller.
	Scopes []string
	// ScopesAlone tells that a person's scopes count without app roles.
	ScopesAlone bool
	// Expires is when the caller's token ends, and with it everything that it began.
	Expires time.Time
	// Token is what the caller presented, for asking Microsoft Graph in the caller's name.
	Token Secret
}

// Key is what tells callers apart.
type Key struct{ TenantID, ObjectID string }

// Key returns what tells the caller from all others. The key of nobody is the zero one.
func (c *Caller) Key() Key {
	if c == nil {
		return Key{}
	}
	return Key{c.TenantID, c.ObjectID}
}

// May tells whether one of the alternatives holds: a list of scopes or app roles that all count for the caller.
// Where nobody is asked who they are, everything may be done.
func (c *Caller) May(alternatives [][]string) bool {
	if c == nil || len(alternatives) == 0 {
		return true
	}
	return slices.ContainsFunc(alternatives, func(all []string) bool {
		return !slices.ContainsFunc(all, func(scope string) bool { return !slices.Contains(c.Scopes, scope) })
	})
}

// LogValue is what a log may hold of a caller: ids, no names and no token.
func (c *Caller) LogValue() slog.Value {
	if c == nil {
		return slog.StringValue("anyone")
	}
	return slog.GroupValue(slog.String("tenant", c.TenantID), slog.String("object", c.ObjectID),
		slog.String("client", c.ClientID), slog.Bool("app", c.App))
}

// Secret is a text that never shows: not in a log, not in an error, not in JSON. Reveal returns it.
type Secret string

// Reveal returns the secret itself.
func (s Secret) Reveal() string { return string(s) }

const hidden = "(secret)"

// String hides the secret from package fmt.
func (Secret) String() string { return hidden }

// GoString hides the secret from %#v.
func (Secret) GoString() string { return hidden }

// MarshalText hides the secret from encoders.
func (Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// LogValue hides the secret from package slog.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

type contextKey struct{}

// With returns a context of what the caller asks.
func With(ctx context.Context, c *Caller) context.Context {
	return context.WithValue(ctx, contextKey{}, c)
}

// From returns who asks; nil where nobody is asked who they are.
func From(ctx context.Context) *Caller {
	c, _ := ctx.Value(contextKey{}).(*Caller)
	return c
}
