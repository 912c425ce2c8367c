package emulator

import (
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const audits = "/v1.0/auditLogs/directoryAudits"

// unthrottled lets a test read the audit log without waiting.
var unthrottled = Variants{Throttling: Throttling{Off: true}}

// auditsWhere returns the records that satisfy a filter, oldest first.
func (c *client) auditsWhere(filter string) []row {
	c.t.Helper()
	return c.all(audits + "?$orderby=activityDateTime&$filter=" + url.QueryEscape(filter))
}

// auditedSince returns the records since a time as "activity, actor: targets",
// without the updates that follow changes of licenses.
func (c *client) auditedSince(since time.Time) []string {
	c.t.Helper()
	var list []string
	for _, a := range c.auditsWhere("activityDateTime ge " + since.UTC().Format(time.RFC3339Nano)) {
		if a["activityDisplayName"] == "Update user" {
			continue
		}
		by := a["initiatedBy"].(row)
		actor, _ := by["user"].(row)
		name := str(actor, "userPrincipalName")
		if app, ok := by["app"].(row); ok {
			name = str(app, "displayName")
		}
		text := str(a, "activityDisplayName") + ", " + name + ":"
		for _, target := range rows(a, "targetResources") {
			text += " " + str(target, "id")
			for _, m := range rows(target, "modifiedProperties") {
				switch m["displayName"] {
				case "AssignedLicense":
					text += fmt.Sprintf(" %v to %v", skusIn(c.t, m["oldValue"]), skusIn(c.t, m["newValue"]))
				case "Result":
					text += " " + str(m, "newValue")
				}
			}
		}
		list = append(list, text)
	}
	return list
}

var skuInText = regexp.MustCompile(`SkuName=(\w+), AccountId=[0-9a-f-]{36}, SkuId=[0-9a-f-]{36}, DisabledPlans=\[([A-Z0-9_, ]*)\]`)

// skusIn returns the products in a value of AssignedLicense, which is the text
// of a JSON list of texts.
func skusIn(t *testing.T, value any) []string {
	t.Helper()
	var texts []string
	if err := json.Unmarshal([]byte(value.(string)), &texts); err != nil {
		t.Errorf("%v: %v", value, err)
	}
	skus := []string{}
	for _, text := range texts {
		found := skuInText.FindStringSubmatch(text)
		if found == nil {
			t.Errorf("%q is not in the form of AssignedLicense", text)
			continue
		}
		skus = append(skus, strings.TrimSuffix(found[1]+" without "+found[2], " without "))
	}
	return skus
}

// TestAudits tests that each change of licenses and members is in the audit
// log, with its actor and the licenses before and after.
func TestAudits(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: unthrottled})
	admin := c.PersonInRole("License Administrator")
	adminName := str(c.ok("/v1.0/users/"+admin), "userPrincipalName")
	user, n := c.bare(0), 1
	for slices.Contains(ids("AE", "CN", "EG"), str(c.ok("/v1.0/users/"+c.bare(n)+"?$select=usageLocation"), "usageLocation")) { // E5 is not available
		n++
	}
	second := c.bare(n)
	group := str(c.directory("POST", "groups", 201, "displayName", "Audited", "mailNickname", "audited", "mailEnabled", false, "securityEnabled", true).body, "id")
	const app, groups = "License reports", "Microsoft Azure AD Group-Based Licensing"
	application, administrator := c.token, c.DelegatedToken(admin, "LicenseAssignment.ReadWrite.All", "User-CloudLicensing.AssignLicenses.Organization", "Group.ReadWrite.All")
	e5 := "SPE_E5"
	for _, step := range []struct {
		name string
		by   string
		do   func()
		want []string
	}{
		{"assignLicense by a user", administrator, func() {
			c.directory("POST", "users/"+user+"/assignLicense", 200, "addLicenses", []row{{"skuId": skuID(skuE5), "disabledPlans": off(planID(skuE5, "SWAY"))}}, "removeLicenses", off())
		}, ids("Change user license, " + adminName + ": " + user + " [] to [SPE_E5 without SWAY]")},
		{"other plans by an application", application, func() {
			c.directory("POST", "users/"+user+"/assignLicense", 200, "addLicenses", []row{{"skuId": skuID(skuE5)}}, "removeLicenses", off())
		}, ids("Change user license, " + app + ": " + user + " [SPE_E5 without SWAY] to [SPE_E5]")},
		{"an assignment", administrator, func() {
			c.write("POST", "/beta/users/"+user+"/cloudLicensing/assignments", body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuVisio, 0)), disabledPlans, off()), 201)
		}, ids("Change user license, " + adminName + ": " + user + " [SPE_E5] to [SPE_E5 VISIOCLIENT]")},
		{"assignLicense that removes", application, func() {
			c.directory("POST", "users/"+user+"/assignLicense", 200, "addLicenses", off(), "removeLicenses", off(skuID(skuE5), skuID(skuVisio)))
		}, ids("Change user license, " + app + ": " + user + " [SPE_E5 VISIOCLIENT] to []")},
		{"a member of a group without licenses", application, func() {
			c.directory("POST", "groups/"+group+"/members/$ref", 204, memberRef(c, user)...)
		}, ids("Add member to group, " + app + ": " + user + " " + group)},
		{"licenses of a group", administrator, func() {
			c.directory("POST", "groups/"+group+"/assignLicense", 202, "addLicenses", []row{{"skuId": skuID(skuE5)}}, "removeLicenses", off())
		}, ids("Set group license, "+adminName+": "+group+" [] to ["+e5+"]", "Start applying group based license to users, "+groups+": "+group,
			"Change user license, "+groups+": "+user+" [] to ["+e5+"]",
			"Finish applying group based license to users, "+groups+": "+group+" [Users successfully assigned licenses: 1, Users for whom license assignment failed: 0.]")},
		{"members of a licensed group", application, func() {
			c.directory("PATCH", "groups/"+group, 204, "members@odata.bind", []string{c.URL + "/v1.0/directoryObjects/" + second})
		}, ids("Add member to group, "+app+": "+second+" "+group, "Change user license, "+groups+": "+second+" [] to ["+e5+"]")},
		{"a member removed", application, func() {
			c.directory("DELETE", "groups/"+group+"/members/"+second+"/$ref", 204)
		}, ids("Remove member from group, "+app+": "+second+" "+group, "Change user license, "+groups+": "+second+" ["+e5+"] to []")},
		{"no license of a group", application, func() {
			c.directory("POST", "groups/"+group+"/assignLicense", 202, "addLicenses", off(), "removeLicenses", off(skuID(skuE5)))
		}, ids("Set group license, "+app+": "+group+" ["+e5+"] to []", "Start applying group based license to users, "+groups+": "+group,
			"Change user license, "+groups+": "+user+" ["+e5+"] to []",
			"Finish applying group based license to users, "+groups+": "+group+" [Users successfully assigned licenses: 0, Users for whom license assignment failed: 0.]")},
		{"a refused change", application, func() {
			c.directory("POST", "users/"+user+"/assignLicense", 400, "addLicenses", []row{{"skuId": skuID(skuCopilot)}}, "removeLicenses", off())
		}, nil},
		{"a usage location", application, func() { c.directory("PATCH", "users/"+user, 204, "usageLocation", "FR") }, nil},
	} {
		since := c.Now()
		c.token = step.by
		step.do()
		c.token = application
		if diff := cmp.Diff(step.want, c.auditedSince(since)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
		if err := c.Advance(time.Second); err != nil {
			t.Fatal(err)
		}
	}
	since := c.Now()
	c.directory("PATCH", "users/"+user, 204, "department", "Legal", "accountEnabled", false)
	updates := c.auditsWhere("activityDisplayName eq 'Update user' and activityDateTime ge " + since.UTC().Format(time.RFC3339Nano))
	if len(updates) != 1 {
		t.Fatalf("%d updates", len(updates))
	}
	got := index(rows(rows(updates[0], "targetResources")[0], "modifiedProperties"), "displayName")
	if got["AccountEnabled"]["newValue"] != "[false]" || got["Department"]["newValue"] != `["Legal"]` || got["Included Updated Properties"]["newValue"] != `"AccountEnabled, Department"` {
		t.Errorf("%v", got)
	}
}

