package emulator

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Count is what one endpoint was asked for and what it cost.
type Count struct {
	Requests      int   `json:"requests"`      // HTTP requests
	Parts         int   `json:"parts"`         // parts of a batch
	ResourceUnits int   `json:"resourceUnits"` // of both, as in the header x-ms-resource-unit
	Bytes         int64 `json:"bytes"`         // bodies of the answers to HTTP requests
}

// Request is an entry of the log: an HTTP request, or a part of a batch.
type Request struct {
	Endpoint string `json:"endpoint"`
	Method   string `json:"method"`
	URL      string `json:"uRL"` // path and query as they were sent; of a part with the version in front
	Body     []byte `json:"-"`   // as decoded
	Part     bool   `json:"part"`
	Status   int    `json:"status"` // 0 when the connection was cut
}

const (
	maxLog      = 10_000
	maxLogBytes = 64 << 20 // of all bodies; then the oldest are forgotten
)

// counts keeps totals by endpoint and, if it records, the last maxLog
// requests in a ring.
type counts struct {
	mu     sync.Mutex
	totals map[string]Count
	record bool
	log    []Request // request n is at n % maxLog
	next   int       // number of the next request
	bare   int       // number of the first one that can have a body
	bytes  int       // of all bodies
}

// add counts a request. What somebody signs in with is not kept.
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
	if !strings.HasPrefix(r.URL, "/beta/") && !strings.HasPrefix(r.URL, "/v1.0/") {
		r.Body = nil
		r.URL, _, _ = strings.Cut(r.URL, "?")
	}
	if len(c.log) < maxLog {
		c.log = append(c.log, r)
	} else {
		c.bytes -= len(c.log[c.next%maxLog].Body)
		c.log[c.next%maxLog] = r
	}
	c.bytes += len(r.Body)
	c.next++
	for c.bare = max(c.bare, c.next-len(c.log)); c.bytes > maxLogBytes; c.bare++ {
		old := &c.log[c.bare%maxLog]
		c.bytes -= len(old.Body)
		old.Body = nil
	}
}

// keep begins or ends the log.
func (c *counts) keep(record bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.record = record
}

// last is the end of the log, oldest first, and whether it goes on.
func (c *counts) last(n int) ([]Request, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	oldest := 0
	if len(c.log) == maxLog {
		oldest = c.next % maxLog
	}
	all := slices.Concat(c.log[oldest:], c.log[:oldest])
	return all[max(len(all)-n, 0):], c.record
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
	c := &e.counts
	c.totals, c.log, c.next, c.bare, c.bytes = nil, nil, 0, 0, 0
}

// Requests is the log, oldest first, when [Options].Record is set. The parts
// of a batch come before the batch itself, in the order in which they ended. Of
// requests that are none to Graph it knows neither query nor body: those hold what
// people sign in with. The oldest bodies are missing when all together pass 64 MiB.
func (e *Emulator) Requests() []Request {
	log, _ := e.counts.last(maxLog)
	return log
}
