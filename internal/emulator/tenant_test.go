package emulator

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator/tenant"
)

// TestTenantIsConsistent reads the whole tenant over HTTP and checks that
// all answers are consistent.
func TestTenantIsConsistent(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		seed  uint64
		users int
	}{{1, 130}, {2026, 80}, {5, 10}, {6, 1}} {
		t.Run(fmt.Sprintf("seed %d of %d", tt.seed, tt.users), func(t *testing.T) {
			t.Parallel()
			c := start(t, Options{Users: tt.users, Seed: tt.seed, Variants: Variants{ExpandErrors: "both"}})
			checkTenant(c, tt.users, true)
			checkAllotments(c, true)
		})
	}
}

type row = map[string]any

func str(o row, name string) string { s, _ := o[name].(string); return s }

func rows(o row, name string) []row {
	var list []row
	values, _ := o[name].([]any)
	for _, v := range values {
		list = append(list, v.(row))
	}
	return list
}

func texts(o row, name string) []string {
	list := []string{}
	values, _ := o[name].([]any)
	for _, v := range values {
		list = append(list, v.(string))
	}
	return list
}

func index(list []row, key string) map[string]row {
	m := map[string]row{}
	for _, o := range list {
		m[str(o, key)] = o
	}
	return m
}

// checkTenant checks users, groups and products. Some checks only apply to an
// unchanged tenant.
func checkTenant(c *client, n int, fresh bool) {
	t := c.t
	const props = "id,displayName,userPrincipalName,mail,usageLocation,accountEnabled,userType,createdDateTime,assignedLicenses,licenseAssignmentStates"
	users := c.all("/beta/users?$top=999&$select=" + props)
	groups := index(c.all("/beta/groups?$select=id,displayName,assignedLicenses,createdDateTime"), "id")
	skus := index(c.all("/beta/subscribedSkus"), "skuId")
	errors := c.all("/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo,usageRight")

	if len(users) != n || len(index(users, "id")) != n || len(index(users, "userPrincipalName")) != n {
		t.Fatalf("%d users, want %d with ids and names of their own", len(users), n)
	}
	if len(skus) != 10 {
		t.Errorf("%d products, want 10", len(skus))
	}
	if want := max(1, n*120/500); fresh && len(errors) < want {
		t.Errorf("%d errors, want at least %d", len(errors), want)
	}
	errorOf := map[string]row{} // by user and product
	for _, e := range errors {
		key := str(e["assignedTo"].(row), "id") + str(e, "skuId")
		if errorOf[key] != nil {
			t.Errorf("two errors of one user and product: %v", e)
		}
		errorOf[key] = e
	}

	codes := map[string]string{
		"DependencyViolation": "MissingDependency", "MutuallyExclusiveViolation": "MutuallyExclusivePlans",
		"CountViolation": "InsufficientUnits", "ProhibitedInUsageLocationViolation": "UsageLocationNotAllowed",
		"UniquenessViolation": "ProxyAddressConflict", "Other": "AssignmentFailed",
	}
	holders := map[string]int{}
	rightsOf := map[string]map[string]row{} // by user and product
	members := map[string][]string{}        // users, by group
	failing := map[string][]string{}
	found := map[string]bool{} // by user and product
	once := map[string]bool{}  // groups that assign each product from one allotment
	for id, g := range groups {
		once[id] = len(c.all("/beta/groups/"+id+"/cloudLicensing/assignments")) == len(rows(g, "assignedLicenses"))
		for _, m := range c.all("/v1.0/groups/" + id + "/members?$select=id&$top=999") {
			if kind := str(m, "@odata.type"); kind == "#microsoft.graph.user" || kind == "#microsoft.graph.agentUser" {
				members[id] = append(members[id], str(m, "id"))
			}
		}
	}
	for _, u := range users {
		name := str(u, "userPrincipalName")
		for _, r := range name + str(u, "mail") {
			if r > 127 {
				t.Errorf("%s is not ASCII", name)
				break
			}
		}
		if location := str(u, "usageLocation"); len(location) != 2 && location != "" || location != "" && str(u, "userType") == "Guest" {
			t.Errorf("%s has usage location %q", name, str(u, "usageLocation"))
		}
		rights := index(c.all("/beta/users/"+str(u, "id")+"/cloudLicensing/usageRights"), "skuId")
		rightsOf[str(u, "id")] = rights
		inUse := map[string]bool{}
		usable := map[string]bool{}
		have := map[string]bool{} // plans in force
		for _, r := range rights {
			for _, s := range rows(r, "services") {
				have[str(s, "planId")] = true
			}
		}
		states := rows(u, "licenseAssignmentStates")
		inherited := map[string]int{} // rows by group
		for _, s := range states {
			inherited[str(s, "assignedByGroup")]++
		}
		for id, g := range groups {
			want := 0
			if slices.Contains(members[id], str(u, "id")) {
				want = len(rows(g, "assignedLicenses"))
			}
			if inherited[id] != want {
				t.Errorf("%s has %d states from %s, want %d", name, inherited[id], str(g, "displayName"), want)
			}
		}
		checkDetails(c, u, rights)
		for _, s := range states {
			id, state, failure := str(s, "skuId"), str(s, "state"), str(s, "error")
			product := skus[id]
			if product == nil {
				t.Fatalf("%s has the unknown product %s", name, id)
			}
			plans := index(rows(product, "servicePlans"), "servicePlanId")
			for _, off := range texts(s, "disabledPlans") {
				if plans[off] == nil {
					t.Errorf("%s: disabled plan %s is not of %s", name, off, str(product, "skuPartNumber"))
				}
			}
			if str(s, "lastUpdatedDateTime") < str(u, "createdDateTime") {
				t.Errorf("%s was licensed before the account was made", name)
			}
			via := str(s, "assignedByGroup")
			if via != "" && via != c.current().Seed().GUID("deleted group", 0).String() {
				g := groups[via]
				if g == nil {
					t.Fatalf("%s: group %s does not exist", name, via)
				}
				if failure != "None" && !slices.Contains(failing[via], str(u, "id")) {
					failing[via] = append(failing[via], str(u, "id"))
				}
				license := index(rows(g, "assignedLicenses"), "skuId")[id]
				if license == nil {
					t.Errorf("%s: group %s does not license %s", name, str(g, "displayName"), str(product, "skuPartNumber"))
				} else if !slices.Equal(texts(license, "disabledPlans"), texts(s, "disabledPlans")) {
					t.Errorf("%s: group %s has other plans off than the state", name, str(g, "displayName"))
				}
				if failure != "None" && once[via] && slices.ContainsFunc(states, func(o row) bool {
					return str(o, "assignedByGroup") == via && str(o, "error") == "None" && str(o, "state") != "Disabled"
				}) {
					t.Errorf("%s: one product of a group with several failed alone", name)
				}
			}
			inUse[id] = inUse[id] || state != "Error"
			usable[id] = usable[id] || state == "Active" || state == "ActiveWithError"
			if (state == "Disabled") != (str(product, "capabilityStatus") == "Suspended") {
				t.Errorf("%s: state %s of a product that is %s", name, state, str(product, "capabilityStatus"))
			}
			if (failure != "None") != (state == "Error" || state == "ActiveWithError") {
				t.Errorf("%s: state %s with error %s", name, state, failure)
			}
			if failure == "None" {
				continue
			}
			found[str(u, "id")+id] = true
			e := errorOf[str(u, "id")+id]
			if e == nil {
				t.Errorf("%s: no assignment error for %s of %s", name, failure, id)
				continue
			}
			// The same product can fail from two sources, with one error.
			if slices.ContainsFunc(states, func(o row) bool {
				return o["skuId"] == s["skuId"] && str(o, "error") != "None" && o["assignedByGroup"] != s["assignedByGroup"]
			}) {
				continue
			}
			if str(e, "code") != codes[failure] {
				t.Errorf("%s: code %s for %s", name, str(e, "code"), failure)
			}
			if !strings.HasPrefix(str(e, "occurrenceDateTime"), strings.TrimSuffix(str(s, "lastUpdatedDateTime"), "Z")) {
				t.Errorf("%s: the error is of %s, the state of %s", name, str(e, "occurrenceDateTime"), str(s, "lastUpdatedDateTime"))
			}
			checkMessage(t, e, product, u, have, fresh)
			right, _ := e["usageRight"].(row)
			if (right != nil) != (state == "ActiveWithError") {
				t.Errorf("%s: state %s and usage right %v", name, state, right)
			}
			if right != nil && fmt.Sprint(right) != fmt.Sprint(rights[id]) {
				t.Errorf("%s: the error's right is not the user's:\n%v\n%v", name, right, rights[id])
			}
		}
		for id := range skus {
			if inUse[id] {
				holders[id]++
			}
			if (rights[id] != nil) != usable[id] {
				t.Errorf("%s: right %v of a product that is usable: %t", name, rights[id], usable[id])
			}
			if rights[id] != nil && len(rows(rights[id], "services")) == 0 {
				t.Errorf("%s: a right without services", name)
			}
		}
		if assigned := index(rows(u, "assignedLicenses"), "skuId"); len(assigned) != len(slices.DeleteFunc(mapValues(inUse), func(b bool) bool { return !b })) {
			t.Errorf("%s: assignedLicenses %v, want %v", name, assigned, inUse)
		}
	}
	rightIDs := map[string]bool{}
	for _, rights := range rightsOf {
		for _, r := range rights {
			rightIDs[str(r, "id")] = true
		}
	}
	for id, g := range groups {
		checkGroup(c, g, members[id], failing[id], rightsOf, fresh)
		for _, r := range c.all("/beta/groups/" + id + "/cloudLicensing/usageRights") {
			if rightIDs[str(r, "id")] {
				t.Errorf("%s: a right with another's id: %v", str(g, "displayName"), r)
			}
			rightIDs[str(r, "id")] = true
		}
	}
	if len(found) != len(errors) {
		t.Errorf("%d users and products with an error, %d assignment errors", len(found), len(errors))
	}
	for id, s := range skus {
		units := s["prepaidUnits"].(row)
		total := int(units["enabled"].(float64) + units["warning"].(float64) + units["suspended"].(float64))
		consumed := int(s["consumedUnits"].(float64))
		if consumed < holders[id] || fresh && consumed != holders[id] || consumed > total {
			t.Errorf("%s: consumed %d of %d, assigned to %d", str(s, "skuPartNumber"), consumed, total, holders[id])
		}
		if str(s, "id") != c.TenantID()+"_"+id {
			t.Errorf("id %s", str(s, "id"))
		}
	}
}

