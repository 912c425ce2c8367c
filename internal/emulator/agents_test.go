package emulator

import (
	"slices"
	"strings"
	"testing"
)

// TestAgents finds an agent among the users: of a type of its own, derived from user,
// wherever it comes, a member of a group and with a license, also after it was saved.
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
	c.SetVariants(Variants{Roles: []string{"AgentIdUser.ReadWrite.All"}})
	all := c.token
	c.token = c.newToken()
	for uri, status := range map[string]int{
		"/v1.0/users/" + id: 200, "/beta/users/" + id + "/cloudLicensing/usageRights": 200, "/v1.0/users/" + id + "/licenseDetails": 200,
		"/v1.0/users": 403, "/v1.0/users/" + c.userID(0): 403, "/beta/users/" + c.userID(0) + "/cloudLicensing/usageRights": 403,
	} {
		if r := c.get(uri); r.status != status {
			t.Errorf("with a permission for agents alone, %s: %d, want %d", uri, r.status, status)
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
