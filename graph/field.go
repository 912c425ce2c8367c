package graph

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/cursor"
	"licensegraph/graph/generated"
	"licensegraph/internal/identity"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// reads is what the fields of an operation share.
type reads struct {
	*loaders.Loaders

	cursors     *cursor.Sealer
	permissions *permissions
	// caller is nil without authentication. onBehalfOf reports that Microsoft Graph is called on the caller's behalf.
	caller     *identity.Caller
	onBehalfOf bool
	// mayWrite reports that mutations are enabled, and permitted to the caller.
	mayWrite bool
}

// field is one selected field.
type field struct {
	*reads
	selection // below the field

	name string         // Type.field
	args map[string]any // coerced
	edge *edge
	// source and lists are computed once; named are the products that required no read.
	source dataSource
	lists  *lists
	named  map[licensing.GUID]*licensing.SubscribedSku
	// children caches [field.below].
	children map[string][]*field
}

// dataSource is where the selected fields of an object come from.
type dataSource int

const (
	sourceUnknown dataSource = iota
	sourceService
	sourceCatalog // the built-in catalog, if it has the object
	sourceKey     // the key of the object
)

// lists are the tenant's lists that the selection requires.
type lists struct{ skus, allotments, purchases bool }

// idSuffices reports whether only the ID of an object is selected.
func (f *field) idSuffices(typeName string) bool {
	if f.source == sourceUnknown {
		f.source = sourceService
		if f.only(typeName, "id") {
			f.source = sourceKey
		}
	}
	return f.source == sourceKey
}

// arg returns an argument of a field; the zero value if it is absent.
func arg[T any](f *field, name string) T {
	value, _ := f.args[name].(T)
	return value
}

// fieldOf returns the field that ctx resolves.
func (r *Resolver) fieldOf(ctx context.Context) *field {
	fc := graphql.GetFieldContext(ctx)
	edge := edges[fieldKey{fc.Object, fc.Field.Name}]
	return &field{reads: r.reads(ctx, loaders.For(ctx)), selection: selected(ctx), name: edge.name, args: fc.Args, edge: edge}
}

// below returns the selected fields of a type that have an edge, except denied fields and fields with invalid
// arguments.
func (f *field) below(ctx context.Context, typeName string) []*field {
	fields, ok := f.children[typeName]
	if ok {
		return fields
	}
	denied := deniedIn(f.operation)
	for _, set := range f.sets {
		for _, selected := range graphql.CollectFields(f.operation, set, satisfied(typeName)) {
			edge := edges[fieldKey{typeName, selected.Name}]
			if edge == nil || edge.visit == nil || denied.has(typeName, selected.Name) || denied.hasPlace(selected.Field) {
				continue
			}
			var args map[string]any
			if len(selected.Definition.Arguments) > 0 {
				var err error
				if args, err = generated.Arguments(ctx, edge.name, selected.ArgumentMap(f.operation.Variables)); err != nil {
					continue // its resolver returns the error
				}
			}
			below := selection{operation: f.operation, sets: []ast.SelectionSet{selected.Selections}}
			fields = append(fields, &field{reads: f.reads, selection: below, name: edge.name, args: args, edge: edge})
		}
	}
	if f.children == nil {
		f.children = map[string][]*field{}
	}
	f.children[typeName] = fields
	return fields
}
