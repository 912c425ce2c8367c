package emulator

import (
	"maps"
	"slices"
	"sync"
)

// Count is what one endpoint was asked for and what it cost.
type Count struct {
	Requests      int   // HTTP requests
	Parts         int   // parts of a batch
	ResourceUnits int   // of both, as in the header x-ms-resource-unit
	Bytes         int64 // bodies of the answers to HTTP requests
}

// Request is an entry of the log: an HTTP request, or a part of a batch.
type Request struct {
	Endpoint string
	Method   string
	URL      string // path and query as they were sent; of a part with the version in front
	Body     []byte // as decoded
	Part     bool
	Status   int // 0 when the connection was cut
}

const maxLog = 10_000

// counts keeps totals by endpoint and, if it records, the last maxLog
// requests in a ring.
type counts struct {
	mu     sync.Mutex
	totals map[string]Count
	record bool
	log    []Request
	oldest int
}

func (c *counts) add(label string, n Count, r Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.totals == nil {
		c.totals = map[string]Count{}
	}
	t := c.totals[label]
	t.Requests += n.Requests
	t.Parts += n.Parts
	t.ResourceUnits += n.ResourceUnits
	t.Bytes += n.Bytes
	c.totals[label] = t
	if !c.record {
		return
	}
	r.Endpoint = label
	if len(c.log) < maxLog {
		c.log = append(c.log, r)
		return
	}
	c.log[c.oldest] = r
	c.oldest = (c.oldest + 1) % maxLog
}

// Counts is a copy of the totals by endpoint label, such as
// "GET /users/{id}" or "POST /$batch".
func (e *Emulator) Counts() map[string]Count {
	e.counts.mu.Lock()
	defer e.counts.mu.Unlock()
	if e.counts.totals == nil {
		return map[string]Count{}
	}
	return maps.Clone(e.counts.totals)
}

// ResetCounts forgets all totals and the log.
func (e *Emulator) ResetCounts() {
	e.counts.mu.Lock()
	defer e.counts.mu.Unlock()
	e.counts.totals, e.counts.log, e.counts.oldest = nil, nil, 0
}

// Requests is the log, oldest first, when [Options].Record is set. The parts
// of a batch come before the batch itself, in the order in which they ended.
func (e *Emulator) Requests() []Request {
	e.counts.mu.Lock()
	defer e.counts.mu.Unlock()
	return slices.Concat(e.counts.log[e.counts.oldest:], e.counts.log[:e.counts.oldest])
}
