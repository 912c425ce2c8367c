package graph

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/identity"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// codes maps what can go wrong upstream to the code and the words that a client reads. What is not here is
// INTERNAL, and its words stay in the log.
var codes = []struct {
	kind error
	code string
	text string
}{
	{upstream.ErrNotFound, "NOT_FOUND", "Microsoft Graph has no such object."},
	{upstream.ErrSignIn, "UNAUTHENTICATED", "Microsoft Graph cannot be asked in your name: sign in again. If that does not help, an administrator has to consent to the gateway."},
	{upstream.ErrNotAPerson, "FORBIDDEN", "The gateway asks Microsoft Graph in the name of people, and you are an application: sign in as a person."},
	{upstream.ErrForbidden, "FORBIDDEN", "The gateway's application may not do this."},
	{upstream.ErrUnauthenticated, "UNAUTHENTICATED", "Microsoft Graph does not accept the gateway's credentials."},
	{upstream.ErrThrottled, "UPSTREAM_THROTTLED", "Microsoft Graph takes no more requests for now."},
	{upstream.ErrBudget, "UPSTREAM_BUDGET_EXCEEDED", "The operation has sent as many requests to Microsoft Graph as one may. Ask for smaller pages, or in several operations."},
	{context.DeadlineExceeded, "UPSTREAM_UNAVAILABLE", "Microsoft Graph did not answer in time."},
	{context.Canceled, "UPSTREAM_UNAVAILABLE", "The request was given up before Microsoft Graph had answered."},
	{upstream.ErrNotOffered, "UPSTREAM_UNAVAILABLE", "Microsoft Graph does not offer this in the tenant or its cloud."},
	{upstream.ErrUnreadable, "UPSTREAM_UNAVAILABLE", "Microsoft Graph sent a value that cannot be read."},
	{upstream.ErrEndless, "UPSTREAM_UNAVAILABLE", "Microsoft Graph sent a list that does not end: its pages repeat, or too many are empty."},
	{upstream.ErrExpired, "UPSTREAM_UNAVAILABLE", "Microsoft Graph lost the place in a list while it was read."},
	{upstream.ErrUnavailable, "UPSTREAM_UNAVAILABLE", "Microsoft Graph could not answer."},
	{errAudit, "INTERNAL", "The audit log cannot be written, and nothing is changed without it. The gateway's operator has to look."},
	{upstream.ErrRefused, "INTERNAL", "Microsoft Graph does not take the request as the gateway wrote it."},
}

// PresentError turns an error into what a client may read of it.
func PresentError(ctx context.Context, err error) *gqlerror.Error {
	if input, ok := errors.AsType[*upstream.InputError](err); ok {
		return ofField(ctx, presented(ctx, err, "BAD_USER_INPUT", input.Message))
	}
	if right, ok := errors.AsType[*rightError](err); ok {
		e := presented(ctx, err, "FORBIDDEN", right.Error())
		e.Extensions["requiredScopes"] = right.alternatives
		return e
	}
	if isOverflow(err) {
		return ofField(ctx, presented(ctx, err, "BAD_USER_INPUT", "an Int is a whole number of 32 bits with a sign"))
	}
	for _, known := range codes {
		if errors.Is(err, known.kind) {
			e := presented(ctx, err, known.code, known.text)
			if known.code == "NOT_FOUND" {
				e.Message = missing(ctx, e)
			}
			if errors.Is(known.kind, context.DeadlineExceeded) || errors.Is(known.kind, context.Canceled) {
				e.Extensions["retryable"] = !isMutation(ctx) // of which something may have been done
			}
			if failure, ok := errors.AsType[*upstream.Error](err); ok {
				describe(e, failure)
				if identity.From(ctx) != nil && errors.Is(err, upstream.ErrUnauthenticated) {
					e.Extensions["code"] = "UPSTREAM_UNAVAILABLE" // signing in again would not help
				}
				if failure.Personal && errors.Is(err, upstream.ErrForbidden) {
					e.Message = "Microsoft Graph does not let you do this."
				}
			}
			return e
		}
	}
	if e, ok := errors.AsType[*gqlerror.Error](err); ok && e.Err == nil {
		return ofVariable(ctx, ofDocument(graphql.DefaultErrorPresenter(ctx, e)))
	}
	return presented(ctx, err, "INTERNAL", "Internal error.")
}

func isMutation(ctx context.Context) bool {
	if !graphql.HasOperationContext(ctx) {
		return false
	}
	op := graphql.GetOperationContext(ctx).Operation
	return op != nil && op.Operation == ast.Mutation
}

// missing says what it is that does not exist, of what a root field names.
func missing(ctx context.Context, e *gqlerror.Error) string {
	const nothing = "Microsoft Graph has no such object."
	fc := graphql.GetFieldContext(ctx)
	if fc == nil || fc.Object != "Query" {
		return nothing
	}
	var id any
	switch {
	case fc.Args["ids"] != nil:
		ids, _ := fc.Args["ids"].([]string)
		if index, ok := e.Path[len(e.Path)-1].(ast.PathIndex); ok && int(index) < len(ids) {
			id = ids[index]
		}
	case fc.Args["skuId"] != nil:
		id = fc.Args["skuId"]
	default:
		id = fc.Args["id"]
	}
	switch id := id.(type) {
	case *string:
		if id != nil {
			return fmt.Sprintf("Microsoft Graph has no object with the ID %q.", *id)
		}
		return "Microsoft Graph has no user with this userPrincipalName."
	case string, licensing.GUID:
		return fmt.Sprintf("Microsoft Graph has no object with the ID %q.", id)
	}
	return nothing
}

