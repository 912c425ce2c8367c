package emulator

import (
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator/wire"
)

// TestRefusals tests the errors of URLs.
func TestRefusals(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	const errs = "/beta/admin/cloudLicensing/assignmentErrors"
	user := str(items(c.ok("/beta/users?$top=1&$select=id"))[0], "id")
	first := str(items(c.ok(errs + "?$top=1"))[0], "id")
	sku := skuID(skuE3)
	group := str(items(c.ok("/beta/groups?$top=1"))[0], "id")
	sixteen := strings.TrimSuffix(strings.Repeat("'x',", 16), ",")
	guids := strings.TrimSuffix(strings.Repeat(sku+",", 16), ",")
	mine := "/beta/users/" + user + "/cloudLicensing/usageRights"
	shared := "/beta/groups/" + group + "/cloudLicensing/usageRights"
	failed := "/v1.0/groups/" + group + "/membersWithLicenseErrors"

	for _, tt := range []struct {
		name, uri string
		status    int
		code      string
	}{
		{"unknown version", "/v2/users", 404, ""},
		{"unknown segment", "/beta/gadgets", 400, "BadRequest"},
		{"unknown navigation", "/beta/users/" + user + "/mistress", 400, "BadRequest"},
		{"trailing slash", "/beta/users/", 404, "Request_ResourceNotFound"},
		{"licensing under v1.0", "/v1.0/admin/cloudLicensing/assignmentErrors", 400, "BadRequest"},
		{"user licensing under v1.0", "/v1.0/users/" + user + "/cloudLicensing/usageRights", 400, "BadRequest"},
		{"errors of a group", "/beta/groups/" + group + "/cloudLicensing/assignmentErrors", 404, "resourceNotFound"},
		{"group licensing under v1.0", strings.Replace(shared, "beta", "v1.0", 1), 400, "BadRequest"},
		{"group right under v1.0", strings.Replace(shared, "beta", "v1.0", 1) + "/x", 400, "BadRequest"},
		{"assignments of an unknown right", shared + "/x/assignments", 404, "resourceNotFound"},
		{"members with errors of a user", "/v1.0/users/" + user + "/membersWithLicenseErrors", 400, "BadRequest"},
		{"one member with errors", failed + "/" + user, 400, "BadRequest"},
		{"allotments under v1.0", "/v1.0/admin/cloudLicensing/allotments", 400, "BadRequest"},
		{"cloudLicensing alone", "/beta/users/" + user + "/cloudLicensing", 404, "resourceNotFound"},
		{"allotments of a right", mine + "/x/allotments", 404, "resourceNotFound"},
		{"me for an application", "/beta/me", 400, "BadRequest"},
		{"my errors for an application", "/beta/me/cloudLicensing/assignmentErrors", 400, "BadRequest"},

		{"unknown error", errs + "/nothing", 404, "resourceNotFound"},
		{"assignee of an unknown error", errs + "/nothing/assignedTo", 404, "resourceNotFound"},
		{"right of an unknown error", errs + "/nothing/usageRight", 404, "resourceNotFound"},
		{"error id in other case", errs + "/" + strings.ToUpper(first) + "X", 404, "resourceNotFound"},
		{"unknown right", mine + "/nothing", 404, "resourceNotFound"},
		{"rights of an unknown user", "/beta/users/" + group + "/cloudLicensing/usageRights", 404, "Request_ResourceNotFound"},
		{"rights of no group", "/beta/groups/" + user + "/cloudLicensing/usageRights", 404, "Request_ResourceNotFound"},
		{"right of no group", "/beta/groups/" + user + "/cloudLicensing/usageRights/x", 404, "Request_ResourceNotFound"},
		{"rights of a group by name", "/beta/groups/stores/cloudLicensing/usageRights", 400, "Request_BadRequest"},
		{"unknown right of a group", shared + "/nothing", 404, "resourceNotFound"},
		{"members with errors of no group", "/v1.0/groups/" + user + "/membersWithLicenseErrors", 404, "Request_ResourceNotFound"},
		{"members with errors of a malformed id", "/beta/groups/x/membersWithLicenseErrors", 400, "Request_BadRequest"},
		{"unknown user", "/v1.0/users/" + group, 404, "Request_ResourceNotFound"},
		{"unknown user name", "/v1.0/users/nobody@licensegraph.example", 404, "Request_ResourceNotFound"},
		{"unknown group", "/v1.0/groups/" + user, 404, "Request_ResourceNotFound"},
		{"malformed group id", "/v1.0/groups/x", 400, "Request_BadRequest"},

		{"errors: unknown property", errs + "?$select=id,colour", 400, "invalidQuery"},
		{"errors: empty select", errs + "?$select=", 400, "invalidQuery"},
		{"errors: count", errs + "?$count=true", 400, "invalidQuery"},
		{"errors: orderby", errs + "?$orderby=code", 400, "invalidQuery"},
		{"errors: skip", errs + "?$skip=5", 400, "invalidQuery"},
		{"errors: search", errs + "?$search=x", 400, "invalidQuery"},
		{"errors: top 0", errs + "?$top=0", 400, "invalidQuery"},
		{"errors: top x", errs + "?$top=x", 400, "invalidQuery"},
		{"errors: top on an item", errs + "/" + first + "?$top=1", 400, "invalidQuery"},
		{"errors: expand usageRight", errs + "?$expand=usageRight", 400, "invalidExpansion"},
		{"errors: expand both", errs + "?$expand=assignedTo,usageRight", 400, "invalidExpansion"},
		{"errors: expand both on an item", errs + "/" + first + "?$expand=assignedTo,usageRight", 400, "invalidExpansion"},
		{"errors: expand twice", errs + "?$expand=assignedTo,assignedTo", 400, "invalidExpansion"},
		{"errors: expand nothing", errs + "?$expand=", 400, "invalidExpansion"},
		{"errors: nested select", errs + "?$expand=assignedTo($select=id)", 400, "invalidExpansion"},
		{"errors: nested filter", errs + "?$expand=assignedTo($filter=id eq 'x')", 400, "invalidExpansion"},
		{"errors: filter by code", errs + "?$filter=code eq 'MissingDependency'", 400, "invalidFilter"},
		{"errors: quoted GUID", errs + "?$filter=skuId eq '" + sku + "'", 400, "invalidFilter"},
		{"errors: no GUID", errs + "?$filter=skuId eq 5", 400, "invalidFilter"},
		{"errors: ne", errs + "?$filter=skuId ne " + sku, 400, "invalidFilter"},
		{"errors: or", errs + "?$filter=skuId eq " + sku + " or skuId eq " + sku, 400, "invalidFilter"},
		{"errors: sixteen values", errs + "?$filter=skuId in (" + guids + ")", 400, "invalidFilter"},
		{"errors: syntax", errs + "?$filter=skuId eq", 400, "invalidFilter"},
		{"assignee: expand", errs + "/" + first + "/assignedTo?$expand=manager", 400, "invalidQuery"},
		{"rights: expand unknown", mine + "?$expand=allotment", 400, "invalidExpansion"},
		{"rights: two levels", mine + "?$expand=assignments($expand=allotment)", 400, "invalidExpansion"},
		{"rights: nested unknown", mine + "?$expand=allotments($select=colour)", 400, "invalidQuery"},
		{"rights: quoted plan", mine + "?$filter=services/any(c:c/planId eq '" + sku + "')", 400, "invalidFilter"},
		{"rights: plan name", mine + "?$filter=services/any(c:c/planName eq 'TEAMS1')", 400, "invalidFilter"},
		{"rights: not", mine + "?$filter=not (skuId eq " + sku + ")", 400, "invalidFilter"},

		{"group rights: unknown property", shared + "?$select=colour", 400, "invalidQuery"},
		{"group rights: count", shared + "?$count=true", 400, "invalidQuery"},
		{"group rights: orderby", shared + "?$orderby=skuId", 400, "invalidQuery"},
		{"group rights: skip", shared + "?$skip=1", 400, "invalidQuery"},
		{"group rights: search", shared + "?$search=x", 400, "invalidQuery"},
		{"group rights: top 0", shared + "?$top=0", 400, "invalidQuery"},
		{"group rights: expand unknown", shared + "?$expand=members", 400, "invalidExpansion"},
		{"group rights: two levels", shared + "?$expand=assignments($expand=allotment)", 400, "invalidExpansion"},
		{"group rights: quoted GUID", shared + "?$filter=skuId eq '" + sku + "'", 400, "invalidFilter"},
		{"group rights: or", shared + "?$filter=skuId eq " + sku + " or skuId eq " + sku, 400, "invalidFilter"},
		{"group rights: sixteen values", shared + "?$filter=skuId in (" + guids + ")", 400, "invalidFilter"},
		{"group right: top", shared + "/x?$top=1", 400, "invalidQuery"},
		{"group right: filter", shared + "/x?$filter=skuId eq " + sku, 400, "invalidQuery"},

		{"failed: unknown property", failed + "?$select=colour", 400, "BadRequest"},
		{"failed: empty select", failed + "?$select=", 400, "BadRequest"},
		{"failed: filter", failed + "?$filter=id eq 'x'", 400, "Request_UnsupportedQuery"},
		{"failed: count", failed + "?$count=true", 400, "Request_UnsupportedQuery"},
		{"failed: expand", failed + "?$expand=memberOf", 400, "Request_UnsupportedQuery"},
		{"failed: orderby", failed + "?$orderby=displayName", 400, "Request_UnsupportedQuery"},
		{"failed: search", failed + `?$search="displayName:a"`, 400, "Request_UnsupportedQuery"},
		{"failed: skip", failed + "?$skip=1", 400, "Request_UnsupportedQuery"},
		{"failed: top 0", failed + "?$top=0", 400, "Request_UnsupportedQuery"},
		{"failed: top 1000", failed + "?$top=1000", 400, "Request_UnsupportedQuery"},
		{"failed: made-up token", failed + "?$skiptoken=abc", 400, "Request_BadRequest"},

		{"users: unknown property", "/v1.0/users?$select=colour", 400, "BadRequest"},
		{"users: other case", "/v1.0/users?$select=DisplayName", 400, "BadRequest"},
		{"users: cloudLicensing property", "/v1.0/users?$select=cloudLicensing", 400, "BadRequest"},
		{"users: expand", "/v1.0/users?$expand=memberOf", 501, "notImplemented"},
		{"users: expand licensing", "/beta/users?$expand=cloudLicensing/usageRights", 400, "BadRequest"},
		{"users: top 1000", "/v1.0/users?$top=1000", 400, "Request_UnsupportedQuery"},
		{"users: top 0", "/v1.0/users?$top=0", 400, "Request_UnsupportedQuery"},
		{"users: skip", "/v1.0/users?$skip=10", 400, "Request_UnsupportedQuery"},
		{"users: search", `/v1.0/users?$search="displayName:a"`, 400, "Request_UnsupportedQuery"},
		{"users: count maybe", "/v1.0/users?$count=maybe", 400, "BadRequest"},
		{"users: orderby colour", "/v1.0/users?$orderby=colour", 400, "Request_UnsupportedQuery"},
		{"users: orderby empty", "/v1.0/users?$orderby=", 400, "BadRequest"},
		{"users: filter and orderby", "/v1.0/users?$orderby=displayName&$filter=accountEnabled eq true", 400, "Request_UnsupportedQuery"},
		{"users: filter by states", "/v1.0/users?$filter=licenseAssignmentStates/any(s:s/skuId eq " + sku + ")", 400, "Request_UnsupportedQuery"},
		{"users: unquoted id", "/v1.0/users?$filter=id eq " + user, 400, "Request_UnsupportedQuery"},
		{"users: quoted boolean", "/v1.0/users?$filter=accountEnabled eq 'true'", 400, "Request_UnsupportedQuery"},
		{"users: sixteen values", "/v1.0/users?$filter=id in (" + sixteen + ")", 400, "Request_UnsupportedQuery"},
		{"users: sixteen clauses", "/v1.0/users?$filter=" + strings.TrimSuffix(strings.Repeat("id eq 'x' or ", 16), " or "), 400, "Request_UnsupportedQuery"},
		{"users: long value", "/v1.0/users?$filter=displayName eq '" + strings.Repeat("x", 121) + "'", 400, "Request_UnsupportedQuery"},
		{"users: ne without header", "/v1.0/users?$filter=displayName ne 'x'", 400, "Request_UnsupportedQuery"},
		{"users: null without header", "/v1.0/users?$filter=usageLocation eq null", 400, "Request_UnsupportedQuery"},
		{"users: null among values", "/v1.0/users?$filter=usageLocation in ('DE',null)", 400, "Request_UnsupportedQuery"},
		{"users: id that is null", "/v1.0/users?$filter=id eq null", 400, "Request_UnsupportedQuery"},
		{"errors: null", errs + "?$filter=skuId eq null", 400, "invalidFilter"},
		{"users: not without header", "/v1.0/users?$filter=not startswith(displayName,'x')", 400, "Request_UnsupportedQuery"},
		{"users: endswith without header", "/v1.0/users?$filter=endswith(mail,'x')", 400, "Request_UnsupportedQuery"},
		{"users: no license without header", "/v1.0/users?$filter=assignedLicenses/$count eq 0", 400, "Request_UnsupportedQuery"},
		{"users: unknown option", "/v1.0/users?$colour=red", 400, "BadRequest"},
		{"users: option without dollar", "/v1.0/users?select=id", 400, "BadRequest"},
		{"users: option twice", "/v1.0/users?$top=5&$top=6", 400, "BadRequest"},
		{"users: made-up token", "/v1.0/users?$skiptoken=abc", 400, "Request_BadRequest"},
		{"user: top", "/v1.0/users/" + user + "?$top=1", 400, "Request_UnsupportedQuery"},
		{"user: filter", "/v1.0/users/" + user + "?$filter=id eq 'x'", 400, "Request_UnsupportedQuery"},
		{"groups: property that is never returned", "/v1.0/groups?$select=hasMembersWithLicenseErrors", 400, "BadRequest"},
		{"skus: top", "/v1.0/subscribedSkus?$top=5", 400, "Request_UnsupportedQuery"},
		{"skus: filter", "/v1.0/subscribedSkus?$filter=skuId eq " + sku, 400, "Request_UnsupportedQuery"},
		{"skus: unknown property", "/v1.0/subscribedSkus?$select=colour", 400, "BadRequest"},
		{"URL too long", "/v1.0/users?x=" + strings.Repeat("x", wire.MaxURL), 414, "UnknownError"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := c.get(tt.uri)
			if r.status != tt.status || r.code() != tt.code {
				t.Errorf("%.120s\ngot %d %s, want %d %s\n%s", tt.uri, r.status, r.code(), tt.status, tt.code, r.raw)
			}
			if r.status == 400 && r.header.Get("x-ms-resource-unit") != "" {
				t.Error("a refused request was charged")
			}
		})
	}
	for _, method := range []string{"PATCH", "DELETE", "PUT"} {
		if r := c.do(method, "/v1.0/users", "{}"); r.status != 405 || r.code() != "Request_BadRequest" {
			t.Errorf("%s: %d %s", method, r.status, r.raw)
		}
	}
	if r := c.get("/v1.0/directoryObjects/getByIds"); r.status != 405 {
		t.Errorf("GET of getByIds: %d", r.status)
	}
}

