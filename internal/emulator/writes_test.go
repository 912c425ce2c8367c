package emulator

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// body formats pairs of names and values as JSON.
func body(pairs ...any) string {
	o := row{}
	for i := 0; i < len(pairs); i += 2 {
		o[pairs[i].(string)] = pairs[i+1]
	}
	return string(wire.Encode(o))
}

// bind returns the URL of an entity.
func bind(path string) string { return access.Worldwide + "/beta/" + path }

func off(ids ...string) []string { return append([]string{}, ids...) }

// write sends a body and expects a status.
func (c *client) write(method, uri, body string, want int) reply {
	c.t.Helper()
	r := c.do(method, uri, body)
	if r.status != want {
		c.t.Fatalf("%s %s %s: %d %s, want %d", method, uri, body, r.status, r.raw, want)
	}
	return r
}

// bare returns a user with a usage location and without licenses.
func (c *client) bare(n int) string {
	for i := range c.current().Users(-1) {
		if !c.current().User(i).Guest() && len(c.current().Licenses(i)) == 0 {
			if n--; n < 0 {
				return c.userID(i)
			}
		}
	}
	c.t.Fatal("no user without licenses")
	return ""
}

func (c *client) states(user string) []row {
	return rows(c.ok("/v1.0/users/"+user+"?$select=licenseAssignmentStates"), "licenseAssignmentStates")
}

func (c *client) units(s tenant.Sku, n int) (allotted, consumed int) {
	a := c.ok(pools + "/" + c.pool(s, n))
	return int(a["allottedUnits"].(float64)), int(a["consumedUnits"].(float64))
}

// TestUserAssignment tests one assignment from its creation to its
// deletion.
func TestUserAssignment(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Record: true})
	user := c.bare(0)
	mine := "/beta/users/" + user + "/cloudLicensing/"
	sway := planID(skuE5, "SWAY")
	teams := planID(skuE5, "TEAMS1")
	_, before := c.units(skuE5, 1)

	r := c.write("POST", granted, body("@odata.type", "#microsoft.graph.cloudLicensing.assignment",
		allotmentBind, bind(allotmentSet+"/"+c.pool(skuE5, 1)), assigneeBind, bind("users/"+user), disabledPlans, off(sway)), 201)
	id := str(r.body, "id")
	if diff := cmp.Diff([]string{"@odata.context", "@odata.type", "disabledServicePlanIds", "id"}, keys(r.body)); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	check := func(plan string, units int) {
		t.Helper()
		if _, n := c.units(skuE5, 1); n != before+units {
			t.Errorf("%d units in use, want %d", n, before+units)
		}
		s := c.states(user)
		rights := c.all(mine + "usageRights?$expand=assignments")
		licenses := rows(c.ok("/v1.0/users/"+user+"?$select=assignedLicenses"), "assignedLicenses")
		details := c.all("/v1.0/users/" + user + "/licenseDetails")
		if len(s) != units || len(rights) != units || len(licenses) != units || len(details) != units || len(c.all(mine+"assignments")) != units {
			t.Fatalf("states %v, rights %v, licenses %v", s, rights, licenses)
		}
		if units == 0 {
			return
		}
		if s[0]["assignedByGroup"] != nil || str(s[0], "state") != "Active" || !slices.Equal(texts(s[0], "disabledPlans"), off(plan)) {
			t.Errorf("states %v", s)
		}
		if index(rows(rights[0], "services"), "planId")[plan] != nil || str(rows(rights[0], "assignments")[0], "id") != id {
			t.Errorf("rights %v", rights)
		}
	}
	check(sway, 1)
	r = c.write("PATCH", mine+"assignments/"+id, body(disabledPlans, off(strings.ToUpper(teams), teams),
		allotmentBind, bind(allotmentSet+"/"+c.pool(skuE5, 1)), assigneeBind, bind("users/"+user)), 200)
	if diff := cmp.Diff([]any{teams}, r.body["disabledServicePlanIds"]); diff != "" || r.body["id"] != id {
		t.Errorf("changed (-want +got):\n%s", diff)
	}
	check(teams, 1)
	if r := c.write("DELETE", pools+"/"+c.pool(skuE5, 1)+"/assignments/"+id, "", 204); len(r.raw) != 0 {
		t.Errorf("deleted: %s", r.raw)
	}
	check("", 0)
	if r := c.do("DELETE", granted+"/"+id, ""); r.status != 404 || r.code() != "resourceNotFound" {
		t.Errorf("deleted again: %d %s", r.status, r.raw)
	}
	counts := c.Counts()
	if counts["POST /admin/cloudLicensing/assignments"].Requests != 1 || counts["PATCH /users/{id}/cloudLicensing/assignments/{id}"].Requests != 1 {
		t.Errorf("counts: %v", counts)
	}
	if log := c.Requests(); !slices.ContainsFunc(log, func(r Request) bool { return r.Method == "PATCH" && r.Status == 200 && len(r.Body) > 0 }) {
		t.Error("the log lacks a write")
	}

	// Other requests with the same effect.
	r = c.write("POST", mine+"assignments", body(allotmentBind, c.URL+"/beta/"+allotmentSet+"/"+c.pool(skuE5, 0), disabledPlans, off()), 201)
	c.write("DELETE", mine+"assignments/"+str(r.body, "id"), "", 204)
	r = c.write("POST", pools+"/"+c.pool(skuE5, 0)+"/assignments", body(assigneeBind, bind("users/"+user), disabledPlans, off()), 201)
	c.write("PATCH", pools+"/"+c.pool(skuE5, 0)+"/assignments/"+str(r.body, "id"), body(disabledPlans, off(sway)), 200)
	c.write("DELETE", granted+"/"+str(r.body, "id"), "", 204)
	c.SetVariants(Variants{OmitCreatedID: true})
	if r = c.write("POST", mine+"assignments", body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE5, 0)), disabledPlans, off()), 201); r.body["id"] != nil {
		t.Errorf("answer with an id: %s", r.raw)
	}
	c.Reset()
	check("", 0)
}

func TestMyAssignment(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	user := c.bare(0)
	c.token = c.administering(user, "User-CloudLicensing.AssignLicenses.Organization", "User-CloudLicensing.AssignLicenses", "User-CloudLicensing.Read", "LicenseAssignment.ReadWrite.All")
	sway := planID(skuE3, "SWAY")
	const mine = "/beta/me/cloudLicensing/assignments"
	r := c.write("POST", mine, body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE3, 0)), disabledPlans, off()), 201)
	uri := mine + "/" + str(r.body, "id")
	c.write("PATCH", uri, body(disabledPlans, off(sway)), 200)
	if a := c.ok(uri); !slices.Equal(texts(a, disabledPlans), off(sway)) {
		t.Errorf("changed: %v", a)
	}
	c.write("DELETE", uri, "", 204)
	c.write("POST", "/v1.0/me/assignLicense", body("addLicenses", []row{{"skuId": skuID(skuE3)}}, "removeLicenses", off()), 200)
}

