package main

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"licensegraph/internal/emulator"
	"licensegraph/internal/emulator/emulatortest"
	"licensegraph/internal/entra"
	"licensegraph/internal/identity"
)

// neighbours are tenants at one address, like real ones: the tenant is in the request's path or token.
type neighbours struct {
	url     string
	tenants []*emulator.Server
	asked   sync.Map // claims of the tokens of requests to Microsoft Graph, with the tenant that answered
}

func startNeighbours(t *testing.T, options ...emulator.Options) *neighbours {
	t.Helper()
	n := &neighbours{}
	front := httptest.NewServer(n)
	t.Cleanup(front.Close)
	n.url = front.URL
	for _, opts := range options {
		opts.SignIn.Scopes = scopes
		e := emulator.New(opts)
		assignRoles(e)
		n.tenants = append(n.tenants, &emulator.Server{Emulator: e, URL: front.URL})
	}
	return n
}

func (n *neighbours) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	at := slices.IndexFunc(n.tenants, func(s *emulator.Server) bool {
		return strings.HasPrefix(strings.ToLower(r.URL.Path), "/"+s.TenantID()+"/") || claimsOf(r).Tid == s.TenantID()
	})
	if at < 0 {
		http.Error(w, "no such tenant", http.StatusNotFound)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/beta/") || strings.HasPrefix(r.URL.Path, "/v1.0/") {
		n.asked.Store(claimsOf(r), at)
	}
	// An application is the same in each tenant; the embedded tenant's is not.
	if strings.HasSuffix(r.URL.Path, "/token") {
		body, _ := io.ReadAll(r.Body)
		body = bytes.ReplaceAll(body, []byte("client_id="+n.tenants[0].ClientID()), []byte("client_id="+n.tenants[at].ClientID()))
		body = bytes.ReplaceAll(body, []byte("client_secret="+n.tenants[0].ClientSecret()), []byte("client_secret="+n.tenants[at].ClientSecret()))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	n.tenants[at].ServeHTTP(w, r)
}

// claims are the claims of a token that identify its subject.
type claims struct{ Tid, Oid, Idtyp string }

// claimsOf returns the claims of a request's token.
func claimsOf(r *http.Request) (c claims) {
	parts := strings.Split(r.Header.Get("Authorization"), ".")
	if len(parts) != 3 {
		return c
	}
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	_ = json.Unmarshal(payload, &c)
	return c
}

// TestTwoTenants has users of two tenants send queries concurrently and repeatedly: each reads the own tenant, as the
// application and on behalf of the user, and cursors and IDs of one are invalid in the other.
func TestTwoTenants(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"app", "on-behalf-of"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			n := startNeighbours(t, emulator.Options{Users: 40}, emulator.Options{Users: 40, Seed: 2})
			p := start(t, map[string]string{"LICENSEGRAPH_CLIENT_SECRET": n.tenants[0].ClientSecret()},
				"--tenant-id="+n.tenants[0].TenantID(), "--tenant-id="+strings.ToUpper(n.tenants[1].TenantID()), "--client-id="+n.tenants[0].ClientID(),
				"--graph-url="+n.url, "--authority="+n.url, "--inbound=entra", "--outbound="+mode,
				"--audience="+n.tenants[0].ClientID(), "--audience="+n.tenants[1].ClientID())
			p.ready(t) // the application has its tokens
			wanted := map[string]int{"app": 0, "on-behalf-of": 1}[mode]
			var tokens, own [2]string
			for i, tenant := range n.tenants {
				tokens[i] = tokenFor(t, tenant, nameOf(t, tenant, "Global Administrator"), scopes...)
				own[i] = tenant.PersonInRole("Global Administrator")
				tenant.ResetCounts()
			}
			query := func(i int) string {
				return fmt.Sprintf(`{ users(first: 5) { nodes { id } pageInfo { endCursor } } user(id: %q) { id } other: user(id: %q) { id } }`, own[i], own[1-i])
			}
			var mu sync.Mutex
			var cursors [2]string
			var group sync.WaitGroup
			for range 8 {
				for i := range n.tenants {
					group.Go(func() {
						r := p.as(t, query(i), bearing(tokens[i]))
						var got struct {
							Data struct {
								Users struct {
									Nodes    []struct{ ID string }
									PageInfo struct{ EndCursor string }
								}
								User, Other *struct{ ID string }
							}
						}
						if err := json.Unmarshal([]byte(r.body), &got); err != nil || got.Data.User == nil || got.Data.User.ID != own[i] || got.Data.Other != nil || len(got.Data.Users.Nodes) != 5 {
							t.Errorf("%d: %v %s", i, err, r.body)
							return
						}
						for _, node := range got.Data.Users.Nodes {
							if name(n.tenants[i], node.ID) == "" || name(n.tenants[1-i], node.ID) != "" {
								t.Errorf("%d: %s is not of the tenant", i, node.ID)
							}
						}
						mu.Lock()
						defer mu.Unlock()
						cursors[i] = got.Data.Users.PageInfo.EndCursor
					})
				}
			}
			group.Wait()
			for i := range n.tenants {
				for j, cursor := range cursors {
					r := p.as(t, fmt.Sprintf(`{ users(first: 5, after: %q) { nodes { id } } }`, cursor), bearing(tokens[i]))
					if belongs := strings.Contains(r.body, `"id":"`); belongs != (i == j) || !belongs && !strings.Contains(r.body, "does not belong to this list") {
						t.Errorf("tenant %d with the cursor of %d: %s", i, j, r.body)
					}
				}
				if asked := n.tenants[i].Counts()["POST /oauth2/v2.0/token"].Requests; asked != wanted {
					t.Errorf("tenant %d: %d token requests", i, asked)
				}
			}
		})
	}
}

