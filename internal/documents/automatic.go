package documents

import (
	"context"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/cache"
)

// Cache keeps the texts of automatic persisted queries by their keys. It may forget any of them at any time: the
// client then sends the text again.
type Cache = graphql.Cache[string]

// Memory is a cache of this process that keeps the texts that are used most.
type Memory struct{ texts *cache.Cache[string, string] }

// NewMemory returns a cache of at most that many texts, and of at most that many bytes of them and their keys.
func NewMemory(documents, bytes int) *Memory {
	// Short ones count as much as keeps them to their number.
	least := (bytes + documents - 1) / documents
	return &Memory{cache.New(cache.Options[string, string]{
		Most: bytes, Weigh: func(key, text string) int { return max(len(key)+len(text), least) },
	})}
}

// Get returns the text of a key.
func (m *Memory) Get(_ context.Context, key string) (string, bool) { return m.texts.Get(key) }

// Add keeps a text. A key has one text for ever, since it is made of the text's hash.
func (m *Memory) Add(_ context.Context, key, text string) { m.texts.GetOrAdd(key, text) }
