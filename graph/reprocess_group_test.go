package graph_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
)

const reprocessing = `mutation($input: ReprocessGroupInput!) { reprocessGroup(input: $input) {
	method outcome hasNextPage endCursor group { id } results { userId outcome user { id } userErrors { code } } userErrors { field code message } } }`

// sentTo returns the number of requests and of batch parts to an endpoint.
func (g *gateway) sentTo(endpoint string) int {
	count := g.tenant.Counts()[endpoint]
	return count.Requests + count.Parts
}

// TestReprocessGroup reprocesses a group by its members where the tenant does not provide the request for the group.
func TestReprocessGroup(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		variants         emulator.Variants
		method, endpoint string
	}{
		"by assignments": {emulator.Variants{}, "USER_ASSIGNMENTS", reprocessEndpoint},
		"by licenses":    {emulator.Variants{CloudLicensing: "missing"}, "USER_LICENSES", legacyEndpoint},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{})
			group := g.groupNamed(t, "Frontline – Magasins") // has devices and a group, too
			var users []string
			for _, member := range g.membersOf(t, group) {
				if id, isUser := strings.CutPrefix(member, "User "); isUser {
					users = append(users, id)
				}
			}
			g.tenant.SetVariants(tt.variants)
			g.forget()
			var reprocessed []string
			input := object{"groupId": group, "first": 20}
			steps := 0
			for ; ; steps++ {
				payload := g.change(t, reprocessing, object{"input": input})
				results := payload["results"].([]any)
				sent := payload["method"] == tt.method || payload["method"] == nil && len(results) == 0
				if !sent || payload["outcome"] != nil || payload["group"].(object)["id"] != group || steps > len(users) {
					t.Fatalf("%v", payload)
				}
				for _, result := range results {
					reprocessed = append(reprocessed, result.(object)["userId"].(string))
					if result.(object)["outcome"] != "DONE" {
						t.Errorf("%v", result)
					}
				}
				if more := payload["hasNextPage"].(bool); len(results) > 20 || more != (payload["endCursor"] != nil) || more && len(results) == 0 {
					t.Errorf("%v", payload)
				}
				if input["after"] = payload["endCursor"]; input["after"] == nil {
					break
				}
			}
			slices.Sort(reprocessed)
			if diff := difference(users, reprocessed); diff != "" || steps < (len(users)-1)/20 || steps > len(users)/20 || g.sentTo(tt.endpoint) != len(users) {
				t.Errorf("%d steps, %d requests (-users +reprocessed):\n%s", steps+1, g.sentTo(tt.endpoint), diff)
			}
			if got := g.sentTo(reprocessGroupEndpoint); got != 0 && tt.variants.CloudLicensing == "" { // not an endpoint of the tenant
				t.Errorf("the group was reprocessed %d times", got)
			}
		})
	}
}

// TestReprocessWholeGroup reprocesses a group by one request: members that wait get units that became free.
func TestReprocessWholeGroup(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{ReprocessListed: true, GroupEffects: emulator.Immediately}})
	group := g.groupNamed(t, "Microsoft 365 E3 – EMEA")
	g.forget()
	payload := g.change(t, reprocessing, object{"input": object{"groupId": group}})
	want := object{"method": "GROUP", "outcome": "DONE", "hasNextPage": false, "endCursor": nil, "group": object{"id": group}, "results": []any{}, "userErrors": []any{}}
	if diff := difference(want, payload); diff != "" || g.sentTo(reprocessGroupEndpoint) != 1 || g.written() != 1 || g.sentTo(membersPage) > 0 {
		t.Errorf("%v (-want +got):\n%s", g.tenant.Counts(), diff)
	}
	g.forget()
	g.tenant.Inject(emulator.Fault{Endpoint: reprocessGroupEndpoint, Cut: true, Act: true})
	r := g.ask(reprocessing, object{"input": object{"groupId": group}})
	if got := r.Data["reprocessGroup"].(object); got["outcome"] != "UNKNOWN" || got["method"] != "GROUP" || len(r.Errors) != 1 || g.written() != 1 {
		t.Errorf("lost: %s, %d sent", r.raw, g.written())
	}
	g.tenant.SetVariants(emulator.Variants{ReprocessListed: true, Roles: []string{"GroupMember.Read.All", assignUnits}})
	g.restart()
	r = g.ask(reprocessing, object{"input": object{"groupId": group}})
	if errs := clientErrors(r); len(errs) != 1 || errs[0].Code != "FORBIDDEN" || errs[0].Permission != "Group.ReadWrite.All" || errs[0].Path != "reprocessGroup.outcome" {
		t.Errorf("forbidden: %s", r.raw)
	}
}