// name returns a user's name in the tenant; empty if there is none.
func name(tenant *emulator.Server, id string) string {
	req := httptest.NewRequest(http.MethodGet, "/beta/users/"+id+"?$select=displayName", nil)
	req.Header.Set("Authorization", "Bearer "+tenant.DelegatedToken(tenant.PersonInRole("Global Administrator"), "User.Read.All"))
	w := httptest.NewRecorder()
	tenant.ServeHTTP(w, req)
	var user struct{ DisplayName string }
	_ = json.Unmarshal(w.Body.Bytes(), &user)
	return user.DisplayName
}

// TestOnBehalfOf tests requests on behalf of callers, and that applications are rejected without a request.
func TestOnBehalfOf(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.Start(t, emulator.Options{Users: 60, SignIn: emulator.SignIn{Scopes: scopes}})
	assignRoles(tenant.Emulator)
	p := startOver(t, tenant, "--inbound=entra", "--outbound=on-behalf-of", "--upstream-report=always")
	admin, nobody := tenant.PersonInRole("Global Administrator"), tenant.PersonInRole("")
	tokens := map[string]string{admin: tokenFor(t, tenant, nameOf(t, tenant, "Global Administrator"), scopes...), nobody: tokenFor(t, tenant, nameOf(t, tenant, ""), scopes...)}
	app := tokenFor(t, tenant, "")
	tenant.ResetCounts()

	const me, others = `{ me { id } }`, `{ subscribedSkus(first: 1) { nodes { skuId } } me { id } }`
	for id, token := range tokens {
		for range 2 {
			if r := p.as(t, me, bearing(token)); r.status != 200 || !strings.Contains(r.body, `"data":{"me":{"id":"`+id+`"}}`) {
				t.Errorf("%d %s", r.status, r.body)
			}
		}
	}
	if n := tenant.Counts()["POST /oauth2/v2.0/token"].Requests; n != 2 {
		t.Errorf("%d token requests for two users", n)
	}
	// Microsoft Graph authorizes each user individually.
	if r := p.as(t, others, bearing(tokens[admin])); strings.Contains(r.body, `"errors"`) {
		t.Errorf("an administrator: %s", r.body)
	}
	tenant.ResetCounts()
	r := p.as(t, `{ users(first: 1) { nodes { id } } }`, bearing(app))
	if !strings.Contains(r.body, `"code":"FORBIDDEN"`) || !strings.Contains(r.body, "your token is an application's") || strings.Contains(r.body, `"data"`) || len(tenant.Counts()) != 0 {
		t.Errorf("an application: %s, %v", r.body, tenant.Counts())
	}
	// The schema is not secret.
	fresh := tokenFor(t, tenant, nameOf(t, tenant, "Global Reader"), scopes...)
	tenant.ResetCounts()
	if r := p.as(t, `{ __typename __schema { queryType { name } } _service { sdl } }`, bearing(fresh)); r.status != 200 || strings.Contains(r.body, `"errors"`) || len(tenant.Counts()) != 0 {
		t.Errorf("introspection: %d %.300s, %v", r.status, r.body, tenant.Counts())
	}
	// A required sign-in is reported before any data.
	for variant, claims := range map[string]bool{"mfa": true, "consent": false} {
		fresh := tokenFor(t, tenant, nameOf(t, tenant, "Global Reader"), scopes...) // errors are cached by token
		tenant.SetVariants(emulator.Variants{OnBehalfOf: variant})
		tenant.ResetCounts()
		r := p.as(t, others, bearing(fresh))
		if !strings.Contains(r.body, `"code":"UNAUTHENTICATED"`) || strings.Contains(r.body, `"data"`) || tenant.Counts()["GET /subscribedSkus"].Requests != 0 {
			t.Errorf("%s, claims %v: %d %s", variant, claims, r.status, r.body)
		}
		if !strings.Contains(r.body, `"upstream":{"requests":1,`) {
			t.Errorf("the token request is not counted: %s", r.body)
		}
		for range 5 {
			if r := p.as(t, others, bearing(fresh)); !strings.Contains(r.body, `"code":"UNAUTHENTICATED"`) {
				t.Errorf("%s again: %d %s", variant, r.status, r.body)
			}
		}
		if n := tenant.Counts()["POST /oauth2/v2.0/token"].Requests; n != 1 {
			t.Errorf("%s: %d token requests although the user must sign in", variant, n)
		}
	}
	tenant.SetVariants(emulator.Variants{})
	// Microsoft Graph revokes a session.
	if !tenant.RevokeSignInSessions(admin) {
		t.Fatal("no session was revoked")
	}
	if r := p.as(t, me, bearing(tokens[admin])); !strings.Contains(r.body, `"code":"UNAUTHENTICATED"`) || strings.Contains(r.body, admin) {
		t.Errorf("signed out: %d %s", r.status, r.body)
	}
	if r := p.as(t, me, bearing(tokens[nobody])); !strings.Contains(r.body, nobody) {
		t.Errorf("another user's session was revoked: %s", r.body)
	}
	for _, token := range tokens {
		if strings.Contains(p.stdout.String()+p.stderr.String(), token[len(token)-40:]) {
			t.Error("a token is in the log")
		}
	}
}

