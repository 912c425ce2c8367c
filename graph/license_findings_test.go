package graph_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/graph/generated"
	"licensegraph/internal/emulator"
	"licensegraph/internal/identity"
)

// findingKinds are the kinds in the order of lists.
var findingKinds = []string{
	"DISABLED_ACCOUNT", "GUEST", "MISSING_USAGE_LOCATION", "RECONCILIATION_NEEDED", "UNUSED_UNITS", "EXPIRING_SUBSCRIPTION", "INACTIVE_ACCOUNT",
	"NESTED_GROUP", "DIRECT_AND_INHERITED", "OVERLAPPING_PRODUCTS", "DELETED_GROUP",
}

// findingsByHand computes the IDs of all findings, by kind, from all users, groups, products and purchases.
func (g *gateway) findingsByHand(t *testing.T) map[string][]string {
	t.Helper()
	want := map[string][]string{}
	add := func(kind string, ids ...any) {
		want[kind] = append(want[kind], kind+strings.Repeat(":%v", len(ids)))
		want[kind][len(want[kind])-1] = fmt.Sprintf(want[kind][len(want[kind])-1], ids...)
	}
	plans := map[any]map[any]bool{} // for users, by product
	for _, sku := range g.nodesOf(t, "subscribedSkus", "first: 1000", "skuId capabilityStatus units { free } servicePlans { servicePlanId appliesTo }") {
		plans[sku["skuId"]] = map[any]bool{}
		for _, plan := range sku["servicePlans"].([]any) {
			if plan.(object)["appliesTo"] != "COMPANY" {
				plans[sku["skuId"]][plan.(object)["servicePlanId"]] = true
			}
		}
		if free := sku["units"].(object)["free"].(float64); free > 0 && (sku["capabilityStatus"] == "ENABLED" || sku["capabilityStatus"] == "WARNING") {
			add("UNUSED_UNITS", sku["skuId"])
		}
	}
	today := time.Now().UTC().Truncate(24 * time.Hour)
	for _, s := range g.nodesOf(t, "companySubscriptions", "first: 1000", "id skuId status nextLifecycleDateTime") {
		at, _ := s["nextLifecycleDateTime"].(string)
		if at >= today.Format(time.DateOnly) && at < today.AddDate(0, 0, 60).Format(time.DateOnly) && s["status"] != "DELETED" {
			add("EXPIRING_SUBSCRIPTION", s["id"], s["skuId"])
		}
	}
	groups, products := g.nodesOf(t, "groups", "first: 999", "id assignedLicenses { skuId } members(first: 999) { nodes { __typename id } }"), map[any]string{}
	for _, group := range groups {
		products[group["id"]] = fmt.Sprint(group["assignedLicenses"])
	}
	for _, group := range groups {
		for _, member := range group["members"].(object)["nodes"].([]any) {
			for _, l := range group["assignedLicenses"].([]any) {
				if sku := l.(object)["skuId"]; member.(object)["__typename"] == "Group" && !strings.Contains(products[member.(object)["id"]], sku.(string)) {
					add("NESTED_GROUP", group["id"], member.(object)["id"], sku)
				}
			}
		}
	}
	for _, user := range g.nodesOf(t, "users", "first: 999", `id accountEnabled userType usageLocation isLicenseReconciliationNeeded signInActivity { lastSignInDateTime }
		assignedLicenses { skuId disabledPlans { servicePlanId } } licenseAssignmentStates { skuId state assignedByGroupId assignedByGroup { displayName } }`) {
		licenses := user["assignedLicenses"].([]any)
		each := func(kind string) {
			for _, l := range licenses {
				add(kind, user["id"], l.(object)["skuId"])
			}
		}
		if user["accountEnabled"] == false {
			each("DISABLED_ACCOUNT")
		}
		if user["userType"] == "Guest" {
			each("GUEST")
		}
		if activity, ok := user["signInActivity"].(object); ok && activity["lastSignInDateTime"] != nil {
			if at := activity["lastSignInDateTime"].(string); at <= today.AddDate(0, 0, -90).Format(time.RFC3339) {
				each("INACTIVE_ACCOUNT")
			}
		}
		if user["usageLocation"] == nil && len(licenses) > 0 {
			add("MISSING_USAGE_LOCATION", user["id"])
		}
		if user["isLicenseReconciliationNeeded"] == true {
			add("RECONCILIATION_NEEDED", user["id"])
		}
		enabled := func(license any, plan any) bool {
			return plans[license.(object)["skuId"]][plan] && !slices.ContainsFunc(license.(object)["disabledPlans"].([]any), func(p any) bool { return p.(object)["servicePlanId"] == plan })
		}
		for _, inner := range licenses {
			for _, outer := range licenses {
				own := slices.DeleteFunc(slices.Collect(maps.Keys(plans[inner.(object)["skuId"]])), func(plan any) bool { return !enabled(inner, plan) })
				if inner.(object)["skuId"] != outer.(object)["skuId"] && len(own) > 0 && !slices.ContainsFunc(own, func(plan any) bool { return !enabled(outer, plan) }) {
					add("OVERLAPPING_PRODUCTS", user["id"], inner.(object)["skuId"])
				}
			}
		}
		direct := map[any]bool{}
		states := user["licenseAssignmentStates"].([]any)
		for _, s := range states {
			direct[s.(object)["skuId"]] = direct[s.(object)["skuId"]] || s.(object)["assignedByGroupId"] == nil
		}
		for _, s := range states {
			s := s.(object)
			if s["assignedByGroupId"] == nil {
				continue
			}
			if s["assignedByGroup"] == nil {
				add("DELETED_GROUP", user["id"], s["assignedByGroupId"], s["skuId"])
			}
			if direct[s["skuId"]] && s["state"] == "ACTIVE" {
				add("DIRECT_AND_INHERITED", user["id"], s["assignedByGroupId"], s["skuId"])
				direct[s["skuId"]] = false // one
			}
		}
	}
	for _, ids := range want {
		slices.Sort(ids)
	}
	return want
}

