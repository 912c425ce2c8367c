package emulator

import (
	"slices"
	"testing"
	"time"
)

// assign creates an assignment of a product to "users/…" or "groups/…".
func (c *client) assign(to string, pool string, disabled ...string) string {
	c.t.Helper()
	r := c.write("POST", granted, body(allotmentBind, bind(allotmentSet+"/"+pool), assigneeBind, bind(to), disabledPlans, off(disabled...)), 201)
	return str(r.body, "id")
}

// newGroup creates a group with one member.
func (c *client) newGroup(member string) string {
	c.t.Helper()
	return str(c.directory("POST", "groups", 201, "displayName", "New", "mailNickname", "new", "mailEnabled", false, "securityEnabled", true,
		membersBind, off(c.URL+"/v1.0/users/"+member)).body, "id")
}

// failures returns the errors in a user's license states, by product.
func (c *client) failures(user string) map[string]string {
	c.t.Helper()
	found := map[string]string{}
	for _, s := range c.states(user) {
		if cause := str(s, "error"); cause != "None" {
			found[str(s, "skuId")] = cause
		}
	}
	return found
}

// TestEffectsOfWrites tests that writes have the same effects as in the service.
func TestEffectsOfWrites(t *testing.T) {
	t.Parallel()
	fresh := func(t *testing.T) (*client, string) {
		c := start(t, Options{Variants: Variants{GroupEffects: Immediately}})
		return c, c.newUser("somebody", "usageLocation", "DE")
	}
	t.Run("a plan is off where all have it off", func(t *testing.T) {
		t.Parallel()
		c, user := fresh(t)
		teams := planID(skuE3, "TEAMS1")
		has := func() bool {
			services := rows(items(c.ok("/beta/users/" + user + "/cloudLicensing/usageRights"))[0], "services")
			return slices.ContainsFunc(services, func(s row) bool { return str(s, "planId") == teams })
		}
		own := c.assign("users/"+user, c.pool(skuE3, 0), teams)
		if has() {
			t.Error("the only assignment has it off")
		}
		c.directory("POST", "groups/"+c.of("e3-emea")+"/members/$ref", 204, memberRef(c, user)...)
		if !has() {
			t.Error("one of two has it on")
		}
		for _, a := range c.all("/beta/groups/" + c.of("e3-emea") + "/cloudLicensing/assignments") {
			c.write("PATCH", granted+"/"+str(a, "id"), body(disabledPlans, off(teams)), 200)
		}
		if has() {
			t.Error("both have it off")
		}
		c.write("PATCH", granted+"/"+own, body(disabledPlans, off()), 200)
		if !has() {
			t.Error("one has it on again")
		}
	})
	t.Run("an add-on breaks without its base product", func(t *testing.T) {
		t.Parallel()
		c, user := fresh(t)
		base := c.assign("users/"+user, c.pool(skuE3, 0))
		c.assign("users/"+user, c.pool(skuPhone, 0))
		if got := c.failures(user); len(got) != 0 {
			t.Fatalf("with both: %v", got)
		}
		c.write("DELETE", granted+"/"+base, "", 204)
		if got := c.failures(user); got[skuID(skuPhone)] != "DependencyViolation" {
			t.Errorf("without the base product: %v", got)
		}
		c.assign("users/"+user, c.pool(skuE3, 0))
		if got := c.failures(user); len(got) != 0 {
			t.Errorf("with both again: %v", got)
		}
	})
	t.Run("a group with an impossible product gives none", func(t *testing.T) {
		t.Parallel()
		c, user := fresh(t)
		group := "groups/" + c.newGroup(user)
		c.assign(group, c.pool(skuE3, 0))
		analytics := c.assign(group, c.pool(skuAnalytics, 0), planID(skuAnalytics, "WORKPLACE_ANALYTICS"))
		if got := c.failures(user); len(got) != 0 {
			t.Fatalf("two products that go together: %v", got)
		}
		c.write("DELETE", granted+"/"+analytics, "", 204)
		c.assign(group, c.pool(skuF3, 0))
		if got := c.failures(user); got[skuID(skuF3)] != "MutuallyExclusiveViolation" || got[skuID(skuE3)] != "Other" {
			t.Errorf("one of two is impossible: %v", got)
		}
	})
	t.Run("what meets another change is tried again", func(t *testing.T) {
		t.Parallel()
		c, user := fresh(t)
		c.SetVariants(Variants{GroupEffects: 10 * time.Second})
		group := "groups/" + c.newGroup(user)
		c.later(10 * time.Second)
		c.assign(group, c.pool(skuVisio, 0))
		c.later(9500 * time.Millisecond)
		c.assign("users/"+user, c.pool(skuE3, 0))
		c.later(500 * time.Millisecond)
		if got := c.failures(user); got[skuID(skuVisio)] != "Other" {
			t.Errorf("a change half a second before: %v", got)
		}
		c.later(time.Minute)
		if got := c.failures(user); len(got) != 0 {
			t.Errorf("a minute later: %v", got)
		}
	})
	t.Run("the first of two that exclude each other wins", func(t *testing.T) {
		t.Parallel()
		c, user := fresh(t)
		c.assign("users/"+user, c.pool(skuE3, 0))
		c.directory("POST", "groups/"+c.of("stores")+"/members/$ref", 204, memberRef(c, user)...)
		if got := c.failures(user); len(got) != 1 || got[skuID(skuF3)] != "MutuallyExclusiveViolation" {
			t.Errorf("%v", got)
		}
		if !slices.Contains(c.texts("/v1.0/groups/"+c.of("stores")+"/membersWithLicenseErrors", "id"), user) {
			t.Error("the group does not list who failed")
		}
	})
}