// TestGroupAssignment tests that a group's assignment applies to its
// members.
func TestGroupAssignment(t *testing.T) {
	t.Parallel()
	now := time.Date(2030, 5, 1, 12, 0, 0, 0, time.UTC)
	c := start(t, Options{Users: 130, Now: func() time.Time { return now }})
	board := c.of("board")
	processing := func() string {
		state, _ := c.ok("/v1.0/groups/" + board + "?$select=licenseProcessingState")["licenseProcessingState"].(row)
		return str(state, "state")
	}
	people := []string{}
	for _, m := range c.all("/v1.0/groups/" + board + "/members?$select=id") {
		people = append(people, str(m, "id"))
	}
	reached := func() int {
		n := 0
		for _, id := range people {
			if slices.ContainsFunc(c.states(id), func(s row) bool { return str(s, "assignedByGroup") == board }) {
				n++
			}
		}
		return n
	}
	if processing() != "" || reached() != 0 {
		t.Fatalf("the group is %s and reaches %d", processing(), reached())
	}
	uri := "/beta/groups/" + board + "/cloudLicensing/assignments"
	create := body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuVisio, 0)), disabledPlans, off())
	r := c.write("POST", uri, create, 201)
	if processing() != "ProcessingInProgress" || reached() != len(people) {
		t.Errorf("at once: %s, %d of %d", processing(), reached(), len(people))
	}
	now = now.Add(time.Second)
	if processing() != "ProcessingComplete" {
		t.Errorf("later: %s", processing())
	}
	c.write("DELETE", uri+"/"+str(r.body, "id"), "", 204)
	if processing() != "ProcessingInProgress" || reached() != 0 {
		t.Errorf("deleted: %s, %d of %d", processing(), reached(), len(people))
	}
	now = now.Add(time.Second)
	if processing() != "" {
		t.Errorf("without licenses: %s", processing())
	}

	c.SetVariants(Variants{GroupEffects: time.Minute, ExpandErrors: "both"})
	r = c.write("POST", uri, create, 201)
	if processing() != "QueuedForProcessing" || reached() != 0 || len(c.all(uri)) != 1 {
		t.Errorf("before the delay: %s, %d", processing(), reached())
	}
	now = now.Add(59 * time.Second)
	if reached() != 0 || processing() != "ProcessingInProgress" {
		t.Errorf("a second before: %d", reached())
	}
	now = now.Add(time.Second)
	if processing() != "ProcessingComplete" || reached() != len(people) {
		t.Errorf("after the delay: %s, %d", processing(), reached())
	}
	plan := small.Product(skuVisio).Plans[0].ID
	c.write("PATCH", uri+"/"+str(r.body, "id"), body(disabledPlans, off(plan)), 200)
	now = now.Add(time.Minute)
	for _, s := range c.states(people[0]) {
		if str(s, "assignedByGroup") == board && !slices.Equal(texts(s, "disabledPlans"), off(plan)) {
			t.Errorf("changed: %v", s)
		}
	}
	c.write("DELETE", uri+"/"+str(r.body, "id"), "", 204)
	if reached() != len(people) {
		t.Errorf("deleted before the delay: %d", reached())
	}
	now = now.Add(time.Minute)
	checkTenant(c, 130, false)
	checkAllotments(c, false)
}

// TestQueue tests that a free unit goes to the first user in the queue.
func TestQueue(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: Variants{ExpandErrors: "both"}})
	copilot := pools + "/" + c.pool(skuCopilot, 0)
	queue := func() []string {
		list := []string{}
		for _, w := range c.all(copilot + "/waitingMembers?$expand=assignedTo") {
			list = append(list, str(w["assignedTo"].(row), "id"))
		}
		return list
	}
	before := queue()
	// Users in the queue keep their order.
	create := func(user string) reply {
		return c.do("POST", copilot+"/assignments", body(assigneeBind, bind("users/"+user), disabledPlans, off()))
	}
	if r := create(before[3]); r.status != 400 || r.code() != "noAvailableLicenses" {
		t.Errorf("no unit: %d %s", r.status, r.raw)
	}
	// Deleting the first assignment serves the queue, and leaves some units.
	wave := c.of("copilot-1")
	own := c.all("/beta/groups/" + wave + "/cloudLicensing/assignments")
	c.write("DELETE", "/beta/groups/"+wave+"/cloudLicensing/assignments/"+str(own[0], "id"), "", 204)
	_, consumed := c.units(skuCopilot, 0)
	if after := queue(); len(after) != 0 || consumed != 25 {
		t.Errorf("%d wait, %d units in use", len(after), consumed)
	}
	s := c.states(before[0])
	if last := s[len(s)-1]; str(last, "state") != "Active" || str(last, "error") != "None" {
		t.Errorf("states of who waited longest: %v", s)
	}
	if n := len(c.all("/beta/users/" + before[0] + "/cloudLicensing/assignmentErrors")); n != 0 {
		t.Errorf("%d errors of who waited longest", n)
	}
	// After assigning it again, five of its members get a unit, the others
	// wait.
	c.write("POST", "/beta/groups/"+wave+"/cloudLicensing/assignments", body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuCopilot, 0)), disabledPlans, off()), 201)
	after := queue()
	if _, consumed = c.units(skuCopilot, 0); consumed != 30 || len(after) == 0 {
		t.Fatalf("%d wait, %d units in use", len(after), consumed)
	}
	// After deleting the second assignment, there are enough units for the
	// first.
	second := c.of("copilot-2")
	own = c.all("/beta/groups/" + second + "/cloudLicensing/assignments")
	c.write("DELETE", granted+"/"+str(own[0], "id"), "", 204)
	checkUnits(t, c.Emulator)
	if n := len(queue()); n != 0 {
		t.Errorf("%d still wait", n)
	}
}

