package msgraph

import (
	"context"
	"math/rand/v2"
	"net/http"
	"time"
)

const (
	// attempts is the maximum number of attempts of a request.
	attempts = 3
	// maxWait is the maximum wait before a retry. If Microsoft Graph requests more, the request fails and the error has
	// the delay.
	maxWait = 10 * time.Second
	// firstBackoff is the maximum wait before the first retry without Retry-After.
	firstBackoff = 500 * time.Millisecond
	// throttledBackoff is the minimum wait before the first retry of a throttled request without Retry-After.
	throttledBackoff = 2 * time.Second
)

// retryable reports whether a read with the status may succeed on a retry; for writes see [Operation.Write]. Older
// revisions of Microsoft Graph send 424 for a whole batch.
func retryable(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusFailedDependency, http.StatusTooManyRequests,
		http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// repeatable reports whether to retry a request after some attempts, and the pause before it. status is that of the
// last response; 0 without one.
func repeatable(ctx context.Context, before, status int, asked time.Duration) (again bool, pause time.Duration) {
	if before+1 >= attempts {
		return false, 0
	}
	pause = backoff(before+1, status, asked)
	deadline, limited := ctx.Deadline()
	return pause <= maxWait && (!limited || time.Until(deadline) >= pause), pause
}

// backoff returns the wait before an attempt, 1 being the first retry: the requested delay, otherwise a random time
// below a limit that doubles. Without a requested delay, a throttled request waits at least some seconds, since each
// attempt counts against the throttling limit.
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
