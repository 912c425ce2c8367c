package emulator

import (
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
)

// directory is write for users and groups.
func (c *client) directory(method, path string, status int, members ...any) reply {
	c.t.Helper()
	text := ""
	if members != nil {
		text = body(members...)
	}
	return c.write(method, "/v1.0/"+path, text, status)
}

func (c *client) newUser(name string, more ...any) string {
	c.t.Helper()
	all := append([]any{"displayName", name, "mailNickname", name, "userPrincipalName", name + "@" + tenant.MainDomain, "accountEnabled", true,
		"passwordProfile", row{"password": "not-a-secret"}}, more...)
	return str(c.directory("POST", "users", 201, all...).body, "id")
}

func memberRef(c *client, id string) []any {
	return []any{"@odata.id", c.URL + "/v1.0/directoryObjects/" + id}
}

// TestLocation tests that a new usage location resolves an error only when the
// user is reprocessed.
func TestLocation(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	x := c.errorWhere(func(x tenant.AssignmentError) bool { return c.current().Failure(x).Cause == tenant.Location })
	user := c.userID(x.User)
	failing := func() bool {
		return slices.ContainsFunc(c.states(user), func(s row) bool { return str(s, "error") == "ProhibitedInUsageLocationViolation" })
	}
	c.directory("PATCH", "users/"+user, 204, "usageLocation", "NO")
	if got := c.ok("/v1.0/users/" + user + "?$select=usageLocation"); str(got, "usageLocation") != "NO" || !failing() {
		t.Fatalf("before it is processed: %v", got)
	}
	c.directory("POST", "users/"+user+"/reprocessLicenseAssignment", 200)
	if failing() {
		t.Errorf("afterwards: %v", c.states(user))
	}
	checkUnits(t, c.Emulator)
}

// TestAddressConflict gives a user the address of another user's future
// mailbox, and removes it.
func TestAddressConflict(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	taker := c.newUser("taker", "usageLocation", "DE", "mail", "wanted@"+tenant.MainDomain)
	user := c.newUser("wanted", "usageLocation", "DE")
	assign := body("addLicenses", []row{{"skuId": skuID(skuE3)}}, "removeLicenses", off())
	uri := "/beta/users/" + user + "/cloudLicensing/assignments"
	direct := body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE3, 0)), disabledPlans, off())
	if r := c.write("POST", uri, direct, 400); r.body["error"].(row)["innerError"].(row)["code"] != "proxyAddressConflict" {
		t.Errorf("%s", r.raw)
	}
	c.directory("POST", "groups/"+c.of("plant")+"/members/$ref", 204, memberRef(c, user)...)
	c.later(time.Minute)
	if got := c.states(user); len(got) != 2 || str(got[0], "error") != "UniquenessViolation" || str(got[1], "error") != "Other" {
		t.Errorf("through a group of two products: %v", got)
	}
	c.directory("PATCH", "users/"+taker, 204, "mail", nil)
	c.directory("POST", "users/"+user+"/reprocessLicenseAssignment", 200)
	if got := c.states(user); len(got) != 2 || str(got[0], "state") != "Active" || str(got[1], "state") != "Active" {
		t.Errorf("afterwards: %v", got)
	}
	// The mailbox has the address now.
	if r := c.directory("PATCH", "users/"+taker, 400, "mail", "wanted@"+tenant.MainDomain); rows(r.body["error"].(row), "details")[0]["target"] != "proxyAddresses" {
		t.Errorf("%s", r.raw)
	}
	c.write("POST", "/v1.0/users/"+user+"/assignLicense", assign, 200)
	checkUnits(t, c.Emulator)
}

