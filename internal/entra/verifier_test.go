package entra

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/identity"
)

const (
	home    = "11111111-2222-4333-8444-555555555555"
	foreign = "99999999-2222-4333-8444-555555555555"
	gateway = "aaaaaaaa-2222-4333-8444-555555555555"
	issuer1 = "https://sts.windows.net"
)

var newKey = sync.OnceValues(func() (*rsa.PrivateKey, *rsa.PrivateKey) {
	first, err := rsa.GenerateKey(rand.Reader, 2048)
	second, err2 := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil || err2 != nil {
		panic("no keys")
	}
	return first, second
})

// authority serves the key endpoint of an identity provider.
type authority struct {
	*httptest.Server
	mu      sync.Mutex
	set     string // response of the key endpoint
	status  int
	fetches atomic.Int32
}

func newAuthority(t *testing.T, keys ...jwk) *authority {
	t.Helper()
	a := &authority{set: keySetOf(t, keys...), status: http.StatusOK}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.mu.Lock()
		defer a.mu.Unlock()
		if r.URL.Path != "/"+home+"/discovery/v2.0/keys" {
			http.NotFound(w, r)
			return
		}
		a.fetches.Add(1)
		w.WriteHeader(a.status)
		_, _ = w.Write([]byte(a.set))
	}))
	t.Cleanup(a.Close)
	return a
}

func (a *authority) answer(status int, set string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.status, a.set = status, set
}

type jwk struct {
	kid, issuer, use, alg string
	key                   *rsa.PublicKey
}

func keySetOf(t *testing.T, keys ...jwk) string {
	t.Helper()
	list := []map[string]any{}
	for _, k := range keys {
		text, err := jose.JSONWebKey{Key: k.key, KeyID: k.kid, Use: k.use, Algorithm: k.alg}.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		member := map[string]any{}
		if err := json.Unmarshal(text, &member); err != nil {
			t.Fatal(err)
		}
		if k.issuer != "" {
			member["issuer"] = k.issuer
		}
		list = append(list, member)
	}
	text, err := json.Marshal(map[string]any{"keys": list})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// token signs claims.
func token(t *testing.T, private any, alg jose.SignatureAlgorithm, header, claims map[string]any) string {
	t.Helper()
	options := &jose.SignerOptions{}
	for name, value := range header {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: private}, options)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return compact
}

// with returns claims with changes; nil removes a claim.
func with(claims map[string]any, changes map[string]any) map[string]any {
	changed := maps.Clone(claims)
	maps.Copy(changed, changes)
	maps.DeleteFunc(changed, func(_ string, value any) bool { return value == nil })
	return changed
}

func newTestVerifier(a *authority, now func() time.Time, scopesAlone bool) *Verifier {
	return NewVerifier(VerifierOptions{
		Authority: a.URL, IssuerV1: issuer1, TenantIDs: []string{strings.ToUpper(home)}, Audiences: []string{gateway, "api://" + gateway},
		ScopesAlone: scopesAlone, Client: a.Client(), Logger: slog.New(slog.DiscardHandler), Now: now,
	})
}

