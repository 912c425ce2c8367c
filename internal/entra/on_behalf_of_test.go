package entra_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"licensegraph/internal/emulator"
	"licensegraph/internal/entra"
	"licensegraph/internal/identity"
	"licensegraph/internal/upstream"
)

const tokenLabel = "POST /oauth2/v2.0/token"

// callers returns users of the tenant as callers of the gateway.
func callers(t testing.TB, tenant *emulator.Server, n int) []*identity.Caller {
	t.Helper()
	token, err := application(t, tenant, secret(tenant)).Tokens(tenant.TenantID()).Token(t.Context(), reader(t, tenant))
	if err != nil {
		t.Fatal(err)
	}
	status, body := graph(t, tenant, fmt.Sprintf("/v1.0/users?$select=id&$filter=accountEnabled%%20eq%%20true&$top=%d", n), token)
	users, _ := body["value"].([]any)
	if status != 200 || len(users) != n {
		t.Fatalf("%d: %v", status, body)
	}
	var list []*identity.Caller
	for _, user := range users {
		id := user.(map[string]any)["id"].(string)
		list = append(list, &identity.Caller{
			TenantID: tenant.TenantID(), ObjectID: id, Expires: time.Now().Add(time.Hour),
			Token: identity.Secret(tenant.UserToken(id, "access_as_user")),
		})
	}
	return list
}

// TestOnBehalfOf has concurrent requests of two users: each gets a token of the user, requested once.
func TestOnBehalfOf(t *testing.T) {
	t.Parallel()
	tenant := start(t, emulator.Variants{})
	people := callers(t, tenant, 2)
	o, client := application(t, tenant, secret(tenant)).OnBehalfOf(), reader(t, tenant)
	before := tenant.Counts()[tokenLabel].Requests
	var mu sync.Mutex
	given := map[string]map[string]bool{}
	var group sync.WaitGroup
	for range 20 {
		for _, person := range people {
			group.Go(func() {
				tokens, err := o.Tokens(person)
				if err != nil {
					t.Error(err)
					return
				}
				token, err := tokens.Token(t.Context(), client)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				if given[person.ObjectID] == nil {
					given[person.ObjectID] = map[string]bool{}
				}
				given[person.ObjectID][token] = true
			})
		}
	}
	group.Wait()
	for id, tokens := range given {
		if len(tokens) != 1 {
			t.Errorf("%s got %d tokens", id, len(tokens))
		}
		for token := range tokens {
			if status, me := graph(t, tenant, "/v1.0/me", token); status != 200 || me["id"] != id {
				t.Errorf("%s is %v", id, me)
			}
		}
	}
	if n := tenant.Counts()[tokenLabel].Requests - before; n != 2 || len(given) != 2 {
		t.Errorf("%d token requests", n)
	}
	// Another token of the same user gets another on-behalf-of token.
	again := *people[0]
	again.Token = identity.Secret(tenant.UserToken(again.ObjectID, "access_as_user"))
	tokens, err := o.Tokens(&again)
	if err != nil {
		t.Fatal(err)
	}
	if token, err := tokens.Token(t.Context(), client); err != nil || given[again.ObjectID][token] {
		t.Errorf("another sign-in gets the token of the first one: %v", err)
	}
}