// TestLicenseFindings compares the findings of each kind, with pages of several sizes, with findings by hand. Before each
// page, Microsoft Graph sends an empty one with a next link.
func TestLicenseFindings(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{Throttling: emulator.Throttling{Off: true}, EmptyPages: true}})
	want, all := g.findingsByHand(t), []string{}
	for _, kind := range findingKinds {
		t.Run(kind, func(t *testing.T) {
			if len(want[kind]) < 5 {
				t.Fatalf("%d findings: the test covers nothing", len(want[kind]))
			}
			for _, size := range []int{500, 2} {
				if got := g.walkPages(t, "licenseFindings", ", filter: {kinds: ["+kind+"]}", size); !slices.Equal(want[kind], slices.Sorted(slices.Values(got))) {
					t.Errorf("pages of %d (-want +got):\n%s", size, difference(want[kind], slices.Sorted(slices.Values(got))))
				}
			}
		})
		all = append(all, want[kind]...)
	}
	for _, sizes := range [][]int{{500}, {50}, {7, 1, 30}} {
		got := g.walkPages(t, "licenseFindings", "", sizes...)
		last := 0
		for _, id := range got {
			kind, _, _ := strings.Cut(id, ":")
			place := slices.Index(findingKinds, kind)
			if scanned := slices.Index(findingKinds, "DIRECT_AND_INHERITED"); min(place, scanned) < last {
				t.Errorf("%s follows %s", kind, findingKinds[last])
			} else {
				last = min(place, scanned)
			}
		}
		if diff := difference(slices.Sorted(slices.Values(all)), slices.Sorted(slices.Values(got))); diff != "" {
			t.Errorf("pages of %v (-want +got):\n%s", sizes, diff)
		}
	}
}