// TestVerify tests one invalid claim or header after another.
func TestVerify(t *testing.T) {
	t.Parallel()
	ours, theirs := newKey()
	a := newAuthority(t)
	a.answer(http.StatusOK, keySetOf(t,
		jwk{kid: "ours", key: &ours.PublicKey},
		jwk{kid: "v1", issuer: issuer1 + "/{tenantid}/", key: &ours.PublicKey},
		jwk{kid: "v2", issuer: a.URL + "/" + home + "/v2.0", key: &ours.PublicKey},
		jwk{kid: "personal accounts", issuer: a.URL + "/" + foreign + "/v2.0", key: &ours.PublicKey},
		jwk{kid: "for encryption", use: "enc", key: &ours.PublicKey},
		jwk{kid: "of another algorithm", alg: "PS256", key: &ours.PublicKey},
	))
	now := time.Now()
	v := newTestVerifier(a, func() time.Time { return now }, false)

	at := func(d time.Duration) int64 { return now.Add(d).Unix() }
	person := map[string]any{
		"ver": "2.0", "iss": a.URL + "/" + home + "/v2.0", "aud": gateway, "tid": home, "oid": "person", "azp": "portal",
		"scp": "Licenses.Read Licenses.Write", "roles": []string{"Licenses.Read.All"},
		"iat": at(-time.Minute), "nbf": at(-time.Minute), "exp": at(time.Hour),
	}
	v1 := with(person, map[string]any{"ver": "1.0", "iss": issuer1 + "/" + home + "/", "aud": "api://" + gateway, "azp": nil, "appid": "portal"})
	app := with(person, map[string]any{"idtyp": "app", "scp": nil, "oid": "principal"})

	asked, role := []string{"Licenses.Read", "Licenses.Write"}, []string{"Licenses.Read.All"}
	asPerson := identity.Caller{TenantID: home, ObjectID: "person", ClientID: "portal", Scopes: asked[:1], TokenScopes: asked, AppRoles: role}
	asApp := identity.Caller{TenantID: home, ObjectID: "principal", ClientID: "portal", App: true, Scopes: role, AppRoles: role}
	without := func(scopes, roles []string) identity.Caller {
		return identity.Caller{TenantID: home, ObjectID: "person", ClientID: "portal", TokenScopes: scopes, AppRoles: roles}
	}
	for _, tt := range []struct {
		name   string
		claims map[string]any
		kid    string // empty means "ours"
		want   identity.Caller
	}{
		{"a person, version 2.0", person, "", asPerson},
		{"a person, version 1.0", v1, "", asPerson},
		{"the key says whose tokens it signs", person, "v2", asPerson},
		{"the key says it with a placeholder", v1, "v1", asPerson},
		{"an application", app, "", asApp},
		{"an application that does not say so", with(app, map[string]any{"idtyp": nil}), "", asApp},
		{"an application without roles", with(app, map[string]any{"roles": nil}), "", identity.Caller{TenantID: home, ObjectID: "principal", ClientID: "portal", App: true}},
		{"a person without roles", with(person, map[string]any{"roles": nil}), "", without(asked, nil)},
		{"a person without scopes", with(person, map[string]any{"scp": nil, "idtyp": "user"}), "", without(nil, role)},
		{"a user's role is not a scope", with(person, map[string]any{"scp": "Licenses.Read.All"}), "", without(role, role)},
		{"a scope is not a part of another", with(person, map[string]any{"scp": "Licenses.Reader"}), "", without([]string{"Licenses.Reader"}, role)},
		{"expired within the skew", with(person, map[string]any{"exp": at(-30 * time.Second)}), "", asPerson},
		{"not valid yet, within the skew", with(person, map[string]any{"nbf": at(30 * time.Second), "iat": at(30 * time.Second)}), "", asPerson},
		{"without nbf and iat", with(person, map[string]any{"nbf": nil, "iat": nil}), "", asPerson},
	} {
		kid := tt.kid
		if kid == "" {
			kid = "ours"
		}
		text := token(t, ours, jose.RS256, map[string]any{"kid": kid, "typ": "JWT"}, tt.claims)
		got, err := v.Verify(t.Context(), text)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got.Token.Reveal() != text || got.Expires.Unix() != tt.claims["exp"] {
			t.Errorf("%s: wrong token or expiry", tt.name)
		}
		got.Token, got.Expires = "", time.Time{}
		if diff := cmp.Diff(tt.want, *got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}

	type of = map[string]any
	for _, tt := range []struct {
		name    string
		changes of
		header  of
		want    string
	}{
		{"another audience", of{"aud": "https://graph.microsoft.com"}, nil, "audience"},
		{"several audiences", of{"aud": []string{gateway, "x"}}, nil, "malformed"},
		{"an audience that begins alike", of{"aud": gateway + "0"}, nil, "audience"},
		{"no audience", of{"aud": nil}, nil, "audience"},
		{"another tenant, whole", of{"tid": foreign, "iss": a.URL + "/" + foreign + "/v2.0"}, nil, "tenant"},
		{"another tenant in tid", of{"tid": foreign}, nil, "tenant"},
		{"another tenant in the issuer", of{"iss": a.URL + "/" + foreign + "/v2.0"}, nil, "issuer"},
		{"the placeholder as issuer", of{"iss": a.URL + "/{tenantid}/v2.0"}, nil, "issuer"},
		{"the placeholder as tenant", of{"tid": "{tenantid}", "iss": a.URL + "/{tenantid}/v2.0"}, nil, "tenant"},
		{"no tenant", of{"tid": nil}, nil, "tenant"},
		{"the issuer of the other version", of{"iss": issuer1 + "/" + home + "/"}, nil, "issuer"},
		{"another version", of{"ver": "3.0"}, nil, "version"},
		{"no version", of{"ver": nil}, nil, "version"},
		{"expired", of{"exp": at(-2 * time.Minute)}, nil, "expired"},
		{"no end", of{"exp": nil}, nil, "expiry"},
		{"an end that is a text", of{"exp": "tomorrow"}, nil, "malformed"},
		{"not valid yet", of{"nbf": at(2 * time.Minute)}, nil, "yet"},
		{"issued in the future", of{"iat": at(2 * time.Minute)}, nil, "yet"},
		{"no object ID", of{"oid": nil}, nil, "oid"},
		{"no application", of{"azp": nil}, nil, "azp"},
		{"an application with scopes", of{"idtyp": "app"}, nil, "user's scopes"},
		{"scopes as a list", of{"scp": []string{"Licenses.Read"}}, nil, "malformed"},
		{"roles as a text", of{"roles": "Licenses.Read.All"}, nil, "malformed"},
		{"an unknown key", nil, of{"kid": "unheard of"}, "key"},
		{"no key", nil, of{"kid": nil}, "key"},
		{"a key for encryption", nil, of{"kid": "for encryption"}, "key"},
		{"a key of another algorithm", nil, of{"kid": "of another algorithm"}, "key"},
		{"a key of another issuer", nil, of{"kid": "personal accounts"}, "another issuer"},
		{"another type", nil, of{"typ": "id+jwt"}, "type"},
		{"a type that is none", nil, of{"typ": 7}, "type"},
	} {
		header := with(of{"kid": "ours", "typ": "JWT"}, tt.header)
		assertRefused(t, v, tt.name, token(t, ours, jose.RS256, header, with(person, tt.changes)), tt.want)
	}

	good := token(t, ours, jose.RS256, of{"kid": "ours"}, person)
	parts := strings.Split(good, ".")
	none := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"none","kid":"ours"}`))
	pem, err := json.Marshal(jose.JSONWebKey{Key: &ours.PublicKey})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"nothing":                       {"", "JSON Web Token"},
		"no token":                      {"letmein", "JSON Web Token"},
		"without a signature":           {parts[0] + "." + parts[1] + ".", "signature"},
		"cut":                           {good[:len(good)-7], "signature"},
		"with a tail":                   {good + ".e30", "JSON Web Token"},
		"claims changed":                {parts[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"tid":"`+home+`","roles":["Licenses.Write.All"]}`)) + "." + parts[2], "signature"},
		"claims twice":                  {token(t, ours, jose.RS256, of{"kid": "ours"}, of{}), "tenant"},
		"algorithm none":                {none + "." + parts[1] + ".", "JSON Web Token"},
		"signed with the public key":    {token(t, pem, jose.HS256, of{"kid": "ours"}, person), "JSON Web Token"},
		"another algorithm, right key":  {token(t, ours, jose.PS256, of{"kid": "ours"}, person), "JSON Web Token"},
		"right key id, another key":     {token(t, theirs, jose.RS256, of{"kid": "ours"}, person), "signature"},
		"a key of its own":              {embedding(t, theirs, person), "signature"},
		"JSON in place of dots":         {`{"payload":"` + parts[1] + `","protected":"` + parts[0] + `","signature":"` + parts[2] + `"}`, "JSON Web Token"},
		"a header that has to be known": {token(t, ours, jose.RS256, of{"kid": "ours", "crit": []string{"x"}, "x": 1}, person), ""},
		"too long":                      {good + strings.Repeat("A", MaxToken), "longer"},
	} {
		assertRefused(t, v, name, tt.text, tt.want)
	}
	if n := a.fetches.Load(); n != 1 {
		t.Errorf("%d requests for keys", n)
	}
}

