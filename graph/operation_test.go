package graph_test

import (
	"testing"

	"licensegraph/internal/emulator"
)

// TestRootFieldsTravelTogether asks for unrelated things at once. Nobody plans them together, so now and then,
// on a busy machine, one of them misses the batch of the others.
func TestRootFieldsTravelTogether(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	r := g.ask(`{ users(first: 1) { nodes { id } } }`, nil)
	id := r.Data["users"].(map[string]any)["nodes"].([]any)[0].(map[string]any)["id"]
	const asked = 50
	together := 0
	for range asked {
		r := g.ask(`query ($id: ID!) {
			user(id: $id) { displayName }
			subscribedSkus { skuId }
			assignmentError(id: "unknown") { id }
			node(id: $id) { id ... on User { department } }
		}`, map[string]any{"id": id})
		if r.Extensions.Upstream.Requests == 1 {
			together++
		}
	}
	if together < asked*8/10 {
		t.Errorf("%d of %d answers took one upstream request", together, asked)
	}
}