// TestDelayedAudits tests that the licenses of a group are in the audit log of
// its members when they reach them.
func TestDelayedAudits(t *testing.T) {
	t.Parallel()
	v := unthrottled
	v.GroupEffects = time.Minute
	c := start(t, Options{Now: func() time.Time { return noon }, Variants: v})
	group := c.of("guests")
	c.directory("POST", "groups/"+group+"/assignLicense", 202, "addLicenses", []row{{"skuId": skuID(skuE3)}}, "removeLicenses", off())
	if got := c.auditedSince(noon); len(got) != 1 || !strings.HasPrefix(got[0], "Set group license, ") {
		t.Errorf("at once: %q", got)
	}
	if err := c.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	members, failed := len(c.all("/v1.0/groups/"+group+"/members")), len(c.all("/v1.0/groups/"+group+"/membersWithLicenseErrors"))
	result := fmt.Sprintf(" [Users successfully assigned licenses: %d, Users for whom license assignment failed: %d.]", members-failed, failed)
	got := c.auditedSince(noon.Add(time.Minute))
	if len(got) != members-failed+2 || !strings.HasSuffix(got[len(got)-1], result) || !strings.HasPrefix(got[0], "Start applying") || !strings.HasPrefix(got[len(got)-1], "Finish applying") {
		t.Errorf("%d members later: %q", members, got)
	}
}

