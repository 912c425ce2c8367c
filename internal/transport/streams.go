package transport

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"licensegraph/internal/identity"
)

// streams are the connections that outlive one answer: WebSockets and event streams. They are counted, and end when
// the gateway does.
type streams struct {
	perCaller, total int

	// life ends when the gateway is about to.
	life context.Context
	end  context.CancelFunc

	mu      sync.Mutex
	open    int
	callers map[identity.Key]int
	group   sync.WaitGroup
}

func newStreams(perCaller, total int) *streams {
	s := &streams{perCaller: perCaller, total: total, callers: map[identity.Key]int{}}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// begin notes a connection, unless the gateway is about to end. Call done when the connection has ended.
func (s *streams) begin() (done func(), problem *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return nil, &refusal{http.StatusServiceUnavailable, "The gateway is shutting down.", map[string]string{"Retry-After": "1"}, map[string]any{
			"code": "RATE_LIMITED", "retryable": true, "retryAfterSeconds": 1,
		}}
	}
	s.group.Add(1)
	return s.group.Done, nil
}

// admit counts a connection as the caller's. Call end when it has ended.
func (s *streams) admit(caller identity.Key) (end func(), problem *refusal) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.open >= s.total:
		return nil, tooManyStreams(http.StatusServiceUnavailable, "The gateway has %d streams open, as many as it takes.", s.total)
	case s.callers[caller] >= s.perCaller:
		return nil, tooManyStreams(http.StatusTooManyRequests, "You have %d streams open, as many as one caller may have.", s.perCaller)
	}
	s.open++
	s.callers[caller]++
	return sync.OnceFunc(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.open--
		if s.callers[caller]--; s.callers[caller] == 0 {
			delete(s.callers, caller)
		}
	}), nil
}

func tooManyStreams(status int, format string, n int) *refusal {
	return &refusal{status, fmt.Sprintf(format, n), map[string]string{"Retry-After": "5"}, map[string]any{
		"code": "RATE_LIMITED", "retryable": true, "retryAfterSeconds": 5,
	}}
}

// drain lets no more begin, and ends what never ends by itself.
func (s *streams) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

// wait returns when all have ended, or with the context's error.
func (s *streams) wait(ctx context.Context) error {
	ended := make(chan struct{})
	go func() { // it ends with the last connection
		s.group.Wait()
		close(ended)
	}()
	select {
	case <-ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
