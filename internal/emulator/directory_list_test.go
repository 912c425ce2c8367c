package emulator

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator/wire"
)

// TestFilterOperators tests each property with each operator: in a standard
// query, and with half and all of the requirements of an advanced query. In
// the table, D means supported by default, A only in advanced queries, O only
// in standard queries, and - never, as in the tables of Microsoft Learn,
// "Advanced query capabilities on Microsoft Entra ID objects", and on the page
// of the resource.
func TestFilterOperators(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 30})
	const text, boolean, moment = "'a'", "true", "2024-01-01T00:00:00Z"
	operators := []string{"%s eq %s", "%s ne %s", "not (%s eq %s)", "%s ge %s", "%s le %s", "%s in (%s)", "startswith(%s,%s)", "endswith(%s,%s)", "%s eq null", "contains(%s,%s)", "%s gt %s", "%s lt %s"}
	for set, table := range map[string]map[string][2]string{
		"users": {
			//                      eq ne not ge le in sw ew null contains gt lt
			"id":                {text, "DAA--D------"},
			"displayName":       {text, "DAA--DD-A---"},
			"givenName":         {text, "DAA--DD-A---"},
			"surname":           {text, "DAA--DD-A---"},
			"userPrincipalName": {text, "DAA--DDA----"},
			"mail":              {text, "DAA--DDAA---"},
			"mailNickname":      {text, "DAA--DD-A---"},
			"jobTitle":          {text, "DAA--DD-A---"},
			"city":              {text, "DAA--DD-A---"},
			"country":           {text, "DAA--DD-A---"},
			"department":        {text, "DAA--DD-A---"},
			"usageLocation":     {text, "DAA--DD-A---"},
			"userType":          {text, "DAA--D--A---"},
			"companyName":       {text, "AAA--AA-A---"},
			"mobilePhone":       {text, "AAA--AA-A---"},
			"officeLocation":    {text, "AAA--AA-A---"},
			"preferredLanguage": {text, "AAA--A--A---"},
			"accountEnabled":    {boolean, "DAA--D------"},
			"createdDateTime":   {moment, "---DD---A---"},

			"creationType":               {text, "DAA--D------"},
			"employeeHireDate":           {moment, "---AA-------"},
			"employeeId":                 {text, "DAA--D--A---"},
			"employeeLeaveDateTime":      {moment, "------------"},
			"employeeOrgData":            {text, "------------"},
			"employeeOrgData/costCenter": {text, "AAA--AA-----"},
			"employeeOrgData/division":   {text, "AAA--AA-----"},
			"employeeType":               {text, "AAA--A------"},
			"externalUserState":          {text, "DAA--D------"},
			"onPremisesExtensionAttributes/extensionAttribute1": {text, "AAA--AA-A---"},
			"onPremisesLastSyncDateTime":                        {moment, "---DD-------"},
			"onPremisesSamAccountName":                          {text, "AAA--AA-----"},
			"onPremisesSyncEnabled":                             {boolean, "DAA--D--A---"},
			"state":                                             {text, "DAA--D--A---"},
			"isLicenseReconciliationNeeded":                     {boolean, "------------"}, // only beta, see TestProvisioning

			"assignedLicenses/$count":             {"0", "AAA---------"},
			"onPremisesProvisioningErrors/$count": {"0", "AAA---------"},
			"proxyAddresses/$count":               {"0", "AAA---------"},

			"serviceProvisioningErrors": {text, "------------"},
			"licenseAssignmentStates":   {text, "------------"},
			"assignedLicenses":          {text, "------------"},
			"proxyAddresses":            {text, "------------"},
			"cloudLicensing":            {text, "------------"},
			"colour":                    {text, "------------"},
		},
		"groups": {
			"id":                          {text, "DAA--D------"},
			"displayName":                 {text, "DAA--DD-A---"},
			"description":                 {text, "AAA--AA-A---"},
			"mail":                        {text, "DAA--DDAA---"},
			"mailNickname":                {text, "DAA--DD-A---"},
			"classification":              {text, "DAA--DD-----"},
			"createdDateTime":             {moment, "--------A---"},
			"securityEnabled":             {boolean, "DAA--D------"},
			"mailEnabled":                 {boolean, "DAA--D------"},
			"hasMembersWithLicenseErrors": {boolean, "O----O--O---"},
			"visibility":                  {text, "------------"},
			"licenseProcessingState":      {text, "------------"},
			"assignedLicenses/$count":     {"0", "AAA---------"},
		},
		"groups/" + c.groupID(0) + "/members": {
			"id":          {text, "AAA--A------"},
			"displayName": {text, "AAA--AA-----"},
			"mail":        {text, "------------"},
		},
	} {
		for property, row := range table {
			for i, operator := range operators {
				filter := fmt.Sprintf(operator, property, row[0])
				if strings.HasSuffix(operator, "null") {
					filter = property + " eq null"
				}
				for at, how := range []string{"as it is", "with $count alone", "with the header alone", "advanced"} {
					uri, headers, want := "/v1.0/"+set+"?$top=1&$filter="+filter, []string{}, 400
					if at&1 != 0 {
						uri += "&$count=true"
					}
					if at&2 != 0 {
						headers = eventual
					}
					if letter := row[1][i]; letter == 'D' || letter == 'A' && at == 3 || letter == 'O' && at == 0 {
						want = 200
					}
					r := c.get(uri, headers...)
					if r.status != want || want == 400 && r.code() != "Request_UnsupportedQuery" {
						t.Errorf("%s (%c), %s: %d %s", uri, row[1][i], how, r.status, r.raw)
					}
					if _, counted := r.body["@odata.count"]; counted != (at == 3 && want == 200) {
						t.Errorf("%s, %s: counted %t", uri, how, counted)
					}
				}
			}
		}
	}
}