// TestTypesOfFindings tests that findings of each kind have the type whose description names it, with what only it has.
func TestTypesOfFindings(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{Throttling: emulator.Throttling{Off: true}}})
	schema, types := generated.NewExecutableSchema(generated.Config{}).Schema(), map[string]string{}
	for _, definition := range schema.GetPossibleTypes(schema.Types["LicenseFinding"]) {
		for _, word := range regexp.MustCompile(`[A-Z_]{3,}`).FindAllString(definition.Description, -1) {
			if types[word] != "" {
				t.Errorf("%s is in the descriptions of %s and %s", word, types[word], definition.Name)
			}
			types[word] = definition.Name
		}
	}
	const selected = `id __typename kind user { id } groupId group { displayName } skuId sku { skuId }
		... on UserLicenseFinding { containedInSkuId containedIn { skuId } of: user { id } fixes { title } }
		... on GroupLicenseFinding { nestedGroupId nestedGroup { displayName } fixes { title } }
		... on ProductLicenseFinding { companySubscription { id } fixes { title } }`
	own := map[string][]string{ // kinds that have the field
		"containedInSkuId": {"OVERLAPPING_PRODUCTS"}, "containedIn": {"OVERLAPPING_PRODUCTS"},
		"nestedGroupId": {"NESTED_GROUP"}, "nestedGroup": {"NESTED_GROUP"}, "companySubscription": {"EXPIRING_SUBSCRIPTION"},
		"groupId": {"NESTED_GROUP", "DIRECT_AND_INHERITED", "DELETED_GROUP"}, "group": {"NESTED_GROUP", "DIRECT_AND_INHERITED"},
	}
	for _, kind := range findingKinds {
		nodes := g.nodesOf(t, "licenseFindings", "first: 500, filter: {kinds: ["+kind+"]}", selected)
		if len(nodes) == 0 {
			t.Errorf("%s: no findings", kind)
		}
		for _, node := range nodes {
			if node["__typename"] != types[kind] || node["kind"] != kind {
				t.Errorf("%s: %v %v, want a %s", kind, node["__typename"], node["kind"], types[kind])
			}
			if (node["user"] != nil) != (types[kind] == "UserLicenseFinding") {
				t.Errorf("%s: user %v", kind, node["user"])
			}
			for field, kinds := range own {
				if (node[field] != nil) != slices.Contains(kinds, kind) {
					t.Errorf("%s: %s is %v", kind, field, node[field])
				}
			}
		}
	}
}

// TestFindingsOfProducts tests the filter by product.
func TestFindingsOfProducts(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	for _, size := range []int{500, 3} {
		all := g.nodesOf(t, "licenseFindings", "first: 500", `id kind skuId user { assignedLicenses { skuId } } group { assignedLicenses { skuId } }`)
		if len(all) < 100 {
			t.Fatalf("%d findings", len(all))
		}
		var want []string
		for _, f := range all {
			has := f["skuId"] == skuE3
			for _, holder := range []any{f["user"], f["group"]} {
				if o, ok := holder.(object); ok && f["skuId"] == nil {
					has = has || slices.ContainsFunc(o["assignedLicenses"].([]any), func(l any) bool { return l.(object)["skuId"] == skuE3 })
				}
			}
			if has {
				want = append(want, f["id"].(string))
			}
		}
		got := g.walkPages(t, "licenseFindings", `, filter: {skuIds: ["`+skuE3+`"]}`, size)
		if len(want) == 0 || len(want) == len(all) {
			t.Errorf("%d of %d", len(want), len(all))
		}
		if diff := difference(slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))); diff != "" {
			t.Errorf("pages of %d (-want +got):\n%s", size, diff)
		}
	}
}

