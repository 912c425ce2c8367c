package graph_test

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"licensegraph/internal/emulator"
)

const allotmentsEndpoint = "GET /admin/cloudLicensing/allotments"

// TestExpandedAllotmentsAreNotRead tests that expanded allotments are not read again unless more properties are
// selected.
func TestExpandedAllotmentsAreNotRead(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	g.tenant.Inject(withoutPurchases)
	g.ask(`{ assignments(first: 50) { nodes { id allotment { id skuId skuPartNumber allottedUnits } } } }`, nil)
	if got := g.sent(allotmentsEndpoint); got != 0 {
		t.Errorf("read the allotments %d times", got)
	}
}

// withoutPurchases omits the properties of allotments that lists often omit.
var withoutPurchases = emulator.Fault{Endpoint: "GET /admin/cloudLicensing/assignments", Omit: []string{"subscriptions"}, Times: -1}

// TestPartialObjects tests that expanded properties stay if reading the others fails.
func TestPartialObjects(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{})
	people := g.people(t, 2)
	for _, tt := range []struct {
		query, lost string
		emulator.Fault
	}{
		{`{ assignments(first: 50) { nodes { id allotment { id skuPartNumber availableUnits } } } }`,
			"assignments.nodes.#.allotment.availableUnits", emulator.Fault{Endpoint: allotmentsEndpoint}},
		{`{ assignmentErrors(first: 20) { nodes { id assignedTo { id ... on User { displayName department } } } } }`,
			"assignmentErrors.nodes.#.assignedTo.department", emulator.Fault{Endpoint: byIDsEndpoint}},
		{`{ groups(first: 1, filter: { displayNameStartsWith: "All" }) { nodes { members(first: 20) { nodes { id ... on User { displayName assignedPlans { service } } } } } } }`,
			"groups.nodes.#.members.nodes.#.assignedPlans", emulator.Fault{Endpoint: usersEndpoint}},
		{`{ groups(first: 3, filter: { hasMembersWithLicenseErrors: true }) { nodes { membersWithLicenseErrors(first: 3) { nodes { id ... on User { displayName assignedPlans { service } } } } } } }`,
			"groups.nodes.#.membersWithLicenseErrors.nodes.#.assignedPlans", emulator.Fault{Endpoint: usersEndpoint}},
		{`{ allotments { nodes { id waitingMembers(first: 3) { nodes { id assignedTo { id ... on User { displayName assignedPlans { service } } } } } } } }`,
			"allotments.nodes.#.waitingMembers.nodes.#.assignedTo.assignedPlans", emulator.Fault{Endpoint: usersEndpoint}},
		{fmt.Sprintf(`{ nodes(ids: [%q, %q]) { id ... on User { displayName assignedPlans { service } } } }`, people[0], people[1]),
			"nodes.#.assignedPlans", emulator.Fault{Endpoint: usersEndpoint}},
		{`{ users(first: 5) { nodes { id licenseAssignmentStates { assignedByGroup { id displayName } } } } }`,
			"users.nodes.#.licenseAssignmentStates.#.assignedByGroup.displayName", emulator.Fault{Endpoint: byIDsEndpoint}},
	} {
		whole := g.warm(tt.query)
		tt.Status, tt.Times = http.StatusInternalServerError, -1
		g.tenant.Inject(tt.Fault)
		g.tenant.Inject(withoutPurchases)
		r := g.ask(tt.query, nil)
		if diff := difference(without(t, whole, tt.lost), r.Data, ignoreCursors); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.lost, diff)
		}
		count := lose(without(t, whole, ""), strings.Split(tt.lost, "."))
		if len(r.Errors) != 1 || pattern(r.Errors[0].Path) != tt.lost || r.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" || r.Errors[0].Extensions["count"].(float64) < float64(count) || count < 2 {
			t.Errorf("%d lost: %v", count, r.Errors)
		}
		g.forget()
	}
}