// TestAuditHistory tests the records of a generated tenant from before its
// start: they are the same for the same seed, and end in the current licenses.
func TestAuditHistory(t *testing.T) {
	t.Parallel()
	began := func() time.Time { return noon }
	c := start(t, Options{Now: began, Variants: unthrottled})
	list := c.all(audits + "?$top=100")
	if diff := difference(list, start(t, Options{Now: began, Variants: unthrottled}).all(audits)); diff != "" {
		t.Fatalf("another tenant with the same seed:\n%s", strings.ReplaceAll(diff, c.URL, ""))
	}
	count := map[string]int{}
	latest := noon.AddDate(0, 0, 1).Format(time.RFC3339)
	users := map[string]bool{}
	for _, a := range list {
		at := str(a, "activityDateTime")
		if at > latest || at < noon.AddDate(0, 0, -30).Format(time.RFC3339) {
			t.Errorf("not in order, or too old: %s after %s", at, latest)
		}
		latest = at
		count[str(a, "activityDisplayName")]++
		by := a["initiatedBy"].(row)
		if user, ok := by["user"].(row); ok {
			count["by users"]++
			c.ok("/v1.0/users/" + str(user, "id"))
		} else if str(by["app"].(row), "displayName") == "HR Provisioning" {
			count["by applications"]++
		}
		if a["activityDisplayName"] != "Change user license" {
			continue
		}
		target := rows(a, "targetResources")[0]
		id := str(target, "id")
		want := []string{}
		for _, l := range rows(c.ok("/v1.0/users/"+id+"?$select=assignedLicenses"), "assignedLicenses") {
			want = append(want, str(l, "skuId"))
		}
		change := rows(target, "modifiedProperties")[0]
		got := regexp.MustCompile(`SkuId=([0-9a-f-]{36})`).FindAllStringSubmatch(str(change, "newValue"), -1)
		for _, m := range got {
			if !slices.Contains(want, m[1]) {
				t.Errorf("%s does not have %s", id, m[1])
			}
		}
		if users[id] || len(got) != len(want) || change["oldValue"] == change["newValue"] {
			t.Errorf("%s has %v after %v", id, want, change)
		}
		users[id] = true
	}
	for what, least := range map[string]int{
		"Change user license": 50, "Update user": 60, "Set group license": 1, "Start applying group based license to users": 1, "Finish applying group based license to users": 1,
		"Add member to group": 20, "Remove member from group": 5, "by users": 50, "by applications": 20,
	} {
		if count[what] < least {
			t.Errorf("%d records: %s; want at least %d", count[what], what, least)
		}
	}
	// Records are kept for 30 days with a premium license, otherwise for seven.
	if err := c.Advance(10 * 24 * time.Hour); err != nil {
		t.Fatal(err)
	}
	c.token = c.newToken()
	left := c.all(audits)
	if len(left) >= len(list) || len(left) == 0 {
		t.Errorf("%d records after ten days, %d before", len(left), len(list))
	}
	gone := list[len(list)-1]
	if r := c.get(audits + "/" + str(gone, "id")); r.status != 404 {
		t.Errorf("an old record: %d", r.status)
	}
	week := "activityDateTime le " + c.Now().AddDate(0, 0, -7).UTC().Format(time.RFC3339)
	if len(c.auditsWhere(week)) == 0 {
		t.Error("no record is older than seven days")
	}
	v := unthrottled
	v.NotPremium = true
	c.SetVariants(v)
	if n := len(c.auditsWhere(week)); n != 0 {
		t.Errorf("in a tenant without a premium license: %d records older than seven days", n)
	}
	c.SetVariants(unthrottled)
	for _, a := range c.current().Allotments() {
		c.steer("PATCH", "allotments/"+a.ID, `{"state":"suspended"}`)
	}
	if n := len(c.auditsWhere(week)); n != 0 {
		t.Errorf("without a premium license: %d records older than seven days", n)
	}
}

