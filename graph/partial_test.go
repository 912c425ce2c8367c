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

// TestNothingIsCompletedUnasked reads no allotments for what was expanded with assignments, as long as nobody asks for
// what did not come along.
func TestNothingIsCompletedUnasked(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	g.tenant.Inject(withoutPurchases)
	g.ask(`{ assignments(first: 50) { nodes { id allotment { id skuId skuPartNumber allottedUnits } } } }`, nil)
	if got := g.sent(allotmentsEndpoint); got != 0 {
		t.Errorf("read the allotments %d times", got)
	}
}

// withoutPurchases leaves out of allotments what lists of them often leave out.
var withoutPurchases = emulator.Fault{Endpoint: "GET /admin/cloudLicensing/assignments", Omit: []string{"subscriptions"}, Times: -1}

// TestKeptWhenCompletingFails keeps what came along, when the read that would complete it fails: only what it would have
// brought is missing, and an error tells why.
func TestKeptWhenCompletingFails(t *testing.T) {
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

// TestGroupKeptWhenCompletingFails filters users by the group that assigned their licenses, while their licenses cannot be
// read. The members that Microsoft Graph sent are shown with what came along, and an error tells why nobody knows whether the
// filter leaves them, and what is missing.
func TestGroupKeptWhenCompletingFails(t *testing.T) {
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

// TestQueuesKeptWhenOneFails counts the queues that can be read, when one of them cannot, with an error.
func TestQueuesKeptWhenOneFails(t *testing.T) {
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
		t.Errorf("%d queues show nothing", queues)
	}
}

// TestGroupWithoutName shows a group of which something came, though not its name.
func TestGroupWithoutName(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	const query = `{ users(first: 30) { nodes { licenseAssignmentStates { assignedByGroup { id displayName securityEnabled } } } } }`
	const name = "users.nodes.#.licenseAssignmentStates.#.assignedByGroup.displayName"
	whole := g.warm(query)
	g.tenant.Inject(emulator.Fault{Endpoint: byIDsEndpoint, Set: map[string]any{"displayName": nil}, Times: -1})
	g.fails(t, g.ask(query, nil), without(t, whole, name))
}

// TestStrayRefusals refuses a request or two for nothing that was in it. The next answer is whole, and none has null
// without an error.
func TestStrayRefusals(t *testing.T) {
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

// licensed returns the id of a person with usage rights.
func (g *gateway) licensed(t *testing.T) string {
	t.Helper()
	for _, node := range g.nodesOf(t, "users", "first: 20, filter: {licensed: true}", "id usageRights { id }") {
		if rights := node["usageRights"].([]any); len(rights) > 1 {
			return node["id"].(string)
		}
	}
	t.Fatal("nobody has usage rights")
	return ""
}

// TestMissingRelation answers 404 and 410 for what is there: that is no empty list.
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
			g.tenant.Inject(emulator.Fault{Omit: []string{"assignments"}, Times: -1}) // which are then read by themselves
			r := g.ask(tt.query, nil)
			if len(r.Errors) != 1 || pattern(r.Errors[0].Path) != tt.path {
				t.Errorf("%d for %s: %v %s", status, tt.endpoint, r.Data, r.Errors)
			}
			g.forget()
		}
	}
}

// TestRightWithoutID answers usage rights that nobody could refer to: one error.
func TestRightWithoutID(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	person := g.licensed(t)
	g.tenant.Inject(emulator.Fault{Endpoint: "GET /users/{id}/cloudLicensing/usageRights", Omit: []string{"id"}, Times: -1})
	r := g.ask(fmt.Sprintf(`{ user(id: %q) { id usageRights { id skuPartNumber allotments { id } } } }`, person), nil)
	g.fails(t, r, map[string]any{"user": map[string]any{"id": person, "usageRights": nil}}, clientError{Code: "UPSTREAM_UNAVAILABLE", Path: "user.usageRights"})
}

// TestTokenAfterRetry refuses a token after another failure: a new one is asked for, all the same.
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

// TestLostAnswersToChanges loses the answers to changes that were made in one batch, because a part of it is HTML. None
// is made again, and what can be seen of them is read back.
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

// TestThrottledToken throttles the request for a token, without a Retry-After: it is left alone for seconds, too.
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

// TestHiddenLicenseStates has the service hide the license states of people, as from a token that may not read them. Nobody
// can tell then whom a filter by license leaves: all are shown, with one error.
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
