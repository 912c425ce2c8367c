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

// mainQuestion is what the gateway is for: who has a license that did not take effect, why, through which
// group, and what they can still use.
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

// TestMainQuestionCost holds the number of upstream requests of the main question over 100 errors, the one
// for a token included. One request for the errors with their assignees; six batches for 100 usage rights,
// one by one, and the license states of 100 people, 15 to a part; one for the names of all groups.
func TestMainQuestionCost(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	t.Run("strict", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{})
		first := g.ask(mainQuestion, nil)
		g.answered(first, 10)
		g.restart()
		g.answered(g.ask(mainQuestion, nil), 10) // a new process learns anew what the service refuses

		g.tenant.ResetCounts()
		warm := g.ask(mainQuestion, nil)
		g.answered(warm, 8) // no token, nothing to learn
		if diff := cmp.Diff(first.Data, warm.Data, ignoreCursors); diff != "" {
			t.Errorf("the same question has two answers (-first +second):\n%s", diff)
		}
	})
	t.Run("refusal known", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{})
		g.ask(`{ assignmentErrors(first: 1) { nodes { assignedTo { id } usageRight { id } } } }`, nil)
		g.tenant.ResetCounts()
		g.answered(g.ask(mainQuestion, nil), 8) // 9 with the token that this process already has
	})
	t.Run("both relations expand", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{Variants: emulator.Variants{ExpandErrors: "both"}})
		g.answered(g.ask(mainQuestion, nil), 4)
	})
	t.Run("no relation expands", func(t *testing.T) {
		t.Parallel()
		g := startGateway(t, emulator.Options{Variants: emulator.Variants{ExpandErrors: "none"}})
		// Two refusals; then assignees and rights one by one, 200 parts; then states; then groups.
		g.answered(g.ask(mainQuestion, nil), 1+3+10+1+1)
	})
}

// answered checks that an answer is whole, that it took the number of requests, that the gateway's own
// count of its cost is the service's, and that nothing was asked for twice.
func (g *gateway) answered(r response, requests int) {
	g.t.Helper()
	for _, e := range r.Errors {
		if e.Extensions["code"] != "NOT_FOUND" || len(e.Path) != 1 { // what was asked for by an id may be missing
			g.t.Fatalf("errors: %v", r.Errors)
		}
	}
	if r.Extensions.Upstream.Requests != requests {
		g.t.Errorf("took %d upstream requests, want %d: %+v", r.Extensions.Upstream.Requests, requests, r.Extensions.Upstream.Endpoints)
	}
	g.nothingTwice()
	if requests > 0 && len(g.tenant.Requests()) == 0 {
		g.t.Error("the tenant has no log of what it was asked")
	}
	g.costAgrees(r) // and forget
}

// costAgrees compares what the gateway reports with what the embedded tenant counted.
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

// nothingTwice checks that no read that succeeded was sent twice, and that no key was in two of them.
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
				g.t.Errorf("asked twice: %s", key)
			}
			seen[key] = true
		}
	}
}

// ignoreCursors leaves cursors out of a comparison: each is sealed anew.
var ignoreCursors = cmp.FilterPath(func(p cmp.Path) bool {
	last, ok := p.Last().(cmp.MapIndex)
	return ok && slices.Contains([]string{"endCursor", "startCursor", "cursor"}, last.Key().String())
}, cmp.Ignore())

// TestFreeFields holds what is answered without a call of its own.
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
		{"errors alone", `{ assignmentErrors(first: 100) { nodes { id code } } }`, 1},
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
		{"rights of 20 people", `{ users(first: 20) { nodes { usageRights { services { planName } } } } }`, 2},
		{"rights and errors of 20 people", `{ users(first: 20) { nodes { usageRights { id } assignmentErrors { id } } } }`, 3},
		{"all errors, 100 to a page", `{ assignmentErrors(first: 1000) { nodes { id } } }`, 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := g.ask(tt.query, nil)
			g.t = t
			g.answered(r, tt.requests)
		})
	}
}

// TestCostGrows holds how the number of upstream requests grows with the page.
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
