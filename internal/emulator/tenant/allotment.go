package tenant

import (
	"iter"
	"math"
	"slices"
	"sort"
	"time"
)

// Allotment is a pool of units of one product.
type Allotment struct {
	ID            string
	At            int // place in Allotments
	Sku           Sku
	AssignableTo  Kinds
	External      string // identifier at a service outside the directory, or ""
	Subscriptions []Subscription

	owned    int
	grace    int // units beyond the owned ones that stay until they are given back
	consumed int // each holder counts once, however many assignments lead here
	waiting  []place
	left     int // of waiting, those that are void
	number   int // of the last place in the queue
	drawn    ledger
}

// maxAllotments is the length of a poolSet.
const maxAllotments = 64

// poolSet has a bit for each allotment.
type poolSet uint64

// Kinds are the kinds of holder that can be assigned units, with a bit for
// each.
type Kinds uint8

// Has says whether units can be assigned to a holder of a kind.
func (k Kinds) Has(kind Kind) bool { return k>>kind&1 == 1 }

// kinds joins kinds.
func kinds(list ...Kind) Kinds {
	var k Kinds
	for _, kind := range list {
		k |= 1 << kind
	}
	return k
}

// Subscription is a purchase behind an allotment.
type Subscription struct {
	ID            string    `json:"id"`
	State         Lifecycle `json:"state"`
	Trial         bool      `json:"trial,omitempty"`
	Start         time.Time `json:"startDate"`         // a day
	NextLifecycle time.Time `json:"nextLifecycleDate"` // the day on which State changes next
	Renews        bool      `json:"renews,omitempty"`  // on that day, for a year, while it is active
}

// Lifecycle is the state of a purchase, by "subscription resource type" of
// microsoft.graph.cloudLicensing.
type Lifecycle string

// The states of a purchase, from best to worst.
const (
	Active    Lifecycle = "active"
	Warning   Lifecycle = "warning"   // expired, in grace: works, but has no enabled unit
	Suspended Lifecycle = "suspended" // grace is over: assigned, but nobody can use it
	LockedOut Lifecycle = "lockedOut"
	Lapsed    Lifecycle = "deleted"
)

var lifecycles = []Lifecycle{Active, Warning, Suspended, LockedOut, Lapsed}

// KnownLifecycle says whether a state is one of those.
func KnownLifecycle(state Lifecycle) bool { return slices.Contains(lifecycles, state) }

// Lifecycle is the best state of the purchases behind a.
func (a *Allotment) Lifecycle() Lifecycle {
	best := len(lifecycles) - 1
	for _, s := range a.Subscriptions {
		best = min(best, slices.Index(lifecycles, s.State))
	}
	return lifecycles[best]
}

// works says whether what is assigned from a can be used, and assigned.
func (a *Allotment) works() bool {
	state := a.Lifecycle()
	return state == Active || state == Warning
}

// Allotted is how many units the allotment has.
func (a *Allotment) Allotted() int { return a.owned }

// Consumed is how many units are in use.
func (a *Allotment) Consumed() int { return a.consumed }

// Free is how many units can be assigned.
func (a *Allotment) Free() int { return max(0, a.owned+a.grace-a.consumed) }

// MaxUnits is how many units one allotment can have.
const MaxUnits = 10_000_000

// unlimited is the units of an allotment until the tenant is built.
const unlimited = math.MaxInt32

// Allotments lists the pools. They do not come and go.
func (t *Tenant) Allotments() []*Allotment { return t.allotments }

