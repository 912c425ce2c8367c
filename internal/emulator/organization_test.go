package emulator

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestOrganization tests the organization, of which a user without a
// permission gets a few properties.
func TestOrganization(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	const uri = "/v1.0/organization"
	list := items(c.ok(uri))
	if len(list) != 1 || list[0]["id"] != c.TenantID() || list[0]["tenantType"] != "AAD" || list[0]["countryLetterCode"] != "DE" || len(rows(list[0], "assignedPlans")) < 50 {
		t.Errorf("%v", list)
	}
	domains := rows(list[0], "verifiedDomains")
	for _, d := range domains {
		made := c.directory("POST", "users", 201, "accountEnabled", true, "displayName", "A", "mailNickname", "a", "userPrincipalName", "verified@"+str(d, "name"), "passwordProfile", row{"password": "secret-enough-1"})
		if made.body["id"] == nil {
			t.Errorf("%s", made.raw)
		}
	}
	if len(domains) != 2 || domains[0]["isDefault"] != true || domains[1]["isDefault"] != false {
		t.Errorf("%v", domains)
	}
	c.refuses([]rejection{
		{"top", uri + "?$top=1", 400, "Request_UnsupportedQuery"},
		{"expand", uri + "?$expand=extensions", 400, "Request_UnsupportedQuery"},
		{"unknown property", uri + "?$select=colour", 400, "BadRequest"},
		{"not implemented property", uri + "?$select=directorySizeQuota", 501, "notImplemented"},
	})
	for scope, named := range map[string][]string{
		"User.Read": ids("displayName", "id", "verifiedDomains"), "Organization.Read.All": ids("countryLetterCode", "displayName", "id", "verifiedDomains"),
	} {
		c.token = c.DelegatedToken(c.PersonInRole(""), scope)
		o := items(c.ok(uri + "?$select=id,displayName,countryLetterCode,defaultUsageLocation,verifiedDomains"))[0]
		got := slices.DeleteFunc(keys(o), func(name string) bool { return o[name] == nil })
		if diff := cmp.Diff(named, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", scope, diff)
		}
	}
	c.ok(uri)
	c.token = c.DelegatedToken(c.PersonInRole(""), "User.ReadBasic.All")
	if r := c.get(uri); r.status != 403 {
		t.Errorf("without a permission: %d", r.status)
	}
	c.SetVariants(Variants{Roles: []string{"LicenseAssignment.Read.All"}})
	c.token = c.newToken()
	if r := c.get(uri); r.status != 403 {
		t.Errorf("an application without a permission: %d", r.status)
	}
}
