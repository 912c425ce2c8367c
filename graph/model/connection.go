// Package model holds the few GraphQL types that have no counterpart in Microsoft Graph: connections,
// their pages, and the scalars. Everything else is bound to package licensing.
package model

import (
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// Connection is one page of a list, as the GraphQL Cursor Connections Specification has it.
type Connection[T any] struct {
	// Unread has why nobody can tell whether elements belong to the page, or where.
	upstream.Unread
	Edges    []*Edge[T]
	PageInfo *PageInfo
	// Total is the number of elements in the whole list; nil when nobody counts them, or for Uncounted.
	Total *int32
	// Uncounted is why the number could not be read; nil when it could, and when nobody counts.
	Uncounted error
	// Scan is what was read for the page when elements are filtered here; nil otherwise.
	Scan *Scan
}

// Scan is how much was read to fill a page.
type Scan struct {
	Read, Budget int32
	Stopped      bool
	Unreadable   int32
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

// TotalCount returns the number of elements in the whole list; nil when nobody counts them.
func (c *Connection[T]) TotalCount() (*int32, error) { return c.Total, c.Uncounted }

// Doubt notes why nobody can tell whether an element belongs to the page, or where.
func (c *Connection[T]) Doubt(why error) { c.Unread = upstream.Unread{"nodes": why, "edges": why} }

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
	GroupConnection           = Connection[*licensing.Group]
	GroupEdge                 = Edge[*licensing.Group]
	DirectoryObjectConnection = Connection[licensing.DirectoryObject]
	DirectoryObjectEdge       = Edge[licensing.DirectoryObject]
	AllotmentConnection       = Connection[*licensing.Allotment]
	AllotmentEdge             = Edge[*licensing.Allotment]
	AssignmentConnection      = Connection[*licensing.Assignment]
	AssignmentEdge            = Edge[*licensing.Assignment]
	AssignmentErrorConnection = Connection[*licensing.AssignmentError]
	AssignmentErrorEdge       = Edge[*licensing.AssignmentError]
	WaitingMemberConnection   = Connection[*licensing.WaitingMember]
	WaitingMemberEdge         = Edge[*licensing.WaitingMember]
	SubscribedSkuConnection   = Connection[*licensing.SubscribedSku]
	SubscribedSkuEdge         = Edge[*licensing.SubscribedSku]
)
