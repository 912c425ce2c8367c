package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// selection is what an operation selects below one of its fields.
type selection struct {
	operation *graphql.OperationContext
	sets      []ast.SelectionSet
}

// selected returns what is selected below the field that is being resolved.
func selected(ctx context.Context) selection {
	s := selection{operation: graphql.GetOperationContext(ctx)}
	if fc := graphql.GetFieldContext(ctx); fc != nil {
		s.sets = []ast.SelectionSet{fc.Field.Selections}
	}
	return s
}

// of returns what is selected below a field of a type. It is empty when the field is not selected.
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

// leadsTo tells whether a field of an object further below is selected for which wanted holds.
func (s selection) leadsTo(wanted func(typeName, field string) bool) bool {
	w := needsWalk{op: s.operation, denied: deniedIn(s.operation), fields: map[string]map[string]bool{}, seen: map[string]bool{}}
	for _, set := range s.sets {
		w.below(set)
	}
	for typeName, fields := range w.fields {
		for field := range fields {
			if wanted(typeName, field) {
				return true
			}
		}
	}
	return false
}

// only tells whether nothing but the given fields of a type is selected.
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

// implementing returns the types that have the fields of a type: itself, or those that implement it.
func implementing(typeName string) []string {
	switch typeName {
	case "DirectoryObject":
		return []string{"User", "Group", "Device", "OtherDirectoryObject"}
	case "Node", "_Entity":
		return []string{"User", "Group", "Device", "OtherDirectoryObject", "Allotment", "Assignment", "AssignmentError", "SubscribedSku", "UsageRight"}
	}
	return []string{typeName}
}

// satisfied returns the names by which a fragment can select fields of a type: its own and its interfaces'.
func satisfied(typeName string) []string {
	switch typeName {
	case "User", "Group", "Device", "OtherDirectoryObject":
		return []string{typeName, "DirectoryObject", "Node", "_Entity"}
	case "Allotment", "Assignment", "AssignmentError", "SubscribedSku":
		return []string{typeName, "Node", "_Entity"}
	case "UsageRight":
		return []string{typeName, "_Entity"}
	}
	return []string{typeName}
}