// TestFindingsInMicrosoftGraph tests the requests of kinds that Microsoft Graph filters: one for a kind that fills the page,
// and two for several kinds.
func TestFindingsInMicrosoftGraph(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{Users: 2000})
	g.ask(`{ groups(first: 1) { nodes { id } } }`, nil) // the token
	const selected = `nodes { kind skuId user { id } unitsFreed reason remedy { action text } } pageInfo { hasNextPage endCursor } stopped unavailable { code }`
	conditions := map[string]string{
		"DISABLED_ACCOUNT":       "assignedLicenses/$count ne 0 and accountEnabled eq false",
		"GUEST":                  "assignedLicenses/$count ne 0 and userType eq 'Guest'",
		"MISSING_USAGE_LOCATION": "assignedLicenses/$count ne 0 and usageLocation eq null",
		"RECONCILIATION_NEEDED":  "isLicenseReconciliationNeeded eq true",
		"INACTIVE_ACCOUNT":       "signInActivity/lastSignInDateTime le " + time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -30).Format(time.RFC3339),
	}
	for kind, want := range conditions {
		g.forget()
		days := ""
		if kind == "INACTIVE_ACCOUNT" {
			days = ", inactiveDays: 30"
		}
		r := g.ask(`{ licenseFindings(filter: {kinds: [`+kind+`]`+days+`}, first: 4) { `+selected+` } }`, nil)
		if filters := g.requested(usersEndpoint, "$filter"); len(filters) != 1 || !sameConditions(filters[0], want) {
			t.Errorf("%s: $filter %q, want %q", kind, filters, want)
		}
		if tops := g.requested(usersEndpoint, "$top"); kind != "INACTIVE_ACCOUNT" && !slices.Equal(tops, []string{"4"}) {
			t.Errorf("%s: $top %v", kind, tops)
		}
		if nodes := r.Data["licenseFindings"].(object)["nodes"].([]any); len(nodes) != 4 {
			t.Errorf("%s: %d findings", kind, len(nodes))
		}
		g.answered(r, 1)
	}
	g.forget()
	r := g.ask(`{ licenseFindings(filter: {kinds: [GUEST, RECONCILIATION_NEEDED, MISSING_USAGE_LOCATION, DISABLED_ACCOUNT]}, first: 50) { `+selected+` } }`, nil)
	g.answered(r, 2)
}

// sameConditions reports whether two filters have the same conditions, in any order.
func sameConditions(a, b string) bool {
	return slices.Equal(slices.Sorted(slices.Values(strings.Split(a, " and "))), slices.Sorted(slices.Values(strings.Split(b, " and "))))
}

// TestUnavailableFindings tests tenants that deny kinds: the kinds are listed with an error, and the others are found.
func TestUnavailableFindings(t *testing.T) {
	t.Parallel()
	whole := startGateway(t, emulator.Options{}).findingsByHand(t)
	for _, tt := range []struct {
		name     string
		variants emulator.Variants
		lost     map[string]string // codes by kind
	}{
		{"no sign-ins", emulator.Variants{Roles: []string{readPeople, readGroups, readDirectory}}, map[string]string{"INACTIVE_ACCOUNT": "FORBIDDEN"}},
		{"no P1", emulator.Variants{NotPremium: true}, map[string]string{"INACTIVE_ACCOUNT": "UPSTREAM_UNAVAILABLE"}},
		{"no products", emulator.Variants{Roles: []string{readPeople, readGroups, readAudit}}, map[string]string{
			"UNUSED_UNITS": "FORBIDDEN", "EXPIRING_SUBSCRIPTION": "FORBIDDEN", "OVERLAPPING_PRODUCTS": "FORBIDDEN",
		}},
		{"no groups", emulator.Variants{Roles: []string{readPeople, readProducts, readPurchases, readAudit}}, map[string]string{
			"NESTED_GROUP": "FORBIDDEN", "DELETED_GROUP": "FORBIDDEN",
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Variants: tt.variants})
			r := g.ask(`{ licenseFindings(first: 500) { nodes { id } unavailable { kinds code message } }
				licenseFindingsOverview { kinds { kind findings people } unavailable { kinds code message } } }`, nil)
			for root, findings := range map[string]string{"licenseFindings": "nodes", "licenseFindingsOverview": "kinds"} {
				lost := map[string]string{}
				for _, u := range r.Data[root].(object)["unavailable"].([]any) {
					for _, kind := range u.(object)["kinds"].([]any) {
						lost[kind.(string)] = u.(object)["code"].(string)
					}
					if code, message := u.(object)["code"], u.(object)["message"].(string); code == "FORBIDDEN" && !strings.Contains(message, "Required permission: ") {
						t.Errorf("message %q", message)
					}
				}
				if diff := difference(tt.lost, lost); diff != "" {
					t.Errorf("%s unavailable (-want +got):\n%s", root, diff)
				}
				if !strings.Contains(string(r.raw), fmt.Sprintf(`["%s","%s"]`, root, findings)) {
					t.Errorf("no error at %s: %v", root, r.Errors)
				}
			}
			want, got := map[string]int{}, map[string]int{}
			for kind, ids := range whole {
				if tt.lost[kind] == "" {
					want[kind] = len(ids)
				}
			}
			for _, node := range r.Data["licenseFindings"].(object)["nodes"].([]any) {
				kind, _, _ := strings.Cut(node.(object)["id"].(string), ":")
				got[kind]++
			}
			if diff := difference(want, got); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			clear(got)
			for _, k := range r.Data["licenseFindingsOverview"].(object)["kinds"].([]any) {
				got[k.(object)["kind"].(string)] = int(k.(object)["findings"].(float64))
			}
			if diff := difference(want, got); diff != "" {
				t.Errorf("overview (-want +got):\n%s", diff)
			}
		})
	}
}