// isOverflow tells whether a number in the text of a request was too large for its type.
func isOverflow(err error) bool {
	_, ok := errors.AsType[*graphql.NumberOverflowError](err)
	return ok || errors.Is(err, strconv.ErrRange)
}

// ofDocument gives an error of the request's own text a code of ours.
func ofDocument(e *gqlerror.Error) *gqlerror.Error {
	switch code, _ := e.Extensions["code"].(string); code {
	case errcode.ParseFailed, errcode.ValidationFailed, "":
		errcode.Set(e, "BAD_USER_INPUT")
	}
	return e
}

// What gqlparser says of a variable that is no member of an enumeration, and of one of another type. It repeats the
// value, or 0 for a fraction.
const (
	invalidEnum = " is not a valid "
	invalidType = "cannot use value "
)

// ofVariable gives an error of a variable the variable's name and place. gqlparser gives it a path that is not
// one of the answer. The value is not repeated.
func ofVariable(ctx context.Context, e *gqlerror.Error) *gqlerror.Error {
	if len(e.Path) < 2 || e.Path[0] != ast.PathName("variable") || !graphql.HasOperationContext(ctx) {
		return e
	}
	name := fmt.Sprint(e.Path[1])
	if at := strings.LastIndex(e.Message, invalidEnum); at >= 0 { // before it is the value
		e.Message = "the value" + e.Message[at:]
	}
	if at := strings.LastIndex(e.Message, " as "); at >= 0 && strings.HasPrefix(e.Message, invalidType) {
		typeName := e.Message[at+len(" as "):]
		e.Message = "the value is no " + typeName
		if typeName == "Int" {
			e.Message += ": write a whole number of 32 bits, without a fraction or an exponent"
		}
	}
	e.Message = "$" + e.Path[1:].String() + ": " + e.Message
	e.Path = nil
	if op := graphql.GetOperationContext(ctx).Operation; op != nil {
		if definition := op.VariableDefinitions.ForName(name); definition != nil && definition.Position != nil {
			e.Locations = []gqlerror.Location{{Line: definition.Position.Line, Column: definition.Position.Column}}
		}
	}
	return e
}

// ofField gives an error of an argument the path and the place of its field. gqlgen adds the argument to the
// path, which is then not one of the answer.
func ofField(ctx context.Context, e *gqlerror.Error) *gqlerror.Error {
	field := graphql.GetPath(ctx)
	for len(e.Path) > len(field) && len(field) > 0 {
		if _, argument := e.Path[len(e.Path)-1].(ast.PathName); !argument {
			break
		}
		e.Path = e.Path[:len(e.Path)-1]
	}
	if fc := graphql.GetFieldContext(ctx); e.Locations == nil && fc != nil && fc.Field.Field != nil && fc.Field.Position != nil {
		e.Locations = []gqlerror.Location{{Line: fc.Field.Position.Line, Column: fc.Field.Position.Column}}
	}
	return e
}

func presented(ctx context.Context, cause error, code, text string) *gqlerror.Error {
	e := &gqlerror.Error{Err: cause, Message: text, Extensions: map[string]any{"code": code}}
	if path, ok := errors.AsType[*gqlerror.Error](cause); ok {
		e.Path, e.Locations = path.Path, path.Locations
	}
	if e.Path == nil {
		e.Path = graphql.GetPath(ctx)
	}
	return e
}

// describe adds what a client, or who asks Microsoft's support, can use of an upstream failure.
func describe(e *gqlerror.Error, failure *upstream.Error) {
	if failure.Permission != "" {
		e.Message += " It needs the permission " + failure.Permission
		e.Extensions["permission"] = failure.Permission
		if others := failure.PermissionAlternatives; len(others) > 0 {
			e.Message += ", or " + strings.Join(others, " or ") + " in its place"
			e.Extensions["permissionAlternatives"] = others
		}
		e.Message += "."
	}
	if errors.Is(failure.Kind, upstream.ErrUnreadable) {
		e.Message += " It is that of " + failure.Operation + "."
	}
	e.Extensions["retryable"] = failure.Retryable
	if failure.Spent > 0 {
		e.Extensions["upstreamRequests"] = failure.Spent
	}
	if failure.RetryAfter > 0 {
		e.Extensions["retryAfterSeconds"] = int(math.Ceil(failure.RetryAfter.Seconds()))
	}
	for name, value := range map[string]string{"claims": failure.Claims, "upstreamCode": failure.Code, "upstreamRequestId": failure.RequestID} {
		if value != "" {
			e.Extensions[name] = value
		}
	}
}

