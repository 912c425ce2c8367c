package emulator

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/tenant"
)

const (
	pools   = "/beta/admin/cloudLicensing/allotments"
	granted = "/beta/admin/cloudLicensing/assignments"
)

// pool returns the ID of the nth allotment of a product, from 0.
func (c *client) pool(s tenant.Sku, n int) (id string) {
	c.store.Read(func(t *tenant.Tenant) { id = t.Pools(s)[n].ID })
	return id
}

// refusal is an invalid request and the expected error.
type rejection struct {
	name, uri string
	status    int
	code      string
}

func (c *client) refuses(list []rejection) {
	for _, tt := range list {
		c.t.Run(tt.name, func(t *testing.T) {
			r := c.get(tt.uri)
			if r.status != tt.status || r.code() != tt.code {
				t.Errorf("%.160s\ngot %d %s, want %d %s\n%s", tt.uri, r.status, r.code(), tt.status, tt.code, r.raw)
			}
		})
	}
}

func TestAllotments(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	all := c.all(pools)
	names := []string{"@odata.type", "allottedUnits", "assignableTo", "consumedUnits", "id", "services", "skuId", "skuPartNumber", "subscriptions"}
	if diff := cmp.Diff(names, keys(all[0])); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	for _, a := range all {
		got, has := a["externalServiceIdentifier"]
		if want := c.current().Allotment(str(a, "id")).External; has != (want != "") || has && got != want {
			t.Errorf("externalServiceIdentifier is %v, want %q", got, want)
		}
		if one := c.ok(pools + "/" + str(a, "id") + "?$select=externalServiceIdentifier"); one["externalServiceIdentifier"] != got {
			t.Errorf("selected, it is %v, want %v", one["externalServiceIdentifier"], got)
		}
	}
	if diff := cmp.Diff(all, c.all(pools+"?$top=3")); diff != "" {
		t.Errorf("pages of three lose or repeat (-want +got):\n%s", diff)
	}
	for _, a := range all {
		one := c.ok(pools + "/" + str(a, "id"))
		delete(one, "@odata.context")
		if diff := cmp.Diff(a, one); diff != "" {
			t.Errorf("listed against own path (-want +got):\n%s", diff)
		}
	}
	for filter, want := range map[string]int{
		"skuId eq " + skuID(skuE3):                                           2,
		"skuId eq " + strings.ToUpper(skuID(skuCopilot)):                     1,
		"skuId in (" + skuID(skuE3) + "," + skuID(skuE5) + ")":               4,
		"skuId eq " + c.TenantID():                                           0,
		"skuId eq " + skuID(skuE3) + " and skuId in (" + skuID(skuE5) + ")":  0,
		"skuId eq " + skuID(skuE3) + " and skuId in ( " + skuID(skuE3) + ")": 2,
	} {
		if r := c.get(pools + "?$filter=" + filter); r.status != 200 || len(items(r.body)) != want {
			t.Errorf("%s: %d with %d allotments, want %d", filter, r.status, len(items(r.body)), want)
		}
	}
	copilot := pools + "/" + c.pool(skuCopilot, 0)
	waiting := c.all(copilot + "/waitingMembers")
	expanded := c.ok(copilot + "?$select=id&$expand=waitingMembers($select=id,waitingSinceDateTime),assignments($select=id)")
	if len(waiting) != 25 || !cmp.Equal(waiting, rows(expanded, "waitingMembers")) {
		t.Errorf("waiting members of a pool: %v, expanded %v", waiting, expanded)
	}
	if diff := cmp.Diff([]string{"@odata.context", "@odata.type", "assignments", "id", "waitingMembers"}, keys(expanded)); diff != "" {
		t.Errorf("selected and expanded (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(c.all(copilot+"/assignments?$select=id"), rows(expanded, "assignments")); diff != "" {
		t.Errorf("assignments against expanded ones (-want +got):\n%s", diff)
	}
}

// TestExpandedPages follows the next link of an expanded collection.
func TestExpandedPages(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: Variants{PageSize: 7}})
	a := c.ok(pools + "/" + c.pool(skuCopilot, 0) + "?$expand=waitingMembers($select=id)")
	next := str(a, "waitingMembers@odata.nextLink")
	got := append(rows(a, "waitingMembers"), c.all(next)...)
	if diff := cmp.Diff(c.all(pools+"/"+c.pool(skuCopilot, 0)+"/waitingMembers?$select=id"), got); diff != "" || len(got) != 25 {
		t.Errorf("%d in pages (-want +got):\n%s", len(got), diff)
	}
	c.SetVariants(Variants{PageSize: 7, ExpandWithoutLink: true})
	if a := c.ok(pools + "/" + c.pool(skuCopilot, 0) + "?$expand=waitingMembers"); a["waitingMembers@odata.nextLink"] != nil || len(rows(a, "waitingMembers")) != 7 {
		t.Errorf("without link: %v", a)
	}
}

