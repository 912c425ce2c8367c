package graph

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/licensing"
)

// withUnread is an object of which some properties could not be read.
type withUnread interface {
	HasUnread() bool
	WhyUnread(property string) error
}

// hasUnread tells whether a filter may be wrong about an element, since a value that it has cannot be read.
func hasUnread(item any) bool {
	if user, ok := item.(*licensing.User); ok && slices.ContainsFunc(user.LicenseAssignmentStates, func(s *licensing.LicenseAssignmentState) bool { return s.HasUnread() }) {
		return true
	}
	object, ok := item.(withUnread)
	return ok && object.HasUnread()
}

// unread answers fields whose properties could not be read: with null and why, or, where the schema has no null for
// the field, with what is left of it and why.
func unread(next graphql.FieldMiddleware) graphql.FieldMiddleware {
	return func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		fc := graphql.GetFieldContext(ctx)
		if fc == nil || fc.Parent == nil {
			return next(ctx, resolve)
		}
		err := whyUnread(fc)
		switch {
		case err == nil:
			return next(ctx, resolve)
		case fc.Field.Definition == nil || !fc.Field.Definition.Type.NonNull:
			return nil, err
		}
		graphql.AddError(ctx, err)
		return next(ctx, resolve)
	}
}

// whyUnread returns why the property, or one of the properties, of a field could not be read; nil when they could.
func whyUnread(fc *graphql.FieldContext) error {
	object, ok := objectOf(fc.Parent.Result)
	if !ok {
		return nil
	}
	if sku, ok := object.(*licensing.SubscribedSku); ok && fc.Field.Name == "units" {
		return sku.WhyNoUnits()
	}
	if !object.HasUnread() {
		return nil
	}
	name := fc.Field.Name // stateText is read from state, assignedByGroupId from assignedByGroup
	for _, property := range append(slices.Clone(from(fc.Object, name)), strings.TrimSuffix(name, "Text"), strings.TrimSuffix(name, "Id")) {
		if err := object.WhyUnread(property); err != nil {
			return err
		}
	}
	return nil
}

// objectOf returns what a field is of, which gqlgen holds as a pointer to it or to an element of a list.
func objectOf(result any) (withUnread, bool) {
	v := reflect.ValueOf(result)
	for v.Kind() == reflect.Pointer || v.Kind() == reflect.Interface {
		if v.IsNil() {
			return nil, false
		}
		if object, ok := v.Interface().(withUnread); ok {
			return object, true
		}
		v = v.Elem()
	}
	return nil, false
}

// leftOut returns an error for each endpoint of whose lists elements are left out.
func leftOut(ctx context.Context, report licensing.Report) gqlerror.List {
	var errs gqlerror.List
	for _, endpoint := range slices.Sorted(maps.Keys(report.LeftOut)) {
		e := PresentError(ctx, &licensing.UpstreamError{Kind: licensing.ErrUnreadable, Operation: endpoint, Retryable: true})
		e.Message = "Microsoft Graph sent elements of a list that are null or have no usable ID. They are left out of the answer to " + endpoint + "."
		e.Path, e.Extensions["count"] = nil, report.LeftOut[endpoint]
		errs = append(errs, e)
	}
	return errs
}
