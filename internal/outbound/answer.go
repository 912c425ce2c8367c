package outbound

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// maxRetryAfter is the maximum accepted Retry-After.
const maxRetryAfter = 24 * time.Hour

// RetryAfter parses the Retry-After header, in seconds or as a date (RFC 9110, section 10.2.3); 0 if there is none.
func RetryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return time.Duration(min(seconds, int(maxRetryAfter/time.Second))) * time.Second
	}
	if date, err := http.ParseTime(text); err == nil && date.After(now) {
		return min(date.Sub(now), maxRetryAfter)
	}
	return 0
}

// WithoutURL removes the URL from an HTTP client's error: its query can contain personal data.
func WithoutURL(err error) error {
	if outer, ok := errors.AsType[*url.Error](err); ok {
		if outer.Timeout() {
			return errors.New("timed out")
		}
		return outer.Err
	}
	return err
}
