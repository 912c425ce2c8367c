package entra_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	josejwt "github.com/go-jose/go-jose/v4/jwt"
	"github.com/golang-jwt/jwt/v5"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
	"licensegraph/internal/entra"
	"licensegraph/internal/identity"
	"licensegraph/internal/outbound"
	"licensegraph/internal/upstream"
)

// reader returns a client that is restricted to the tenant.
func reader(t testing.TB, tenant *emulator.Server) *http.Client {
	t.Helper()
	out, err := outbound.New(outbound.Options{Services: []string{tenant.URL}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(out.CloseIdleConnections)
	return out.Reader(0)
}

// application returns the tenant's application with a credential.
func application(t testing.TB, tenant *emulator.Server, credential entra.Credential) *entra.Application {
	t.Helper()
	a, err := entra.NewApplication(entra.Options{Authority: tenant.URL, GraphURL: tenant.URL, ClientID: tenant.ClientID(), Credential: credential})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func secret(tenant *emulator.Server) entra.Credential {
	return entra.Secret(identity.Secret(tenant.ClientSecret()))
}

// graph calls Microsoft Graph with a token, and returns the status and the body.
func graph(t testing.TB, tenant *emulator.Server, path, token string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, tenant.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := reader(t, tenant).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body map[string]any
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, body
}

func file(t testing.TB, name string, content ...[]byte) string {
	t.Helper()
	if !filepath.IsAbs(name) {
		name = filepath.Join(t.TempDir(), name)
	}
	if err := os.WriteFile(name, slices.Concat(content...), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func made[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// platform is an issuer of federated tokens.
type platform struct{ key *rsa.PrivateKey }

var newPlatform = sync.OnceValue(func() platform {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return platform{key}
})

func (p platform) federated() emulator.Federated {
	keys, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: p.key.Public(), KeyID: "k", Algorithm: "RS256", Use: "sig"}}})
	if err != nil {
		panic(err)
	}
	return emulator.Federated{Issuer: "https://platform.example", Subject: "gateway", Keys: keys}
}

func (p platform) token(t testing.TB, lives time.Duration) []byte {
	t.Helper()
	signer := made[jose.Signer](t)(jose.NewSigner(jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: p.key, KeyID: "k"}}, nil))
	text := made[string](t)(josejwt.Signed(signer).Claims(josejwt.Claims{
		Issuer: "https://platform.example", Subject: "gateway", Audience: josejwt.Audience{"api://AzureADTokenExchange"},
		Expiry: josejwt.NewNumericDate(time.Now().Add(lives)),
	}).Serialize())
	return []byte(text + "\n")
}

// start starts a tenant whose application trusts the platform.
func start(t testing.TB, variants emulator.Variants) *emulator.Server {
	t.Helper()
	return emulatortest.Start(t, emulator.Options{Users: 20, Variants: variants, SignIn: emulator.SignIn{Federated: []emulator.Federated{newPlatform().federated()}}})
}

// stranger returns a certificate and a key that no application has.
func stranger(t testing.TB, key any) (certificate, private []byte) {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	var public any
	switch key := key.(type) {
	case *rsa.PrivateKey:
		public = key.Public()
	case *ecdsa.PrivateKey:
		public = key.Public()
	}
	raw := made[[]byte](t)(x509.CreateCertificate(rand.Reader, template, template, public, key))
	pkcs8 := made[[]byte](t)(x509.MarshalPKCS8PrivateKey(key))
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})
}