// TestFindingsWithoutPersonalScope tests a caller who may not read sign-ins and departments.
func TestFindingsWithoutPersonalScope(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 200})
	g.caller = &identity.Caller{TenantID: g.tenantID, ObjectID: "11111111-0000-4000-8000-000000000001", ClientID: "portal", Scopes: []string{"Licenses.Read"}, ScopesAlone: true}
	g.restart()
	r := g.ask(`{ licenseFindings(first: 500) { nodes { kind user { id } } unavailable { kinds code message } }
		licenseFindingsOverview { upstreamRequests kinds { kind } unavailable { kinds code } byDepartment { name } byCostCenter { name } } }`, nil)
	want := []any{object{"kinds": []any{"INACTIVE_ACCOUNT"}, "code": "FORBIDDEN"}}
	if diff := difference(want, r.Data["licenseFindingsOverview"].(object)["unavailable"].([]any)); diff != "" {
		t.Errorf("unavailable (-want +got):\n%s", diff)
	}
	if len(r.Data["licenseFindings"].(object)["nodes"].([]any)) == 0 || strings.Contains(string(r.raw), `"kind":"INACTIVE_ACCOUNT"`) || !strings.Contains(string(r.raw), "Licenses.ReadPersonal") {
		t.Errorf("%.500s", r.raw)
	}
	for _, name := range []string{"byDepartment", "byCostCenter"} {
		if r.Data["licenseFindingsOverview"].(object)[name] != nil {
			t.Errorf("%s is not null", name)
		}
	}
	for _, request := range g.tenant.Requests() {
		if strings.Contains(request.URL, "signInActivity") || strings.Contains(request.URL, "department") || strings.Contains(request.URL, "employeeOrgData") {
			t.Errorf("request %s", request.URL)
		}
	}
}

