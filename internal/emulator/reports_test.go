package emulator

import (
	"encoding/csv"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	activeUsers  = "/beta/reports/getOffice365ActiveUserDetail(period='D30')"
	copilotUsers = "/v1.0/copilot/reports/getMicrosoft365CopilotUsageUserDetail(period='D30')"
	asJSON       = "?$format=application/json"
)

var namesShown = Variants{ReportNames: true, Throttling: Throttling{Off: true}}

// file follows a redirect to a file and returns its records.
func (c *client) file(uri string) [][]string {
	c.t.Helper()
	r := c.get(uri)
	location, ok := strings.CutPrefix(r.header.Get("Location"), c.URL)
	if r.status != 302 || !ok || !strings.HasPrefix(location, "/data/download/") {
		c.t.Fatalf("%s: %d %v", uri, r.status, r.header)
	}
	r = c.get(location, "Authorization", "")
	text, marked := strings.CutPrefix(string(r.raw), "\ufeff")
	if r.status != 200 || !marked || r.header.Get("Content-Type") != "application/octet-stream" {
		c.t.Fatalf("%s: %d %v %.100s", location, r.status, r.header, r.raw)
	}
	list, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		c.t.Fatal(err)
	}
	return list
}

// TestActiveUsers tests that the report of active users is consistent with the
// users and their licenses, and that its file and its pages agree.
func TestActiveUsers(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Now: func() time.Time { return noon }, Variants: namesShown})
	gone := c.newUser("gone")
	c.directory("DELETE", "users/"+gone, 204)
	fresh := c.ok("/v1.0/users/" + c.newUser("fresh"))
	for _, u := range c.all(activeUsers + asJSON) {
		if name := str(u, "userPrincipalName"); name == fresh["userPrincipalName"] || strings.HasPrefix(name, "gone@") {
			t.Errorf("%s was created after the day of the report", name)
		}
	}
	if err := c.Advance(72 * time.Hour); err != nil {
		t.Fatal(err)
	}
	c.token = c.newToken()
	list := c.all(activeUsers + asJSON + "&$top=7")
	if diff := difference(list, c.all(strings.Replace(activeUsers, "D30", "D7", 1)+asJSON)); diff != "" {
		t.Errorf("pages of seven and of two hundred:\n%.500s", diff)
	}
	if first := items(c.ok(activeUsers + asJSON)); len(first) != 200 {
		t.Errorf("%d on the first page", len(first))
	}
	service := map[string]*regexp.Regexp{
		"Exchange": regexp.MustCompile("^EXCHANGE_S_(ENTERPRISE|STANDARD|DESKLESS)$"), "OneDrive": regexp.MustCompile("^SHAREPOINT(ENTERPRISE|STANDARD|DESKLESS)$|^ONEDRIVE_BASIC$"), "SharePoint": regexp.MustCompile("^SHAREPOINT(ENTERPRISE|STANDARD|DESKLESS)$"),
		"SkypeForBusiness": regexp.MustCompile("^MCOSTANDARD$|^MCOIMP$"), "Yammer": regexp.MustCompile("^YAMMER_ENTERPRISE$"), "Teams": regexp.MustCompile("^TEAMS1$"),
	}
	people := index(c.all("/v1.0/users?$top=500&$select=id,userPrincipalName,displayName,accountEnabled,createdDateTime,assignedPlans,signInActivity"), "userPrincipalName")
	plans := map[string]string{}
	for s := range small.Skus() {
		for _, p := range small.Product(small.Skus()[s]).Plans {
			plans[p.ID] = p.Name
		}
	}
	count := map[string]int{}
	const refreshed = "2026-09-26"
	for _, u := range list {
		name := str(u, "userPrincipalName")
		person := people[name]
		delete(people, name)
		if u["reportRefreshDate"] != refreshed || (person == nil) != (u["isDeleted"] == true) || (u["deletedDate"] == nil) == (u["isDeleted"] == true) {
			t.Errorf("%s: %v", name, u)
		}
		if person == nil {
			count["deleted"]++
			continue
		}
		if u["displayName"] != person["displayName"] {
			t.Errorf("%s: %v, want %v", name, u["displayName"], person["displayName"])
		}
		latest := ""
		for s, names := range service {
			prefix := strings.ToLower(s[:1]) + s[1:]
			last, assigned := str(u, prefix+"LastActivityDate"), str(u, prefix+"LicenseAssignDate")
			licensed := slices.ContainsFunc(rows(person, "assignedPlans"), func(p row) bool {
				return p["capabilityStatus"] == "Enabled" && names.MatchString(plans[str(p, "servicePlanId")])
			})
			if u["has"+s+"License"] != licensed || licensed != (assigned != "") || !licensed && last != "" {
				t.Errorf("%s: %s: %t: %v", name, s, licensed, u)
			}
			if last != "" && (last > refreshed || last < str(person, "createdDateTime")[:10]) {
				t.Errorf("%s: active on %s", name, last)
			}
			latest = max(latest, last)
		}
		signIns, _ := person["signInActivity"].(row)
		if signIn := max(str(signIns, "lastSignInDateTime"), str(signIns, "lastNonInteractiveSignInDateTime")); latest > signIn {
			t.Errorf("%s: active on %s, last sign-in %s", name, latest, signIn)
		}
		switch {
		case latest == "" && len(texts(u, "assignedProducts")) > 0:
			count["unused"]++
		case latest > "2026-09-19":
			count["active"]++
		case latest != "" && latest < "2026-06-28":
			count["inactive"]++
		}
		if person["accountEnabled"] == false && latest > "2026-08-12" {
			t.Errorf("%s is disabled, and active on %s", name, latest)
		}
		for _, p := range texts(u, "assignedProducts") {
			count[p]++
		}
	}
	if len(people) != 0 {
		t.Errorf("%d users are not in the report", len(people))
	}
	for what, least := range map[string]int{"deleted": 7, "unused": 5, "active": 50, "inactive": 5, "MICROSOFT 365 E3": 100, "MICROSOFT 365 COPILOT": 5} {
		if count[what] < least {
			t.Errorf("%d %s, want at least %d", count[what], what, least)
		}
	}
	i := slices.IndexFunc(list, func(u row) bool { return u["userPrincipalName"] == fresh["userPrincipalName"] })
	if i < 0 || list[i]["exchangeLastActivityDate"] != nil {
		t.Errorf("a new user: %d", i)
	}
	for _, uri := range []string{activeUsers, strings.Replace(activeUsers, "beta", "v1.0", 1), activeUsers + "?$format=text/csv"} {
		file := c.file(uri)
		if len(file) != len(list)+1 || len(file[0]) != len(list[0]) {
			t.Fatalf("%s: %d records of %d", uri, len(file), len(file[0]))
		}
		for i, u := range list {
			got := index2(file[0], file[i+1])
			products := texts(u, "assignedProducts")
			want := row{"Report Refresh Date": refreshed, "User Principal Name": u["userPrincipalName"], "Has Teams License": map[any]string{true: "True", false: "False"}[u["hasTeamsLicense"]],
				"Is Deleted": map[any]string{true: "True", false: "False"}[u["isDeleted"]], "Exchange Last Activity Date": str(u, "exchangeLastActivityDate"),
				"Teams License Assign Date": str(u, "teamsLicenseAssignDate"), "Assigned Products": strings.Join(products, "+")}
			for name, value := range want {
				if got[name] != value {
					t.Errorf("%s: %s is %q in the file, %v in JSON", u["userPrincipalName"], name, got[name], value)
				}
			}
		}
	}
	// Accounts with activity on a day.
	day := strings.Replace(activeUsers, "period='D30'", "date=2026-09-24", 1)
	some := c.all(day + asJSON)
	for _, u := range some {
		if !slices.ContainsFunc(keys(u), func(name string) bool {
			return strings.HasSuffix(name, "LastActivityDate") && u[name] == "2026-09-24"
		}) {
			t.Errorf("not active on that day: %v", u)
		}
	}
	if len(some) == 0 || len(some) == len(list) {
		t.Errorf("%d accounts on one day", len(some))
	}
}

