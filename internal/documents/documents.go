// Package documents resolves documents that a client selects by ID or hash, and rejects documents that are not trusted,
// if enforced.
//
// A trusted document is in a manifest that the operator creates at build time: see [ReadManifest]. An automatic
// persisted query is a document that a client has sent with its hash, by Apollo's protocol
// (https://www.apollographql.com/docs/apollo-server/performance/apq). It reduces traffic and is no access control.
// Tenants do not share automatic persisted queries.
package documents

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/identity"
)

// Mode is the treatment of documents that are not in the manifest.
type Mode string

const (
	// Off executes them.
	Off Mode = "off"
	// Log executes and logs them.
	Log Mode = "log"
	// Enforce rejects them.
	Enforce Mode = "enforce"
)

// IDExtension is the member of a request's extensions with the document ID. Transports copy documentId to it; clients
// can use it where a payload has no documentId.
const IDExtension = "documentId"

// Options configure an [Extension].
type Options struct {
	// Trusted are the documents of the manifest; nil without a manifest.
	Trusted *Trusted
	// Mode is the treatment of other documents; empty means Off.
	Mode Mode
	// Automatic stores automatic persisted queries; nil disables them, as does Enforce.
	Automatic Cache
	// Logger logs the records of mode Log.
	Logger *slog.Logger
}

// Extension is the gqlgen extension that resolves documents. Add it before extensions that read the text.
type Extension struct{ options Options }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
	graphql.OperationInterceptor
} = (*Extension)(nil)

// New returns an extension for one executor.
func New(options Options) *Extension { return &Extension{options} }

// ExtensionName implements [graphql.HandlerExtension].
func (*Extension) ExtensionName() string { return "Documents" }

// Validate implements [graphql.HandlerExtension].
func (*Extension) Validate(graphql.ExecutableSchema) error { return nil }

// found is the result of resolving an operation's document.
type found struct {
	text      string
	hash      string
	operation string // operationName of the request
	trusted   bool
	keep      bool // store it as an automatic persisted query after validation
}

const foundKey = "documents"

// Sent returns the SHA-256 hash of an operation's document and the operationName of the request; empty if the document
// was not resolved.
func Sent(op *graphql.OperationContext) (sha256, operation string) {
	document, ok := op.Stats.GetExtension(foundKey).(*found)
	if !ok {
		return "", ""
	}
	return document.hash, document.operation
}

// MutateOperationParameters resolves the document and rejects documents that are not trusted, if enforced.
func (e *Extension) MutateOperationParameters(ctx context.Context, params *graphql.RawParams) *gqlerror.Error {
	named, problem := read(params)
	if problem != nil {
		return problem
	}
	manifest := e.options.Trusted.Manifest()
	sent := params.Query != ""
	if !sent {
		if params.Query, problem = e.find(ctx, named, manifest); problem != nil {
			return problem
		}
	}
	document := &found{text: params.Query, hash: hashOf(params.Query), operation: params.OperationName}
	graphql.GetOperationContext(ctx).Stats.SetExtension(foundKey, document)
	document.trusted = manifest.has(document.hash)
	if sent && named.hash != "" && named.hash != document.hash {
		if text, ok := manifest.find(named.hash); !ok || text != params.Query {
			return failure(badUserInput, "provided sha does not match query")
		}
	}
	if !document.trusted && e.options.Mode == Enforce {
		return failure("FORBIDDEN", "Document not trusted: only documents in the operator's manifest are executed. Send the ID or the exact text of one of them.")
	}
	document.keep = !document.trusted && named.hash == document.hash && e.automatic() != nil
	return nil
}

// find returns the text of the selected document.
func (e *Extension) find(ctx context.Context, named name, manifest *Manifest) (string, *gqlerror.Error) {
	switch {
	case named.id == "" && named.hash == "":
		return "", failure(badUserInput, "Missing parameter: query.")
	case named.id != "":
		if text, ok := manifest.find(named.id); ok {
			return text, nil
		}
		return "", notFound()
	}
	if text, ok := manifest.find(named.hash); ok {
		return text, nil
	}
	if automatic := e.automatic(); automatic != nil && hexadecimal.MatchString(named.hash) {
		// A shared cache may have been modified by others, so the text must match the hash.
		if text, ok := automatic.Get(ctx, key(ctx, named.hash)); ok && hashOf(text) == named.hash {
			return text, nil
		}
	} else if automatic == nil && manifest == nil {
		return "", failure("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
	}
	return "", notFound()
}

// automatic returns the cache of automatic persisted queries; nil if they are disabled.
func (e *Extension) automatic() Cache {
	if e.options.Mode == Enforce {
		return nil
	}
	return e.options.Automatic
}

// key returns the cache key of a tenant's text, so that tenants do not share texts.
func key(ctx context.Context, hash string) string {
	return identity.From(ctx).Key().TenantID + ":" + hash
}

// InterceptOperation runs after validation and limits: it stores an automatic persisted query, and logs a document that
// is not trusted.
func (e *Extension) InterceptOperation(ctx context.Context, next graphql.OperationHandler) graphql.ResponseHandler {
	op := graphql.GetOperationContext(ctx)
	document, ok := op.Stats.GetExtension(foundKey).(*found)
	if !ok {
		return next(ctx)
	}
	if document.keep {
		e.options.Automatic.Add(ctx, key(ctx, document.hash), document.text)
	}
	if !document.trusted && e.options.Mode == Log {
		e.options.Logger.WarnContext(ctx, "untrusted document",
			"hash", document.hash, "operation", op.Operation.Name, "caller", identity.From(ctx))
	}
	return next(ctx)
}

// name is the selection of a document in a request, instead of or besides its text.
type name struct {
	id   string // documentId
	hash string // sha256Hash of the extension persistedQuery
}

// read returns the selection of a document in a request.
func read(params *graphql.RawParams) (name, *gqlerror.Error) {
	var named name
	if value, ok := params.Extensions[IDExtension]; ok && value != nil {
		if named.id, ok = value.(string); !ok || named.id == "" {
			return name{}, failure(badUserInput, "Invalid documentId: want a non-empty string.")
		}
		if params.Query != "" { // GraphQL over HTTP, appendix on persisted documents
			return name{}, failure(badUserInput, "Conflicting parameters: send either query or documentId.")
		}
	}
	value, ok := params.Extensions["persistedQuery"]
	if !ok || value == nil {
		return named, nil
	}
	object, _ := value.(map[string]any)
	if version := fmt.Sprint(object["version"]); version != "1" {
		return name{}, failure(badUserInput, "Unsupported version of the extension persistedQuery: use 1.")
	}
	if named.hash, ok = object["sha256Hash"].(string); !ok || named.hash == "" {
		return name{}, failure(badUserInput, "Missing sha256Hash in the extension persistedQuery.")
	}
	return named, nil
}

const badUserInput = "BAD_USER_INPUT"

func failure(code, text string) *gqlerror.Error {
	return &gqlerror.Error{Message: text, Extensions: map[string]any{"code": code}}
}

// notFound returns the error whose code and message make clients send the text.
func notFound() *gqlerror.Error {
	return failure("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
}