// TestFindingsOverview compares the figures with the findings.
func TestFindingsOverview(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{DirectoryPageSize: 40, Throttling: emulator.Throttling{Off: true}}})
	const figures = `{ licenseFindingsOverview%s { upstreamRequests unavailable { code }
		kinds { kind findings people unitsFreed complete byProduct { skuId findings unitsFreed } } byDepartment { name people unitsFreed } byCostCenter { name people unitsFreed } } }`
	for _, filter := range []string{"", `(filter: {kinds: [DISABLED_ACCOUNT, GUEST, INACTIVE_ACCOUNT]})`, `(filter: {skuIds: ["` + skuE3 + `"]})`} {
		t.Run(filter, func(t *testing.T) {
			arguments, after := strings.Trim(filter, "()"), ""
			if arguments != "" {
				arguments += ", "
			}
			var nodes []object
			for more := true; more; {
				r := g.ask(fmt.Sprintf(`{ licenseFindings(%sfirst: 500%s) { pageInfo { hasNextPage endCursor } nodes { kind skuId unitsFreed user { id department employeeOrgData { costCenter } } } } }`, arguments, after), nil)
				if len(r.Errors) > 0 {
					t.Fatalf("%s", r.raw)
				}
				page := r.Data["licenseFindings"].(object)
				for _, n := range page["nodes"].([]any) {
					nodes = append(nodes, n.(object))
				}
				info := page["pageInfo"].(object)
				more, after = info["hasNextPage"].(bool), fmt.Sprintf(`, after: %q`, info["endCursor"])
			}
			type tally struct{ findings, people, units int }
			kinds, products, departments, costCenters := map[string]tally{}, map[string]tally{}, map[string]tally{}, map[string]tally{}
			seen := map[string]bool{}
			once := func(parts ...any) int {
				key := fmt.Sprint(parts...)
				if seen[key] {
					return 0
				}
				seen[key] = true
				return 1
			}
			for _, f := range nodes {
				kind, units := f["kind"].(string), int(f["unitsFreed"].(float64))
				of := kinds[kind]
				of.findings, of.units = of.findings+1, of.units+units
				user, ofUser := f["user"].(object)
				if ofUser {
					of.people += once(kind, user["id"])
				}
				kinds[kind] = of
				if f["skuId"] != nil {
					key := kind + " " + f["skuId"].(string)
					products[key] = tally{findings: products[key].findings + 1, units: products[key].units + units}
				}
				if ofUser && units > 0 && once("unit", user["id"], f["skuId"]) == 1 {
					unit := user["employeeOrgData"]
					if unit != nil {
						unit = unit.(object)["costCenter"]
					}
					for name, tallies := range map[any]map[string]tally{fmt.Sprint("department ", user["department"]): departments, fmt.Sprint("center ", unit): costCenters} {
						_, key, _ := strings.Cut(name.(string), " ")
						was := tallies[key]
						tallies[key] = tally{people: was.people + once(name, user["id"]), units: was.units + 1}
					}
				}
			}
			r := g.ask(fmt.Sprintf(figures, filter), nil)
			if len(r.Errors) > 0 {
				t.Fatalf("%s", r.raw)
			}
			o := r.Data["licenseFindingsOverview"].(object)
			number := func(o object, name string) int { n, _ := o[name].(float64); return int(n) }
			got := [4]map[string]tally{{}, {}, {}, {}}
			for _, k := range o["kinds"].([]any) {
				k := k.(object)
				if number(k, "findings") > 0 {
					got[0][k["kind"].(string)] = tally{number(k, "findings"), number(k, "people"), number(k, "unitsFreed")}
				}
				if k["complete"] != true {
					t.Errorf("%v is not complete", k["kind"])
				}
				for _, p := range k["byProduct"].([]any) {
					p := p.(object)
					got[1][k["kind"].(string)+" "+p["skuId"].(string)] = tally{findings: number(p, "findings"), units: number(p, "unitsFreed")}
				}
			}
			for i, name := range []string{"byDepartment", "byCostCenter"} {
				for _, unit := range o[name].([]any) {
					unit := unit.(object)
					got[2+i][fmt.Sprint(unit["name"])] = tally{people: number(unit, "people"), units: number(unit, "unitsFreed")}
				}
			}
			for i, want := range []map[string]tally{kinds, products, departments, costCenters} {
				if !maps.Equal(want, got[i]) || len(want) < 2 {
					t.Errorf("%s: want %v\ngot %v", []string{"kinds", "products", "departments", "cost centers"}[i], want, got[i])
				}
			}
		})
	}
}

// TestFindingsOverviewCost tests that the overview announces its requests for users, for one request, and makes them.
func TestFindingsOverviewCost(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{Users: 3000, Variants: emulator.Variants{Throttling: emulator.Throttling{Off: true}}})
	g.ask(`{ groups(first: 1) { nodes { id } } }`, nil) // the token
	for filter, kinds := range map[string]string{
		"all kinds":        "DISABLED_ACCOUNT, GUEST, MISSING_USAGE_LOCATION, RECONCILIATION_NEEDED, UNUSED_UNITS, EXPIRING_SUBSCRIPTION, INACTIVE_ACCOUNT, DIRECT_AND_INHERITED, OVERLAPPING_PRODUCTS",
		"filtered kinds":   "DISABLED_ACCOUNT, GUEST, INACTIVE_ACCOUNT",
		"one scanned kind": "DIRECT_AND_INHERITED",
		"with products":    "OVERLAPPING_PRODUCTS",
	} {
		g.forget()
		of := `licenseFindingsOverview(filter: {kinds: [` + kinds + `]})`
		r := g.ask(`{ `+of+` { upstreamRequests } }`, nil)
		g.answered(r, 1)
		announced := int(r.Data["licenseFindingsOverview"].(object)["upstreamRequests"].(float64))
		r = g.ask(`{ `+of+` { kinds { kind findings } byDepartment { name } } }`, nil)
		if made := requestsOf(r); made != announced {
			t.Errorf("%s: announced %d requests, made %d: %v", filter, announced, made, r.Extensions.Upstream.Endpoints)
		}
		if filter == "all kinds" && announced < 6 {
			t.Errorf("%d requests: the test covers nothing", announced)
		}
	}
}

