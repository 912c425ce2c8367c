package msgraph

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"licensegraph/internal/licensing"
)

// sourceFunc gives tokens.
type sourceFunc func() (*oauth2.Token, error)

func (f sourceFunc) Token() (*oauth2.Token, error) { return f() }

func me(t *testing.T, ctx context.Context, c *Client) (user *licensing.User, failure error) {
	t.Helper()
	b := c.Begin().Batch()
	b.Me([]string{"mail"}, func(u *licensing.User, err error) { user, failure = u, err })
	b.Do(ctx)
	return user, failure
}

// TestMe reads who has signed in, with their token. An application is told without a request that it is nobody.
func TestMe(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return ok(`{"id":"u1"}`) })
	_, err := me(t, t.Context(), s.client(t))
	if _, is := errors.AsType[*licensing.InputError](err); !is {
		t.Errorf("an application: %v", err)
	}
	if _, tokens := s.asked(); len(s.calls()) > 0 || tokens > 0 {
		t.Errorf("an application asks, for %d tokens as well", tokens)
	}
	source := oauth2.StaticTokenSource(&oauth2.Token{AccessToken: "personal"})
	user, err := me(t, t.Context(), s.client(t, func(o *Options) { o.TokenSource = source }))
	if err != nil || user.ID != "u1" {
		t.Errorf("a person: %v, %v", user, err)
	}
	calls := s.calls()
	if _, tokens := s.asked(); tokens > 0 {
		t.Errorf("a person asks for %d tokens of the application", tokens)
	}
	if len(calls) != 1 || calls[0].String() != "GET /me?$select=id,mail" || calls[0].header.Get("Authorization") != "Bearer personal" {
		t.Errorf("a person asks: %v", calls)
	}
}

// TestPersonalTokens renews tokens from their source, and waits for it no longer than the context lasts.
func TestPersonalTokens(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	s := newService(t, func(c call) reply {
		if c.header.Get("Authorization") == "Bearer 1" {
			return reply{status: 401}
		}
		return ok(`{"id":"u1"}`)
	})
	source := sourceFunc(func() (*oauth2.Token, error) {
		return &oauth2.Token{AccessToken: fmt.Sprint(asked.Add(1)), Expiry: time.Now().Add(time.Hour)}, nil
	})
	c := s.client(t, func(o *Options) { o.TokenSource = source })
	for range 3 {
		if _, err := me(t, t.Context(), c); err != nil {
			t.Error(err)
		}
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("%d tokens", n)
	}

	failing := sourceFunc(func() (*oauth2.Token, error) { return nil, &oauth2.RetrieveError{ErrorCode: "invalid_grant"} })
	if _, err := me(t, t.Context(), s.client(t, func(o *Options) { o.TokenSource = failing })); !errors.Is(err, licensing.ErrUnauthenticated) {
		t.Errorf("no token: %v", err)
	}

	release := make(chan struct{})
	defer close(release)
	ctx, cancel := context.WithCancel(t.Context())
	slow := sourceFunc(func() (*oauth2.Token, error) {
		cancel()
		<-release
		return nil, errors.New("too late")
	})
	if _, err := me(t, ctx, s.client(t, func(o *Options) { o.TokenSource = slow })); !errors.Is(err, context.Canceled) {
		t.Errorf("a slow source: %v", err)
	}
}