// everybody returns all users with the filterable properties.
func (c *client) everybody() []row {
	c.t.Helper()
	return c.all("/v1.0/users?$top=999&$select=id,displayName,accountEnabled,city,country,department,companyName,mail,createdDateTime,proxyAddresses,assignedPlans,assignedLicenses,userPrincipalName")
}

func TestFilterMeaning(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	all := c.everybody()
	middle := slices.Sorted(func(yield func(string) bool) {
		for _, u := range all {
			if !yield(str(u, "createdDateTime")) {
				return
			}
		}
	})[len(all)/2]
	plan := c.current().Product(skuE3).Plans[0]
	hasPlan := func(u row) bool {
		return slices.ContainsFunc(rows(u, "assignedPlans"), func(p row) bool { return p["servicePlanId"] == plan.ID })
	}
	has := func(u row, sku string) bool { return index(rows(u, "assignedLicenses"), "skuId")[sku] != nil }
	e3, e5 := skuID(skuE3), skuID(skuVisio)
	for _, tt := range []struct {
		filter string
		want   func(row) bool
	}{
		{"createdDateTime ge " + middle, func(u row) bool { return str(u, "createdDateTime") >= middle }},
		{"createdDateTime le " + strings.Replace(middle, "Z", "%2B00:00", 1), func(u row) bool { return str(u, "createdDateTime") <= middle }},
		{"createdDateTime eq " + middle, nil},
		{"country ge 'm'", nil},
		{"startswith(country,'J') or endswith(mail,'.EXAMPLE')", func(u row) bool { return strings.HasPrefix(str(u, "country"), "J") || u["mail"] != nil }},
		{"proxyAddresses/$count ne 0", func(u row) bool { return len(texts(u, "proxyAddresses")) > 0 }},
		{"proxyAddresses/$count eq 1", nil},
		{"assignedLicenses/$count eq 1", nil},
		{"companyName ne ''", func(row) bool { return true }},
		{"companyName eq null", func(u row) bool { return u["companyName"] == nil }},
		{"not (department in ('Sales','legal'))", func(u row) bool { return str(u, "department") != "Sales" && str(u, "department") != "Legal" }},
		{"displayName EQ 'a'", nil},
		{"id ne '" + str(all[3], "id") + "'", func(u row) bool { return u["id"] != all[3]["id"] }},
		{"id ne 'nobody' and not (id in ('" + str(all[3], "id") + "','" + str(all[4], "id") + "'))", func(u row) bool { return u["id"] != all[3]["id"] && u["id"] != all[4]["id"] }},
		{"proxyAddresses/any(p:startswith(p,'smtp:a'))", func(u row) bool {
			return slices.ContainsFunc(texts(u, "proxyAddresses"), func(s string) bool { return strings.HasPrefix(strings.ToLower(s), "smtp:a") })
		}},
		{"proxyAddresses/any(p:endswith(p,'.EXAMPLE'))", func(u row) bool { return len(texts(u, "proxyAddresses")) > 0 }},
		{"assignedPlans/any(p:p/servicePlanId eq " + plan.ID + " and p/capabilityStatus eq 'Enabled')", hasPlan},
		{"not assignedPlans/any(p:p/servicePlanId eq " + plan.ID + ")", func(u row) bool { return !hasPlan(u) }},
		{"assignedPlans/any(p:p/servicePlanId eq " + plan.ID + " and p/capabilityStatus eq 'Deleted')", func(row) bool { return false }},
		{"assignedPlans/any(p:p/service eq 'exchange')", func(u row) bool {
			return slices.ContainsFunc(rows(u, "assignedPlans"), func(p row) bool { return strings.EqualFold(str(p, "service"), "exchange") })
		}},
		{"assignedLicenses/any(l:l/skuId eq " + e3 + ") and assignedLicenses/any(x:x/skuId eq " + e5 + ")", func(u row) bool { return has(u, e3) && has(u, e5) }},
		{"assignedLicenses/any(l:l/skuId eq " + e3 + ") and startswith(displayName,'m')", func(u row) bool {
			return has(u, e3) && strings.HasPrefix(strings.ToLower(str(u, "displayName")), "m")
		}},
		{"not assignedLicenses/any(l:l/skuId eq " + e3 + ")", func(u row) bool { return !has(u, e3) }},
		{"assignedLicenses/any(l:l/skuId eq " + e3 + ") or userType eq 'Guest'", nil},
		{"not (accountEnabled eq true or assignedLicenses/any(l:l/skuId eq " + e3 + "))", nil},
		{"assignedLicenses/any(l:l/skuId in (" + e3 + "," + e5 + "))", nil},
		{"assignedLicenses/any()", nil},
		{"assignedLicenses/any(l:l eq " + e3 + ")", nil},
		{"assignedLicenses/any(l:displayName eq 'a')", nil},
		{"assignedLicenses/any(l:l/disabledPlans/any(p:p eq " + e3 + "))", nil},
		{"assignedLicenses/$count gt 0", nil},
		{"assignedLicenses/$count eq null", nil},
		{"createdDateTime ge 2024-01-01", nil},
		{"startswith(accountEnabled,'t')", nil},
		{"not displayName eq 'a'", nil},
	} {
		uri := "/v1.0/users?$top=999&$select=id&$count=true&$filter=" + tt.filter
		if tt.want == nil {
			if r := c.get(uri, eventual...); r.status != 400 || r.code() != "Request_UnsupportedQuery" {
				t.Errorf("%s: %d %s", tt.filter, r.status, r.raw)
			}
			continue
		}
		want := []string{}
		for _, u := range all {
			if tt.want(u) {
				want = append(want, str(u, "id"))
			}
		}
		page := c.ok(uri, eventual...)
		got := []string{}
		for _, u := range items(page) {
			got = append(got, str(u, "id"))
		}
		if diff := cmp.Diff(want, got); diff != "" || page["@odata.count"] != float64(len(want)) {
			t.Errorf("%s, %v in all (-want +got):\n%s", tt.filter, page["@odata.count"], diff)
		}
		r := c.get("/v1.0/users/$count?$filter="+tt.filter, eventual...)
		if string(r.raw) != strconv.Itoa(len(want)) || r.header.Get("Content-Type") != "text/plain" {
			t.Errorf("%s counts %s as %q, want %d", tt.filter, r.raw, r.header.Get("Content-Type"), len(want))
		}
	}
	named := len(c.all(`/v1.0/users?$count=true&$search="displayName:m"&$filter=assignedLicenses/any(l:l/skuId eq `+e3+`)`, eventual...))
	if holders := len(c.all("/v1.0/users?$filter=assignedLicenses/any(l:l/skuId eq " + e3 + ")")); named == 0 || named >= holders {
		t.Errorf("%d of %d with a license are found by name", named, holders)
	}
	sorted := c.texts("/v1.0/users?$select=createdDateTime&$count=true&$orderby=createdDateTime desc", "createdDateTime", eventual...)
	if len(sorted) != len(all) || !slices.IsSortedFunc(sorted, func(a, b string) int { return strings.Compare(b, a) }) {
		t.Errorf("%d users by createdDateTime, of %d", len(sorted), len(all))
	}
	unified := c.all("/v1.0/groups?$filter=groupTypes/any(c:c eq 'unified')")
	for _, g := range c.all("/v1.0/groups") {
		if found := index(unified, "id")[str(g, "id")] != nil; found != slices.Contains(texts(g, "groupTypes"), "Unified") {
			t.Errorf("%v: found %t", g, found)
		}
	}
}