// embedding signs with a key that is embedded in the header (RFC 7515, section 4.1.3).
func embedding(t *testing.T, private *rsa.PrivateKey, claims map[string]any) string {
	return token(t, private, jose.RS256, map[string]any{"kid": "ours", "jwk": jose.JSONWebKey{Key: &private.PublicKey}}, claims)
}

func assertRefused(t *testing.T, v *Verifier, name, text, want string) {
	t.Helper()
	got, err := v.Verify(t.Context(), text)
	refusal, ok := errors.AsType[*RefusedError](err)
	if !ok || got != nil {
		t.Errorf("%s: got %v, %v", name, got, err)
		return
	}
	if !strings.Contains(refusal.Reason, want) {
		t.Errorf("%s: reason %q, want %q", name, refusal.Reason, want)
	}
	if len(text) > 20 && strings.Contains(err.Error(), text[:20]) {
		t.Errorf("%s: the error includes the token", name)
	}
}

// TestScopesAlone tests that a user's scopes are effective without app roles.
func TestScopesAlone(t *testing.T) {
	t.Parallel()
	ours, _ := newKey()
	a := newAuthority(t, jwk{kid: "ours", key: &ours.PublicKey})
	v := newTestVerifier(a, nil, true)
	claims := map[string]any{
		"ver": "2.0", "iss": a.URL + "/" + home + "/v2.0", "aud": gateway, "tid": home, "oid": "o", "azp": "portal",
		"scp": "Licenses.Read", "exp": time.Now().Add(time.Hour).Unix(),
	}
	got, err := v.Verify(t.Context(), token(t, ours, jose.RS256, map[string]any{"kid": "ours"}, claims))
	if err != nil || !got.May([][]string{{"Licenses.Read"}}) {
		t.Fatalf("got %v, %v", got, err)
	}
	app := with(claims, map[string]any{"scp": nil, "roles": nil})
	if got, err := v.Verify(t.Context(), token(t, ours, jose.RS256, map[string]any{"kid": "ours"}, app)); err != nil || len(got.Scopes) != 0 {
		t.Errorf("an application without roles: got %v, %v", got, err)
	}
}

