package msgraph

import (
	"context"
	"errors"
	"testing"
	"time"

	"licensegraph/internal/upstream"
)

// TestCondition tests what the client knows of Microsoft Graph after requests, and that it sends none to know it.
func TestCondition(t *testing.T) {
	t.Parallel()
	down := reply{status: 503, body: `{"error":{"code":"serviceNotAvailable"}}`}
	throttling := reply{status: 429, header: map[string]string{"Retry-After": "60"}}
	elsewhere := reply{status: 429, header: map[string]string{"Retry-After": "60", "x-ms-throttle-scope": "Application/Read"}}
	for _, tt := range []struct {
		name    string
		answers []reply // of one operation each; a failed read is tried three times
		pass    time.Duration
		want    error
	}{
		{"nothing sent", nil, 0, nil},
		{"responses", []reply{ok(`{"value":[]}`), gone, forbidden, refused}, 0, nil},
		{"failures", []reply{down}, 0, upstream.ErrUnavailable},
		{"lost responses", []reply{{raw: true}}, 0, upstream.ErrUnavailable},
		{"failures long ago", []reply{down}, failuresLife, nil},
		{"a response since", []reply{down, gone}, 0, nil},
		{"throttled", []reply{throttling}, 0, upstream.ErrThrottled},
		{"throttled in all tenants", []reply{elsewhere}, 0, upstream.ErrThrottled},
		{"throttled before", []reply{throttling}, time.Minute, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var answer reply
			s := newService(t, func(call) reply { return answer })
			now := time.Now()
			c := s.client(t, func(o *Options) { o.Now = func() time.Time { return now } })
			for _, answer = range tt.answers {
				ask(t.Context(), c.Begin(), "/users")
			}
			now = now.Add(tt.pass)
			s.calls()
			if err := c.Condition(); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if got := s.texts(); len(got) > 0 {
				t.Errorf("sent %v", got)
			}
		})
	}
}

// TestCanceledRequestsAreNoFailures tests that callers who disconnect do not make Microsoft Graph look unavailable.
func TestCanceledRequestsAreNoFailures(t *testing.T) {
	t.Parallel()
	callers := make(chan context.CancelFunc, 1)
	s := newService(t, func(call) reply { (<-callers)(); return reply{raw: true} })
	c := s.client(t)
	for range failuresInARow {
		ctx, cancel := context.WithCancel(t.Context())
		callers <- cancel
		ask(ctx, c.Begin(), "/users")
	}
	if err := c.Condition(); err != nil {
		t.Error(err)
	}
}
