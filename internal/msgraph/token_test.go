package msgraph

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"licensegraph/internal/identity"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// countingTokens returns the tokens 1, 2 and so on, and records rejected ones.
type countingTokens struct {
	mu      sync.Mutex
	asked   int
	given   int
	refused []string
	again   bool  // result of Refused
	fails   error // error instead of a token
}

func (c *countingTokens) Token(context.Context, *http.Client) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked++
	if c.fails != nil {
		return "", c.fails
	}
	return fmt.Sprint(c.given + 1), nil
}

func (c *countingTokens) Refused(token, claims string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if token == fmt.Sprint(c.given+1) {
		c.given++
		c.refused = append(c.refused, claims)
	}
	return c.again
}

var (
	adele = identity.Key{TenantID: "t", ObjectID: "adele"}
	megan = identity.Key{TenantID: "t", ObjectID: "megan"}
)

func me(t *testing.T, o *Operation) (user *licensing.User, failure error) {
	t.Helper()
	b := o.newBatch()
	b.me(upstream.Selection{Properties: []string{"mail"}}, func(u *licensing.User, err error) { user, failure = u, err })
	b.Do(t.Context())
	return user, failure
}

// TestMe reads the signed-in user with the user's token. For an application it is an error without a request.
func TestMe(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return ok(`{"id":"u1"}`) })
	_, err := me(t, s.client(t).Begin())
	if _, is := errors.AsType[*upstream.InputError](err); !is {
		t.Errorf("an application: %v", err)
	}
	if _, tokens := s.asked(); len(s.calls()) > 0 || tokens > 0 {
		t.Errorf("an application sends requests, %d tokens", tokens)
	}
	user, err := me(t, s.client(t).BeginOnBehalfOf(adele, &countingTokens{}))
	if err != nil || user.ID != "u1" {
		t.Errorf("a person: %v, %v", user, err)
	}
	calls := s.calls()
	if _, tokens := s.asked(); tokens > 0 {
		t.Errorf("%d application tokens for a user", tokens)
	}
	if len(calls) != 1 || calls[0].String() != "GET /me?$select=id,mail" || calls[0].header.Get("Authorization") != "Bearer 1" {
		t.Errorf("requests of a user: %v", calls)
	}
}

// TestSignIn tests that a user's token is requested first, and an application's is not.
func TestSignIn(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return ok(`{"id":"u1"}`) })
	c := s.client(t)
	if err := c.Begin().SignIn(t.Context()); err != nil {
		t.Error(err)
	}
	wanted := errors.New("no token")
	if err := c.BeginOnBehalfOf(adele, &countingTokens{fails: wanted}).SignIn(t.Context()); !errors.Is(err, wanted) {
		t.Error(err)
	}
	for kind, want := range map[bool]int{true: attempts, false: 1} {
		tokens := &countingTokens{fails: &upstream.Error{Kind: upstream.ErrUnavailable, Retryable: kind}}
		o := c.BeginOnBehalfOf(adele, tokens)
		if err := o.SignIn(t.Context()); !errors.Is(err, upstream.ErrUnavailable) || tokens.asked != want || o.Report().Retries != want-1 {
			t.Errorf("retryable %v: %v, asked %d times", kind, err, tokens.asked)
		}
	}
	take(t, c, slots) // all of them: signing in requires no slot
	if err := c.BeginOnBehalfOf(adele, &countingTokens{}).SignIn(t.Context()); err != nil {
		t.Error(err)
	}
	if _, tokens := s.asked(); tokens > 0 || len(s.calls()) > 0 {
		t.Error("a request was sent")
	}
}