func index2(names, values []string) row {
	o := row{}
	for i, name := range names {
		o[name] = values[i]
	}
	return o
}

func TestCopilotUsers(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Now: func() time.Time { return noon }, Variants: namesShown})
	var holders []string
	for _, u := range c.all("/v1.0/users?$top=999&$select=userPrincipalName,assignedPlans") {
		if slices.ContainsFunc(rows(u, "assignedPlans"), func(p row) bool {
			return p["servicePlanId"] == planID(skuCopilot, "M365_COPILOT_APPS") && p["capabilityStatus"] == "Enabled"
		}) {
			holders = append(holders, str(u, "userPrincipalName"))
		}
	}
	list := c.all(copilotUsers + asJSON)
	var got []string
	unused := 0
	for _, u := range list {
		got = append(got, str(u, "userPrincipalName"))
		latest := ""
		for name := range u {
			if strings.HasSuffix(name, "LastActivityDate") && name != "lastActivityDate" {
				latest = max(latest, str(u, name))
			}
		}
		if u["lastActivityDate"] != latest {
			t.Errorf("%v, want %s", u, latest)
		}
		if latest == "" {
			unused++
		}
	}
	if diff := cmp.Diff(holders, got); diff != "" || len(holders) == 0 {
		t.Errorf("holders (-licensed +reported):\n%s", diff)
	}
	if unused < 2 || unused > len(list)/2 {
		t.Errorf("%d of %d do not use it", unused, len(list))
	}
	if file := c.file(copilotUsers); len(file) != len(list)+1 || file[1][1] != got[0] || file[1][3] != list[0]["lastActivityDate"] {
		t.Errorf("%q", file[:2])
	}
	all := rows(items(c.ok(strings.Replace(copilotUsers, "D30", "ALL", 1) + asJSON))[0], "copilotActivityUserDetailsByPeriod")
	if len(all) != 4 {
		t.Errorf("%v", all)
	}
}

