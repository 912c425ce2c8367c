package transport

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"licensegraph/internal/identity"
)

// streams are the open WebSockets and event streams. They are counted, and they end when the gateway shuts down.
type streams struct {
	perCaller, total int

	// life ends when the gateway starts to shut down.
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

// count returns the number of open WebSockets and event streams.
func (s *streams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open
}

// begin registers a connection unless the gateway is shutting down. Call done when the connection has ended.
func (s *streams) begin() (done func(), problem *rejection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return nil, &rejection{http.StatusServiceUnavailable, "The gateway is shutting down.", map[string]string{"Retry-After": "1"}, map[string]any{
			"code": "RATE_LIMITED", "retryable": true, "retryAfterSeconds": 1,
		}}
	}
	s.group.Add(1)
	return s.group.Done, nil
}

// admit counts a connection for the caller. Call end when it has ended.
func (s *streams) admit(caller identity.Key) (end func(), problem *rejection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.open >= s.total:
		return nil, tooManyStreams(http.StatusServiceUnavailable, "The gateway has %d streams open, which is its limit.", s.total)
	case s.callers[caller] >= s.perCaller:
		return nil, tooManyStreams(http.StatusTooManyRequests, "You have %d streams open, which is the limit per caller.", s.perCaller)
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

func tooManyStreams(status int, format string, n int) *rejection {
	return &rejection{status, fmt.Sprintf(format, n), map[string]string{"Retry-After": "5"}, map[string]any{
		"code": "RATE_LIMITED", "retryable": true, "retryAfterSeconds": 5,
	}}
}

// drain rejects new connections and ends subscriptions.
func (s *streams) drain() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end()
}

// wait waits until all connections have ended. It returns the context's error if that ends first.
func (s *streams) wait(ctx context.Context) error {
	ended := make(chan struct{})
	go func() { // ends with the last connection
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
