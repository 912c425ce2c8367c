package documents

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/cache"
)

// Cache stores the texts of automatic persisted queries by key. It may evict any text at any time: the client then
// sends the text again.
type Cache = graphql.Cache[string]

// Memory is an in-process LRU cache of texts.
type Memory struct{ texts *cache.Cache[string, string] }

// NewMemory returns a cache with a maximum number of texts, and a maximum size of texts and keys in bytes.
func NewMemory(documents, bytes int) *Memory {
	// A minimum size per text enforces the maximum number.
	least := (bytes + documents - 1) / documents
	return &Memory{cache.New(cache.Options[string, string]{
		Most: bytes, Weigh: func(key, text string) int { return max(len(key)+len(text), least) },
	})}
}

// Get returns the text of a key.
func (m *Memory) Get(_ context.Context, key string) (string, bool) { return m.texts.Get(key) }

// Add stores a text. The text of a key never changes, since the key includes the text's hash.
func (m *Memory) Add(_ context.Context, key, text string) { m.texts.GetOrAdd(key, text) }
