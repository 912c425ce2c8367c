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
	// renewal is how long before its end a token is replaced, or a fifth of its life if that is less. Tokens live 60 to
	// 90 minutes.
	renewal = 5 * time.Minute
	// askAgain is how long a token that could not be replaced is used before the next attempt.
	askAgain = 30 * time.Second
	// refusedFor is how long a refusal counts that only a new sign-in of the person ends: libraries that ask all
	// the same get the application throttled for everybody (Microsoft Learn, "Handle errors and exceptions in MSAL").
	refusedFor = time.Minute
	// mostPause bounds how long the service can have nobody ask.
	mostPause = 5 * time.Minute
	// unsaid is the life of a token whose answer does not tell it, which RFC 6749, section 5.1, allows.
	unsaid = 5 * time.Minute
)

// held is a token that is kept and replaced before it ends. One request for it is on its way at a time.
type held struct {
	mu     sync.Mutex
	token  string
	renew  time.Time // when the token is to be replaced
	end    time.Time // of the token
	claims string    // that the next request has to ask for
	asking *asking   // nil: nobody does
	failed error     // why the last request failed, which counts for a while
	until  time.Time // that it counts
}

// asking is a request for a token that is on its way.
type asking struct {
	done   chan struct{}
	err    error
	gaveUp bool // it ended because who asked did not wait for it
}

// get returns a valid token, by asking for one if need be. Who needs one while somebody else asks for it takes the old
// one or waits, no longer than the context lasts. An old one also does where a new one is not to be had.
func (h *held) get(ctx context.Context, now func() time.Time, ask func(ctx context.Context, claims string) (*oauth2.Token, error)) (string, error) {
	for {
		h.mu.Lock()
		token, valid := h.token, h.token != "" && now().Before(h.end)
		if valid && (h.asking != nil || now().Before(h.renew)) {
			h.mu.Unlock()
			return token, nil
		}
		if h.failed != nil && now().Before(h.until) && !valid {
			defer h.mu.Unlock()
			return "", h.failed
		}
		other := h.asking
		if other == nil {
			own := &asking{done: make(chan struct{})}
			h.asking = own
			claims := h.claims
			h.mu.Unlock()
			return h.replace(ctx, own, claims, now, ask)
		}
		h.mu.Unlock()
		select {
		case <-other.done:
			if other.err != nil && !other.gaveUp {
				return "", other.err
			}
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
}

// replace asks for a token and keeps it.
func (h *held) replace(ctx context.Context, own *asking, claims string, now func() time.Time, ask func(ctx context.Context, claims string) (*oauth2.Token, error)) (string, error) {
	own.gaveUp = true // until it has come to an end
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.asking = nil
		close(own.done)
	}()
	token, err := ask(ctx, claims)
	h.mu.Lock()
	defer h.mu.Unlock()
	at := now()
	if err != nil {
		own.err, own.gaveUp = err, ctx.Err() != nil
		pause, final := counts(err)
		h.failed, h.until = err, at.Add(pause)
		if final {
			h.token = ""
		}
		if h.token == "" || !at.Before(h.end) {
			return "", err
		}
		h.renew = at.Add(askAgain)
		return h.token, nil
	}
	own.gaveUp, h.failed = false, nil
	h.token, h.end = token.AccessToken, token.Expiry
	if token.Expiry.IsZero() {
		h.end = at.Add(unsaid)
	}
	h.renew = h.end.Add(-min(renewal, h.end.Sub(at)/5))
	if h.claims == claims {
		h.claims = ""
	}
	return h.token, nil
}

// counts returns how long a failure stands for further requests, and whether it ends the cached token as well, as one
// that needs a new sign-in does.
func counts(err error) (pause time.Duration, final bool) {
	failure, ok := errors.AsType[*upstream.Error](err)
	switch {
	case !ok:
		return 0, false
	case errors.Is(failure.Kind, upstream.ErrSignIn):
		return refusedFor, true
	default:
		return min(failure.RetryAfter, mostPause), false
	}
}

// drop forgets a token that was refused, and notes the claims that the next one needs.
func (h *held) drop(token, claims string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.token != "" && h.token == token {
		h.token, h.claims = "", claims
	}
}
