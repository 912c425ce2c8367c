package graph

import (
	"context"
	"errors"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/loaders"
)

// A prefetch runs the edges that are selected, breadth first, each until it is done or blocked. What blocked edges have
// asked for is read in one round, and they run again. The resolvers call the same edges and find everything loaded.
type prefetch struct {
	ctx  context.Context
	open []visit
	at   *field // that is visited
}

// visit is an edge of one parent.
type visit struct {
	field   *field
	parent  any
	hoisted bool
}

// prefetchQuery reads what a query selects.
func (r *Resolver) prefetchQuery(ctx context.Context, op *graphql.OperationContext) {
	r.prefetch(ctx, selection{operation: op, sets: []ast.SelectionSet{op.Operation.SelectionSet}}, "Query", query{})
}

// prefetchPayload reads what is selected of what a mutation field returns.
func prefetchPayload[P any](ctx context.Context, r *Resolver, payload *P, err error) (*P, error) {
	if payload != nil {
		r.prefetch(ctx, selected(ctx), graphql.GetFieldContext(ctx).Field.Definition.Type.Name(), payload)
	}
	return payload, err
}

// prefetch reads what is selected of an object.
func (r *Resolver) prefetch(ctx context.Context, s selection, typeName string, object any) {
	if r.options.WithoutPrefetch {
		return
	}
	p := prefetch{ctx: ctx}
	top := &field{reads: r.reads(ctx), selection: s, children: map[string][]*field{}}
	p.below(top, typeName, object)
	for p.step(); len(p.open) > 0 && top.Round(); p.step() {
	}
}

// step runs all open visits, and those that follow from them, and leaves those that are blocked.
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

// visit runs an edge, up to a panic: the resolver runs into the same and says more.
func (p *prefetch) visit(v visit, found func(any)) (err error) {
	defer func() {
		if caught := recover(); caught != nil {
			err = loaders.Recovered(caught)
		}
	}()
	p.at = v.field
	return v.field.edge.visit(v.field, v.parent, found)
}

// found opens visits of what is selected of an object that the edge leads to.
func (p *prefetch) found(object any) { p.below(p.at, p.at.edge.typeOf(object), object) }

// below opens visits of what is selected of an object.
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

// hoist opens visits of what requires only the key of an object that is not read yet. An edge that is not blocked has
// none: it found the object, or refused its arguments.
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