// TestOtherIssuer tests an identity provider whose issuer differs from its authority, as in China.
func TestOtherIssuer(t *testing.T) {
	t.Parallel()
	ours, _ := newKey()
	a := newAuthority(t, jwk{kid: "ours", issuer: "https://login.partner.example/{tenantid}/v2.0", key: &ours.PublicKey})
	v := NewVerifier(VerifierOptions{
		Authority: a.URL, IssuerV1: issuer1, IssuersV2: []string{"https://login.partner.example"}, TenantIDs: []string{home}, Audiences: []string{gateway},
		Client: a.Client(), Logger: slog.New(slog.DiscardHandler),
	})
	for issuer, want := range map[string]bool{"https://login.partner.example": true, a.URL: false} {
		_, err := v.Verify(t.Context(), token(t, ours, jose.RS256, map[string]any{"kid": "ours"}, map[string]any{
			"ver": "2.0", "iss": issuer + "/" + home + "/v2.0", "aud": gateway, "tid": home, "oid": "o", "azp": "portal", "exp": time.Now().Add(time.Hour).Unix(),
		}))
		if (err == nil) != want {
			t.Errorf("%s: %v", issuer, err)
		}
	}
}

// TestKeysAreChecked tests the check of the keys of one tenant, of another without any, and with cached keys that cannot
// be refreshed.
func TestKeysAreChecked(t *testing.T) {
	t.Parallel()
	ours, _ := newKey()
	a := newAuthority(t, jwk{kid: "ours", key: &ours.PublicKey})
	now := time.Now()
	v := NewVerifier(VerifierOptions{Authority: a.URL, TenantIDs: []string{foreign, home}, Client: a.Client(), Logger: slog.New(slog.DiscardHandler), Now: func() time.Time { return now }})
	check := func(name, tenantID string, usable, failed bool, fetches int32) {
		t.Helper()
		before := a.fetches.Load()
		got, err := v.Check(t.Context(), tenantID)
		if got != usable || IsUnavailable(err) != failed || a.fetches.Load()-before != fetches {
			t.Errorf("%s: %v, %v after %d requests", name, got, err, a.fetches.Load()-before)
		}
	}
	check("first", strings.ToUpper(home), true, false, 1)
	now = now.Add(keysLifetime - time.Second)
	check("cached", home, true, false, 0)
	check("without any", foreign, false, true, 0)
	a.answer(http.StatusServiceUnavailable, "")
	now = now.Add(keysLifetime)
	check("old", home, true, true, 1)
	check("at once", home, true, true, 0)
	now = now.Add(keysRetryInterval)
	a.answer(http.StatusOK, keySetOf(t, jwk{kid: "ours", key: &ours.PublicKey}))
	check("afterwards", home, true, false, 1)
}

