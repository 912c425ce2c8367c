package graph_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator"
)

// mainQuestion reads the users whose licenses failed, the reasons, the assigning groups and the remaining usage
// rights.
const mainQuestion = `query FailedAssignments {
	assignmentErrors(first: 100) {
		nodes {
			id code message occurrenceDateTime
			sku { skuPartNumber productName }
			assignedTo {
				id displayName
				... on User {
					userPrincipalName
					licenseAssignmentStates {
						state error errorText
						sku { skuPartNumber productName }
						assignedByGroup { id displayName }
						disabledPlans { servicePlanName displayName }
					}
				}
			}
			usageRight { id skuPartNumber services { planId planName displayName } }
		}
		pageInfo { hasNextPage endCursor }
	}
}`

// TestMainQuestionCost tests the number of upstream requests of mainQuestion for 100 errors, the token request
// included: one for the errors with their assignees; six batches for 100 usage rights and the license states of 100
// users, 15 to a part; one for the names of all groups.
func TestMainQuestionCost(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	t.Run("strict", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{})
		first := g.ask(mainQuestion, nil)
		g.answered(first, 10)
		g.restart()
		g.answered(g.ask(mainQuestion, nil), 10) // a new process probes which requests the service rejects

		g.tenant.ResetCounts()
		warm := g.ask(mainQuestion, nil)
		g.answered(warm, 8) // the token and the capabilities are known
		if diff := cmp.Diff(first.Data, warm.Data, ignoreCursors); diff != "" {
			t.Errorf("repeated query differs (-first +second):\n%s", diff)
		}
	})
	t.Run("known capabilities", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{})
		g.ask(`{ assignmentErrors(first: 1) { nodes { assignedTo { id } usageRight { id } } } }`, nil)
		g.tenant.ResetCounts()
		g.answered(g.ask(mainQuestion, nil), 8) // 9 with a token request
	})
	t.Run("both relations expand", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{Variants: emulator.Variants{ExpandErrors: "both"}})
		g.answered(g.ask(mainQuestion, nil), 4)
	})
	t.Run("no relation expands", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{Variants: emulator.Variants{ExpandErrors: "none"}})
		// Two rejected requests; then 200 parts for assignees and rights; then states; then groups.
		g.answered(g.ask(mainQuestion, nil), 1+3+10+1+1)
	})
}

// answered checks that a response is complete, that it cost this number of requests, that the reported cost equals
// the tenant's count, and that no read was repeated.
func (g *gateway) answered(r response, requests int) {
	g.t.Helper()
	for _, e := range r.Errors {
		if e.Extensions["code"] != "NOT_FOUND" || len(e.Path) != 1 { // objects read by ID may be missing
			g.t.Fatalf("errors: %v", r.Errors)
		}
	}
	if r.Extensions.Upstream.Requests != requests {
		g.t.Errorf("took %d upstream requests, want %d: %+v", r.Extensions.Upstream.Requests, requests, r.Extensions.Upstream.Endpoints)
	}
	g.nothingTwice()
	if requests > 0 && len(g.tenant.Requests()) == 0 {
		g.t.Error("the tenant logged no requests")
	}
	g.costAgrees(r) // also resets the counts
}

// costAgrees compares the reported cost with the tenant's count.
func (g *gateway) costAgrees(r response) {
	g.t.Helper()
	got := map[string]emulator.Count{}
	for endpoint, usage := range r.Extensions.Upstream.Endpoints {
		got[endpoint] = emulator.Count{Requests: usage.Requests, Parts: usage.BatchParts, ResourceUnits: usage.ResourceUnits, Bytes: usage.Bytes}
	}
	if diff := cmp.Diff(g.tenant.Counts(), got); diff != "" {
		g.t.Errorf("cost (-tenant +gateway):\n%s", diff)
	}
	var sum emulator.Count
	for _, count := range got {
		sum.Requests += count.Requests
		sum.Parts += count.Parts
		sum.ResourceUnits += count.ResourceUnits
		sum.Bytes += count.Bytes
	}
	u := r.Extensions.Upstream
	if total := (emulator.Count{Requests: u.Requests, Parts: u.BatchParts, ResourceUnits: u.ResourceUnits, Bytes: u.Bytes}); total != sum {
		g.t.Errorf("total %+v, sum of the endpoints %+v", total, sum)
	}
	g.tenant.ResetCounts()
}

// nothingTwice checks that no successful read and no key was requested twice.
func (g *gateway) nothingTwice() {
	g.t.Helper()
	seen := map[string]bool{}
	for _, request := range g.tenant.Requests() {
		if request.Status >= 400 || strings.HasPrefix(request.Endpoint, "POST /$batch") {
			continue
		}
		keys := []string{request.URL}
		var body struct{ IDs []string }
		if json.Unmarshal(request.Body, &body) == nil && body.IDs != nil {
			keys = body.IDs
		} else if i := strings.Index(request.URL, "$filter=id"); i >= 0 {
			keys = strings.Split(request.URL[i:strings.LastIndex(request.URL, "&")], "%2C")
		}
		for _, key := range keys {
			key = request.Endpoint + " " + key
			if seen[key] {
				g.t.Errorf("requested twice: %s", key)
			}
			seen[key] = true
		}
	}
}

// ignoreCursors ignores cursors in comparisons.
var ignoreCursors = cmp.FilterPath(func(p cmp.Path) bool {
	last, ok := p.Last().(cmp.MapIndex)
	return ok && slices.Contains([]string{"endCursor", "startCursor", "cursor"}, last.Key().String())
}, cmp.Ignore())

