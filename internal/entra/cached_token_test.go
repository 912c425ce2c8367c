package entra

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/oauth2"

	"licensegraph/internal/identity"
	"licensegraph/internal/upstream"
)

// issuer issues the tokens 1, 2 and so on, valid for an hour, and records the requested claims.
type issuer struct {
	mu     sync.Mutex
	at     time.Time
	asked  int
	claims []string
	err    error
	during func(context.Context) error // called during a request
}

func newIssuer() *issuer { return &issuer{at: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)} }

func (i *issuer) now() time.Time {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.at
}

func (i *issuer) pass(d time.Duration) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.at = i.at.Add(d)
}

func (i *issuer) ask(ctx context.Context, claims string) (*oauth2.Token, error) {
	i.mu.Lock()
	i.asked++
	i.claims = append(i.claims, claims)
	n, err, during, end := i.asked, i.err, i.during, i.at.Add(time.Hour)
	i.mu.Unlock()
	if during != nil {
		if err := during(ctx); err != nil {
			return nil, err
		}
	}
	return &oauth2.Token{AccessToken: fmt.Sprint(n), Expiry: end}, err
}

func (i *issuer) get(t *testing.T, h *cachedToken, want string) {
	t.Helper()
	if got, err := h.get(t.Context(), i.now, i.ask); got != want || err != nil {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
}

func TestHeldRenews(t *testing.T) {
	t.Parallel()
	i, h := newIssuer(), &cachedToken{}
	i.get(t, h, "1")
	i.pass(55*time.Minute - time.Second)
	i.get(t, h, "1")
	i.pass(time.Second)
	i.get(t, h, "2") // five minutes before its expiry
	i.err = errors.New("no")
	i.pass(56 * time.Minute)
	i.get(t, h, "2") // the old one is still valid
	i.get(t, h, "2")
	if i.asked != 3 {
		t.Errorf("%d requests: retried at once after a failure", i.asked)
	}
	i.pass(renewalRetry)
	i.get(t, h, "2")
	if i.asked != 4 {
		t.Errorf("%d requests: never retried after a failure", i.asked)
	}
	i.pass(4 * time.Minute)
	if got, err := h.get(t.Context(), i.now, i.ask); !errors.Is(err, i.err) {
		t.Errorf("after its expiry: %q, %v", got, err)
	}
	i.err = nil
	i.get(t, h, "6")
}

// TestCachedTokenLifetimes tests the lifetime of a token without expires_in, and that a new token is not renewed at once.
func TestCachedTokenLifetimes(t *testing.T) {
	t.Parallel()
	for life, renewed := range map[time.Duration]time.Duration{0: 4 * time.Minute, time.Minute: 48 * time.Second, 24 * time.Hour: 24*time.Hour - 5*time.Minute} {
		i, h := newIssuer(), &cachedToken{}
		ask := func(ctx context.Context, claims string) (*oauth2.Token, error) {
			token, err := i.ask(ctx, claims)
			token.Expiry = i.now().Add(life)
			if life == 0 {
				token.Expiry = time.Time{}
			}
			return token, err
		}
		get := func() string { got, _ := h.get(t.Context(), i.now, ask); return got }
		first := get()
		i.pass(renewed - time.Second)
		second := get()
		i.pass(time.Second)
		if third := get(); first != "1" || second != "1" || third != "2" {
			t.Errorf("%v: %s %s %s", life, first, second, third)
		}
	}
}

func TestHeldRefused(t *testing.T) {
	t.Parallel()
	i, h := newIssuer(), &cachedToken{}
	i.get(t, h, "1")
	h.drop("another", "{}")
	i.get(t, h, "1")
	h.drop("1", `{"a":1}`)
	h.drop("1", "") // by a second caller
	i.err = errors.New("no")
	if _, err := h.get(t.Context(), i.now, i.ask); err == nil {
		t.Error("rejected token returned")
	}
	i.err = nil
	i.get(t, h, "3")
	i.pass(time.Hour)
	i.get(t, h, "4") // the claims are requested once
	h.drop("4", "")
	i.get(t, h, "5")
	if got := fmt.Sprint(i.claims); got != `[ {"a":1} {"a":1}  ]` {
		t.Errorf("asked for %s", got)
	}
}

// TestOneRequest has fifty callers wait for one request, some of them until their deadline.
func TestOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testOneRequest)
}

