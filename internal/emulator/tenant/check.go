package tenant

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Check recomputes the counters and returns the violated invariants of the
// tenant: no allotment has more units in use than it owns and has in grace;
// each right has an assignment; a license has a cause exactly if it is not in
// force; each member without a unit is in the queue; no member waits while a
// unit is free.
func (t *Tenant) Check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	consumed := make([]int, len(t.allotments))
	waiting, ready := make([]int, len(t.allotments)), make([]int, len(t.allotments))
	failing, holding := make([]int, len(t.products)), make([]int, len(t.products))
	groups := make([]struct{ people, failing, members int }, len(t.groups))
	rights := map[Right]*groupRight{}
	for i := range int32(len(t.people)) {
		p := &t.people[i]
		var waits poolSet
		for j := range p.rows {
			r := &p.rows[j]
			switch {
			case r.from == nil && r.group != goneGroup:
				bad("%s has a license without a source", p.id)
			case r.from != nil && (r.from.gone || !t.reaches(i, r.from)) && len(t.pending) == 0:
				bad("%s has a license from an assignment that does not reach it", p.id)
			case (r.cause == NoCause) != (r.state == InForce || r.state == Disabled):
				bad("%s has a license in state %s because of %s", p.id, r.state, r.cause)
			case r.state.usable() && t.allows(r).empty() && r.missing != 0:
				bad("%s has an empty right", p.id)
			}
			switch r.cause {
			case Count:
				waits |= 1 << r.pool
			case Contention:
				waits |= p.waits & (1 << r.pool)
			}
			if r.group >= 0 && failsGroup(p.rows, r.group, r.sku) && slices.ContainsFunc(p.rows, func(o row) bool { return o.group == r.group && o.cause == NoCause && o.state != Disabled }) {
				bad("%s has a product of a group that could not assign all of its products", p.id)
			}
			if slices.ContainsFunc(p.rows[:j], func(o row) bool { return o.from == r.from && r.from != nil }) {
				bad("%s has an assignment twice", p.id)
			}
		}
		if p.device == 0 {
			for _, s := range t.Usable(i) {
				if len(t.RightSources(Right{Ref{User, i}, s})) == 0 {
					bad("%s has a right to product %d without an assignment", p.id, s)
				}
			}
		}
		if waits != p.waits {
			bad("%s: in the queues %b, without a unit of %b", p.id, p.waits, waits)
		}
		has := units(p.rows)
		for at := range t.allotments {
			consumed[at] += int(has >> at & 1)
			waiting[at] += int(waits >> at & 1)
			if !p.busy {
				ready[at] += int(waits >> at & 1)
			}
			if _, queued := t.queued[queuing{i, at}]; queued != (waits>>at&1 == 1) {
				bad("%s: the queue of allotment %d is inconsistent", p.id, at)
			}
		}
		if p.device == 0 {
			for _, l := range t.AssignedProducts(i) {
				if holding[l.Sku]++; !t.holding[l.Sku].has(i) {
					bad("%s has a unit of a product, but is not in its holders", p.id)
				}
			}
			for _, s := range t.failed(i) {
				failing[s]++
				if !t.failing[s].has(i) {
					bad("%s has an error that is not listed", p.id)
				}
			}
		}
		for _, g := range p.memberOf {
			if !t.groups[g].members.has(i) {
				bad("%s is a member of group %d, but not in its members", p.id, g)
			}
			groups[g].members++
			if p.device != 0 {
				continue
			}
			groups[g].people++
			if slices.ContainsFunc(p.rows, func(r row) bool { return r.group == g && r.cause != NoCause }) {
				groups[g].failing++
			}
			for _, s := range t.Usable(i) {
				key := Right{Ref{GroupKind, g}, s}
				if rights[key] == nil {
					rights[key] = &groupRight{lacks: make([]int32, len(t.products[s].Plans)), through: map[*Assignment]int{}}
				}
				rights[key].holders++
				for plan := range t.products[s].all.andNot(t.MayUse(i, s)).all {
					rights[key].lacks[plan]++
				}
				for _, r := range p.rows {
					if r.sku == s && r.group >= 0 && r.state.usable() {
						rights[key].through[r.from]++
					}
				}
			}
		}
	}
	for at, a := range t.allotments {
		if a.consumed != consumed[at] || a.WaitingCount() != waiting[at] {
			bad("allotment %d: %d in use and %d waiting, counted %d and %d", at, a.consumed, a.WaitingCount(), consumed[at], waiting[at])
		}
		if a.consumed > a.owned+a.grace {
			bad("allotment %d: %d of %d and %d units are in use", at, a.consumed, a.owned, a.grace)
		}
		if ready[at] > 0 && a.Free() > 0 && a.works() {
			bad("allotment %d: a member waits although %d units are free", at, a.Free())
		}
		if n := len(slices.Collect(second(t.AssignmentsFrom(a, -1)))); n != a.drawn.n {
			bad("allotment %d: %d assignments, counted %d", at, a.drawn.n, n)
		}
	}
	for s := range t.products {
		if t.failing[s].n != failing[s] || t.holding[s].n != holding[s] {
			bad("product %d: %d errors and %d holders, counted %d and %d", s, t.failing[s].n, t.holding[s].n, failing[s], holding[s])
		}
	}
	for at, g := range t.groups {
		if g.people != groups[at].people || g.failing.n != groups[at].failing || g.members.n != groups[at].members {
			bad("group %s: %d users, %d failing, %d members, counted %+v", g.Name, g.people, g.failing.n, g.members.n, groups[at])
		}
		for s := range g.rights {
			want := rights[Right{Ref{GroupKind, int32(at)}, Sku(s)}]
			if want == nil {
				want = &groupRight{}
			}
			got := &g.rights[s]
			if got.holders != want.holders || got.holders > 0 && (!slices.Equal(got.lacks, want.lacks) || !maps.Equal(got.through, want.through)) {
				bad("group %s: the right to product %d is %+v, counted %+v", g.Name, s, *got, *want)
			}
		}
	}
	return errors.Join(errs...)
}

func second[K, V any](seq func(func(K, V) bool)) func(func(V) bool) {
	return func(yield func(V) bool) {
		seq(func(_ K, v V) bool { return yield(v) })
	}
}
