package msgraph

import "licensegraph/internal/upstream"

var (
	licensingPage = upstream.Cost{PageSize: maxCloudLicensingTop}
	directoryPage = upstream.Cost{PageSize: maxDirectoryTop}
	apiece        = upstream.Cost{}
	byValue       = upstream.Cost{Shared: inValues}
	byIDsAtOnce   = upstream.Cost{Shared: idsAtOnce}

	ofError      = []string{"assignedTo", "usageRight"}
	ofAssignment = []string{"assignedTo", "allotment"}
	ofRight      = []string{"assignments", "allotments"}
)

// wrapped is a *Batch or a type that embeds one.
type wrapped interface{ batch() *Batch }

func (b *Batch) batch() *Batch { return b }

// keyed returns a read with keys.
func keyed[K comparable, V any](name, typeName string, relations []string, cost upstream.Cost, add func(*Batch, []K, upstream.Selection, func(K, V, error))) upstream.Read[K, V] {
	return upstream.Read[K, V]{
		Name: name, Type: typeName, Relations: relations, Cost: cost,
		Add: func(b upstream.Batch, keys []K, selection upstream.Selection, found func(K, V, error)) {
			add(b.(wrapped).batch(), keys, selection, found)
		},
	}
}

// paged returns a read of a page of a list.
func paged[T any](name, typeName string, relations []string, cost upstream.Cost, add func(*Batch, upstream.Query, upstream.Selection, func(upstream.Page[T], error))) upstream.Read[upstream.Query, upstream.Page[T]] {
	return keyed(name, typeName, relations, cost, func(b *Batch, queries []upstream.Query, selection upstream.Selection, found func(upstream.Query, upstream.Page[T], error)) {
		for _, q := range queries {
			add(b, q, selection, func(page upstream.Page[T], err error) { found(q, page, err) })
		}
	})
}

// licensingList sets the endpoint of a list whose largest page is not documented.
func licensingList[K comparable, V any](endpoint string, read upstream.Read[K, V]) upstream.Read[K, V] {
	read.List = endpoint
	return read
}

// sole returns a read of a resource that a tenant has once.
func sole[V any](name, typeName string, add func(*Batch, upstream.Selection, func(V, error))) upstream.Read[upstream.Tenant, V] {
	return keyed(name, typeName, nil, upstream.Cost{Once: true}, func(b *Batch, _ []upstream.Tenant, selection upstream.Selection, found func(upstream.Tenant, V, error)) {
		add(b, selection, func(value V, err error) { found(upstream.Tenant{}, value, err) })
	})
}