func testOneRequest(t *testing.T) {
	i, h := newIssuer(), &cachedToken{}
	started, answer := make(chan struct{}), make(chan struct{})
	i.during = func(context.Context) error { close(started); <-answer; return nil }
	results := make(chan string, 50)
	wait := func(ctx context.Context) {
		token, err := h.get(ctx, i.now, i.ask)
		results <- fmt.Sprint(token, err)
	}
	go wait(t.Context())
	<-started
	ended, end := context.WithCancel(t.Context())
	for range 49 {
		go wait(t.Context())
	}
	synctest.Wait() // until they all wait
	end()
	if _, err := h.get(ended, i.now, i.ask); !errors.Is(err, context.Canceled) {
		t.Errorf("after the deadline: %v", err)
	}
	close(answer)
	for range 50 {
		if got := <-results; got != "1<nil>" {
			t.Error(got)
		}
	}
	if i.asked != 1 {
		t.Errorf("asked %d times", i.asked)
	}
}

// TestOneFailure tests that waiting callers share an error, but not the cancellation of the caller that sent the
// request.
func TestOneFailure(t *testing.T) {
	t.Parallel()
	for _, canceled := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) { testOneFailure(t, canceled) })
	}
}

func testOneFailure(t *testing.T, canceled bool) {
	i, h := newIssuer(), &cachedToken{}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	started, answer := make(chan struct{}), make(chan struct{})
	failure := errors.New("no")
	i.during = func(ctx context.Context) error {
		i.mu.Lock()
		first := i.asked == 1
		i.mu.Unlock()
		if !first {
			return nil
		}
		close(started)
		<-answer
		if canceled {
			end()
		}
		return failure
	}
	first, second := make(chan error, 1), make(chan string, 1)
	go func() {
		_, err := h.get(ctx, i.now, i.ask)
		first <- err
	}()
	<-started
	go func() {
		token, err := h.get(t.Context(), i.now, i.ask)
		second <- fmt.Sprint(token, err)
	}()
	synctest.Wait() // until the second waits
	close(answer)
	if err := <-first; !errors.Is(err, failure) {
		t.Errorf("who asks: %v", err)
	}
	want := map[bool]string{false: "no", true: "2<nil>"}[canceled]
	if got := <-second; got != want {
		t.Errorf("who waits, gave up %v: %s", canceled, got)
	}
}

// TestTokenDuringRenewal tests that callers get the old token during a renewal.
func TestTokenDuringRenewal(t *testing.T) {
	t.Parallel()
	i, h := newIssuer(), &cachedToken{}
	i.get(t, h, "1")
	i.pass(56 * time.Minute)
	started, answer, done := make(chan struct{}), make(chan struct{}), make(chan struct{})
	i.during = func(context.Context) error { close(started); <-answer; return nil }
	go func() {
		defer close(done)
		i.get(t, h, "2")
	}()
	<-started
	i.get(t, h, "1")
	close(answer)
	<-done
	i.get(t, h, "2")
}

// TestPanicDuringTokenRequest tests that callers do not wait forever after a panic.
func TestPanicDuringTokenRequest(t *testing.T) {
	t.Parallel()
	i, h := newIssuer(), &cachedToken{}
	func() {
		defer func() { _ = recover() }()
		_, _ = h.get(t.Context(), i.now, func(context.Context, string) (*oauth2.Token, error) { panic("x") })
	}()
	i.get(t, h, "1")
}

// TestCacheKey tests that different parts with the same concatenation have different keys.
func TestCacheKey(t *testing.T) {
	t.Parallel()
	seen := map[[32]byte]bool{}
	for _, parts := range [][]string{{"a", "b", "c", "d"}, {"ab", "", "c", "d"}, {"a", "bc", "", "d"}, {"a", "b", "cd", ""}, {"abcd", "", "", ""}, {"", "", "", "abcd"}, {"a", "b", "c", "D"}} {
		k := cacheKey(parts...)
		if seen[k] {
			t.Errorf("%q: duplicate key", parts)
		}
		seen[k] = true
	}
}