// TestCredentials gets a token with each type of credential, which the tenant verifies, and reads with it.
func TestCredentials(t *testing.T) {
	t.Parallel()
	tenant := start(t, emulator.Variants{})
	certificate, key := tenant.Certificate()
	block, _ := pem.Decode(key)
	private := made[any](t)(x509.ParsePKCS8PrivateKey(block.Bytes)).(*rsa.PrivateKey)
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(private)})
	other, _ := stranger(t, newPlatform().key)
	of := made[entra.Credential](t)
	for _, tt := range []struct {
		name       string
		credential entra.Credential
		acr        string
	}{
		{"secret", secret(tenant), "1"},
		{"secret file", of(entra.SecretFile(file(t, "secret", []byte(tenant.ClientSecret()+"\r\n")))), "1"},
		{"certificate with its key", of(entra.Certificate(file(t, "pair.pem", certificate, key), "")), "2"},
		{"key before its certificate", of(entra.Certificate(file(t, "pair.pem", key, certificate), "")), "2"},
		{"certificate and key", of(entra.Certificate(file(t, "certificate.pem", certificate), file(t, "key.pem", key))), "2"},
		{"chain and older form of key", of(entra.Certificate(file(t, "chain.pem", certificate, other), file(t, "key.pem", pkcs1))), "2"},
		{"federated token", of(entra.FederatedTokenFile(file(t, "token", newPlatform().token(t, time.Hour)))), "2"},
	} {
		token, err := application(t, tenant, tt.credential).Tokens(tenant.TenantID()).Token(t.Context(), reader(t, tenant))
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		var got jwt.MapClaims
		if _, _, err := jwt.NewParser().ParseUnverified(token, &got); err != nil || got["appidacr"] != tt.acr || got["idtyp"] != "app" {
			t.Errorf("%s: %v, %v", tt.name, got, err)
		}
		if status, _ := graph(t, tenant, "/v1.0/subscribedSkus", token); status != 200 {
			t.Errorf("%s: Graph answers %d", tt.name, status)
		}
	}
}

// TestReplacedFiles tests that a replaced credential file is used, and that the error of a missing one has no content.
func TestReplacedFiles(t *testing.T) {
	t.Parallel()
	tenant := start(t, emulator.Variants{})
	certificate, key := tenant.Certificate()
	foreign, foreignKey := stranger(t, newPlatform().key)
	pair, apart, apartKey := file(t, "pair.pem", foreign, foreignKey), file(t, "certificate.pem", foreign), file(t, "key.pem", foreignKey)
	secretFile, tokenFile := file(t, "secret", []byte("canary-old")), file(t, "token", newPlatform().token(t, -time.Hour))
	of := made[entra.Credential](t)
	for _, tt := range []struct {
		name       string
		credential entra.Credential
		replace    func()
		file       string
	}{
		{"secret", of(entra.SecretFile(secretFile)), func() { file(t, secretFile, []byte(tenant.ClientSecret())) }, secretFile},
		{"certificate with its key", of(entra.Certificate(pair, "")), func() { file(t, pair, certificate, key) }, pair},
		{"certificate and key", of(entra.Certificate(apart, apartKey)), func() { file(t, apart, certificate); file(t, apartKey, key) }, apartKey},
		{"federated token", of(entra.FederatedTokenFile(tokenFile)), func() { file(t, tokenFile, newPlatform().token(t, time.Hour)) }, tokenFile},
	} {
		tokens := application(t, tenant, tt.credential).Tokens(tenant.TenantID())
		if _, err := tokens.Token(t.Context(), reader(t, tenant)); !errors.Is(err, upstream.ErrUnauthenticated) {
			t.Errorf("%s: before: %v", tt.name, err)
		}
		tt.replace()
		token, err := tokens.Token(t.Context(), reader(t, tenant))
		if err != nil {
			t.Errorf("%s: after: %v", tt.name, err)
		}
		content := made[[]byte](t)(os.ReadFile(tt.file))
		if err := os.Remove(tt.file); err != nil {
			t.Fatal(err)
		}
		if again, err := tokens.Token(t.Context(), reader(t, tenant)); again != token || err != nil {
			t.Errorf("%s: cached token after the file is removed: %v", tt.name, err)
		}
		tokens.Refused(token, "")
		_, err = tokens.Token(t.Context(), reader(t, tenant))
		failure, is := errors.AsType[*upstream.Error](err)
		if !is || !errors.Is(err, upstream.ErrUnauthenticated) || failure.Retryable || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: gone: %v", tt.name, err)
		}
		for line := range strings.Lines(string(content)) {
			if line = strings.TrimSpace(line); strings.Contains(err.Error(), line) {
				t.Errorf("%s: gone: %v", tt.name, err)
			}
		}
	}
}