// TestMembership tests the licenses of a user that joins and leaves a group,
// with the delay.
func TestMembership(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: Variants{GroupEffects: time.Minute}})
	user := c.newUser("joiner", "usageLocation", "DE")
	group := c.of("visio")
	inherited := func() int { return len(c.states(user)) }
	_, before := c.units(skuVisio, 0)
	c.directory("POST", "groups/"+group+"/members/$ref", 204, memberRef(c, user)...)
	c.directory("POST", "groups/"+group+"/members/$ref", 400, memberRef(c, user)...)
	if inherited() != 0 || !slices.Contains(c.texts("/v1.0/groups/"+group+"/members", "id"), user) {
		t.Error("who joins is a member at once and licensed later")
	}
	c.later(time.Minute)
	if _, n := c.units(skuVisio, 0); inherited() != 1 || n != before+1 {
		t.Errorf("a minute later: %d licenses, %d units", inherited(), n-before)
	}
	c.directory("DELETE", "groups/"+group+"/members/"+user+"/$ref", 204)
	c.directory("DELETE", "groups/"+group+"/members/"+user+"/$ref", 404)
	if inherited() != 1 {
		t.Error("who leaves loses the license at once")
	}
	c.later(time.Minute)
	if _, n := c.units(skuVisio, 0); inherited() != 0 || n != before {
		t.Errorf("a minute later: %d licenses, %d units", inherited(), n-before)
	}
	checkUnits(t, c.Emulator)
}

func (c *client) texts(uri, name string, headers ...string) []string {
	var list []string
	for _, o := range c.all(uri, headers...) {
		list = append(list, str(o, name))
	}
	return list
}

// TestDeletedUser tests that units of a deleted user go to the first users
// in the queue.
func TestDeletedUser(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	queue := pools + "/" + c.pool(skuCopilot, 0) + "/waitingMembers?$expand=assignedTo"
	first := str(items(c.ok(queue))[0]["assignedTo"].(row), "id")
	holder := c.userID(c.userWhere(func(i int32) bool { return c.current().HasProduct(i, skuCopilot) }))
	c.directory("DELETE", "users/"+holder, 204)
	c.directory("DELETE", "users/"+holder, 404)
	if next := str(items(c.ok(queue))[0]["assignedTo"].(row), "id"); next == first {
		t.Error("the first of the queue still waits")
	}
	if slices.ContainsFunc(c.states(first), func(s row) bool { return str(s, "error") == "CountViolation" }) {
		t.Errorf("%v", c.states(first))
	}
	if r := c.get("/v1.0/users/" + holder); r.status != 404 {
		t.Errorf("the deleted one: %d", r.status)
	}
	checkUnits(t, c.Emulator)
}

func TestGroupsChange(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	user := c.newUser("member", "usageLocation", "DE")
	r := c.directory("POST", "groups", 201, "displayName", "New", "mailNickname", "new", "mailEnabled", false, "securityEnabled", true,
		membersBind, off(c.URL+"/v1.0/users/"+user))
	group := str(r.body, "id")
	if got := c.texts("/v1.0/groups/"+group+"/members", "id"); !slices.Equal(got, []string{user}) {
		t.Errorf("members: %v", got)
	}
	c.directory("PATCH", "groups/"+group, 204, "description", "Something", membersBind, off(c.URL+"/v1.0/directoryObjects/"+c.userID(0)))
	if got := c.ok("/v1.0/groups/" + group); str(got, "description") != "Something" || len(c.all("/v1.0/groups/"+group+"/members")) != 2 {
		t.Errorf("changed: %v", got)
	}
	made := c.write("POST", "/beta/groups/"+group+"/cloudLicensing/assignments", body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuVisio, 0)), disabledPlans, off()), 201)
	if r := c.directory("DELETE", "groups/"+group, 400); r.code() != "Request_BadRequest" {
		t.Errorf("a group with licenses: %s", r.raw)
	}
	c.write("DELETE", granted+"/"+str(made.body, "id"), "", 204)
	c.directory("DELETE", "groups/"+group, 204)
	if r := c.get("/v1.0/groups/" + group); r.status != 404 {
		t.Errorf("the deleted one: %d", r.status)
	}
	checkUnits(t, c.Emulator)
}

