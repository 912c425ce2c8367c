package emulator

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator/tenant"
)

// sources are the assignments of one product to one assignee, as far as the
// responses contain them.
type sources struct {
	pools map[string]bool
	off   []string // plans that all of them disable
}

func (s *sources) add(pool string, off []string) *sources {
	if s == nil {
		return &sources{map[string]bool{pool: true}, off}
	}
	s.pools[pool] = true
	s.off = slices.DeleteFunc(slices.Clone(s.off), func(id string) bool { return !slices.Contains(off, id) })
	return s
}

func sorted(list []string) []string {
	list = slices.Clone(list)
	slices.Sort(list)
	return list
}

// checkAllotments checks that allotments, assignments and waiting members are
// consistent with each other, and with products, users, groups and usage
// rights.
func checkAllotments(c *client, fresh bool) {
	t := c.t
	pools := index(c.all(pools+"?$expand=assignments,waitingMembers"), "id")
	skus := index(c.all("/v1.0/subscribedSkus"), "skuId")
	users := index(c.all("/v1.0/users?$top=999&$select=id,displayName,assignedLicenses,licenseAssignmentStates"), "id")
	groups := index(c.all("/v1.0/groups?$top=999&$select=id,displayName,assignedLicenses"), "id")
	all := c.all(granted + "?$expand=assignedTo,allotment")

	// The assignments of each assignee.
	assigned := map[string]map[string]*sources{} // by assignee and product
	drawn := map[string]int{}                    // by allotment
	for _, a := range all {
		pool, to := a["allotment"].(row), a["assignedTo"].(row)
		drawn[str(pool, "id")]++
		services := index(rows(pool, "services"), "planId")
		for _, id := range texts(a, "disabledServicePlanIds") {
			if services[id] == nil {
				t.Errorf("the assignment %s switches off %s, which its allotment does not have", str(a, "id"), id)
			}
		}
		if a["skuId"] != nil {
			t.Errorf("the assignment contains its product: %v", a)
		}
		mine := assigned[str(to, "id")]
		if mine == nil {
			mine = map[string]*sources{}
			assigned[str(to, "id")] = mine
		}
		mine[str(pool, "skuId")] = mine[str(pool, "skuId")].add(str(pool, "id"), texts(a, "disabledServicePlanIds"))
	}
	if len(index(all, "id")) != len(all) {
		t.Error("two assignments have one id")
	}
	for id, pool := range pools {
		listed := c.all("/beta/admin/cloudLicensing/allotments/" + id + "/assignments")
		if len(listed) != drawn[id] || len(rows(pool, "assignments")) != min(drawn[id], 100) {
			t.Errorf("%d assignments draw on %s, %d are listed", drawn[id], id, len(listed))
		}
	}
	licenses := func(holder string, o row) {
		got := map[string]*sources{}
		for _, l := range rows(o, "assignedLicenses") {
			got[str(l, "skuId")] = got[str(l, "skuId")].add("", texts(l, "disabledPlans"))
		}
		directory := 0 // products in the directory
		for sku, s := range assigned[holder] {
			if sku == "" {
				continue
			}
			directory++
			if got[sku] == nil || !slices.Equal(sorted(got[sku].off), sorted(s.off)) {
				t.Errorf("%s: assigned %v of %s, licensed %v", str(o, "displayName"), s, sku, got[sku])
			}
		}
		if len(got) != directory {
			t.Errorf("%s: licenses %v, assignments %v", str(o, "displayName"), got, assigned[holder])
		}
	}
	for id, g := range groups {
		licenses(id, g)
		if n, want := len(c.all("/beta/groups/"+id+"/cloudLicensing/assignments")), countPools(assigned[id]); n != want {
			t.Errorf("%s: %d assignments of its own, want %d", str(g, "displayName"), n, want)
		}
	}

	// The units and the queues of each user.
	units := map[string]map[string]bool{}
	waits := map[string]map[string]bool{}
	for id := range pools {
		units[id], waits[id] = map[string]bool{}, map[string]bool{}
	}
	unsure := map[string]bool{} // allotments that no state identifies
	for id, u := range users {
		own := map[string]bool{}
		for _, s := range rows(u, "licenseAssignmentStates") {
			sku, from := str(s, "skuId"), str(s, "assignedByGroup")
			if s["assignedByGroup"] == nil {
				own[sku], from = true, id
			}
			source := assigned[from][sku]
			if source == nil {
				if from != c.seed.GUID("deleted group", 0).String() {
					t.Errorf("%s: a state without assignment: %v", str(u, "displayName"), s)
				}
				for pool, a := range pools { // The response does not identify the allotment.
					unsure[pool] = unsure[pool] || !fresh && str(a, "skuId") == sku
				}
				continue
			}
			if !slices.Equal(sorted(texts(s, "disabledPlans")), sorted(source.off)) {
				t.Errorf("%s: the state has %v off, the assignment %v", str(u, "displayName"), s["disabledPlans"], source.off)
			}
			for pool := range source.pools {
				unsure[pool] = unsure[pool] || len(source.pools) > 1
				if str(s, "state") != "Error" {
					units[pool][id] = true
				}
				if str(s, "error") == "CountViolation" {
					waits[pool][id] = true
				}
			}
		}
		if len(own) != len(assigned[id]) {
			t.Errorf("%s: direct states of %v, assignments of %v", str(u, "displayName"), own, assigned[id])
		}
		if n, want := len(c.all("/beta/users/"+id+"/cloudLicensing/assignments")), countPools(assigned[id]); n != want {
			t.Errorf("%s: %d assignments of one's own, want %d", str(u, "displayName"), n, want)
		}
		checkRights(c, u, assigned)
	}
	for holder, mine := range assigned {
		for _, s := range mine {
			for pool := range s.pools {
				if users[holder] == nil && groups[holder] == nil { // a device
					units[pool][holder] = true
				}
			}
		}
	}

	allotted, consumed := map[string]float64{}, map[string]float64{}
	for id, pool := range pools {
		n := pool["consumedUnits"].(float64)
		allotted[str(pool, "skuId")] += pool["allottedUnits"].(float64)
		consumed[str(pool, "skuId")] += n
		if !unsure[id] && n != float64(len(units[id])) || n > pool["allottedUnits"].(float64) {
			t.Errorf("allotment %s of %s: %v of %v units in use, assigned to %d", id, str(pool, "skuPartNumber"), n, pool["allottedUnits"], len(units[id]))
		}
		queue := c.all("/beta/admin/cloudLicensing/allotments/" + id + "/waitingMembers?$expand=assignedTo")
		if len(queue) > 0 && n != pool["allottedUnits"].(float64) {
			t.Errorf("allotment %s: %d wait though a unit is free", id, len(queue))
		}
		in, since := map[string]bool{}, ""
		for _, w := range queue {
			in[str(w["assignedTo"].(row), "id")] = true
			if str(w, "waitingSinceDateTime") < since {
				t.Errorf("allotment %s: the queue is not in order", id)
			}
			since = str(w, "waitingSinceDateTime")
		}
		if diff := cmp.Diff(waits[id], in); !unsure[id] && diff != "" || len(in) != len(queue) {
			t.Errorf("allotment %s: who failed against who waits (-want +got):\n%s", id, diff)
		}
		if len(rows(pool, "waitingMembers")) != min(len(queue), 100) {
			t.Errorf("allotment %s: %d waiting members expanded, %d listed", id, len(rows(pool, "waitingMembers")), len(queue))
		}
	}
	for id, s := range skus {
		prepaid := s["prepaidUnits"].(row)
		if consumed[id] != s["consumedUnits"] || allotted[id] != prepaid["enabled"].(float64)+prepaid["warning"].(float64)+prepaid["suspended"].(float64) {
			t.Errorf("%s: %v of %v units by its allotments, by itself %v of %v", str(s, "skuPartNumber"), consumed[id], allotted[id], s["consumedUnits"], prepaid)
		}
	}
	checkUnits(t, c.Emulator)
}

