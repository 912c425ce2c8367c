package upstream

import (
	"errors"
	"testing"
	"time"
)

func TestError(t *testing.T) {
	t.Parallel()
	cause := errors.New("broken pipe")
	err := &Error{Kind: ErrThrottled, Operation: "GET /users/{id}", Status: 429, Code: "TooManyRequests", RequestID: "r"}
	if got := err.Error(); got != `GET /users/{id}: throttled (status 429, code "TooManyRequests", request-id r)` {
		t.Errorf("%s", got)
	}
	if !errors.Is(err, ErrThrottled) || errors.Is(err, ErrUnavailable) {
		t.Error("wrong kind")
	}
	err = &Error{Kind: ErrUnavailable, Operation: "GET /users", Cause: cause}
	if got := err.Error(); got != "GET /users: unavailable: broken pipe" || !errors.Is(err, cause) || !errors.Is(err, ErrUnavailable) {
		t.Errorf("%s", got)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	u := Usage{Requests: 1, BatchParts: 2, ResourceUnits: 3, Retries: 4, Bytes: 5, Milliseconds: 6, CacheHits: 7}
	u.Add(u)
	if u != (Usage{Requests: 2, BatchParts: 4, ResourceUnits: 6, Retries: 8, Bytes: 10, Milliseconds: 12, CacheHits: 14}) {
		t.Errorf("%+v", u)
	}
	for d, want := range map[time.Duration]int64{0: 0, 1: 1, time.Millisecond: 1, time.Millisecond + 1: 2, time.Second: 1000} {
		if got := Milliseconds(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}

// TestRemedies tests that each documented error has a remedy, and others have none.
