package tenant

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// recompute recomputes the licenses of users, and assigns the units that became
// free to the queues: first in, first out.
func (t *Tenant) recompute(people []int32, now time.Time) {
	for _, i := range people {
		t.recomputeUser(i, now)
	}
	t.by = nil // It is not the cause of what the queues do.
	for at := 0; at < len(t.allotments); at++ {
		a := t.allotments[at]
		if !a.works() || a.Free() == 0 {
			continue
		}
		if i, queue := t.first(a); queue {
			t.recomputeUser(i, now)
			if next, queue := t.first(a); queue && next == i {
				panic(fmt.Sprintf("tenant: the first user in the queue of allotment %s neither takes a free unit nor leaves", a.ID))
			}
			at = -1 // The change of one user can affect any allotment.
		}
	}
}

// recomputeUser computes the licenses of a user from all assignments that reach
// the user, by the rules. No other code changes them.
func (t *Tenant) recomputeUser(i int32, now time.Time) {
	p := &t.people[i]
	before := p.rows
	existing := units(before)
	rows := make([]row, 0, len(before)+1)
	for _, r := range before {
		switch {
		case r.from == nil:
			if p.gone == 0 {
				rows = append(rows, r)
			}
		case t.reaches(i, r.from):
			r.off = r.from.reach
			rows = append(rows, r)
		}
	}
	known := len(rows)
	fresh := func(list []*Assignment, group int32) {
		for _, a := range list {
			if !a.reaches || !t.isAssignable(a, i) || slices.ContainsFunc(rows[:known], func(r row) bool { return r.from == a }) {
				continue
			}
			rows = append(rows, row{from: a, off: a.reach, group: group, pool: uint8(a.Pool.At), sku: a.Sku()})
		}
	}
	fresh(p.assigned, direct)
	for _, g := range p.memberOf {
		if len(t.groups[g].assigned) > 0 && !t.isJoining(membership{i, g}) {
			fresh(t.groups[g].assigned, g)
		}
	}
	slices.SortStableFunc(rows, func(a, b row) int { // Rows in force come first.
		return cmp.Compare(b.rank(), a.rank())
	})
	t.evaluate(i, rows, existing)
	orphan := func(r row) bool { // The remainder of a deleted group is removed with the last real source.
		return r.from == nil && !slices.ContainsFunc(rows, func(o row) bool { return o.from != nil && o.sku == r.sku && o.state.hasUnit() })
	}
	if slices.ContainsFunc(rows, orphan) {
		rows = slices.DeleteFunc(slices.Clone(rows), orphan)
		t.evaluate(i, rows, existing)
	}
	for j := range rows {
		r := &rows[j]
		if !slices.ContainsFunc(before, func(b row) bool { return b.from == r.from && b.same(r) }) {
			r.updated = now.Unix()
		}
	}
	t.commit(i, rows, now)
}

// isAssignable reports whether a unit of a group's assignment can go to this kind of
// member.
func (t *Tenant) isAssignable(a *Assignment, i int32) bool {
	return a.To.Kind != GroupKind || a.Pool.AssignableTo.Has(t.refOf(i).Kind)
}

// reaches reports whether an assignment has reached a user.
func (t *Tenant) reaches(i int32, a *Assignment) bool {
	switch {
	case !a.reaches:
		return false
	case a.To.Kind != GroupKind:
		return true // A direct assignment of the user.
	}
	m := membership{i, a.To.At}
	return t.isLeaving(m) || slices.Contains(t.people[i].memberOf, a.To.At) && !t.isJoining(m)
}

func (t *Tenant) isJoining(m membership) bool {
	_, ok := t.joining[m]
	return ok
}

func (t *Tenant) isLeaving(m membership) bool {
	_, ok := t.leaving[m]
	return ok
}

// rank is higher for a row in force.
func (r *row) rank() int {
	if r.state.usable() {
		return 1
	}
	return 0
}