// TestReportRefusals tests the checks of parameters, files and permissions.
func TestReportRefusals(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: namesShown})
	of := func(parameter string) string {
		return strings.Replace(activeUsers, "period='D30'", parameter, 1)
	}
	c.refuses([]rejection{
		{"period", of("period='D28'") + asJSON, 400, "Request_BadRequest"},
		{"period of Copilot only", of("period='ALL'"), 400, "Request_BadRequest"},
		{"unquoted period", of("period=D30"), 501, "notImplemented"},
		{"old date", of("date=2020-01-01"), 400, "Request_BadRequest"},
		{"date of today", of("date=" + c.Now().UTC().Format(time.DateOnly)), 400, "Request_BadRequest"},
		{"no date", of("date=yesterday"), 400, "Request_BadRequest"},
		{"JSON of version 1.0", strings.Replace(activeUsers, "beta", "v1.0", 1) + asJSON, 400, "Request_UnsupportedQuery"},
		{"format", activeUsers + "?$format=json", 400, "BadRequest"},
		{"top of a file", activeUsers + "?$top=5", 400, "Request_UnsupportedQuery"},
		{"top", activeUsers + asJSON + "&$top=201", 400, "Request_UnsupportedQuery"},
		{"select", activeUsers + asJSON + "&$select=displayName", 400, "Request_UnsupportedQuery"},
		{"filter", activeUsers + asJSON + "&$filter=isDeleted eq true", 400, "Request_UnsupportedQuery"},
		{"version 2", strings.Replace(copilotUsers, "D30'", "D30',version='v2'", 1), 501, "notImplemented"},
		{"version 3", strings.Replace(copilotUsers, "D30'", "D30',version='v3'", 1), 400, "Request_BadRequest"},
		{"period of Copilot", strings.Replace(copilotUsers, "D30", "D28", 1), 400, "Request_BadRequest"},
	})
	location := strings.TrimPrefix(c.get(activeUsers).header.Get("Location"), c.URL)
	for what, r := range map[string]reply{
		"with a token":        c.get(location),
		"with another token":  c.get(location, "Authorization", "Basic x"),
		"an edited address":   c.get(location+"x", "Authorization", ""),
		"an invented address": c.get("/data/download/x?token=x", "Authorization", ""),
		"a POST":              c.do("POST", location, "{}", "Authorization", ""),
	} {
		if r.status < 400 || r.status >= 500 {
			t.Errorf("%s: %d", what, r.status)
		}
	}
	if r := c.get(location, "Authorization", ""); r.status != 200 {
		t.Errorf("%d", r.status)
	}
	c.Inject(Fault{Endpoint: "GET /data/download", Status: 503})
	if r := c.get(location, "Authorization", ""); r.status != 503 {
		t.Errorf("with a fault: %d", r.status)
	}
	if err := c.Advance(6 * time.Minute); err != nil {
		t.Fatal(err)
	}
	if r := c.get(location, "Authorization", ""); r.status != 403 {
		t.Errorf("six minutes later: %d", r.status)
	}
	for role, status := range map[string]int{"Global Reader": 302, "License Administrator": 403, "": 403} {
		c.token = c.DelegatedToken(c.PersonInRole(role), "Reports.Read.All")
		if r := c.get(activeUsers); r.status != status {
			t.Errorf("%s: %d", role, r.status)
		}
	}
	c.SetVariants(Variants{Roles: []string{"Directory.Read.All", "AuditLog.Read.All"}})
	c.token = c.newToken()
	for _, uri := range []string{activeUsers, copilotUsers, "/v1.0/admin/reportSettings"} {
		if r := c.get(uri); r.status != 403 {
			t.Errorf("%s without permission: %d", uri, r.status)
		}
	}
}

