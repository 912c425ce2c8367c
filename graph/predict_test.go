package graph

import (
	"testing"

	"licensegraph/internal/licensing"
)

// TestUnitsGivenBack tests that a group that assigns none of its products gives back only units that were taken: an
// assignee who has a product already shares its unit.
func TestUnitsGivenBack(t *testing.T) {
	t.Parallel()
	const shared, scarce, group = licensing.GUID("00000000-0000-4000-8000-00000000000a"), licensing.GUID("00000000-0000-4000-8000-00000000000b"), "g"
	active := "Active"
	owned := []*licensing.LicenseAssignmentState{{SkuID: new(shared), StateText: &active}}
	for name, tt := range map[string]struct {
		states []*licensing.LicenseAssignmentState
		want   int64
	}{"taken": {nil, 1}, "shared": {owned, 1}} {
		p := &predictor{free: map[string]int64{string(shared): 1, string(scarce): 0}, pools: map[string]bool{}}
		user := licensing.Assignee{Type: licensing.AssigneeUser, ID: "u"}
		effects := p.effectsOn(user, tt.states, []alteration{{assignee: user, sku: shared, group: group}, {assignee: user, sku: scarce, group: group}})
		if len(effects) != 2 || len(effects[0].Errors) != 1 || effects[0].Units != 0 || p.free[string(shared)] != tt.want {
			t.Errorf("%s: %d units are left, want %d, of %d effects", name, p.free[string(shared)], tt.want, len(effects))
		}
	}
}
