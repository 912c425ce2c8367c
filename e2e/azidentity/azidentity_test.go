// Package azidentity signs in to the embedded tenant with the Azure Identity
// library for Go. It is a module of its own, because nothing else needs it.
package azidentity

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// TestCredentials runs within e2e/signin.test.js, which starts the tenant and
// says by SSL_CERT_FILE whom to trust.
func TestCredentials(t *testing.T) {
	t.Parallel()
	base := os.Getenv("TENANT_URL")
	if base == "" {
		t.Skip("no tenant runs")
	}
	tenant, client := os.Getenv("TENANT_ID"), os.Getenv("CLIENT_ID")
	options := azcore.ClientOptions{Cloud: cloud.Configuration{ActiveDirectoryAuthorityHost: base}}
	pem, err := os.ReadFile(os.Getenv("CLIENT_CERTIFICATE"))
	if err != nil {
		t.Fatal(err)
	}
	certificates, key, err := azidentity.ParseCertificates(pem, nil)
	if err != nil {
		t.Fatal(err)
	}
	mine := userToken(t, base, tenant)
	for name, made := range map[string]func() (azcore.TokenCredential, error){
		"1": func() (azcore.TokenCredential, error) {
			return azidentity.NewClientSecretCredential(tenant, client, os.Getenv("CLIENT_SECRET"), &azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
		},
		"2": func() (azcore.TokenCredential, error) {
			return azidentity.NewClientCertificateCredential(tenant, client, certificates, key, &azidentity.ClientCertificateCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
		},
		"1 on behalf of": func() (azcore.TokenCredential, error) {
			return azidentity.NewOnBehalfOfCredentialWithSecret(tenant, client, mine, os.Getenv("CLIENT_SECRET"), &azidentity.OnBehalfOfCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
		},
		"2 on behalf of": func() (azcore.TokenCredential, error) {
			return azidentity.NewOnBehalfOfCredentialWithCertificate(tenant, client, mine, certificates, key, &azidentity.OnBehalfOfCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: true})
		},
	} {
		credential, err := made()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		got, err := credential.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{"https://graph.microsoft.com/.default"}})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		acr, _, person := strings.Cut(name, " ")
		if inside := claims(t, got.Token); inside["appidacr"] != acr || (inside["scp"] != nil) != person {
			t.Errorf("%s: %v", name, inside)
		}
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1.0/subscribedSkus", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+got.Token)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}

// userToken is of the first person, to the application.
func userToken(t *testing.T, base, tenant string) string {
	t.Helper()
	post := func(form string) string {
		resp, err := http.Post(base+"/"+tenant+"/oauth2/v2.0/token", "application/x-www-form-urlencoded", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		var body struct {
			Token string `json:"access_token"`
		}
		if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || body.Token == "" {
			t.Fatalf("%s: %v", resp.Status, err)
		}
		return body.Token
	}
	token := post("grant_type=client_credentials&scope=https%3A%2F%2Fgraph.microsoft.com%2F.default&client_id=" + os.Getenv("CLIENT_ID") + "&client_secret=" + os.Getenv("CLIENT_SECRET"))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/v1.0/users?$top=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var users struct {
		Value []struct {
			ID string `json:"id"`
		} `json:"value"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&users); err != nil || len(users.Value) == 0 {
		t.Fatalf("%s: %v", resp.Status, err)
	}
	return post("grant_type=password&username=" + users.Value[0].ID + "&password=" + os.Getenv("PASSWORD") +
		"&client_id=" + os.Getenv("PUBLIC_CLIENT_ID") + "&scope=api%3A%2F%2F" + os.Getenv("CLIENT_ID") + "%2Faccess_as_user")
}

func claims(t *testing.T, token string) (all map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("no token: %d parts", len(parts))
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &all); err != nil {
		t.Fatal(err)
	}
	return all
}