// TestConcealedReports tests the pseudonyms of reports and the setting, which
// is saved.
func TestConcealedReports(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	concealed := regexp.MustCompile(`^[0-9A-F]{32}$`)
	seen := map[string]bool{}
	for _, u := range c.all(activeUsers + asJSON) {
		for _, name := range []string{"userPrincipalName", "displayName"} {
			if text := str(u, name); !concealed.MatchString(text) || seen[text] {
				t.Errorf("%s is %q", name, text)
			}
			seen[str(u, name)] = true
		}
	}
	if file := c.file(copilotUsers); len(file) > 1 && !concealed.MatchString(file[1][1]) {
		t.Errorf("%q", file[1])
	}
	const settings = "/v1.0/admin/reportSettings"
	for _, body := range []string{`{}`, `{"displayConcealedNames":null}`, `{"displayConcealedNames":"no"}`, `{"displayConcealedNames":false,"x":1}`} {
		c.write("PATCH", settings, body, 400)
	}
	c.write("PATCH", settings, `{"displayConcealedNames":false}`, 204)
	if u := items(c.ok(activeUsers + asJSON))[0]; !strings.Contains(str(u, "userPrincipalName"), "@") {
		t.Errorf("%v", u)
	}
	var saved strings.Builder
	if err := c.Save(&saved); err != nil {
		t.Fatal(err)
	}
	if again := start(t, Options{State: strings.NewReader(saved.String())}); again.ok(settings)["displayConcealedNames"] != false {
		t.Error("the setting is not saved")
	}
	for role, status := range map[string]int{"Global Administrator": 204, "Global Reader": 403} {
		c.token = c.DelegatedToken(c.PersonInRole(role), "ReportSettings.ReadWrite.All")
		c.write("PATCH", settings, `{"displayConcealedNames":true}`, status)
	}
	c.token = c.DelegatedToken(c.PersonInRole("Global Reader"), "ReportSettings.Read.All")
	if c.ok(settings)["displayConcealedNames"] != true {
		t.Error("names are not concealed again")
	}
}

// TestReportLimits tests the limits of reports: each has its own.
func TestReportLimits(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: Variants{Throttling: Throttling{ReportPages: 3}}})
	for uri, limit := range map[string]int{activeUsers: 14, copilotUsers: 14, activeUsers + asJSON: 3, copilotUsers + asJSON: 3} {
		for i := range limit + 1 {
			if r := c.get(uri); (r.status == 429) != (i >= limit) {
				t.Errorf("%s: request %d: %d", uri, i, r.status)
			}
		}
	}
}