func TestRefusedDirectoryWrites(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	user, group := c.userID(0), c.of("guests")
	c.newUser("taken")
	person := func(more ...any) []any {
		return append([]any{"displayName", "A", "mailNickname", "a", "userPrincipalName", "a@" + tenant.MainDomain, "accountEnabled", true, "passwordProfile", row{"password": "x"}}, more...)
	}
	for name, tt := range map[string]struct {
		method, path string
		status       int
		members      []any
	}{
		"no name":               {"POST", "users", 400, []any{"accountEnabled", true}},
		"no password":           {"POST", "users", 400, []any{"displayName", "A", "mailNickname", "a", "userPrincipalName", "a@" + tenant.MainDomain, "accountEnabled", true}},
		"name of another":       {"POST", "users", 400, person("userPrincipalName", "TAKEN@"+tenant.MainDomain)},
		"foreign domain":        {"POST", "users", 400, person("userPrincipalName", "a@elsewhere.example")},
		"unknown property":      {"PATCH", "users/" + user, 400, []any{"colour", "red"}},
		"read-only property":    {"PATCH", "users/" + user, 400, []any{"assignedLicenses", off()}},
		"read-only addresses":   {"PATCH", "users/" + user, 400, []any{"proxyAddresses", off()}},
		"no country":            {"PATCH", "users/" + user, 400, []any{"usageLocation", "Norway"}},
		"no text":               {"PATCH", "users/" + user, 400, []any{"displayName", 5}},
		"no null":               {"PATCH", "users/" + user, 400, []any{"displayName", nil}},
		"unknown user":          {"PATCH", "users/" + c.TenantID(), 404, []any{"city", "Oslo"}},
		"neither kind of group": {"POST", "groups", 400, []any{"displayName", "A", "mailNickname", "a", "mailEnabled", false, "securityEnabled", false}},
		"computed of a group":   {"PATCH", "groups/" + group, 400, []any{"assignedLicenses", off()}},
		"foreign reference":     {"POST", "groups/" + group + "/members/$ref", 400, []any{"@odata.id", "https://elsewhere.example/v1.0/users/" + user}},
		"reference to nothing":  {"POST", "groups/" + group + "/members/$ref", 404, memberRef(c, c.TenantID())},
		"reference to itself":   {"POST", "groups/" + group + "/members/$ref", 400, memberRef(c, group)},
		"too many members":      {"PATCH", "groups/" + group, 400, []any{membersBind, slices.Repeat(off(c.URL+"/v1.0/users/"+user), 21)}},
		"a member twice":        {"PATCH", "groups/" + c.of("board"), 400, []any{membersBind, slices.Repeat(off(c.URL+"/v1.0/users/"+user), 2)}},
		"not a member":          {"DELETE", "groups/" + c.of("board") + "/members/" + c.deviceID(0) + "/$ref", 404, nil},
	} {
		t.Run(name, func(t *testing.T) {
			if r := c.directory(tt.method, tt.path, tt.status, tt.members...); r.status == 400 && r.code() != "Request_BadRequest" {
				t.Errorf("%s", r.raw)
			}
		})
	}
	// Permissions of each directory role.
	for role, want := range map[string][2]int{"License Administrator": {204, 403}, "User Administrator": {204, 204}, "Directory Readers": {403, 403}, "": {403, 403}} {
		c.token = c.DelegatedToken(c.PersonInRole(role), "User.ReadWrite.All")
		c.directory("PATCH", "users/"+user, want[0], "usageLocation", "FR")
		c.directory("PATCH", "users/"+user, want[1], "usageLocation", "FR", "city", "Lyon")
	}
}

// follow reads all pages of a delta query and returns the objects and the
// delta link.
func (c *client) follow(uri string) (list []row, next string) {
	c.t.Helper()
	for range 1000 {
		page := c.ok(uri)
		list = append(list, items(page)...)
		delta, _ := page["@odata.deltaLink"].(string)
		more, _ := page["@odata.nextLink"].(string)
		if (delta == "") == (more == "") {
			c.t.Fatalf("a page with both links or none: %v", page)
		}
		if delta != "" {
			return list, delta
		}
		uri = more
	}
	c.t.Fatal("too many pages")
	return nil, ""
}

