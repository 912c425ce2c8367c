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
	At            int // index into Tenant.allotments
	Sku           Sku
	AssignableTo  Kinds
	External      string // identifier in a service outside the directory, or ""
	Subscriptions []Subscription

	owned    int
	grace    int // units beyond owned that remain until they are returned
	consumed int // counts each assignee once, regardless of the number of assignments
	waiting  []place
	left     int // number of void places in waiting
	number   int // number of the last place in the queue
	drawn    ledger
}

// maxAllotments is the capacity of a poolSet.
const maxAllotments = 64

// poolSet is a bit set of allotments.
type poolSet uint64

// Kinds is a bit set of the kinds of objects that units can be assigned to.
type Kinds uint8

// Has reports whether units can be assigned to an object of the kind.
func (k Kinds) Has(kind Kind) bool { return k>>kind&1 == 1 }

func kinds(list ...Kind) Kinds {
	var k Kinds
	for _, kind := range list {
		k |= 1 << kind
	}
	return k
}

// Subscription is a purchase behind an allotment.
type Subscription struct {
	ID            string    `json:"id"` // in the commerce system
	State         Lifecycle `json:"state"`
	Trial         bool      `json:"trial,omitempty"`
	Start         time.Time `json:"startDate"`               // date
	NextLifecycle time.Time `json:"nextLifecycleDate"`       // date of the next change of State
	Renews        bool      `json:"renews,omitempty"`        // renews on that day for a year, if active
	Owner         string    `json:"ownerId,omitempty"`       // object ID of the user who bought it, in the tenant of the partner if there is one
	Partner       string    `json:"ownerTenantId,omitempty"` // ID of the tenant of the partner who bought it
}

// Lifecycle is the state of a subscription, see the "subscription resource
// type" of microsoft.graph.cloudLicensing.
type Lifecycle string

// The states of a subscription, from best to worst.
const (
	Active    Lifecycle = "active"
	Warning   Lifecycle = "warning"   // expired, in the grace period: usable, but without enabled units
	Suspended Lifecycle = "suspended" // after the grace period: assigned, but not usable
	LockedOut Lifecycle = "lockedOut"
	Lapsed    Lifecycle = "deleted"
)

var lifecycles = []Lifecycle{Active, Warning, Suspended, LockedOut, Lapsed}

// KnownLifecycle reports whether state is one of these.
func KnownLifecycle(state Lifecycle) bool { return slices.Contains(lifecycles, state) }

// Lifecycle returns the best state of the subscriptions behind a.
func (a *Allotment) Lifecycle() Lifecycle {
	best := len(lifecycles) - 1
	for _, s := range a.Subscriptions {
		best = min(best, slices.Index(lifecycles, s.State))
	}
	return lifecycles[best]
}

// works reports whether units of a can be assigned and used.
func (a *Allotment) works() bool {
	state := a.Lifecycle()
	return state == Active || state == Warning
}

// Allotted returns the number of units in the allotment.
func (a *Allotment) Allotted() int { return a.owned }

// Consumed returns the number of units in use.
func (a *Allotment) Consumed() int { return a.consumed }

// Free returns the number of units that can be assigned.
func (a *Allotment) Free() int { return max(0, a.owned+a.grace-a.consumed) }

// MaxUnits is the largest number of units in one allotment.
const MaxUnits = 10_000_000

// unlimited is the number of units in an allotment while the tenant is built.
const unlimited = math.MaxInt32

// Allotments returns all allotments. The list never changes.
func (t *Tenant) Allotments() []*Allotment { return t.allotments }

// Allotment returns the allotment with the ID, which is case-sensitive.
func (t *Tenant) Allotment(id string) *Allotment {
	i := slices.IndexFunc(t.allotments, func(a *Allotment) bool { return a.ID == id })
	if i < 0 {
		return nil
	}
	return t.allotments[i]
}

// Pools returns the allotments of a product.
func (t *Tenant) Pools(s Sku) []*Allotment {
	var list []*Allotment
	for _, i := range t.pools[s] {
		list = append(list, t.allotments[i])
	}
	return list
}

// Units returns the units of a product in all its allotments, by state, and
// the number of units in use.
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

// Lifecycle returns the best state of the subscriptions of a product.
func (t *Tenant) Lifecycle(s Sku) Lifecycle {
	best := len(lifecycles) - 1
	for _, a := range t.Pools(s) {
		best = min(best, slices.Index(lifecycles, a.Lifecycle()))
	}
	return lifecycles[best]
}

// WaitingMember is a place in the queue for the units of an allotment. The
// queue is first in, first out.
type WaitingMember struct {
	Allotment *Allotment
	Who       Ref
	Since     time.Time
	person    int32
}

// place is a place in a queue. It becomes void when its user leaves the queue,
// even if the user joins again later.
type place struct {
	person int32
	number int // increases along the queue
	since  time.Time
}

// queuing is the key of a user in the queue of an allotment.
type queuing struct {
	person int32
	pool   int
}

func (t *Tenant) void(a *Allotment, p place) bool {
	return t.queued[queuing{p.person, a.At}].number != p.number
}

// WaitingID returns the ID of a place in a queue.
func (t *Tenant) WaitingID(w WaitingMember) string {
	return t.ids.id(waitingTopic, uint32(w.person), uint32(w.Allotment.At))
}

// WaitingMember returns the place with the ID, which is case-sensitive.
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

// WaitingCount returns the number of users in the queue of a.
func (a *Allotment) WaitingCount() int { return len(a.waiting) - a.left }

// Waiting iterates over the queue of an allotment after a position (-1 for
// all), longest wait first.
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

// WaitsOf returns the places of an assignee in queues, at most one in each.
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

// enqueue appends a user to a queue. It writes.
func (t *Tenant) enqueue(a *Allotment, i int32, now time.Time) {
	a.number++
	p := place{i, a.number, now}
	a.waiting = append(a.waiting, p)
	t.queued[queuing{i, a.At}] = p
	t.people[i].waits |= 1 << a.At
}

// leave removes a user from a queue. It writes.
func (t *Tenant) leave(a *Allotment, i int32) {
	delete(t.queued, queuing{i, a.At})
	t.people[i].waits &^= 1 << a.At
	if a.left++; a.left > 64 && a.left > len(a.waiting)/2 {
		a.waiting = slices.DeleteFunc(a.waiting, func(p place) bool { return t.void(a, p) })
		a.left = 0
	}
}

// first returns the first user in the queue of a that can take a unit. It
// skips busy users, which keep their places. It writes: it removes the void
// places at the front.
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