// TestFilters compares the result of a filter with the properties of each
// user.
func TestFilters(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 200})
	everyone := c.all("/v1.0/users?$top=999&$select=id,displayName,userPrincipalName,mail,accountEnabled,usageLocation,userType,assignedLicenses,department")
	a, b := everyone[3], everyone[70]
	sku := skuID(skuF3)
	has := func(u row) bool { return index(rows(u, "assignedLicenses"), "skuId")[sku] != nil }
	quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	for _, tt := range []struct {
		filter   string
		advanced bool
		want     func(u row) bool
	}{
		{"id eq " + quote(str(a, "id")), false, func(u row) bool { return u["id"] == a["id"] }},
		{"id in ('" + str(b, "id") + "', " + quote(strings.ToUpper(str(a, "id"))) + ",'nobody')", false, func(u row) bool { return u["id"] == a["id"] || u["id"] == b["id"] }},
		{"userPrincipalName eq " + quote(strings.ToUpper(str(a, "userPrincipalName"))), false, func(u row) bool { return u["id"] == a["id"] }},
		{"userPrincipalName in (" + quote(str(a, "userPrincipalName")) + ")", false, func(u row) bool { return u["id"] == a["id"] }},
		{"displayName eq " + quote(str(a, "displayName")), false, func(u row) bool { return u["displayName"] == a["displayName"] }},
		{"startswith(displayName,'a')", false, func(u row) bool {
			return strings.HasPrefix(str(u, "displayName"), "A") || strings.HasPrefix(str(u, "displayName"), "a")
		}},
		{"startswith(displayName,'o''')", false, func(u row) bool { return strings.HasPrefix(str(u, "displayName"), "O'") }},
		{"accountEnabled eq false", false, func(u row) bool { return u["accountEnabled"] == false }},
		{"accountEnabled eq false or userType eq 'guest'", false, func(u row) bool { return u["accountEnabled"] == false || u["userType"] == "Guest" }},
		{"(usageLocation eq 'DE' or usageLocation eq 'FR') and accountEnabled eq true", false, func(u row) bool {
			return (u["usageLocation"] == "DE" || u["usageLocation"] == "FR") && u["accountEnabled"] == true
		}},
		{"assignedLicenses/any(l:l/skuId eq " + strings.ToUpper(sku) + ")", false, has},
		{"not assignedLicenses/any(l:l/skuId eq " + sku + ")", true, func(u row) bool { return !has(u) }},
		{"assignedLicenses/$count eq 0", true, func(u row) bool { return len(rows(u, "assignedLicenses")) == 0 }},
		{"assignedLicenses/$count ne 0", true, func(u row) bool { return len(rows(u, "assignedLicenses")) != 0 }},
		{"endswith(mail,'@asia.licensegraph.example')", true, func(u row) bool { return strings.HasSuffix(str(u, "mail"), "@asia.licensegraph.example") }},
		{"usageLocation ne 'DE'", true, func(u row) bool { return u["usageLocation"] != "DE" }},
		{"usageLocation eq null", true, func(u row) bool { return u["usageLocation"] == nil }},
		{"usageLocation ne null and officeLocation eq null", true, func(u row) bool { return u["usageLocation"] != nil }},
		{"department ne 'Legal'", true, func(u row) bool { return u["department"] != "Legal" }},
	} {
		t.Run(tt.filter, func(t *testing.T) {
			want := []string{}
			for _, u := range everyone {
				if tt.want(u) {
					want = append(want, str(u, "id"))
				}
			}
			uri, headers := "/v1.0/users?$top=50&$select=id&$filter="+tt.filter, []string{}
			if tt.advanced {
				uri, headers = uri+"&$count=true", []string{"ConsistencyLevel", "eventual"}
				if got := c.ok(uri, headers...)["@odata.count"]; got != float64(len(want)) {
					t.Errorf("@odata.count = %v, want %d", got, len(want))
				}
			}
			got := []string{}
			for _, u := range c.all(uri, headers...) {
				got = append(got, str(u, "id"))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if len(want) == 0 && !strings.Contains(tt.filter, "''") {
				t.Error("no user of the tenant matches")
			}
		})
	}
}