// TestReprocessGroupIsRemembered tests that a tenant without the request for groups is not asked each time.
func TestReprocessGroupIsRemembered(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]int{http.StatusNotFound: 3, http.StatusMethodNotAllowed: 1, http.StatusNotImplemented: 1} {
		g := startGateway(t, emulator.Options{Variants: emulator.Variants{ReprocessListed: true}})
		group := g.groupNamed(t, "Guests")
		for range 5 { // missing groups say nothing
			r := g.ask(reprocessing, object{"input": object{"groupId": missingID}})
			if diff := difference([]string{"NOT_FOUND"}, codesOf(r)); diff != "" || g.written() > 0 {
				t.Errorf("%s", r.raw)
			}
		}
		g.tenant.Inject(emulator.Fault{Endpoint: reprocessGroupEndpoint, Status: status, Code: "resourceNotFound", Times: -1})
		g.tenant.ResetCounts()
		for range 5 {
			payload := g.change(t, reprocessing, object{"input": object{"groupId": group, "first": 1}})
			if payload["method"] != "USER_ASSIGNMENTS" || len(payload["results"].([]any)) != 1 {
				t.Errorf("%v", payload)
			}
		}
		if got := g.sentTo(reprocessGroupEndpoint); got != want {
			t.Errorf("%d: asked %d times, want %d", status, got, want)
		}
		g.waits.pass(11 * 60e9)
		g.tenant.ClearFaults()
		if payload := g.change(t, reprocessing, object{"input": object{"groupId": group}}); payload["method"] != "GROUP" {
			t.Errorf("later: %v", payload)
		}
	}
}

// TestReprocessGroupInput tests invalid input: nothing is sent.
func TestReprocessGroupInput(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	group, other := g.groupNamed(t, "Frontline – Magasins"), g.groupNamed(t, "Guests")
	cursor := g.change(t, reprocessing, object{"input": object{"groupId": group, "first": 1}})["endCursor"]
	foreign := g.ask(fmt.Sprintf(`{ group(id: %q) { members(first: 1) { pageInfo { endCursor } } } }`, group), nil).Data["group"].(object)["members"].(object)["pageInfo"].(object)["endCursor"]
	for name, tt := range map[string]struct {
		input object
		want  string
	}{
		"no GUID":                 {object{"groupId": "x"}, "INVALID input.groupId"},
		"none":                    {object{"groupId": group, "first": 0}, "INVALID input.first"},
		"too many":                {object{"groupId": group, "first": 101}, "INVALID input.first"},
		"not a cursor":            {object{"groupId": group, "after": "x"}, "INVALID input.after"},
		"cursor of another group": {object{"groupId": other, "after": cursor}, "INVALID input.after"},
		"cursor of another list":  {object{"groupId": group, "after": foreign}, "INVALID input.after"},
	} {
		g.forget()
		r := g.ask(reprocessing, object{"input": tt.input})
		payload := r.Data["reprocessGroup"].(object)
		errs := payload["userErrors"].([]any)
		if len(errs) != 1 || len(r.Errors) > 0 || len(g.tenant.Counts()) > 0 || payload["method"] != nil {
			t.Errorf("%s: %s", name, r.raw)
			continue
		}
		var place []string
		for _, step := range errs[0].(object)["field"].([]any) {
			place = append(place, step.(string))
		}
		if got := errs[0].(object)["code"].(string) + " " + strings.Join(place, "."); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
