package outbound

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
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
		if got := RetryAfter(http.Header{"Retry-After": {tt.header}}, now); got != tt.want {
			t.Errorf("%q: got %v, want %v", tt.header, got, tt.want)
		}
	}
	if got := RetryAfter(nil, now); got != 0 {
		t.Errorf("no header: %v", got)
	}
}

// TestWithoutURL tests that errors have no URLs, which can contain names and secrets.
func TestWithoutURL(t *testing.T) {
	t.Parallel()
	secret := "https://host/?$filter=startswith(displayName,'Adele')"
	for _, cause := range []error{errors.New("refused"), context.DeadlineExceeded} {
		if err := WithoutURL(&url.Error{Op: "Get", URL: secret, Err: cause}); strings.Contains(err.Error(), "Adele") {
			t.Errorf("%v", err)
		}
	}
	if other := errors.New("other"); !errors.Is(WithoutURL(other), other) {
		t.Error("other errors are lost")
	}
}
