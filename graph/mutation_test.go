package graph_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

const (
	createEndpoint    = "POST /admin/cloudLicensing/assignments"
	changeEndpoint    = "PATCH /admin/cloudLicensing/assignments/{id}"
	deleteEndpoint    = "DELETE /admin/cloudLicensing/assignments/{id}"
	reprocessEndpoint = "POST /users/{id}/cloudLicensing/assignments/reprocessAssignments"
	licenseEndpoint   = "POST /users/{id}/assignLicense"
	ofGroupEndpoint   = "POST /groups/{id}/assignLicense"

	updateUserEndpoint     = "PATCH /users/{id}"
	addMemberEndpoint      = "POST /groups/{id}/members/$ref"
	removeMemberEndpoint   = "DELETE /groups/{id}/members/{id}/$ref"
	reprocessGroupEndpoint = "POST /groups/{id}/cloudLicensing/assignments/reprocessAssignments"
	legacyEndpoint         = "POST /users/{id}/reprocessLicenseAssignment"

	skuE3      = "05e9a617-0261-4cee-bb44-138d3ef5d965"
	skuCopilot = "639dec6b-bb19-468b-871c-c5c441c4b0cb"
	missingID  = "11111111-2222-4333-8444-555555555555"
)

var changes = []string{createEndpoint, changeEndpoint, deleteEndpoint, reprocessEndpoint, licenseEndpoint, ofGroupEndpoint,
	legacyEndpoint, updateUserEndpoint, addMemberEndpoint, removeMemberEndpoint, reprocessGroupEndpoint}

// written returns the number of changes that the tenant received.
func (g *gateway) written() int {
	counts := g.tenant.Counts()
	n := 0
	for _, endpoint := range changes {
		n += counts[endpoint].Requests + counts[endpoint].Parts
	}
	return n
}

// change runs a mutation that must not have GraphQL errors.
func (g *gateway) change(t *testing.T, mutation string, variables object) object {
	t.Helper()
	r := g.ask(mutation, variables)
	if len(r.Errors) > 0 {
		t.Fatalf("%s", r.raw)
	}
	for _, payload := range r.Data {
		return payload.(object)
	}
	return nil
}

// unlicensed returns the IDs of users without licenses who have a usage location.
func (g *gateway) unlicensed(t *testing.T, n int) []string {
	t.Helper()
	people := slices.DeleteFunc(g.nodesOf(t, "users", "first: 999, filter: {licensed: false}", "id usageLocation licenseAssignmentStates { state }"),
		func(p object) bool { return p["usageLocation"] == nil || len(p["licenseAssignmentStates"].([]any)) > 0 })
	if len(people) < n {
		t.Fatalf("%d people without a license", len(people))
	}
	return idsOf(people[:n])
}

// directly returns the IDs of a user's direct assignments of a product.
func (g *gateway) directly(t *testing.T, person, skuPartNumber string) []string {
	t.Helper()
	r := g.ask(fmt.Sprintf(`{ user(id: %q) { assignments { id allotment { skuPartNumber } } } }`, person), nil)
	if len(r.Errors) > 0 {
		t.Fatalf("%s", r.raw)
	}
	var ids []string
	for _, a := range r.Data["user"].(object)["assignments"].([]any) {
		if a.(object)["allotment"].(object)["skuPartNumber"] == skuPartNumber {
			ids = append(ids, a.(object)["id"].(string))
		}
	}
	return ids
}

const create = `mutation Create($input: CreateAssignmentsInput!) { createAssignments(input: $input) {
	results {
		assignedToId outcome userErrors { field code }
		assignment { id disabledServicePlans { servicePlanName } allotment { id skuPartNumber availableUnits } assignedTo { __typename id ... on User { assignedLicenses { skuId } } } }
	}
	userErrors { field code message }
} }`

func assignees(ids ...string) []any {
	var list []any
	for _, id := range ids {
		list = append(list, object{"type": "USER", "id": id})
	}
	return list
}

// TestCreateAssignments assigns a product to many users and a group. Each has a result with data read after the
// change.
func TestCreateAssignments(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 1000})
	people := g.unlicensed(t, 24)
	group := g.nodesOf(t, "groups", `filter: {displayNameStartsWith: "Guests"}`, "id")[0]["id"].(string)
	before := g.nodesOf(t, "allotments", fmt.Sprintf("filter: {skuId: %q}, orderBy: {field: AVAILABLE_UNITS, direction: DESC}", skuE3), "id availableUnits")
	input := object{
		"skuId": skuE3, "disabledServicePlans": []any{"sway", "57ff2da0-773e-42df-b2af-ffb7a2317929"},
		"assignedTo": append(assignees(people...), object{"type": "USER", "id": missingID}, object{"type": "GROUP", "id": group}),
	}
	g.forget()
	r := g.ask(create, object{"input": input})
	if len(r.Errors) > 0 {
		t.Fatalf("%s", r.raw)
	}
	// Two requests with 31 parts check users in parts of 15, their assignments, the group and its assignments, and
	// the allotments; two make 25 changes; two read the assignees and one the users' licenses.
	if got := r.Extensions.Upstream.Requests; got > 7 && !*withoutPrefetch {
		t.Errorf("took %d requests: %+v", got, r.Extensions.Upstream.Endpoints)
	}
	if got := g.written(); got != 25 {
		t.Errorf("sent %d changes, want 25", got)
	}
	g.costAgrees(r)
	payload := r.Data["createAssignments"].(object)
	results := payload["results"].([]any)
	if len(results) != 26 {
		t.Fatalf("%d results", len(results))
	}
	for i, result := range results {
		result := result.(object)
		if i == 24 {
			want := []any{object{"field": []any{"input", "assignedTo", "24"}, "code": "NOT_FOUND"}}
			if diff := difference(want, result["userErrors"]); diff != "" || result["outcome"] != "NOT_DONE" || result["assignment"] != nil {
				t.Errorf("unknown assignee: %v", result)
			}
			continue
		}
		a, _ := result["assignment"].(object)
		if result["outcome"] != "DONE" || a == nil || len(result["userErrors"].([]any)) > 0 {
			t.Fatalf("%d: %v", i, result)
		}
		if to := a["assignedTo"].(object); to["id"] != result["assignedToId"] || i < 24 && len(to["assignedLicenses"].([]any)) != 1 {
			t.Errorf("%d: %v", i, a)
		}
		if diff := difference([]any{object{"servicePlanName": "SWAY"}, object{"servicePlanName": "TEAMS1"}}, a["disabledServicePlans"]); diff != "" {
			t.Errorf("plans (-want +got):\n%s", diff)
		}
	}
	if errs := payload["userErrors"].([]any); len(errs) != 1 {
		t.Errorf("%v", errs)
	}
	after := g.nodesOf(t, "allotments", fmt.Sprintf("filter: {skuId: %q}", skuE3), "id availableUnits")
	sum := func(nodes []object) (n float64) {
		for _, node := range nodes {
			n += node["availableUnits"].(float64)
		}
		return n
	}
	if sum(before)-sum(after) < 24 {
		t.Errorf("units: %v before, %v after", before, after)
	}
	g.forget()
	again := g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(people[0])}})
	if e := again["userErrors"].([]any)[0].(object); e["code"] != "ALREADY_ASSIGNED" || g.written() != 0 {
		t.Errorf("repeated: %v, %d changes", again, g.written())
	}
}