// Allotment finds one by its id, exactly as it is written.
func (t *Tenant) Allotment(id string) *Allotment {
	i := slices.IndexFunc(t.allotments, func(a *Allotment) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return t.allotments[i]
}

// Pools lists the allotments of a product.
func (t *Tenant) Pools(s Sku) []*Allotment {
	var list []*Allotment
	for _, i := range t.pools[s] {
		list = append(list, t.allotments[i])
	}
	return list
}

// Units counts the units of a product by what can be done with them, over all
// its pools, and those in use.
func (t *Tenant) Units(s Sku) (byState map[Lifecycle]int, consumed int) {
	byState = map[Lifecycle]int{}
	for _, a := range t.Pools(s) {
		byState[a.Lifecycle()] += a.owned
		if a.grace > 0 {
			byState[Warning] += a.grace
		}
		consumed += a.consumed
	}
	return byState, consumed
}

// Lifecycle is the best state of the purchases of a product.
func (t *Tenant) Lifecycle(s Sku) Lifecycle {
	best := len(lifecycles) - 1
	for _, a := range t.Pools(s) {
		best = min(best, slices.Index(lifecycles, a.Lifecycle()))
	}
	return lifecycles[best]
}

// WaitingMember is a place in the queue for the units of an allotment: first
// come, first served.
type WaitingMember struct {
	Allotment *Allotment
	Who       Ref
	Since     time.Time
	person    int32
}

// place is one in a queue. It is void once its person has left the queue, also
// if the person came back since.
type place struct {
	person int32
	number int // grows along the queue
	since  time.Time
}

// queuing is a person in the queue of an allotment.
type queuing struct {
	person int32
	pool   int
}

func (t *Tenant) void(a *Allotment, p place) bool {
	return t.queued[queuing{p.person, a.At}].number != p.number
}

// WaitingID is the id of a place in a queue.
func (t *Tenant) WaitingID(w WaitingMember) string {
	return t.ids.id(waitingTopic, uint32(w.person), uint32(w.Allotment.At))
}

// WaitingMember finds a place in a queue by its id, exactly as it is written.
func (t *Tenant) WaitingMember(id string) (WaitingMember, bool) {
	i, pool, ok := t.ids.opens(waitingTopic, id)
	if !ok {
		return WaitingMember{}, false
	}
	p, ok := t.queued[queuing{int32(i), int(pool)}]
	if !ok {
		return WaitingMember{}, false
	}
	return WaitingMember{t.allotments[pool], t.refOf(p.person), p.since, p.person}, true
}

// WaitingCount is how many wait for a unit of a.
func (a *Allotment) WaitingCount() int { return len(a.waiting) - a.left }

// Waiting runs over the queue of an allotment after a place, -1 for all, the
// longest waiting first, with their places.
func (t *Tenant) Waiting(a *Allotment, after int) iter.Seq2[int, WaitingMember] {
	return func(yield func(int, WaitingMember) bool) {
		from := sort.Search(len(a.waiting), func(i int) bool { return a.waiting[i].number > after })
		for _, p := range a.waiting[from:] {
			if !t.void(a, p) && !yield(p.number, WaitingMember{a, t.refOf(p.person), p.since, p.person}) {
				return
			}
		}
	}
}

// WaitsOf lists the queues in which a holder is, at most one place in each.
func (t *Tenant) WaitsOf(h Ref) []WaitingMember {
	i := t.person(h)
	var list []WaitingMember
	for at, a := range t.allotments {
		if t.people[i].waits>>at&1 == 1 {
			list = append(list, WaitingMember{a, h, t.queued[queuing{i, at}].since, i})
		}
	}
	return list
}

// enqueue puts a person at the end of a queue. It writes.
func (t *Tenant) enqueue(a *Allotment, i int32, now time.Time) {
	a.number++
	p := place{i, a.number, now}
	a.waiting = append(a.waiting, p)
	t.queued[queuing{i, a.At}] = p
	t.people[i].waits |= 1 << a.At
}

// leave takes a person out of a queue. It writes.
func (t *Tenant) leave(a *Allotment, i int32) {
	delete(t.queued, queuing{i, a.At})
	t.people[i].waits &^= 1 << a.At
	if a.left++; a.left > 64 && a.left > len(a.waiting)/2 {
		a.waiting = slices.DeleteFunc(a.waiting, func(p place) bool { return t.void(a, p) })
		a.left = 0
	}
}

// first is who waits longest for a unit of a and can take one: who is busy keeps
// the place and is passed over. It writes: what is void in front is gone then.
func (t *Tenant) first(a *Allotment) (int32, bool) {
	for ; len(a.waiting) > 0 && t.void(a, a.waiting[0]); a.waiting = a.waiting[1:] {
		a.left--
	}
	for _, p := range a.waiting {
		if !t.void(a, p) && !t.people[p.person].busy {
			return p.person, true
		}
	}
	return 0, false
}