// TestQueueInOrder frees one unit at a time.
func TestQueueInOrder(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 200})
	copilot := pools + "/" + c.pool(skuCopilot, 0)
	waiting := func() []row { return c.all(copilot + "/waitingMembers?$expand=assignedTo") }
	queue := len(waiting())
	err := c.store.Change(func(t *tenant.Tenant, now time.Time) error { // units for the whole queue, and three more
		pool := t.Pools(skuCopilot)[0]
		t.Provide(pool, pool.Allotted()+queue+3, tenant.Active, tenant.When{Now: now})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if n := len(waiting()); n != 0 {
		t.Fatalf("%d wait", n)
	}
	reading := c.of("reading")
	var ids []string
	for i := range c.current().Users(-1) {
		in := c.current().IsMember(c.current().Group(c.groupNamed("reading")), tenant.Ref{At: i})
		l := c.current().Licenses(i)
		if in || c.current().User(i).Text("usageLocation") == "CN" || len(l) != 1 || l[0].Sku != skuE5 {
			continue
		}
		r := c.write("POST", copilot+"/assignments", body(assigneeBind, bind("users/"+c.userID(i)), disabledPlans, off()), 201)
		if ids = append(ids, str(r.body, "id")); len(ids) == 3 {
			break
		}
	}
	c.write("POST", "/beta/groups/"+reading+"/cloudLicensing/assignments", body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuCopilot, 0)), disabledPlans, off()), 201)
	for n, id := range ids {
		before := waiting()
		if len(before) < 2 {
			t.Fatalf("%d wait after %d", len(before), n)
		}
		c.write("DELETE", granted+"/"+id, "", 204)
		if diff := cmp.Diff(before[1:], waiting()); diff != "" {
			t.Errorf("not the first of the queue was served (-want +got):\n%s", diff)
		}
	}
	checkAllotments(c, false)
}

// TestCauses tests that an error appears and disappears with its cause.
func TestCauses(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	user := c.bare(0)
	post := func(s tenant.Sku) string {
		return str(c.write("POST", pools+"/"+c.pool(s, 0)+"/assignments", body(assigneeBind, bind("users/"+user), disabledPlans, off()), 201).body, "id")
	}
	errors := func() []string {
		list := []string{}
		for _, e := range c.all("/beta/users/" + user + "/cloudLicensing/assignmentErrors") {
			list = append(list, str(e, "code"))
		}
		return list
	}
	post(skuPhone)
	if got := errors(); !slices.Equal(got, []string{"MissingDependency"}) {
		t.Fatalf("Teams Phone alone: %v", got)
	}
	e3 := post(skuE3)
	if got := errors(); len(got) != 0 {
		t.Errorf("with Microsoft 365 E3: %v", got)
	}
	c.write("DELETE", granted+"/"+e3, "", 204)
	if got := errors(); !slices.Equal(got, []string{"MissingDependency"}) {
		t.Errorf("without it again: %v", got)
	}
	// With one plan, the product has no state in force; otherwise, only the
	// failed plans are missing.
	if s := c.states(user); len(s) != 1 || str(s[0], "state") != "Error" {
		t.Errorf("states: %v", s)
	}

	// A concurrent change ends when the user is reprocessed.
	all := c.all("/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo")
	for n, e := range slices.DeleteFunc(all, func(e row) bool { return str(e, "code") != "AssignmentFailed" }) {
		id := str(e["assignedTo"].(row), "id")
		switch n % 2 {
		case 0:
			if r := c.write("POST", "/beta/users/"+id+"/cloudLicensing/assignments/reprocessAssignments", "", 204); len(r.raw) != 0 {
				t.Errorf("reprocessed: %s", r.raw)
			}
		default:
			if r := c.write("POST", "/v1.0/users/"+id+"/reprocessLicenseAssignment", "", 200); r.body["id"] != id {
				t.Errorf("reprocessed: %s", r.raw)
			}
		}
		if r := c.get("/beta/admin/cloudLicensing/assignmentErrors/" + str(e, "id")); r.status != 404 {
			t.Errorf("the error is still there: %d", r.status)
		}
	}
	c.SetVariants(Variants{ReprocessOK: true})
	if r := c.write("POST", "/beta/users/"+user+"/cloudLicensing/assignments/reprocessAssignments", "{}", 200); len(r.raw) != 0 {
		t.Errorf("reprocessed: %s", r.raw)
	}
}