// checkDetails compares the license details of a user with the rights.
func checkDetails(c *client, u row, rights map[string]row) {
	details := index(c.all("/v1.0/users/"+str(u, "id")+"/licenseDetails"), "skuId")
	if len(details) != len(rows(u, "assignedLicenses")) {
		c.t.Errorf("%s: license details %v, assigned %v", str(u, "displayName"), details, u["assignedLicenses"])
	}
	for id, d := range details {
		mine := index(rows(rights[id], "services"), "planId")
		for _, p := range rows(d, "servicePlans") {
			if (str(p, "provisioningStatus") == "Disabled") != (mine[str(p, "servicePlanId")] == nil) {
				c.t.Errorf("%s: plan %v, services %v", str(u, "displayName"), p, mine)
			}
		}
	}
}

// checkGroup compares the data of a group with that of its members.
func checkGroup(c *client, g row, members, failing []string, rightsOf map[string]map[string]row, fresh bool) {
	t, name, path := c.t, str(g, "displayName"), "groups/"+str(g, "id")
	got := []string{}
	for _, u := range c.all("/v1.0/" + path + "/membersWithLicenseErrors?$select=id") {
		got = append(got, str(u, "id"))
	}
	if !slices.Equal(got, failing) {
		t.Errorf("%s: members with errors %v, by their states %v", name, got, failing)
	}
	filter := "/beta/groups?$select=id&$filter=hasMembersWithLicenseErrors eq true and id eq '" + str(g, "id") + "'"
	if n := len(items(c.ok(filter))); (n == 1) != (len(failing) > 0) {
		t.Errorf("%s: found %d times among groups with errors, has %d", name, n, len(failing))
	}

	rights := c.all("/beta/" + path + "/cloudLicensing/usageRights?$expand=assignments,allotments")
	mine := index(rights, "skuId")
	licenses := index(rows(g, "assignedLicenses"), "skuId")
	if len(mine) != len(rights) {
		t.Errorf("%s: two rights of one product: %v", name, rights)
	}
	for _, s := range c.current().Skus() {
		id := skuID(s)
		holders := 0
		services := map[string]int{} // by plan: number of assignees that may use it
		for _, user := range members {
			if r := rightsOf[user][id]; r != nil {
				holders++
				for _, s := range rows(r, "services") {
					services[str(s, "planId")]++
				}
			}
		}
		common := false
		for _, n := range services {
			common = common || n == holders
		}
		want := common && (licenses[id] != nil || holders == len(members))
		if (mine[id] != nil) != want {
			t.Errorf("%s: right %v of %s, assigned to %d of %d", name, mine[id], id, holders, len(members))
		}
		if mine[id] == nil {
			continue
		}
		shared := index(rows(mine[id], "services"), "planId")
		if len(shared) == 0 {
			t.Errorf("%s: a right without services", name)
		}
		for plan, n := range services {
			if (shared[plan] != nil) != (n == holders) {
				t.Errorf("%s: service %v, for %d of %d who have %s", name, shared[plan], n, holders, id)
			}
			delete(shared, plan)
		}
		if len(shared) > 0 {
			t.Errorf("%s: services of no member: %v", name, shared)
		}
		for _, pool := range rows(mine[id], "allotments") {
			if str(pool, "skuId") != id {
				t.Errorf("%s: a right of %s from the allotment %v", name, id, pool)
			}
		}
		if fresh && licenses[id] != nil {
			off := texts(licenses[id], "disabledPlans")
			if !slices.ContainsFunc(rows(mine[id], "assignments"), func(a row) bool { return slices.Equal(texts(a, "disabledServicePlanIds"), off) }) {
				t.Errorf("%s: its own assignment of %s is not among %v", name, id, mine[id]["assignments"])
			}
		}
	}
}