func TestSelectAndOrder(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 120})
	u := items(c.ok("/v1.0/users?$top=1"))[0]
	want := []string{"businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage", "surname", "userPrincipalName"}
	if diff := cmp.Diff(want, keys(u)); diff != "" {
		t.Errorf("default properties (-want +got):\n%s", diff)
	}
	one := c.ok("/v1.0/users/" + str(u, "userPrincipalName") + "?$select=displayName,licenseAssignmentStates")
	if diff := cmp.Diff([]string{"@odata.context", "displayName", "licenseAssignmentStates"}, keys(one)); diff != "" {
		t.Errorf("selected properties (-want +got):\n%s", diff)
	}
	guests := items(c.ok("/v1.0/users?$filter=userType eq 'Guest'"))
	if name := str(guests[0], "userPrincipalName"); !strings.Contains(name, "#EXT#") || c.ok("/v1.0/users/" + url.PathEscape(name))["id"] != guests[0]["id"] {
		t.Errorf("the guest %q cannot be read by name", name)
	}
	var names []string
	for _, u := range c.all("/v1.0/users?$orderby=userPrincipalName desc&$top=50") {
		names = append(names, str(u, "userPrincipalName"))
	}
	if len(names) != 120 || !slices.IsSortedFunc(names, func(a, b string) int { return strings.Compare(strings.ToLower(b), strings.ToLower(a)) }) {
		t.Errorf("not in order: %v", names)
	}
	if n := len(items(c.ok("/v1.0/groups?$filter=hasMembersWithLicenseErrors eq true"))); n == 0 || n > 14 {
		t.Errorf("%d groups have members with errors", n)
	}
}