// TestReferenceCache tests that reference data is cached for each tenant, for all its callers with the permission.
func TestReferenceCache(t *testing.T) {
	t.Parallel()
	n := startNeighbours(t, emulator.Options{Users: 40}, emulator.Options{Users: 40, Seed: 2})
	p := start(t, map[string]string{"LICENSEGRAPH_CLIENT_SECRET": n.tenants[0].ClientSecret()},
		"--tenant-id="+n.tenants[0].TenantID(), "--tenant-id="+n.tenants[1].TenantID(), "--client-id="+n.tenants[0].ClientID(),
		"--graph-url="+n.url, "--authority="+n.url, "--inbound=entra", "--upstream-report=always", "--reference-cache-life=1m",
		"--audience="+n.tenants[0].ClientID(), "--audience="+n.tenants[1].ClientID())
	const query = `{ subscribedSkus { nodes { id consumedUnits } } }`
	for i, tenant := range n.tenants {
		var first string
		for turn, role := range []string{"Global Administrator", "License Administrator", ""} {
			tenant.ResetCounts()
			r := p.as(t, query, bearing(tokenFor(t, tenant, nameOf(t, tenant, role), scopes...)))
			data, _, _ := strings.Cut(r.body, `,"extensions"`)
			sent := tenant.Counts()["GET /subscribedSkus"].Requests
			switch {
			case role == "":
				if !strings.Contains(r.body, "FORBIDDEN") || strings.Contains(r.body, tenant.TenantID()) || sent != 0 {
					t.Errorf("denied: %d requests: %s", sent, r.body)
				}
			case turn == 0:
				first = data
				if sent != 1 || !strings.Contains(data, tenant.TenantID()) || strings.Contains(data, n.tenants[1-i].TenantID()) {
					t.Errorf("first: %d requests: %s", sent, r.body)
				}
			default:
				if sent != 0 || data != first || !strings.Contains(r.body, `"cacheHits":1`) {
					t.Errorf("cached: %d requests: %s", sent, r.body)
				}
			}
		}
	}
}

