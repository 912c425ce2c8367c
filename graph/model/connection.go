// Package model has the GraphQL types without a counterpart in Microsoft Graph: connections, inputs, payloads and
// scalars. Other types are bound to package licensing.
package model

import (
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// Connection is one page of a list (GraphQL Cursor Connections Specification).
type Connection[T any] struct {
	// Unread has the error of a property that the filter or order of the list requires.
	upstream.Unread
	Nodes    []T
	PageInfo *PageInfo
	// Cursor returns the cursor of a node by its index.
	Cursor func(int) string
	// Total is the number of elements in the list; nil if it was not counted.
	Total *int32
	// Uncounted is the error of the count.
	Uncounted error
	// Scan is set for lists that the gateway filters.
	Scan *Scan
}

// Scan is the number of elements read to fill a page, and the limits.
type Scan struct {
	Read, Budget int32
	Stopped      bool
	Unreadable   int32
}

// Edge is an element of a page and its cursor, which is computed when it is selected.
type Edge[T any] struct {
	Node T

	index  int
	cursor func(int) string
}

// Cursor returns the cursor of the element.
func (e *Edge[T]) Cursor() string { return e.cursor(e.index) }

// Edges returns the elements of the page with their cursors.
func (c *Connection[T]) Edges() []*Edge[T] {
	all, edges := make([]Edge[T], len(c.Nodes)), make([]*Edge[T], len(c.Nodes))
	for i, node := range c.Nodes {
		all[i] = Edge[T]{node, i, c.Cursor}
		edges[i] = &all[i]
	}
	return edges
}

// PageInfo is the PageInfo of the specification.
type PageInfo struct {
	HasNextPage     bool
	HasPreviousPage bool
	// Start and End compute the cursors of the first and the last element; nil for an empty page.
	Start, End func() string
}

// StartCursor returns the cursor of the first element.
func (p *PageInfo) StartCursor() *string { return cursorOf(p.Start) }

// EndCursor returns the cursor of the last element.
func (p *PageInfo) EndCursor() *string { return cursorOf(p.End) }

func cursorOf(compute func() string) *string {
	if compute == nil {
		return nil
	}
	cursor := compute()
	return &cursor
}

// TotalCount returns the number of elements in the list; nil if it was not counted.
func (c *Connection[T]) TotalCount() (*int32, error) { return c.Total, c.Uncounted }

// SetReadError reports that the elements of the page are uncertain because a property could not be read.
func (c *Connection[T]) SetReadError(why error) {
	c.Unread = upstream.Unread{"nodes": why, "edges": why}
}

// Connections of the schema.
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

	CompanySubscriptionConnection = Connection[*licensing.CompanySubscription]
	CompanySubscriptionEdge       = Edge[*licensing.CompanySubscription]
)
