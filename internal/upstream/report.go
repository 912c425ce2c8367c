package upstream

import "time"

// Usage is the cost of an operation, or of a part of it, at Microsoft Graph.
type Usage struct {
	// Requests is the number of HTTP requests, including token requests.
	Requests int `json:"requests"`
	// BatchParts is the number of requests sent in a $batch.
	BatchParts int `json:"batchParts"`
	// ResourceUnits is the cost that throttling is based on, from the response headers.
	ResourceUnits int `json:"resourceUnits"`
	// Retries is the number of repeated requests, including those in a $batch.
	Retries int `json:"retries"`
	// Bytes is the uncompressed size of the response bodies.
	Bytes int64 `json:"bytes"`
	// Milliseconds is the total duration of the requests; concurrent requests are added up.
	Milliseconds int64 `json:"milliseconds"`
	// WaitedMilliseconds is the total time that requests waited for a retry, a slot or the end of a cool-down. It is not
	// known by endpoint.
	WaitedMilliseconds int64 `json:"waitedMilliseconds,omitempty"`
	// CacheHits is the number of lists and groups from the cache of reference data, or from the read of a concurrent
	// operation.
	CacheHits int `json:"cacheHits,omitempty"`
}

// Report is the cost of an operation, in total and by endpoint.
type Report struct {
	Usage
	// CacheAgeMilliseconds is the age of the oldest value from the cache of reference data.
	CacheAgeMilliseconds int64 `json:"cacheAgeMilliseconds,omitempty"`
	// Endpoints maps an endpoint, such as "GET /users/{id}", to its cost.
	Endpoints map[string]Usage `json:"endpoints"`
	// LeftOut maps an endpoint to the number of elements left out of its lists because they are null or have no valid
	// ID.
	LeftOut map[string]int `json:"-"`
}

// Add adds the cost of one request.
func (u *Usage) Add(v Usage) {
	u.Requests += v.Requests
	u.BatchParts += v.BatchParts
	u.ResourceUnits += v.ResourceUnits
	u.Retries += v.Retries
	u.Bytes += v.Bytes
	u.Milliseconds += v.Milliseconds
	u.WaitedMilliseconds += v.WaitedMilliseconds
	u.CacheHits += v.CacheHits
}

// Milliseconds returns the duration in milliseconds, rounded up.
func Milliseconds(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }
