package upstream

import "context"

// Read is a type of read request to Microsoft Graph.
type Read[K comparable, V any] struct {
	// Name is the unique name of the read.
	Name string
	// Type is the type of the object, whose properties are selected.
	Type string
	// Relations are the relations that can be expanded.
	Relations []string
	Cost      Cost
	// List is the endpoint of a list whose largest page is not documented; empty otherwise.
	List string
	// Add adds requests for the keys to a batch. Do calls found once for each result, sequentially. A missing object
	// gives an error that wraps [ErrNotFound], or no call.
	Add func(b Batch, keys []K, selection Selection, found func(K, V, error))
}

// Cost is the number of requests of a read, counting each request of a $batch: one per key, or fewer.
type Cost struct {
	// Shared is the number of keys per request; 0 means one.
	Shared int
	// PageSize is the maximum page size of a list; 0 if the read is not a page of a list.
	PageSize int
	// Once reports that there is only one key.
	Once bool
}

// Tenant is the key of a resource that a tenant has once.
type Tenant struct{}

// Selection is what is read of each object: the properties besides the ID, and the relations to expand where Microsoft
// Graph supports it.
type Selection struct{ Properties, Relations []string }

// Batch is a set of reads that are sent together.
type Batch interface {
	// Do sends all added reads. It returns when they are complete or the context ends.
	Do(context.Context)
}