func keys(o row) []string {
	var list []string
	for k := range o {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

func TestGetByIDs(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	user := str(items(c.ok("/v1.0/users?$top=1&$select=id"))[0], "id")
	group := str(items(c.ok("/v1.0/groups?$top=1&$select=id"))[0], "id")
	const missing = "11111111-2222-4333-8444-555555555555"
	ask := func(query, body string) reply { return c.do("POST", "/v1.0/directoryObjects/getByIds"+query, body) }

	r := ask("", fmt.Sprintf(`{"ids":[%q,%q,%q,%q]}`, user, group, missing, strings.ToUpper(user)))
	got := index(items(r.body), "id")
	if len(items(r.body)) != 2 || str(got[user], "@odata.type") != "#microsoft.graph.user" || str(got[group], "@odata.type") != "#microsoft.graph.group" {
		t.Errorf("got %s", r.raw)
	}
	if r.header.Get("x-ms-resource-unit") != "5" {
		t.Errorf("cost %s", r.header.Get("x-ms-resource-unit"))
	}
	r = ask("?$select=id,displayName,accountEnabled,licenseAssignmentStates,groupTypes", fmt.Sprintf(`{"ids":[%q,%q],"types":["USER"]}`, user, group))
	if diff := cmp.Diff([]string{"@odata.type", "accountEnabled", "displayName", "id"}, keys(items(r.body)[0])); diff != "" || len(items(r.body)) != 1 {
		t.Errorf("(-want +got):\n%s\n%s", diff, r.raw)
	}
	if r.header.Get("x-ms-resource-unit") != "2" {
		t.Errorf("cost with $select %s", r.header.Get("x-ms-resource-unit"))
	}
	c.SetVariants(Variants{GetByIDsIgnoreSelect: true})
	if r := ask("?$select=id", fmt.Sprintf(`{"ids":[%q]}`, user)); len(items(r.body)[0]) != 12 {
		t.Errorf("$select was not ignored: %s", r.raw)
	}

	many, _ := json.Marshal(map[string]any{"ids": slices.Repeat([]string{missing}, maxIDs+1)})
	for _, tt := range []struct{ name, query, body, code string }{
		{"no ids", "", `{}`, "Request_BadRequest"},
		{"empty ids", "", `{"ids":[]}`, "Request_BadRequest"},
		{"malformed id", "", `{"ids":["x"]}`, "Request_BadRequest"},
		{"id of another kind", "", `{"ids":[5]}`, "Request_BadRequest"},
		{"too many", "", string(many), "Request_BadRequest"},
		{"unknown type", "", `{"ids":["` + missing + `"],"types":["mouse"]}`, "Request_BadRequest"},
		{"unknown member", "", `{"ids":["` + missing + `"],"colour":1}`, "Request_BadRequest"},
		{"two bodies", "", `{"ids":["` + missing + `"]}{}`, "Request_BadRequest"},
		{"no JSON", "", `<ids/>`, "Request_BadRequest"},
		{"unknown property", "?$select=colour", `{"ids":["` + missing + `"]}`, "BadRequest"},
		{"option", "?$top=5", `{"ids":["` + missing + `"]}`, "Request_UnsupportedQuery"},
	} {
		if r := ask(tt.query, tt.body); r.status != 400 || r.code() != tt.code {
			t.Errorf("%s: %d %s", tt.name, r.status, r.raw)
		}
	}
	if r := c.do("POST", "/v1.0/directoryObjects/getByIds", `{}`, "Content-Type", "text/plain"); r.status != 415 {
		t.Errorf("text/plain: %d", r.status)
	}
}

func TestLimitedInformation(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60, Variants: Variants{Roles: []string{"User.Read.All"}}})
	user := str(items(c.ok("/v1.0/users?$top=1&$select=id"))[0], "id")
	group := c.groupID(0)
	r := c.do("POST", "/v1.0/directoryObjects/getByIds?$select=id,displayName", fmt.Sprintf(`{"ids":[%q,%q]}`, user, group))
	got := index(items(r.body), "id")
	if got[user]["displayName"] == nil || got[group]["displayName"] != nil {
		t.Errorf("got %s", r.raw)
	}
}