func TestAuditQueries(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: unthrottled})
	list := c.all(audits)
	a := list[slices.IndexFunc(list, func(a row) bool { return a["activityDisplayName"] == "Add member to group" })]
	target, group := rows(a, "targetResources")[0], rows(a, "targetResources")[1]
	day := str(list[len(list)/2], "activityDateTime")
	admin := list[slices.IndexFunc(list, func(a row) bool { return a["initiatedBy"].(row)["user"] != nil })]["initiatedBy"].(row)["user"].(row)
	targets := func(a row, name string, value any) bool {
		return slices.ContainsFunc(rows(a, "targetResources"), func(o row) bool { return o[name] == value })
	}
	actor := func(a row, kind, name string) string {
		o, _ := a["initiatedBy"].(row)[kind].(row)
		return str(o, name)
	}
	for filter, is := range map[string]func(a row) bool{
		"activityDateTime ge " + day:                         func(a row) bool { return str(a, "activityDateTime") >= day },
		"activityDateTime le " + day:                         func(a row) bool { return str(a, "activityDateTime") <= day },
		"activityDisplayName eq 'Change user license'":       func(a row) bool { return a["activityDisplayName"] == "Change user license" },
		"startswith(activityDisplayName,'Start')":            func(a row) bool { return strings.HasPrefix(str(a, "activityDisplayName"), "Start") },
		"loggedByService eq 'Core Directory'":                func(row) bool { return true },
		"loggedByService eq 'Self-service'":                  func(row) bool { return false },
		"correlationId eq '" + str(a, "correlationId") + "'": func(b row) bool { return b["correlationId"] == a["correlationId"] },
		"id eq '" + str(a, "id") + "'":                       func(b row) bool { return b["id"] == a["id"] },
		"targetResources/any(t:t/id eq '" + str(target, "id") + "')": func(b row) bool {
			return targets(b, "id", target["id"])
		},
		"targetResources/any(t: t/userPrincipalName eq '" + strings.ReplaceAll(str(target, "userPrincipalName"), "'", "''") + "')": func(b row) bool {
			return targets(b, "userPrincipalName", target["userPrincipalName"])
		},
		"targetResources/any(t:t/displayName eq '" + str(group, "displayName") + "')": func(b row) bool { return targets(b, "displayName", group["displayName"]) },
		"initiatedBy/user/id eq '" + str(admin, "id") + "'":                           func(b row) bool { return actor(b, "user", "id") == admin["id"] },
		"startswith(initiatedBy/user/userPrincipalName,'" + str(admin, "userPrincipalName")[:3] + "')": func(b row) bool {
			return strings.HasPrefix(actor(b, "user", "userPrincipalName"), str(admin, "userPrincipalName")[:3])
		},
		"initiatedBy/app/displayName eq 'Microsoft Azure AD Group-Based Licensing'": func(b row) bool {
			return actor(b, "app", "displayName") == "Microsoft Azure AD Group-Based Licensing"
		},
		"activityDateTime ge " + day + " and activityDisplayName eq 'Update user' and targetResources/any(t:t/id eq '" + str(target, "id") + "')": func(b row) bool {
			return str(b, "activityDateTime") >= day && b["activityDisplayName"] == "Update user" && targets(b, "id", target["id"])
		},
	} {
		want := slices.DeleteFunc(slices.Clone(list), func(a row) bool { return !is(a) })
		slices.Reverse(want)
		if diff := difference(want, c.auditsWhere(filter)); diff != "" && len(want)+len(c.auditsWhere(filter)) > 0 {
			t.Errorf("%s (-want +got):\n%.2000s", filter, diff)
		}
	}
	one := c.ok(audits + "/" + str(a, "id"))
	delete(one, "@odata.context")
	if diff := difference(a, one); diff != "" {
		t.Errorf("(-list +item):\n%s", diff)
	}
	// A new record does not move the next page.
	first := c.ok(audits + "?$top=5")
	c.directory("POST", "users/"+c.bare(0)+"/assignLicense", 200, "addLicenses", []row{{"skuId": skuID(skuE5)}}, "removeLicenses", off())
	if diff := difference(list[5:10], items(c.ok(str(first, "@odata.nextLink")))); diff != "" {
		t.Errorf("next page (-want +got):\n%s", diff)
	}
	const unsupported = "Request_UnsupportedQuery"
	c.refuses([]rejection{
		{"top", audits + "?$top=1001", 400, unsupported},
		{"no top", audits + "?$top=0", 400, unsupported},
		{"select", audits + "?$select=id", 400, unsupported},
		{"count", audits + "?$count=true", 400, unsupported},
		{"order", audits + "?$orderby=activityDisplayName", 400, unsupported},
		{"category", audits + "?$filter=category eq 'UserManagement'", 400, unsupported},
		{"result", audits + "?$filter=result eq 'success'", 400, unsupported},
		{"gt", audits + "?$filter=activityDateTime gt " + day, 400, unsupported},
		{"date", audits + "?$filter=activityDateTime ge 2026-01-01", 400, unsupported},
		{"quoted time", audits + "?$filter=activityDateTime ge '" + day + "'", 400, unsupported},
		{"or", audits + "?$filter=id eq 'a' or id eq 'b'", 400, unsupported},
		{"not", audits + "?$filter=not(id eq 'a')", 400, unsupported},
		{"ne", audits + "?$filter=loggedByService ne 'x'", 400, unsupported},
		{"contains", audits + "?$filter=contains(activityDisplayName,'license')", 400, unsupported},
		{"startswith of a target's name", audits + "?$filter=targetResources/any(t:startswith(t/userPrincipalName,'a'))", 400, unsupported},
		{"any or", audits + "?$filter=targetResources/any(t:t/id eq 'a' or t/id eq 'b')", 400, unsupported},
		{"type of a target", audits + "?$filter=targetResources/any(t:t/type eq 'User')", 400, unsupported},
		{"no such record", audits + "/Directory_x_1", 404, "Request_ResourceNotFound"},
		{"option of an item", audits + "/" + str(a, "id") + "?$select=id", 400, unsupported},
	})
	for role, status := range map[string]int{"Global Reader": 200, "Global Administrator": 200, "License Administrator": 403, "": 403} {
		c.token = c.DelegatedToken(c.PersonInRole(role), "AuditLog.Read.All")
		if r := c.get(audits + "?$top=1"); r.status != status {
			t.Errorf("%s: %d", role, r.status)
		}
	}
	c.SetVariants(Variants{Roles: []string{"Directory.Read.All"}})
	c.token = c.newToken()
	if r := c.get(audits); r.status != 403 {
		t.Errorf("without AuditLog.Read.All: %d", r.status)
	}
}

