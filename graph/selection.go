package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// selection is what an operation selects below one of its fields. It tells a resolver what will be asked
// next, so that it can be loaded together.
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
	for _, set := range s.sets {
		for _, f := range graphql.CollectFields(s.operation, set, satisfied(typeName)) {
			if f.Name == field {
				below.sets = append(below.sets, f.Selections)
			}
		}
	}
	return below
}

// nodes returns what is selected of the nodes of a connection.
func (s selection) nodes(typeName string) selection {
	nodes := s.of(typeName+"Connection", "nodes")
	nodes.sets = append(nodes.sets, s.of(typeName+"Connection", "edges").of(typeName+"Edge", "node").sets...)
	return nodes
}

func (s selection) empty() bool { return len(s.sets) == 0 }

// only tells whether nothing but the given fields of a type is selected.
func (s selection) only(typeName string, fields ...string) bool {
	for _, set := range s.sets {
		for _, f := range graphql.CollectFields(s.operation, set, satisfied(typeName)) {
			if f.Name != "__typename" && !slices.Contains(fields, f.Name) {
				return false
			}
		}
	}
	return true
}

// satisfied returns the names by which a fragment can select fields of a type: its own and its interfaces'.
func satisfied(typeName string) []string {
	switch typeName {
	case "User", "Group", "OtherDirectoryObject":
		return []string{typeName, "DirectoryObject", "Node", "_Entity"}
	case "AssignmentError", "SubscribedSku":
		return []string{typeName, "Node", "_Entity"}
	case "UsageRight":
		return []string{typeName, "_Entity"}
	}
	return []string{typeName}
}