func TestAssignLicense(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	user := c.bare(0)
	uri := "/v1.0/users/" + user + "/assignLicense"
	sway := planID(skuE3, "SWAY")
	change := func(add []row, remove ...string) string {
		return body("addLicenses", append([]row{}, add...), "removeLicenses", off(remove...))
	}
	// An add-on with its base product, in either order.
	r := c.write("POST", uri, change([]row{{"skuId": skuID(skuPhone)}, {"skuId": strings.ToUpper(skuID(skuE3)), "disabledPlans": off(sway)}}), 200)
	if got := rows(r.body, "assignedLicenses"); r.body["id"] != user || len(got) != 2 || !slices.Equal(texts(got[0], "disabledPlans"), off(sway)) {
		t.Errorf("answer: %s", r.raw)
	}
	if got := c.states(user); len(got) != 2 || str(got[0], "error") != "None" || str(got[1], "error") != "None" {
		t.Errorf("states: %v", got)
	}
	mine := c.all("/beta/users/" + user + "/cloudLicensing/assignments")
	c.write("POST", uri, change([]row{{"skuId": skuID(skuE3)}}), 200)
	if again := c.all("/beta/users/" + user + "/cloudLicensing/assignments"); len(again) != 2 || again[0]["id"] != mine[0]["id"] {
		t.Errorf("adding again made another: %v", again)
	}
	c.write("POST", uri, change(nil), 200)

	guest := items(c.ok("/v1.0/users?$filter=userType eq 'Guest'&$top=1"))[0]
	inherited := ""
	for i := range c.current().Users(-1) {
		if l := c.current().Licenses(i); len(l) > 0 && l[0].Sku == skuE3 && len(c.current().Assigned(tenant.Ref{At: i})) == 0 {
			inherited = c.userID(i)
			break
		}
	}
	for _, tt := range []struct{ name, user, body, message string }{
		{"inherited", inherited, change(nil, skuID(skuE3)), "inherited from a group"},
		{"not there", user, change(nil, skuID(skuVisio)), "does not have a corresponding license"},
		{"no location", str(guest, "id"), change([]row{{"skuId": skuID(skuE3)}}), "invalid usage location"},
		{"no units", user, change([]row{{"skuId": skuID(skuCopilot)}}), "does not have any available licenses"},
		{"suspended", user, change([]row{{"skuId": skuID(skuExchange)}}), "does not have any available licenses"},
		{"exclusive", user, change([]row{{"skuId": skuID(skuF3)}}), "are mutually exclusive"},
		{"exclusive with each other", c.bare(1), change([]row{{"skuId": skuID(skuF3)}, {"skuId": skuID(skuE3)}}), "are mutually exclusive"},
		{"dependent", c.bare(1), change([]row{{"skuId": skuID(skuPhone)}}), "depends on the service plan(s)"},
		{"needed by another", user, change(nil, skuID(skuE3)), "depends on the service plan(s)"},
		{"unknown product", user, change([]row{{"skuId": c.TenantID()}}), "valid company License"},
		{"unknown product taken away", user, change(nil, c.TenantID()), "valid company License"},
		{"plan of another product", user, change([]row{{"skuId": skuID(skuE3), "disabledPlans": off(c.TenantID())}}), "not part of the product"},
		{"twice", user, change([]row{{"skuId": skuID(skuE3)}}, skuID(skuE3)), "more than once"},
		{"no product", user, change([]row{{"disabledPlans": off()}}), "skuId"},
		{"no GUID", user, change([]row{{"skuId": "SPE_E3"}}), "skuId"},
		{"unknown member of a license", user, change([]row{{"skuId": skuID(skuE3), "colour": 1}}), "colour"},
		{"unknown member", user, body("addLicenses", off(), "removeLicenses", off(), "colour", 1), "colour"},
		{"nothing to add", user, body("removeLicenses", off()), "addLicenses"},
		{"nothing to remove", user, body("addLicenses", off()), "removeLicenses"},
		{"null", user, body("addLicenses", nil, "removeLicenses", off()), "addLicenses"},
		{"other case", user, body("AddLicenses", off(), "removeLicenses", off()), "AddLicenses"},
		{"no list", user, body("addLicenses", 5, "removeLicenses", off()), "addLicenses"},
		{"no object", user, `[]`, "JSON"},
		{"no JSON", user, `{`, "JSON"},
		{"too many", user, change(slices.Repeat([]row{{"skuId": c.TenantID()}}, maxLicenses+1)), "addLicenses"},
	} {
		r := c.do("POST", "/v1.0/users/"+tt.user+"/assignLicense", tt.body)
		if r.status != 400 || r.code() != "Request_BadRequest" || !strings.Contains(string(r.raw), tt.message) {
			t.Errorf("%s: %d %s", tt.name, r.status, r.raw)
		}
	}
	if r := c.do("POST", "/v1.0/users/"+c.TenantID()+"/assignLicense", change(nil)); r.status != 404 {
		t.Errorf("unknown user: %d %s", r.status, r.raw)
	}
	if r := c.do("POST", uri, change(nil), "Content-Type", "text/plain"); r.status != 415 {
		t.Errorf("text/plain: %d", r.status)
	}
	if r := c.do("POST", uri+"?$select=id", change(nil)); r.status != 400 {
		t.Errorf("with an option: %d", r.status)
	}
	c.write("POST", uri, change(nil, skuID(skuE3), skuID(skuPhone)), 200)
	if got := c.states(user); len(got) != 0 {
		t.Errorf("all taken away: %v", got)
	}
}

func TestAssignGroupLicense(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Users: 130, Variants: Variants{ExpandErrors: "both"}})
	group := c.of("latam")
	uri := "/v1.0/groups/" + group + "/assignLicense"
	r := c.write("POST", uri, body("addLicenses", []row{{"skuId": skuID(skuVisio), "disabledPlans": off()}}, "removeLicenses", off()), 202)
	want := c.URL + "/v2/" + c.TenantID() + "/directoryObjects/" + group + "/Microsoft.DirectoryServices.Group"
	if r.body["id"] != group || r.header.Get("Location") != want {
		t.Errorf("%v %s", r.header, r.raw)
	}
	if got := rows(c.ok("/v1.0/groups/"+group+"?$select=assignedLicenses"), "assignedLicenses"); len(got) != 1 {
		t.Errorf("licenses: %v", got)
	}
	if n := len(c.all("/beta/groups/" + group + "/cloudLicensing/assignments")); n != 1 {
		t.Errorf("%d assignments", n)
	}
	// Without a free unit it is accepted, and the members wait.
	waiting := len(c.all(pools + "/" + c.pool(skuCopilot, 0) + "/waitingMembers"))
	c.write("POST", uri, body("addLicenses", []row{{"skuId": skuID(skuCopilot)}}, "removeLicenses", off()), 202)
	if n := len(c.all(pools + "/" + c.pool(skuCopilot, 0) + "/waitingMembers")); n <= waiting {
		t.Errorf("%d wait, %d before", n, waiting)
	}
	checkUnits(t, c.Emulator)
	for name, text := range map[string]string{
		"not there":       body("addLicenses", off(), "removeLicenses", off(skuID(skuE3))),
		"unknown product": body("addLicenses", []row{{"skuId": c.TenantID()}}, "removeLicenses", off()),
		"suspended":       body("addLicenses", []row{{"skuId": skuID(skuExchange)}}, "removeLicenses", off()),
		"no JSON":         `x`,
	} {
		if r := c.do("POST", uri, text); r.status != 400 || r.code() != "Request_BadRequest" {
			t.Errorf("%s: %d %s", name, r.status, r.raw)
		}
	}
	c.write("POST", uri, body("addLicenses", off(), "removeLicenses", off(skuID(skuVisio), skuID(skuCopilot))), 202)
	checkTenant(c, 130, false)
	checkAllotments(c, false)
}

