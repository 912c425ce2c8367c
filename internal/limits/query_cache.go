package limits

import (
	"context"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/internal/cache"
)

// QueryCache keeps parsed and validated documents for gqlgen's executor, the
// most used ones and none that is long. A document in it is shared by
// concurrent operations: read it only.
type QueryCache struct {
	queryBytes int
	documents  *cache.Cache[string, *ast.QueryDocument]
}

// NewQueryCache returns a cache of that many documents, none of whose texts
// is longer than queryBytes.
func NewQueryCache(documents, queryBytes int) *QueryCache {
	return &QueryCache{queryBytes, cache.New(cache.Options[string, *ast.QueryDocument]{Most: documents})}
}

// Get returns the document of a text.
func (c *QueryCache) Get(_ context.Context, query string) (*ast.QueryDocument, bool) {
	return c.documents.Get(query)
}

// Add keeps the document of a text, unless the text is long.
func (c *QueryCache) Add(_ context.Context, query string, document *ast.QueryDocument) {
	if len(query) <= c.queryBytes {
		c.documents.Add(query, document)
	}
}