// TestUserTokensAreBounded tests the maximum number of cached tokens, and that expired ones are removed first.
func TestUserTokensAreBounded(t *testing.T) {
	t.Parallel()
	i := newIssuer()
	a, err := NewApplication(Options{Authority: "https://login.example", GraphURL: "https://graph.example", ClientID: "c", Credential: Secret("s"), Now: i.now})
	if err != nil {
		t.Fatal(err)
	}
	o := a.OnBehalfOf()
	tokens := func(n int) *PersonalTokens {
		token, err := o.Tokens(&identity.Caller{TenantID: "t", ObjectID: "o", Token: identity.Secret(fmt.Sprint(n)), Expires: i.now().Add(time.Hour)})
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	first := tokens(0)
	if tokens(0) != first {
		t.Error("different on-behalf-of tokens for the same token")
	}
	for n := range maxUserTokens + 10 {
		tokens(n)
	}
	if n := o.people.Len(); n != maxUserTokens {
		t.Errorf("%d tokens cached", n)
	}
	i.pass(time.Hour)
	tokens(-1)
	if n := o.people.Len(); n != 1 {
		t.Errorf("%d expired tokens cached", n-1)
	}
}

func TestCapable(t *testing.T) {
	t.Parallel()
	const cc = `"xms_cc":{"values":["cp1"]}`
	for claims, want := range map[string]string{
		"":                            `{"access_token":{` + cc + `}}`,
		"x":                           `{"access_token":{` + cc + `}}`,
		"null":                        `{"access_token":{` + cc + `}}`,
		`{"access_token":null}`:       `{"access_token":{` + cc + `}}`,
		`{"access_token":{"nbf":{}}}`: `{"access_token":{"nbf":{},` + cc + `}}`,
		`{"access_token":{"xms_cc":{}},"id_token":{"a":1}}`: `{"access_token":{` + cc + `},"id_token":{"a":1}}`,
	} {
		if got := withClientCapability(claims); got != want {
			t.Errorf("%s: %s", claims, got)
		}
	}
}

// TestSignInErrorsAreCached tests that an error that requires a new sign-in or a delay is cached, and that no old token
// is used if the user must sign in.
func TestSignInErrorsAreCached(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		err   error
		pause time.Duration // without requests
		old   bool          // a cached token remains in use
	}{
		"the person has to sign in": {&upstream.Error{Kind: upstream.ErrSignIn}, signInErrorLifetime, false},
		"the service wants a pause": {&upstream.Error{Kind: upstream.ErrThrottled, RetryAfter: 20 * time.Second, Retryable: true}, 20 * time.Second, true},
		"a pause without end":       {&upstream.Error{Kind: upstream.ErrThrottled, RetryAfter: time.Hour, Retryable: true}, maxPause, true},
		"the service is down":       {&upstream.Error{Kind: upstream.ErrUnavailable, Retryable: true}, 0, true},
	} {
		at := time.Now()
		now := func() time.Time { return at }
		asked := 0
		refuse := func(context.Context, string) (*oauth2.Token, error) { asked++; return nil, tt.err }
		get := func(h *cachedToken) error { _, err := h.get(t.Context(), now, refuse); return err }

		var h cachedToken
		for range 3 {
			if err := get(&h); !errors.Is(err, tt.err) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if want := map[bool]int{true: 1, false: 3}[tt.pause > 0]; asked != want {
			t.Errorf("%s: asked %d times, want %d", name, asked, want)
		}
		at = at.Add(tt.pause)
		asked = 0
		if err := get(&h); err == nil || asked != 1 {
			t.Errorf("%s: after the pause %d requests, %v", name, asked, err)
		}

		h = cachedToken{token: "old", renew: at.Add(-time.Second), end: at.Add(time.Minute)}
		if err := get(&h); (err == nil) != tt.old {
			t.Errorf("%s: with an old token: %v", name, err)
		}
		if err := get(&h); (err == nil) != tt.old {
			t.Errorf("%s: with an old token, again: %v", name, err)
		}
	}
}