func TestDeltaOfUsers(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	all, link := c.follow("/v1.0/users/delta?$select=displayName,assignedLicenses")
	if len(all) != 500 || len(index(all, "id")) != 500 || all[0]["mail"] != nil {
		t.Fatalf("%d users, the first is %v", len(all), all[0])
	}
	if list, again := c.follow(link); len(list) != 0 || again == "" {
		t.Errorf("nothing has changed: %v", list)
	}
	user := c.newUser("fresh", "usageLocation", "DE")
	c.directory("PATCH", "users/"+c.userID(3), 204, "displayName", "Renamed")
	c.directory("PATCH", "users/"+c.userID(4), 204, "usageLocation", "FR")
	c.directory("DELETE", "users/"+c.userID(10), 204)
	c.write("POST", "/v1.0/users/"+user+"/assignLicense", body("addLicenses", []row{{"skuId": skuID(skuE3)}}, "removeLicenses", off()), 200)
	list, next := c.follow(link)
	got := index(list, "id")
	switch {
	case len(list) > len(got):
		t.Error("a page repeats a user")
	case got[user] == nil || len(rows(got[user], "assignedLicenses")) != 1:
		t.Errorf("the new one: %v", got[user])
	case str(got[c.userID(3)], "displayName") != "Renamed":
		t.Errorf("the renamed one: %v", got[c.userID(3)])
	case got[c.userID(10)]["@removed"].(row)["reason"] != "changed" || len(got[c.userID(10)]) != 2:
		t.Errorf("the deleted one: %v", got[c.userID(10)])
	}
	if list, _ := c.follow(next); len(list) != 0 {
		t.Errorf("a known object is repeated: %v", list)
	}
	if list, _ := c.follow(link); len(list) != len(got) {
		t.Errorf("the same link returns %d, first %d", len(list), len(got))
	}

	// licenseAssignmentStates is not tracked.
	_, states := c.follow("/v1.0/users/delta?$select=licenseAssignmentStates&$deltatoken=latest")
	_, only := c.follow("/v1.0/users/delta?$filter=id eq '" + c.userID(7) + "' or id eq '" + c.userID(8) + "'")
	c.write("POST", "/v1.0/users/"+user+"/assignLicense", body("addLicenses", []row{}, "removeLicenses", off(skuID(skuE3))), 200)
	c.directory("PATCH", "users/"+c.userID(8), 204, "city", "Oslo")
	c.directory("PATCH", "users/"+c.userID(9), 204, "city", "Oslo")
	if list, _ := c.follow(states); len(list) != 0 {
		t.Errorf("changes of states are returned: %v", list)
	}
	if list, _ := c.follow(only); len(list) != 1 || str(list[0], "id") != c.userID(8) {
		t.Errorf("by id: %v", list)
	}

	c.refuses([]rejection{
		{"expand", "/v1.0/users/delta?$expand=manager", 400, "Request_UnsupportedQuery"},
		{"top", "/v1.0/users/delta?$top=5", 400, "Request_UnsupportedQuery"},
		{"order", "/v1.0/users/delta?$orderby=displayName", 400, "Request_UnsupportedQuery"},
		{"filter", "/v1.0/users/delta?$filter=displayName eq 'A'", 400, "Request_UnsupportedQuery"},
		{"filter by an id without quotes", "/v1.0/users/delta?$filter=id eq " + c.userID(7), 400, "Request_UnsupportedQuery"},
		{"property", "/v1.0/users/delta?$select=colour", 400, "BadRequest"},
		{"token", "/v1.0/users/delta?$deltatoken=AAAA", 400, "Request_BadRequest"},
		{"token of another path", "/v1.0/groups/delta?" + link[len(c.URL+"/v1.0/users/delta?"):], 400, "Request_BadRequest"},
		{"token and an option", link + "&$select=id", 400, "Request_BadRequest"},
	})
	c.later(7*24*time.Hour + time.Second)
	c.token = c.newToken()
	if r := c.get(link); r.status != 410 || r.code() != "resyncRequired" || r.header.Get("Location") == "" {
		t.Errorf("an old token: %d %s", r.status, r.raw)
	} else if list, _ := c.follow(r.header.Get("Location")); len(list) != 500 {
		t.Errorf("from the beginning: %d", len(list))
	}
	_, link = c.follow("/v1.0/users/delta?$deltatoken=latest")
	c.Reset()
	if r := c.get(link); r.status != 400 || r.code() != "syncStateNotFound" {
		t.Errorf("a token from before the reset: %d %s", r.status, r.raw)
	}
}

