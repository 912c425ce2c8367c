package msgraph

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"licensegraph/internal/upstream"
)

const (
	// failuresInARow is the number of failures without a response between them from which Microsoft Graph counts as
	// unavailable. A read on its own has as many attempts.
	failuresInARow = 3
	// failuresLife is the time after which failures no longer count if nothing was sent since.
	failuresLife = time.Minute
)

// contact is what the last requests of a client show of Microsoft Graph.
type contact struct {
	mu       sync.Mutex
	failures int // in a row
	last     time.Time
}

// note counts a failed request, and forgets the failures after a response.
func (k *contact) note(a response, now time.Time) {
	if errors.Is(a.err, context.Canceled) { // by the caller
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if a.err == nil && a.status < http.StatusInternalServerError {
		k.failures = 0
		return
	}
	k.failures, k.last = k.failures+1, now
}

// broken reports whether the last requests failed.
func (k *contact) broken(now time.Time) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.failures >= failuresInARow && now.Sub(k.last) < failuresLife
}

// Condition returns what the client knows of Microsoft Graph without asking it: [upstream.ErrThrottled] during a
// cool-down, [upstream.ErrUnavailable] if the last requests failed, and otherwise nil.
func (c *Client) Condition() error {
	switch {
	case c.queue.throttles(c):
		return upstream.ErrThrottled
	case c.contact.broken(c.now()):
		return upstream.ErrUnavailable
	}
	return nil
}

// throttles reports whether a workload of the client, or of the application in all tenants, has a cool-down.
func (q *Queue) throttles(c *Client) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := c.now()
	for key, l := range q.lanes {
		if (key.client == c || key.client == nil) && !key.isEndpoint() && l.until.After(now) {
			return true
		}
	}
	return false
}
