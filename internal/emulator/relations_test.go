package emulator

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestManagers(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	all := c.all("/v1.0/users?$top=999&$select=id,userType,department&$expand=manager($levels=1;$select=id,displayName)")
	by := index(all, "id")
	var led, alone, head int
	for _, u := range all {
		m, there := u["manager"].(row)
		switch {
		case !there:
			alone++
			if u["department"] == "Leadership" {
				head++
			}
			continue
		case u["userType"] == "Guest" || m["id"] == u["id"] || by[str(m, "id")]["department"] != "Leadership":
			t.Errorf("%v is the manager of %v", m, u)
		}
		led++
		if diff := cmp.Diff([]string{"@odata.type", "displayName", "id"}, keys(m)); diff != "" {
			t.Errorf("properties (-want +got):\n%s", diff)
		}
	}
	if led < 400 || alone < 20 || head != 1 {
		t.Errorf("%d with a manager, %d without, %d of them at the head", led, alone, head)
	}
	worker := all[slices.IndexFunc(all, func(u row) bool { return u["manager"] != nil && u["department"] != "Leadership" })]
	user, boss := "/v1.0/users/"+str(worker, "id"), str(worker["manager"].(row), "id")
	r := c.get(user + "/manager")
	if str(r.body, "id") != boss || str(r.body, "@odata.type") != "#microsoft.graph.user" || r.body["jobTitle"] == nil || r.header.Get("x-ms-resource-unit") != "1" {
		t.Errorf("%d %s", r.status, r.raw)
	}
	chain := 0
	for next := c.ok(user + "?$expand=manager($levels=max;$select=id)"); next["manager"] != nil; next = next["manager"].(row) {
		chain++
	}
	if two := c.ok(user + "?$expand=manager($levels=2)"); chain < 2 || two["manager"].(row)["manager"] == nil {
		t.Errorf("%d managers up to the head, two levels: %v", chain, two)
	}
	for uri, units := range map[string]string{user + "?$expand=manager": "2", user + "?$select=id&$expand=manager": "1", "/v1.0/users?$expand=manager": "3"} {
		if r := c.get(uri); r.header.Get("x-ms-resource-unit") != units {
			t.Errorf("%s: %d, %s units", uri, r.status, r.header.Get("x-ms-resource-unit"))
		}
	}
	c.refuses([]rejection{
		{"none", "/v1.0/users/" + c.guest().ID + "/manager", 404, "Request_ResourceNotFound"},
		{"of nobody", "/v1.0/users/" + c.TenantID() + "/manager", 404, "Request_ResourceNotFound"},
		{"select without levels", user + "?$expand=manager($select=id)", 400, "BadRequest"},
		{"no level", user + "?$expand=manager($levels=0)", 400, "BadRequest"},
		{"too many levels", user + "?$expand=manager($levels=1001)", 400, "BadRequest"},
		{"another option", user + "?$expand=manager($levels=1;$expand=manager)", 400, "BadRequest"},
		{"unknown property", user + "?$expand=manager($levels=1;$select=colour)", 400, "BadRequest"},
		{"filter", "/v1.0/users?$filter=manager/id eq '" + boss + "'", 400, "Request_UnsupportedQuery"},
	})
	for _, more := range []string{"$count=true", `$search="displayName:a"`} {
		if r := c.get("/v1.0/users?$expand=manager&"+more, eventual...); r.status != 400 || r.code() != "Request_UnsupportedQuery" {
			t.Errorf("%s: %d %s", more, r.status, r.raw)
		}
	}
	saved := c.steer("GET", "state", "")
	other := start(t, Options{State: strings.NewReader(string(saved.raw))})
	if got := other.ok(user + "/manager"); str(got, "id") != boss {
		t.Errorf("loaded: %v", got)
	}
	c.directory("DELETE", "users/"+boss, 204)
	if r := c.get(user + "/manager"); r.status != 404 {
		t.Errorf("a deleted manager: %d %s", r.status, r.raw)
	}
	if u := c.ok(user + "?$select=id&$expand=manager"); u["manager"] != nil {
		t.Errorf("a deleted manager: %v", u)
	}
	for scope, want := range map[string]int{"User.Read.All": 200, "User.Read": 403, "GroupMember.Read.All": 403} {
		c.token = c.DelegatedToken(str(worker, "id"), scope)
		if r := c.get("/v1.0/me/manager"); r.status != want && (want != 200 || r.status != 404) {
			t.Errorf("%s: %d", scope, r.status)
		}
	}
}

