package tenant

import (
	"slices"
	"time"
)

// stateDays is how many days a purchase stays in a state that it has come to by
// itself. The service's own times depend on how it was bought; these are those of
// most: Microsoft Learn, "What if my subscription expires?".
var stateDays = map[Lifecycle]int{Warning: 30, Suspended: 90, LockedOut: 30}

// Live puts the dates of purchases that nobody has dated around now, and has them
// end and renew from then on as time passes: [Tenant.Advance] lets it happen. It
// writes.
func (t *Tenant) Live(now time.Time) {
	const day = 24 * time.Hour
	days := int(now.UTC().Truncate(day).Sub(t.reference.Truncate(day)) / day)
	for _, a := range t.undated {
		for i := range a.Subscriptions {
			s := &a.Subscriptions[i]
			s.Start, s.NextLifecycle = s.Start.AddDate(0, 0, days), s.NextLifecycle.AddDate(0, 0, days)
		}
	}
	t.undated, t.live = nil, true
	t.schedule()
}

// schedule finds out when a purchase changes next.
func (t *Tenant) schedule() {
	t.turns = time.Time{}
	if !t.live {
		return
	}
	for _, a := range t.allotments {
		for _, s := range a.Subscriptions {
			if s.State != Lapsed && !s.NextLifecycle.IsZero() && (t.turns.IsZero() || s.NextLifecycle.Before(t.turns)) {
				t.turns = s.NextLifecycle
			}
		}
	}
}

// turning says whether a purchase changes by now.
func (t *Tenant) turning(now time.Time) bool { return !t.turns.IsZero() && !t.turns.After(now) }

// turn lets the purchases change that change next. It writes.
func (t *Tenant) turn() {
	at := t.turns
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

// provide changes the purchases of an allotment. Where that makes its units usable,
// or useless, its holders' licenses follow.
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
	t.settle(people, now)
}
