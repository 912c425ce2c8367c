package emulator

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestPurchases tests that the dates of purchases are close to the clock, and
// that a purchase that is not renewed is expired, suspended, locked out and
// deleted as the clock advances, with its units and the plans of users.
func TestPurchases(t *testing.T) {
	t.Parallel()
	for _, began := range []time.Time{noon, time.Date(2031, 3, 1, 0, 30, 0, 0, time.UTC), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		c := start(t, Options{Users: 40, Now: func() time.Time { return began }, Variants: Variants{Throttling: Throttling{Off: true}}})
		around := func() {
			t.Helper()
			today := c.Now().UTC().Format(time.DateOnly)
			for _, a := range c.all(pools) {
				for _, s := range rows(a, "subscriptions") {
					if str(s, "startDate") > today || str(s, "state") != "deleted" && str(s, "nextLifecycleDate") <= today {
						t.Errorf("on %s: %v", today, s)
					}
				}
			}
			c.checkSubscriptions()
		}
		sku := func(id string) (status string, units map[string]float64) {
			t.Helper()
			for _, s := range items(c.ok("/v1.0/subscribedSkus")) {
				if s["skuId"] == id {
					units = map[string]float64{}
					for name, n := range s["prepaidUnits"].(row) {
						if n, _ := n.(float64); n > 0 {
							units[name] = n
						}
					}
					return str(s, "capabilityStatus"), units
				}
			}
			return "", nil
		}
		usable := func() (n int) {
			for _, u := range c.all("/v1.0/users?$top=999&$select=id,assignedPlans") {
				for _, p := range rows(u, "assignedPlans") {
					if p["servicePlanId"] == c.current().Product(skuAnalytics).Plans[0].ID && p["capabilityStatus"] == "Enabled" {
						n++
					}
				}
			}
			return n
		}
		around()
		_, before := sku(skuID(skuAnalytics))
		holders := usable()
		if before["enabled"] == 0 || holders == 0 {
			t.Fatalf("%v units, %d users use them", before, holders)
		}
		for _, step := range []struct {
			days          int
			status, units string
			used          bool
		}{
			{0, "Enabled", "enabled", true}, {5, "Enabled", "enabled", true}, {1, "Warning", "warning", true}, {30, "Suspended", "suspended", false},
			{89, "Suspended", "suspended", false}, {1, "LockedOut", "lockedOut", false}, {30, "Deleted", "", false}, {400, "Deleted", "", false},
		} {
			if err := c.Advance(time.Duration(step.days) * 24 * time.Hour); err != nil {
				t.Fatal(err)
			}
			c.token = c.newToken()
			status, units := sku(skuID(skuAnalytics))
			if status != step.status || step.units == "" && len(units) > 0 || step.units != "" && (len(units) != 1 || units[step.units] != before["enabled"]) {
				t.Errorf("%d days on: %s with %v, want %s with %v %s", step.days, status, units, step.status, before["enabled"], step.units)
			}
			if n := usable(); step.used != (n == holders) || !step.used && n != 0 {
				t.Errorf("%d days on: %d users use it, of %d", step.days, n, holders)
			}
			if status, _ := sku(skuID(skuE3)); status != "Enabled" {
				t.Errorf("what is renewed is %s", status)
			}
			around()
		}
		c.Reset()
		c.token = c.newToken()
		around()
		if status, units := sku(skuID(skuAnalytics)); status != "Enabled" || units["enabled"] != before["enabled"] {
			t.Errorf("after a reset: %s with %v", status, units)
		}
	}
}

// checkSubscriptions tests that the directory's subscriptions agree with
// subscribedSkus and allotments.
func (c *client) checkSubscriptions() {
	c.t.Helper()
	list := items(c.ok("/v1.0/directory/subscriptions"))
	ids, units := map[string][]string{}, map[string]map[string]float64{}
	inDirectory := index(list, "commerceSubscriptionId")
	for _, s := range list {
		sku := str(s, "skuId")
		ids[sku] = append(ids[sku], str(s, "id"))
		if units[sku] == nil {
			units[sku] = map[string]float64{"enabled": 0, "warning": 0, "suspended": 0, "lockedOut": 0}
		}
		if state := strings.ToLower(str(s, "status")[:1]) + str(s, "status")[1:]; state != "deleted" {
			units[sku][state] += s["totalLicenses"].(float64)
		}
	}
	for _, s := range items(c.ok("/v1.0/subscribedSkus")) {
		sku := str(s, "skuId")
		got := map[string]float64{}
		for name, n := range s["prepaidUnits"].(row) {
			got[name] = n.(float64)
		}
		if diff := cmp.Diff(ids[sku], texts(s, "subscriptionIds")); diff != "" {
			c.t.Errorf("%s: subscriptions (-directory +subscribedSku):\n%s", str(s, "skuPartNumber"), diff)
		}
		if diff := cmp.Diff(units[sku], got); diff != "" {
			c.t.Errorf("%s: units (-directory +subscribedSku):\n%s", str(s, "skuPartNumber"), diff)
		}
	}
	status := map[string]string{"active": "Enabled", "warning": "Warning", "suspended": "Suspended", "lockedOut": "LockedOut", "deleted": "Deleted"}
	seen := 0
	for _, a := range c.all(pools) {
		for _, s := range rows(a, "subscriptions") {
			one := inDirectory[str(s, "subscriptionId")]
			if a["skuId"] == nil {
				if one != nil {
					c.t.Errorf("the directory has %v without a product", one)
				}
				continue
			}
			seen++
			want := []any{a["skuId"], str(s, "startDate") + "T00:00:00Z", str(s, "nextLifecycleDate") + "T00:00:00Z", status[str(s, "state")], s["tags"] == "trial"}
			if diff := cmp.Diff(want, []any{one["skuId"], one["createdDateTime"], one["nextLifecycleDateTime"], one["status"], one["isTrial"]}); diff != "" {
				c.t.Errorf("%v (-allotment +directory):\n%s", s, diff)
			}
		}
	}
	if seen != len(list) || seen == 0 {
		c.t.Errorf("%d subscriptions, %d in allotments", len(list), seen)
	}
}