func TestDeltaOfGroups(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	members := map[string]int{}
	list, link := c.follow("/v1.0/groups/delta")
	for _, g := range list {
		members[str(g, "id")] += len(rows(g, "members@delta"))
	}
	if len(list) <= len(members) {
		t.Error("no group is large enough to be repeated")
	}
	for id, n := range members {
		if want := len(c.all("/v1.0/groups/" + id + "/members")); n != want {
			t.Errorf("%s: %d members, want %d", id, n, want)
		}
	}
	board := c.of("board")
	c.directory("POST", "groups/"+board+"/members/$ref", 204, memberRef(c, c.deviceID(1))...)
	c.directory("DELETE", "groups/"+c.of("visio")+"/members/"+c.texts("/v1.0/groups/"+c.of("visio")+"/members", "id")[0]+"/$ref", 204)
	c.directory("DELETE", "groups/"+c.of("payroll"), 204)
	c.directory("DELETE", "groups/"+c.of("latam"), 204)
	gone := map[string]string{}
	list, _ = c.follow(link)
	got := index(list, "id")
	for id, g := range got {
		if r, ok := g["@removed"].(row); ok {
			gone[id] = str(r, "reason")
		}
	}
	if m := rows(got[board], "members@delta"); len(m) != 1 || str(m[0], "@odata.type") != "#microsoft.graph.device" || m[0]["@removed"] != nil {
		t.Errorf("added: %v", m)
	}
	if m := rows(got[c.of("visio")], "members@delta"); len(m) != 1 || m[0]["@removed"].(row)["reason"] != "deleted" {
		t.Errorf("removed: %v", m)
	}
	reasons := map[string]bool{}
	for _, reason := range gone {
		reasons[reason] = true
	}
	if len(gone) != 2 || !reasons["deleted"] || !reasons["changed"] {
		t.Errorf("a security group is deleted permanently, a Microsoft 365 group is not: %v", gone)
	}
}

// TestDeleteGroupWhileProcessing tests that a group cannot be deleted while its licenses
// are being removed, and that no member keeps a unit.
func TestDeleteGroupWhileProcessing(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: Variants{GroupEffects: 10 * time.Second}})
	group := c.of("e5")
	_, before := c.units(skuE5, 0)
	c.write("POST", "/v1.0/groups/"+group+"/assignLicense", body("addLicenses", []row{}, "removeLicenses", off(skuID(skuE5))), 202)
	c.directory("DELETE", "groups/"+group, 400)
	c.later(time.Minute)
	c.directory("DELETE", "groups/"+group, 204)
	if _, after := c.units(skuE5, 0); before == 0 || after != 0 {
		t.Errorf("%d units before, %d after", before, after)
	}
	checkUnits(t, c.Emulator)
}

// TestJoinAgain tests that a user that leaves and joins again goes to the end
// of the queue.
func TestJoinAgain(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: Variants{GroupEffects: time.Minute}})
	user := c.newUser("again", "usageLocation", "DE")
	member := "groups/" + c.of("visio") + "/members/"
	c.directory("POST", member+"$ref", 204, memberRef(c, user)...)
	c.later(30 * time.Second)
	c.directory("DELETE", member+user+"/$ref", 204)
	c.later(20 * time.Second)
	c.directory("POST", member+"$ref", 204, memberRef(c, user)...)
	c.later(59 * time.Second)
	if n := len(c.states(user)); n != 0 {
		t.Errorf("%d licenses a second before", n)
	}
	c.later(time.Second)
	if n := len(c.states(user)); n != 1 {
		t.Errorf("%d licenses a minute later", n)
	}
}

