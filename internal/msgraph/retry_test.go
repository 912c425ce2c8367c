package msgraph

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	t.Parallel()
	for range 1000 {
		for _, tt := range []struct {
			attempt, status int
			least, bound    time.Duration
		}{
			{1, 503, 0, 500 * time.Millisecond},
			{2, 503, 0, time.Second},
			{1, 0, 0, 500 * time.Millisecond},
			{1, 429, 2 * time.Second, 4 * time.Second},
			{2, 429, 4 * time.Second, 8 * time.Second},
		} {
			if got := backoff(tt.attempt, tt.status, 0); got < tt.least || got >= tt.bound {
				t.Fatalf("attempt %d after %d waits %v", tt.attempt, tt.status, got)
			}
		}
	}
	if got := backoff(2, 429, 7*time.Second); got != 7*time.Second {
		t.Errorf("requested delay 7 s, got %v", got)
	}
	first := backoff(1, 429, 0)
	for range 100 {
		if backoff(1, 429, 0) != first {
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
