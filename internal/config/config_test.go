package config

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/entra"
	"licensegraph/internal/identity"
)

// secretFile writes a file with a secret.
func secretFile(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestIssuers tests the accepted issuers and the key endpoints of each cloud.
func TestIssuers(t *testing.T) {
	t.Parallel()
	want := map[string][]string{
		"worldwide": {"https://sts.windows.net", "https://login.microsoftonline.com"},
		"us-gov-l4": {"https://sts.windows.net", "https://login.microsoftonline.us"},
		"us-gov-l5": {"https://sts.windows.net", "https://login.microsoftonline.us"},
		"china":     {"https://sts.chinacloudapi.cn", "https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"},
	}
	for name := range clouds {
		services := testConfig(t, "--inbound=entra", "--cloud="+name, "--tenant-id=11111111-2222-4333-8444-555555555555", "--client-id=c", "--federated-token-file="+secretFile(t, "a.b.c")).Services()
		got := append([]string{services.IssuerV1}, services.IssuersV2...)
		if len(services.IssuersV2) == 0 {
			got = append(got, services.Authority)
		}
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if len(want) != len(clouds) {
		t.Error("a cloud is missing")
	}
	own := testConfig(t, "--inbound=entra", "--authority=https://LOGIN.example.com/", "--graph-url=https://Graph.example.com/", "--tenant-id=11111111-2222-4333-8444-555555555555", "--client-id=c", "--federated-token-file="+secretFile(t, "a.b.c")).Services()
	if own.Authority != "https://login.example.com" || own.GraphURL != "https://graph.example.com" {
		t.Errorf("configured URLs: %v", own)
	}
}

// TestClouds tests that the token requests of each cloud use its own endpoints: a token of one cloud is not valid in
// another.
func TestClouds(t *testing.T) {
	t.Parallel()
	want := map[string][2]string{
		"worldwide": {"https://login.microsoftonline.com/t/oauth2/v2.0/token", "https://graph.microsoft.com/.default"},
		"us-gov-l4": {"https://login.microsoftonline.us/t/oauth2/v2.0/token", "https://graph.microsoft.us/.default"},
		"us-gov-l5": {"https://login.microsoftonline.us/t/oauth2/v2.0/token", "https://dod-graph.microsoft.us/.default"},
		"china":     {"https://login.chinacloudapi.cn/t/oauth2/v2.0/token", "https://microsoftgraph.chinacloudapi.cn/.default"},
	}
	for name := range clouds {
		for _, mode := range []string{"app", "on-behalf-of"} {
			cfg := testConfig(t, "--cloud="+name, "--tenant-id=t", "--client-id=c", "--federated-token-file="+secretFile(t, "a.b.c"))
			services := cfg.Services()
			app, err := entra.NewApplication(entra.Options{Authority: services.Authority, GraphURL: services.GraphURL, ClientID: cfg.ClientID, Credential: cfg.Credential})
			if err != nil {
				t.Fatal(err)
			}
			var got [2]string
			stop := errors.New("seen enough")
			client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				body, err := io.ReadAll(r.Body)
				if err != nil {
					return nil, err
				}
				form, err := url.ParseQuery(string(body))
				got = [2]string{r.URL.String(), form.Get("scope")}
				return nil, errors.Join(stop, err)
			})}
			if mode == "app" {
				_, err = app.Tokens("t").Token(t.Context(), client)
			} else {
				tokens, err2 := app.OnBehalfOf().Tokens(&identity.Caller{TenantID: "t", Token: "x", Expires: time.Now().Add(time.Hour)})
				if err2 != nil {
					t.Fatal(err2)
				}
				_, err = tokens.Token(t.Context(), client)
			}
			if !errors.Is(err, stop) || got != want[name] {
				t.Errorf("%s, %s: %q, %v", name, mode, got, err)
			}
		}
	}
	if len(want) != len(clouds) {
		t.Error("a cloud is missing")
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
