package graph

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
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
	mu       sync.Mutex
	writes   [][]licensing.WriteResult // of each set of changes, as far as is known
	unsent   int                       // changes that the gateway itself has refused, one of several
	mistakes []string                  // codes of the user errors
}

type trailKey struct{}

func trailOf(ctx context.Context) *trail {
	t, _ := ctx.Value(trailKey{}).(*trail)
	return t
}

// writing notes that changes are about to be sent. Until known is called, nobody knows what became of them.
func (t *trail) writing(n int) (known func([]licensing.WriteResult)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	set := len(t.writes)
	t.writes = append(t.writes, slices.Repeat([]licensing.WriteResult{{Outcome: licensing.WriteUnknown}}, n))
	return func(results []licensing.WriteResult) {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.writes[set] = slices.Clone(results)
	}
}

// outcomes returns how many changes had which outcome, and the service's ids of the requests that made them.
func (t *trail) outcomes() (counts map[licensing.Outcome]int, requestIDs []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	counts = map[licensing.Outcome]int{}
	if t.unsent > 0 {
		counts[licensing.WriteNotDone] = t.unsent
	}
	for _, result := range slices.Concat(t.writes...) {
		counts[result.Outcome]++
		id := result.RequestID
		if failure, ok := errors.AsType[*upstream.Error](result.Err); ok && id == "" {
			id = failure.RequestID
		}
		if id != "" && !slices.Contains(requestIDs, id) {
			requestIDs = append(requestIDs, id)
		}
	}
	return counts, requestIDs
}

// refused notes one of several changes that is not sent.
func (t *trail) refused() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unsent++
}

// mistaken notes the code of a user error.
func (t *trail) mistaken(code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.mistakes, code) {
		t.mistakes = append(t.mistakes, code)
	}
}

// audited runs one mutation field and writes a record of it: also when it panics.
func (o *operations) audited(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	t := &trail{}
	ctx = context.WithValue(ctx, trailKey{}, t)
	defer func() {
		op, fc := graphql.GetOperationContext(ctx), graphql.GetRootFieldContext(ctx)
		codes := codesAt(ctx, fc.Field.Alias)
		counts, requestIDs := t.outcomes()
		_ = o.audit(ctx, "mutation", op, // whoever writes reports what is lost
			"field", fc.Field.Name,
			"targets", o.resolver.rights.ids(op, fc.Field.Field),
			"outcome", outcome(counts, codes),
			"done", counts[licensing.WriteDone],
			"notDone", counts[licensing.WriteNotDone],
			"unknown", counts[licensing.WriteUnknown],
			"userErrors", t.mistakes,
			"errors", codes,
			"upstreamRequestIds", requestIDs,
		)
	}()
	if o.resolver.options.AuditRequired {
		op, fc := graphql.GetOperationContext(ctx), graphql.GetRootFieldContext(ctx)
		if err := o.audit(ctx, "mutation begins", op, "field", fc.Field.Name, "targets", o.resolver.rights.ids(op, fc.Field.Field)); err != nil {
			graphql.AddError(graphql.WithFieldContext(ctx, fieldOf(fc)), errAudit)
			return graphql.Null
		}
	}
	return next(ctx)
}

// errAudit is why a mutation is refused that nobody could trace.
var errAudit = errors.New("the audit log cannot be written")

// fieldOf is a root field as errors see it.
func fieldOf(fc *graphql.RootFieldContext) *graphql.FieldContext {
	return &graphql.FieldContext{Object: fc.Object, Field: fc.Field}
}

