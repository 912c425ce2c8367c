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
)

// codes maps upstream errors to the code and message that clients get. Other errors are INTERNAL, with their text in
// the log only.
var codes = []struct {
	kind error
	code string
	text string
}{
	{upstream.ErrNotFound, "NOT_FOUND", "The object does not exist in Microsoft Graph."},
	{upstream.ErrSignIn, "UNAUTHENTICATED", "The gateway could not get an on-behalf-of token for you: sign in again. If that does not help, an administrator must consent to the gateway."},
	{upstream.ErrNotUser, "FORBIDDEN", "The gateway calls Microsoft Graph on behalf of users, and your token is an application's: sign in as a user."},
	{upstream.ErrForbidden, "FORBIDDEN", "Microsoft Graph denied the gateway's application access."},
	{upstream.ErrUnlicensed, "UPSTREAM_UNAVAILABLE", "Microsoft Graph provides sign-in activity only in tenants with a license for Microsoft Entra ID P1 or P2."},
	{upstream.ErrUnauthenticated, "UNAUTHENTICATED", "Microsoft Graph does not accept the gateway's credentials."},
	{upstream.ErrThrottled, "UPSTREAM_THROTTLED", "Microsoft Graph throttled the request."},
	{upstream.ErrBudget, "UPSTREAM_BUDGET_EXCEEDED", "The operation reached its limit of requests to Microsoft Graph. Request smaller pages, or use several operations."},
	{context.DeadlineExceeded, "UPSTREAM_UNAVAILABLE", "Microsoft Graph did not answer in time."},
	{context.Canceled, "UPSTREAM_UNAVAILABLE", "The request was canceled before Microsoft Graph answered."},
	{upstream.ErrNotOffered, "UPSTREAM_UNAVAILABLE", "Microsoft Graph does not support this in the tenant or its cloud."},
	{upstream.ErrUnreadable, "UPSTREAM_UNAVAILABLE", "Microsoft Graph returned a value that cannot be read."},
	{upstream.ErrEndless, "UPSTREAM_UNAVAILABLE", "Microsoft Graph returned an endless list: its pages repeat, or too many are empty."},
	{upstream.ErrTooLong, "UPSTREAM_UNAVAILABLE", "The list has more elements than the gateway reads in one operation."},
	{upstream.ErrConcealed, "UPSTREAM_UNAVAILABLE", "Microsoft Graph conceals names in reports. An administrator can show them: Microsoft 365 admin center, Settings, Org settings, Reports, " +
		"\"Display concealed user, group, and site names in all reports\"."},
	{upstream.ErrExpired, "UPSTREAM_UNAVAILABLE", "The next link of a list expired while Microsoft Graph was read."},
	{upstream.ErrUnavailable, "UPSTREAM_UNAVAILABLE", "Microsoft Graph is unavailable."},
	{errAudit, "INTERNAL", "The audit log cannot be written, so nothing was changed. Contact the gateway's operator."},
	{upstream.ErrRefused, "INTERNAL", "Microsoft Graph rejected the gateway's request."},
}