func TestUsageRightOfError(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 100})
	const errs = "/beta/admin/cloudLicensing/assignmentErrors"
	with, without := "", ""
	for _, e := range c.all(errs) {
		switch r := c.get(errs + "/" + str(e, "id") + "/usageRight"); r.status {
		case 200:
			with = str(e, "id")
			if r.body["skuId"] != e["skuId"] || str(r.body, "@odata.type") != "#microsoft.graph.cloudLicensing.usageRight" {
				t.Errorf("%s", r.raw)
			}
		case 204:
			without = str(e, "id")
			if len(r.raw) != 0 || r.header.Get("Content-Type") != "" {
				t.Errorf("204 with content: %q %v", r.raw, r.header)
			}
		default:
			t.Errorf("%d %s", r.status, r.raw)
		}
	}
	c.SetVariants(Variants{MissingUsageRight: "notFound", WrapSingle: true})
	if r := c.get(errs + "/" + without + "/usageRight"); r.status != 404 {
		t.Errorf("notFound: %d", r.status)
	}
	if r := c.ok(errs + "/" + with + "/usageRight"); r["value"].(row)["id"] == nil {
		t.Errorf("not wrapped: %v", r)
	}
	if r := c.ok(errs + "/" + with + "/assignedTo"); r["value"].(row)["id"] == nil {
		t.Errorf("not wrapped: %v", r)
	}
	c.SetVariants(Variants{MissingUsageRight: "null"})
	if r := c.ok(errs + "/" + without + "/usageRight"); len(r) != 1 || r["value"] != nil {
		t.Errorf("null: %v", r)
	}
}

func TestErrorsOfOnePerson(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 100})
	all := c.all("/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo")
	someone := all[0]["assignedTo"].(row)
	path := "/beta/users/" + str(someone, "userPrincipalName") + "/cloudLicensing/assignmentErrors"
	mine := c.all(path)
	if len(mine) == 0 || mine[0]["assignedTo"] != nil {
		t.Fatalf("got %v", mine)
	}
	if one := c.ok(path + "/" + str(mine[0], "id") + "?$select=code"); one["code"] != mine[0]["code"] || one["id"] != nil {
		t.Errorf("got %v", one)
	}
	other := all[slices.IndexFunc(all, func(e row) bool { return e["assignedTo"].(row)["id"] != someone["id"] })]
	if r := c.get(path + "/" + str(other, "id")); r.status != 404 {
		t.Errorf("another user's error: %d", r.status)
	}
	to := c.ok("/beta/admin/cloudLicensing/assignmentErrors/" + str(all[0], "id") + "/assignedTo")
	delete(to, "@odata.context")
	if diff := cmp.Diff(someone, to); diff != "" {
		t.Errorf("expanded against own path (-want +got):\n%s", diff)
	}
	sku := str(all[0], "skuId")
	for _, e := range c.all("/beta/admin/cloudLicensing/assignmentErrors?$filter=skuId in (" + strings.ToUpper(sku) + ")") {
		if e["skuId"] != sku {
			t.Errorf("found %v", e)
		}
	}
}

func TestMe(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 100})
	e := items(c.ok("/beta/admin/cloudLicensing/assignmentErrors?$top=1&$expand=assignedTo"))[0]
	id := str(e["assignedTo"].(row), "id")
	c.token = c.delegated(id, "User.Read CloudLicensing.Read")
	if me := c.ok("/v1.0/me"); me["id"] != id {
		t.Errorf("me is %v", me)
	}
	mine := items(c.ok("/beta/me/cloudLicensing/assignmentErrors"))
	if index(mine, "id")[str(e, "id")] == nil {
		t.Errorf("my errors: %v", mine)
	}
	c.ok("/beta/me/cloudLicensing/assignmentErrors/" + str(e, "id"))
	for _, r := range items(c.ok("/beta/me/cloudLicensing/usageRights")) {
		c.ok("/beta/me/cloudLicensing/usageRights/" + str(r, "id"))
	}
	if r := c.get("/v1.0/users"); r.status != 403 {
		t.Errorf("User.Read lists users: %d", r.status)
	}
	c.token = c.delegated(id, "CloudLicensing.Read")
	if r := c.get("/v1.0/me"); r.status != 403 || r.code() != "Authorization_RequestDenied" {
		t.Errorf("me without User.Read: %d %s", r.status, r.raw)
	}
}