// TestRefusedAssignments tests the errors of new and changed assignments.
func TestRefusedAssignments(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	user, guest := c.bare(0), str(items(c.ok("/v1.0/users?$filter=userType eq 'Guest'&$top=1"))[0], "id")
	of := func(s tenant.Sku) string { return bind(allotmentSet + "/" + c.pool(s, 0)) }
	to := bind("users/" + user)
	inChina := str(items(c.ok("/v1.0/users?$filter=usageLocation eq 'CN' and userType eq 'Member'&$top=1"))[0], "id")
	created := c.write("POST", granted, body(allotmentBind, of(skuE3), assigneeBind, to, disabledPlans, off()), 201)
	mine := granted + "/" + str(created.body, "id")
	sharepoint := planID(skuF3, "SHAREPOINTDESKLESS")
	business := "/beta/users/" + user + "/cloudLicensing/assignments"
	f3 := c.write("POST", business, body(allotmentBind, of(skuF3), disabledPlans, off(sharepoint)), 201)
	before := c.all(granted)

	for _, tt := range []struct {
		name, method, uri, body string
		status                  int
		code, property          string
	}{
		{"no allotment", "POST", granted, body(assigneeBind, to, disabledPlans, off()), 400, "requiredFieldOrParameterMissing", "allotment"},
		{"no assignee", "POST", granted, body(allotmentBind, of(skuE5), disabledPlans, off()), 400, "requiredFieldOrParameterMissing", "assignedTo"},
		{"no plans", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, to), 400, "requiredFieldOrParameterMissing", disabledPlans},
		{"plans null", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, to, disabledPlans, nil), 400, "requiredFieldOrParameterMissing", disabledPlans},
		{"unknown allotment", "POST", granted, body(allotmentBind, bind(allotmentSet+"/x"), assigneeBind, to, disabledPlans, off()), 400, "notFound", "allotment"},
		{"not an allotment", "POST", granted, body(allotmentBind, to, assigneeBind, to, disabledPlans, off()), 400, "notFound", "allotment"},
		{"unknown assignee", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, bind("users/"+c.TenantID()), disabledPlans, off()), 400, "notFound", "assignedTo"},
		{"a user as a group", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, bind("groups/"+user), disabledPlans, off()), 400, "notFound", "assignedTo"},
		{"assignee by name", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, bind("users/x@y.example"), disabledPlans, off()), 400, "notFound", "assignedTo"},
		{"a directory object", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, bind("directoryObjects/"+user), disabledPlans, off()), 400, "notFound", "assignedTo"},
		{"a device while they are off", "POST", granted, body(allotmentBind, of(noSku), assigneeBind, bind("devices/"+c.deviceID(2)), disabledPlans, off()), 400, "notFound", "assignedTo"},
		{"a relative URL", "POST", granted, body(allotmentBind, allotmentSet+"/"+c.pool(skuE5, 0), assigneeBind, to, disabledPlans, off()), 400, "Request_BadRequest", ""},
		{"another host", "POST", granted, body(allotmentBind, "https://graph.example/beta/"+allotmentSet+"/"+c.pool(skuE5, 0), assigneeBind, to, disabledPlans, off()), 400, "Request_BadRequest", ""},
		{"another version", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, access.Worldwide+"/v1.0/users/"+user, disabledPlans, off()), 400, "Request_BadRequest", ""},
		{"a bind of a number", "POST", granted, body(allotmentBind, 5, assigneeBind, to, disabledPlans, off()), 400, "Request_BadRequest", ""},
		{"plan of another product", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, to, disabledPlans, off(sharepoint)), 400, "notFound", disabledPlans},
		{"invalid GUID of a plan", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, to, disabledPlans, off("SWAY")), 400, "Request_BadRequest", ""},
		{"plan null", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, to, disabledPlans, []any{nil}), 400, "Request_BadRequest", ""},
		{"plans no list", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, to, disabledPlans, sharepoint), 400, "Request_BadRequest", ""},
		{"too many plans", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, to, disabledPlans, slices.Repeat(off(sharepoint), maxPlans+1)), 400, "Request_BadRequest", ""},
		{"unknown member", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, to, disabledPlans, off(), "skuId", c.TenantID()), 400, "Request_BadRequest", ""},
		{"other case", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, to, "DisabledServicePlanIds", off()), 400, "Request_BadRequest", ""},
		{"other type", "POST", granted, body("@odata.type", "#microsoft.graph.user", allotmentBind, of(skuE5), assigneeBind, to, disabledPlans, off()), 400, "Request_BadRequest", ""},
		{"no JSON", "POST", granted, `{"`, 400, "Request_BadRequest", ""},
		{"an array", "POST", granted, `[]`, 400, "Request_BadRequest", ""},
		{"null", "POST", granted, `null`, 400, "Request_BadRequest", ""},
		{"two objects", "POST", granted, `{}{}`, 400, "Request_BadRequest", ""},
		{"an option", "POST", granted + "?$select=id", body(allotmentBind, of(skuE5), assigneeBind, to, disabledPlans, off()), 400, "invalidQuery", ""},
		{"the allotment twice", "POST", pools + "/" + c.pool(skuE5, 0) + "/assignments", body(allotmentBind, of(skuE5), assigneeBind, to, disabledPlans, off()), 400, "Request_BadRequest", ""},
		{"the assignee twice", "POST", business, body(allotmentBind, of(skuE5), assigneeBind, to, disabledPlans, off()), 400, "Request_BadRequest", ""},
		{"below an unknown allotment", "POST", pools + "/x/assignments", body(assigneeBind, to, disabledPlans, off()), 404, "resourceNotFound", ""},
		{"unknown user", "POST", "/beta/users/x/cloudLicensing/assignments", body(allotmentBind, of(skuE5), disabledPlans, off()), 404, "Request_ResourceNotFound", ""},

		{"for users only", "POST", granted, body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE5, 1)), assigneeBind, bind("groups/"+c.of("board")), disabledPlans, off()), 400, "invalidAssigneeType", "assignedTo"},
		{"for devices alone", "POST", granted, body(allotmentBind, of(noSku), assigneeBind, to, disabledPlans, off()), 400, "invalidAssigneeType", "assignedTo"},
		{"no unit", "POST", granted, body(allotmentBind, of(skuCopilot), assigneeBind, to, disabledPlans, off()), 400, "noAvailableLicenses", ""},
		{"suspended", "POST", granted, body(allotmentBind, of(skuExchange), assigneeBind, to, disabledPlans, off()), 400, "noAvailableLicenses", ""},
		{"suspended, of a group", "POST", granted, body(allotmentBind, of(skuExchange), assigneeBind, bind("groups/"+c.of("board")), disabledPlans, off()), 400, "noAvailableLicenses", ""},
		{"no usage location", "POST", granted, body(allotmentBind, of(skuE5), assigneeBind, bind("users/"+guest), disabledPlans, off()), 400, "invalidUsageLocation", ""},
		{"not served there", "POST", granted, body(allotmentBind, of(skuAudio), assigneeBind, bind("users/"+inChina), disabledPlans, off()), 400, "invalidUsageLocation", ""},
		{"exclusive", "POST", granted, body(allotmentBind, of(skuBusiness), assigneeBind, to, disabledPlans, off()), 400, "mutuallyExclusiveServicePlans", ""},
		{"again", "POST", granted, body(allotmentBind, of(skuE3), assigneeBind, to, disabledPlans, off()), 409, "conflict", ""},

		{"change: no plans", "PATCH", mine, `{}`, 400, "requiredFieldOrParameterMissing", disabledPlans},
		{"change: other allotment", "PATCH", mine, body(disabledPlans, off(), allotmentBind, of(skuE5)), 400, "immutablePropertyModified", "allotment"},
		{"change: other assignee", "PATCH", mine, body(disabledPlans, off(), assigneeBind, bind("groups/"+c.of("board"))), 400, "immutablePropertyModified", "assignedTo"},
		{"change: unknown allotment", "PATCH", mine, body(disabledPlans, off(), allotmentBind, bind(allotmentSet+"/x")), 400, "notFound", "allotment"},
		{"change: plan of another product", "PATCH", mine, body(disabledPlans, off(c.TenantID())), 400, "notFound", disabledPlans},
		{"change: unknown member", "PATCH", mine, body(disabledPlans, off(), "id", "x"), 400, "Request_BadRequest", ""},
		{"change: exclusive", "PATCH", granted + "/" + str(f3.body, "id"), body(disabledPlans, off()), 400, "mutuallyExclusiveServicePlans", ""},
		{"change: an option", "PATCH", mine + "?$expand=assignedTo", body(disabledPlans, off()), 400, "invalidQuery", ""},
		{"change: unknown", "PATCH", granted + "/x", body(disabledPlans, off()), 404, "resourceNotFound", ""},
		{"change: of another user", "PATCH", "/beta/users/" + guest + "/cloudLicensing/assignments/" + str(created.body, "id"), body(disabledPlans, off()), 404, "resourceNotFound", ""},
		{"delete: unknown", "DELETE", granted + "/x", "", 404, "resourceNotFound", ""},
		{"delete: an option", "DELETE", mine + "?$select=id", "", 400, "invalidQuery", ""},
		{"delete: of another allotment", "DELETE", pools + "/" + c.pool(skuE5, 0) + "/assignments/" + str(created.body, "id"), "", 404, "resourceNotFound", ""},

		{"reprocess: a body", "POST", business + "/reprocessAssignments", `{"x":1}`, 400, "Request_BadRequest", ""},
		{"reprocess: unknown user", "POST", "/beta/users/x/cloudLicensing/assignments/reprocessAssignments", "", 404, "Request_ResourceNotFound", ""},
		{"reprocess: a group", "POST", "/beta/groups/" + c.of("board") + "/cloudLicensing/assignments/reprocessAssignments", "", 405, "Request_BadRequest", ""},
		{"reprocess: me", "POST", "/beta/me/cloudLicensing/assignments/reprocessAssignments", "", 405, "Request_BadRequest", ""},
		{"reprocess: read", "GET", business + "/reprocessAssignments", "", 404, "resourceNotFound", ""},
		{"reprocess: licenses, a body", "POST", "/v1.0/users/" + user + "/reprocessLicenseAssignment", `[]`, 400, "Request_BadRequest", ""},
		{"write on an allotment", "PATCH", pools + "/" + c.pool(skuE3, 0), `{}`, 405, "Request_BadRequest", ""},
		{"write on the queue", "POST", pools + "/" + c.pool(skuE3, 0) + "/waitingMembers", `{}`, 405, "Request_BadRequest", ""},
		{"write on a right", "DELETE", "/beta/users/" + user + "/cloudLicensing/usageRights/x", "", 405, "Request_BadRequest", ""},
		{"put", "PUT", mine, body(disabledPlans, off()), 405, "Request_BadRequest", ""},
		{"below devices while they are off", "POST", "/beta/devices/" + c.deviceID(2) + "/cloudLicensing/assignments", `{}`, 404, "resourceNotFound", ""},
		{"under v1.0", "POST", strings.Replace(granted, "beta", "v1.0", 1), `{}`, 400, "BadRequest", ""},
	} {
		r := c.do(tt.method, tt.uri, tt.body)
		inner := row{}
		if e, ok := r.body["error"].(row); ok {
			inner, _ = e["innerError"].(row)
		}
		if r.status != tt.status || r.code() != tt.code || str(inner, "propertyName") != tt.property {
			t.Errorf("%s: %d %s, want %d %s of %q", tt.name, r.status, r.raw, tt.status, tt.code, tt.property)
		}
	}
	if diff := cmp.Diff(before, c.all(granted)); diff != "" {
		t.Errorf("a refused write changed something (-before +after):\n%s", diff)
	}

	c.SetVariants(Variants{Devices: true})
	device := c.deviceID(2)
	uri := "/beta/devices/" + device + "/cloudLicensing/assignments"
	_, n := c.units(noSku, 0)
	c.write("POST", uri, body(allotmentBind, of(noSku), disabledPlans, off()), 201)
	if _, after := c.units(noSku, 0); after != n+1 || len(c.all("/beta/devices/"+device+"/cloudLicensing/usageRights")) != 1 {
		t.Errorf("a device got nothing: %d units in use, %d before", after, n)
	}
	if r := c.do("POST", uri, body(allotmentBind, of(skuE3), disabledPlans, off())); r.code() != "invalidAssigneeType" {
		t.Errorf("a device of a user's product: %d %s", r.status, r.raw)
	}
	for i := 5; ; i += 3 {
		r := c.do("POST", granted, body(allotmentBind, of(noSku), assigneeBind, bind("devices/"+c.deviceID(i)), disabledPlans, off()))
		if r.status != 201 {
			if r.code() != "noAvailableLicenses" {
				t.Errorf("the last unit: %d %s", r.status, r.raw)
			}
			break
		}
	}
	checkUnits(t, c.Emulator)
}