// TestDeltaUnderChange changes the objects of a first round while it is in
// progress.
func TestDeltaUnderChange(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	page := c.ok("/v1.0/users/delta?$select=displayName")
	c.directory("PATCH", "users/"+c.userID(0), 204, "displayName", "Meanwhile")
	rest, link := c.follow(page["@odata.nextLink"].(string))
	told, _ := c.follow(link)
	if len(items(page))+len(rest) != 500 || len(told) != 1 || str(told[0], "displayName") != "Meanwhile" {
		t.Errorf("%d and %d users, then %v", len(items(page)), len(rest), told)
	}

	// Deleting a group between two of its pages does not omit members of the
	// next group.
	var groups []string
	for n := range 2 {
		r := c.directory("POST", "groups", 201, "displayName", "Large", "mailNickname", "large", "mailEnabled", false, "securityEnabled", true)
		groups = append(groups, str(r.body, "id"))
		for i := range int32(maxDeltaMembers + 50) {
			if i%maxBound == 0 {
				urls := []string{}
				for j := i; j < min(i+maxBound, maxDeltaMembers+50); j++ {
					urls = append(urls, c.URL+"/v1.0/users/"+c.userID(j))
				}
				c.directory("PATCH", "groups/"+groups[n], 204, membersBind, urls)
			}
		}
	}
	members := 0
	uri := "/v1.0/groups/delta?$select=members&$filter=id eq '" + groups[0] + "' or id eq '" + groups[1] + "'"
	for range 10 {
		page := c.ok(uri)
		for _, g := range items(page) {
			if str(g, "id") == groups[1] {
				members += len(rows(g, "members@delta"))
			} else if str(g, "id") == groups[0] {
				c.directory("DELETE", "groups/"+groups[0], 204)
			}
		}
		next, _ := page["@odata.nextLink"].(string)
		if next == "" {
			break
		}
		uri = next
	}
	if members != maxDeltaMembers+50 {
		t.Errorf("%d members of the second group", members)
	}
}

// TestOldLinks tests that links from before a reset or of another process are
// invalid.
func TestOldLinks(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	next := c.ok("/v1.0/users?$top=5")["@odata.nextLink"].(string)
	_, link := c.follow("/v1.0/users/delta?$deltatoken=latest")
	other := start(t, Options{})
	other.token = other.newToken()
	move := func(uri string) string { return uri[len(c.URL):] }
	c.Reset()
	for _, at := range []*client{c, other} {
		if r := at.get(move(next)); r.status != 400 || r.code() != "DirectoryPageTokenNotFoundException" {
			t.Errorf("a page: %d %s", r.status, r.raw)
		}
		if r := at.get(move(link)); r.status != 400 || r.code() != "syncStateNotFound" {
			t.Errorf("changes: %d %s", r.status, r.raw)
		}
	}
}

// TestLapsedPlans tests that removed plans stay in assignedPlans as Deleted.
func TestLapsedPlans(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	user := c.newUser("lapsed", "usageLocation", "DE")
	plans := func() map[string]int {
		n := map[string]int{}
		for _, p := range rows(c.ok("/v1.0/users/"+user+"?$select=assignedPlans"), "assignedPlans") {
			n[str(p, "capabilityStatus")]++
		}
		return n
	}
	own := c.assign("users/"+user, c.pool(skuE3, 0))
	all := plans()["Enabled"]
	c.write("PATCH", granted+"/"+own, body(disabledPlans, off(planID(skuE3, "SWAY"))), 200)
	if n := plans(); n["Enabled"] != all-1 || n["Deleted"] != 1 {
		t.Errorf("without one: %v of %d", n, all)
	}
	c.write("DELETE", granted+"/"+own, "", 204)
	if n := plans(); n["Enabled"] != 0 || n["Deleted"] != all {
		t.Errorf("without any: %v of %d", n, all)
	}
	c.assign("users/"+user, c.pool(skuE3, 0))
	if n := plans(); n["Enabled"] != all || n["Deleted"] != 0 {
		t.Errorf("with all again: %v of %d", n, all)
	}
}