// TestChecksBeforeChanges tests that each check returns a user error at its input path, with nothing changed.
func TestChecksBeforeChanges(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	devices := g.nodesOf(t, "allotments", `orderBy: {field: SKU_PART_NUMBER}`, "id skuId assignableTo")
	deviceOnly := slices.IndexFunc(devices, func(a object) bool { return slices.Equal(a["assignableTo"].([]any), []any{"DEVICE"}) })
	nowhere := slices.IndexFunc(g.nodesOf(t, "users", "first: 500", "id usageLocation"), func(p object) bool { return p["usageLocation"] == nil })
	if deviceOnly < 0 || nowhere < 0 {
		t.Fatal("the tenant lacks a user without usage location, or an allotment for devices only")
	}
	homeless := g.nodesOf(t, "users", "first: 500", "id usageLocation")[nowhere]["id"].(string)
	throughGroup := ""
	for _, p := range g.nodesOf(t, "users", fmt.Sprintf("first: 50, filter: {skuId: %q}", skuE3), "id licenseAssignmentStates { skuId assignedByGroup { id } }") {
		states := p["licenseAssignmentStates"].([]any)
		if len(states) == 1 && states[0].(object)["assignedByGroup"] != nil {
			throughGroup = p["id"].(string)
			break
		}
	}
	many := assignees(g.unlicensed(t, 10)...)
	for len(many) <= 100 {
		many = append(many, object{"type": "USER", "id": fmt.Sprintf("00000000-0000-4000-8000-%012d", len(many))})
	}
	creating := func(input object) (string, object) {
		return `mutation M($input: CreateAssignmentsInput!) { createAssignments(input: $input) { results { outcome } userErrors { field code message } } }`, input
	}
	licensing := func(input object) (string, object) {
		return `mutation M($input: AssignLicenseInput!) { assignLicense(input: $input) { outcome userErrors { field code message } } }`, input
	}
	type mutation func(object) (string, object)
	for name, tt := range map[string]struct {
		mutation mutation
		input    object
		want     string // code and path of the first error
	}{
		"no product":              {creating, object{"assignedTo": assignees(person)}, "INVALID input"},
		"two products":            {creating, object{"assignedTo": assignees(person), "skuId": skuE3, "allotmentId": "x"}, "INVALID input"},
		"no assignee":             {creating, object{"assignedTo": []any{}, "skuId": skuE3}, "INVALID input.assignedTo"},
		"too many":                {creating, object{"assignedTo": many, "skuId": skuE3}, "INVALID input.assignedTo"},
		"not a GUID":              {creating, object{"assignedTo": assignees("me"), "skuId": skuE3}, "INVALID input.assignedTo.0"},
		"unknown type":            {creating, object{"assignedTo": []any{object{"type": "UNKNOWN_FUTURE_VALUE", "id": person}}, "skuId": skuE3}, "INVALID input.assignedTo.0.type"},
		"unknown allotment":       {creating, object{"assignedTo": assignees(person), "allotmentId": "nothing-has-this-id"}, "NOT_FOUND input.allotmentId"},
		"no id":                   {creating, object{"assignedTo": assignees(person), "allotmentId": "a/b"}, "INVALID input.allotmentId"},
		"unknown product":         {creating, object{"assignedTo": assignees(person), "skuId": missingID}, "UNKNOWN_PRODUCT input.skuId"},
		"unknown plan":            {creating, object{"assignedTo": assignees(person), "skuId": skuE3, "disabledServicePlans": []any{"SWAY", "SWAN"}}, "UNKNOWN_PLAN input.disabledServicePlans.1"},
		"plan of another product": {creating, object{"assignedTo": assignees(person), "skuId": skuE3, "disabledServicePlans": []any{"MCOEV"}}, "PLAN_NOT_IN_PRODUCT input.disabledServicePlans.0"},
		"duplicate plan":          {creating, object{"assignedTo": assignees(person), "skuId": skuE3, "disabledServicePlans": []any{"SWAY", "sway"}}, "INVALID input.disabledServicePlans.1"},
		"no free unit":            {creating, object{"assignedTo": assignees(person), "skuId": skuCopilot}, "NO_FREE_UNIT input.assignedTo.0"},
		"no usage location":       {creating, object{"assignedTo": assignees(homeless), "skuId": skuE3}, "USAGE_LOCATION input.assignedTo.0"},
		"for devices only":        {creating, object{"assignedTo": assignees(person), "allotmentId": devices[deviceOnly]["id"]}, "NOT_ASSIGNABLE input.assignedTo.0"},
		"unknown user":            {creating, object{"assignedTo": assignees(missingID), "skuId": skuE3}, "NOT_FOUND input.assignedTo.0"},

		"no licenses":                    {licensing, object{"assignedTo": object{"id": person}}, "INVALID input.addLicenses"},
		"license of a device":            {licensing, object{"assignedTo": object{"id": person, "type": "DEVICE"}, "removeLicenses": []any{skuE3}}, "INVALID input.assignedTo.type"},
		"license, not a GUID":            {licensing, object{"assignedTo": object{"id": "x"}, "removeLicenses": []any{skuE3}}, "INVALID input.assignedTo.id"},
		"added and removed":              {licensing, object{"assignedTo": object{"id": person}, "addLicenses": []any{object{"skuId": skuE3}}, "removeLicenses": []any{skuE3}}, "INVALID input.removeLicenses.0"},
		"license of unknown user":        {licensing, object{"assignedTo": object{"id": missingID}, "removeLicenses": []any{skuE3}}, "NOT_FOUND input.assignedTo.id"},
		"unknown license":                {licensing, object{"assignedTo": object{"id": person}, "addLicenses": []any{object{"skuId": missingID}}}, "UNKNOWN_PRODUCT input.addLicenses.0.skuId"},
		"license without a unit":         {licensing, object{"assignedTo": object{"id": person}, "addLicenses": []any{object{"skuId": skuCopilot}}}, "NO_FREE_UNIT input.addLicenses.0.skuId"},
		"plan of another license":        {licensing, object{"assignedTo": object{"id": person}, "addLicenses": []any{object{"skuId": skuE3, "disabledPlans": []any{"MCOEV"}}}}, "PLAN_NOT_IN_PRODUCT input.addLicenses.0.disabledPlans.0"},
		"license without usage location": {licensing, object{"assignedTo": object{"id": homeless}, "addLicenses": []any{object{"skuId": skuE3}}}, "USAGE_LOCATION input.assignedTo.id"},
		"not assigned":                   {licensing, object{"assignedTo": object{"id": person}, "removeLicenses": []any{skuE3}}, "NOT_ASSIGNED input.removeLicenses.0"},
		"assigned by a group":            {licensing, object{"assignedTo": object{"id": throughGroup}, "removeLicenses": []any{skuE3}}, "NOT_ASSIGNED input.removeLicenses.0"},
		"license, not security enabled":  {licensing, object{"assignedTo": object{"id": g.groupNamed(t, "Betriebsrat"), "type": "GROUP"}, "addLicenses": []any{object{"skuId": skuE3}}}, "GROUP_NOT_SECURITY_ENABLED input.assignedTo.id"},
		"group, not security enabled":    {creating, object{"assignedTo": []any{object{"type": "GROUP", "id": g.groupNamed(t, "Betriebsrat")}}, "skuId": skuE3}, "GROUP_NOT_SECURITY_ENABLED input.assignedTo.0"},
		"group without a license":        {licensing, object{"assignedTo": object{"id": g.groupID(), "type": "GROUP"}, "removeLicenses": []any{missingID}}, "NOT_ASSIGNED input.removeLicenses.0"},

		"no assignment": {func(in object) (string, object) {
			return `mutation M($input: UpdateAssignmentInput!) { updateAssignment(input: $input) { outcome assignment { id } userErrors { field code message } } }`, in
		}, object{"id": "nothing-has-this-id", "disabledServicePlans": []any{}}, "NOT_FOUND input.id"},
		"unknown assignment to delete": {func(in object) (string, object) {
			return `mutation M($input: DeleteAssignmentInput!) { deleteAssignment(input: $input) { outcome deletedAssignmentId allotment { id } assignedTo { id } userErrors { field code message } } }`, in
		}, object{"id": "nothing-has-this-id"}, "NOT_FOUND input.id"},
		"no members": {func(in object) (string, object) {
			return `mutation M($input: GroupMembersInput!) { addGroupMembers(input: $input) { results { outcome } userErrors { field code message } } }`, in
		}, object{"groupId": g.groupID(), "memberIds": []any{}}, "INVALID input.memberIds"},
		"no users with direct licenses": {func(in object) (string, object) {
			return `mutation M($input: RemoveDirectAssignmentsInput!) { removeDirectAssignments(input: $input) { results { outcome } userErrors { field code message } } }`, in
		}, object{"skuId": skuE3, "userIds": []any{}}, "INVALID input.userIds"},
		"no users to reprocess": {func(in object) (string, object) {
			return `mutation M($input: ReprocessInput!) { reprocessAssignments(input: $input) { results { outcome } userErrors { field code message } } }`, in
		}, object{"userIds": []any{}}, "INVALID input.userIds"},
	} {
		t.Run(name, func(t *testing.T) {
			g.forget()
			text, input := tt.mutation(tt.input)
			payload := g.change(t, text, object{"input": input})
			errs := payload["userErrors"].([]any)
			if len(errs) == 0 {
				t.Fatalf("%v", payload)
			}
			e := errs[0].(object)
			var place []string
			for _, step := range e["field"].([]any) {
				place = append(place, step.(string))
			}
			if got := e["code"].(string) + " " + strings.Join(place, "."); got != tt.want {
				t.Errorf("%s: %s, want %s", got, e["message"], tt.want)
			}
			if g.written() != 0 {
				t.Errorf("sent %v", g.tenant.Counts())
			}
			if results, ok := payload["results"].([]any); ok {
				for _, result := range results {
					if result.(object)["outcome"] != "NOT_DONE" {
						t.Errorf("%v", result)
					}
				}
			} else if payload["outcome"] != nil {
				t.Errorf("outcome %v", payload["outcome"])
			}
		})
	}
}

