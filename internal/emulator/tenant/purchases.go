package tenant

import (
	"slices"
	"strings"
	"time"
)

// stateDays is the number of days that a subscription stays in a state. The
// service's own periods depend on the purchase; these are the most common:
// Microsoft Learn, "What if my subscription expires?".
var stateDays = map[Lifecycle]int{Warning: 30, Suspended: 90, LockedOut: 30}

// Live moves the dates of subscriptions without explicit dates, and of what a
// generated tenant's users did recently, close to now.
// From then on subscriptions expire and renew as time passes, see
// [Tenant.Advance]. It writes.
func (t *Tenant) Live(now time.Time) {
	const day = 24 * time.Hour
	days := int(now.UTC().Truncate(day).Sub(t.reference.Truncate(day)) / day)
	for _, a := range t.undated {
		for i := range a.Subscriptions {
			s := &a.Subscriptions[i]
			s.Start, s.NextLifecycle = s.Start.AddDate(0, 0, days), s.NextLifecycle.AddDate(0, 0, days)
		}
	}
	if t.generated && !t.live {
		t.moveTimes(int64(days) * 24 * 60 * 60)
		t.makeHistory(now)
	}
	t.undated, t.live = nil, true
	t.schedule()
}

// schedule computes the time of the next change of a subscription.
func (t *Tenant) schedule() {
	t.nextChange = time.Time{}
	if !t.live {
		return
	}
	for _, a := range t.allotments {
		for _, s := range a.Subscriptions {
			if s.State != Lapsed && !s.NextLifecycle.IsZero() && (t.nextChange.IsZero() || s.NextLifecycle.Before(t.nextChange)) {
				t.nextChange = s.NextLifecycle
			}
		}
	}
}

// isDue reports whether the change of a subscription is due.
func (t *Tenant) isDue(now time.Time) bool { return !t.nextChange.IsZero() && !t.nextChange.After(now) }

// applyDue applies the next changes of subscriptions. It writes.
func (t *Tenant) applyDue() {
	at := t.nextChange
	for _, a := range t.allotments {
		t.provide(a, at, func(s *Subscription) {
			switch {
			case s.State == Lapsed || s.NextLifecycle.IsZero() || s.NextLifecycle.After(at):
			case s.Renews && s.State == Active:
				s.NextLifecycle = s.NextLifecycle.AddDate(1, 0, 0)
			default:
				s.State = lifecycles[slices.Index(lifecycles, s.State)+1]
				s.NextLifecycle = s.NextLifecycle.AddDate(0, 0, stateDays[s.State])
			}
		})
	}
	t.schedule()
}

// provide changes the subscriptions of an allotment. If its units become
// usable or unusable, it recomputes the licenses of the assignees.
func (t *Tenant) provide(a *Allotment, now time.Time, change func(*Subscription)) {
	worked := a.works()
	for i := range a.Subscriptions {
		change(&a.Subscriptions[i])
	}
	var people []int32
	if worked != a.works() {
		for i := range t.people {
			if slices.ContainsFunc(t.people[i].rows, func(r row) bool { return int(r.pool) == a.At }) {
				people = append(people, int32(i))
			}
		}
	}
	t.recompute(people, now)
}

// Purchase is a subscription as the directory lists it.
type Purchase struct {
	ID           string // in the directory
	Sku          Sku
	Units        int // in all allotments
	Subscription Subscription
}

// PurchaseID returns the ID of a subscription in the directory.
func (t *Tenant) PurchaseID(s *Subscription) string {
	return t.seed.GUID("purchase "+strings.ToLower(s.ID), 0).String()
}

// Purchases returns the subscriptions of a product, each once. If allotments
// share one, its state is the best, as in [Tenant.Lifecycle]. The subscriptions
// of an allotment have equal parts of its units, and the first one the rest.
func (t *Tenant) Purchases(s Sku) []Purchase {
	var list []Purchase
	for _, a := range t.Pools(s) {
		for n := range a.Subscriptions {
			one := &a.Subscriptions[n]
			units := a.owned / len(a.Subscriptions)
			if n == 0 {
				units += a.owned % len(a.Subscriptions)
			}
			at := slices.IndexFunc(list, func(p Purchase) bool { return p.Subscription.ID == one.ID })
			if at < 0 {
				list = append(list, Purchase{t.PurchaseID(one), s, units, *one})
				continue
			}
			list[at].Units += units
			if slices.Index(lifecycles, one.State) < slices.Index(lifecycles, list[at].Subscription.State) {
				list[at].Subscription = *one
			}
		}
	}
	return list
}
