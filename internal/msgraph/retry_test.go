package msgraph

import (
	"net/http"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 9, 25, 8, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		header string
		want   time.Duration
	}{
		{"", 0},
		{"5", 5 * time.Second},
		{"0", 0},
		{"-3", 0},
		{"1.5", 0},
		{" 5", 0},
		{"soon", 0},
		{"Fri, 25 Sep 2026 08:00:30 GMT", 30 * time.Second},
		{"Friday, 25-Sep-26 08:00:30 GMT", 30 * time.Second},
		{"Fri Sep 25 08:00:30 2026", 30 * time.Second},
		{"Fri, 25 Sep 2026 07:59:59 GMT", 0},
		{"Fri, 25 Sep 2026 08:00:00 GMT", 0},
		{"Fri, 25 Sep 9999 08:00:00 GMT", maxRetryAfter},
		{"99999999999", maxRetryAfter},
		{"9223372036854775807", maxRetryAfter},
	} {
		if got := retryAfter(http.Header{"Retry-After": {tt.header}}, now); got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.header, got, tt.want)
		}
	}
	if got := retryAfter(nil, now); got != 0 {
		t.Errorf("no header: %v", got)
	}
}

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