func TestUsageRights(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 100})
	i := c.userWhere(func(i int32) bool { return len(c.current().Usable(i)) == 3 })
	path := "/beta/users/" + c.userID(i) + "/cloudLicensing/usageRights"
	all := c.all(path + "?$top=1&$expand=assignments($select=id,disabledServicePlanIds),allotments")
	if len(all) != 3 {
		t.Fatalf("%d rights on pages of one", len(all))
	}
	for _, r := range all {
		if one := c.ok(path + "/" + str(r, "id")); one["skuId"] != r["skuId"] {
			t.Errorf("got %v", one)
		}
		pool := rows(r, "allotments")
		if len(pool) != 1 || pool[0]["skuId"] != r["skuId"] || len(rows(r, "assignments")) == 0 {
			t.Errorf("expanded: %v", r)
		}
	}
	plan := str(rows(all[2], "services")[0], "planId")
	for filter, want := range map[string]int{
		"skuId eq " + str(all[0], "skuId"):                                      1,
		"skuId in (" + str(all[0], "skuId") + "," + str(all[1], "skuId") + ")":  2,
		"services/any(c:c/planId eq " + plan + ")":                              1,
		"services/any(s:s/planId in (" + plan + "," + str(all[0], "id") + "))":  -1,
		"services/any(s:s/planId in (" + plan + "," + c.TenantID() + "))":       1,
		"skuId eq " + str(all[0], "skuId") + " and skuId eq " + c.TenantID():    0,
		"services/any(c:c/planId eq " + plan + ") and skuId eq " + c.TenantID(): 0,
	} {
		r := c.get(path + "?$filter=" + filter)
		if got := len(items(r.body)); want >= 0 && (r.status != 200 || got != want) {
			t.Errorf("%s: %d with %d rights, want %d", filter, r.status, got, want)
		}
	}
}

// of returns the ID of the group with this mailNickname.
func (c *client) of(key string) string {
	return c.groupID(c.groupNamed(key))
}

func TestUsageRightsOfGroups(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	path := "/beta/groups/" + c.of("audio") + "/cloudLicensing/usageRights"
	body := c.ok(path)
	all := items(body)
	if str(body, "@odata.context") != c.URL+"/beta/$metadata#groups('"+c.of("audio")+"')/cloudLicensing/usageRights" || len(all) != 3 {
		t.Fatalf("got %v", body)
	}
	if diff := cmp.Diff([]string{"@odata.type", "id", "services", "skuId", "skuPartNumber"}, keys(all[0])); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(all, c.all(path+"?$top=1")); diff != "" {
		t.Errorf("pages of one lose or repeat (-want +got):\n%s", diff)
	}
	next := str(c.ok(path+"?$top=1&$select=skuId"), "@odata.nextLink")
	if diff := cmp.Diff([]string{"@odata.type", "skuId"}, keys(items(c.ok(next))[0])); diff != "" {
		t.Errorf("options are not kept (-want +got):\n%s", diff)
	}
	if r := c.get(strings.Replace(next, c.of("audio"), c.of("phone"), 1)); r.status != 400 || r.code() != "invalidQuery" {
		t.Errorf("the link of another group: %d %s", r.status, r.raw)
	}
	for _, r := range all {
		one := c.ok(path + "/" + str(r, "id"))
		delete(one, "@odata.context")
		if diff := cmp.Diff(r, one); diff != "" {
			t.Errorf("listed against own path (-want +got):\n%s", diff)
		}
		if r := c.get("/beta/groups/" + c.of("phone") + "/cloudLicensing/usageRights/" + str(r, "id")); r.status != 404 {
			t.Errorf("another group's right answers %d", r.status)
		}
	}

	// The members have Microsoft 365 E3 from different groups, and the rest
	// from this group and another.
	sources := map[string]int{}
	for _, r := range c.all(path + "?$expand=assignments($select=id),allotments($select=id)") {
		sources[str(r, "skuPartNumber")] = len(rows(r, "assignments"))
		for _, a := range rows(r, "allotments") {
			if diff := cmp.Diff([]string{"@odata.type", "id"}, keys(a)); diff != "" {
				t.Errorf("nested $select (-want +got):\n%s", diff)
			}
		}
		if len(rows(r, "allotments")) != len(rows(r, "assignments")) {
			t.Errorf("allotments are not those of the assignments: %v", r)
		}
	}
	if diff := cmp.Diff(map[string]int{"SPE_E3": 0, "MCOMEETADV": 1, "MCOEV": 1}, sources); diff != "" {
		t.Errorf("assignments (-want +got):\n%s", diff)
	}

	sway := planID(skuE3, "SWAY") // disabled for some members
	teams := planID(skuE3, "TEAMS1")
	for filter, want := range map[string]int{
		"skuId eq " + skuID(skuE3): 1,
		"skuId in (" + skuID(skuE3) + "," + strings.ToUpper(skuID(skuPhone)) + ")":                2,
		"services/any(c:c/planId eq " + teams + ")":                                               1,
		"services/any(c:c/planId eq " + sway + ")":                                                0,
		"services/any(c:c/planId in (" + teams + "," + small.Product(skuPhone).Plans[0].ID + "))": 2,
		"services/any(c:c/planId eq " + teams + ") and skuId eq " + skuID(skuPhone):               0,
		"services/any(c:c/planId eq " + teams + ") and skuId in (" + skuID(skuE3) + ")":           1,
	} {
		if r := c.get(path + "?$filter=" + filter); r.status != 200 || len(items(r.body)) != want {
			t.Errorf("%s: %d with %d rights, want %d", filter, r.status, len(items(r.body)), want)
		}
	}
	if got := c.ok("/beta/groups/" + c.of("board") + "/cloudLicensing/usageRights"); got["value"] == nil || len(items(got)) != 0 {
		t.Errorf("a group without licenses: %v", got)
	}

	c.SetVariants(Variants{WrapSingle: true})
	if r := c.ok(path + "/" + str(all[0], "id")); r["value"].(row)["id"] != all[0]["id"] {
		t.Errorf("not wrapped: %v", r)
	}
	c.SetVariants(Variants{UsageRightFailures: 1})
	if r := c.get(path); r.status != 500 {
		t.Errorf("failing rights: %d", r.status)
	}
	c.SetVariants(Variants{CloudLicensing: "forbidden"})
	if r := c.get(path); r.status != 403 || r.code() != "missingRequiredPermission" {
		t.Errorf("forbidden: %d %s", r.status, r.raw)
	}
	c.SetVariants(Variants{})
	c.ResetCounts()
	got, _ := parts(t, c.do("POST", "/beta/$batch", batchOf(
		get("list", strings.TrimPrefix(path, "/beta")+"?$select=id"),
		get("item", strings.TrimPrefix(path, "/beta")+"/"+str(all[0], "id")),
		get("none", "/groups/"+c.TenantID()+"/cloudLicensing/usageRights"),
	)))
	if got["list"]["status"] != 200.0 || len(items(got["list"]["body"].(row))) != 3 || got["item"]["status"] != 200.0 || got["none"]["status"] != 404.0 {
		t.Errorf("in a batch: %v", got)
	}
	counts := c.Counts()
	if list, item := counts["GET /groups/{id}/cloudLicensing/usageRights"], counts["GET /groups/{id}/cloudLicensing/usageRights/{id}"]; list.Parts != 2 || item.Parts != 1 || item.ResourceUnits != 1 {
		t.Errorf("counts: %v", counts)
	}
	for scope, want := range map[string]int{"Group-UsageRight.Read.All": 200, "Group.Read.All": 200, "User-UsageRight.Read.All": 403} {
		c.token = c.delegated(c.userID(0), scope)
		if r := c.get(path); r.status != want {
			t.Errorf("a user with %s: %d, want %d", scope, r.status, want)
		}
	}
}