func mapValues(m map[string]bool) []bool {
	var list []bool
	for _, v := range m {
		list = append(list, v)
	}
	return list
}

// checkMessage checks the IDs in a message.
func checkMessage(t *testing.T, e, product, user row, have map[string]bool, fresh bool) {
	t.Helper()
	var ids []string
	for _, word := range strings.FieldsFunc(str(e, "message"), func(r rune) bool { return r == ' ' || r == ',' || r == '.' }) {
		if _, ok := tenant.ParseGUID(word); ok {
			ids = append(ids, word)
		}
	}
	mine := index(rows(product, "servicePlans"), "servicePlanId")
	switch code := str(e, "code"); code {
	case "InsufficientUnits", "AssignmentFailed":
		if len(ids) != 1 || ids[0] != str(e, "skuId") {
			t.Errorf("%s does not contain its product: %s", code, str(e, "message"))
		}
	case "MissingDependency":
		if len(ids) != 2 || mine[ids[0]] == nil || have[ids[0]] || have[ids[1]] {
			t.Errorf("%s: %s", code, str(e, "message"))
		}
	case "MutuallyExclusivePlans":
		if len(ids) != 2 || mine[ids[0]] == nil || have[ids[0]] || !have[ids[1]] {
			t.Errorf("%s: %s", code, str(e, "message"))
		}
	case "UsageLocationNotAllowed":
		if len(ids) != 1 || mine[ids[0]] == nil || have[ids[0]] || !strings.Contains(str(e, "message"), str(user, "usageLocation")) {
			t.Errorf("%s: %s", code, str(e, "message"))
		}
	case "ProxyAddressConflict":
		if len(ids) != 1 || mine[ids[0]] == nil || fresh && have[ids[0]] {
			t.Errorf("%s: %s", code, str(e, "message"))
		}
	default:
		t.Errorf("unknown code %s", code)
	}
}