// TestOnBehalfOfForm compares the request with the reference page.
func TestOnBehalfOfForm(t *testing.T) {
	t.Parallel()
	a := made[*entra.Application](t)(entra.NewApplication(entra.Options{Authority: "https://login.example", GraphURL: "https://graph.example/", ClientID: "client", Credential: entra.Secret("s")}))
	r := &recorder{}
	tokens, err := a.OnBehalfOf().Tokens(&identity.Caller{TenantID: "tenant", Token: "user token", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tokens.Token(t.Context(), &http.Client{Transport: r}); err != nil {
		t.Fatal(err)
	}
	const want = "assertion=user+token&claims=%7B%22access_token%22%3A%7B%22xms_cc%22%3A%7B%22values%22%3A%5B%22cp1%22%5D%7D%7D%7D&client_id=client&client_secret=s" +
		"&grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&requested_token_use=on_behalf_of&scope=https%3A%2F%2Fgraph.example%2F.default"
	if got := r.forms[0].Encode(); got != want || r.urls[0] != "https://login.example/tenant/oauth2/v2.0/token" {
		t.Errorf("%s %s", r.urls[0], got)
	}
}

// TestNotOnBehalfOf tests that callers without on-behalf-of access are rejected without a request.
func TestNotOnBehalfOf(t *testing.T) {
	t.Parallel()
	tenant := start(t, emulator.Variants{})
	o := application(t, tenant, secret(tenant)).OnBehalfOf()
	for name, tt := range map[string]struct {
		caller *identity.Caller
		want   error
	}{
		"no caller":   {nil, upstream.ErrSignIn},
		"no token":    {&identity.Caller{TenantID: "t"}, upstream.ErrSignIn},
		"application": {&identity.Caller{TenantID: "t", App: true, Token: "x", Expires: time.Now().Add(time.Hour)}, upstream.ErrNotUser},
		"expired":     {&identity.Caller{TenantID: "t", Token: "x", Expires: time.Now()}, upstream.ErrSignIn},
	} {
		tokens, err := o.Tokens(tt.caller)
		if err == nil {
			_, err = tokens.Token(t.Context(), reader(t, tenant))
		}
		if !errors.Is(err, tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := tenant.Counts()[tokenLabel].Requests; n != 0 {
		t.Errorf("%d token requests", n)
	}
}

// TestInteraction tests the errors that require a new sign-in, with their claims, and that other errors do not.
func TestInteraction(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		variant string
		secret  string // an invalid one
		fault   string
		want    error
		claims  bool
	}{
		{variant: "mfa", want: upstream.ErrSignIn, claims: true},
		{variant: "enroll", want: upstream.ErrSignIn, claims: true},
		{variant: "policy", want: upstream.ErrSignIn, claims: true},
		{variant: "consent", want: upstream.ErrSignIn},
		{secret: "wrong", want: upstream.ErrUnauthenticated},
		{fault: "endpoint=" + tokenLabel + ",status=503,times=-1", want: upstream.ErrUnavailable},
		{fault: "endpoint=" + tokenLabel + ",status=429,times=-1", want: upstream.ErrThrottled},
	} {
		tenant := start(t, emulator.Variants{OnBehalfOf: tt.variant})
		credential := secret(tenant)
		if tt.secret != "" {
			credential = entra.Secret(identity.Secret(tt.secret))
		}
		person := callers(t, tenant, 1)[0]
		if tt.fault != "" {
			tenant.Inject(made[emulator.Fault](t)(emulator.ParseFault(tt.fault)))
		}
		tokens, err := application(t, tenant, credential).OnBehalfOf().Tokens(person)
		if err != nil {
			t.Fatal(err)
		}
		_, err = tokens.Token(t.Context(), reader(t, tenant))
		failure, is := errors.AsType[*upstream.Error](err)
		if !is || !errors.Is(err, tt.want) || (failure.Claims != "") != tt.claims {
			t.Errorf("%+v: %+v", tt, failure)
			continue
		}
		var members map[string]any
		if tt.claims && (json.Unmarshal([]byte(failure.Claims), &members) != nil || members["access_token"] == nil) {
			t.Errorf("%s: %s", tt.variant, failure.Claims)
		}
	}
}

// TestRevoked tests that after a revocation no on-behalf-of token is requested with the old token, and the cached one
// is not used.
func TestRevoked(t *testing.T) {
	t.Parallel()
	tenant := start(t, emulator.Variants{})
	person := callers(t, tenant, 1)[0]
	tokens, err := application(t, tenant, secret(tenant)).OnBehalfOf().Tokens(person)
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.Token(t.Context(), reader(t, tenant))
	if err != nil {
		t.Fatal(err)
	}
	if !tenant.RevokeSignInSessions(person.ObjectID) {
		t.Fatal("no session was revoked")
	}
	if status, _ := graph(t, tenant, "/v1.0/me", token); status != 401 {
		t.Errorf("Graph's status is %d: the token lacks the client capability", status)
	}
	if tokens.Refused(token, `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`) {
		t.Error("retried although the user must sign in")
	}
	if other, err := tokens.Token(context.WithoutCancel(t.Context()), reader(t, tenant)); other == token {
		t.Errorf("rejected token used again: %v", err)
	}
}
