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
	// maxTargets limits the IDs in an audit record: a mutation field changes at most maxWrites objects, with as many
	// products and plans.
	maxTargets = 2 * maxWrites
	// maxAuditName limits the length of a client's operation name in a record.
	maxAuditName = 256
)

// trail collects what one mutation field changes, for its audit record.
type trail struct {
	mu         sync.Mutex
	writes     [][]licensing.WriteResult // of each batch; WriteUnknown until answered
	unsent     int                       // changes not sent because the gateway rejected them
	userErrors []string                  // codes of the user errors
	dryRun     bool                      // nothing is sent
}

type trailKey struct{}

func trailOf(ctx context.Context) *trail {
	t, _ := ctx.Value(trailKey{}).(*trail)
	return t
}

// writing records n changes as WriteUnknown before they are sent, and returns the function that records their
// results.
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

// outcomes returns the number of changes per outcome, and Microsoft Graph's IDs of their requests.
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

// setDryRun records that nothing is sent.
func (t *trail) setDryRun() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.dryRun = true
}

// isDryRun reports whether nothing is sent.
func (t *trail) isDryRun() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dryRun
}

// notSent counts a change that the gateway does not send.
func (t *trail) notSent() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.unsent++
}

// userError records the code of a user error.
func (t *trail) userError(code string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !slices.Contains(t.userErrors, code) {
		t.userErrors = append(t.userErrors, code)
	}
}

// audited runs one mutation field and writes its audit record, also after a panic.
func (o *operations) audited(ctx context.Context, next graphql.RootResolver) graphql.Marshaler {
	t := &trail{}
	ctx = context.WithValue(ctx, trailKey{}, t)
	defer func() {
		op, fc := graphql.GetOperationContext(ctx), graphql.GetRootFieldContext(ctx)
		codes := codesAt(ctx, fc.Field.Alias)
		counts, requestIDs := t.outcomes()
		summary := outcome(counts, codes)
		if t.isDryRun() {
			summary = "dry run"
		}
		_ = o.audit(ctx, "mutation", op, // the log handler reports lost records
			"field", fc.Field.Name,
			"targets", o.resolver.permissions.ids(op, fc.Field.Field),
			"outcome", summary,
			"done", counts[licensing.WriteDone],
			"notDone", counts[licensing.WriteNotDone],
			"unknown", counts[licensing.WriteUnknown],
			"userErrors", t.userErrors,
			"errors", codes,
			"upstreamRequestIds", requestIDs,
		)
	}()
	if o.resolver.options.AuditRequired {
		op, fc := graphql.GetOperationContext(ctx), graphql.GetRootFieldContext(ctx)
		if err := o.audit(ctx, "mutation started", op, "field", fc.Field.Name, "targets", o.resolver.permissions.ids(op, fc.Field.Field)); err != nil {
			graphql.AddError(graphql.WithFieldContext(ctx, fieldOf(fc)), errAudit)
			return graphql.Null
		}
	}
	return next(ctx)
}

// errAudit rejects a mutation field whose audit record cannot be written.
var errAudit = errors.New("the audit log cannot be written")

// fieldOf returns the field context of a root field, for its errors.
func fieldOf(fc *graphql.RootFieldContext) *graphql.FieldContext {
	return &graphql.FieldContext{Object: fc.Object, Field: fc.Field}
}

// outcome summarizes the outcomes of all changes of a field.
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

// codesAt returns the distinct error codes of a root field, sorted.
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

// denials writes an audit record of what an operation's caller was denied: fields, by the gateway or by Microsoft
// Graph on behalf of the caller, or the whole operation, by a setting of the gateway or because an on-behalf-of token
// cannot be obtained.
func (o *operations) denials(ctx context.Context, op *graphql.OperationContext, resp *graphql.Response) {
	names := deniedIn(op).names()
	var codes, requestIDs []string
	for _, e := range resp.Errors {
		code, _ := e.Extensions["code"].(string)
		failure, isUpstream := errors.AsType[*upstream.Error](e.Err)
		personal := isUpstream && (failure.Personal || errors.Is(failure.Kind, upstream.ErrSignIn))
		whole := resp.Data == nil && !isUpstream
		if code != "FORBIDDEN" && code != "UNAUTHENTICATED" || !personal && !whole && !isPermissionError(e.Err) {
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
	if codes == nil && names != nil { // the response was cut off
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

func isPermissionError(err error) bool {
	_, ok := errors.AsType[*permissionError](err)
	return ok
}

// targets returns the IDs in the arguments of an operation's root fields.
func (o *operations) targets(op *graphql.OperationContext) []string {
	var ids []string
	if op.Operation == nil {
		return nil
	}
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query", "Mutation"}) {
		ids = append(ids, o.resolver.permissions.ids(op, field.Field)...)
	}
	return ids[:min(len(ids), maxTargets)]
}

// audit writes one record about an operation. The log handler adds the caller from the context. It returns the
// handler's error.
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
	return o.resolver.options.Audit.Handler().Handle(ctx, record) // a slog.Logger would drop the error
}

// ids returns the values of type ID and UUID in the arguments of a field.
func (p *permissions) ids(op *graphql.OperationContext, field *ast.Field) []string {
	var ids []string
	arguments := field.ArgumentMap(op.Variables)
	for _, argument := range field.Definition.Arguments {
		p.collect(argument.Type, arguments[argument.Name], &ids)
	}
	return ids
}

func (p *permissions) collect(typ *ast.Type, value any, ids *[]string) {
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
			p.collect(elem, element, ids)
		}
	case map[string]any:
		definition := p.schema.Types[typ.Name()]
		if definition == nil {
			return
		}
		for _, member := range definition.Fields {
			p.collect(member.Type, value[member.Name], ids)
		}
	case string:
		if guid, ok := licensing.ParseGUID(value); ok && (typ.Name() == "ID" || typ.Name() == "UUID") {
			*ids = append(*ids, string(guid))
		} else if typ.Name() == "ID" && assignmentID.MatchString(value) {
			*ids = append(*ids, value)
		}
	}
}

// assignmentID matches the IDs of assignments and allotments. Other values are not logged: a client may pass any
// text, such as a name.
var assignmentID = regexp.MustCompile(`^[A-Za-z0-9_-]{20,200}$`)