// TestPartialGroupMembers filters users by group while their licenses cannot be read. The members stay with
// their expanded properties, with errors for the filter and for the missing properties.
func TestPartialGroupMembers(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	list := fmt.Sprintf(`users(first: 20, filter: { assignedByGroup: %q })`, g.groupID())
	for _, tt := range []struct{ selected, path string }{
		{`nodes { __typename id displayName userPrincipalName }`, "users.nodes"},
		{`nodes { __typename id displayName licenseAssignmentStates { state } }`, "users.nodes"},
		{`nodes { __typename id displayName assignedPlans { service } assignedLicenses { skuId } }`, "users.nodes"},
		{`edges { node { id displayName } }`, "users.edges"},
		{`scan { read unreadable stopped }`, ""},
	} {
		query := `{ ` + list + ` { ` + tt.selected + ` } }`
		whole := g.warm(query)
		g.tenant.Inject(emulator.Fault{Endpoint: usersEndpoint, Status: http.StatusInternalServerError, Times: -1})
		r := g.ask(query, nil)
		g.forget()
		if r.Data["users"] == nil {
			t.Errorf("%s: %v", tt.selected, r.Errors)
			continue
		}
		people := map[any]map[string]any{}
		walk(r.Data, func(object map[string]any) {
			if object["id"] != nil {
				people[object["id"]] = object
			}
		})
		walk(whole.Data, func(object map[string]any) {
			if id := object["id"]; id != nil && (people[id] == nil || people[id]["displayName"] != object["displayName"] || people[id]["userPrincipalName"] != object["userPrincipalName"]) {
				t.Errorf("%s: %v became %v", tt.selected, object, people[id])
			}
		})
		for _, person := range people {
			for _, field := range []string{"licenseAssignmentStates", "assignedPlans", "assignedLicenses"} {
				if person[field] != nil {
					t.Errorf("%s: %v", tt.selected, person)
				}
			}
		}
		if tt.path == "" {
			continue
		}
		if len(r.Errors) != 1 || pattern(r.Errors[0].Path) != tt.path || r.Errors[0].Extensions["code"] != "UPSTREAM_UNAVAILABLE" {
			t.Errorf("%s: %v", tt.selected, r.Errors)
		}
	}
}

// TestPartialQueues tests that the other queues are counted if one cannot be read.
func TestPartialQueues(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ licensingOverview { waitingMembers { count complete allotment { id } } } }`
	counts := func(r response) []any { return r.Data["licensingOverview"].(object)["waitingMembers"].([]any) }
	queues := 0
	for _, node := range g.nodesOf(t, "allotments", "filter: { maxAvailableUnits: 0 }", "id waitingMembers(first: 1) { nodes { id } }") {
		queues++
		id := node["id"].(string)
		whole := g.warm(query)
		g.tenant.Inject(emulator.Fault{Endpoint: "GET /admin/cloudLicensing/allotments/{id}/waitingMembers", Contains: id, Status: http.StatusInternalServerError, Times: -1})
		r := g.ask(query, nil)
		g.forget()
		left := slices.DeleteFunc(counts(whole), func(count any) bool { return count.(object)["allotment"].(object)["id"] == id })
		if diff := difference(left, counts(r)); diff != "" || len(r.Errors) != 1 || pattern(r.Errors[0].Path) != "licensingOverview.waitingMembers" {
			t.Errorf("%v (-want +got):\n%s", r.Errors, diff)
		}
	}
	if queues < 2 {
		t.Errorf("%d queues: the test covers nothing", queues)
	}
}

// TestGroupWithoutName tests a group whose name cannot be read.
func TestGroupWithoutName(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ users(first: 30) { nodes { licenseAssignmentStates { assignedByGroup { id displayName securityEnabled } } } } }`
	const name = "users.nodes.#.licenseAssignmentStates.#.assignedByGroup.displayName"
	whole := g.warm(query)
	g.tenant.Inject(emulator.Fault{Endpoint: byIDsEndpoint, Set: map[string]any{"displayName": nil}, Times: -1})
	g.fails(t, g.ask(query, nil), without(t, whole, name))
}

// TestSpuriousRejections rejects one or two requests without cause. The response is complete, or has errors for its nulls.
func TestSpuriousRejections(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.licensed(t)
	query := fmt.Sprintf(`{ user(id: %q) { usageRights { id allotments { id } assignments { id } } } }`, person)
	whole := g.warm(query)
	const list = "GET /users/{id}/cloudLicensing/usageRights"
	for n := 1; n <= 4; n++ {
		for _, endpoint := range []string{list, list + "/{id}"} {
			g.tenant.Inject(emulator.Fault{Endpoint: endpoint, Status: http.StatusBadRequest, Code: "BadRequest", Message: "Something is wrong.", Times: n})
		}
		r := g.ask(query, nil)
		if diff := difference(whole.Data, r.Data); diff != "" && len(r.Errors) == 0 {
			t.Errorf("%d times: null without an error: %s", n, diff)
		}
		g.tenant.ClearFaults()
		g.fails(t, g.ask(query, nil), whole.Data)
		g.forget()
	}
}

// licensed returns the ID of a user with usage rights.
func (g *gateway) licensed(t *testing.T) string {
	t.Helper()
	for _, node := range g.nodesOf(t, "users", "first: 20, filter: {licensed: true}", "id usageRights { id }") {
		if rights := node["usageRights"].([]any); len(rights) > 1 {
			return node["id"].(string)
		}
	}
	t.Fatal("no user has usage rights")
	return ""
}

