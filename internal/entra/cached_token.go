package entra

import (
	"context"
	"errors"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"licensegraph/internal/upstream"
)

const (
	// renewal is the time before its expiry at which a token is renewed, at most a fifth of its lifetime. The lifetime
	// is 60 to 90 minutes.
	renewal = 5 * time.Minute
	// renewalRetry is the delay before another attempt to renew a token that is still valid.
	renewalRetry = 30 * time.Second
	// signInErrorLifetime is the lifetime of an error that requires a new sign-in. Repeated requests would cause throttling of
	// the application (Microsoft Learn, "Handle errors and exceptions in MSAL").
	signInErrorLifetime = time.Minute
	// maxPause is the maximum delay of token requests after a Retry-After.
	maxPause = 5 * time.Minute
	// defaultLifetime is the lifetime of a token without expires_in, which RFC 6749, section 5.1, permits.
	defaultLifetime = 5 * time.Minute
)

// cachedToken is a cached token, renewed before it expires. It has at most one token request in progress.
type cachedToken struct {
	mu      sync.Mutex
	token   string
	renew   time.Time     // time of renewal
	end     time.Time     // expiry
	claims  string        // claims challenge for the next request
	pending *tokenRequest // request in progress; nil if there is none
	failed  error         // error of the last request, returned until then
	until   time.Time     // expiry of failed
}

// tokenRequest is a token request in progress.
type tokenRequest struct {
	done     chan struct{}
	err      error
	canceled bool // canceled by its caller
}

// get returns a valid token and requests one if necessary. During another caller's request, it returns the cached token
// or waits for the result. If a renewal fails, it returns the cached token while that is valid.
func (c *cachedToken) get(ctx context.Context, now func() time.Time, ask func(ctx context.Context, claims string) (*oauth2.Token, error)) (string, error) {
	for {
		c.mu.Lock()
		token, valid := c.token, c.token != "" && now().Before(c.end)
		if valid && (c.pending != nil || now().Before(c.renew)) {
			c.mu.Unlock()
			return token, nil
		}
		if c.failed != nil && now().Before(c.until) && !valid {
			defer c.mu.Unlock()
			return "", c.failed
		}
		other := c.pending
		if other == nil {
			own := &tokenRequest{done: make(chan struct{})}
			c.pending = own
			claims := c.claims
			c.mu.Unlock()
			return c.replace(ctx, own, claims, now, ask)
		}
		c.mu.Unlock()
		select {
		case <-other.done:
			if other.err != nil && !other.canceled {
				return "", other.err
			}
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// replace requests a token and caches it.
func (c *cachedToken) replace(ctx context.Context, own *tokenRequest, claims string, now func() time.Time, ask func(ctx context.Context, claims string) (*oauth2.Token, error)) (string, error) {
	own.canceled = true // unless the request returns
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.pending = nil
		close(own.done)
	}()
	token, err := ask(ctx, claims)
	c.mu.Lock()
	defer c.mu.Unlock()
	at := now()
	if err != nil {
		own.err, own.canceled = err, ctx.Err() != nil
		pause, final := errorLifetime(err)
		c.failed, c.until = err, at.Add(pause)
		if final {
			c.token = ""
		}
		if c.token == "" || !at.Before(c.end) {
			return "", err
		}
		c.renew = at.Add(renewalRetry)
		return c.token, nil
	}
	own.canceled, c.failed = false, nil
	c.token, c.end = token.AccessToken, token.Expiry
	if token.Expiry.IsZero() {
		c.end = at.Add(defaultLifetime)
	}
	c.renew = c.end.Add(-min(renewal, c.end.Sub(at)/5))
	if c.claims == claims {
		c.claims = ""
	}
	return c.token, nil
}

// lastError returns the error of the last token request; nil if it succeeded.
func (c *cachedToken) lastError() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// errorLifetime returns the lifetime of an error, and whether it also invalidates the cached token, as an error that requires
// a new sign-in does.
func errorLifetime(err error) (pause time.Duration, final bool) {
	failure, ok := errors.AsType[*upstream.Error](err)
	switch {
	case !ok:
		return 0, false
	case errors.Is(failure.Kind, upstream.ErrSignIn):
		return signInErrorLifetime, true
	default:
		return min(failure.RetryAfter, maxPause), false
	}
}

// drop removes a rejected token and records the claims challenge for the next request.
func (c *cachedToken) drop(token, claims string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != "" && c.token == token {
		c.token, c.claims = "", claims
	}
}