// TestRotation tests a key rotation, the interval of requests for keys, and a failure of the endpoint.
func TestRotation(t *testing.T) {
	t.Parallel()
	ours, next := newKey()
	a := newAuthority(t, jwk{kid: "ours", key: &ours.PublicKey})
	now := time.Now()
	var ahead atomic.Int64
	v := newTestVerifier(a, func() time.Time { return now.Add(time.Duration(ahead.Load())) }, true)
	claims := map[string]any{
		"ver": "2.0", "iss": a.URL + "/" + home + "/v2.0", "aud": gateway, "tid": home, "oid": "o", "azp": "portal",
		"exp": now.Add(24 * time.Hour).Unix(),
	}
	old := token(t, ours, jose.RS256, map[string]any{"kid": "ours"}, claims)
	fresh := token(t, next, jose.RS256, map[string]any{"kid": "next"}, claims)
	verify := func(text string) error { _, err := v.Verify(t.Context(), text); return err }

	a.answer(http.StatusServiceUnavailable, "")
	if err := verify(old); !IsUnavailable(err) {
		t.Fatalf("without keys: %v", err)
	}
	if usable, err := v.Check(t.Context(), home); usable || err == nil {
		t.Error("keys without a response")
	}
	ahead.Add(int64(keysRetryInterval))
	a.answer(http.StatusOK, keySetOf(t, jwk{kid: "ours", key: &ours.PublicKey}))
	if err := verify(old); err != nil {
		t.Fatalf("with keys: %v", err)
	}
	a.answer(http.StatusOK, keySetOf(t, jwk{kid: "next", key: &next.PublicKey}))
	asked := a.fetches.Load()
	for range 20 {
		assertRefused(t, v, "a key that was not there at the last look", fresh, "key")
	}
	if n := a.fetches.Load() - asked; n != 0 {
		t.Errorf("%d requests within the minimum interval", n)
	}
	ahead.Add(int64(minKeysInterval))
	if err := verify(fresh); err != nil {
		t.Errorf("the new key: %v", err)
	}
	assertRefused(t, v, "the key that is gone", old, "key")

	// The endpoint fails: known keys are accepted, unknown ones get a retryable error.
	for name, broken := range map[string]struct {
		status int
		set    string
	}{
		"down":          {http.StatusInternalServerError, ""},
		"no JSON":       {http.StatusOK, "<html>"},
		"no keys":       {http.StatusOK, `{"keys":[]}`},
		"too large":     {http.StatusOK, `{"keys":[],"x":"` + strings.Repeat("x", maxKeysBody) + `"}`},
		"elsewhere":     {http.StatusFound, ""},
		"unusable keys": {http.StatusOK, `{"keys":[{"kty":"oct","k":"AA","kid":"next"},{"kty":"RSA","n":"AQ","e":"AQAB","kid":"next"}]}`},
	} {
		ahead.Add(int64(minKeysInterval))
		a.answer(broken.status, broken.set)
		asked := a.fetches.Load()
		for range 5 {
			if err := verify(old); !IsUnavailable(err) {
				t.Errorf("%s: an unknown key: %v", name, err)
			}
			if err := verify(fresh); err != nil {
				t.Errorf("%s: the known key: %v", name, err)
			}
		}
		if n := a.fetches.Load() - asked; n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
	if usable, err := v.Check(t.Context(), home); !usable || err == nil {
		t.Errorf("cached keys: %v, %v", usable, err)
	}
}

// TestOneFetch has many callers with a new key wait for one request.
func TestOneFetch(t *testing.T) {
	t.Parallel()
	ours, _ := newKey()
	a := newAuthority(t, jwk{kid: "ours", key: &ours.PublicKey})
	v := newTestVerifier(a, nil, true)
	text := token(t, ours, jose.RS256, map[string]any{"kid": "ours"}, map[string]any{
		"ver": "2.0", "iss": a.URL + "/" + home + "/v2.0", "aud": gateway, "tid": home, "oid": "o", "azp": "portal", "exp": time.Now().Add(time.Hour).Unix(),
	})
	var group sync.WaitGroup
	for range 50 {
		group.Go(func() {
			if _, err := v.Verify(t.Context(), text); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := a.fetches.Load(); n != 1 {
		t.Errorf("%d requests for keys", n)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := newTestVerifier(a, nil, true).Verify(ended, text); err == nil {
		t.Error("waited for a canceled caller")
	}
}

// roundTrip is a transport function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestRun tests the refresh of keys: soon after a failure, otherwise each hour.
func TestRun(t *testing.T) {
	ours, _ := newKey()
	set := keySetOf(t, jwk{kid: "ours", key: &ours.PublicKey})
	synctest.Test(t, func(t *testing.T) {
		var fetches atomic.Int32
		v := NewVerifier(VerifierOptions{
			Authority: "https://login.example.com", TenantIDs: []string{home}, Logger: slog.New(slog.DiscardHandler),
			Client: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
				if fetches.Add(1) == 1 {
					return nil, errors.New("down")
				}
				w := httptest.NewRecorder()
				w.WriteString(set) //nolint:errcheck // a recorder returns no error
				return w.Result(), nil
			})},
		})
		ctx, end := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); v.Run(ctx) }()
		synctest.Wait()
		if fetches.Load() != 1 {
			t.Errorf("%d requests at start", fetches.Load())
		}
		time.Sleep(2 * keysRetryInterval)
		synctest.Wait()
		if fetches.Load() != 2 {
			t.Errorf("%d requests after a failure", fetches.Load())
		}
		time.Sleep(10*keysLifetime + time.Minute)
		synctest.Wait()
		if n := fetches.Load(); n < 12 || n > 14 {
			t.Errorf("%d requests after ten hours", fetches.Load())
		}
		end()
		<-done
	})
}