// lost are faults that lose the response of a change, with and without the effect.
var lost = map[string]emulator.Fault{
	"connection closed":       {Cut: true},
	"closed after the effect": {Cut: true, Act: true},
	"504":                     {Status: http.StatusGatewayTimeout},
	"504 after the effect":    {Status: http.StatusGatewayTimeout, Act: true},
	"500 after the effect":    {Status: http.StatusInternalServerError, Act: true},
	"503 without a date":      {Status: http.StatusServiceUnavailable},
}

// TestLostAnswers tests that a change with a lost response is read back and never repeated.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	outcome := func(fault emulator.Fault) string {
		if fault.Act {
			return "DONE"
		}
		return "UNKNOWN" // the effect may still come
	}
	for name, fault := range lost {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{})
			people := g.unlicensed(t, 6)

			lose := func(endpoint string) {
				g.forget()
				f := fault
				f.Endpoint = endpoint
				g.tenant.Inject(f)
			}
			said := func(r response) {
				t.Helper()
				if errs := clientErrors(r); fault.Act && len(errs) > 0 || !fault.Act && len(errs) != 1 {
					t.Errorf("errors %v", errs)
				}
				if got := g.written(); got != 1 {
					t.Errorf("sent %d changes", got)
				}
			}
			lose(createEndpoint)
			r := g.ask(create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(people[0])}})
			said(r)
			result := r.Data["createAssignments"].(object)["results"].([]any)[0].(object)
			if result["outcome"] != outcome(fault) || (result["assignment"] != nil) != fault.Act {
				t.Errorf("create: %v", result)
			}
			if got := g.directly(t, people[0], "SPE_E3"); len(got) > 1 || (len(got) == 1) != fault.Act {
				t.Errorf("create: %d assignments", len(got))
			}

			created := g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(people[1:3]...)}})
			var ids []string
			for _, result := range created["results"].([]any) {
				ids = append(ids, result.(object)["assignment"].(object)["id"].(string))
			}
			lose(changeEndpoint)
			r = g.ask(fmt.Sprintf(`mutation { updateAssignment(input: {id: %q, disabledServicePlans: ["SWAY"]}) { outcome assignment { disabledServicePlanIds } } }`, ids[0]), nil)
			said(r)
			payload := r.Data["updateAssignment"].(object)
			if off := payload["assignment"].(object)["disabledServicePlanIds"].([]any); payload["outcome"] != outcome(fault) || (len(off) == 1) != fault.Act {
				t.Errorf("update: %v", payload)
			}

			lose(deleteEndpoint)
			r = g.ask(fmt.Sprintf(`mutation { deleteAssignment(input: {id: %q}) { outcome deletedAssignmentId } }`, ids[1]), nil)
			said(r)
			payload = r.Data["deleteAssignment"].(object)
			if payload["outcome"] != outcome(fault) || (payload["deletedAssignmentId"] == ids[1]) != fault.Act {
				t.Errorf("delete: %v", payload)
			}

			lose(licenseEndpoint)
			r = g.ask(fmt.Sprintf(`mutation { assignLicense(input: {assignedTo: {id: %q}, addLicenses: [{skuId: %q, disabledPlans: ["SWAY"]}]}) {
				outcome assignedTo { ... on User { assignedLicenses { skuId } } } } }`, people[3], skuE3), nil)
			said(r)
			payload = r.Data["assignLicense"].(object)
			if has := len(payload["assignedTo"].(object)["assignedLicenses"].([]any)); payload["outcome"] != outcome(fault) || (has == 1) != fault.Act {
				t.Errorf("assignLicense: %v", payload)
			}

			// Reprocessing cannot be read back: its outcome is unknown.
			lose(reprocessEndpoint)
			r = g.ask(fmt.Sprintf(`mutation { reprocessAssignments(input: {userIds: [%q]}) { results { outcome user { id } } } }`, people[4]), nil)
			if result := r.Data["reprocessAssignments"].(object)["results"].([]any)[0].(object); result["outcome"] != "UNKNOWN" || len(r.Errors) != 1 || g.written() != 1 {
				t.Errorf("reprocess: %s", r.raw)
			}
		})
	}
}

