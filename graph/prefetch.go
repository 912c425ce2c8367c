package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// prefetch runs the selected edges breadth first until each is done or blocked, reads the keys that blocked edges
// requested in one round, and repeats. The resolvers then run the same edges with all values loaded.
type prefetch struct {
	ctx  context.Context
	open []visit
	at   *field // being visited
}

// visit is an edge of one parent.
type visit struct {
	field   *field
	parent  any
	hoisted bool
}

// prefetchQuery prefetches an operation.
func (r *Resolver) prefetchQuery(ctx context.Context, all *loaders.Loaders, op *graphql.OperationContext) {
	r.prefetch(ctx, all, selection{operation: op, sets: []ast.SelectionSet{op.Operation.SelectionSet}}, "Query", query{})
}

// prefetchPayload prefetches the selection of a mutation payload.
func prefetchPayload[P any](ctx context.Context, r *Resolver, payload *P, err error) (*P, error) {
	if payload != nil {
		r.prefetch(ctx, loaders.For(ctx), selected(ctx), graphql.GetFieldContext(ctx).Field.Definition.Type.Name(), payload)
	}
	return payload, err
}

// prefetch prefetches the selection of an object into the loaders, within the budget of their source.
func (r *Resolver) prefetch(ctx context.Context, all *loaders.Loaders, s selection, typeName string, object any) {
	if r.options.WithoutPrefetch {
		return
	}
	p := prefetch{ctx: ctx}
	top := &field{reads: r.reads(ctx, all), selection: s}
	p.below(top, typeName, object)
	for p.step(); len(p.open) > 0 && all.Round(); p.step() {
	}
}

// step runs all open visits and their children, and keeps the blocked ones.
func (p *prefetch) step() {
	found := p.found
	blocked := p.open[:0:0]
	for i := 0; i < len(p.open); i++ {
		v := p.open[i]
		if !errors.Is(p.visit(v, found), loaders.ErrBlocked) {
			continue
		}
		if !v.hoisted {
			v.hoisted = true
			p.hoist(v.field, v.parent)
		}
		blocked = append(blocked, v)
	}
	p.open = blocked
}

// visit runs an edge. It ignores a panic, which the resolver repeats and reports.
func (p *prefetch) visit(v visit, found func(any)) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = upstream.Recovered(caught)
		}
	}()
	p.at = v.field
	return v.field.edge.visit(v.field, v.parent, found)
}

func (p *prefetch) found(object any) { p.below(p.at, p.at.edge.typeOf(object), object) }

// below adds the visits of an object's selected fields.
func (p *prefetch) below(f *field, typeName string, object any) {
	for _, child := range f.below(p.ctx, typeName) {
		if child.edge.parents == nil {
			p.open = append(p.open, visit{field: child, parent: object})
			continue
		}
		for _, parent := range child.edge.parents(child) {
			p.open = append(p.open, visit{field: child, parent: parent})
		}
	}
}

// hoist adds the visits below a blocked edge that require only the key of its object. Edges that are not blocked have
// no such visits: they found the object or rejected their arguments.
func (p *prefetch) hoist(f *field, parent any) {
	if f.edge.stub == nil {
		return
	}
	stub := f.edge.stub(f, parent)
	if stub == nil {
		return
	}
	for _, child := range f.below(p.ctx, f.edge.typeOf(stub)) {
		if child.edge.hoistable() {
			p.open = append(p.open, visit{field: child, parent: stub})
		}
	}
}
