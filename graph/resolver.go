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
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// Upstream is Microsoft Graph as one operation sees it, and what that cost.
type Upstream interface {
	loaders.Source
	// Write makes changes, and returns what became of each, in their order.
	Write(context.Context, []licensing.Write) []licensing.WriteResult
	// Wait waits, unless the context ends before.
	Wait(context.Context, time.Duration) error
	Report() licensing.Report
}

// Options are what the resolvers need.
type Options struct {
	// Begin returns Microsoft Graph as one operation sees it.
	Begin func() Upstream
	// TenantID binds cursors to the tenant.
	TenantID string
	// CursorKey seals cursors: 32 bytes, the same in each replica.
	CursorKey []byte
	// ShowUpstream tells, from the request's headers, whether the answer carries extensions.upstream.
	ShowUpstream func(http.Header) bool
	// AllowWrites lets mutations through.
	AllowWrites bool
	// Logger gets failures that clients cannot mend.
	Logger *slog.Logger
}

// Resolver is the root of the resolvers.
type Resolver struct {
	options Options
	cursors *cursors
}

var _ generated.ResolverRoot = (*Resolver)(nil)

// New returns the resolvers. It fails on a cursor key of the wrong size.
func New(options Options) (*Resolver, error) {
	c, err := newCursors(options.CursorKey, options.TenantID)
	return &Resolver{options: options, cursors: c}, err
}

// Schema returns the schema with its resolvers, for a server to execute.
func (r *Resolver) Schema() graphql.ExecutableSchema {
	return generated.NewExecutableSchema(generated.Config{Schema: shownSchema(), Resolvers: r})
}

// loaders returns the loaders of the operation.
func (r *Resolver) loaders(ctx context.Context) plan {
	return plan{Loaders: loaders.For(ctx), cursors: r.cursors}
}