// same reports whether two rows are equal for a client.
func (r *row) same(o *row) bool {
	return r.state == o.state && r.cause == o.cause && r.plan == o.plan && r.other == o.other && r.off == o.off
}

// commit sets the rows of a user and updates the counters: units, queues,
// errors and the rights of groups.
func (t *Tenant) commit(i int32, rows []row, now time.Time) {
	p := &t.people[i]
	before := p.rows
	if slices.Equal(before, rows) {
		return
	}
	t.tally(i, p.memberOf, -1)
	p.rows = rows
	t.tally(i, p.memberOf, 1)

	had, has := units(before), units(rows)
	var waits poolSet
	for j := range rows {
		switch rows[j].cause {
		case Count:
			waits |= 1 << rows[j].pool
		case Contention: // The user keeps the place in the queue.
			waits |= p.waits & (1 << rows[j].pool)
		}
	}
	for at, a := range t.allotments {
		bit := poolSet(1) << at
		switch {
		case had&bit == 0 && has&bit != 0:
			a.consumed++
		case had&bit != 0 && has&bit == 0:
			a.release()
		}
		switch {
		case p.waits&bit == 0 && waits&bit != 0:
			t.enqueue(a, i, now.UTC().Truncate(100*time.Nanosecond))
		case p.waits&bit != 0 && waits&bit == 0:
			t.leave(a, i)
		}
	}
	if p.device != 0 {
		return
	}
	for _, list := range [2][]row{before, rows} {
		for j := range list {
			s := list[j].sku
			fails := slices.ContainsFunc(rows, func(r row) bool { return r.sku == s && r.cause != NoCause })
			t.failing[s].put(i, fails)
			t.holding[s].put(i, t.HasProduct(i, s))
			if g := list[j].group; g >= 0 {
				t.groups[g].failing.put(i, slices.Contains(p.memberOf, g) && slices.ContainsFunc(rows, func(r row) bool { return r.group == g && r.cause != NoCause }))
			}
		}
	}
	if t.built {
		t.recordLapsed(i, before, now)
	}
	if t.journal.on {
		if !slices.EqualFunc(rowsWithUnit(before), rowsWithUnit(rows), func(a, b row) bool { return a.sku == b.sku && a.off == b.off }) {
			t.journal.add(Change{Of: Ref{User, i}, What: LicensesChanged})
			t.auditUser(i, before, now)
		}
	}
}

func rowsWithUnit(rows []row) []row {
	return slices.DeleteFunc(slices.Clone(rows), func(r row) bool { return !r.state.hasUnit() })
}

// release returns a unit. A unit in grace is removed.
func (a *Allotment) release() {
	a.consumed--
	a.grace = max(0, min(a.grace, a.consumed-a.owned))
}

// tally adds the plans that a user may use to the rights of groups, or
// subtracts them.
func (t *Tenant) tally(i int32, groups []int32, sign int) {
	rows := t.people[i].rows
	if len(rows) == 0 || len(groups) == 0 || t.people[i].device != 0 {
		return
	}
	var done uint64 // products
	for j := range rows {
		s := rows[j].sku
		if !rows[j].state.usable() || done>>s&1 == 1 {
			continue
		}
		done |= 1 << s
		lacks := t.products[s].all.andNot(t.MayUse(i, s))
		for _, at := range groups {
			g := t.groups[at]
			if len(g.rights) <= int(s) {
				g.rights = append(g.rights, make([]groupRight, int(s)+1-len(g.rights))...)
			}
			right := &g.rights[s]
			right.holders += sign
			if right.lacks == nil {
				right.lacks = make([]int32, len(t.products[s].Plans))
				right.through = map[*Assignment]int{}
			}
			for plan := range lacks.all {
				right.lacks[plan] += int32(sign)
			}
			for k := range rows {
				if r := &rows[k]; r.sku == s && r.group >= 0 && r.state.usable() {
					if right.through[r.from] += sign; right.through[r.from] == 0 {
						delete(right.through, r.from)
					}
				}
			}
		}
	}
}