func TestMemberOf(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	member := map[string][]string{} // groups by user, in order
	for _, g := range c.all("/v1.0/groups") {
		for _, m := range c.all("/v1.0/groups/" + str(g, "id") + "/members?$top=999&$select=id") {
			member[str(m, "id")] = append(member[str(m, "id")], str(g, "id"))
		}
	}
	admin := c.PersonInRole("License Administrator")
	path := "/v1.0/users/" + admin + "/memberOf"
	for _, user := range []string{admin, c.guest().ID, c.userID(7)} {
		of := c.all("/v1.0/users/" + user + "/memberOf?$top=1")
		var groups, roles []string
		for _, m := range of {
			if str(m, "@odata.type") == "#microsoft.graph.group" {
				groups = append(groups, str(m, "id"))
			} else {
				roles = append(roles, str(m, "displayName"))
			}
		}
		if diff := cmp.Diff(member[user], groups); diff != "" || (user == admin) != slices.Equal(roles, []string{"License Administrator"}) {
			t.Errorf("%v (-want +got):\n%s", roles, diff)
		}
		cast := c.all("/v1.0/users/"+user+"/memberOf/microsoft.graph.group?$count=true&$select=id,assignedLicenses,groupTypes", eventual...)
		got := []string{}
		for _, g := range cast {
			if got = append(got, str(g, "id")); g["@odata.type"] != nil || g["assignedLicenses"] == nil {
				t.Errorf("cast: %v", g)
			}
		}
		if diff := cmp.Diff(groups, got); diff != "" {
			t.Errorf("cast (-want +got):\n%s", diff)
		}
	}
	some := c.get(path)
	if some.header.Get("x-ms-resource-unit") != "2" || str(some.body, "@odata.context") != c.URL+"/v1.0/$metadata#directoryObjects" {
		t.Errorf("%s", some.raw)
	}
	n := len(items(some.body))
	for uri, want := range map[string]int{
		path + "?$count=true&$filter=startswith(displayName,'license')":                                        1,
		path + `?$count=true&$search="displayName:administrator"`:                                              1,
		path + "?$count=true&$orderby=displayName desc":                                                        n,
		path + "/microsoft.graph.group?$count=true&$orderby=displayName&$filter=startswith(displayName,'all')": 1,
		path + "/microsoft.graph.group?$count=true&$filter=groupTypes/any(g:g eq 'DynamicMembership')":         1,
	} {
		page := c.ok(uri, eventual...)
		if len(items(page)) != want && want != 1 || len(items(page)) < 1 || page["@odata.count"] != float64(len(items(page))) {
			t.Errorf("%s: %v", uri, page)
		}
	}
	if r := c.get(path+"/$count", eventual...); string(r.raw) != strconv.Itoa(n) {
		t.Errorf("%s, want %d", r.raw, n)
	}
	if r := c.get(path+"/microsoft.graph.group/$count", eventual...); string(r.raw) != strconv.Itoa(n-1) {
		t.Errorf("%s groups, want %d", r.raw, n-1)
	}
	const unsupported = "Request_UnsupportedQuery"
	c.refuses([]rejection{
		{"cast without header", path + "/microsoft.graph.group?$count=true", 400, unsupported},
		{"filter without header", path + "?$filter=startswith(displayName,'a')", 400, unsupported},
		{"orderby without header", path + "?$orderby=displayName", 400, unsupported},
		{"search without header", path + `?$search="displayName:a"`, 400, unsupported},
		{"expand", path + "?$expand=members", 400, unsupported},
		{"unknown property", path + "?$select=colour", 400, "BadRequest"},
		{"count without header", path + "/$count", 400, "Request_BadRequest"},
		{"of nobody", "/v1.0/users/" + c.TenantID() + "/memberOf", 404, "Request_ResourceNotFound"},
	})
	for _, uri := range []string{path + "/microsoft.graph.group", path + "?$count=true&$filter=mailNickname eq 'all'", path + `?$count=true&$search="description:a"`} {
		if r := c.get(uri, eventual...); r.status != 400 || r.code() != unsupported {
			t.Errorf("%s: %d %s", uri, r.status, r.raw)
		}
	}
	// The application needs Directory.Read.All; others read only the type and the ID.
	for role, want := range map[string]int{"User.Read.All": 403, "GroupMember.Read.All": 403, "Group.Read.All": 403, "Directory.Read.All": 200} {
		c.SetVariants(Variants{Roles: []string{role}})
		c.token = c.newToken()
		if r := c.get(path); r.status != want {
			t.Errorf("%s: %d", role, r.status)
		}
	}
	for scope, want := range map[string][2]int{"User.Read": {200, 403}, "User.Read.All": {403, 200}, "GroupMember.Read.All": {200, 200}} {
		c.token = c.DelegatedToken(admin, scope)
		mine, other := c.get("/v1.0/me/memberOf"), c.get("/v1.0/users/"+c.userID(7)+"/memberOf")
		if mine.status != want[0] || other.status != want[1] {
			t.Errorf("%s: %d of me, %d of another", scope, mine.status, other.status)
		}
		for _, m := range items(mine.body) {
			readable := scope == "GroupMember.Read.All" && str(m, "@odata.type") == "#microsoft.graph.group"
			if (m["displayName"] != nil) != readable || str(m, "id") == "" {
				t.Errorf("%s: %v", scope, m)
			}
		}
		for _, g := range items(c.get("/v1.0/me/memberOf/microsoft.graph.group?$count=true", eventual...).body) {
			if (g["displayName"] != nil) != (scope == "GroupMember.Read.All") {
				t.Errorf("%s, cast: %v", scope, g)
			}
		}
	}
}

