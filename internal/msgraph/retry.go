package msgraph

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	// attempts is how often a request is sent at most.
	attempts = 3
	// maxWait is the longest wait before a request is repeated. A service that wants more is left alone,
	// and the caller is told for how long.
	maxWait = 10 * time.Second
	// firstBackoff is the longest wait before the first repetition when the service does not say.
	firstBackoff = 500 * time.Millisecond
	// throttledBackoff is the shortest wait before the first repetition of what was throttled, when the service does not say.
	throttledBackoff = 2 * time.Second
)

// retryable tells whether a read that was answered with the status may succeed when it is sent again; for writes
// see [Operation.Write]. A batch as a whole is answered 424 by older revisions.
func retryable(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusFailedDependency, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// repeatable tells whether what was sent some times before may be sent once more, and after what pause, since it was
// answered with the status; 0 when it was not answered.
func repeatable(ctx context.Context, before, status int, asked time.Duration) (again bool, pause time.Duration) {
	if before+1 >= attempts {
		return false, 0
	}
	pause = backoff(before+1, status, asked)
	deadline, limited := ctx.Deadline()
	return pause <= maxWait && (!limited || time.Until(deadline) >= pause), pause
}

// backoff returns how long to wait before an attempt, the second being 1: what the service asked for, else
// a random time below a bound that doubles. A service that throttles and does not say counts each attempt against the
// limit: it is left alone for seconds.
func backoff(attempt, status int, asked time.Duration) time.Duration {
	if asked > 0 {
		return asked
	}
	if status == http.StatusTooManyRequests {
		least := throttledBackoff << (attempt - 1)
		return least + time.Duration(rand.Int64N(int64(least)))
	}
	return time.Duration(rand.Int64N(int64(firstBackoff << (attempt - 1))))
}