// TestMissingRelation tests that 404 and 410 for an existing object's relation are not an empty list.
func TestMissingRelation(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.licensed(t)
	for _, status := range []int{http.StatusNotFound, http.StatusGone} {
		for _, tt := range []struct{ endpoint, query, path string }{
			{"GET /users/{id}/cloudLicensing/usageRights/{id}/assignments", fmt.Sprintf(`{ user(id: %q) { usageRights { id assignments { id } } } }`, person), "user.usageRights.#.assignments"},
			{"GET /users/{id}/cloudLicensing/usageRights", fmt.Sprintf(`{ user(id: %q) { usageRights { id } } }`, person), "user.usageRights"},
			{skusEndpoint, `{ subscribedSku(skuId: "` + skuE3 + `") { id } }`, "subscribedSku"},
			{skusEndpoint, `{ subscribedSkus { nodes { id } } }`, "subscribedSkus"},
			{skusEndpoint, `{ assignmentErrors(first: 1) { nodes { sku { consumedUnits } } } }`, "assignmentErrors.nodes.#.sku"},
		} {
			g.tenant.Inject(emulator.Fault{Endpoint: tt.endpoint, Status: status, Times: -1})
			g.tenant.Inject(emulator.Fault{Omit: []string{"assignments"}, Times: -1}) // which are then read separately
			r := g.ask(tt.query, nil)
			if len(r.Errors) != 1 || pattern(r.Errors[0].Path) != tt.path {
				t.Errorf("%d for %s: %v %s", status, tt.endpoint, r.Data, r.Errors)
			}
			g.forget()
		}
	}
}

// TestRightWithoutID tests usage rights without an ID: one error.
func TestRightWithoutID(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.licensed(t)
	g.tenant.Inject(emulator.Fault{Endpoint: "GET /users/{id}/cloudLicensing/usageRights", Omit: []string{"id"}, Times: -1})
	r := g.ask(fmt.Sprintf(`{ user(id: %q) { id usageRights { id skuPartNumber allotments { id } } } }`, person), nil)
	g.fails(t, r, map[string]any{"user": map[string]any{"id": person, "usageRights": nil}}, clientError{Code: "UPSTREAM_UNAVAILABLE", Path: "user.usageRights"})
}

// TestTokenAfterRetry rejects a token after another failure: a new one is requested.
func TestTokenAfterRetry(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ users(first: 3) { nodes { id } } }`
	whole := g.warm(query)
	g.tenant.Inject(emulator.Fault{Endpoint: usersEndpoint, Status: http.StatusServiceUnavailable})
	g.tenant.Inject(emulator.Fault{Endpoint: usersEndpoint, Status: http.StatusUnauthorized})
	g.fails(t, g.ask(query, nil), whole.Data)
	if got := g.sent(usersEndpoint); got != attempts {
		t.Errorf("sent %d times", got)
	}
}

// TestLostAnswersToChanges loses the responses of changes in one batch, because a part is HTML. None is repeated;
// they are read back.
func TestLostAnswersToChanges(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	people := g.unlicensed(t, 3)
	g.tenant.Inject(emulator.Fault{Endpoint: batchEndpoint, Times: -1, Rewrite: func(body []byte) []byte {
		if !bytes.Contains(body, []byte(`"status":201`)) {
			return body // of reads
		}
		return rawPart(body)
	}})
	r := g.ask(create, object{"input": object{"skuId": skuE3, "assignedTo": assignees(people...)}})
	if got := g.written(); got != len(people) {
		t.Errorf("wrote %d times: %s", got, r.raw)
	}
	for _, result := range r.Data["createAssignments"].(object)["results"].([]any) {
		if outcome := result.(object)["outcome"]; outcome != "DONE" && outcome != "UNKNOWN" {
			t.Errorf("%v", result)
		}
	}
}

// TestThrottledToken throttles the token request without Retry-After: it is delayed by seconds.
func TestThrottledToken(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	g.tenant.Inject(emulator.Fault{Endpoint: tokenEndpoint, Status: http.StatusTooManyRequests})
	if r := g.ask(`{ users(first: 1) { nodes { id } } }`, nil); len(r.Errors) > 0 {
		t.Error(r.Errors)
	}
	if waits := g.waits.take(); len(waits) != 1 || waits[0] < 2*time.Second || waits[0] > 4*time.Second {
		t.Errorf("waited %v", waits)
	}
}

// TestHiddenLicenseStates omits the license states of users, as for a token without the permission. A filter by
// license then returns all users, with one error.
func TestHiddenLicenseStates(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 60})
	for _, filter := range []string{
		fmt.Sprintf(`{assignedByGroup: %q}`, g.groupID()), `{hasLicenseErrors: true}`, `{state: ACTIVE}`,
	} {
		query := `{ users(first: 20, filter: ` + filter + `) { nodes { id } } }`
		g.warm(query)
		g.tenant.Inject(emulator.Fault{Endpoint: usersEndpoint, Set: map[string]any{"licenseAssignmentStates": nil}, Times: -1})
		r := g.ask(query, nil)
		g.forget()
		if errs := clientErrors(r); len(errs) != 1 || errs[0].Path != "users.nodes" || !strings.Contains(r.Errors[0].Message, "User.licenseAssignmentStates") {
			t.Errorf("%s: %v", filter, errs)
		}
		if users, _ := r.Data["users"].(object); users == nil || len(users["nodes"].([]any)) < 9 {
			t.Errorf("%s: %s", filter, r.raw)
		}
	}
}
