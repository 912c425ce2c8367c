package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// selection is the selection sets below a field of an operation.
type selection struct {
	operation *graphql.OperationContext
	sets      []ast.SelectionSet
}

// selected returns the selection of the field that ctx resolves.
func selected(ctx context.Context) selection {
	s := selection{operation: graphql.GetOperationContext(ctx)}
	if fc := graphql.GetFieldContext(ctx); fc != nil {
		s.sets = []ast.SelectionSet{fc.Field.Selections}
	}
	return s
}

// of returns the selection below a field; empty if the field is not selected.
func (s selection) of(typeName, field string) selection {
	below := selection{operation: s.operation}
	if deniedIn(s.operation).has(typeName, field) {
		return below
	}
	for _, set := range s.sets {
		for _, f := range graphql.CollectFields(s.operation, set, satisfied(typeName)) {
			if f.Name == field {
				below.sets = append(below.sets, f.Selections)
			}
		}
	}
	return below
}

func (s selection) empty() bool { return len(s.sets) == 0 }

// leadsTo reports whether a field below the first level satisfies wanted.
func (s selection) leadsTo(wanted func(typeName, field string) bool) (leads bool) {
	denied := deniedIn(s.operation)
	for _, set := range s.sets {
		visitFields(s.operation, set, func(f *ast.Field, top bool) bool {
			if top || leads || f.ObjectDefinition == nil {
				return !leads
			}
			if denied.has(f.ObjectDefinition.Name, f.Name) || denied.hasPlace(f) {
				return false
			}
			leads = wanted(f.ObjectDefinition.Name, f.Name)
			return !leads
		})
	}
	return leads
}

// visitFields calls visit for each selected field, and for its children if visit returns true. It enters each
// fragment once and applies @skip and @include. top is true for fields of the set itself.
func visitFields(op *graphql.OperationContext, set ast.SelectionSet, visit func(f *ast.Field, top bool) bool) {
	type place struct {
		fragment string
		top      bool
	}
	seen := map[place]bool{}
	var walk func(set ast.SelectionSet, top bool)
	walk = func(set ast.SelectionSet, top bool) {
		for _, selection := range set {
			switch s := selection.(type) {
			case *ast.Field:
				if included(op, s.Directives) && visit(s, top) {
					walk(s.SelectionSet, false)
				}
			case *ast.InlineFragment:
				if included(op, s.Directives) {
					walk(s.SelectionSet, top)
				}
			case *ast.FragmentSpread:
				if at := (place{s.Name, top}); s.Definition != nil && !seen[at] && included(op, s.Directives) {
					seen[at] = true
					walk(s.Definition.SelectionSet, top)
				}
			}
		}
	}
	walk(set, true)
}

func included(op *graphql.OperationContext, directives ast.DirectiveList) bool {
	if len(directives) == 0 {
		return true
	}
	for name, wanted := range map[string]bool{"skip": false, "include": true} {
		if d := directives.ForName(name); d != nil {
			if value, ok := d.ArgumentMap(op.Variables)["if"].(bool); ok && value != wanted {
				return false
			}
		}
	}
	return true
}

// only reports whether all selected fields of a type are among the given ones.
func (s selection) only(typeName string, fields ...string) bool {
	for _, set := range s.sets {
		for _, f := range graphql.CollectFields(s.operation, set, satisfied(typeName)) {
			if f.Name != "__typename" && !slices.Contains(fields, f.Name) && !deniedIn(s.operation).has(typeName, f.Name) {
				return false
			}
		}
	}
	return true
}

// implementing returns the object types that a type can be.
func implementing(typeName string) []string {
	switch typeName {
	case "DirectoryObject":
		return []string{"User", "Group", "Device", "OtherDirectoryObject"}
	case "SearchResult":
		return []string{"User", "Group", "SubscribedSku", "ServicePlan"}
	case "LicenseFinding":
		return []string{"UserLicenseFinding", "GroupLicenseFinding", "ProductLicenseFinding"}
	case "Node", "_Entity":
		return []string{"User", "Group", "Device", "OtherDirectoryObject", "Allotment", "Assignment", "AssignmentError", "SubscribedSku", "UsageRight"}
	}
	return []string{typeName}
}

// satisfied returns the type conditions that an object type satisfies.
func satisfied(typeName string) []string {
	switch typeName {
	case "User", "Group":
		return []string{typeName, "DirectoryObject", "Node", "_Entity", "SearchResult"}
	case "Device", "OtherDirectoryObject":
		return []string{typeName, "DirectoryObject", "Node", "_Entity"}
	case "SubscribedSku":
		return []string{typeName, "Node", "_Entity", "SearchResult"}
	case "ServicePlan":
		return []string{typeName, "SearchResult"}
	case "Allotment", "Assignment", "AssignmentError":
		return []string{typeName, "Node", "_Entity"}
	case "UsageRight":
		return []string{typeName, "_Entity"}
	case "UserLicenseFinding", "GroupLicenseFinding", "ProductLicenseFinding":
		return []string{typeName, "LicenseFinding"}
	}
	return []string{typeName}
}
