package graph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/licensing"
)

const (
	// maxTargets bounds the ids in a record of the audit log: a mutation field changes at most maxWrites objects, in
	// up to as many products and plans.
	maxTargets = 2 * maxWrites
	// maxAuditName bounds the names in a record that a client has chosen.
	maxAuditName = 256
)

// trail is what one mutation field does, for its record in the audit log.
type trail struct {
	mu         sync.Mutex
	outcomes   map[licensing.Outcome]int
	requestIDs []string
	mistakes   []string // codes of what the caller can mend
}

type trailKey struct{}

func trailOf(ctx context.Context) *trail {
	t, _ := ctx.Value(trailKey{}).(*trail)
	return t
}

// wrote notes what became of changes.
func (t *trail) wrote(results []licensing.WriteResult) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, result := range results {
		t.outcomes[result.Outcome]++
		id := result.RequestID
		if upstream, ok := errors.AsType[*licensing.UpstreamError](result.Err); ok && id == "" {
			id = upstream.RequestID
		}
		if id != "" && !slices.Contains(t.requestIDs, id) {
			t.requestIDs = append(t.requestIDs, id)
		}
	}
}

// mistaken notes something that the caller can mend.
func (t *trail) mistaken(code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.mistakes, code) {
		t.mistakes = append(t.mistakes, code)
	}
}

// audited runs one mutation field and writes a record of it: also when it panics.
func (o *operations) audited(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	t := &trail{outcomes: map[licensing.Outcome]int{}}
	ctx = context.WithValue(ctx, trailKey{}, t)
	defer func() {
		op, fc := graphql.GetOperationContext(ctx), graphql.GetRootFieldContext(ctx)
		codes := codesAt(ctx, fc.Field.Alias)
		o.audit(ctx, "mutation", op,
			"field", fc.Field.Name,
			"targets", o.resolver.rights.ids(fc.Field, op.Variables),
			"outcome", t.outcome(codes),
			"done", t.outcomes[licensing.WriteDone],
			"notDone", t.outcomes[licensing.WriteNotDone],
			"unknown", t.outcomes[licensing.WriteUnknown],
			"userErrors", t.mistakes,
			"errors", codes,
			"upstreamRequestIds", t.requestIDs,
		)
	}()
	return next(ctx)
}

// outcome is that of all changes together.
func (t *trail) outcome(codes []string) string {
	done, notDone, unknown := t.outcomes[licensing.WriteDone], t.outcomes[licensing.WriteNotDone], t.outcomes[licensing.WriteUnknown]
	switch {
	case unknown > 0:
		return "unknown"
	case done > 0 && notDone > 0:
		return "partly done"
	case done > 0:
		return "done"
	case notDone == 0 && slices.Contains(codes, "FORBIDDEN"):
		return "denied"
	default:
		return "not done"
	}
}

// codesAt returns the codes of the errors of a root field, each once.
func codesAt(ctx context.Context, alias string) []string {
	var codes []string
	for _, e := range graphql.GetErrors(ctx) {
		code, _ := e.Extensions["code"].(string)
		if len(e.Path) > 0 && e.Path[0] == ast.PathName(alias) && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return codes
}

// deny writes a record of what a caller was denied.
func (o *operations) deny(ctx context.Context, op *graphql.OperationContext, names []string) {
	o.audit(ctx, "denied", op, "fields", names[:min(len(names), maxTargets)], "outcome", "denied")
}

// denyAll writes a record of an operation that was not begun because its caller may not do it: by a switch or a list of
// the operator's, or because nothing can be asked in the caller's name.
func (o *operations) denyAll(ctx context.Context, op *graphql.OperationContext, errs gqlerror.List) {
	var codes []string
	for _, e := range errs {
		code, _ := e.Extensions["code"].(string)
		if (code == "FORBIDDEN" || code == "UNAUTHENTICATED") && !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
	}
	if codes != nil {
		o.audit(ctx, "denied", op, "errors", codes, "outcome", "denied")
	}
}

// audit writes a record about an operation. Who asks is in the context, and the logger's business.
func (o *operations) audit(ctx context.Context, event string, op *graphql.OperationContext, attrs ...any) {
	hash := sha256.Sum256([]byte(op.RawQuery))
	name := ""
	if op.Operation != nil {
		name = op.Operation.Name
	}
	o.resolver.options.Audit.InfoContext(ctx, event, append([]any{
		"operation", strings.ToValidUTF8(name[:min(len(name), maxAuditName)], ""),
		"sha256", hex.EncodeToString(hash[:]),
	}, attrs...)...)
}

// ids returns the ids in the arguments of a field: what its schema says is an ID or a UUID.
func (r *rights) ids(field graphql.CollectedField, variables map[string]any) []string {
	var ids []string
	arguments := field.ArgumentMap(variables)
	for _, argument := range field.Definition.Arguments {
		r.collect(argument.Type, arguments[argument.Name], &ids)
	}
	return ids
}

func (r *rights) collect(typ *ast.Type, value any, ids *[]string) {
	if len(*ids) >= maxTargets {
		return
	}
	switch value := value.(type) {
	case []any:
		for _, element := range value {
			elem := typ
			if typ.Elem != nil {
				elem = typ.Elem
			}
			r.collect(elem, element, ids)
		}
	case map[string]any:
		definition := r.schema.Types[typ.Name()]
		if definition == nil {
			return
		}
		for _, member := range definition.Fields {
			r.collect(member.Type, value[member.Name], ids)
		}
	case string:
		// An id that is none can be anything, a name as well.
		if guid, ok := licensing.ParseGUID(value); ok && (typ.Name() == "ID" || typ.Name() == "UUID") {
			*ids = append(*ids, string(guid))
		} else if typ.Name() == "ID" && opaqueID(value) == nil {
			*ids = append(*ids, value)
		}
	}
}