func TestWritePermissions(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	user, board := c.userID(0), c.of("board")
	const mine, shared = "/cloudLicensing/assignments/x", "/cloudLicensing/assignments"
	uris := map[string][2]string{
		"create": {"POST", granted}, "draw": {"POST", pools + "/x/assignments"},
		"user": {"POST", "/beta/users/" + user + shared}, "group": {"POST", "/beta/groups/" + board + shared},
		"change": {"PATCH", granted + "/x"}, "drop": {"DELETE", granted + "/x"},
		"changeUser": {"PATCH", "/beta/users/" + user + mine}, "dropUser": {"DELETE", "/beta/users/" + user + mine},
		"changeGroup": {"PATCH", "/beta/groups/" + board + mine}, "dropGroup": {"DELETE", "/beta/groups/" + board + mine},
		"reprocess": {"POST", "/beta/users/" + user + shared + "/reprocessAssignments"},
		"legacy":    {"POST", "/v1.0/users/" + user + "/assignLicense"}, "legacyGroup": {"POST", "/v1.0/groups/" + board + "/assignLicense"},
		"legacyReprocess": {"POST", "/v1.0/users/" + user + "/reprocessLicenseAssignment"},
	}
	ask := func(who, allowed string) {
		for name, u := range uris {
			r := c.do(u[0], u[1], `{"nothing":1}`)
			if refused := r.status == 403; refused == strings.Contains(" "+allowed+" ", " "+name+" ") {
				t.Errorf("%s, %s: %d %s", who, name, r.status, r.raw)
			}
		}
	}
	// By the pages, and by Microsoft's list of permissions.
	const everything = "create draw user group change drop changeUser dropUser changeGroup dropGroup reprocess"
	const ofUser, ofGroup = "changeUser dropUser reprocess", "changeGroup dropGroup"
	roles := map[string][2]string{
		"CloudLicensing.AssignLicenses.Organization":       {"create draw group change drop reprocess", ""},
		"User-CloudLicensing.AssignLicenses.Organization":  {"create user " + ofUser, ""},
		"Group-CloudLicensing.AssignLicenses.Organization": {"create group reprocess " + ofGroup, ""},
		"User.ReadWrite.All":                               {"create user group " + ofUser, "user group " + ofUser + " " + ofGroup},
		"Group.ReadWrite.All":                              {"create group reprocess " + ofGroup, ofGroup},
		"Directory.ReadWrite.All":                          {"create user group change drop reprocess " + ofUser + " " + ofGroup, everything},
		"AgentIdUser.ReadWrite.All":                        {"", "group " + ofGroup}, // the user is not an agent
		"LicenseAssignment.ReadWrite.All":                  {"", ""},
		"CloudLicensing.ReadWrite.All":                     {"", ""}, // on no page
		"CloudLicensing.AssignLicenses":                    {"", ""},
		"Directory.Read.All":                               {"", ""},
		"CloudLicensing.Read.All":                          {"", ""},
	}
	scopes := map[string][2]string{
		"CloudLicensing.AssignLicenses":                    {"create draw change drop reprocess", ""},
		"CloudLicensing.AssignLicenses.Organization":       {"group change drop reprocess", ""},
		"User-CloudLicensing.AssignLicenses":               {ofUser, ""},
		"User-CloudLicensing.AssignLicenses.Organization":  {"user " + ofUser, ""},
		"Group-CloudLicensing.AssignLicenses":              {"reprocess " + ofGroup, ""},
		"Group-CloudLicensing.AssignLicenses.Organization": {"reprocess " + ofGroup, ""},
		"User.ReadWrite.All":                               {ofUser, "user group " + ofUser + " " + ofGroup},
		"Group.ReadWrite.All":                              {"reprocess " + ofGroup, "group " + ofGroup},
		"LicenseAssignment.ReadWrite.All":                  {"", ""},
		"User.ReadWrite":                                   {"", "user " + ofUser},
		"Directory.ReadWrite.All":                          {"change drop reprocess " + ofUser + " " + ofGroup, everything},
		"AgentIdUser.ReadWrite.IdentityParentedBy":         {"", "group " + ofGroup},
		"CloudLicensing.Read":                              {"", ""},
	}
	directory := map[string]string{
		"User.ReadWrite.All": "legacy legacyReprocess", "Group.ReadWrite.All": "legacyGroup", "Directory.ReadWrite.All": "legacy legacyGroup legacyReprocess",
		"LicenseAssignment.ReadWrite.All": "legacy legacyGroup",
	}
	for by, variant := range []string{"pages", "list", ""} {
		of := func(rights [2]string) string {
			if variant == "" {
				return rights[0] + " " + rights[1]
			}
			return rights[by]
		}
		for role, allowed := range roles {
			c.SetVariants(Variants{Permissions: variant, Roles: []string{role}})
			c.token = c.newToken()
			ask(variant+", "+role, of(allowed)+" "+directory[role])
		}
		for scope, allowed := range scopes {
			c.token = c.DelegatedToken(user, scope)
			ask(variant+", a user with "+scope, of(allowed)+" "+directory[scope])
		}
	}
}