// TestLongToken tests the maximum size of a token response.
func TestLongToken(t *testing.T) {
	t.Parallel()
	for length, want := range map[int]bool{maxTokenBody / 2: true, maxTokenBody: false} {
		login := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"x","expires_in":3600,"pad":"`+strings.Repeat("x", length)+`"}`)
		}))
		s := newService(t, func(call) reply { return ok(`{"value":[]}`) })
		c := s.client(t, func(o *Options) {
			o.Out, o.Tokens = way(t, "", s.URL, login.URL), application(t, login.URL, s.URL)
		})
		if failures := ask(t.Context(), c.Begin(), "/users"); (len(failures) == 0) != want {
			t.Errorf("%d bytes: %v", length, failures)
		}
		c.CloseIdleConnections()
		login.Close()
	}
}

// demanding is a 401 with a claims challenge.
func demanding(claims string) reply {
	return reply{status: 401, header: map[string]string{
		"WWW-Authenticate": `Bearer realm="", authorization_uri="https://login.example/common/oauth2/authorize", client_id="x", error="insufficient_claims", claims="` + base64.StdEncoding.EncodeToString([]byte(claims)) + `"`,
	}}
}

const nbf = `{"access_token":{"nbf":{"essential":true,"value":"1563308371"}}}`

// TestRejectedTokens tests one retry with another token, unless the user must meet a claims challenge: alone, in a
// batch, and for a whole batch.
func TestRejectedTokens(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		refusal  reply
		person   bool
		again    bool // result of Refused
		answered bool
		claims   string // passed to Refused
		error    string // claims of the error
	}{
		{"application", reply{status: 401}, false, true, true, "", ""},
		{"application with claims", demanding(nbf), false, true, true, nbf, ""},
		{"person", reply{status: 401}, true, true, true, "", ""},
		{"person with claims", demanding(nbf), true, false, false, nbf, nbf},
	} {
		for _, way := range []string{"alone", "part", "whole"} {
			refused := func(c call) bool { return c.header.Get("Authorization") == "Bearer 1" }
			var mu sync.Mutex
			first := true
			s := newService(t, func(c call) reply {
				mu.Lock()
				defer mu.Unlock()
				if way == "alone" && refused(c) || way == "part" && first && c.path == "/groups/b" {
					first = false
					return tt.refusal
				}
				return ok(`{"id":"` + c.path[len(c.path)-1:] + `"}`)
			})
			if way == "whole" {
				s.whole = func() *reply {
					mu.Lock()
					defer mu.Unlock()
					if !first {
						return nil
					}
					first = false
					return &tt.refusal
				}
			}
			tokens := &countingTokens{again: tt.again}
			c := s.client(t, func(o *Options) { o.Tokens = tokens })
			o := c.Begin()
			if tt.person {
				o = c.BeginOnBehalfOf(adele, tokens)
			}
			var failed error
			b := o.newBatch()
			ids := []string{"b"}
			if way != "alone" {
				ids = []string{"a", "b"}
			}
			for _, id := range ids {
				r := get(groupEndpoint, "/groups/"+id)
				r.done = func(err error) { failed = errors.Join(failed, err) }
				b.add(r)
			}
			b.Do(t.Context())
			if (failed == nil) != tt.answered || len(tokens.refused) != 1 || tokens.refused[0] != tt.claims {
				t.Errorf("%s, %s: %v; refused %q", tt.name, way, failed, tokens.refused)
			}
			if tt.answered {
				continue
			}
			failure, is := errors.AsType[*upstream.Error](failed)
			if !is || !errors.Is(failure, upstream.ErrSignIn) || failure.Claims != tt.error || !failure.Personal {
				t.Errorf("%s, %s: %+v", tt.name, way, failure)
			}
		}
	}
}

// TestForbiddenUser tests that a user's 403 has no application permission.
func TestForbiddenUser(t *testing.T) {
	t.Parallel()
	s := newService(t, func(call) reply { return forbidden })
	_, err := me(t, s.client(t).BeginOnBehalfOf(adele, &countingTokens{}))
	if failure, is := errors.AsType[*upstream.Error](err); !is || !errors.Is(err, upstream.ErrForbidden) || failure.Permission != "" || !failure.Personal {
		t.Errorf("%+v", err)
	}
}

// TestCapabilitiesPerUser tests that capabilities of one user apply neither to other users nor to the application.
func TestCapabilitiesPerUser(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	gives := false
	s := newService(t, func(call) reply {
		mu.Lock()
		defer mu.Unlock()
		if gives {
			return ok(`{"value":[]}`)
		}
		return gone
	})
	c := s.client(t)
	rights := func(o *Operation) (failure error) {
		b := o.newBatch()
		b.usageRightsOfDevices([]licensing.UsageRightsKey{{HolderID: "d"}}, upstream.Selection{}, func(_ licensing.UsageRightsKey, _ []*licensing.UsageRight, err error) { failure = err })
		b.Do(t.Context())
		return failure
	}
	for range minObservations {
		if err := rights(c.BeginOnBehalfOf(adele, &countingTokens{})); !errors.Is(err, upstream.ErrNotOffered) {
			t.Error(err)
		}
	}
	s.calls()
	if err := rights(c.BeginOnBehalfOf(adele, &countingTokens{})); !errors.Is(err, upstream.ErrNotOffered) || len(s.calls()) > 0 {
		t.Errorf("capability of a user not recorded: %v", err)
	}
	mu.Lock()
	gives = true
	mu.Unlock()
	for name, o := range map[string]*Operation{"another person": c.BeginOnBehalfOf(megan, &countingTokens{}), "the application": c.Begin()} {
		if err := rights(o); err != nil || len(s.calls()) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
