package graph

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// withUnread is an object whose properties may be unreadable.
type withUnread interface {
	HasReadErrors() bool
	ReadError(property string) error
}

// hasUnread reports whether an element has an unreadable property, so that a filter may be wrong.
func hasUnread(item any) bool {
	if user, ok := item.(*licensing.User); ok {
		for _, why := range user.Unread {
			if errors.Is(why, upstream.ErrUnreadable) { // not a refused property
				return true
			}
		}
		return slices.ContainsFunc(user.LicenseAssignmentStates, func(s *licensing.LicenseAssignmentState) bool { return s.HasReadErrors() })
	}
	object, ok := item.(withUnread)
	return ok && object.HasReadErrors()
}

// unread adds the errors of unreadable properties. A nullable field is null; a non-null field keeps the value that is
// left.
func unread(next graphql.FieldMiddleware) graphql.FieldMiddleware {
	return func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		fc := graphql.GetFieldContext(ctx)
		if fc == nil || fc.Parent == nil {
			return next(ctx, resolve)
		}
		object, ok := objectOf(fc.Parent.Result)
		if !ok {
			return next(ctx, resolve)
		}
		err := whyUnread(fc.Object, fc.Field.Name, object)
		switch {
		case err == nil:
			value, err := next(ctx, resolve)
			if err == nil {
				if doubt := doubtful(ctx, fc.Object, fc.Field.Field, object, value); doubt != nil {
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

// whyUnread returns the error of an unreadable property that a field of an object requires; nil if there is none.
func whyUnread(typeName, field string, object withUnread) error {
	switch object := object.(type) {
	case *licensing.SubscribedSku:
		if field == "units" {
			return nil // its fields have errors of their own
		}
	case *licensing.Allotment:
		if field == "availableUnits" {
			return object.AvailableUnitsError()
		}
	}
	if !object.HasReadErrors() {
		return nil
	}
	if plan, ok := object.(*licensing.ServicePlan); ok && field == "subscribedSkus" {
		return plan.ReadError("servicePlanId")
	}
	// stateText requires state, assignedByGroupId requires assignedByGroup.
	for _, property := range append(slices.Clone(from(typeName, field)), strings.TrimSuffix(field, "Text"), strings.TrimSuffix(field, "Id")) {
		if err := object.ReadError(property); err != nil {
			return err
		}
	}
	return nil
}

// doubtful returns the error of a value that is returned too; nil if there is none.
func doubtful(ctx context.Context, typeName string, f *ast.Field, object withUnread, value any) error {
	return cmp.Or(missingText(typeName, f, value), incompleteList(ctx, typeName, f, object, value))
}

// missingText returns an error for an empty non-null text, which the service did not send.
func missingText(typeName string, f *ast.Field, value any) error {
	if f.Definition == nil || !f.Definition.Type.NonNull || value != "" && value != licensing.GUID("") {
		return nil
	}
	return upstream.OddValue(typeName + "." + strings.TrimSuffix(f.Name, "Text"))
}

// mayBeIncomplete reports whether incompleteList checks a field.
func mayBeIncomplete(typeName, field string) bool {
	return typeName == "AssignmentError" && field == "licenseAssignmentStates" || field == "allotments" || field == "subscribedSkus"
}

// incompleteList returns an error if a list that is selected by ID may be incomplete, because an element's ID is
// unreadable.
func incompleteList(ctx context.Context, typeName string, f *ast.Field, object withUnread, value any) error {
	if !mayBeIncomplete(typeName, f.Name) {
		return nil
	}
	if states, ok := value.([]*licensing.LicenseAssignmentState); ok {
		return firstReadError(states, func(s *licensing.LicenseAssignmentState) error { return s.ReadError("skuId") })
	}
	l := loaders.For(ctx)
	if l == nil || value == nil {
		return nil
	}
	switch object := object.(type) {
	case *licensing.SubscribedSku:
		return l.AllotmentReadError()
	case *licensing.ServicePlan:
		if object.ServicePlanID != nil {
			return l.PlanReadError(*object.ServicePlanID)
		}
	}
	return nil
}

// objectOf returns the parent object of a field. gqlgen has it as a pointer to it or to a list element.
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

// omitted returns an error for each endpoint whose lists had unusable elements.
func omitted(ctx context.Context, report upstream.Report) gqlerror.List {
	var errs gqlerror.List
	for _, endpoint := range slices.Sorted(maps.Keys(report.LeftOut)) {
		e := PresentError(ctx, &upstream.Error{Kind: upstream.ErrUnreadable, Operation: endpoint, Retryable: true})
		e.Message = "Microsoft Graph returned list elements that are null or have no usable ID. They are missing from the response of " + endpoint + "."
		e.Path, e.Extensions["count"] = nil, report.LeftOut[endpoint]
		errs = append(errs, e)
	}
	return errs
}