// TestFreeFields tests the fields that cost no request of their own.
func TestFreeFields(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{})
	g.ask(`{ __typename subscribedSkus { nodes { skuId } } }`, nil)
	g.tenant.ResetCounts()
	for _, tt := range []struct {
		name, query string
		requests    int
	}{
		{"errors only", `{ assignmentErrors(first: 100) { nodes { id code } } }`, 1},
		{"assignedTo", `{ assignmentErrors(first: 100) { nodes { assignedTo { id } } } }`, 1},
		{"assignedTo name", `{ assignmentErrors(first: 100) { nodes { assignedTo { displayName ... on User { userPrincipalName } } } } }`, 1},
		{"sku of an error", `{ assignmentErrors(first: 100) { nodes { sku { skuId } } } }`, 1},
		{"sku names", `{ assignmentErrors(first: 100) { nodes { sku { skuPartNumber productName } } } }`, 1},
		{"skipped edge", `{ assignmentErrors(first: 100) { nodes { id usageRight @skip(if: true) { id } } } }`, 1},
		{"states of a page of users", `{ users(first: 500) { nodes { id licenseAssignmentStates { state assignedByGroup { id } sku { skuId } disabledPlans { servicePlanId displayName } } } } }`, 1},
		{"typename", `{ __typename }`, 0},
		{"sku units of all errors", `{ assignmentErrors(first: 100) { nodes { sku { consumedUnits } } } }`, 1},
		{"department of all assignees", `{ assignmentErrors(first: 100) { nodes { assignedTo { ... on User { department } } } } }`, 2},
		{"department and states of all assignees", `{ assignmentErrors(first: 100) { nodes { assignedTo { ... on User { department licenseAssignmentStates { state } } } } } }`, 2},
		{"group of all states", `{ users(first: 500) { nodes { licenseAssignmentStates { assignedByGroup { displayName } } } } }`, 2},
		{"groups and units of all states", `{ users(first: 500) { nodes { licenseAssignmentStates { assignedByGroup { displayName } sku { consumedUnits } } } } }`, 2},
		{"rights of 20 users", `{ users(first: 20) { nodes { usageRights { services { planName } } } } }`, 2},
		{"rights and errors of 20 users", `{ users(first: 20) { nodes { usageRights { id } assignmentErrors { id } } } }`, 3},
		{"all errors, 100 to a page", `{ assignmentErrors(first: 1000) { nodes { id } } }`, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := g.ask(tt.query, nil)
			g.t = t
			g.answered(r, tt.requests)
		})
	}
}

// TestCostGrows tests the number of upstream requests by page size.
func TestCostGrows(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{Users: 2000})
	g.ask(`{ assignmentErrors(first: 1) { nodes { assignedTo { id } usageRight { id } } } }`, nil)
	g.tenant.ResetCounts()
	for _, tt := range []struct{ errors, requests int }{
		{1, 1 + 1 + 1},
		{50, 1 + 3 + 1},
		{200, 2 + 11 + 1},
	} {
		t.Run(fmt.Sprint(tt.errors), func(t *testing.T) {
			r := g.ask(strings.Replace(mainQuestion, "100", fmt.Sprint(tt.errors), 1), nil)
			g.t = t
			g.answered(r, tt.requests)
			nodes := r.Data["assignmentErrors"].(map[string]any)["nodes"].([]any)
			if len(nodes) != tt.errors {
				t.Errorf("%d errors, want %d", len(nodes), tt.errors)
			}
		})
	}
}

// TestManyUsers reads the license states of many users by a scan of all users, unless that takes too many pages. The first
// page of a scan has the number of users.
func TestManyUsers(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	const query = `{ assignmentErrors(first: %d) { nodes { id assignedTo { id ... on User { licenseAssignmentStates { state } } } } } }`
	for name, tt := range map[string]struct {
		users, errors int
		reads         [2]int // pages and $batch parts of an operation and of the next
		scans         [2]bool
	}{
		"most of the tenant": {3_100, 930, [2]int{4, 4}, [2]bool{true, true}},
		"few of the tenant":  {5_000, 930, [2]int{1 + 43, 62}, [2]bool{true, false}},
		"fewer":              {1_200, 350, [2]int{24, 24}, [2]bool{false, false}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: tt.users, Variants: emulator.Variants{PageSize: 1000, Throttling: emulator.Throttling{Off: true}}})
			byID := g.ask(fmt.Sprintf(query, 250), nil)
			for i, want := range tt.reads {
				g.tenant.ResetCounts()
				got := g.ask(fmt.Sprintf(query, tt.errors), nil)
				reads, scans := 0, false
				for _, r := range g.tenant.Requests() {
					if r.Endpoint == usersEndpoint {
						reads++
						scans = scans || strings.Contains(r.URL, "$count=true")
					}
				}
				if reads != want || scans != tt.scans[i] {
					t.Errorf("operation %d: %d reads, want %d, a scan: %v", i, reads, want, scans)
				}
				if diff := difference(nodesOf(byID), nodesOf(got)[:250]); diff != "" || len(got.Errors) > 0 {
					t.Errorf("%v (-by ID +got):\n%s", got.Errors, diff)
				}
			}
		})
	}
}

// nodesOf returns the nodes of assignmentErrors.
func nodesOf(r response) []any {
	errs, _ := r.Data["assignmentErrors"].(map[string]any)
	nodes, _ := errs["nodes"].([]any)
	return nodes
}