// outcome is that of all changes of a field together.
func outcome(counts map[licensing.Outcome]int, codes []string) string {
	done, notDone := counts[licensing.WriteDone], counts[licensing.WriteNotDone]
	switch {
	case counts[licensing.WriteUnknown] > 0:
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

// denials writes a record of what the caller of an operation was denied: fields, by the gateway or by Microsoft Graph in
// the caller's name, or all of it, by a switch or a list of the operator's or because nothing can be asked in the
// caller's name.
func (o *operations) denials(ctx context.Context, op *graphql.OperationContext, resp *graphql.Response) {
	names := deniedIn(op).names()
	var codes, requestIDs []string
	for _, e := range resp.Errors {
		code, _ := e.Extensions["code"].(string)
		failure, isUpstream := errors.AsType[*upstream.Error](e.Err)
		personal := isUpstream && (failure.Personal || errors.Is(failure.Kind, upstream.ErrSignIn))
		whole := resp.Data == nil && !isUpstream
		if code != "FORBIDDEN" && code != "UNAUTHENTICATED" || !personal && !whole && !isRight(e.Err) {
			continue
		}
		codes = append(codes, code)
		if personal {
			if name := fields(e.Path); name != "" {
				names = append(names, name)
			}
			if failure.RequestID != "" {
				requestIDs = append(requestIDs, failure.RequestID)
			}
		}
	}
	if codes == nil && names != nil { // of an answer that was cut off
		codes = []string{"FORBIDDEN"}
	}
	if codes == nil {
		return
	}
	slices.Sort(codes)
	slices.Sort(requestIDs)
	attrs := []any{"outcome", "denied", "errors", slices.Compact(codes)}
	if names != nil {
		attrs = append(attrs, "fields", names[:min(len(names), maxTargets)])
	}
	if targets := o.targets(op); targets != nil {
		attrs = append(attrs, "targets", targets)
	}
	if requestIDs != nil {
		attrs = append(attrs, "upstreamRequestIds", slices.Compact(requestIDs))
	}
	_ = o.audit(ctx, "denied", op, attrs...)
}

func isRight(err error) bool {
	_, ok := errors.AsType[*rightError](err)
	return ok
}

// targets returns the ids in the arguments of an operation's root fields.
func (o *operations) targets(op *graphql.OperationContext) []string {
	var ids []string
	if op.Operation == nil {
		return nil
	}
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query", "Mutation"}) {
		ids = append(ids, o.resolver.rights.ids(op, field.Field)...)
	}
	return ids[:min(len(ids), maxTargets)]
}

// audit writes a record about an operation. Who asks is in the context, and the logger's business. It fails when the
// record is not written.
func (o *operations) audit(ctx context.Context, event string, op *graphql.OperationContext, attrs ...any) error {
	hash, name := "", ""
	if o.resolver.options.Document != nil {
		hash, name = o.resolver.options.Document(op)
	}
	if hash == "" && op.RawQuery != "" {
		sum := sha256.Sum256([]byte(op.RawQuery))
		hash = hex.EncodeToString(sum[:])
	}
	if op.Operation != nil {
		name = op.Operation.Name
	}
	record := slog.NewRecord(time.Now(), slog.LevelInfo, event, 0)
	record.Add("operation", strings.ToValidUTF8(name[:min(len(name), maxAuditName)], ""), "sha256", hash)
	record.Add(attrs...)
	return o.resolver.options.Audit.Handler().Handle(ctx, record) // a logger would keep the error
}

// ids returns the ids in the arguments of a field: what its schema says is an ID or a UUID.
func (r *rights) ids(op *graphql.OperationContext, field *ast.Field) []string {
	var ids []string
	arguments := field.ArgumentMap(op.Variables)
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
		if guid, ok := licensing.ParseGUID(value); ok && (typ.Name() == "ID" || typ.Name() == "UUID") {
			*ids = append(*ids, string(guid))
		} else if typ.Name() == "ID" && assignmentID.MatchString(value) {
			*ids = append(*ids, value)
		}
	}
}

// assignmentID is what the ids of assignments and allotments look like. Another text that is given for an id can be
// anything, a name as well, and nothing has it.
var assignmentID = regexp.MustCompile(`^[A-Za-z0-9_-]{20,200}$`)
