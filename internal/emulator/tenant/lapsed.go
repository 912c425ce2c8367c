package tenant

import "time"

// lapsedPlans is the plans of a product that a user could use before and cannot use
// now.
type lapsedPlans struct {
	sku   Sku
	plans PlanSet
	at    int64 // Unix time
}

// LapsedPlans is the plans of a product that a user could use before and cannot use
// now.
type LapsedPlans struct {
	Sku   Sku
	Plans PlanSet
	Since time.Time
}

// Lapsed returns the lapsed plans of a user, oldest first. A plan is removed
// when the user can use it again.
func (t *Tenant) Lapsed(i int32) []LapsedPlans {
	var list []LapsedPlans
	for _, l := range t.lapsed[i] {
		if plans := l.plans.andNot(t.MayUse(i, l.sku)); !plans.empty() {
			list = append(list, LapsedPlans{l.sku, plans, time.Unix(l.at, 0).UTC()})
		}
	}
	return list
}

// recordLapsed records the plans that a user could use before and cannot use now.
func (t *Tenant) recordLapsed(i int32, before []row, now time.Time) {
	var skus uint64
	for j := range before {
		skus |= 1 << before[j].sku
	}
	for s := range Sku(len(t.products)) {
		if skus>>s&1 == 0 {
			continue
		}
		var could PlanSet
		for j := range before {
			if before[j].sku == s {
				could = could.or(t.allows(&before[j]))
			}
		}
		lost := could.andNot(t.MayUse(i, s))
		if lost.empty() {
			continue
		}
		kept := t.lapsed[i][:0:0]
		for _, l := range t.lapsed[i] {
			if l.sku == s {
				l.plans = l.plans.andNot(lost)
			}
			if !l.plans.empty() {
				kept = append(kept, l)
			}
		}
		t.lapsed[i] = append(kept, lapsedPlans{s, lost, now.Unix()})
	}
}