// findingCosts are the costs of findings on a tenant of 500 users, with a token.
var findingCosts = []struct {
	name, query     string
	requests, parts int
}{
	{"Query.licenseFindings", `licenseFindings(filter: {kinds: [GUEST]}, first: 3) { nodes { unitsFreed skuId user { displayName } } }`, 1, 0},
	{"UserLicenseFinding.sku", `licenseFindings(filter: {kinds: [GUEST]}) { nodes { ... on UserLicenseFinding { sku { consumedUnits } } } }`, 1, 2},
	{"UserLicenseFinding.sku names", `licenseFindings(filter: {kinds: [GUEST]}) { nodes { sku { productName } monthlyCost { amount } } }`, 1, 0},
	// A page of 200 users, and all users, since few match.
	{"UserLicenseFinding.containedIn", `licenseFindings(filter: {kinds: [OVERLAPPING_PRODUCTS]}) { nodes { ... on UserLicenseFinding { containedIn { consumedUnits } } } }`, 2, 2},
	{"UserLicenseFinding.group", `licenseFindings(filter: {kinds: [DIRECT_AND_INHERITED]}) { nodes { ... on UserLicenseFinding { group { displayName } } } }`, 3, 0},
	{"UserLicenseFinding.group id", `licenseFindings(filter: {kinds: [DIRECT_AND_INHERITED]}) { nodes { groupId group { id } } }`, 2, 0},
	{"UserLicenseFinding.fixes", `licenseFindings(filter: {kinds: [GUEST, DISABLED_ACCOUNT]}, first: 3) { nodes { ... on UserLicenseFinding { fixes { title } } } }`, 2, 0},
	{"UserLicenseFinding.fixes and others", `licenseFindings(filter: {kinds: [GUEST, DISABLED_ACCOUNT]}, first: 3) { nodes { fixes { title } sku { productName } group { id } } }`, 2, 0},
	// 30 groups, of which 15 have products, and their nested groups, of which only the IDs are known.
	{"GroupLicenseFinding.nestedGroup", `licenseFindings(filter: {kinds: [NESTED_GROUP]}) { nodes { ... on GroupLicenseFinding { nestedGroup { displayName } } } }`, 3, 15},
	{"GroupLicenseFinding.group", `licenseFindings(filter: {kinds: [NESTED_GROUP]}) { nodes { ... on GroupLicenseFinding { group { displayName } } } }`, 2, 15},
	{"GroupLicenseFinding.group and nested", `licenseFindings(filter: {kinds: [NESTED_GROUP]}) { nodes { group { displayName } ... on GroupLicenseFinding { nestedGroup { displayName } } } }`, 3, 15},
	{"GroupLicenseFinding.sku", `licenseFindings(filter: {kinds: [NESTED_GROUP]}) { nodes { ... on GroupLicenseFinding { sku { consumedUnits } } } }`, 2, 17},
	{"GroupLicenseFinding.fixes", `licenseFindings(filter: {kinds: [NESTED_GROUP]}) { nodes { ... on GroupLicenseFinding { fixes { title } } } }`, 2, 15},
	{"ProductLicenseFinding.sku", `licenseFindings(filter: {kinds: [EXPIRING_SUBSCRIPTION]}) { nodes { ... on ProductLicenseFinding { sku { consumedUnits } companySubscription { totalLicenses } } } }`, 1, 2},
	{"ProductLicenseFinding.group", `licenseFindings(filter: {kinds: [UNUSED_UNITS]}) { nodes { ... on ProductLicenseFinding { group { displayName } } } }`, 1, 0},
	{"ProductLicenseFinding.fixes", `licenseFindings(filter: {kinds: [UNUSED_UNITS]}) { nodes { ... on ProductLicenseFinding { fixes { title } } } }`, 1, 0},
	{"Query.licenseFindingsOverview", `licenseFindingsOverview { __typename }`, 0, 0},
	{"LicenseFindingsOverview.upstreamRequests", `licenseFindingsOverview { upstreamRequests }`, 1, 3},
	{"LicenseFindingsOverview.kinds", `licenseFindingsOverview(filter: {kinds: [GUEST, INACTIVE_ACCOUNT]}) { kinds { findings } }`, 1, 2},
	{"LicenseFindingsOverview.unavailable", `licenseFindingsOverview(filter: {kinds: [GUEST]}) { unavailable { code } }`, 1, 0},
	{"LicenseFindingsOverview.byDepartment", `licenseFindingsOverview(filter: {kinds: [GUEST]}) { kinds { people } byDepartment { name unitsFreed } }`, 1, 0},
	{"LicenseFindingsOverview.byCostCenter", `licenseFindingsOverview(filter: {kinds: [GUEST]}) { byCostCenter { name unitsFreed } }`, 1, 0},
	{"FindingsOfProduct.sku", `licenseFindingsOverview(filter: {kinds: [GUEST]}) { kinds { byProduct { sku { consumedUnits } } } }`, 2, 0},
}

