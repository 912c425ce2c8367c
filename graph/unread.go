package graph

import (
	"cmp"
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
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
			value, err := next(ctx, resolve)
			if err == nil {
				if doubt := cmp.Or(missingText(fc, value), incomplete(ctx, fc, value)); doubt != nil {
					graphql.AddError(ctx, doubt)
				}
			}
			return value, err
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
	switch object := object.(type) {
	case *licensing.SubscribedSku:
		if fc.Field.Name == "units" {
			return nil // its numbers tell
		}
	case *licensing.Allotment:
		if fc.Field.Name == "availableUnits" {
			return object.WhyNoAvailableUnits()
		}
	}
	if !object.HasUnread() {
		return nil
	}
	if plan, ok := object.(*licensing.ServicePlan); ok && fc.Field.Name == "subscribedSkus" {
		return plan.WhyUnread("servicePlanId")
	}
	name := fc.Field.Name // stateText is read from state, assignedByGroupId from assignedByGroup
	for _, property := range append(slices.Clone(from(fc.Object, name)), strings.TrimSuffix(name, "Text"), strings.TrimSuffix(name, "Id")) {
		if err := object.WhyUnread(property); err != nil {
			return err
		}
	}
	return nil
}

// missingText returns why a text that the schema has no null for is empty: the service did not send it. It is nil for
// everything else.
func missingText(fc *graphql.FieldContext, value any) error {
	definition := fc.Field.Definition
	if definition == nil || !definition.Type.NonNull || value != "" && value != licensing.GUID("") {
		return nil
	}
	if _, ok := objectOf(fc.Parent.Result); !ok {
		return nil
	}
	return upstream.OddValue(fc.Object + "." + strings.TrimSuffix(fc.Field.Name, "Text"))
}

// incomplete returns why elements may be missing of a list of those that name its owner, or may be too many: one of them has
// an id that cannot be read.
func incomplete(ctx context.Context, fc *graphql.FieldContext, value any) error {
	if states, ok := value.([]*licensing.LicenseAssignmentState); ok && fc.Object == "AssignmentError" {
		return firstDoubt(states, func(s *licensing.LicenseAssignmentState) error { return s.WhyUnread("skuId") })
	}
	l := loaders.For(ctx)
	if l == nil || value == nil || fc.Field.Name != "allotments" && fc.Field.Name != "subscribedSkus" {
		return nil
	}
	object, _ := objectOf(fc.Parent.Result)
	switch object := object.(type) {
	case *licensing.SubscribedSku:
		return l.AllotmentDoubt()
	case *licensing.ServicePlan:
		if object.ServicePlanID != nil {
			return l.PlanDoubt(*object.ServicePlanID)
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
func leftOut(ctx context.Context, report upstream.Report) gqlerror.List {
	var errs gqlerror.List
	for _, endpoint := range slices.Sorted(maps.Keys(report.LeftOut)) {
		e := PresentError(ctx, &upstream.Error{Kind: upstream.ErrUnreadable, Operation: endpoint, Retryable: true})
		e.Message = "Microsoft Graph sent elements of a list that are null or have no usable ID. They are left out of the answer to " + endpoint + "."
		e.Path, e.Extensions["count"] = nil, report.LeftOut[endpoint]
		errs = append(errs, e)
	}
	return errs
}
