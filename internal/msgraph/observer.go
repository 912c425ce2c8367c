package msgraph

import "time"

// Observer gets what a client sends, for metrics. Endpoints are names such as "GET /users/{id}". Its methods are called
// concurrently and must not block.
type Observer interface {
	// Sent gets a request, the status of its response, 0 without one, and its cost in resource units.
	Sent(endpoint string, status, units int, took time.Duration)
	// Batched gets the number of requests in a $batch.
	Batched(parts int)
	// Part gets a request in a $batch and the status of its response, 0 without one.
	Part(endpoint string, status int)
	// Repeated gets a request that is sent again.
	Repeated(endpoint string)
	// CooledDown gets the pause that a response requests, for all requests with the same limit.
	CooledDown(endpoint string, pause time.Duration)
	// Queued gets the time that a request waited before it was sent.
	Queued(waited time.Duration)
}

type unobserved struct{}

func (unobserved) Sent(string, int, int, time.Duration) {}
func (unobserved) Batched(int)                          {}
func (unobserved) Part(string, int)                     {}
func (unobserved) Repeated(string)                      {}
func (unobserved) CooledDown(string, time.Duration)     {}
func (unobserved) Queued(time.Duration)                 {}