// TestAuditLimit tests the limit of the audit log: five requests in ten
// seconds.
func TestAuditLimit(t *testing.T) {
	t.Parallel()
	for limit, v := range map[int]Throttling{5: {}, 2: {Audits: 2}} {
		c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: v}})
		for i := range limit + 2 {
			r := c.get(audits + "?$top=1")
			if (r.status == 200) != (i < limit) || r.status == 429 && (r.header.Get("Retry-After") == "" || !strings.HasPrefix(r.header.Get("x-ms-throttle-scope"), "Tenant_Application/Read/")) {
				t.Errorf("request %d of %d: %d %v", i, limit, r.status, r.header)
			}
		}
		if r := c.get("/v1.0/users?$top=1"); r.status != 200 {
			t.Errorf("another resource: %d", r.status)
		}
	}
}

// TestAuditsOfALoadedTenant tests that a saved tenant has no history.
func TestAuditsOfALoadedTenant(t *testing.T) {
	t.Parallel()
	var saved strings.Builder
	if err := New(Options{Users: 60}).Save(&saved); err != nil {
		t.Fatal(err)
	}
	c := start(t, Options{State: strings.NewReader(saved.String())})
	if n := len(c.all(audits)); n != 0 {
		t.Errorf("%d records", n)
	}
	c.directory("POST", "users/"+c.bare(0)+"/assignLicense", 200, "addLicenses", []row{{"skuId": skuID(skuE5)}}, "removeLicenses", off())
	if n := len(c.all(audits)); n != 2 {
		t.Errorf("%d records", n)
	}
}