// TestLostBatch loses the response of a batch after some parts took effect, and of one part.
func TestLostBatch(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]emulator.Fault{
		"truncated part": {Endpoint: createEndpoint, Cut: true, Act: true},
		"missing part":   {Endpoint: createEndpoint, Status: http.StatusGatewayTimeout, Act: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{})
			people := g.unlicensed(t, 5)
			g.forget()
			g.tenant.Inject(fault)
			r := g.ask(create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(people...)}})
			if got := g.written(); got > 5 {
				t.Errorf("sent %d changes", got)
			}
			for i, result := range r.Data["createAssignments"].(object)["results"].([]any) {
				made := len(g.directly(t, people[i], "SPE_E3"))
				if want := map[int]string{0: "UNKNOWN", 1: "DONE"}[made]; result.(object)["outcome"] != want {
					t.Errorf("%d: %v, and has %d", i, result, made)
				}
			}
		})
	}
}

// TestUnreadOutcome tests that the outcome is unknown if reading back fails.
func TestUnreadOutcome(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	g.forget()
	g.tenant.Inject(emulator.Fault{Endpoint: createEndpoint, Cut: true, Act: true})
	g.tenant.Inject(emulator.Fault{Endpoint: "GET /users/{id}/cloudLicensing/assignments", Contains: person, Rewrite: func(b []byte) []byte { return b }}) // passes the check
	g.tenant.Inject(emulator.Fault{Endpoint: "GET /users/{id}/cloudLicensing/assignments", Contains: person, Status: http.StatusForbidden, Times: -1})
	r := g.ask(create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(person)}})
	result := r.Data["createAssignments"].(object)["results"].([]any)[0].(object)
	if result["outcome"] != "UNKNOWN" || result["assignment"] != nil || len(r.Errors) != 1 || g.written() != 1 {
		t.Errorf("%s", r.raw)
	}
	g.tenant.ClearFaults()
	if got := g.directly(t, person, "SPE_E3"); len(got) != 1 {
		t.Errorf("%d assignments", len(got))
	}
}

// TestThrottledChange tests that a throttled change is repeated.
func TestThrottledChange(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	people := g.unlicensed(t, 4)
	g.forget()
	g.tenant.Inject(emulator.Fault{Endpoint: createEndpoint, Status: http.StatusTooManyRequests, RetryAfter: "2"})
	payload := g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(people...)}})
	for i, result := range payload["results"].([]any) {
		if got := len(g.directly(t, people[i], "SPE_E3")); result.(object)["outcome"] != "DONE" || got != 1 {
			t.Errorf("%d: %v, %d assignments", i, result, got)
		}
	}
	if got := g.written(); got != 5 {
		t.Errorf("sent %d changes, want 5", got)
	}
}

