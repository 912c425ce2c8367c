package emulator

import (
	"slices"
	"strings"
	"testing"
)

// TestAgents tests that an agent is returned with the derived type in all
// lists, as a member of a group and with a license, also after the tenant was
// saved.
func TestAgents(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	agents := c.all("/v1.0/users/microsoft.graph.agentUser?$select=id,displayName,identityParentId,assignedLicenses&$top=1")
	if len(agents) != 1 || agents[0]["identityParentId"] == nil || len(rows(agents[0], "assignedLicenses")) == 0 {
		t.Fatalf("%v", agents)
	}
	id := str(agents[0], "id")
	group := ""
	for _, g := range c.all("/v1.0/groups") {
		if group == "" && index(c.all("/v1.0/groups/"+str(g, "id")+"/members?$top=999"), "id")[id] != nil {
			group = str(g, "id")
		}
	}
	types := func() map[string]any {
		byIDs := c.do("POST", "/v1.0/directoryObjects/getByIds?$select=id", body("ids", ids(id), "types", ids("user")))
		return map[string]any{
			"item":     c.ok("/v1.0/users/" + id)["@odata.type"],
			"list":     index(c.all("/v1.0/users?$top=999&$select=id"), "id")[id]["@odata.type"],
			"filter":   items(c.ok("/v1.0/users?$filter=id in ('" + id + "')"))[0]["@odata.type"],
			"getByIds": items(byIDs.body)[0]["@odata.type"],
			"member":   index(c.all("/v1.0/groups/"+group+"/members?$top=999"), "id")[id]["@odata.type"],
		}
	}
	for where, got := range types() {
		if got != "#microsoft.graph.agentUser" {
			t.Errorf("%s: %v", where, got)
		}
	}
	if others := slices.DeleteFunc(c.all("/v1.0/users?$top=999&$select=id,identityParentId"), func(u row) bool { return u["@odata.type"] == nil && u["identityParentId"] == nil }); len(others) != 1 {
		t.Errorf("%v", others)
	}
	all := c.token
	shared := "/cloudLicensing/assignments"
	for _, role := range agentPermissions {
		for _, permissions := range []string{"", "list", "pages"} {
			c.SetVariants(Variants{Roles: []string{role}, Permissions: permissions})
			c.token = c.newToken()
			listed := 200 // by Microsoft's list of permissions
			if permissions == "pages" {
				listed = 403
			}
			for request, status := range map[string]int{
				"GET /v1.0/users/" + id: 200, "GET /v1.0/users/" + id + "/licenseDetails": 200, "GET /v1.0/users/microsoft.graph.agentUser": 200,
				"GET /beta/users/" + id + "/cloudLicensing/usageRights": listed, "GET /beta/groups/" + group + shared: listed,
				"POST /v1.0/users/" + id + "/assignLicense": 415, "POST /v1.0/users/" + id + "/reprocessLicenseAssignment": 200,
				"POST /beta/users/" + id + shared: 415, "POST /beta/users/" + id + shared + "/reprocessAssignments": 204,
				"GET /v1.0/users": 403, "GET /v1.0/users/" + c.userID(0): 403, "GET /beta/users/" + c.userID(0) + "/cloudLicensing/usageRights": 403,
				"POST /v1.0/users/" + c.userID(0) + "/assignLicense": 403, "POST /beta/users/" + c.userID(0) + shared: 403,
			} {
				method, uri, _ := strings.Cut(request, " ")
				if r := c.do(method, uri, ""); r.status != status {
					t.Errorf("%s, permissions %q: %s: %d %s, want %d", role, permissions, request, r.status, r.raw, status)
				}
			}
		}
	}
	c.token = all
	c.SetVariants(Variants{PlainAgents: true})
	for where, got := range types() {
		if plain := where == "getByIds" || where == "member"; plain != (got == "#microsoft.graph.user") || !plain && got != nil {
			t.Errorf("plain, %s: %v", where, got)
		}
	}
	for text, status := range map[string]int{
		body("department", "Agents"):                                                  400,
		body("@odata.type", "#microsoft.graph.user", "department", "Agents"):          400,
		body("@odata.type", "#microsoft.graph.agentUser", "department", "Automation"): 204,
	} {
		if r := c.do("PATCH", "/v1.0/users/"+id, text); r.status != status {
			t.Errorf("%s: %d %s, want %d", text, r.status, r.raw, status)
		}
	}
	if got := c.ok("/v1.0/users/" + id + "?$select=department"); got["department"] != "Automation" {
		t.Errorf("after the update: %v", got)
	}
	var saved strings.Builder
	if err := c.Save(&saved); err != nil {
		t.Fatal(err)
	}
	again := start(t, Options{State: strings.NewReader(saved.String())})
	if got := again.ok("/v1.0/users/" + id); got["@odata.type"] != "#microsoft.graph.agentUser" {
		t.Errorf("loaded: %v", got)
	}
}
