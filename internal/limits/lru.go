package limits

import (
	"container/list"
	"context"
	"sync"

	"github.com/vektah/gqlparser/v2/ast"
)

// lru keeps the entries that were used last. It is safe for concurrent use.
type lru[K comparable, V any] struct {
	size int

	mu      sync.Mutex
	recent  list.List // of *entry, the last used in front
	entries map[K]*list.Element
}

type entry[K comparable, V any] struct {
	key   K
	value V
}

func newLRU[K comparable, V any](size int) *lru[K, V] {
	return &lru[K, V]{size: size, entries: map[K]*list.Element{}}
}

func (l *lru[K, V]) get(key K) (V, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	element, ok := l.entries[key]
	if !ok {
		var none V
		return none, false
	}
	l.recent.MoveToFront(element)
	return element.Value.(*entry[K, V]).value, true
}

func (l *lru[K, V]) add(key K, value V) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if element, ok := l.entries[key]; ok {
		element.Value.(*entry[K, V]).value = value
		l.recent.MoveToFront(element)
		return
	}
	l.entries[key] = l.recent.PushFront(&entry[K, V]{key, value})
	if l.recent.Len() > l.size {
		oldest := l.recent.Back()
		l.recent.Remove(oldest)
		delete(l.entries, oldest.Value.(*entry[K, V]).key)
	}
}

// QueryCache keeps parsed and validated documents for gqlgen's executor, the
// last used ones and none that is long. A document in it is shared by
// concurrent operations: read it only.
type QueryCache struct {
	queryBytes int
	documents  *lru[string, *ast.QueryDocument]
}

// NewQueryCache returns a cache of that many documents, none of whose texts
// is longer than queryBytes.
func NewQueryCache(documents, queryBytes int) *QueryCache {
	return &QueryCache{queryBytes, newLRU[string, *ast.QueryDocument](documents)}
}

// Get returns the document of a text.
func (c *QueryCache) Get(_ context.Context, query string) (*ast.QueryDocument, bool) {
	return c.documents.get(query)
}

// Add keeps the document of a text, unless the text is long.
func (c *QueryCache) Add(_ context.Context, query string, document *ast.QueryDocument) {
	if len(query) <= c.queryBytes {
		c.documents.add(query, document)
	}
}