// TestBusyKeepsPlace tests that a user that cannot take a unit keeps the place
// in the queue.
func TestBusyKeepsPlace(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	queue := pools + "/" + c.pool(skuCopilot, 0) + "/waitingMembers?$expand=assignedTo"
	waiting := func() []string {
		var ids []string
		for _, w := range c.all(queue) {
			ids = append(ids, str(w["assignedTo"].(row), "id"))
		}
		return ids
	}
	before := waiting()
	c.steer("PATCH", "users/"+before[0], `{"busy":"true"}`)
	c.assign("users/"+before[0], c.pool(skuVisio, 0)) // Reprocess the user.
	if after := waiting(); !slices.Equal(before, after) {
		t.Errorf("busy: %d in the queue, the first is another: %t", len(after), after[0] != before[0])
	}
	allotted, _ := c.units(skuCopilot, 0)
	c.steer("PATCH", "allotments/"+c.pool(skuCopilot, 0), body("allottedUnits", allotted+1))
	if after := waiting(); !slices.Equal(append(before[:1:1], before[2:]...), after) {
		t.Error("the unit did not go to the second")
	}
	c.directory("POST", "users/"+before[0]+"/reprocessLicenseAssignment", 200)
	c.steer("PATCH", "allotments/"+c.pool(skuCopilot, 0), body("allottedUnits", allotted+2))
	if after := waiting(); !slices.Equal(before[2:], after) {
		t.Error("the next unit did not go to the first")
	}
	checkUnits(t, c.Emulator)
}

// TestLaggingDelta tests that delta queries return changes after the
// replication lag.
func TestLaggingDelta(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Variants: Variants{ReplicationLag: 30 * time.Second, GroupEffects: 50 * time.Second}})
	_, link := c.follow("/v1.0/users/delta?$deltatoken=latest")
	c.assign("groups/"+c.of("all"), c.pool(skuVisio, 0))
	c.later(25 * time.Second)
	_, during := c.follow(link)
	c.directory("PATCH", "users/"+c.userID(1), 204, "displayName", "During")
	c.later(40 * time.Second)
	for _, from := range []string{link, during} {
		told, _ := c.follow(from)
		if got := index(told, "id")[c.userID(1)]; str(got, "displayName") != "During" {
			t.Errorf("%d changes, without that one: %v", len(told), got)
		}
	}
}

// TestDirectoryRolesOfPages tests the directory roles on the pages of
// assignLicense, of licenseDetails and of members.
func TestDirectoryRolesOfPages(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	plain := func(n int) string {
		return c.userID(c.userWhere(func(i int32) bool {
			n--
			return n < 0 && c.current().User(i).Role() == 0 && c.current().User(i).Enabled() && !c.current().User(i).Guest() && c.current().User(i).Text("usageLocation") != ""
		}))
	}
	someone, other, group := plain(200), plain(201), c.of("guests")
	nothing := []any{"addLicenses", off(), "removeLicenses", off()}
	const licenses, license, share, details, member, bind, part, rename = 0, 1, 2, 3, 4, 5, 6, 7
	for role, allowed := range map[string]string{
		// user and group assignLicense, cloudLicensing of the group; licenseDetails of another; members/$ref, members@odata.bind, DELETE of one; another property
		"Global Administrator":              "xxxxxxxx",
		"License Administrator":             "xxxx....",
		"User Administrator":                "xxxxxxxx",
		"Directory Writers":                 "xxxxxxxx",
		"Groups Administrator":              ".x..xxxx",
		"Identity Governance Administrator": "....xxx.",
		"Guest Inviter":                     "...x....",
		"Directory Readers":                 "...x....",
		"Global Reader":                     "...x....",
		"Helpdesk Administrator":            "........",
		"":                                  "........",
	} {
		c.Reset()
		who := c.PersonInRole(role)
		if who == "" {
			t.Fatalf("no user has the role %s", role)
		}
		c.token = c.DelegatedToken(who, append(access.DefaultScopes, "Group.ReadWrite.All")...)
		for at, act := range []struct {
			method, uri string
			status      int
			members     []any
		}{
			licenses: {"POST", "/v1.0/users/" + someone + "/assignLicense", 200, nothing},
			license:  {"POST", "/v1.0/groups/" + group + "/assignLicense", 202, nothing},
			share:    {"POST", "/beta/groups/" + group + "/cloudLicensing/assignments", 400, []any{allotmentBind, "x", disabledPlans, off()}}, // after the permission check
			details:  {"GET", "/v1.0/users/" + someone + "/licenseDetails", 200, nil},
			member:   {"POST", "/v1.0/groups/" + group + "/members/$ref", 204, memberRef(c, someone)},
			bind:     {"PATCH", "/v1.0/groups/" + group, 204, []any{membersBind, off(c.URL + "/v1.0/directoryObjects/" + other)}},
			part:     {"DELETE", "/v1.0/groups/" + group + "/members/" + someone + "/$ref", 204, nil},
			rename:   {"PATCH", "/v1.0/groups/" + group, 204, []any{"description", "Changed"}},
		} {
			text := ""
			if act.members != nil {
				text = body(act.members...)
			}
			if allowed[at] == '.' {
				act.status = 403
			}
			if r := c.do(act.method, act.uri, text); r.status != act.status {
				t.Errorf("%q: %s %s: %d %s, want %d", role, act.method, act.uri, r.status, r.raw, act.status)
			}
		}
	}
}