// TestSubscriptions tests the directory's subscriptions and their keys.
func TestSubscriptions(t *testing.T) {
	t.Parallel()
	c := start(t, Options{})
	const root = "/v1.0/directory/subscriptions"
	c.checkSubscriptions()
	list := items(c.ok(root))
	count := map[string]int{}
	for _, s := range list {
		next, err := time.Parse(time.RFC3339, str(s, "nextLifecycleDateTime"))
		if err != nil {
			t.Error(err)
		}
		if next.Before(c.Now().AddDate(0, 0, 60)) {
			count["soon"]++
		}
		count[str(s, "status")]++
		count[str(s, "skuPartNumber")]++
		if s["isTrial"] == true {
			count["trial"]++
		}
		if s["ownerTenantId"] != nil {
			count["partner"]++
		}
		if s["ownerId"] == c.PersonInRole("Global Administrator") {
			count["own"]++
		}
		id, commerce := root+"/"+str(s, "id"), root+"(commerceSubscriptionId='"+str(s, "commerceSubscriptionId")+"')"
		for _, uri := range []string{id, commerce, strings.Replace(commerce, "v1.0", "beta", 1)} {
			got := c.ok(uri)
			delete(got, "@odata.context")
			if diff := cmp.Diff(s, got); diff != "" {
				t.Errorf("%s (-list +item):\n%s", uri, diff)
			}
		}
		for _, uri := range []string{root + "/" + str(s, "commerceSubscriptionId"), root + "(commerceSubscriptionId='" + str(s, "id") + "')"} {
			if r := c.get(uri); r.status != 404 || r.code() != "Request_ResourceNotFound" {
				t.Errorf("%s: %d %s", uri, r.status, r.raw)
			}
		}
	}
	for what, least := range map[string]int{"soon": 5, "trial": 2, "partner": 2, "own": 2, "Enabled": 5, "Warning": 1, "Suspended": 1, "SPE_E3": 2} {
		if count[what] < least {
			t.Errorf("%d subscriptions are %s, want at least %d", count[what], what, least)
		}
	}
	if diff := cmp.Diff([]string{"id", "status"}, keys(items(c.ok(root + "?$select=id,status"))[0])); diff != "" {
		t.Errorf("selected properties (-want +got):\n%s", diff)
	}
	c.refuses([]rejection{
		{"top", root + "?$top=1", 400, "Request_UnsupportedQuery"},
		{"filter", root + "?$filter=isTrial eq true", 400, "Request_UnsupportedQuery"},
		{"count", root + "?$count=true", 400, "Request_UnsupportedQuery"},
		{"unknown property", root + "?$select=price", 400, "BadRequest"},
		{"not implemented property", root + "?$select=ocpSubscriptionId", 501, "notImplemented"},
		{"two keys", root + "(id='x',commerceSubscriptionId='y')", 501, "notImplemented"},
		{"unquoted key", root + "(commerceSubscriptionId=y)", 501, "notImplemented"},
	})
	for _, role := range []string{"LicenseAssignment.Read.All", "User.Read.All"} {
		c.SetVariants(Variants{Roles: []string{role}})
		c.token = c.newToken()
		if r := c.get(root); r.status != 403 {
			t.Errorf("%s: %d", role, r.status)
		}
	}
}

// TestLostUpdates tests that, with the variant, the first of two concurrent
// changes of a group's licenses is lost.
func TestLostUpdates(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		variants Variants
		wait     time.Duration
		lost     bool
	}{
		"by default":  {Variants{}, 0, false},
		"at once":     {Variants{LostUpdates: time.Second}, 0, true},
		"one by one":  {Variants{LostUpdates: time.Second}, time.Second, false},
		"just before": {Variants{LostUpdates: time.Second}, time.Second - time.Millisecond, true},
	} {
		c := start(t, Options{Users: 60, Now: func() time.Time { return noon }, Variants: tt.variants})
		path := "groups/" + c.of("e5") + "/assignLicense"
		licenses := func() map[string]row {
			return index(rows(c.ok("/v1.0/groups/"+c.of("e5")+"?$select=assignedLicenses"), "assignedLicenses"), "skuId")
		}
		if licenses()[skuID(skuE5)] == nil || licenses()[skuID(skuCopilot)] != nil {
			t.Fatalf("%v", licenses())
		}
		c.directory("POST", path, 202, "addLicenses", []row{{"skuId": skuID(skuCopilot)}}, "removeLicenses", off(skuID(skuE5)))
		if err := c.Advance(tt.wait); err != nil {
			t.Fatal(err)
		}
		c.directory("POST", path, 202, "addLicenses", []row{{"skuId": skuID(skuAudio)}}, "removeLicenses", off())
		got := licenses()
		if lost := got[skuID(skuCopilot)] == nil && got[skuID(skuE5)] != nil; lost != tt.lost || got[skuID(skuAudio)] == nil || !tt.lost && got[skuID(skuE5)] != nil {
			t.Errorf("%s: %v", name, got)
		}
	}
}