// TestBadFiles tests that invalid credential files are rejected at start, without their content in the error.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	key := newPlatform().key
	certificate, private := stranger(t, key)
	other := made[*rsa.PrivateKey](t)(rsa.GenerateKey(rand.Reader, 2048))
	_, otherPrivate := stranger(t, other)
	curve := made[*ecdsa.PrivateKey](t)(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	curveCertificate, curvePrivate := stranger(t, curve)
	encrypted := pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("canary")})
	canary := []byte("canary-4711")
	long := []byte(strings.Repeat("canary ", 20_000))
	for _, tt := range []struct {
		name    string
		content []byte
		make    func(string) (entra.Credential, error)
		want    string
	}{
		{"empty secret", []byte(" \n"), entra.SecretFile, "empty file"},
		{"long secret", long, entra.SecretFile, "larger than"},
		{"empty token", nil, entra.FederatedTokenFile, "empty file"},
		{"no token", canary, entra.FederatedTokenFile, "not a token"},
		{"token with blanks", []byte("canary.a b.c"), entra.FederatedTokenFile, "not a token"},
		{"no PEM", canary, pair, "failed to find any PEM data"},
		{"no key", certificate, pair, "private key"},
		{"no certificate", private, pair, "certificate"},
		{"another key", slices.Concat(certificate, otherPrivate), pair, "does not match"},
		{"a curve", slices.Concat(curveCertificate, curvePrivate), pair, "RSA of at least 2048 bits"},
		{"encrypted key", slices.Concat(certificate, encrypted), pair, "is encrypted"},
		{"broken certificate", slices.Concat(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: canary}), private), pair, "x509"},
		{"broken key", slices.Concat(certificate, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: canary})), pair, "private key"},
	} {
		_, err := tt.make(file(t, "credential", tt.content))
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
	for name, make := range map[string]func(string) (entra.Credential, error){"secret": entra.SecretFile, "token": entra.FederatedTokenFile, "certificate": pair} {
		if _, err := make(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func pair(file string) (entra.Credential, error) { return entra.Certificate(file, "") }

// recorder answers token requests and records their forms.
type recorder struct {
	mu    sync.Mutex
	urls  []string
	forms []url.Values
}

func (r *recorder) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.urls, r.forms = append(r.urls, req.URL.String()), append(r.forms, form)
	return &http.Response{
		StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {"application/json"}}, Request: req,
		Body: io.NopCloser(strings.NewReader(`{"access_token":"a","token_type":"Bearer","expires_in":3600}`)),
	}, nil
}

// TestAssertion compares the client assertion with Microsoft's requirements, using another library to parse it.
func TestAssertion(t *testing.T) {
	t.Parallel()
	key := newPlatform().key
	certificate, private := stranger(t, key)
	credential := made[entra.Credential](t)(pair(file(t, "pair.pem", certificate, private)))
	a := made[*entra.Application](t)(entra.NewApplication(entra.Options{Authority: "https://login.example", GraphURL: "https://graph.example", ClientID: "client", Credential: credential}))
	r := &recorder{}
	seen := map[string]bool{}
	for range 3 {
		if _, err := a.Tokens("tenant").Token(t.Context(), &http.Client{Transport: r}); err != nil {
			t.Fatal(err)
		}
	}
	block, _ := pem.Decode(certificate)
	thumbprint := sha256.Sum256(block.Bytes)
	for i, form := range r.forms {
		assertion := form.Get("client_assertion")
		form.Del("client_assertion")
		want := url.Values{
			"grant_type": {"client_credentials"}, "client_id": {"client"}, "scope": {"https://graph.example/.default"},
			"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
		}
		if form.Encode() != want.Encode() || r.urls[i] != "https://login.example/tenant/oauth2/v2.0/token" {
			t.Errorf("%s %s", r.urls[i], form.Encode())
		}
		var claims jwt.RegisteredClaims
		token, err := jwt.NewParser(jwt.WithValidMethods([]string{"PS256"}), jwt.WithExpirationRequired(), jwt.WithAudience(r.urls[i]), jwt.WithIssuer("client"), jwt.WithSubject("client"), jwt.WithIssuedAt()).
			ParseWithClaims(assertion, &claims, func(*jwt.Token) (any, error) { return key.Public(), nil })
		if err != nil {
			t.Fatal(err)
		}
		if token.Header["x5t#S256"] != base64.RawURLEncoding.EncodeToString(thumbprint[:]) || token.Header["typ"] != "JWT" || len(token.Header) != 3 {
			t.Errorf("%v", token.Header)
		}
		if claims.NotBefore == nil || claims.ExpiresAt.Sub(claims.NotBefore.Time) > 10*time.Minute || len(claims.ID) < 20 || seen[claims.ID] {
			t.Errorf("%+v", claims)
		}
		seen[claims.ID] = true
	}
}

// TestDemandedClaims tests that the token request after a claims challenge has the claims, and later ones do not.
func TestDemandedClaims(t *testing.T) {
	t.Parallel()
	a := made[*entra.Application](t)(entra.NewApplication(entra.Options{Authority: "https://login.example", GraphURL: "https://graph.example", ClientID: "client", Credential: entra.Secret("s")}))
	tokens, r := a.Tokens("tenant"), &recorder{}
	for _, claims := range []string{`{"access_token":{"nbf":{"essential":true,"value":"1"}}}`, "", ""} {
		token, err := tokens.Token(t.Context(), &http.Client{Transport: r})
		if err != nil || !tokens.Refused(token, claims) {
			t.Errorf("%q: %v", claims, err)
		}
	}
	for i, want := range []string{"", `{"access_token":{"nbf":{"essential":true,"value":"1"}}}`, ""} {
		if got := r.forms[i].Get("claims"); got != want {
			t.Errorf("request %d: %q", i, got)
		}
	}
}

// TestTokensAreChecked tests the check of a token that is requested, cached, cannot be renewed, and expired.
func TestTokensAreChecked(t *testing.T) {
	t.Parallel()
	tenant := start(t, emulator.Variants{})
	now := time.Now()
	a, err := entra.NewApplication(entra.Options{Authority: tenant.URL, GraphURL: tenant.URL, ClientID: tenant.ClientID(), Credential: secret(tenant), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	tokens, client := a.Tokens(tenant.TenantID()), reader(t, tenant)
	unavailable := made[emulator.Fault](t)(emulator.ParseFault("endpoint=POST /oauth2/v2.0/token,status=503,times=-1"))
	for _, step := range []struct {
		name           string
		pass           time.Duration
		down           bool
		usable, failed bool
		requests       int
	}{
		{"none yet", 0, true, false, true, 1},
		{"the first", 0, false, true, false, 1},
		{"cached", 50 * time.Minute, false, true, false, 0},
		{"not renewed", time.Minute, true, true, true, 1},
		{"at once", 0, true, true, true, 0},
		{"expired", time.Hour, true, false, true, 1},
		{"afterwards", 0, false, true, false, 1},
	} {
		now = now.Add(step.pass)
		tenant.ClearFaults()
		if step.down {
			tenant.Inject(unavailable)
		}
		tenant.ResetCounts()
		usable, err := tokens.Check(t.Context(), client)
		for minutes := 0; step.requests > 0 && step.pass == time.Minute && err == nil && minutes < 90; minutes++ { // until its renewal
			now = now.Add(time.Minute)
			usable, err = tokens.Check(t.Context(), client)
		}
		if requests := tenant.Counts()["POST /oauth2/v2.0/token"].Requests; usable != step.usable || (err != nil) != step.failed || requests != step.requests {
			t.Errorf("%s: %v, %v after %d requests", step.name, usable, err, requests)
		}
	}
}

// TestTokenErrors tests the errors of failed token requests.
func TestTokenErrors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		fault string
		want  error
		retry bool
	}{
		{"endpoint=POST /oauth2/v2.0/token,status=429,retryAfter=7s,times=-1", upstream.ErrThrottled, true},
		{"endpoint=POST /oauth2/v2.0/token,status=503,times=-1", upstream.ErrUnavailable, true},
		{"endpoint=POST /oauth2/v2.0/token,status=401,times=-1", upstream.ErrUnauthenticated, false},
	} {
		tenant := start(t, emulator.Variants{})
		tenant.Inject(made[emulator.Fault](t)(emulator.ParseFault(tt.fault)))
		_, err := application(t, tenant, secret(tenant)).Tokens(tenant.TenantID()).Token(t.Context(), reader(t, tenant))
		failure, is := errors.AsType[*upstream.Error](err)
		if !is || !errors.Is(err, tt.want) || failure.Retryable != tt.retry || failure.Personal || strings.Contains(err.Error(), tenant.ClientSecret()) {
			t.Errorf("%s: %+v", tt.fault, failure)
		}
	}
	tenant := start(t, emulator.Variants{})
	_, err := application(t, tenant, entra.Secret("canary")).Tokens(tenant.TenantID()).Token(t.Context(), reader(t, tenant))
	if failure, is := errors.AsType[*upstream.Error](err); !is || failure.Code != "invalid_client" || failure.RequestID == "" || strings.Contains(err.Error(), "canary") {
		t.Errorf("%v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := application(t, tenant, secret(tenant)).Tokens(tenant.TenantID()).Token(ended, reader(t, tenant)); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