// TestChangesOfOneOperation tests that each field returns the changes of earlier ones.
func TestChangesOfOneOperation(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	r := g.ask(fmt.Sprintf(`mutation {
		none: reprocessAssignments(input: {userIds: [%[1]q]}) { results { user { assignedLicenses { skuId } } } }
		given: assignLicense(input: {assignedTo: {id: %[1]q}, addLicenses: [{skuId: %[2]q}]}) { outcome assignedTo { ... on User { assignedLicenses { skuId } } } }
		taken: assignLicense(input: {assignedTo: {id: %[1]q}, removeLicenses: [%[2]q]}) { outcome assignedTo { ... on User { assignedLicenses { skuId } } } }
	}`, person, skuE3), nil)
	licenses := func(holder any) int { return len(holder.(object)["assignedLicenses"].([]any)) }
	if len(r.Errors) > 0 ||
		licenses(r.Data["none"].(object)["results"].([]any)[0].(object)["user"]) != 0 ||
		licenses(r.Data["given"].(object)["assignedTo"]) != 1 || licenses(r.Data["taken"].(object)["assignedTo"]) != 0 {
		t.Errorf("%s", r.raw)
	}
}

// TestChangesOfVariants runs mutations on tenants that differ in undocumented behavior.
func TestChangesOfVariants(t *testing.T) {
	t.Parallel()
	for name, variants := range map[string]emulator.Variants{
		"created without ID":     {OmitCreatedID: true},
		"200 for reprocessing":   {ReprocessOK: true},
		"wrapped":                {WrapSingle: true},
		"one relation at a time": {ExpandOne: true},
		"devices":                {Devices: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Variants: variants})
			person := g.unlicensed(t, 1)[0]
			payload := g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(person)}})
			a := payload["results"].([]any)[0].(object)["assignment"].(object)
			if a["assignedTo"].(object)["id"] != person || a["allotment"].(object)["skuPartNumber"] != "SPE_E3" {
				t.Errorf("%v", a)
			}
			payload = g.change(t, fmt.Sprintf(`mutation { reprocessAssignments(input: {userIds: [%q]}) { results { outcome } } }`, person), nil)
			if payload["results"].([]any)[0].(object)["outcome"] != "DONE" {
				t.Errorf("%v", payload)
			}
			payload = g.change(t, fmt.Sprintf(`mutation { deleteAssignment(input: {id: %q}) { outcome allotment { skuPartNumber } assignedTo { id } } }`, a["id"]), nil)
			want := object{"outcome": "DONE", "allotment": object{"skuPartNumber": "SPE_E3"}, "assignedTo": object{"id": person}}
			if diff := difference(want, payload); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestReplicationLag tests changes that reads return late: done, sent once, and confirmed when returned.
func TestReplicationLag(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{ReplicationLag: time.Minute}})
	person := g.unlicensed(t, 1)[0]
	input := object{"input": object{"skuId": skuE3, "assignedTo": assignees(person)}}
	const create = `mutation($input: CreateAssignmentsInput!) { createAssignments(input: $input) { results { outcome assignment { id } } userErrors { code } } }`
	r := g.ask(create, input)
	result := r.Data["createAssignments"].(object)["results"].([]any)[0].(object)
	if result["outcome"] != "DONE" || g.tenant.Counts()["POST /admin/cloudLicensing/assignments"].Parts+g.tenant.Counts()["POST /admin/cloudLicensing/assignments"].Requests != 1 {
		t.Errorf("%s %v", r.raw, g.tenant.Counts())
	}
	if err := g.tenant.Advance(time.Minute); err != nil {
		t.Fatal(err)
	}
	if r := g.ask(create, input); !strings.Contains(string(r.raw), "ALREADY_ASSIGNED") {
		t.Errorf("%s", r.raw)
	}
}

// TestMutationsDisabled tests that disabled mutations are rejected before any request.
func TestMutationsDisabled(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	g.readOnly = true
	g.restart()
	r := g.ask(`mutation { deleteAssignment(input: {id: "x"}) { outcome } }`, nil)
	if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "FORBIDDEN" || len(g.tenant.Counts()) > 0 {
		t.Errorf("%s, %v", r.raw, g.tenant.Counts())
	}
}

// TestMe tests `me` of a signed-in user.
func TestMe(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const selected = `{ id displayName licenseAssignmentStates { state } assignments { id } usageRights { id } assignmentErrors { id } waitingMembers { id } licenseDetails { id } }`
	person := g.nodesOf(t, "users", `first: 1, filter: {error: COUNT_VIOLATION}`, "id")[0]["id"].(string)
	want := g.ask(fmt.Sprintf(`{ me: user(id: %q) %s }`, person, selected), nil)
	g.person = personalToken(g.tenant.DelegatedToken(person,
		"User.Read.All", "CloudLicensing.Read", "User-CloudLicensing.Read", "User-UsageRight.Read", "LicenseAssignment.Read.All"))
	g.restart()
	got := g.ask(`{ me `+selected+` }`, nil)
	if diff := difference(want.Data, got.Data); diff != "" || len(got.Errors) > 0 || len(want.Errors) > 0 {
		t.Errorf("%s %s (-want +got):\n%s", want.raw, got.raw, diff)
	}
}

// TestReadBackFinds tests concurrent changes of others while a response is lost: only what was sent counts as
// done.
func TestReadBackFinds(t *testing.T) {
	t.Parallel()
	ofUser := "GET /users/{id}/cloudLicensing/assignments"
	assignment := func(id, pool string, off ...any) string {
		if off == nil {
			off = []any{}
		}
		text, _ := json.Marshal(object{"id": id, "disabledServicePlanIds": off, "allotment": object{"id": pool}})
		return string(text)
	}
	for name, tt := range map[string]struct {
		shown   func(pool string) string // of the user's assignments, when read back
		outcome string
	}{
		"nothing":               {func(string) string { return "" }, "UNKNOWN"},
		"of another allotment":  {func(string) string { return assignment("theirs", "another") }, "UNKNOWN"},
		"with other plans":      {func(pool string) string { return assignment("theirs", pool, missingID) }, "UNKNOWN"},
		"of a hidden allotment": {func(string) string { return `{"id":"theirs","disabledServicePlanIds":[],"allotment":null}` }, "UNKNOWN"},
		"two, one unchanged":    {func(pool string) string { return assignment("theirs", "another") + "," + assignment("ours", pool) }, "DONE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{})
			person := g.unlicensed(t, 1)[0]
			pool := g.nodesOf(t, "allotments", fmt.Sprintf("filter: {skuId: %q}, orderBy: {field: AVAILABLE_UNITS, direction: DESC}", skuE3), "id")[0]["id"].(string)
			g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: createEndpoint, Cut: true})
			g.tenant.Inject(emulator.Fault{Endpoint: ofUser, Rewrite: func(b []byte) []byte { return b }}) // passes the check
			g.tenant.Inject(emulator.Fault{Endpoint: ofUser, Times: -1, Body: `{"value":[` + tt.shown(pool) + `]}`})
			r := g.ask(fmt.Sprintf(`mutation { createAssignments(input: {allotmentId: %q, assignedTo: [{id: %q}]}) { results { outcome } } }`, pool, person), nil)
			result := r.Data["createAssignments"].(object)["results"].([]any)[0].(object)
			if result["outcome"] != tt.outcome || g.written() != 1 {
				t.Errorf("%s", r.raw)
			}
		})
	}
}

