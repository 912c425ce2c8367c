// Package documents finds the text of an operation that a client names by an id or a hash, and holds clients to a
// list of documents where one is enforced.
//
// A trusted document is one of a manifest that the operator wrote at build time: see [ReadManifest]. An automatic
// persisted query is one that a client sent once with its hash, by Apollo's protocol
// (https://www.apollographql.com/docs/apollo-server/performance/apq); it saves bytes and guards nothing, and what
// one tenant sent is not found by another.
package documents

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/identity"
)

// Mode is what becomes of documents that are not in the manifest.
type Mode string

const (
	// Off runs them.
	Off Mode = "off"
	// Log runs them and writes a record for each.
	Log Mode = "log"
	// Enforce refuses them.
	Enforce Mode = "enforce"
)

// IDExtension is the member of a request's extensions that names a document. Transports put a request's documentId
// there; where a payload has no place for it, clients can.
const IDExtension = "documentId"

// Options configure an [Extension].
type Options struct {
	// Trusted are the documents of the manifest; nil for none.
	Trusted *Trusted
	// Mode tells what becomes of others; empty for Off.
	Mode Mode
	// Automatic keeps automatic persisted queries; nil refuses them. Enforce does too.
	Automatic Cache
	// Logger gets what Log says.
	Logger *slog.Logger
}

// Extension is the gqlgen extension that finds documents. Use it before any that reads the text.
type Extension struct{ options Options }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
	graphql.OperationInterceptor
} = (*Extension)(nil)

// New returns an extension for one executor.
func New(options Options) *Extension { return &Extension{options} }

// ExtensionName names the extension in gqlgen.
func (*Extension) ExtensionName() string { return "Documents" }

// Validate has nothing to object to.
func (*Extension) Validate(graphql.ExecutableSchema) error { return nil }

// found is what is known of an operation's document once its text is.
type found struct {
	text      string
	hash      string
	operation string // that the request names
	trusted   bool
	keep      bool // as an automatic persisted query, once it has proved valid
}

const foundKey = "documents"

// Sent returns the hash of an operation's document as it was sent, and the name by which the request picks an operation
// of it; empty when its text was not found.
func Sent(op *graphql.OperationContext) (sha256, operation string) {
	document, ok := op.Stats.GetExtension(foundKey).(*found)
	if !ok {
		return "", ""
	}
	return document.hash, document.operation
}

// MutateOperationParameters finds the text, and refuses what is not on the list.
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
		return failure("FORBIDDEN", "Only documents on the operator's list run here, and this one is not on it. Send the id or the exact text of one that is.")
	}
	document.keep = !document.trusted && named.hash == document.hash && e.automatic() != nil
	return nil
}

// find returns the text of what was named.
func (e *Extension) find(ctx context.Context, named name, manifest *Manifest) (string, *gqlerror.Error) {
	switch {
	case named.id == "" && named.hash == "":
		return "", failure(badUserInput, "The parameter query is missing.")
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
		// A shared cache may have been written by others: only what the hash is of counts.
		if text, ok := automatic.Get(ctx, key(ctx, named.hash)); ok && hashOf(text) == named.hash {
			return text, nil
		}
	} else if automatic == nil && manifest == nil {
		return "", failure("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")
	}
	return "", notFound()
}

// automatic returns where automatic persisted queries are; nil where there are none.
func (e *Extension) automatic() Cache {
	if e.options.Mode == Enforce {
		return nil
	}
	return e.options.Automatic
}

// key is where a tenant's text of a hash is kept, so that no tenant can learn what another has sent.
func key(ctx context.Context, hash string) string {
	return identity.From(ctx).Key().TenantID + ":" + hash
}

// InterceptOperation sees an operation that has passed validation and all limits: it remembers its document, and
// writes the record of one that is not on the list.
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
		e.options.Logger.WarnContext(ctx, "an operation's document is not on the list of trusted documents",
			"hash", document.hash, "operation", op.Operation.Name, "caller", identity.From(ctx))
	}
	return next(ctx)
}

// name is what a request says instead of, or besides, the text.
type name struct {
	id   string // documentId
	hash string // of the extension persistedQuery
}

// read returns what a request names.
func read(params *graphql.RawParams) (name, *gqlerror.Error) {
	var named name
	if value, ok := params.Extensions[IDExtension]; ok && value != nil {
		if named.id, ok = value.(string); !ok || named.id == "" {
			return name{}, failure(badUserInput, "The documentId is not a string with something in it.")
		}
		if params.Query != "" { // GraphQL over HTTP, appendix on persisted documents
			return name{}, failure(badUserInput, "A request has a query or a documentId, not both.")
		}
	}
	value, ok := params.Extensions["persistedQuery"]
	if !ok || value == nil {
		return named, nil
	}
	object, _ := value.(map[string]any)
	if version := fmt.Sprint(object["version"]); version != "1" {
		return name{}, failure(badUserInput, "The extension persistedQuery has a version that is not known: 1 is.")
	}
	if named.hash, ok = object["sha256Hash"].(string); !ok || named.hash == "" {
		return name{}, failure(badUserInput, "The extension persistedQuery has no sha256Hash.")
	}
	return named, nil
}

const badUserInput = "BAD_USER_INPUT"

func failure(code, text string) *gqlerror.Error {
	return &gqlerror.Error{Message: text, Extensions: map[string]any{"code": code}}
}

// notFound is what has clients send the text, by its code and by its words.
func notFound() *gqlerror.Error {
	return failure("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
}
