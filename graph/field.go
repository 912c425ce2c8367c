package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/graph/generated"
	"licensegraph/internal/identity"
	"licensegraph/loaders"
)

// reads are what the edges of an operation read with.
type reads struct {
	*loaders.Loaders

	cursors *cursors
	// caller is who asks; nil for anyone. Where Microsoft Graph is asked in the caller's name, onBehalfOf is set.
	caller     *identity.Caller
	onBehalfOf bool
}

// field is one selected field, as its edge sees it.
type field struct {
	*reads
	selection // what is selected below

	name string         // Type.field
	args map[string]any // decoded
	edge *edge
	// answered and lists are found out once.
	answered answers
	lists    *lists
	// children are the fields below that are edges or lead to some, by the type of the object.
	children map[string][]*field
}

// answers is what answers all that is selected of an object, besides reading it.
type answers int

const (
	answersUnknown answers = iota
	answersNothing
	answersNames // the catalog does, if it knows the object
	answersKey   // the key of the object does
)

// lists are those of the tenant that what is selected leads to.
type lists struct{ skus, allotments bool }

// idSuffices tells whether nothing but the id is selected of an object of a type.
func (f *field) idSuffices(typeName string) bool {
	if f.answered == answersUnknown {
		f.answered = answersNothing
		if f.only(typeName, "id") {
			f.answered = answersKey
		}
	}
	return f.answered == answersKey
}

// arg returns an argument of a field; nothing when it was not given.
func arg[T any](f *field, name string) T {
	value, _ := f.args[name].(T)
	return value
}

// fieldOf returns the field that is being resolved.
func (r *Resolver) fieldOf(ctx context.Context) *field {
	fc := graphql.GetFieldContext(ctx)
	name := fc.Object + "." + fc.Field.Name
	return &field{reads: r.reads(ctx), selection: selected(ctx), name: name, args: fc.Args, edge: edges[name]}
}

// below returns the fields of an object of a type that are edges or lead to some. What the caller is denied is left out,
// and what has arguments that cannot be read.
func (f *field) below(ctx context.Context, typeName string) []*field {
	fields, ok := f.children[typeName]
	if ok {
		return fields
	}
	denied := deniedIn(f.operation)
	for _, set := range f.sets {
		for _, selected := range graphql.CollectFields(f.operation, set, satisfied(typeName)) {
			name := typeName + "." + selected.Name
			edge := edges[name]
			if edge == nil || edge.visit == nil || denied.has(typeName, selected.Name) || denied.hasPlace(selected.Field) {
				continue
			}
			args, err := generated.Arguments(ctx, name, selected.ArgumentMap(f.operation.Variables))
			if err != nil {
				continue // its resolver says so
			}
			below := selection{operation: f.operation}
			below.sets = append(below.sets, selected.Selections)
			fields = append(fields, &field{reads: f.reads, selection: below, name: name, args: args, edge: edge, children: map[string][]*field{}})
		}
	}
	f.children[typeName] = fields
	return fields
}