// TestHolderGone loses the response of assignLicense and deletes the user before it is read back.
func TestHolderGone(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	g.forget()
	g.tenant.Inject(emulator.Fault{Endpoint: licenseEndpoint, Cut: true, Act: true})
	g.tenant.Inject(emulator.Fault{Endpoint: "GET /users/{id}", Rewrite: func(b []byte) []byte { return b }})
	g.tenant.Inject(emulator.Fault{Endpoint: "GET /users/{id}", Status: http.StatusNotFound, Times: -1})
	r := g.ask(fmt.Sprintf(`mutation { assignLicense(input: {assignedTo: {id: %q}, addLicenses: [{skuId: %q}]}) { outcome userErrors { code } } }`, person, skuE3), nil)
	payload := r.Data["assignLicense"].(object)
	if payload["outcome"] != "UNKNOWN" || len(payload["userErrors"].([]any)) != 0 || len(r.Errors) != 1 {
		t.Errorf("%s", r.raw)
	}
	if counts := g.tenant.Counts(); counts[skusEndpoint].Requests+counts[skusEndpoint].Parts != 1 {
		t.Errorf("products were read again: %v", counts)
	}
}

// TestUnitsOfHolders tests that a user with the product from a group does not use a second unit.
func TestUnitsOfHolders(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	pools := g.nodesOf(t, "allotments", fmt.Sprintf("filter: {skuId: %q}, orderBy: {field: AVAILABLE_UNITS, direction: DESC}", skuE3), "id allottedUnits consumedUnits")
	pool := pools[0]["id"].(string)
	member := ""
	for _, p := range g.nodesOf(t, "users", fmt.Sprintf("first: 200, filter: {skuId: %q}", skuE3), "id assignments { id } usageRights { skuId allotments { id } }") {
		for _, right := range p["usageRights"].([]any) {
			if pools := right.(object)["allotments"].([]any); right.(object)["skuId"] == skuE3 && len(pools) == 1 && pools[0].(object)["id"] == pool && len(p["assignments"].([]any)) == 0 {
				member = p["id"].(string)
			}
		}
	}
	if member == "" {
		t.Fatal("no user has the product from this allotment through a group only")
	}
	g.tenant.Inject(emulator.Fault{Endpoint: "GET /admin/cloudLicensing/allotments/{id}", Rewrite: func(b []byte) []byte {
		return bytes.ReplaceAll(b, fmt.Appendf(nil, `"consumedUnits":%v`, pools[0]["consumedUnits"]), fmt.Appendf(nil, `"consumedUnits":%v`, pools[0]["allottedUnits"].(float64)-1))
	}})
	payload := g.change(t, fmt.Sprintf(`mutation($to: [AssigneeInput!]!) { createAssignments(input: {allotmentId: %q, assignedTo: $to}) { results { outcome userErrors { code } } } }`, pool),
		object{"to": assignees(member, g.unlicensed(t, 1)[0])})
	for i, result := range payload["results"].([]any) {
		if result.(object)["outcome"] != "DONE" {
			t.Errorf("%d: %v", i, result)
		}
	}
}

// TestAssignmentWithoutAllotment updates an assignment whose allotment is not returned.
func TestAssignmentWithoutAllotment(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.unlicensed(t, 1)[0]
	created := g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(person)}})
	id := created["results"].([]any)[0].(object)["assignment"].(object)["id"].(string)
	hide := emulator.Fault{Endpoint: "GET /admin/cloudLicensing/assignments/{id}", Times: -1, Rewrite: func(b []byte) []byte {
		var a object
		_ = json.Unmarshal(b, &a)
		a["allotment"] = nil
		b, _ = json.Marshal(a)
		return b
	}}
	g.tenant.Inject(hide)
	payload := g.change(t, fmt.Sprintf(`mutation { updateAssignment(input: {id: %q, disabledServicePlans: ["SWAY"]}) { outcome userErrors { code message } } }`, id), nil)
	if payload["outcome"] != nil || len(payload["userErrors"].([]any)) != 1 {
		t.Errorf("by name: %v", payload)
	}
	payload = g.change(t, fmt.Sprintf(`mutation { updateAssignment(input: {id: %q, disabledServicePlans: ["a23b959c-7ce8-4e57-9140-b90eb88a9e97"]}) { outcome } }`, id), nil)
	if payload["outcome"] != "DONE" {
		t.Errorf("by id: %v", payload)
	}
	g.tenant.ClearFaults()
	g.tenant.Inject(hide)
	payload = g.change(t, fmt.Sprintf(`mutation { deleteAssignment(input: {id: %q}) { outcome deletedAssignmentId allotment { id } assignedTo { id } } }`, id), nil)
	want := object{"outcome": "DONE", "deletedAssignmentId": id, "allotment": nil, "assignedTo": object{"id": person}}
	if diff := difference(want, payload); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestCostOfChanges tests the upstream requests of each mutation, checks and reads included.
