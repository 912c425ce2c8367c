package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
)

// TestRootFieldsShareABatch tests that unrelated root fields share a batch.
func TestRootFieldsShareABatch(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{})
	r := g.ask(`{ users(first: 1) { nodes { id } } }`, nil)
	id := r.Data["users"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"]
	for range 50 {
		r := g.ask(`query ($id: ID!) {
			user(id: $id) { displayName }
			subscribedSkus { nodes { skuId } }
			assignmentError(id: "unknown") { id }
			node(id: $id) { id ... on User { department } }
		}`, map[string]any{"id": id})
		if r.Extensions.Upstream.Requests != 1 {
			t.Errorf("took %d upstream requests, want 1: %+v", r.Extensions.Upstream.Requests, r.Extensions.Upstream.Endpoints)
		}
	}
}

// TestCostOfARefusal tests that a rejected operation reports no cost.
func TestCostOfARefusal(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 10})
	r := g.ask(`{ unknown }`, nil)
	if len(r.Errors) != 1 || !strings.Contains(string(r.raw), `"upstream":{"requests":0,`) || len(g.tenant.Counts()) != 0 {
		t.Errorf("%s", r.raw)
	}
}

// TestUnreadableRepresentations tests that malformed representations are rejected before any request.
func TestUnreadableRepresentations(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 10})
	for _, reps := range []string{`["text"]`, `[1]`, `[[]]`, `[{__typename: "User", id: 99999999999999999999999}]`} {
		for _, query := range []string{`{ _entities(representations: %s) { __typename } }`, `{ _service { sdl } _entities(representations: %s) { __typename } }`} {
			r := g.ask(fmt.Sprintf(query, reps), nil)
			if len(r.Errors) != 1 || r.Errors[0].Extensions["code"] != "BAD_USER_INPUT" || r.Data != nil || len(g.tenant.Counts()) != 0 {
				t.Errorf("%s: %s", reps, r.raw)
			}
		}
	}
}
