package model

import "licensegraph/internal/licensing"

// SearchConnection is a page of results.
type SearchConnection struct {
	Connection[licensing.SearchResult]
	Truncated []SearchKind
}

// SearchEdge is a result in a page.
type SearchEdge = Edge[licensing.SearchResult]

// SearchKind is a kind of results.
type SearchKind string

// Kinds of results.
const (
	SearchUsers        SearchKind = "USER"
	SearchGroups       SearchKind = "GROUP"
	SearchProducts     SearchKind = "PRODUCT"
	SearchServicePlans SearchKind = "SERVICE_PLAN"
)