// TestSpecialCases tests that each special case in the package documentation
// exists.
func TestSpecialCases(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	skus := index(c.all("/v1.0/subscribedSkus"), "skuPartNumber")
	unit := func(part, kind string) int { return int(skus[part]["prepaidUnits"].(row)[kind].(float64)) }
	if unit("Microsoft_365_Copilot", "enabled") != int(skus["Microsoft_365_Copilot"]["consumedUnits"].(float64)) {
		t.Error("Copilot has a unit left")
	}
	if str(skus["VISIOCLIENT"], "capabilityStatus") != "Warning" || unit("VISIOCLIENT", "warning") == 0 || unit("VISIOCLIENT", "enabled") != 0 {
		t.Error("Visio is not in grace")
	}
	if str(skus["EXCHANGESTANDARD"], "capabilityStatus") != "Suspended" || unit("EXCHANGESTANDARD", "suspended") == 0 {
		t.Error("Exchange Online Plan 1 is not suspended")
	}

	groups := c.all("/v1.0/groups?$select=id,assignedLicenses")
	licenses := map[int]int{}
	for _, g := range groups {
		licenses[len(rows(g, "assignedLicenses"))]++
	}
	if len(groups) != 25 || licenses[0] != 10 || licenses[2] != 1 {
		t.Errorf("%d groups by number of products: %v", len(groups), licenses)
	}
	rights, vain := map[int]int{}, 0
	for _, g := range groups {
		mine := index(c.all("/beta/groups/"+str(g, "id")+"/cloudLicensing/usageRights"), "skuPartNumber")
		rights[len(mine)]++
		for _, l := range rows(g, "assignedLicenses") {
			if str(l, "skuId") == str(skus["Microsoft_365_Copilot"], "skuId") && len(mine) == 1 && mine["SPE_E3"] != nil {
				vain++
			}
		}
	}
	if rights[0] != 10 || rights[1] != 13 || rights[2] != 1 || rights[3] != 1 || vain != 1 {
		t.Errorf("groups by number of rights: %v, %d without Copilot for any member", rights, vain)
	}

	var gone, off, twice, disabled, none, guests, nowhere, within, trial int
	for _, u := range c.all("/v1.0/users?$top=999&$select=id,accountEnabled,userType,usageLocation,licenseAssignmentStates") {
		states := rows(u, "licenseAssignmentStates")
		seen := map[string]int{}
		for _, s := range states {
			seen[str(s, "skuId")]++
			if str(s, "state") == "Disabled" {
				disabled++
			}
			if via := str(s, "assignedByGroup"); via == c.current().Seed().GUID("deleted group", 0).String() {
				gone++
				if r := c.get("/v1.0/groups/" + via); r.status != 404 {
					t.Errorf("the deleted group answers %d", r.status)
				}
			}
			if str(s, "skuId") == str(skus["WORKPLACE_ANALYTICS"], "skuId") && str(s, "state") == "Active" && trial == 0 {
				trial++
				right := c.ok("/beta/users/" + str(u, "id") + "/cloudLicensing/usageRights?$expand=allotments($select=subscriptions)&$filter=skuId eq " + str(s, "skuId"))
				bought := rows(rows(items(right)[0], "allotments")[0], "subscriptions")[0]
				end, err := time.Parse(time.DateOnly, str(bought, "nextLifecycleDate"))
				if str(bought, "tags") != "trial" || err != nil || end.Sub(c.Now()) > 7*24*time.Hour {
					t.Errorf("no trial near its end: %v", bought)
				}
			}
		}
		for _, n := range seen {
			if n == 2 {
				twice++
			}
		}
		if u["accountEnabled"] == false && len(states) > 0 {
			off++
		}
		if len(states) == 0 {
			none++
		}
		if str(u, "userType") == "Guest" && len(states) > 0 {
			guests++
		}
		if str(u, "userType") == "Member" && u["usageLocation"] == nil && len(states) > 0 {
			nowhere++
		}
		if seen[skuID(skuE5)] > 0 && seen[skuID(skuPhone)] > 0 {
			within++
		}
	}
	for name, n := range map[string]int{
		"a state of a deleted group": gone, "a disabled account with a license": off, "a product twice": twice, "the state Disabled": disabled, "a user without a license": none,
		"a guest with a license": guests, "a license without a usage location": nowhere, "a product whose plans another product has as well": within,
	} {
		if n < 5 {
			t.Errorf("%d cases of: %s", n, name)
		}
	}
	if trial == 0 {
		t.Error("no trial")
	}
}

