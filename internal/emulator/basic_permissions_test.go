package emulator

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBasicPermissions reads users and groups with permissions for basic
// properties: other default properties are null, and a $select of others is
// rejected. A filter by another property returns nothing.
func TestBasicPermissions(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 300})
	id, group := c.userID(c.userWhere(func(i int32) bool {
		return c.current().User(i).Text("jobTitle") != "" && c.current().User(i).Text("mail") != "" && len(c.current().AssignedProducts(i)) > 0
	})), c.of("e5")
	user, e5 := "/v1.0/users/"+id, "/v1.0/groups/"+group
	fullUser, fullGroup := c.ok(user), c.ok(e5)
	reader := c.PersonInRole("Global Reader")
	callers := func(permission string, check func(who string)) {
		c.SetVariants(Variants{Roles: []string{permission}})
		c.token = c.newToken()
		check("an application")
		c.token = c.DelegatedToken(reader, permission)
		check("a user")
	}
	refused := func(who string, uris ...string) {
		t.Helper()
		for _, uri := range uris {
			if r := c.get(uri, eventual...); r.status != 403 || r.code() != "Authorization_RequestDenied" {
				t.Errorf("%s: %s: %d %s", who, uri, r.status, r.raw)
			}
		}
	}
	// shows compares an object with the one read with full permissions.
	shows := func(who string, got, full row, basic string) {
		t.Helper()
		delete(got, "@odata.context")
		delete(full, "@odata.context")
		if diff := cmp.Diff(keys(full), keys(got)); diff != "" {
			t.Errorf("%s: properties (-want +got):\n%s", who, diff)
		}
		for name, v := range got {
			empty := v == nil || cmp.Equal(v, []any{})
			if is := strings.Contains(" "+basic+" ", " "+name+" "); is && !cmp.Equal(v, full[name]) || !is && !empty && !strings.HasPrefix(name, "@odata.") {
				t.Errorf("%s: %s is %v", who, name, v)
			}
		}
	}
	const basicUser, basicGroup = "id displayName givenName surname userPrincipalName mail", "id displayName mail groupTypes mailEnabled securityEnabled"
	callers("User.ReadBasic.All", func(who string) {
		shows(who, c.ok(user), fullUser, basicUser)
		shows(who, index(c.all("/v1.0/users?$top=999"), "id")[id], fullUser, basicUser)
		selected := "?$select=" + strings.ReplaceAll(basicUser, " ", ",")
		if got := c.ok(user + selected); got["mail"] != fullUser["mail"] || got["surname"] != fullUser["surname"] {
			t.Errorf("%s: %v", who, got)
		}
		if n := len(c.all("/v1.0/users" + selected + "&$orderby=displayName&$top=50")); n != 300 {
			t.Errorf("%s: %d users", who, n)
		}
		if list := items(c.ok("/v1.0/users?$filter=id eq '" + id + "'")); len(list) != 1 {
			t.Errorf("%s: %v", who, list)
		}
		if list := items(c.ok("/v1.0/users/microsoft.graph.agentUser")); len(list) != 1 || list[0]["jobTitle"] != nil || list[0]["displayName"] == nil {
			t.Errorf("%s: %v", who, list)
		}
		for _, name := range []string{"assignedLicenses", "assignedPlans", "licenseAssignmentStates", "usageLocation", "accountEnabled", "userType", "department", "createdDateTime", "jobTitle", "businessPhones"} {
			refused(who, user+"?$select=id,"+name, "/v1.0/users?$select="+name)
		}
		refused(who, "/v1.0/users?$orderby=createdDateTime&$count=true", user+"/licenseDetails",
			"/v1.0/users/delta", e5+"/members", e5+"/membersWithLicenseErrors", "/v1.0/groups")
		for _, option := range []string{
			"$filter=accountEnabled eq true", "$filter=assignedLicenses/any(a:a/skuId eq " + skuID(skuE3) + ")", "$filter=displayName eq 'x' or usageLocation eq 'CH'",
			"$filter=not(assignedPlans/any(a:a/service eq 'x'))&$count=true", "$filter=assignedLicenses/$count eq 0&$count=true", `$search="displayName:a" AND "department:a"`,
		} {
			if page := c.ok("/v1.0/users?"+option, eventual...); len(items(page)) != 0 || page["@odata.nextLink"] != nil || page["@odata.count"] != nil && page["@odata.count"] != 0.0 {
				t.Errorf("%s: %s: %d users", who, option, len(items(page)))
			}
		}
		if r := c.get("/v1.0/users/$count?$filter=accountEnabled eq true", eventual...); string(r.raw) != "0" {
			t.Errorf("%s: counted %s", who, r.raw)
		}
		if r := c.get("/v1.0/users/$count", eventual...); string(r.raw) != "300" {
			t.Errorf("%s: counted %s", who, r.raw)
		}
		before := c.Variants()
		after := before
		after.RefuseHiddenFilters = true
		c.SetVariants(after)
		refused(who, "/v1.0/users?$filter=accountEnabled eq true", "/v1.0/users/$count?$filter=accountEnabled eq true", `/v1.0/users?$search="department:a"`)
		c.SetVariants(before)
	})
	c.token = c.DelegatedToken(id, "User.ReadBasic.All")
	shows("oneself", c.ok("/v1.0/me"), fullUser, basicUser)
	refused("oneself", "/v1.0/me?$select=assignedLicenses")
	for _, scope := range []string{"User.Read", "User.ReadWrite", "User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"} {
		c.token = c.DelegatedToken(id, scope)
		if got := c.ok("/v1.0/me?$select=jobTitle,assignedLicenses"); got["jobTitle"] != fullUser["jobTitle"] || len(rows(got, "assignedLicenses")) == 0 {
			t.Errorf("%s: %v", scope, got)
		}
	}

	callers("Group.ReadBasic.All", func(who string) {
		shows(who, c.ok(e5), fullGroup, basicGroup)
		shows(who, index(c.all("/v1.0/groups"), "id")[group], fullGroup, basicGroup)
		refused(who, e5+"?$select=id,assignedLicenses", "/v1.0/groups?$select=licenseProcessingState", "/v1.0/groups?$select=createdDateTime",
			"/v1.0/groups?$orderby=createdDateTime&$count=true", "/v1.0/groups/delta", "/v1.0/users", e5+"/membersWithLicenseErrors")
		if n := len(items(c.ok("/v1.0/groups?$filter=hasMembersWithLicenseErrors eq true"))); n != 0 {
			t.Errorf("%s: %d groups with errors", who, n)
		}
		if r := c.get("/v1.0/groups/$count?$filter=assignedLicenses/$count ne 0", eventual...); string(r.raw) != "0" {
			t.Errorf("%s: counted %s", who, r.raw)
		}
		if n := len(items(c.ok("/v1.0/groups?$filter=securityEnabled eq true"))); n == 0 {
			t.Errorf("%s: no security group", who)
		}
	})

	// Permissions to read memberships include no properties of the members.
	members := "/v1.0/groups/" + c.of("campus") + "/members"
	for _, permission := range []string{"GroupMember.ReadBasic.All", "Group.ReadBasic.All", "GroupMember.ReadWrite.All", "GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All"} {
		callers(permission, func(who string) {
			for _, m := range c.all(members) {
				kind := strings.TrimPrefix(str(m, "@odata.type"), "#microsoft.graph.")
				reads := kind == "group" && !slices.Contains([]string{"GroupMember.ReadBasic.All", "GroupMember.ReadWrite.All"}, permission)
				if _, named := m["displayName"]; named != reads || !reads && len(m) != 2 {
					t.Errorf("%s with %s: %v", who, permission, m)
				}
			}
			// Filters and searches by hidden properties find nothing.
			for _, option := range []string{"$count=true&$filter=startswith(displayName,'kiosk')", `$search="displayName:kiosk"`} {
				if n := len(items(c.ok(members+"?"+option, eventual...))); n != 0 {
					t.Errorf("%s with %s: %s finds %d", who, permission, option, n)
				}
			}
			if n := len(items(c.ok(members+"?$count=true&$filter=id eq '"+str(c.all(members)[0], "id")+"'", eventual...))); n != 1 {
				t.Errorf("%s with %s: by id %d", who, permission, n)
			}
		})
	}
	c.SetVariants(Variants{Roles: []string{"GroupMember.ReadBasic.All", "User.ReadBasic.All"}})
	c.token = c.newToken()
	full := 0
	for _, m := range c.all(members + "?$select=id,displayName,jobTitle") {
		person := strings.HasSuffix(strings.ToLower(str(m, "@odata.type")), "user")
		if _, named := m["displayName"]; named != person || m["jobTitle"] != nil {
			t.Errorf("%v", m)
		}
		if person {
			full++
		}
	}
	if full == 0 {
		t.Error("no user among the members")
	}
}