func countPools(mine map[string]*sources) int {
	n := 0
	for _, s := range mine {
		n += len(s.pools)
	}
	return n
}

// checkRights checks that a usage right has the assignments whose state allows
// the use of the product, and their allotments.
func checkRights(c *client, u row, assigned map[string]map[string]*sources) {
	for _, r := range c.all("/beta/users/" + str(u, "id") + "/cloudLicensing/usageRights?$expand=assignments,allotments") {
		want := map[string]bool{}
		whole := true
		for _, s := range rows(u, "licenseAssignmentStates") {
			if str(s, "skuId") != str(r, "skuId") || str(s, "state") != "Active" && str(s, "state") != "ActiveWithError" {
				continue
			}
			from := str(s, "assignedByGroup")
			if from == "" {
				from = str(u, "id")
			}
			if source := assigned[from][str(s, "skuId")]; source != nil {
				whole = whole && len(source.pools) == 1
				for pool := range source.pools {
					want[pool] = true
				}
			}
		}
		got := map[string]bool{}
		for _, pool := range rows(r, "allotments") {
			got[str(pool, "id")] = true
			if str(pool, "skuId") != str(r, "skuId") {
				c.t.Errorf("%s: a right from the allotment %v", str(u, "displayName"), pool)
			}
		}
		if diff := cmp.Diff(want, got); whole && diff != "" {
			c.t.Errorf("%s: allotments of a right (-want +got):\n%s", str(u, "displayName"), diff)
		}
		listed := c.all("/beta/users/" + str(u, "id") + "/cloudLicensing/usageRights/" + str(r, "id") + "/assignments")
		if diff := cmp.Diff(rows(r, "assignments"), listed); diff != "" && len(listed) > 0 {
			c.t.Errorf("%s: expanded assignments against listed ones:\n%s", str(u, "displayName"), diff)
		}
		if len(listed) < len(got) {
			c.t.Errorf("%s: %d assignments from %d allotments", str(u, "displayName"), len(listed), len(got))
		}
	}
}

// checkUnits recounts the assigned units and the queues from the tenant
// itself.
func checkUnits(t *testing.T, e *Emulator) {
	t.Helper()
	e.store.Read(func(current *tenant.Tenant) {
		if err := current.Check(); err != nil {
			t.Error(err)
		}
	})
}
