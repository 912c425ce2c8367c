package emulator

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var eventual = []string{"ConsistencyLevel", "eventual"}

func TestMembers(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	path := "/v1.0/groups/" + c.of("campus") + "/members"
	all := c.all(path)
	kinds := map[string]int{}
	for _, m := range all {
		kinds[strings.TrimPrefix(str(m, "@odata.type"), "#microsoft.graph.")]++
	}
	if kinds["user"] < 5 || kinds["group"] != 2 || kinds["device"] != 9 {
		t.Errorf("members by kind: %v", kinds)
	}
	if n := len(slices.DeleteFunc(c.all("/v1.0/groups/"+c.of("oncall")+"/members"), func(m row) bool { return str(m, "@odata.type") != "#microsoft.graph.servicePrincipal" })); n != 1 {
		t.Errorf("%d service principals, want 1", n)
	}
	if diff := cmp.Diff(all, c.all(path+"?$top=3")); diff != "" {
		t.Errorf("pages of three lose or repeat (-want +got):\n%s", diff)
	}
	some := items(c.ok(path + "?$select=id,displayName,deviceId,licenseAssignmentStates"))
	for _, m := range some {
		want := []string{"@odata.type", "displayName", "id"}
		if strings.HasSuffix(str(m, "@odata.type"), "device") {
			want = []string{"@odata.type", "deviceId", "displayName", "id"}
		}
		if diff := cmp.Diff(want, keys(m)); diff != "" {
			t.Errorf("selected properties (-want +got):\n%s", diff)
		}
	}
	groups := slices.DeleteFunc(slices.Clone(all), func(m row) bool { return str(m, "@odata.type") != "#microsoft.graph.group" })
	cast := c.all(path+"/microsoft.graph.group?$count=true&$select=id,displayName", eventual...)
	slices.SortFunc(cast, func(a, b row) int { return strings.Compare(str(a, "id"), str(b, "id")) })
	slices.SortFunc(groups, func(a, b row) int { return strings.Compare(str(a, "id"), str(b, "id")) })
	if len(cast) != len(groups) || str(cast[0], "id") != str(groups[0], "id") || str(cast[1], "displayName") != str(groups[1], "displayName") {
		t.Errorf("cast %v, want %v", cast, groups)
	}
	if r := c.get(path + "/microsoft.graph.group?$count=true"); r.status != 400 || !strings.Contains(string(r.raw), "Request_UnsupportedQuery") {
		t.Errorf("cast without the header: %s", r.raw)
	}
	count := c.ok(path+"?$count=true&$top=5", eventual...)
	if count["@odata.count"] != float64(len(all)) {
		t.Errorf("@odata.count = %v, want %d", count["@odata.count"], len(all))
	}
	if uncounted := c.ok(path + "?$count=true"); uncounted["@odata.count"] != nil {
		t.Errorf("@odata.count = %v without the header", uncounted["@odata.count"])
	}
	if n := len(c.all(str(count, "@odata.nextLink"), eventual...)); n != len(all)-5 {
		t.Errorf("%d on the next pages", n)
	}
	kiosks := c.all(path+"?$count=true&$filter=startswith(displayName,'kiosk')", eventual...)
	if diff := cmp.Diff(kiosks, c.all(path+`?$count=true&$search="displayName:kiosk"`, eventual...)); diff != "" || len(kiosks) == 0 {
		t.Errorf("%d kiosks by $filter, by $search (-filter +search):\n%s", len(kiosks), diff)
	}
	if n := len(c.all("/v1.0/groups/" + c.of("all") + "/members?$top=999")); n != 490 {
		t.Errorf("%d employees", n)
	}

	c.SetVariants(Variants{Roles: []string{"GroupMember.Read.All", "User.Read.All"}})
	c.token = c.newToken()
	for _, m := range c.all(path + "?$select=id,displayName") {
		_, named := m["displayName"]
		readable := strings.HasSuffix(strings.ToLower(str(m, "@odata.type")), "user") || strings.HasSuffix(str(m, "@odata.type"), "group")
		if named != readable || str(m, "id") == "" {
			t.Errorf("limited information: %v", m)
		}
	}
	c.SetVariants(Variants{Roles: []string{"User.Read.All"}})
	c.token = c.newToken()
	if r := c.get(path); r.status != 403 {
		t.Errorf("without GroupMember.Read.All: %d", r.status)
	}
}