func TestCountSegment(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	group := "/groups/" + c.groupID(0) + "/members"
	for _, path := range []string{"/v1.0/users", "/beta/groups", "/beta" + group} {
		all := len(c.all(path))
		if r := c.get(path+"/$count", eventual...); string(r.raw) != strconv.Itoa(all) || r.header.Get("x-ms-resource-unit") == "" {
			t.Errorf("%s: %s, want %d", path, r.raw, all)
		}
		if r := c.get(path + "/$count"); r.status != 400 || r.code() != "Request_BadRequest" {
			t.Errorf("%s without the header: %d %s", path, r.status, r.raw)
		}
		if r := c.do("POST", path+"/$count", "{}", eventual...); r.status != 405 {
			t.Errorf("POST %s: %d", path, r.status)
		}
	}
	r := c.do("POST", "/v1.0/$batch", `{"requests":[{"id":"1","method":"GET","url":"/users/$count?$filter=userType eq 'Member'","headers":{"ConsistencyLevel":"eventual"}}]}`)
	members := len(c.all("/v1.0/users?$filter=userType eq 'Member'"))
	if part := rows(r.body, "responses")[0]; part["body"] != float64(members) || part["headers"].(row)["Content-Type"] != "text/plain" {
		t.Errorf("in a batch: %s, want %d", r.raw, members)
	}
}

