package tenant

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"reflect"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) {
	debug.SetGCPercent(400) // many short-lived tenants
	m.Run()
}

var thorough = flag.Uint64("thorough", 1, "try this many times as many histories")

// A change is a change to a tenant. It refers to objects by index, so that it
// can be applied to two tenants.
type change struct {
	kind         int
	person, pool int32
	group        int32
	off          PlanSet
	text         string
	units        int
	state        Lifecycle
	delay        time.Duration
}

const changeKinds = 21

func randomChange(r *rand.Rand, people int) change {
	c := change{
		kind: r.IntN(changeKinds), person: int32(r.IntN(people)), pool: int32(r.IntN(len(allotmentSpecs))), group: int32(r.IntN(1 << 16)),
		units: r.IntN(8), state: lifecycles[r.IntN(3)], text: []string{"DE", "CN", "AE", ""}[r.IntN(4)],
	}
	for range r.IntN(4) {
		c.off.Add(r.IntN(5))
	}
	if r.IntN(3) == 0 {
		c.delay = time.Duration(r.IntN(5)) * time.Second
	}
	return c
}

// apply applies a change at a time. A refused change has no effect.
func (c change) apply(t *Tenant, now time.Time) {
	w := When{Now: now, Delay: c.delay}
	var groups []int32
	for g := range t.Groups(-1) {
		groups = append(groups, g)
	}
	group := groups[int(c.group)%len(groups)]
	pool := t.allotments[c.pool]
	off := c.off.and(t.products[pool.Sku].all)
	present := t.people[c.person].isUser()
	own := t.Assigned(Ref{User, c.person})
	theirs := t.Assigned(Ref{GroupKind, group})
	switch c.kind {
	case 0, 1:
		if present {
			_, _ = t.Assign(pool, Ref{User, c.person}, off, w)
		}
	case 2, 3:
		_, _ = t.Assign(pool, Ref{GroupKind, group}, off, w)
	case 4:
		if len(own) > 0 {
			_ = t.Change(own[c.units%len(own)], off.and(t.products[own[c.units%len(own)].Sku()].all), w)
		}
	case 5:
		if len(theirs) > 0 {
			a := theirs[c.units%len(theirs)]
			_ = t.Change(a, c.off.and(t.products[a.Sku()].all), w)
		}
	case 6:
		if len(own) > 0 {
			t.Unassign(own[c.units%len(own)], w)
		}
	case 7:
		if len(theirs) > 0 {
			t.Unassign(theirs[c.units%len(theirs)], w)
		}
	case 8:
		if present {
			t.Reprocess(Ref{User, c.person}, w)
		}
		if c.units%2 == 0 {
			t.Reprocess(Ref{GroupKind, group}, w)
		}
	case 9:
		if present {
			_ = t.Join(group, Ref{User, c.person}, w)
		}
	case 10:
		t.Leave(group, Ref{User, c.person}, w)
	case 11:
		if present {
			_ = t.WriteUser(c.person, map[string]any{"usageLocation": orNil(c.text)}, w)
			if c.units%2 == 0 {
				_ = t.WriteUser(c.person, map[string]any{"mail": t.people[(c.person+1)%int32(len(t.people)-deviceCount)].name}, w)
			}
		}
	case 12:
		t.Provide(pool, c.units, c.state, w)
	case 13:
		if present && len(t.Skus()) > int(pool.Sku) {
			change := LicenseChange{Add: []Licensed{{pool.Sku, off}}}
			if c.units%3 == 0 {
				change = LicenseChange{Remove: []Sku{pool.Sku}}
			}
			_ = t.AssignUserLicense(c.person, change, w)
			_ = t.AssignGroupLicense(group, change, w)
		}
	case 14:
		if present && c.units == 0 {
			t.DeleteUser(c.person, w)
		}
	case 15:
		_, _ = t.CreateUser(map[string]any{"userPrincipalName": fmt.Sprintf("new%d@%s", c.units, MainDomain), "displayName": "New", "usageLocation": "DE"}, w)
	case 16:
		if c.units == 0 {
			t.CreateGroup("New", "new", "", c.units%2 == 0, c.units%4 == 0, w)
		} else {
			_ = t.DeleteGroup(group)
		}
	case 17:
		if present {
			t.SetBusy(c.person, c.units%2 == 0)
		}
	case 18:
		if present {
			_ = t.SetAddresses(c.person, []string{t.people[c.pool%int32(len(t.people))].name + "x", fmt.Sprintf("new%d@%s", c.units, MainDomain)})
		}
	case 19:
		if present {
			_ = t.WriteUser(c.person, map[string]any{"userPrincipalName": fmt.Sprintf("renamed%d@%s", c.units, MainDomain)}, w)
		}
	case 20:
		who := Ref{DeviceKind, c.group % int32(len(t.devices))}
		if c.units%3 == 0 {
			t.Leave(group, who, w)
		} else {
			_ = t.Join(group, who, w)
		}
	}
}

