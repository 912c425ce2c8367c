// Package graph resolves GraphQL operations on the licensing data of Microsoft Graph. Its resolvers read through
// package loaders.
package graph

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/graph/columns"
	"licensegraph/graph/cursor"
	"licensegraph/graph/generated"
	"licensegraph/internal/identity"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// Upstream is one operation's connection to Microsoft Graph.
type Upstream interface {
	loaders.Source
	// SignIn obtains the caller's on-behalf-of token, if Microsoft Graph is called on behalf of users.
	SignIn(context.Context) error
	// ReadUncached has later reads ignore data that earlier operations read.
	ReadUncached()
	// Write sends changes and returns one result for each, in order.
	Write(context.Context, []licensing.Write) []licensing.WriteResult
	// Wait waits for the duration, or returns the error of ctx.
	Wait(context.Context, time.Duration) error
	Report() upstream.Report
}

// Options configure the resolvers.
type Options struct {
	// NewUpstream returns Upstream for one operation of the caller in the context.
	NewUpstream func(context.Context) (Upstream, error)
	// TenantID binds cursors to the tenant if callers are not authenticated; otherwise the caller's tenant does.
	TenantID string
	// CursorKeys decrypt cursors, and the first one encrypts them: 32 bytes each, the same on all replicas.
	CursorKeys [][]byte
	// ShowUpstream reports whether a request with these headers gets extensions.upstream.
	ShowUpstream func(http.Header) bool
	// OnBehalfOf reports that Microsoft Graph is called on behalf of the caller.
	OnBehalfOf bool
	// PlainSDL omits @authenticated and @requiresScopes from the SDL in _service.
	PlainSDL bool
	// WithoutPrefetch disables the prefetch: equal results with more requests. For tests.
	WithoutPrefetch bool
	// PrefetchMiss, if set, is called for each field whose resolver has to read despite the prefetch.
	PrefetchMiss func(field string)
	// Columns writes the root fields of queries by columns, with equal results; see [columns].
	Columns bool
	// AnswerSize, if set, returns the counter of the size of a root field's value. Columns call it instead of the field
	// middleware that limits the size of a response.
	AnswerSize func(context.Context) AnswerCounter
	// ObserveColumns, if set, is called for each root field that has a value, with the reason why gqlgen's executor
	// resolves it; empty if it is written by columns.
	ObserveColumns func(field, reason string)
	// Observe, if set, is called for each kind of read with its number of keys, and whether it was planned.
	Observe func(read string, cost upstream.Cost, keys int, planned bool)
	// AllowWrites enables mutations.
	AllowWrites bool
	// Document, if set, returns the hash of a document as it was sent and the requested operation name, for the audit
	// records. Both are empty if the document was not found.
	Document func(*graphql.OperationContext) (sha256, operation string)
	// Audit gets a record of each mutation field and of each denial.
	Audit *slog.Logger
	// AuditRequired writes a record before each mutation field too, and rejects the field if that fails.
	AuditRequired bool
	// Logger gets errors that clients cannot correct.
	Logger *slog.Logger
}

// AnswerCounter limits the size of a response while it is written by columns.
type AnswerCounter = columns.Counter

// Resolver is the root of the resolvers.
type Resolver struct {
	options     Options
	cursors     *cursor.Sealer
	permissions *permissions
}

var _ generated.ResolverRoot = (*Resolver)(nil)

// New returns the resolvers. It fails if a cursor key has the wrong size.
func New(options Options) (*Resolver, error) {
	c, err := cursor.New(options.CursorKeys, options.TenantID)
	return &Resolver{options: options, cursors: c, permissions: newPermissions(publicSchema())}, err
}

// ChangeCursorKeys replaces the cursor keys. It fails if there is none or one has the wrong size.
func (r *Resolver) ChangeCursorKeys(keys [][]byte) error { return r.cursors.ChangeKeys(keys) }

// Schema returns the executable schema.
func (r *Resolver) Schema() graphql.ExecutableSchema {
	return generated.NewExecutableSchema(generated.Config{Schema: publicSchema(), Resolvers: r})
}

// newLoaders returns loaders for an operation or a mutation field.
func (r *Resolver) newLoaders(ctx context.Context, source loaders.Source, op *graphql.OperationContext) *loaders.Loaders {
	l := loaders.New(ctx, source, requiredBy(op).of)
	l.Observe = r.options.Observe
	return l
}

// reads returns what the fields of an operation of the caller in ctx share.
func (r *Resolver) reads(ctx context.Context, all *loaders.Loaders) *reads {
	caller := identity.From(ctx)
	return &reads{Loaders: all, cursors: r.cursors.Of(caller), permissions: r.permissions, caller: caller, onBehalfOf: r.options.OnBehalfOf,
		mayWrite: r.options.AllowWrites && r.permissions.permitChange(caller)}
}