func TestApply(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	const documented = "groupby((skuId,skuPartNumber), aggregate(allottedUnits with sum as totalAllottedUnits, consumedUnits with sum as totalConsumedUnits))"
	body := c.ok(pools + "?$apply=" + documented)
	got := index(items(body), "skuPartNumber")
	if str(body, "@odata.context") != c.URL+"/beta/$metadata#admin/cloudLicensing/allotments(skuId,skuPartNumber,totalAllottedUnits,totalConsumedUnits)" || len(got) != 11 {
		t.Errorf("got %v", body)
	}
	for _, s := range c.all("/v1.0/subscribedSkus") {
		units := s["prepaidUnits"].(row)
		want := row{
			"skuId": s["skuId"], "skuPartNumber": s["skuPartNumber"], "totalConsumedUnits": s["consumedUnits"],
			"totalAllottedUnits": units["enabled"].(float64) + units["warning"].(float64) + units["suspended"].(float64),
		}
		if diff := cmp.Diff(want, got[str(s, "skuPartNumber")]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
	if n := len(items(c.ok(pools + "?$apply=groupby((assignableTo),aggregate(consumedUnits with sum as total))"))); n != 3 {
		t.Errorf("%d kinds of assignee", n)
	}
	for _, s := range []string{
		"", "groupby", "groupby(skuId)", "groupby((skuId))", "groupby((),aggregate(consumedUnits with sum as t))",
		"groupby((colour),aggregate(consumedUnits with sum as t))", "groupby((services),aggregate(consumedUnits with sum as t))",
		"groupby((skuId,skuId),aggregate(consumedUnits with sum as t))", "groupby((skuId),aggregate(consumedUnits with max as t))",
		"groupby((skuId),aggregate(skuId with sum as t))", "groupby((skuId),aggregate(consumedUnits with sum as skuId))",
		"groupby((skuId),aggregate(consumedUnits with sum as services))", "groupby((skuId),aggregate(consumedUnits with sum as 5))",
		"groupby((skuId),aggregate(consumedUnits with sum as t,allottedUnits with sum as t))", "groupby((skuId),aggregate(consumedUnits with sum as t)) x",
		"groupby((skuId),aggregate(consumedUnits with sum as t)", "aggregate(consumedUnits with sum as t)", "filter(skuId eq 5)",
		documented + "/filter(totalAllottedUnits gt 5)", "groupby((" + strings.Repeat("x", odata.MaxLength),
	} {
		if r := c.get(pools + "?$apply=" + s); r.status != 400 || r.code() != "invalidQuery" {
			t.Errorf("%.80q: %d %s", s, r.status, r.raw)
		}
	}
	for _, also := range []string{"&$top=5", "&$filter=skuId eq " + c.TenantID(), "&$select=id"} {
		if r := c.get(pools + "?$apply=" + documented + also); r.status != 400 || r.code() != "invalidQuery" {
			t.Errorf("with %s: %d %s", also, r.status, r.raw)
		}
	}
	c.SetVariants(Variants{ApplyUnsupported: true})
	if r := c.get(pools + "?$apply=" + documented); r.status != 501 {
		t.Errorf("unsupported: %d %s", r.status, r.raw)
	}
}

func TestAssignments(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	all := c.all(granted + "?$expand=assignedTo,allotment")
	if diff := cmp.Diff([]string{"@odata.type", "allotment", "assignedTo", "disabledServicePlanIds", "id"}, keys(all[0])); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	shapes := map[int]int{}
	kinds := map[string]row{}
	for _, a := range all {
		shapes[len(str(a, "id"))]++
		to := a["assignedTo"].(row)
		kinds[strings.TrimPrefix(str(to, "@odata.type"), "#microsoft.graph.")] = a
	}
	if len(shapes) != 2 || shapes[36] == 0 || shapes[52] == 0 || len(kinds) != 3 {
		t.Errorf("ids by length: %v, kinds of assignee: %d", shapes, len(kinds))
	}
	for kind, a := range kinds {
		id := str(a, "id")
		one := c.ok(granted + "/" + id + "?$expand=allotment,assignedTo")
		delete(one, "@odata.context")
		if diff := cmp.Diff(a, one); diff != "" {
			t.Errorf("%s: listed against own path (-want +got):\n%s", kind, diff)
		}
		for relation, want := range map[string]any{"assignedTo": a["assignedTo"], "allotment": a["allotment"]} {
			got := c.ok(granted + "/" + id + "/" + relation)
			delete(got, "@odata.context")
			if diff := cmp.Diff(want, any(got)); diff != "" {
				t.Errorf("%s: expanded %s against own path (-want +got):\n%s", kind, relation, diff)
			}
		}
		c.ok(pools + "/" + str(a["allotment"].(row), "id") + "/assignments/" + id)
		if kind == "device" {
			continue
		}
		mine := "/beta/" + kind + "s/" + str(a["assignedTo"].(row), "id") + "/cloudLicensing/assignments"
		if index(c.all(mine), "id")[id] == nil {
			t.Errorf("%s: not among one's own", kind)
		}
		c.ok(mine + "/" + id)
		if got := c.ok(mine + "/" + id + "/allotment?$select=id"); got["id"] != a["allotment"].(row)["id"] {
			t.Errorf("%s: allotment %v", kind, got)
		}
		for other, b := range kinds {
			if other == kind {
				continue
			}
			if r := c.get(mine + "/" + str(b, "id")); r.status != 404 || r.code() != "resourceNotFound" {
				t.Errorf("the assignment of a %s under a %s: %d", other, kind, r.status)
			}
		}
	}

	e3 := skuID(skuE3)
	filtered := "?$expand=allotment($select=skuId;$filter=skuId in (" + e3 + "))"
	with := 0
	kept := c.all(granted + filtered)
	for _, a := range kept {
		if a["allotment"] != nil {
			with++
			if a["allotment"].(row)["skuId"] != e3 {
				t.Errorf("got %v", a)
			}
		}
	}
	if len(kept) != len(all) || with == 0 || with == len(all) {
		t.Errorf("%d of %d assignments, %d with an allotment", len(kept), len(all), with)
	}
	c.SetVariants(Variants{NestedFilterDrops: true})
	if n := len(c.all(granted + filtered)); n != with {
		t.Errorf("%d assignments left, want %d", n, with)
	}
	c.SetVariants(Variants{ExpandOne: true})
	if r := c.get(granted + "?$expand=assignedTo,allotment"); r.status != 400 || r.code() != "invalidExpansion" {
		t.Errorf("two relations: %d %s", r.status, r.raw)
	}
	c.SetVariants(Variants{AssignmentFilter: true})
	if got := c.all(granted + "?$filter=id eq '" + str(all[3], "id") + "'"); len(got) != 1 || got[0]["id"] != all[3]["id"] {
		t.Errorf("by id: %v", got)
	}
	c.SetVariants(Variants{SubscriptionsOnSelect: true})
	if a := items(c.ok(pools))[0]; a["subscriptions"] != nil {
		t.Errorf("a list has subscriptions: %v", a)
	}
	if a := items(c.ok(pools + "?$select=id,subscriptions"))[0]; a["subscriptions"] == nil {
		t.Errorf("selected: %v", a)
	}
	if a := c.ok(pools + "/" + c.pool(skuE3, 0)); a["subscriptions"] == nil {
		t.Errorf("one: %v", a)
	}
}

func TestWaitingMembers(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	list := c.all(pools + "/" + c.pool(skuCopilot, 0) + "/waitingMembers?$top=10&$expand=assignedTo,allotment($select=id)")
	since := ""
	shapes := map[int]int{}
	for _, w := range list {
		if at := str(w, "waitingSinceDateTime"); at < since || len(at) != 33 {
			t.Errorf("waiting since %s after %s", at, since)
		} else {
			since = at
		}
		shapes[len(str(w, "id"))]++
		mine := "/beta/users/" + str(w["assignedTo"].(row), "id") + "/cloudLicensing/waitingMembers"
		one := c.ok(mine + "/" + str(w, "id") + "?$expand=assignedTo,allotment($select=id)")
		delete(one, "@odata.context")
		if diff := cmp.Diff(w, one); diff != "" {
			t.Errorf("of the allotment and of the user (-want +got):\n%s", diff)
		}
		if got := c.ok(mine + "/" + str(w, "id") + "/allotment"); got["id"] != c.pool(skuCopilot, 0) || got["allottedUnits"] != got["consumedUnits"] {
			t.Errorf("allotment %v", got)
		}
		if got := c.all(mine); len(got) != 1 || got[0]["id"] != w["id"] {
			t.Errorf("one's own: %v", got)
		}
	}
	if len(list) != 25 || shapes[36] == 0 || shapes[52] == 0 {
		t.Errorf("%d waiting members with ids of lengths %v", len(list), shapes)
	}
	w := list[0]
	c.token = c.delegated(str(w["assignedTo"].(row), "id"), "CloudLicensing.Read User-CloudLicensing.Read")
	c.ok("/beta/me/cloudLicensing/waitingMembers/" + str(w, "id") + "/allotment")
	if n := len(items(c.ok("/beta/me/cloudLicensing/waitingMembers?$select=id"))); n != 1 {
		t.Errorf("my places: %d", n)
	}
}

// TestMyAssignments tests that the caller's own assignments can be read, but
// not listed.
func TestMyAssignments(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	me := tenant.Ref{Kind: tenant.User, At: c.userWhere(func(i int32) bool { return len(c.current().Assigned(tenant.Ref{At: i})) > 0 })}
	right := c.current().RightID(c.current().Rights(me)[0])
	mine := c.current().AssignmentID(c.current().Assigned(me)[0])
	c.token = c.delegated(c.userID(me.At), "CloudLicensing.Read User-CloudLicensing.Read User.Read")
	c.ok("/beta/me/cloudLicensing/assignments/" + mine)
	c.ok("/beta/me/cloudLicensing/assignments/" + mine + "/allotment")
	if n := len(items(c.ok("/beta/me/cloudLicensing/usageRights/" + right + "/assignments?$expand=assignedTo"))); n == 0 {
		t.Error("my right has no assignments")
	}
	if r := c.get("/beta/me/cloudLicensing/assignments"); r.status != 404 || r.code() != "resourceNotFound" {
		t.Errorf("the list: %d %s", r.status, r.raw)
	}
	if r := c.get("/beta/me/cloudLicensing/usageRights/" + right + "/allotments"); r.status != 404 {
		t.Errorf("the allotments of a right: %d %s", r.status, r.raw)
	}
	c.SetVariants(Variants{MyAssignments: true, RightAllotments: true})
	if got := items(c.ok("/beta/me/cloudLicensing/assignments")); len(got) != len(c.current().Assigned(me)) {
		t.Errorf("the list: %v", got)
	}
	if got := items(c.ok("/beta/me/cloudLicensing/usageRights/" + right + "/allotments")); len(got) == 0 {
		t.Error("my right has no allotments")
	}
}

func TestRefusedAllotments(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 60})
	pool := pools + "/" + c.pool(skuE3, 0)
	user := "/beta/users/" + c.userID(0) + "/cloudLicensing"
	group := "/beta/groups/" + c.groupID(0) + "/cloudLicensing"
	device := "/beta/devices/" + c.deviceID(0)
	one := granted + "/" + c.firstAssignment()
	e3 := skuID(skuE3)
	c.refuses([]rejection{
		{"unknown property", pools + "?$select=colour", 400, "invalidQuery"},
		{"count", pools + "?$count=true", 400, "invalidQuery"},
		{"orderby", pools + "?$orderby=skuId", 400, "invalidQuery"},
		{"skip", pools + "?$skip=1", 400, "invalidQuery"},
		{"search", pools + "?$search=x", 400, "invalidQuery"},
		{"top 0", pools + "?$top=0", 400, "invalidQuery"},
		{"expand unknown", pools + "?$expand=subscriptions", 400, "invalidExpansion"},
		{"two levels", pools + "?$expand=waitingMembers($expand=assignedTo)", 400, "invalidExpansion"},
		{"nested unknown", pools + "?$expand=waitingMembers($select=colour)", 400, "invalidQuery"},
		{"nested filter", pools + "?$expand=assignments($filter=id eq 'x')", 400, "invalidExpansion"},
		{"nested top", pools + "?$expand=assignments($top=5)", 400, "invalidExpansion"},
		{"unmatched", pools + "?$expand=assignments($select=id", 400, "invalidExpansion"},
		{"part number", pools + "?$filter=skuPartNumber eq 'SPE_E3'", 400, "invalidFilter"},
		{"quoted GUID", pools + "?$filter=skuId eq '" + e3 + "'", 400, "invalidFilter"},
		{"or", pools + "?$filter=skuId eq " + e3 + " or skuId eq " + e3, 400, "invalidFilter"},
		{"sixteen values", pools + "?$filter=skuId in (" + strings.TrimSuffix(strings.Repeat(e3+",", 16), ",") + ")", 400, "invalidFilter"},
		{"unknown allotment", pools + "/nothing", 404, "resourceNotFound"},
		{"assignments of no allotment", pools + "/nothing/assignments", 404, "resourceNotFound"},
		{"queue of no allotment", pools + "/nothing/waitingMembers", 404, "resourceNotFound"},
		{"top on one", pool + "?$top=1", 400, "invalidQuery"},
		{"filter on one", pool + "?$filter=skuId eq " + e3, 400, "invalidQuery"},
		{"apply on one", pool + "?$apply=x", 400, "invalidQuery"},
		{"queue: filter", pool + "/waitingMembers?$filter=id eq 'x'", 400, "invalidQuery"},
		{"queue: expand unknown", pool + "/waitingMembers?$expand=usageRight", 400, "invalidExpansion"},
		{"queue: nested assignee", pool + "/waitingMembers?$expand=assignedTo($select=id)", 400, "invalidExpansion"},
		{"queue: unknown place", pool + "/waitingMembers/nothing", 404, "resourceNotFound"},
		{"assignments: filter", granted + "?$filter=id eq 'x'", 400, "invalidFilter"},
		{"assignments: filter by product", granted + "?$filter=skuId eq " + e3, 400, "invalidFilter"},
		{"assignments: product", granted + "?$select=skuId", 400, "invalidQuery"},
		{"assignments: count", granted + "?$count=true", 400, "invalidQuery"},
		{"assignments: apply", granted + "?$apply=x", 400, "invalidQuery"},
		{"assignments: two levels", granted + "?$expand=allotment($expand=waitingMembers)", 400, "invalidExpansion"},
		{"assignments: nested filter of assignee", granted + "?$expand=assignedTo($filter=id eq 'x')", 400, "invalidExpansion"},
		{"assignments: nested filter by units", granted + "?$expand=allotment($filter=consumedUnits eq 5)", 400, "invalidFilter"},
		{"unknown assignment", granted + "/nothing", 404, "resourceNotFound"},
		{"assignment of another allotment", pools + "/" + c.pool(skuVisio, 0) + "/assignments/" + c.firstAssignment(), 404, "resourceNotFound"},
		{"assignee: expand", one + "/assignedTo?$expand=manager", 400, "invalidQuery"},
		{"assignee: unknown property", one + "/assignedTo?$select=colour", 400, "invalidQuery"},
		{"assignee under an allotment", pool + "/assignments/x/assignedTo", 404, "resourceNotFound"},
		{"assignee of a user's", user + "/assignments/x/assignedTo", 404, "resourceNotFound"},
		{"queue of a group", group + "/waitingMembers", 404, "resourceNotFound"},
		{"rights: filter of sources", user + "/usageRights/x/assignments?$filter=id eq 'x'", 400, "invalidQuery"},
		{"rights: sources of none", user + "/usageRights/x/assignments", 404, "resourceNotFound"},
		{"rights: allotments", user + "/usageRights/x/allotments", 404, "resourceNotFound"},
		{"unknown user", "/beta/users/nobody/cloudLicensing/assignments", 404, "Request_ResourceNotFound"},
		{"a user's: expand", user + "/assignments?$expand=usageRight", 400, "invalidExpansion"},
		{"usage rights of a tenant", "/beta/admin/cloudLicensing/usageRights", 404, "resourceNotFound"},
		{"waiting members of a tenant", "/beta/admin/cloudLicensing/waitingMembers", 404, "resourceNotFound"},
		{"devices are off", device + "/cloudLicensing/usageRights", 404, "resourceNotFound"},
		{"a device", device, 501, "notImplemented"},
		{"mine, of an application", "/beta/me/cloudLicensing/waitingMembers", 400, "BadRequest"},
	})
}
