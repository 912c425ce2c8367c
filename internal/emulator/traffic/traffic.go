// Package traffic counts the requests to an emulator, and logs them.
package traffic

import (
	"maps"
	"slices"
	"strings"
	"sync"
)

// Count is the number of requests to one endpoint, and their cost.
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
	URL      string `json:"uRL"` // path and query as sent; for a part with the version
	Body     []byte `json:"-"`   // decoded
	Part     bool   `json:"part"`
	Status   int    `json:"status"` // 0 if the connection was closed
}

const (
	maxLog      = 10_000
	maxLogBytes = 64 << 20 // of all bodies; the oldest bodies are dropped
)

// Log contains totals by endpoint and, if it records, the last maxLog
// requests. It is safe for concurrent use.
type Log struct {
	mu     sync.Mutex
	totals map[string]Count
	record bool
	log    []Request // request n is at index n % maxLog
	next   int       // number of the next request
	bare   int       // number of the first request that can have a body
	bytes  int       // of all bodies
}

// Add counts a request. It does not log the query and the body of requests to
// Entra, because they contain credentials.
func (l *Log) Add(label string, n Count, r Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.totals == nil {
		l.totals = map[string]Count{}
	}
	t := l.totals[label]
	t.Requests += n.Requests
	t.Parts += n.Parts
	t.ResourceUnits += n.ResourceUnits
	t.Bytes += n.Bytes
	l.totals[label] = t
	if !l.record {
		return
	}
	r.Endpoint = label
	if !strings.HasPrefix(r.URL, "/beta/") && !strings.HasPrefix(r.URL, "/v1.0/") {
		r.Body = nil
		r.URL, _, _ = strings.Cut(r.URL, "?")
	}
	if len(l.log) < maxLog {
		l.log = append(l.log, r)
	} else {
		l.bytes -= len(l.log[l.next%maxLog].Body)
		l.log[l.next%maxLog] = r
	}
	l.bytes += len(r.Body)
	l.next++
	for l.bare = max(l.bare, l.next-len(l.log)); l.bytes > maxLogBytes; l.bare++ {
		old := &l.log[l.bare%maxLog]
		l.bytes -= len(old.Body)
		old.Body = nil
	}
}

// Keep starts or stops the log.
func (l *Log) Keep(record bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.record = record
}

// Last returns the end of the log, oldest first, and reports whether the log
// records.
func (l *Log) Last(n int) ([]Request, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	oldest := 0
	if len(l.log) == maxLog {
		oldest = l.next % maxLog
	}
	all := slices.Concat(l.log[oldest:], l.log[:oldest])
	return all[max(len(all)-n, 0):], l.record
}

// Totals returns a copy of the totals by endpoint label.
func (l *Log) Totals() map[string]Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.totals == nil {
		return map[string]Count{}
	}
	return maps.Clone(l.totals)
}

// Forget deletes all totals and requests.
func (l *Log) Forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.totals, l.log, l.next, l.bare, l.bytes = nil, nil, 0, 0, 0
}