func TestCostOfChanges(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{Devices: true}})
	people, group, doubled := g.unlicensed(t, 4), g.groupNamed(t, "Guests"), g.inheriting(t, 1)[0]
	g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(doubled)}})
	created := g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(people[0])}})
	id := created["results"].([]any)[0].(object)["assignment"].(object)["id"].(string)
	for _, tt := range []struct {
		mutation string
		requests int
	}{
		{fmt.Sprintf(`createAssignments(input: {skuId: %q, assignedTo: [{id: %q}]}) { results { outcome } }`, skuE3, people[1]), 2},
		{fmt.Sprintf(`createAssignments(input: {skuId: %q, assignedTo: [{id: %q}]}) { results { assignment { id allotment { id availableUnits } } } }`, skuE3, people[2]), 3},
		{fmt.Sprintf(`updateAssignment(input: {id: %q, disabledServicePlans: ["SWAY"]}) { outcome }`, id), 2},
		{fmt.Sprintf(`updateAssignment(input: {id: %q, disabledServicePlans: []}) { assignment { disabledServicePlanIds } }`, id), 2},
		{fmt.Sprintf(`updateAssignment(input: {id: %q, disabledServicePlans: []}) { assignment { allotment { availableUnits } } stale }`, id), 4},
		{fmt.Sprintf(`deleteAssignment(input: {id: %q}) { deletedAssignmentId allotment { id } assignedTo { id } }`, id), 2},
		{fmt.Sprintf(`assignLicense(input: {assignedTo: {id: %q}, addLicenses: [{skuId: %q}]}) { outcome }`, people[3], skuE3), 2},
		{fmt.Sprintf(`assignLicense(input: {assignedTo: {id: %q}, removeLicenses: [%q]}) { assignedTo { ... on User { assignedLicenses { skuId } } } }`, people[3], skuE3), 3},
		{fmt.Sprintf(`reprocessAssignments(input: {userIds: [%q, %q]}) { results { outcome } }`, people[0], people[1]), 1},
		{fmt.Sprintf(`reprocessLicenseAssignment(input: {userIds: [%q, %q]}) { results { user { displayName } } }`, people[0], people[1]), 2},
		{fmt.Sprintf(`setUsageLocation(input: {userIds: [%q, %q], usageLocation: "CH"}) { results { user { usageLocation } } }`, people[0], people[1]), 2},
		{fmt.Sprintf(`addGroupMembers(input: {groupId: %q, memberIds: [%q, %q]}) { results { outcome } }`, group, people[0], people[1]), 2},
		{fmt.Sprintf(`removeGroupMembers(input: {groupId: %q, memberIds: [%q, %q]}) { results { member { id ... on User { displayName } } } }`, group, people[0], people[1]), 3},
		{fmt.Sprintf(`reprocessGroup(input: {groupId: %q, first: 2}) { results { outcome } }`, group), 4}, // the group, its own request, its members, and theirs
		{fmt.Sprintf(`removeDirectAssignments(input: {skuId: %q, userIds: [%q], allowPlanLoss: true}) { results { outcome user { assignedLicenses { skuId } } } }`, skuE3, doubled), 3},
	} {
		g.forget()
		r := g.ask("mutation { "+tt.mutation+" }", nil)
		if len(r.Errors) > 0 || r.Extensions.Upstream.Requests != tt.requests {
			t.Errorf("%s took %d requests, want %d: %s", tt.mutation, r.Extensions.Upstream.Requests, tt.requests, r.raw)
		}
		if !strings.HasPrefix(tt.mutation, "reprocessGroup") { // the tenant does not have the endpoint that is tried
			g.costAgrees(r)
		}
	}
}

// TestManyUserErrors tests that the number of user errors is limited.
func TestManyUserErrors(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	empty := make([]any, 30_000)
	for i := range empty {
		empty[i] = ""
	}
	for _, mutation := range []string{
		`mutation($ids: [ID!]!) { reprocessAssignments(input: {userIds: $ids}) { userErrors { message } } }`,
		`mutation($ids: [String!]!) { createAssignments(input: {skuId: "` + skuE3 + `", disabledServicePlans: $ids, assignedTo: [{id: "` + g.unlicensed(t, 1)[0] + `"}]}) { userErrors { message } } }`,
	} {
		r := g.ask(mutation, object{"ids": empty})
		for _, payload := range r.Data {
			if errs := payload.(object)["userErrors"].([]any); len(errs) != 1 {
				t.Errorf("%d errors", len(errs))
			}
		}
		if len(r.raw) > 2000 || g.written() > 0 {
			t.Errorf("%d bytes", len(r.raw))
		}
	}
}

// TestEachElement tests that each element of an input list has its own result.
func TestEachElement(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	people := g.unlicensed(t, 2)
	outcomes := func(payload object) (all []string) {
		for _, result := range payload["results"].([]any) {
			codes := ""
			for _, e := range result.(object)["userErrors"].([]any) {
				codes += " " + e.(object)["code"].(string)
			}
			all = append(all, result.(object)["outcome"].(string)+codes)
		}
		return all
	}
	mixed := []string{people[0], "not-a-guid", people[1], strings.ToUpper(people[0]), missingID}
	want := []string{"DONE", "NOT_DONE INVALID", "DONE", "NOT_DONE INVALID", "NOT_DONE NOT_FOUND"}
	payload := g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(mixed...)}})
	if diff := difference(want, outcomes(payload)); diff != "" || len(payload["userErrors"].([]any)) != 3 {
		t.Errorf("create (-want +got):\n%s", diff)
	}
	long := "x" + strings.Repeat("é", 400)
	payload = g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(long)}})
	if id := payload["results"].([]any)[0].(object)["assignedToId"].(string); len(id) > 256 || !strings.HasPrefix(long, id) {
		t.Errorf("%q is returned for an invalid ID", id)
	}
	for _, field := range []string{"reprocessAssignments", "reprocessLicenseAssignment", "setUsageLocation"} {
		location := map[string]string{"setUsageLocation": `, usageLocation: "CH"`}[field]
		payload = g.change(t, `mutation($ids: [ID!]!) { `+field+`(input: {userIds: $ids`+location+`}) { results { userId outcome userErrors { code field } } userErrors { code } } }`, object{"ids": mixed})
		if diff := difference(want, outcomes(payload)); diff != "" || len(payload["userErrors"].([]any)) != 3 {
			t.Errorf("%s (-want +got):\n%s", field, diff)
		}
	}
}