func orNil(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// difference returns the printed difference of two values; empty if they are
// equal.
func difference(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return cmp.Diff(want, got)
}

// TestInvariants applies thousands of random histories and checks the invariants
// after each change.
func TestInvariants(t *testing.T) {
	t.Parallel()
	for seed := range 100 * *thorough {
		r := rand.New(rand.NewPCG(seed, 1))
		people := 3 + r.IntN(12)
		tn := New(seed, people)
		now := tn.reference
		var changes []string
		for range 25 {
			now = now.Add(time.Duration(r.IntN(2500)) * time.Millisecond)
			tn.Advance(now)
			c := randomChange(r, people)
			c.apply(tn, now)
			changes = append(changes, fmt.Sprintf("%+v", c))
			if err := tn.Check(); err != nil {
				t.Fatalf("history %d:\n%s\nthen: %v", seed, strings.Join(changes, "\n"), err)
			}
		}
		for len(tn.pending) > 0 {
			now = now.Add(time.Minute)
			tn.Advance(now)
		}
		if err := tn.Check(); err != nil {
			t.Fatalf("history %d, in the end: %v", seed, err)
		}
		// Reprocessing again immediately changes nothing.
		for i := range tn.Users(-1) {
			tn.Reprocess(Ref{User, i}, When{Now: now})
			once := tn.summary()
			tn.Reprocess(Ref{User, i}, When{Now: now})
			if diff := difference(once, tn.summary()); diff != "" {
				t.Fatalf("history %d:\n%s\nprocessed twice (-once +twice):\n%s", seed, strings.Join(changes, "\n"), diff)
			}
		}
	}
}

// summary returns everything that follows from the rules, without times.
func (t *Tenant) summary() []string {
	var list []string
	tell := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	for i := range int32(len(t.people)) {
		if t.people[i].gone != 0 {
			tell("%s is gone", t.people[i].id)
			continue
		}
		var rows []string
		for j := range t.people[i].rows {
			r := &t.people[i].rows[j]
			rows = append(rows, fmt.Sprintf("%s: %d from %s off %v, %s %s: %s", t.people[i].id, r.sku, t.source(r.group), r.off, r.state, r.cause, t.message(i, r)))
		}
		slices.Sort(rows)
		list = append(list, rows...)
	}
	for at, a := range t.allotments {
		tell("allotment %d: %d of %d and %d", at, a.consumed, a.owned, a.grace)
		for _, w := range t.Waiting(a, -1) {
			tell("%s waits for %d", t.IDOf(w.Who), at)
		}
	}
	for g := range t.Groups(-1) {
		for _, r := range t.Rights(Ref{GroupKind, g}) {
			tell("%s has a right to %d: %v", t.groups[g].Nickname, r.Sku, t.RightPlans(r))
		}
	}
	var ids []string
	for _, a := range t.Assignments(-1) {
		ids = append(ids, t.AssignmentID(a))
	}
	slices.Sort(ids)
	return append(list, ids...)
}

// footprint returns the users and the scarce allotments that a change can
// affect. Nil people means all.
func (c change) footprint(t *Tenant) (people, scarce map[int32]bool) {
	people, scarce = map[int32]bool{}, map[int32]bool{}
	var groups []int32
	for g := range t.Groups(-1) {
		groups = append(groups, g)
	}
	group := t.groups[groups[int(c.group)%len(groups)]]
	switch c.kind {
	case 12, 13, 14, 15, 16, 17, 18, 19, 20: // many users, or a whole queue
		return nil, nil
	case 2, 3, 5, 7:
		for i := range group.members.after(-1) {
			people[i] = true
		}
		people[-1-group.At] = true // the group itself
	case 9, 10:
		people[-1-group.At] = true
		people[c.person] = true
	case 11:
		people[c.person] = true
		people[(c.person+1)%int32(len(t.people)-deviceCount)] = true
	default:
		people[c.person] = true
	}
	add := func(pool int) {
		if t.allotments[pool].owned < 1000 {
			scarce[int32(pool)] = true
		}
	}
	add(int(c.pool))
	of := func(list []*Assignment) {
		for _, a := range list {
			add(a.Pool.At)
		}
	}
	of(group.assigned)
	for i := range people {
		if i < 0 {
			continue
		}
		for _, r := range t.people[i].rows {
			add(int(r.pool))
		}
		of(t.people[i].assigned)
		for _, g := range t.people[i].memberOf {
			of(t.groups[g].assigned)
		}
	}
	return people, scarce
}

func disjoint(a, b map[int32]bool) bool {
	for i := range a {
		if b[i] {
			return false
		}
	}
	return a != nil && b != nil
}

// TestOrder replays histories in another order: it swaps neighbours that
// affect neither the same users nor the same scarce allotments. The result
// must be the same for all users.
func TestOrder(t *testing.T) {
	t.Parallel()
	swaps := 0
	for seed := range 400 * *thorough {
		r := rand.New(rand.NewPCG(seed, 2))
		people := 6 + r.IntN(20)
		start := func() *Tenant {
			tn := New(seed, people)
			for at, a := range tn.allotments {
				if at%2 == 0 {
					tn.Provide(a, 5000, a.Lifecycle(), When{Now: tn.reference})
				}
			}
			return tn
		}
		var list []change
		for range 20 {
			c := randomChange(r, people)
			c.delay = 0
			list = append(list, c)
		}
		replay := func() *Tenant {
			tn := start()
			for n, c := range list {
				c.apply(tn, tn.reference.Add(time.Duration(n)*time.Hour))
			}
			return tn
		}
		want := replay().summary()
		tn := start()
		for n := 0; n+1 < len(list); n++ {
			// The footprint is computed before the change is applied.
			p1, s1 := list[n].footprint(tn)
			p2, s2 := list[n+1].footprint(tn)
			if disjoint(p1, p2) && disjoint(s1, s2) {
				list[n], list[n+1] = list[n+1], list[n]
				swaps++
			}
			list[n].apply(tn, tn.reference.Add(time.Duration(n)*time.Hour))
		}
		if diff := difference(want, replay().summary()); diff != "" {
			var changes []string
			for _, c := range list {
				changes = append(changes, fmt.Sprintf("%+v", c))
			}
			t.Fatalf("history %d, in another order:\n%s\n(-first +second):\n%s", seed, strings.Join(changes, "\n"), diff)
		}
	}
	if swaps < 400 {
		t.Errorf("%d neighbours changed places in %d histories", swaps, 400**thorough)
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	var s set
	want := map[int32]bool{}
	for range 20_000 {
		i, in := int32(r.IntN(5000)), r.IntN(2) == 0
		s.put(i, in)
		if in {
			want[i] = true
		} else {
			delete(want, i)
		}
	}
	n, last := 0, int32(-1)
	for i := range s.after(-1) {
		if !want[i] || i <= last {
			t.Fatalf("%d after %d", i, last)
		}
		n, last = n+1, i
	}
	if n != len(want) || s.n != n || s.has(99_999) || s.next(99_999) != -1 {
		t.Errorf("%d of %d, counted %d", n, len(want), s.n)
	}
}

func TestIDs(t *testing.T) {
	t.Parallel()
	ids := newIDs(7)
	for n := range uint32(2000) {
		id := ids.id(errorTopic, n, 5)
		if a, b, ok := ids.opens(errorTopic, id); !ok || a != n || b != 5 {
			t.Fatalf("%s: %d %d %t", id, a, b, ok)
		}
		for _, wrong := range []string{strings.ToUpper(id), id + "a", id[1:], id[:len(id)-1] + "\n"} {
			if _, _, ok := ids.opens(errorTopic, wrong); ok {
				t.Fatalf("%q is opened", wrong)
			}
		}
		if _, _, ok := ids.opens(waitingTopic, id); ok {
			t.Fatal("an id of another topic is opened")
		}
		if _, _, ok := newIDs(8).opens(errorTopic, id); ok {
			t.Fatal("an id of another tenant is opened")
		}
	}
}
