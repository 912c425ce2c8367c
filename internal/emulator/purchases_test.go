package emulator

import (
	"testing"
	"time"
)

// TestPurchases tests that the dates of purchases are close to the clock, and
// that a purchase that is not renewed is expired, suspended, locked out and
// deleted as the clock advances, with its units and the plans of users.
func TestPurchases(t *testing.T) {
	t.Parallel()
	for _, began := range []time.Time{noon, time.Date(2031, 3, 1, 0, 30, 0, 0, time.UTC), time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)} {
		c := start(t, Options{Users: 100, Now: func() time.Time { return began }, Variants: Variants{Throttling: Throttling{Off: true}}})
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
