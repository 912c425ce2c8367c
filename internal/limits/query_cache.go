package limits

import (
	"context"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/internal/cache"
)

// QueryCache is gqlgen's LRU cache of parsed and validated documents, without large ones. Documents are shared by
// concurrent operations: do not modify them.
type QueryCache struct {
	queryBytes int
	documents  *cache.Cache[string, *ast.QueryDocument]
}

// NewQueryCache returns a cache with a maximum number of documents, each of at most queryBytes bytes of text.
func NewQueryCache(documents, queryBytes int) *QueryCache {
	return &QueryCache{queryBytes, cache.New(cache.Options[string, *ast.QueryDocument]{Most: documents})}
}

// Get returns the document of a text.
func (c *QueryCache) Get(_ context.Context, query string) (*ast.QueryDocument, bool) {
	return c.documents.Get(query)
}

// Add stores the document of a text unless the text is too long.
func (c *QueryCache) Add(_ context.Context, query string, document *ast.QueryDocument) {
	if len(query) <= c.queryBytes {
		c.documents.Add(query, document)
	}
}