// TestOwners tests the owners of groups, and the other properties of groups
// that tell who manages their members.
func TestOwners(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	const sel = "id,displayName,mailNickname,groupTypes,securityEnabled,mailEnabled,isAssignableToRole,membershipRule,membershipRuleProcessingState,onPremisesSyncEnabled,onPremisesLastSyncDateTime,assignedLicenses,licenseProcessingState"
	all := c.all("/v1.0/groups?$select=" + sel + "&$expand=owners($select=id,displayName)")
	seen := map[string]int{}
	for _, g := range all {
		owners := c.all("/v1.0/groups/" + str(g, "id") + "/owners?$top=3&$select=id,displayName")
		expanded := rows(g, "owners")
		if diff := cmp.Diff(owners[:min(len(owners), 20)], expanded); diff != "" && len(owners) > 0 {
			t.Errorf("owners, expanded (-want +got):\n%s", diff)
		}
		dynamic, synced := slices.Contains(texts(g, "groupTypes"), "DynamicMembership"), g["onPremisesSyncEnabled"] == true
		nested := slices.ContainsFunc(c.all("/v1.0/groups/"+str(g, "id")+"/members?$top=999&$select=id"), func(m row) bool { return str(m, "@odata.type") == "#microsoft.graph.group" })
		for name, is := range map[string]bool{
			"dynamic": dynamic, "synchronized": synced, "assignable to roles": g["isAssignableToRole"] == true, "without owners": len(owners) == 0, "with owners": len(owners) > 0,
			"with more owners than $expand returns": len(owners) > 20, "owned by an application": slices.ContainsFunc(owners, func(o row) bool { return str(o, "@odata.type") == "#microsoft.graph.servicePrincipal" }),
			"with a license and a nested group": nested && len(rows(g, "assignedLicenses")) > 0, "dynamic with a license": dynamic && len(rows(g, "assignedLicenses")) > 0,
			"with a paused rule": g["membershipRuleProcessingState"] == "Paused", "with a processed rule": g["membershipRuleProcessingState"] == "On",
		} {
			if is {
				seen[name]++
			}
		}
		if dynamic != (g["membershipRule"] != nil) || dynamic != (g["membershipRuleProcessingState"] != nil) || synced != (g["onPremisesLastSyncDateTime"] != nil) || dynamic && synced {
			t.Errorf("%v", g)
		}
		if synced && len(owners) > 0 {
			t.Errorf("a synchronized group has owners: %v", owners)
		}
	}
	for name, least := range map[string]int{
		"dynamic": 5, "synchronized": 5, "assignable to roles": 1, "without owners": 5, "with owners": 5, "with more owners than $expand returns": 1, "owned by an application": 1,
		"with a license and a nested group": 5, "dynamic with a license": 3, "with a paused rule": 2, "with a processed rule": 2,
	} {
		if seen[name] < least {
			t.Errorf("%d groups: %s", seen[name], name)
		}
	}
	group := func(key string) row {
		return all[slices.IndexFunc(all, func(g row) bool { return str(g, "mailNickname") == key })]
	}
	for filter, fits := range map[string]func(row) bool{
		"isAssignableToRole eq true":                                           func(g row) bool { return g["isAssignableToRole"] == true },
		"membershipRuleProcessingState eq 'Paused'":                            func(g row) bool { return g["membershipRuleProcessingState"] == "Paused" },
		"startswith(membershipRule,'(user.department')":                        func(g row) bool { return strings.HasPrefix(str(g, "membershipRule"), "(user.department") },
		"groupTypes/any(t:t eq 'DynamicMembership')":                           func(g row) bool { return g["membershipRule"] != nil },
		"onPremisesSyncEnabled eq true":                                        func(g row) bool { return g["onPremisesSyncEnabled"] == true },
		"onPremisesLastSyncDateTime ge 2020-01-01T00:00:00Z":                   func(g row) bool { return g["onPremisesSyncEnabled"] == true },
		"onPremisesProvisioningErrors/any(o:o/category eq 'PropertyConflict')": func(row) bool { return false },
	} {
		var want []string
		for _, g := range all {
			if fits(g) {
				want = append(want, str(g, "id"))
			}
		}
		if diff := cmp.Diff(want, c.texts("/v1.0/groups?$select=id&$filter="+filter, "id")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", filter, diff)
		}
	}
	business := "/v1.0/groups/" + str(group("business"), "id")
	for _, m := range c.all(business + "/members?$top=999&$select=id,department") {
		if str(m, "department") != "Subsidiary" {
			t.Errorf("%v does not satisfy the rule", m)
		}
	}
	c.refuses([]rejection{
		{"filter of owners", business + "/owners?$filter=id eq 'x'", 400, "Request_UnsupportedQuery"},
		{"count of owners", business + "/owners?$count=true", 400, "Request_UnsupportedQuery"},
		{"unknown property", business + "?$expand=owners($select=colour)", 400, "BadRequest"},
		{"another option", business + "?$expand=owners($top=1)", 400, "BadRequest"},
		{"owners of nothing", "/v1.0/groups/" + c.TenantID() + "/owners", 404, "Request_ResourceNotFound"},
	})

	// Members that cannot be changed by hand.
	user := c.userID(0)
	refused := func(key string, status int) {
		t.Helper()
		path := "groups/" + str(group(key), "id")
		m := str(items(c.ok("/v1.0/" + path + "/members?$top=1"))[0], "id")
		for _, r := range []reply{
			c.directory("POST", path+"/members/$ref", status, memberRef(c, user)...), c.directory("PATCH", path, status, membersBind, off(c.URL+"/v1.0/users/"+user)),
			c.directory("DELETE", path+"/members/"+m+"/$ref", status),
		} {
			if want := map[int]string{400: "Request_BadRequest", 403: "Authorization_RequestDenied"}[status]; r.code() != want {
				t.Errorf("%s: %s", key, r.raw)
			}
		}
	}
	refused("business", 400)
	refused("e3-apac", 400)
	refused("payroll", 403)
	c.directory("PATCH", "groups/"+str(group("business"), "id"), 204, "displayName", "Business")
	c.directory("PATCH", "groups/"+str(group("e3-apac"), "id"), 400, "displayName", "APAC")
	c.directory("DELETE", "groups/"+str(group("copilot-2"), "id"), 400)
	c.token = c.DelegatedToken(c.PersonInRole("Global Administrator"), "Group.ReadWrite.All", "RoleManagement.ReadWrite.Directory")
	c.directory("POST", "groups/"+str(group("payroll"), "id")+"/members/$ref", 204, memberRef(c, c.newcomer(group("payroll")))...)
	c.token = c.newToken()

	saved := c.steer("GET", "state", "")
	other := start(t, Options{State: strings.NewReader(string(saved.raw))})
	const uri = "/v1.0/groups?$select=" + sel + "&$expand=owners"
	if diff := cmp.Diff(c.all(uri), other.all(uri)); diff != "" {
		t.Errorf("(-saved +loaded):\n%s", diff)
	}
	for role, want := range map[string]int{"GroupMember.Read.All": 200, "GroupMember.ReadWrite.All": 200, "User.Read.All": 403} {
		c.SetVariants(Variants{Roles: []string{role}})
		c.token = c.newToken()
		r := c.get(business + "/owners")
		if r.status != want {
			t.Errorf("%s: %d", role, r.status)
		}
		for _, o := range items(r.body) {
			if o["displayName"] != nil {
				t.Errorf("%s: %v", role, o)
			}
		}
	}
}

// newcomer returns the ID of a user who is not a member of a group.
func (c *client) newcomer(g row) string {
	members := index(c.all("/v1.0/groups/"+str(g, "id")+"/members?$top=999"), "id")
	return c.userID(c.userWhere(func(i int32) bool { return members[c.userID(i)] == nil }))
}