// TestExpandedMembers tests that $expand returns twenty members without a link
// to the rest.
func TestExpandedMembers(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	all := "/v1.0/groups/" + c.of("all")
	g := c.ok(all + "?$select=id&$expand=members")
	if diff := cmp.Diff(c.all(all + "/members?$top=999")[:20], rows(g, "members")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"@odata.context", "id", "members"}, keys(g)); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	for _, g := range c.all("/v1.0/groups?$expand=members") {
		if n := len(c.all("/v1.0/groups/" + str(g, "id") + "/members?$top=999")); g["members"] == nil || len(rows(g, "members")) != min(n, 20) {
			t.Errorf("%s: %d expanded of %d", str(g, "displayName"), len(rows(g, "members")), n)
		}
	}
	c.refuses([]rejection{
		{"nested select", all + "?$expand=members($select=id)", 400, "BadRequest"},
		{"two relations", all + "?$expand=members,owners", 400, "BadRequest"},
		{"cloudLicensing", all + "?$expand=cloudLicensing/assignments", 400, "BadRequest"},
		{"members with errors", all + "?$expand=membersWithLicenseErrors", 400, "BadRequest"},
	})
	if r := c.get("/v1.0/groups?$expand=members&$count=true", eventual...); r.status != 400 || r.code() != "Request_UnsupportedQuery" {
		t.Errorf("with an advanced query: %d %s", r.status, r.raw)
	}
}

