package emulator_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"

	"licensegraph/internal/emulator"
)

// Read the assignment errors of a tenant with a hundred users. In tests,
// package emulatortest is shorter.
func Example() {
	tenant := emulator.New(emulator.Options{Users: 100})
	srv := httptest.NewServer(tenant)
	defer srv.Close()

	var token struct {
		AccessToken string `json:"access_token"`
	}
	resp, err := srv.Client().PostForm(srv.URL+"/"+tenant.TenantID()+"/oauth2/v2.0/token", url.Values{
		"grant_type":    {"client_credentials"},
		"client_id":     {tenant.ClientID()},
		"client_secret": {tenant.ClientSecret()},
		"scope":         {srv.URL + "/.default"},
	})
	if err != nil {
		panic(err)
	}
	_ = json.NewDecoder(resp.Body).Decode(&token)
	_ = resp.Body.Close()

	req, _ := http.NewRequest("GET", srv.URL+"/beta/admin/cloudLicensing/assignmentErrors?$select=code", nil)
	req.Header.Set("Authorization", "Bearer "+token.AccessToken)
	resp, err = srv.Client().Do(req)
	if err != nil {
		panic(err)
	}
	var page struct {
		Value []struct{ Code string }
	}
	_ = json.NewDecoder(resp.Body).Decode(&page)
	_ = resp.Body.Close()

	codes := map[string]int{}
	for _, e := range page.Value {
		codes[e.Code]++
	}
	fmt.Println(codes)
	fmt.Println(tenant.Counts()["GET /admin/cloudLicensing/assignmentErrors"].Requests, "request")
	// Output:
	// map[AssignmentFailed:1 InsufficientUnits:5 MissingDependency:13 MutuallyExclusivePlans:6 ProxyAddressConflict:2 UsageLocationNotAllowed:3]
	// 1 request
}
