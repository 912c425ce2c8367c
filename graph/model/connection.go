// Package model holds the few GraphQL types that have no counterpart in Microsoft Graph: connections,
// their pages, and the scalars. Everything else is bound to package licensing.
package model

import "licensegraph/internal/licensing"

// Connection is one page of a list, as the GraphQL Cursor Connections Specification has it.
type Connection[T any] struct {
	Edges    []*Edge[T]
	PageInfo *PageInfo
}

// Edge is an element of a page and its place in the list.
type Edge[T any] struct {
	Node T

	place func() string
}

// NewEdge returns an element with its place. The place is made when it is asked for, which is seldom.
func NewEdge[T any](node T, place func() string) *Edge[T] { return &Edge[T]{Node: node, place: place} }

// Cursor returns the place of the element in the list.
func (e *Edge[T]) Cursor() string { return e.place() }

// PageInfo tells where a page begins and ends, and whether there is more.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	StartCursor     *string
	EndCursor       *string
}

// Nodes returns the elements of the page without their cursors.
func (c *Connection[T]) Nodes() []T {
	nodes := make([]T, len(c.Edges))
	for i, edge := range c.Edges {
		nodes[i] = edge.Node
	}
	return nodes
}

// The connections of the schema.
type (
	UserConnection            = Connection[*licensing.User]
	UserEdge                  = Edge[*licensing.User]
	AssignmentErrorConnection = Connection[*licensing.AssignmentError]
	AssignmentErrorEdge       = Edge[*licensing.AssignmentError]
)

// AssignmentErrorFilter narrows a list of assignment errors; all conditions have to hold.
type AssignmentErrorFilter struct {
	SkuID *licensing.GUID
}