func TestRefusedDirectory(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	path := "/v1.0/groups/" + c.groupID(0) + "/members"
	user := "/v1.0/users/" + c.userID(0)
	const unsupported, advanced = "Request_UnsupportedQuery", "&$count=true"
	c.refuses([]rejection{
		{"members: filter without header", path + "?$filter=startswith(displayName,'a')", 400, unsupported},
		{"members: search without header", path + `?$search="displayName:a"`, 400, unsupported},
		{"members: orderby", path + "?$orderby=displayName", 400, unsupported},
		{"members: expand", path + "?$expand=memberOf", 400, unsupported},
		{"members: skip", path + "?$skip=1", 400, unsupported},
		{"members: top", path + "?$top=1000", 400, unsupported},
		{"members: unknown property", path + "?$select=colour", 400, "BadRequest"},
		{"members of no group", "/v1.0/groups/" + c.TenantID() + "/members", 404, "Request_ResourceNotFound"},
		{"members of a malformed id", "/v1.0/groups/x/members", 400, "Request_BadRequest"},
		{"one member", path + "/x", 400, "BadRequest"},
		{"groups: errors selected", "/v1.0/groups?$select=id,hasMembersWithLicenseErrors", 400, "BadRequest"},
		{"details: top", user + "/licenseDetails?$top=1", 400, unsupported},
		{"details: expand", user + "/licenseDetails?$expand=x", 400, unsupported},
		{"details: unknown property", user + "/licenseDetails?$select=colour", 400, "BadRequest"},
		{"details of an unknown user", "/v1.0/users/" + c.TenantID() + "/licenseDetails", 404, "Request_ResourceNotFound"},
		{"devices", "/v1.0/devices", 501, "notImplemented"},
	})
	for name, uri := range map[string]string{
		"members: search for another property": path + `?$search="mail:a"` + advanced,
		"members: search without quotes":       path + `?$search=displayName:a` + advanced,
		"members: two searches side by side":   path + `?$search="displayName:a" "displayName:b"` + advanced,
		"users: search for a long text":        `/v1.0/users?$search="displayName:` + strings.Repeat("x", maxValueLength+1) + `"` + advanced,
		"members: or in lower case":            path + `?$search="displayName:a" or "displayName:b"` + advanced,
		"members: one of two searches":         path + `?$search="displayName:a" OR "mail:b"` + advanced,
		"members: filter by name of account":   path + "?$filter=userPrincipalName eq 'a'" + advanced,
		"users: search for another property":   `/v1.0/users?$search="id:a"` + advanced,
		"users: search for nothing":            `/v1.0/users?$search="displayName:"` + advanced,
		"groups: long query":                   "/v1.0/groups?$count=true&$filter=id in (" + strings.Repeat("'x',", 600) + "'x')",
	} {
		if r := c.get(uri, eventual...); r.status != 400 || r.code() != unsupported {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
}

func TestSearch(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	word := func(name string) bool {
		return slices.ContainsFunc(strings.Fields(strings.ToLower(name)), func(w string) bool { return strings.HasPrefix(w, "mü") })
	}
	want := []string{}
	for _, u := range c.all("/v1.0/users?$top=999") {
		if word(str(u, "displayName")) {
			want = append(want, str(u, "id"))
		}
	}
	got := []string{}
	for _, u := range c.all(`/v1.0/users?$search="displayName:Mü"&$count=true&$top=2`, eventual...) {
		got = append(got, str(u, "id"))
	}
	if diff := cmp.Diff(want, got); diff != "" || len(want) == 0 {
		t.Errorf("%d found (-want +got):\n%s", len(got), diff)
	}
	if n := len(c.all(`/v1.0/groups?$search="displayName:copilot"&$count=true&$orderby=displayName desc`, eventual...)); n != 2 {
		t.Errorf("%d groups found", n)
	}
}

func TestLicenseDetails(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	u := items(c.ok("/v1.0/users?$filter=assignedLicenses/any(l:l/skuId eq " + skuID(skuExchange) + ")&$top=1"))[0]
	path := "/v1.0/users/" + str(u, "id") + "/licenseDetails"
	r := c.get(path)
	all := items(r.body)
	if len(all) != 2 || r.header.Get("x-ms-resource-unit") != "2" || str(r.body, "@odata.context") != c.URL+"/v1.0/$metadata#users('"+str(u, "id")+"')/licenseDetails" {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	if diff := cmp.Diff([]string{"id", "servicePlans", "skuId", "skuPartNumber"}, keys(all[0])); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"skuPartNumber"}, keys(items(c.ok(path + "?$select=skuPartNumber"))[0])); diff != "" {
		t.Errorf("selected properties (-want +got):\n%s", diff)
	}
	for _, l := range all {
		one := c.ok(path + "/" + str(l, "id"))
		delete(one, "@odata.context")
		if diff := cmp.Diff(l, one); diff != "" {
			t.Errorf("(-list +item):\n%s", diff)
		}
	}
	if r := c.get(path + "/" + str(u, "id")); r.status != 404 {
		t.Errorf("an unknown license: %d", r.status)
	}
	// Only users can ask whether somebody may use Teams.
	if r := c.get(path + "/getTeamsLicensingDetails"); r.status != 403 {
		t.Errorf("an application: %d", r.status)
	}
	noTeams := str(items(c.ok("/v1.0/groups/" + c.of("noteams") + "/members"))[0], "id")
	reader := c.DelegatedToken(c.PersonInRole("Global Reader"), "Directory.Read.All")
	for user, want := range map[string]bool{str(u, "id"): true, noTeams: false} {
		if r := c.get("/v1.0/users/"+user+"/licenseDetails/getTeamsLicensingDetails", "Authorization", "Bearer "+reader); r.body["hasTeamsLicense"] != want {
			t.Errorf("%t: %s", want, r.raw)
		}
	}
	for caller, scope := range map[string]string{c.PersonInRole("Global Reader"): "User.Read", c.PersonInRole(""): "Directory.Read.All"} {
		if r := c.get(path+"/getTeamsLicensingDetails", "Authorization", "Bearer "+c.DelegatedToken(caller, scope)); r.status != 403 {
			t.Errorf("%s of another user: %d", scope, r.status)
		}
	}
	for scope, want := range map[string]int{"LicenseAssignment.Read.All": 200, "User.Read": 200, "User.Read.All": 200, "Group.Read.All": 403} {
		if r := c.get(path, "Authorization", "Bearer "+c.DelegatedToken(str(u, "id"), scope)); r.status != want {
			t.Errorf("a user with %s: %d", scope, r.status)
		}
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: Variants{Devices: true}})
	with, without := c.current().Devices()[0], c.current().Devices()[2]
	path := "/beta/devices/" + with.ID.String() + "/cloudLicensing/"
	rights := items(c.ok(path + "usageRights?$expand=assignments,allotments($select=id)"))
	if len(rights) != 1 || rights[0]["skuId"] != nil || len(rows(rights[0], "services")) != 2 || str(rows(rights[0], "allotments")[0], "id") != c.pool(noSku, 0) {
		t.Errorf("rights: %v", rights)
	}
	if got := c.ok("/beta/devices/" + without.ID.String() + "/cloudLicensing/usageRights"); got["value"] == nil || len(items(got)) != 0 {
		t.Errorf("a device without units: %v", got)
	}
	if got := c.ok(path + "waitingMembers?$select=id"); got["value"] == nil || len(items(got)) != 0 {
		t.Errorf("waiting: %v", got)
	}
	c.refuses([]rejection{
		{"queue: top", path + "waitingMembers?$top=5", 400, "invalidQuery"},
		{"unknown device", "/beta/devices/" + c.TenantID() + "/cloudLicensing/usageRights", 404, "Request_ResourceNotFound"},
		{"malformed id", "/beta/devices/x/cloudLicensing/usageRights", 400, "Request_BadRequest"},
		{"one right", path + "usageRights/x", 404, "resourceNotFound"},
		{"devices", "/beta/devices", 501, "notImplemented"},
	})
	r := c.do("POST", "/v1.0/directoryObjects/getByIds", `{"ids":["`+with.ID.String()+`","`+c.current().PrincipalID().String()+`"],"types":["device"]}`)
	if got := items(r.body); len(got) != 1 || str(got[0], "@odata.type") != "#microsoft.graph.device" || str(got[0], "deviceId") != with.DeviceID.String() {
		t.Errorf("by id: %s", r.raw)
	}
}
