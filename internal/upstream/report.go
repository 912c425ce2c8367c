package upstream

import "time"

// Usage is what one operation cost upstream, or a part of it.
type Usage struct {
	// Requests counts HTTP requests, those for tokens included.
	Requests int `json:"requests"`
	// BatchParts counts the requests that travelled inside a $batch.
	BatchParts int `json:"batchParts"`
	// ResourceUnits is the cost by which the service throttles, as its answers stated it.
	ResourceUnits int `json:"resourceUnits"`
	// Retries counts the requests and parts that were sent again.
	Retries int `json:"retries"`
	// Bytes counts what the bodies of the answers held, uncompressed.
	Bytes int64 `json:"bytes"`
	// Milliseconds is the time that the requests took; those at the same time are added up.
	Milliseconds int64 `json:"milliseconds"`
}

// Report is what one operation cost upstream, as a whole and by endpoint.
type Report struct {
	Usage
	// Endpoints maps an endpoint, such as "GET /users/{id}", to its share.
	Endpoints map[string]Usage `json:"endpoints"`
	// LeftOut maps an endpoint to the elements of its lists that are left out, since they are null or have no ID that can
	// be used.
	LeftOut map[string]int `json:"-"`
}

// Add counts what one request, or one part of a batch, cost.
func (u *Usage) Add(v Usage) {
	u.Requests += v.Requests
	u.BatchParts += v.BatchParts
	u.ResourceUnits += v.ResourceUnits
	u.Retries += v.Retries
	u.Bytes += v.Bytes
	u.Milliseconds += v.Milliseconds
}

// Milliseconds rounds up, so that a request is never free.
func Milliseconds(d time.Duration) int64 { return int64((d + time.Millisecond - 1) / time.Millisecond) }