// TestWritesInBatch tests that parts with writes are executed in order.
func TestWritesInBatch(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Record: true})
	user := c.bare(0)
	part := func(id, method, url, body string, after ...string) string {
		headers := `"headers":{"Content-Type":"application/json"},`
		if body == "" {
			headers, body = "", "null"
		}
		deps, _ := json.Marshal(after)
		if after == nil {
			deps = []byte("[]")
		}
		return fmt.Sprintf(`{"id":%q,"method":%q,"url":%q,%s"body":%s,"dependsOn":%s}`, id, method, url, headers, body, deps)
	}
	mine := "/users/" + user + "/cloudLicensing/assignments"
	got, _ := parts(t, c.do("POST", "/beta/$batch", batchOf(
		part("make", "POST", mine, body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE3, 0)), disabledPlans, off())),
		part("again", "POST", mine, body(allotmentBind, bind(allotmentSet+"/"+c.pool(skuE3, 0)), disabledPlans, off()), "make"),
		part("read", "GET", mine, "", "make"),
		part("never", "GET", mine, "", "again"),
		part("reprocess", "POST", mine+"/reprocessAssignments", "{}", "make"),
	)))
	statuses := map[string]any{}
	for id, p := range got {
		statuses[id] = p["status"]
	}
	if diff := cmp.Diff(map[string]any{"make": 201.0, "again": 409.0, "read": 200.0, "never": 424.0, "reprocess": 204.0}, statuses); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
	if list := items(got["read"]["body"].(row)); len(list) != 1 || list[0]["id"] != got["make"]["body"].(row)["id"] {
		t.Errorf("read: %v", got["read"])
	}
	if n := c.Counts()["POST /users/{id}/cloudLicensing/assignments"].Parts; n != 2 {
		t.Errorf("%d parts counted", n)
	}
	id := str(got["make"]["body"].(row), "id")
	got, _ = parts(t, c.do("POST", "/beta/$batch", batchOf(part("1", "PATCH", mine+"/"+id, body(disabledPlans, off())), part("2", "DELETE", mine+"/"+id, "", "1"))))
	if got["1"]["status"] != 200.0 || got["2"]["status"] != 204.0 {
		t.Errorf("changed and deleted: %v", got)
	}
}