// TestSetUsageLocation tests that a location is set, that an invalid one is rejected before anything is sent, and that a
// lost response is read back.
func TestSetUsageLocation(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	people := g.unlicensed(t, 3)
	set := func(location string) object {
		r := g.ask(`mutation($ids: [ID!]!, $location: String!) { setUsageLocation(input: {userIds: $ids, usageLocation: $location}) {
			results { outcome user { usageLocation } userErrors { code } } userErrors { code field } } }`, object{"ids": people, "location": location})
		payload := r.Data["setUsageLocation"].(object)
		if lost := strings.Contains(string(r.raw), `"UNKNOWN"`); lost != (len(r.Errors) > 0) {
			t.Errorf("%s", r.raw)
		}
		return payload
	}
	outcomes := func(payload object) (all []string) {
		for _, result := range payload["results"].([]any) {
			user := result.(object)["user"].(object)
			all = append(all, fmt.Sprint(result.(object)["outcome"], " ", user["usageLocation"]))
		}
		return all
	}
	if diff := difference([]string{"DONE IS", "DONE IS", "DONE IS"}, outcomes(set("is"))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, location := range []string{"", "I", "Iceland", "1S", "ÅÄ"} {
		g.forget()
		payload := set(location)
		if errs := payload["userErrors"].([]any); len(errs) != 1 || errs[0].(object)["code"] != "INVALID" || len(g.tenant.Counts()) > 0 {
			t.Errorf("%q: %v", location, payload)
		}
	}
	for made, want := range map[bool]string{true: "DONE NO", false: "UNKNOWN IS"} {
		g.forget()
		set("IS")
		g.forget()
		g.tenant.Inject(emulator.Fault{Endpoint: updateUserEndpoint, Act: made, Cut: true, Times: 1})
		g.tenant.Inject(emulator.Fault{Endpoint: "POST /$batch", Act: made, Cut: true, Times: 1})
		if got := outcomes(set("NO")); got[0] != want || g.written() > len(people) {
			t.Errorf("made %v: %v with %d changes", made, got, g.written())
		}
	}
}

// TestLastUnits tests that all candidates for the last unit are sent: Microsoft Graph may reject some for other
// reasons.
func TestLastUnits(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	people := g.unlicensed(t, 3)
	pool := g.nodesOf(t, "allotments", fmt.Sprintf("filter: {skuId: %q}, orderBy: {field: AVAILABLE_UNITS, direction: DESC}", skuE3), "id allottedUnits consumedUnits")[0]
	for left, want := range []string{"NOT_DONE", "DONE"} {
		g.tenant.Inject(emulator.Fault{Endpoint: "GET /admin/cloudLicensing/allotments/{id}", Rewrite: func(b []byte) []byte {
			return bytes.ReplaceAll(b, fmt.Appendf(nil, `"consumedUnits":%v`, pool["consumedUnits"]), fmt.Appendf(nil, `"consumedUnits":%v`, pool["allottedUnits"].(float64)-float64(left)))
		}})
		payload := g.change(t, fmt.Sprintf(`mutation($to: [AssigneeInput!]!) { createAssignments(input: {allotmentId: %q, assignedTo: $to}) { results { outcome } } }`, pool["id"]), object{"to": assignees(people...)})
		for i, result := range payload["results"].([]any) {
			if result.(object)["outcome"] != want {
				t.Errorf("%d left, %d: %v", left, i, result)
			}
		}
	}
}

// editedList edits each element of a list in a response.
func editedList(edit func(i int, element object)) func([]byte) []byte {
	return func(b []byte) []byte {
		var list object
		_ = json.Unmarshal(b, &list)
		for i, element := range list["value"].([]any) {
			edit(i, element.(object))
		}
		b, _ = json.Marshal(list)
		return b
	}
}

// TestUnitsOfPools tests that units come from the allotment with most available, earlier candidates considered.
func TestUnitsOfPools(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	people := g.unlicensed(t, 2)
	g.tenant.Inject(emulator.Fault{Endpoint: "GET /admin/cloudLicensing/allotments", Rewrite: editedList(func(_ int, a object) {
		a["consumedUnits"] = a["allottedUnits"].(float64) - 1
	})})
	payload := g.change(t, create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(people...)}})
	pools := map[any]bool{}
	for _, result := range payload["results"].([]any) {
		pools[result.(object)["assignment"].(object)["allotment"].(object)["id"]] = true
	}
	if len(pools) != 2 {
		t.Errorf("%v", payload)
	}
}

// TestDevicesNotOffered tests that an existing device is not reported as missing if devices cannot be licensed.
func TestDevicesNotOffered(t *testing.T) {
	t.Parallel()
	for _, offered := range []bool{true, false} {
		g := startGateway(t, emulator.Options{Variants: emulator.Variants{Devices: offered, OmitCreatedID: true}})
		allotments := g.nodesOf(t, "allotments", "first: 50, filter: {minAvailableUnits: 1}", "id assignableTo")
		pool := allotments[slices.IndexFunc(allotments, func(a object) bool { return slices.Contains(a["assignableTo"].([]any), any("DEVICE")) })]
		taken := map[any]bool{}
		device := ""
		for _, a := range g.nodesOf(t, "assignments", "first: 1000", "assignedTo { __typename id }") {
			taken[a["assignedTo"].(object)["id"]] = true
		}
		for _, group := range g.nodesOf(t, "groups", "first: 50", "members(first: 999) { nodes { __typename id } }") {
			for _, m := range group["members"].(object)["nodes"].([]any) {
				if m := m.(object); m["__typename"] == "Device" && !taken[m["id"]] {
					device = m["id"].(string)
				}
			}
		}
		if device == "" {
			t.Fatal("no group has an unlicensed device")
		}
		r := g.ask(fmt.Sprintf(`mutation { createAssignments(input: {allotmentId: %q, assignedTo: [{type: DEVICE, id: %q}]}) { results { outcome stale assignment { id } } userErrors { code } } }`, pool["id"], device), nil)
		payload := r.Data["createAssignments"].(object)
		result := payload["results"].([]any)[0].(object)
		outcome := result["outcome"]
		if result["stale"] != offered || result["assignment"] != nil { // the ID is unknown and cannot be read
			t.Errorf("offered %v: %s", offered, r.raw)
		}
		if offered && (outcome != "DONE" || len(r.Errors) > 0) ||
			!offered && (outcome != "NOT_DONE" || len(payload["userErrors"].([]any)) > 0 || len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE") {
			t.Errorf("offered %v: %s", offered, r.raw)
		}
	}
}
