package upstream

import "context"

// Read is one kind of read of Microsoft Graph.
type Read[K comparable, V any] struct {
	// Name tells it from other reads.
	Name string
	// Type is of what is read, whose properties are asked for.
	Type string
	// Relations are those that can come along.
	Relations []string
	Cost      Cost
	// Add adds reads of the keys to a batch, which hands each result to found when it is sent, one after the other. What the
	// service does not have is handed over as an error that wraps [ErrNotFound], or not at all.
	Add func(b Batch, keys []K, ask Ask, found func(K, V, error))
}

// Cost is how many requests a read takes, each part of a batch for itself: one for each key, or less.
type Cost struct {
	// Shared is how many keys one request answers; 0 where each takes one.
	Shared int
	// PageSize is the size of the largest page of a list; 0 for what is no page of a list.
	PageSize int
	// Once tells that there is one key.
	Once bool
}

// Tenant is the key of what a tenant has only one of.
type Tenant struct{}

// Ask is what is to be read of each object: properties, its id always, and the relations to send along with it, where the
// service can.
type Ask struct{ Properties, Relations []string }

// Batch is a set of reads that travel together.
type Batch interface {
	// Do reads everything that was added. It ends when its context does.
	Do(context.Context)
}