func TestMembersWithLicenseErrors(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	path := "/groups/" + c.of("analytics") + "/membersWithLicenseErrors"
	all := c.all("/v1.0" + path)
	if len(all) != 30 {
		t.Fatalf("%d members with errors, want 30", len(all))
	}
	for _, u := range all {
		whole := c.ok("/v1.0/users/" + str(u, "id"))
		delete(whole, "@odata.context")
		whole["@odata.type"] = "#microsoft.graph.user"
		if diff := cmp.Diff(whole, u); diff != "" {
			t.Errorf("the user against the member (-want +got):\n%s", diff)
		}
	}
	page := c.ok("/beta" + path + "?$select=id,accountEnabled,licenseAssignmentStates,groupTypes&$top=7")
	if diff := cmp.Diff([]string{"@odata.type", "accountEnabled", "id"}, keys(items(page)[0])); diff != "" {
		t.Errorf("selected properties (-want +got):\n%s", diff)
	}
	next := str(page, "@odata.nextLink")
	if str(page, "@odata.context") != c.URL+"/beta/$metadata#directoryObjects(id,accountEnabled,licenseAssignmentStates,groupTypes)" || len(items(page)) != 7 || !strings.HasPrefix(next, c.URL+"/beta"+path+"?$select=id,accountEnabled,licenseAssignmentStates,groupTypes&$top=7&$skiptoken=") {
		t.Errorf("first page: %v", page)
	}
	if r := c.get(next + "&$top=5"); r.status != 400 || r.code() != "Request_BadRequest" {
		t.Errorf("an edited link: %d %s", r.status, r.raw)
	}
	for _, v := range []Variants{{DirectoryPageSize: 4}, {DirectoryPageSize: 30, EmptyPages: true}} {
		c.SetVariants(v)
		if diff := cmp.Diff(all, c.all("/v1.0"+path)); diff != "" {
			t.Errorf("%+v: pages lose or repeat (-want +got):\n%s", v, diff)
		}
	}
	c.SetVariants(Variants{CloudLicensing: "missing"})
	if n := len(items(c.ok("/v1.0" + path + "?$top=999"))); n != 30 {
		t.Errorf("without cloudLicensing: %d", n)
	}
	for _, key := range []string{"board", "noteams"} {
		if got := c.ok("/v1.0/groups/" + c.of(key) + "/membersWithLicenseErrors"); got["value"] == nil || len(items(got)) != 0 {
			t.Errorf("%s: %v", key, got)
		}
	}

	c.ResetCounts()
	got, _ := parts(t, c.do("POST", "/v1.0/$batch", batchOf(get("1", path+"?$select=id"), get("2", "/groups/"+c.TenantID()+"/membersWithLicenseErrors"))))
	if got["1"]["status"] != 200.0 || len(items(got["1"]["body"].(row))) != 30 || got["2"]["status"] != 404.0 {
		t.Errorf("in a batch: %v", got)
	}
	if n := c.Counts()["GET /groups/{id}/membersWithLicenseErrors"]; n.Parts != 2 || n.ResourceUnits != 2 {
		t.Errorf("counts: %+v", n)
	}
	for scopes, want := range map[string]int{"GroupMember.Read.All User.Read.All": 200, "GroupMember.Read.All": 403, "User.Read.All": 403, "GroupMember.Read.All User.Read": 403} {
		c.token = c.delegated(c.userID(0), scopes)
		if r := c.get("/v1.0" + path); r.status != want || want == 403 && r.code() != "Authorization_RequestDenied" {
			t.Errorf("a user with %s: %d %s, want %d", scopes, r.status, r.code(), want)
		}
	}
}