// TestUnconfiguredTenant tests that a caller of a tenant that is not configured reads nothing, even if authenticated.
func TestUnconfiguredTenant(t *testing.T) {
	t.Parallel()
	cfg := testConfig(t, "--cloud=worldwide", "--tenant-id=t", "--client-id=c", "--federated-token-file="+secretFile(t, "a.b.c"))
	tenants, err := newTenants(cfg, []string{"A", "b"}, cfg.Services(), entra.Options{ClientID: "c", Credential: cfg.Credential}, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for id, ok := range map[string]bool{"a": true, "B": true, "c": false, "": false} {
		if _, err := tenants.begin(identity.With(t.Context(), &identity.Caller{TenantID: id})); (err == nil) != ok {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := tenants.begin(context.Background()); err == nil {
		t.Error("unauthenticated caller reads the first of several tenants")
	}
	known := testConfig(t, "--inbound=entra", "--tenant-id="+aTenant, "--client-id=c", "--federated-token-file="+secretFile(t, "a.b.c"))
	if tenants, err = newTenants(known, []string{aTenant}, known.Services(), entra.Options{ClientID: "c", Credential: known.Credential}, nil, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	if _, err := tenants.begin(context.Background()); err == nil {
		t.Error("unauthenticated caller reads the tenant")
	}
}

const aTenant = "11111111-2222-4333-8444-555555555555"

// farAway is the expiry of these tests' tokens.
var farAway = time.Now().Add(time.Hour)

// secretFile writes a file that is removed after the test.
func secretFile(t *testing.T, content string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// TestByCertificate reads a tenant over HTTPS with a private CA, as an application with a certificate.
func TestByCertificate(t *testing.T) {
	t.Parallel()
	tenant := emulatortest.StartTLS(t, emulator.Options{Users: 20})
	certificate, key := tenant.Certificate()
	p := start(t, nil, "--tenant-id="+tenant.TenantID(), "--client-id="+tenant.ClientID(), "--graph-url="+tenant.URL, "--authority="+tenant.URL,
		"--client-certificate-file="+secretFile(t, string(certificate)), "--client-key-file="+secretFile(t, string(key)), "--ca-file="+secretFile(t, string(tenant.Authority)))
	if status, body := p.ready(t); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	if _, body := p.ask(t, `{ subscribedSkus(first: 1) { nodes { skuPartNumber } } }`); !strings.Contains(body, `"skuPartNumber":"`) {
		t.Error(body)
	}
	if log := p.stderr.String(); strings.Contains(log, "PRIVATE KEY") || !strings.Contains(log, "client-secret-set=false") {
		t.Error(log)
	}
}

// TestProxyStaysSecret tests that all requests use the proxy and its password appears nowhere.
func TestProxyStaysSecret(t *testing.T) {
	t.Parallel()
	asked := make(chan string, 10)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case asked <- r.Host + " " + r.Header.Get("Proxy-Authorization"):
		default:
		}
		w.WriteHeader(http.StatusBadGateway)
	}))
	t.Cleanup(proxy.Close)
	p := start(t, map[string]string{"LICENSEGRAPH_PROXY_CREDENTIALS": "user:canary-7f3a", "LICENSEGRAPH_CLIENT_SECRET": "canary-7f3b"},
		"--tenant-id=contoso.example", "--client-id=c", "--proxy="+proxy.URL, "--log-level=debug")
	_, answer := p.ask(t, `{ subscribedSkus(first: 1) { nodes { skuPartNumber } } }`)
	status, ready := p.ready(t)
	if !strings.Contains(answer, "UPSTREAM_UNAVAILABLE") || status != http.StatusServiceUnavailable {
		t.Errorf("%s %d %s", answer, status, ready)
	}
	if got, want := <-asked, "login.microsoftonline.com:443 Basic "+base64.StdEncoding.EncodeToString([]byte("user:canary-7f3a")); got != want {
		t.Errorf("proxy request for %q", got)
	}
	all := answer + ready + p.stdout.String() + p.stderr.String()
	for _, secret := range []string{"canary", base64.StdEncoding.EncodeToString([]byte("user:canary-7f3a"))} {
		if strings.Contains(all, secret) {
			t.Errorf("%s was written:\n%s", secret, all)
		}
	}
	if !strings.Contains(all, "proxy-credentials-set=true") {
		t.Error(all)
	}
}