// findingQueries are the queries of findingCosts.
func findingQueries() (rows []edgeCost) {
	for _, row := range findingCosts {
		rows = append(rows, edgeCost{name: row.name, query: row.query})
	}
	return rows
}

// TestFindingCosts tests the cost of findings and the fields below.
func TestFindingCosts(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{Throttling: emulator.Throttling{Off: true}}})
	g.ask(`{ groups(first: 1) { nodes { id } } }`, nil)
	estimate := newEstimator(t)
	for _, tt := range findingCosts {
		g.forget()
		r := g.ask("{ "+tt.query+" }", nil)
		if got := r.Extensions.Upstream.BatchParts; got != tt.parts {
			t.Errorf("%s: %d batch parts, want %d", tt.name, got, tt.parts)
		}
		if most, got := estimate.of(t, "{ "+tt.query+" }", nil), requestsOf(r); got > most {
			t.Errorf("%s: took %d requests, @upstream announces %d", tt.name, got, most)
		}
		if got := r.Extensions.Upstream.Requests; got != tt.requests {
			t.Errorf("%s:", tt.name)
		}
		g.answered(r, tt.requests)
	}
}

// TestFindingsContinue tests pages after a list could not be continued, and after the finding at the cursor was resolved:
// each finding occurs once.
func TestFindingsContinue(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{Throttling: emulator.Throttling{Off: true}}})
	const kinds = "kinds: [GUEST, UNUSED_UNITS, EXPIRING_SUBSCRIPTION]"
	want := idsOf(g.nodesOf(t, "licenseFindings", "first: 500, filter: {"+kinds+"}", "id"))
	var got []string
	after, failed := "", 0
	for page := 0; ; page++ {
		if page%2 == 1 {
			g.tenant.Inject(emulator.Fault{Endpoint: usersEndpoint, Status: 503, Times: 20})
		}
		r := g.ask(fmt.Sprintf(`{ licenseFindings(first: 2, filter: {%s}%s) { stopped nodes { id } unavailable { code } pageInfo { hasNextPage endCursor } } }`, kinds, after), nil)
		g.forget()
		list := r.Data["licenseFindings"].(object)
		for _, node := range list["nodes"].([]any) {
			got = append(got, node.(object)["id"].(string))
		}
		if len(r.Errors) > 0 {
			if failed++; list["stopped"] != true || len(list["unavailable"].([]any)) != 1 {
				t.Errorf("%s", r.raw)
			}
		}
		info := list["pageInfo"].(object)
		if info["hasNextPage"] != true || page > 100 {
			break
		}
		after = fmt.Sprintf(`, after: %q`, info["endCursor"])
	}
	if diff := difference(want, got); diff != "" || failed == 0 {
		t.Errorf("%d failures (-want +got):\n%s", failed, diff)
	}
}