// TestMembersPermissions changes members with the permissions of that
// page, which allow no other change of a group. Devices require one more.
func TestMembersPermissions(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	group, unified, user, device := c.of("guests"), c.of("council"), c.bare(0), c.deviceID(0)
	bound := func(id string) []any { return []any{membersBind, off(c.URL + "/v1.0/directoryObjects/" + id)} }
	withDevices := map[string]int{"GroupMember.ReadWrite.All": 403, "GroupMember.ReadWrite.All Device.ReadWrite.All": 204, "GroupMember.ReadWrite.All Device.Read.All": 403, "Group.ReadWrite.All": 403, "Directory.ReadWrite.All": 204}
	check := func(who string, devices, properties int) {
		t.Helper()
		for _, tt := range []struct {
			method, path string
			status       int
			members      []any
		}{
			{"POST", "groups/" + group + "/members/$ref", 204, memberRef(c, user)},
			{"DELETE", "groups/" + group + "/members/" + user + "/$ref", 204, nil},
			{"PATCH", "groups/" + group, 204, bound(user)},
			{"DELETE", "groups/" + group + "/members/" + user + "/$ref", 204, nil},
			{"POST", "groups/" + group + "/members/$ref", devices, memberRef(c, device)},
			{"DELETE", "groups/" + group + "/members/" + device + "/$ref", devices, nil},
			{"PATCH", "groups/" + group, devices, bound(device)},
			{"PATCH", "groups/" + group, properties, []any{"description", "Changed"}},
			{"PATCH", "groups/" + group, properties, append(bound(user), "description", "Changed")},
		} {
			text := ""
			if tt.members != nil {
				text = body(tt.members...)
			}
			if r := c.do(tt.method, "/v1.0/"+tt.path, text); r.status != tt.status {
				t.Errorf("%s: %s %s %s: %d %s, want %d", who, tt.method, tt.path, text, r.status, r.raw, tt.status)
			}
		}
		c.Reset()
	}
	for roles, devices := range withDevices {
		c.SetVariants(Variants{Roles: strings.Fields(roles)})
		c.token = c.newToken()
		properties := 204
		if strings.HasPrefix(roles, "GroupMember") {
			properties = 403
		}
		check(roles, devices, properties)
	}
	for scopes, devices := range map[string]int{"GroupMember.ReadWrite.All": 403, "GroupMember.ReadWrite.All Device.Read.All": 204} {
		c.token = c.DelegatedToken(c.PersonInRole("User Administrator"), strings.Fields(scopes)...)
		check("a user with "+scopes, devices, 403)
	}
	// Invalid members.
	c.SetVariants(Variants{Roles: []string{"Directory.ReadWrite.All"}})
	c.token = c.newToken()
	for _, tt := range [][2]string{{unified, device}, {unified, group}, {group, unified}} {
		for _, r := range []reply{c.directory("POST", "groups/"+tt[0]+"/members/$ref", 400, memberRef(c, tt[1])...), c.directory("PATCH", "groups/"+tt[0], 400, bound(tt[1])...)} {
			if r.code() != "Request_BadRequest" {
				t.Errorf("%s", r.raw)
			}
		}
	}
	user = c.newUser("newcomer")
	c.directory("POST", "groups/"+unified+"/members/$ref", 204, memberRef(c, user)...)
	if r := c.do("DELETE", "/v1.0/groups/"+unified+"/members/"+user, ""); r.status != 501 || c.get("/v1.0/users/"+user).status == 404 {
		t.Errorf("without $ref: %d %s", r.status, r.raw)
	}
}
