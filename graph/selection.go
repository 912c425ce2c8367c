package graph

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/internal/licensing"
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

// field is a field that is selected, with what is selected below it.
type field struct {
	selection
	args map[string]any
}

// fields returns each selection of a field of a type: under several aliases it can have several arguments.
func (s selection) fields(typeName, name string) []field {
	var fields []field
	if deniedIn(s.operation).has(typeName, name) {
		return nil
	}
	for _, set := range s.sets {
		for _, f := range graphql.CollectFields(s.operation, set, satisfied(typeName)) {
			if f.Name == name {
				below := selection{operation: s.operation, sets: []ast.SelectionSet{f.Selections}}
				fields = append(fields, field{below, f.ArgumentMap(s.operation.Variables)})
			}
		}
	}
	return fields
}

// int reads an argument; nil when it is null or no number that can be.
func (f field) int(name string) *int32 {
	n, err := graphql.UnmarshalInt32(f.args[name])
	if f.args[name] == nil || err != nil {
		return nil
	}
	return &n
}

// string reads an argument; nil when it is null.
func (f field) string(name string) *string {
	text, ok := f.args[name].(string)
	if !ok {
		return nil
	}
	return &text
}

// guids reads an argument; false when one of its elements is no GUID.
func (f field) guids(name string) ([]licensing.GUID, bool) {
	if f.args[name] == nil {
		return nil, true
	}
	ids := []licensing.GUID{}
	elements, ok := f.args[name].([]any)
	if !ok {
		elements = []any{f.args[name]} // a single value stands for a list of one
	}
	for _, element := range elements {
		text, _ := element.(string)
		id, ok := licensing.ParseGUID(text)
		if !ok {
			return nil, false
		}
		ids = append(ids, id)
	}
	return ids, true
}

// nodes returns what is selected of the nodes of a connection.
func (s selection) nodes(typeName string) selection {
	nodes := s.of(typeName+"Connection", "nodes")
	nodes.sets = append(nodes.sets, s.of(typeName+"Connection", "edges").of(typeName+"Edge", "node").sets...)
	return nodes
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