// TestConsistencyAfterWrites makes random writes and then checks everything.
func TestConsistencyAfterWrites(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		seed          uint64
		users, writes int
	}{{1, 130, 200}, {3, 60, 300}, {5, 10, 100}} {
		t.Run(fmt.Sprintf("seed %d of %d", tt.seed, tt.users), func(t *testing.T) {
			t.Parallel()
			c := start(t, Options{Users: tt.users, Seed: tt.seed, Variants: Variants{ExpandErrors: "both"}})
			everything := func() [][]row {
				return [][]row{
					c.all(granted + "?$expand=assignedTo,allotment"), c.all(pools + "?$expand=waitingMembers"), c.all("/v1.0/subscribedSkus"),
					c.all("/v1.0/users?$top=999&$select=id,licenseAssignmentStates,assignedLicenses"), c.all("/v1.0/groups?$select=id,assignedLicenses,licenseProcessingState"),
					c.all("/beta/admin/cloudLicensing/assignmentErrors?$expand=assignedTo,usageRight"),
				}
			}
			first := everything()
			done := c.scribble(rand.New(rand.NewPCG(tt.seed, 1)), tt.writes)
			if done < tt.writes/5 {
				t.Errorf("%d of %d writes were taken", done, tt.writes)
			}
			checkTenant(c, tt.users, false)
			checkAllotments(c, false)
			c.Reset()
			if diff := difference(first, everything()); diff != "" {
				t.Errorf("Reset does not lead back to the first state (-want +got):\n%s", diff)
			}
		})
	}
}

// scribble sends n random writes, some of them invalid, and returns the number
// of accepted ones.
func (c *client) scribble(dice *rand.Rand, n int) int {
	done := 0
	tn := c.current()
	for range n {
		user := c.userID(int32(dice.IntN(tn.UserCount())))
		group := c.groupID(int32(dice.IntN(len(slices.Collect(tn.Groups(-1))))))
		pool := tn.Allotments()[dice.IntN(len(tn.Allotments()))]
		product := tn.Product(pool.Sku)
		disabled := off()
		for range dice.IntN(1 + len(product.Plans)/3) {
			disabled = append(disabled, product.Plans[dice.IntN(len(product.Plans))].ID)
		}
		to := "users/" + user
		if dice.IntN(3) == 0 {
			to = "groups/" + group
		}
		some := ""
		var all []string
		for _, a := range tn.Assignments(-1) {
			all = append(all, tn.AssignmentID(a))
		}
		if len(all) > 0 {
			some = all[dice.IntN(len(all))]
		}
		add, remove := []row{}, off()
		if product.SkuID != "" {
			if dice.IntN(2) == 0 {
				add = append(add, row{"skuId": product.SkuID, "disabledPlans": disabled})
			} else {
				remove = append(remove, product.SkuID)
			}
		}
		var r reply
		switch dice.IntN(8) {
		case 0, 1, 2:
			r = c.do("POST", granted, body(allotmentBind, bind(allotmentSet+"/"+pool.ID), assigneeBind, bind(to), disabledPlans, disabled))
		case 3:
			r = c.do("PATCH", granted+"/"+some, body(disabledPlans, off()))
		case 4:
			r = c.do("DELETE", granted+"/"+some, "")
		case 5:
			r = c.do("POST", "/v1.0/"+to+"/assignLicense", body("addLicenses", add, "removeLicenses", remove))
		case 6:
			r = c.do("POST", "/beta/users/"+user+"/cloudLicensing/assignments/reprocessAssignments", "")
		case 7:
			r = c.do("PATCH", granted+"/"+some, body(disabledPlans, disabled))
		}
		switch {
		case r.status < 300:
			done++
		case r.status >= 500 || r.status == 403 || r.status == 405:
			c.t.Errorf("%d %s", r.status, r.raw)
		}
	}
	return done
}

// FuzzAssignmentBody tests that after any body the units are consistent.
func FuzzAssignmentBody(f *testing.F) {
	e, ask := inProcess()
	pool := e.current().Allotments()[0].ID
	user := e.userID(0)
	for _, s := range []string{
		body(allotmentBind, bind(allotmentSet+"/"+pool), assigneeBind, bind("users/"+user), disabledPlans, off()),
		body("addLicenses", []row{{"skuId": skuID(skuE3)}}, "removeLicenses", off()),
		body(disabledPlans, off()), `{"disabledServicePlanIds":[[[]]]}`, `{"a":{"a":{"a":1}}}`, `null`, `"`, ``, strings.Repeat("[", 10_000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, at := range [][2]string{
			{"POST", granted}, {"POST", "/beta/users/" + user + "/cloudLicensing/assignments"}, {"POST", "/v1.0/users/" + user + "/assignLicense"},
			{"POST", "/v1.0/groups/" + e.groupID(0) + "/assignLicense"}, {"PATCH", granted + "/" + e.firstAssignment()},
		} {
			if status, answer := ask(at[0], at[1], s); status >= 500 || len(answer) > 0 && !json.Valid(answer) {
				t.Errorf("%s %s %q: %d %s", at[0], at[1], s, status, answer)
			}
		}
		checkUnits(t, e)
	})
}

// TestReprocessGroup reprocesses a failed member of a group, with the same
// delay as for other changes of the group.
func TestReprocessGroup(t *testing.T) {
	t.Parallel()
	c := start(t, Options{Variants: Variants{ReprocessListed: true, GroupEffects: 5 * time.Second}})
	group := ""
	member := c.userID(c.userWhere(func(i int32) bool {
		for _, l := range c.current().Licenses(i) {
			if l.Cause.String() == "Other" && l.Group != (tenant.GUID{}) {
				group = l.Group.String()
			}
		}
		return group != ""
	}))
	fails := func() bool {
		return slices.ContainsFunc(c.states(member), func(s row) bool { return s["assignedByGroup"] == group && s["error"] == "Other" })
	}
	state := func() any {
		return c.ok("/v1.0/groups/" + group + "?$select=licenseProcessingState")["licenseProcessingState"].(row)["state"]
	}
	if !fails() || state() != "ProcessingComplete" {
		t.Fatalf("%v, the group is %v", c.states(member), state())
	}
	c.write("POST", "/beta/groups/"+group+"/cloudLicensing/assignments/reprocessAssignments", "", 204)
	if !fails() || state() != "QueuedForProcessing" {
		t.Errorf("at once: %v, the group is %v", c.states(member), state())
	}
	c.later(5 * time.Second)
	if fails() || state() != "ProcessingComplete" {
		t.Errorf("later: %v, the group is %v", c.states(member), state())
	}
	// Reprocessing a group without licenses has no effect.
	c.write("POST", "/beta/groups/"+c.of("council")+"/cloudLicensing/assignments/reprocessAssignments", "", 204)
	checkUnits(t, c.Emulator)
}
