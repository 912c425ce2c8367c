package msgraph

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	for range 1000 {
		for attempt, bound := range map[int]time.Duration{1: 500 * time.Millisecond, 2: time.Second} {
			if got := backoff(attempt, 0); got < 0 || got >= bound {
				t.Fatalf("attempt %d waits %v", attempt, got)
			}
		}
	}
	if got := backoff(2, 7*time.Second); got != 7*time.Second {
		t.Errorf("the service asked for 7 s and gets %v", got)
	}
	first := backoff(1, 0)
	for range 100 {
		if backoff(1, 0) != first {
			return
		}
	}
	t.Error("the backoff has no jitter")
}

func TestRetryable(t *testing.T) {
	t.Parallel()
	repeated := map[int]bool{408: true, 424: true, 429: true, 500: true, 502: true, 503: true, 504: true}
	for status := 100; status < 600; status++ {
		if got := retryable(status); got != repeated[status] {
			t.Errorf("%d: %v", status, got)
		}
	}
}