// FuzzVerify tests that an unsigned token is never accepted and nothing panics.
func FuzzVerify(f *testing.F) {
	ours, _ := newKey()
	v := NewVerifier(VerifierOptions{
		Authority: "https://login.example.com", IssuerV1: issuer1, TenantIDs: []string{home}, Audiences: []string{gateway}, Logger: slog.New(slog.DiscardHandler),
		Client: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) { return nil, errors.New("down") })},
	})
	keys := map[string]key{"ours": {&ours.PublicKey, ""}, "": {&ours.PublicKey, ""}}
	v.keys[home].cached.Store(&keys)
	encode := base64.RawURLEncoding.EncodeToString
	for _, claims := range []string{`{}`, `{"tid":"` + home + `","ver":"2.0","exp":1}`, `{"tid":null,"exp":1e400}`, `[`} {
		for _, header := range []string{`{"alg":"RS256","kid":"ours"}`, `{"alg":"none"}`, `{"alg":"HS256","kid":"ours"}`, `{"alg":"RS256","alg":"none"}`, `{`} {
			f.Add(encode([]byte(header)) + "." + encode([]byte(claims)) + "." + encode(make([]byte, 256)))
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		caller, err := v.Verify(t.Context(), text)
		if caller != nil || err == nil {
			t.Fatalf("%q was accepted", text)
		}
	})
}

// FuzzParseKeys tests that no unsuitable key is accepted.
func FuzzParseKeys(f *testing.F) {
	ours, _ := newKey()
	text, err := jose.JSONWebKey{Key: &ours.PublicKey, KeyID: "ours"}.MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	for _, set := range []string{`{"keys":[` + string(text) + `]}`, `{"keys":[{}]}`, `{"keys":null}`, `{"keys":[{"kty":"RSA","e":"AQAB"}]}`, `{`} {
		f.Add([]byte(set))
	}
	f.Fuzz(func(t *testing.T, set []byte) {
		keys, err := parseKeys(set)
		if err == nil && len(keys) == 0 {
			t.Fatal("neither keys nor an error")
		}
		for id, k := range keys {
			if id == "" || k.public.N.BitLen() < minKeyBits {
				t.Fatalf("key %q has %d bits", id, k.public.N.BitLen())
			}
		}
	})
}
