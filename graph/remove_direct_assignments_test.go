package graph_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
)

// kaizala is the service plan that the group of EMEA disables.
const kaizala = "KAIZALA_O365_P3"

// inheriting returns users who have E3 only through the group of EMEA, in state ACTIVE.
func (g *gateway) inheriting(t *testing.T, n int) (ids []string) {
	t.Helper()
	group := g.groupNamed(t, "Microsoft 365 E3 – EMEA")
	for _, p := range g.nodesOf(t, "users", fmt.Sprintf("first: 400, filter: {assignedByGroup: %q}", group), "id usageLocation licenseAssignmentStates { skuId state assignedByGroupId }") {
		states := p["licenseAssignmentStates"].([]any)
		if one := states[0].(object); len(states) == 1 && one["state"] == "ACTIVE" && one["skuId"] == skuE3 && p["usageLocation"] != nil && len(ids) < n {
			ids = append(ids, p["id"].(string))
		}
	}
	if len(ids) < n {
		t.Fatalf("%d users", len(ids))
	}
	return ids
}

const removingDirect = `mutation($ids: [ID!]!, $sku: UUID!, $allow: Boolean! = false) { removeDirectAssignments(input: {skuId: $sku, userIds: $ids, allowPlanLoss: $allow}) {
	results { userId outcome user { licenseAssignmentStates { skuId assignedByGroupId state } } userErrors { code message } } userErrors { code message } } }`

// TestRemoveDirectAssignments removes direct assignments from users who have the product also through a group.
func TestRemoveDirectAssignments(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 1000})
	doubled, plain := g.inheriting(t, 4), g.unlicensed(t, 2)
	assign := func(off []any, people ...string) {
		g.change(t, create, object{"input": object{"skuId": skuE3, "disabledServicePlans": off, "assignedTo": assignees(people...)}})
	}
	assign([]any{kaizala}, doubled[0], doubled[1])
	assign([]any{}, doubled[2], plain[0])
	g.forget()
	ids := []string{doubled[0], doubled[1], doubled[2], doubled[3], plain[0], plain[1], missingID, "x"}
	r := g.ask(removingDirect, object{"ids": ids, "sku": skuE3})
	want := []string{"DONE", "DONE", "NOT_DONE PLANS_WOULD_BE_LOST", "NOT_DONE NOT_ASSIGNED", "NOT_DONE NOT_INHERITED", "NOT_DONE NOT_ASSIGNED", "NOT_DONE NOT_FOUND", "NOT_DONE INVALID"}
	if diff := difference(want, outcomesOf(r)); diff != "" || len(r.Errors) > 0 || g.written() != 2 {
		t.Errorf("%s (-want +got):\n%s", r.raw, diff)
	}
	if !strings.Contains(string(r.raw), kaizala) || strings.Contains(string(r.raw), "SWAY") {
		t.Errorf("the lost plans are not named: %s", r.raw)
	}
	if got := r.Extensions.Upstream.Requests; got != 3 && !*withoutPrefetch {
		t.Errorf("took %d requests: %+v", got, r.Extensions.Upstream.Endpoints)
	}
	for i := range 2 {
		states := r.Data["removeDirectAssignments"].(object)["results"].([]any)[i].(object)["user"].(object)["licenseAssignmentStates"].([]any)
		if one := states[0].(object); len(states) != 1 || one["assignedByGroupId"] == nil || one["state"] != "ACTIVE" {
			t.Errorf("%v", states)
		}
	}
	r = g.ask(removingDirect, object{"ids": []string{doubled[2]}, "sku": skuE3, "allow": true})
	if !slices.Equal(outcomesOf(r), []string{"DONE"}) {
		t.Errorf("%s", r.raw)
	}
	g.forget()
	r = g.ask(removingDirect, object{"ids": []string{doubled[2]}, "sku": missingID})
	if diff := difference([]string{"UNKNOWN_PRODUCT"}, codesOf(r)); diff != "" || g.written() > 0 {
		t.Errorf("%s", r.raw)
	}
}

// TestInactiveInheritance tests that a user who has the product through a group in error, or whose states cannot be
// read, keeps the direct assignment.
func TestInactiveInheritance(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		edit func(state object)
		want string
	}{
		"in error":         {func(s object) { s["state"], s["error"] = "Error", "CountViolation" }, "NOT_DONE NOT_INHERITED"},
		"with an error":    {func(s object) { s["state"], s["error"] = "ActiveWithError", "DependencyViolation" }, "NOT_DONE NOT_INHERITED"},
		"suspended":        {func(s object) { s["state"] = "Disabled" }, "NOT_DONE NOT_INHERITED"},
		"unknown state":    {func(s object) { s["state"] = "Other" }, "NOT_DONE NOT_INHERITED"},
		"unreadable state": {func(s object) { s["state"] = 1 }, "NOT_DONE"},
		"unreadable plans": {func(s object) { s["disabledPlans"] = 1 }, "NOT_DONE"},
		"unreadable group": {func(s object) { s["assignedByGroup"] = 1 }, "NOT_DONE"},
		"of another group": {func(object) {}, "DONE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{})
			person := g.inheriting(t, 1)[0]
			g.change(t, create, object{"input": object{"skuId": skuE3, "disabledServicePlans": []any{kaizala}, "assignedTo": assignees(person)}})
			g.forget()
			g.tenant.Inject(emulator.Fault{Endpoint: "GET /users/{id}", Rewrite: func(b []byte) []byte {
				var user object
				_ = json.Unmarshal(b, &user)
				for _, state := range user["licenseAssignmentStates"].([]any) {
					if state := state.(object); state["assignedByGroup"] != nil {
						tt.edit(state)
					}
				}
				b, _ = json.Marshal(user)
				return b
			}})
			r := g.ask(removingDirect, object{"ids": []string{person}, "sku": skuE3})
			if got := outcomesOf(r); !slices.Equal(got, []string{tt.want}) || (g.written() == 1) != (tt.want == "DONE") || (len(r.Errors) == 1) != (tt.want == "NOT_DONE") {
				t.Errorf("%s, %d sent; want %s", r.raw, g.written(), tt.want)
			}
		})
	}
}

// TestLostRemovalOfDirect loses the response of a removal: it is read back, and never repeated.
func TestLostRemovalOfDirect(t *testing.T) {
	t.Parallel()
	for name, fault := range lost {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{})
			person := g.inheriting(t, 1)[0]
			g.change(t, create, object{"input": object{"skuId": skuE3, "disabledServicePlans": []any{kaizala}, "assignedTo": assignees(person)}})
			g.forget()
			fault.Endpoint = licenseEndpoint
			g.tenant.Inject(fault)
			r := g.ask(removingDirect, object{"ids": []string{person}, "sku": skuE3})
			want := map[bool]string{true: "DONE", false: "UNKNOWN"}[fault.Act]
			if got := outcomesOf(r); !slices.Equal(got, []string{want}) || g.written() != 1 || (len(r.Errors) == 0) != fault.Act {
				t.Errorf("%s, %d sent", r.raw, g.written())
			}
		})
	}
}