// PresentError returns the error that a client gets, without internal texts.
func PresentError(ctx context.Context, err error) *gqlerror.Error {
	if input, ok := errors.AsType[*upstream.InputError](err); ok {
		return ofField(ctx, presented(ctx, err, "BAD_USER_INPUT", input.Message))
	}
	if denial, ok := errors.AsType[*permissionError](err); ok {
		e := presented(ctx, err, "FORBIDDEN", denial.Error())
		e.Extensions["requiredScopes"] = denial.alternatives
		return e
	}
	if isOverflow(err) {
		return ofField(ctx, presented(ctx, err, "BAD_USER_INPUT", "an Int is a signed 32-bit integer"))
	}
	for _, known := range codes {
		if errors.Is(err, known.kind) {
			e := presented(ctx, err, known.code, known.text)
			e.Extensions["retryable"] = false
			if known.code == "NOT_FOUND" {
				e.Message = missing(ctx, e)
			}
			if errors.Is(known.kind, context.DeadlineExceeded) || errors.Is(known.kind, context.Canceled) {
				e.Extensions["retryable"] = !isMutation(ctx) // a mutation may have taken effect
			}
			if failure, ok := errors.AsType[*upstream.Error](err); ok && failure.Code != missingObject {
				describe(e, failure)
				if identity.From(ctx) != nil && errors.Is(err, upstream.ErrUnauthenticated) {
					e.Extensions["code"] = "UPSTREAM_UNAVAILABLE" // another sign-in does not help
				}
				if failure.Personal && errors.Is(err, upstream.ErrForbidden) {
					e.Message = "Microsoft Graph denied you access."
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

// missingObject is the error code of a directory object that does not exist. It is not shown: a request for several
// objects omits those that do not exist, without a code.
const missingObject = "Request_ResourceNotFound"

func isMutation(ctx context.Context) bool {
	if !graphql.HasOperationContext(ctx) {
		return false
	}
	op := graphql.GetOperationContext(ctx).Operation
	return op != nil && op.Operation == ast.Mutation
}

// missing returns the NOT_FOUND message, with the ID from the arguments of a root field.
func missing(ctx context.Context, e *gqlerror.Error) string {
	const nothing = "The object does not exist in Microsoft Graph."
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

// isOverflow reports whether a number literal was out of range for its type.
func isOverflow(err error) bool {
	_, ok := errors.AsType[*graphql.NumberOverflowError](err)
	return ok || errors.Is(err, strconv.ErrRange)
}

// ofDocument sets BAD_USER_INPUT on errors of parsing and validation.
func ofDocument(e *gqlerror.Error) *gqlerror.Error {
	switch code, _ := e.Extensions["code"].(string); code {
	case errcode.ParseFailed, errcode.ValidationFailed, "":
		errcode.Set(e, "BAD_USER_INPUT")
	}
	return e
}

// Parts of gqlparser's messages for variables of a wrong enum value or type. The messages repeat the value, or 0 for
// a fraction.
const (
	invalidEnum = " is not a valid "
	invalidType = "cannot use value "
)

// ofVariable replaces the path of a variable's error, which is not a response path, by the variable's name and
// location, and removes the value.
func ofVariable(ctx context.Context, e *gqlerror.Error) *gqlerror.Error {
	if len(e.Path) < 2 || e.Path[0] != ast.PathName("variable") || !graphql.HasOperationContext(ctx) {
		return e
	}
	name := fmt.Sprint(e.Path[1])
	if at := strings.LastIndex(e.Message, invalidEnum); at >= 0 { // the value precedes it
		e.Message = "the value" + e.Message[at:]
	}
	if at := strings.LastIndex(e.Message, " as "); at >= 0 && strings.HasPrefix(e.Message, invalidType) {
		typeName := e.Message[at+len(" as "):]
		e.Message = "the value is not of type " + typeName
		if typeName == "Int" {
			e.Message += ": use a 32-bit integer without a fraction or an exponent"
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

// ofField removes the argument that gqlgen appends to the path of an argument error, and sets the field's location.
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

// describe adds the extensions of an upstream failure: permissions, retry advice and request IDs for Microsoft
// support.
func describe(e *gqlerror.Error, failure *upstream.Error) {
	if failure.Permission != "" {
		e.Message += " Required permission: " + failure.Permission
		e.Extensions["permission"] = failure.Permission
		if others := failure.PermissionAlternatives; len(others) > 0 {
			e.Message += ", or " + strings.Join(others, " or ")
			e.Extensions["permissionAlternatives"] = others
		}
		e.Message += "."
	}
	if errors.Is(failure.Kind, upstream.ErrUnreadable) {
		e.Message += " Request: " + failure.Operation + "."
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

// Recover returns a function that logs a panic with its origin and returns errPanic.
func Recover(logger *slog.Logger) graphql.RecoverFunc {
	return func(ctx context.Context, p any) error {
		caught := upstream.Recovered(p)
		logger.ErrorContext(ctx, "panic in a resolver", "panic", caught.What, "at", caught.At, "path", graphql.GetPath(ctx).String())
		return errPanic
	}
}

// errPanic is the error of a panic that has been logged.
var errPanic = errors.New("panic in a resolver")

const (
	// maxPaths limits the paths reported for one cause.
	maxPaths = 100
	// allPaths limits the paths reported in one response.
	allPaths = 1_000
)

// merged reports errors with the same cause once, at the first path, with the count and paths of the others, ordered
// by path. Errors of different entities stay separate: a federation router maps each path to its own representation.
func merged(errs gqlerror.List) gqlerror.List {
	var result gqlerror.List
	var causes []cause // of result
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
			first[key].Err = e.Err // gqlgen reports other errors for the siblings of a panic
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

// comparePaths orders paths element by element.
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

// cause is equal for errors that are merged.
type cause struct {
	code, text, detail string
	status             int
	entity             string // path of the failed entity
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
		if caught, ok := errors.AsType[*upstream.PanicError](e.Err); ok {
			c.detail = caught.At
		}
	}
	return c
}

// fields returns the field names of a path, without indices.
func fields(path ast.Path) string {
	var names []string
	for _, step := range path {
		if name, ok := step.(ast.PathName); ok {
			names = append(names, string(name))
		}
	}
	return strings.Join(names, ".")
}

// shortened truncates a path for the log: aliases can be long.
func shortened(path ast.Path) string {
	const enough = 200
	text := path.String()
	return text[:min(len(text), enough)]
}

// log logs each upstream and internal error once, except errors of a canceled request.
func log(ctx context.Context, logger *slog.Logger, errs gqlerror.List) {
	gone := errors.Is(context.Cause(ctx), context.Canceled) // the client closed the connection
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
