package graph_test

import (
	"fmt"
	"testing"

	"licensegraph/internal/emulator"
)

// TestGroups reads usage rights and members with license errors of many groups.
func TestGroups(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{})
	g.ask(`{ subscribedSkus { nodes { skuId } } }`, nil)
	g.tenant.ResetCounts()
	r := g.ask(`{ assignmentErrors(first: 100) { nodes { assignedTo { ... on User { licenseAssignmentStates { error assignedByGroup {
		id displayName
		usageRights { id holderId skuPartNumber services { planName } }
		membersWithLicenseErrors(first: 999) { nodes { id displayName ... on User { userPrincipalName licenseAssignmentStates { error } } } }
	} } } } } } }`, nil)
	// The errors; the states; the groups' names, rights and members, two batches; the states of members that were not
	// among the first hundred.
	if got := r.Extensions.Upstream.Requests; len(r.Errors) > 0 || got > 6 {
		t.Fatalf("took %d upstream requests, want at most 6, errors %v: %+v", got, r.Errors, r.Extensions.Upstream.Endpoints)
	}
	g.nothingTwice()
	g.costAgrees(r)

	type object = map[string]any
	seen, failing := map[any]bool{}, 0
	walk(r.Data, func(group object) {
		rights, ok := group["usageRights"].([]any)
		if !ok || seen[group["id"]] {
			return
		}
		seen[group["id"]] = true
		for _, right := range rights {
			if right := right.(object); right["holderId"] != group["id"] || len(right["services"].([]any)) == 0 {
				t.Errorf("%s: %v", group["displayName"], right)
			}
		}
		for _, member := range group["membersWithLicenseErrors"].(object)["nodes"].([]any) {
			failing++
			failed := false
			for _, state := range member.(object)["licenseAssignmentStates"].([]any) {
				failed = failed || state.(object)["error"] != nil
			}
			if !failed || member.(object)["userPrincipalName"] == nil {
				t.Errorf("%s: %v", group["displayName"], member)
			}
		}
	})
	if len(seen) < 5 || failing < 50 {
		t.Errorf("%d groups with %d failing members", len(seen), failing)
	}
}

// TestHolders reads rights by their holders, users and groups, like a federation router.
func TestHolders(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	r := g.ask(`{ users(first: 50) { nodes { usageRights { id holderId skuId } licenseAssignmentStates { assignedByGroup { usageRights { id holderId skuId } } } } } }`, nil)
	var reps []any
	var want []any
	seen := map[string]bool{}
	walk(r.Data, func(object map[string]any) {
		if holder, ok := object["holderId"].(string); ok && !seen[fmt.Sprint(holder, object["id"])] {
			seen[fmt.Sprint(holder, object["id"])] = true
			reps = append(reps, map[string]any{"__typename": "UsageRight", "id": object["id"], "holderId": holder})
			want = append(want, object["skuId"])
		}
	})
	reps = append(reps, map[string]any{"__typename": "UsageRight", "id": "none", "holderId": reps[0].(map[string]any)["holderId"]})
	got := g.ask(`query ($reps: [_Any!]!) { _entities(representations: $reps) { ... on UsageRight { skuId } } }`, map[string]any{"reps": reps})
	if len(got.Errors) > 0 {
		t.Errorf("errors: %v", got.Errors)
	}
	entities := got.Data["_entities"].([]any)
	if len(want) < 20 || len(entities) != len(want)+1 {
		t.Fatalf("%d rights, %d entities", len(want), len(entities))
	}
	for i, skuID := range want {
		if right, ok := entities[i].(map[string]any); !ok || right["skuId"] != skuID {
			t.Errorf("%v: %v, want %v", reps[i], entities[i], skuID)
		}
	}
}