// Recover turns a panic into an error, and logs where it came from.
func Recover(logger *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, p any) error {
		caught := loaders.Recovered(p)
		logger.ErrorContext(ctx, "panic in a resolver", "panic", caught.What, "at", caught.At, "path", graphql.GetPath(ctx).String())
		return errPanic
	}
}

// errPanic is the error of a panic that is in the log.
var errPanic = errors.New("panic in a resolver")

const (
	// maxPaths bounds the fields that are named of those which met the same failure.
	maxPaths = 100
	// allPaths bounds those of all failures of an answer.
	allPaths = 1_000
)

// merged reports failures with the same cause once, at the first field that met it, with the number of
// fields that did and their paths. Its order is that of the answer. Failures of several entities stand each at its own
// path: a router that asked for them passes them on to where it asked for each, and knows nothing of other paths.
func merged(errs gqlerror.List) gqlerror.List {
	var result gqlerror.List
	var causes []cause // of the result
	first := map[cause]*gqlerror.Error{}
	paths := map[cause][]ast.Path{}
	for _, e := range errs {
		key := causeOf(e)
		if len(e.Path) > 1 && e.Path[0] == ast.PathName("_entities") {
			key.entity = e.Path[:2].String()
		}
		paths[key] = append(paths[key], e.Path)
		if first[key] == nil {
			first[key] = e
			result, causes = append(result, e), append(causes, key)
		} else if errors.Is(e.Err, errPanic) {
			first[key].Err = e.Err // what gqlgen tells its siblings is no cause
		}
	}
	left := allPaths
	for i, e := range result {
		met := paths[causes[i]]
		if len(met) == 1 {
			continue
		}
		slices.SortFunc(met, comparePaths)
		e.Path = met[0]
		e.Extensions["count"] = len(met)
		e.Extensions["paths"] = met[:min(len(met), maxPaths, left)]
		left -= min(len(met), maxPaths, left)
	}
	slices.SortStableFunc(result, func(a, b *gqlerror.Error) int { return comparePaths(a.Path, b.Path) })
	return result
}

// comparePaths orders paths by their fields and indices.
func comparePaths(a, b ast.Path) int {
	return slices.CompareFunc(a, b, func(a, b ast.PathElement) int {
		switch a := a.(type) {
		case ast.PathIndex:
			if b, ok := b.(ast.PathIndex); ok {
				return cmp.Compare(a, b)
			}
			return -1
		case ast.PathName:
			if b, ok := b.(ast.PathName); ok {
				return cmp.Compare(a, b)
			}
		}
		return 1
	})
}

// cause is what makes two failures the same.
type cause struct {
	code, text, detail string
	status             int
	entity             string // that failed
}

func causeOf(e *gqlerror.Error) cause {
	code, _ := e.Extensions["code"].(string)
	c := cause{code: code, text: e.Message}
	switch failure, ok := errors.AsType[*upstream.Error](e.Err); {
	case ok && code != "NOT_FOUND":
		c.detail, c.status = failure.Operation, failure.Status
	case code == "BAD_USER_INPUT" && e.Err != nil:
		c.detail = fields(e.Path) + fmt.Sprint(e.Locations)
	case e.Err == nil:
		c.detail = e.Path.String() + fmt.Sprint(e.Locations)
	case code == "NOT_FOUND":
		c.detail = fields(e.Path)
	case code == "INTERNAL":
		c.detail = fields(e.Path)
		if caught, ok := errors.AsType[*loaders.PanicError](e.Err); ok {
			c.detail = caught.At
		}
	}
	return c
}

// fields returns a path without its indices.
func fields(path ast.Path) string {
	var names []string
	for _, step := range path {
		if name, ok := step.(ast.PathName); ok {
			names = append(names, string(name))
		}
	}
	return strings.Join(names, ".")
}

// shortened returns the beginning of a path, which can hold long aliases.
func shortened(path ast.Path) string {
	const enough = 200
	text := path.String()
	return text[:min(len(text), enough)]
}

// log writes down, once each, failures that somebody other than the client has to know of.
func log(ctx context.Context, logger *slog.Logger, errs gqlerror.List) {
	gone := errors.Is(context.Cause(ctx), context.Canceled) // nobody waits for the answer any more
	for _, e := range errs {
		if e.Err == nil || errors.Is(e.Err, errPanic) || gone && errors.Is(e.Err, context.Canceled) {
			continue
		}
		attrs := []any{"code", e.Extensions["code"], "path", shortened(e.Path), "count", e.Extensions["count"]}
		if caller := identity.From(ctx); caller != nil {
			attrs = append(attrs, "tenant", caller.TenantID)
		}
		failure, isUpstream := errors.AsType[*upstream.Error](e.Err)
		switch {
		case isUpstream && !errors.Is(e.Err, upstream.ErrNotFound):
			logger.WarnContext(ctx, "upstream request failed", append(attrs, "cause", failure.Error(), "retryAfter", failure.RetryAfter.Round(time.Second))...)
		case e.Extensions["code"] == "INTERNAL":
			logger.ErrorContext(ctx, "internal error", append(attrs, "cause", e.Err.Error())...)
		}
	}
}