func TestPaging(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 250})
	const errs = "/beta/admin/cloudLicensing/assignmentErrors"
	whole := c.all(errs + "?$top=1000")
	if n := len(items(c.ok(errs + "?$top=1000"))); n != len(c.errors()) {
		t.Errorf("a page of %d, want all %d", n, len(c.errors()))
	}
	for _, v := range []Variants{{PageSize: 7}, {PageSize: 10, EmptyPages: true}} {
		c.SetVariants(v)
		if diff := cmp.Diff(whole, c.all(errs+"?$top=1000")); diff != "" {
			t.Errorf("%+v: pages lose or repeat (-want +got):\n%s", v, diff)
		}
	}
	if first := c.ok(errs); len(items(first)) != 0 || first["@odata.nextLink"] == nil {
		t.Errorf("the first page is not empty: %v", first)
	}
	c.SetVariants(Variants{DirectoryPageSize: 40})
	if n := len(items(c.ok("/v1.0/users"))); n != 40 {
		t.Errorf("a page of %d users, want 40", n)
	}

	// A link must not be edited.
	page := c.ok("/v1.0/users?$select=id&$filter=accountEnabled eq true&$count=true", "ConsistencyLevel", "eventual")
	next := page["@odata.nextLink"].(string)
	if page["@odata.count"] == nil || !strings.HasPrefix(next, c.URL+"/v1.0/users?$count=true&$filter=accountEnabled%20eq%20true&$select=id&$skiptoken=") {
		t.Fatalf("first page: %v", page)
	}
	second := c.ok(next, "ConsistencyLevel", "eventual")
	if diff := cmp.Diff([]string{"id"}, keys(items(second)[0])); diff != "" || second["@odata.count"] != nil {
		t.Errorf("options are not kept: %v", second)
	}
	prefix, token, _ := strings.Cut(next, "$skiptoken=")
	sealed, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil || strings.Contains(string(sealed), "accountEnabled") {
		t.Fatalf("token %q is not opaque: %v", sealed, err)
	}
	sealed[len(sealed)/2] ^= 1
	for name, uri := range map[string]string{
		"changed":        prefix + "$skiptoken=" + base64.RawURLEncoding.EncodeToString(sealed),
		"edited":         next[:len(next)-2] + "xx",
		"cut":            next[:len(next)-20],
		"with an option": next + "&$top=5",
		"without one":    strings.Replace(next, "$select=id&", "", 1),
		"changed option": strings.Replace(next, "$select=id&", "$select=mail&", 1),
		"the token":      c.URL + "/v1.0/users?$skiptoken=" + token,
		"elsewhere":      strings.Replace(next, "/users?", "/groups?", 1),
		"other version":  strings.Replace(next, "/v1.0/", "/beta/", 1),
	} {
		if r := c.get(uri, "ConsistencyLevel", "eventual"); r.status != 400 || r.code() != "Request_BadRequest" {
			t.Errorf("link %s: %d %s", name, r.status, r.raw)
		}
	}
}

func TestVariants(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	const errs = "/beta/admin/cloudLicensing/assignmentErrors"
	sku := skuID(skuF3)
	for _, tt := range []struct {
		name   string
		v      Variants
		uri    string
		status int
	}{
		{"expand none", Variants{ExpandErrors: "none"}, errs + "?$expand=assignedTo", 400},
		{"expand both", Variants{ExpandErrors: "both"}, errs + "?$expand=assignedTo,usageRight", 200},
		{"expand ignore", Variants{ExpandErrors: "ignore"}, errs + "?$expand=assignedTo,usageRight", 200},
		{"nested select", Variants{ExpandNestedSelect: true}, errs + "?$expand=assignedTo($select=id,mail)", 200},
		{"nested select of nothing", Variants{ExpandNestedSelect: true}, errs + "?$expand=assignedTo($select=colour)", 400},
		{"ignored options", Variants{IgnoreCloudOptions: true}, errs + "?$count=true&$skip=5&$orderby=code&$search=x", 200},
		{"eq only", Variants{SkuIDEqualOnly: true}, errs + "?$filter=skuId in (" + sku + ")", 400},
		{"forbidden", Variants{CloudLicensing: "forbidden"}, errs, 403},
		{"forbidden leaves the directory", Variants{CloudLicensing: "forbidden"}, "/beta/users", 200},
		{"missing", Variants{CloudLicensing: "missing"}, errs, 404},
		{"failing rights", Variants{UsageRightFailures: 1}, "/beta/users/" + c.userID(0) + "/cloudLicensing/usageRights", 500},
	} {
		c.SetVariants(tt.v)
		if r := c.get(tt.uri); r.status != tt.status {
			t.Errorf("%s: %d %s", tt.name, r.status, r.raw)
		}
	}
	c.SetVariants(Variants{ExpandErrors: "ignore"})
	if e := items(c.ok(errs + "?$expand=assignedTo"))[0]; e["assignedTo"] != nil {
		t.Errorf("$expand was not ignored: %v", e)
	}
	c.SetVariants(Variants{NullError: true})
	states := rows(c.ok("/beta/users/"+c.userID(0)+"?$select=licenseAssignmentStates"), "licenseAssignmentStates")
	if states[0]["error"] != nil || states[1]["error"] == nil {
		t.Errorf("states: %v", states)
	}
	c.SetVariants(Variants{UsageRightFailures: 0.25})
	failed := 0
	for range 20 {
		if r := c.get("/beta/users/" + c.userID(0) + "/cloudLicensing/usageRights"); r.status == 500 {
			failed++
		}
	}
	if failed != 5 {
		t.Errorf("%d of 20 reads failed, want 5", failed)
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 10})
	zip := func(s string) string {
		var b strings.Builder
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(s))
		_ = z.Close()
		return b.String()
	}
	const uri = "/v1.0/directoryObjects/getByIds"
	body := `{"ids":["` + c.userID(0) + `"]}`
	for _, tt := range []struct {
		name, body, encoding string
		status               int
	}{
		{"gzip", zip(body), "gzip", 200},
		{"no gzip", body, "gzip", 400},
		{"cut gzip", zip(body)[:20], "gzip", 400},
		{"bomb", zip(strings.Repeat(" ", maxBody+1)), "gzip", 413},
		{"too large", strings.Repeat(" ", maxBody+1), "", 413},
		{"other encoding", body, "br", 415},
	} {
		if r := c.do("POST", uri, tt.body, "Content-Encoding", tt.encoding); r.status != tt.status {
			t.Errorf("%s: %d %s, want %d", tt.name, r.status, r.raw, tt.status)
		}
	}
}
