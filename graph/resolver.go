// Package graph answers GraphQL operations about the licensing data of Microsoft Graph. A resolver says
// where a field comes from; the loaders read it.
package graph

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/graph/generated"
	"licensegraph/internal/identity"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// Upstream is Microsoft Graph as one operation sees it, and what that cost.
type Upstream interface {
	loaders.Source
	// SignIn makes sure that the caller is let in, where Microsoft Graph is asked in the caller's name.
	SignIn(context.Context) error
	// Write makes changes, and returns what became of each, in their order.
	Write(context.Context, []licensing.Write) []licensing.WriteResult
	// Wait waits, unless the context ends before.
	Wait(context.Context, time.Duration) error
	Report() upstream.Report
}

// Options are what the resolvers need.
type Options struct {
	// Begin returns Microsoft Graph as one operation of the context's caller sees it.
	Begin func(context.Context) (Upstream, error)
	// TenantID binds cursors to the tenant where nobody is asked who they are, else that of the caller does.
	TenantID string
	// CursorKeys open cursors, and the first seals them: 32 bytes each, the same in each replica.
	CursorKeys [][]byte
	// ShowUpstream tells, from the request's headers, whether the answer carries extensions.upstream.
	ShowUpstream func(http.Header) bool
	// OnBehalfOf tells that Microsoft Graph is asked in each caller's name.
	OnBehalfOf bool
	// PlainSDL leaves @authenticated and @requiresScopes out of the SDL for federation routers.
	PlainSDL bool
	// WithoutPrefetch has each resolver read what it needs by itself: the same answers, for more requests.
	WithoutPrefetch bool
	// Unplanned is told of each field that had to read for itself in spite of the prefetch; nil for nobody.
	Unplanned func(field string)
	// Observe is told of each kind of read that operations make, with how many keys; nil for nobody.
	Observe func(read string, cost upstream.Cost, keys int)
	// AllowWrites lets mutations through.
	AllowWrites bool
	// Document tells the hash of an operation's document as it was sent, and the operation's name, where they are known
	// from elsewhere than the operation; nil where they never are.
	Document func(*graphql.OperationContext) (sha256, operation string)
	// Audit gets a record of each mutation field and of what a caller was denied.
	Audit *slog.Logger
	// AuditRequired has each mutation field be recorded before it changes something, and refused when that fails.
	AuditRequired bool
	// Logger gets failures that clients cannot correct.
	Logger *slog.Logger
}

// Resolver is the root of the resolvers.
type Resolver struct {
	options Options
	cursors *cursors
	rights  *rights
}

var _ generated.ResolverRoot = (*Resolver)(nil)

// New returns the resolvers. It fails on a cursor key of the wrong size.
func New(options Options) (*Resolver, error) {
	c, err := newCursors(options.CursorKeys, options.TenantID)
	return &Resolver{options: options, cursors: c, rights: newRights(shownSchema())}, err
}

// ChangeCursorKeys has other keys seal and open cursors from now on. It fails on one of the wrong size.
func (r *Resolver) ChangeCursorKeys(keys [][]byte) error { return r.cursors.change(keys) }

// Schema returns the schema with its resolvers, for a server to execute.
func (r *Resolver) Schema() graphql.ExecutableSchema {
	return generated.NewExecutableSchema(generated.Config{Schema: shownSchema(), Resolvers: r})
}

// newLoaders returns loaders for what an operation, or a field of a mutation, reads.
func (r *Resolver) newLoaders(ctx context.Context, source loaders.Source, op *graphql.OperationContext) *loaders.Loaders {
	l := loaders.New(ctx, source, requiredBy(op).of)
	l.Observe = r.options.Observe
	return l
}

// reads returns what the edges of the operation read with.
func (r *Resolver) reads(ctx context.Context) *reads {
	caller := identity.From(ctx)
	return &reads{Loaders: loaders.For(ctx), cursors: r.cursors.of(caller), caller: caller, onBehalfOf: r.options.OnBehalfOf}
}