// TestAllotmentSpecialCases tests the special cases of allotments.
func TestAllotmentSpecialCases(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	var split, reserve, queue, nameless, grace, trial, two int
	seen := map[string]int{} // allotments in use, by product
	for _, a := range c.all(pools + "?$expand=waitingMembers") {
		if used := a["consumedUnits"].(float64) > 0; used {
			if seen[str(a, "skuId")]++; seen[str(a, "skuId")] == 2 {
				split++
			}
		} else if str(a, "assignableTo") == "user" {
			reserve++
		}
		if len(rows(a, "waitingMembers")) > 0 && a["consumedUnits"] == a["allottedUnits"] {
			queue++
		}
		if a["skuId"] == nil && a["skuPartNumber"] == nil && str(a, "assignableTo") == "device" {
			nameless++
		}
		if len(rows(a, "subscriptions")) == 2 {
			two++
		}
		for _, s := range rows(a, "subscriptions") {
			if str(s, "state") == "warning" {
				grace++
			}
			if str(s, "tags") == "trial" {
				trial++
			}
			if str(s, "startDate") >= str(s, "nextLifecycleDate") {
				t.Errorf("a subscription ends before it begins: %v", s)
			}
		}
	}
	for name, n := range map[string]int{
		"a reserve": reserve, "a queue": queue, "no product": nameless,
		"grace": grace, "a trial": trial, "two purchases": two,
	} {
		if n == 0 {
			t.Errorf("no case of: %s", name)
		}
	}
	if split != 2 {
		t.Errorf("%d products are split, want 2", split)
	}
}