func TestSearchClauses(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	all := c.everybody()
	begins := func(words string, prefix string) bool {
		return slices.ContainsFunc(strings.FieldsFunc(strings.ToLower(words), func(r rune) bool { return strings.ContainsRune(" '-.", r) }), func(w string) bool { return strings.HasPrefix(w, prefix) })
	}
	for _, tt := range []struct {
		search string
		want   func(row) bool
	}{
		{`"displayName:gr ho"`, func(u row) bool { return begins(str(u, "displayName"), "gr") && begins(str(u, "displayName"), "ho") }},
		{`"displayName:hopper grace"`, func(u row) bool { return str(u, "displayName") == "Grace Hopper" }},
		{`"displayName:OConnor"`, func(u row) bool { return strings.Contains(str(u, "displayName"), "O'Connor") }},
		{`"displayName:O'Connor"`, func(u row) bool { return strings.Contains(str(u, "displayName"), "O'Connor") }},
		{`"displayName:opper"`, func(row) bool { return false }},
		{`"displayName:'"`, func(row) bool { return false }},
		{`"mail:a" OR "displayName:m"`, func(u row) bool { return strings.HasPrefix(str(u, "mail"), "a") || begins(str(u, "displayName"), "m") }},
		{`"mail:a" AND "displayName:m"`, func(u row) bool { return strings.HasPrefix(str(u, "mail"), "a") && begins(str(u, "displayName"), "m") }},
		{`"mail:a" OR "mail:b" AND "displayName:m"`, func(u row) bool {
			return strings.HasPrefix(str(u, "mail"), "a") || strings.HasPrefix(str(u, "mail"), "b") && begins(str(u, "displayName"), "m")
		}},
		{`("mail:a" OR "mail:b") AND "displayName:m"`, func(u row) bool {
			return (strings.HasPrefix(str(u, "mail"), "a") || strings.HasPrefix(str(u, "mail"), "b")) && begins(str(u, "displayName"), "m")
		}},
	} {
		want := []string{}
		for _, u := range all {
			if tt.want(u) {
				want = append(want, str(u, "displayName"))
			}
		}
		query := "$count=true&$top=7&$search=" + url.QueryEscape(tt.search)
		got := []string{}
		for _, u := range c.all("/v1.0/users?"+query, eventual...) {
			got = append(got, str(u, "displayName"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.search, diff)
		}
		want = want[:0]
		for _, u := range all {
			if tt.want(u) && u["accountEnabled"] == false {
				want = append(want, str(u, "displayName"))
			}
		}
		got = got[:0]
		for _, u := range c.all("/v1.0/users?"+query+"&$filter=accountEnabled eq false", eventual...) {
			got = append(got, str(u, "displayName"))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s and a filter (-want +got):\n%s", tt.search, diff)
		}
	}
}

// TestOptionNames tests that the $ is optional only under beta, and that names
// are case-sensitive. In a batch, spaces can be unescaped.
func TestOptionNames(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	for uri, code := range map[string]string{
		"/beta/users?top=5&select=id&filter=accountEnabled eq true":                               "",
		"/beta/users?top=5&%24select=id":                                                          "",
		"/beta/users?top=5&custom=x":                                                              "",
		"/beta/admin/cloudLicensing/assignmentErrors?expand=assignedTo":                           "",
		"/beta/admin/cloudLicensing/allotments?$expand=assignments($select=id),waitingMembers":    "",
		"/v1.0/users?custom=x":                                                                    "",
		"/v1.0/users?top=5":                                                                       "BadRequest",
		"/beta/users?top=5&$top=5":                                                                "BadRequest",
		"/beta/users?$Top=5":                                                                      "BadRequest",
		"/beta/users?skip=5":                                                                      "Request_UnsupportedQuery",
		"/v1.0/groups?$orderby=userPrincipalName":                                                 "Request_UnsupportedQuery",
		"/v1.0/users?$orderby=createdDateTime":                                                    "Request_UnsupportedQuery",
		"/v1.0/users?$orderby=displayName,userPrincipalName":                                      "Request_UnsupportedQuery",
		"/v1.0/users?$orderby=displayName up":                                                     "BadRequest",
		"/v1.0/users?$filter=displayName eq 'a":                                                   "Request_UnsupportedQuery",
		"/v1.0/users?$filter=%ff":                                                                 "Request_UnsupportedQuery",
		"/beta/groups?$expand=members($select=id)":                                                "BadRequest",
		"/beta/groups?$expand=members/$count":                                                     "BadRequest",
		"/beta/admin/cloudLicensing/allotments?$expand=assignments($top=5)":                       "invalidExpansion",
		"/beta/admin/cloudLicensing/allotments?$expand=assignments($expand=assignedTo)":           "invalidExpansion",
		"/beta/admin/cloudLicensing/allotments?$expand=assignments/$ref":                          "invalidExpansion",
		"/beta/admin/cloudLicensing/allotments?$expand=assignments($select=id;$select=id)":        "invalidExpansion",
		"/beta/admin/cloudLicensing/allotments?$expand=*":                                         "invalidExpansion",
		"/beta/admin/cloudLicensing/allotments?$select=id allottedUnits":                          "invalidQuery",
		"/beta/admin/cloudLicensing/allotments?" + strings.Repeat("a&", 100):                      "invalidQuery",
		"/beta/admin/cloudLicensing/allotments?$filter=" + strings.Repeat("(", 100) + "id eq 'a'": "invalidFilter",
	} {
		r := c.get(uri)
		if code == "" && r.status != 200 || code != "" && (r.status != 400 || r.code() != code) {
			t.Errorf("%s: %d %s, want %s", uri, r.status, r.raw, code)
		}
	}
	long := "/users?custom=" + strings.Repeat("x", maxRaw)
	r := c.do("POST", "/beta/$batch", string(wire.Encode(row{"requests": []row{
		{"id": "1", "method": "GET", "url": "/users?$filter=accountEnabled eq true and startswith(displayName,'a')&$top=1"},
		{"id": "2", "method": "GET", "url": "users?$filter=accountEnabled+eq+true&$top=1"},
		{"id": "3", "method": "GET", "url": long},
	}})))
	for _, part := range rows(r.body, "responses") {
		want := 200.0
		if part["id"] == "3" {
			want = 400
		}
		if part["status"] != want {
			t.Errorf("part %v: %v", part["id"], part)
		}
	}
	// A filter error contains the position.
	message := str(c.get("/v1.0/users?$filter=displayName eq x").body["error"].(row), "message")
	if message != "Invalid filter clause: expected a literal at position 15, found 'x'." {
		t.Error(message)
	}
}
