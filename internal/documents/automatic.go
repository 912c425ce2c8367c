package documents

import (
	"container/list"
	"context"
	"sync"

	"github.com/99designs/gqlgen/graphql"
)

// Cache keeps the texts of automatic persisted queries by their keys. It may forget any of them at any time: the
// client then sends the text again.
type Cache = graphql.Cache[string]

// Memory is a cache of this process that keeps the texts that were used last.
type Memory struct {
	documents, bytes int // at most

	mu      sync.Mutex
	recent  list.List // of *remembered, the last used in front
	entries map[string]*list.Element
	size    int // of all keys and texts
}

type remembered struct{ key, text string }

func (r *remembered) size() int { return len(r.key) + len(r.text) }

// NewMemory returns a cache of that many texts, and that many bytes of them.
func NewMemory(documents, bytes int) *Memory {
	return &Memory{documents: documents, bytes: bytes, entries: map[string]*list.Element{}}
}

// Get returns the text of a key.
func (m *Memory) Get(_ context.Context, key string) (string, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	element, ok := m.entries[key]
	if !ok {
		return "", false
	}
	m.recent.MoveToFront(element)
	return element.Value.(*remembered).text, true
}

// Add keeps a text in place of those that were used the longest ago. A key has one text for ever, since it is made
// of the text's hash.
func (m *Memory) Add(_ context.Context, key, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	added := &remembered{key, text}
	if element, known := m.entries[key]; known || added.size() > m.bytes {
		if known {
			m.recent.MoveToFront(element)
		}
		return
	}
	m.entries[key] = m.recent.PushFront(added)
	m.size += added.size()
	for m.recent.Len() > m.documents || m.size > m.bytes {
		oldest := m.recent.Remove(m.recent.Back()).(*remembered)
		delete(m.entries, oldest.key)
		m.size -= oldest.size()
	}
}
