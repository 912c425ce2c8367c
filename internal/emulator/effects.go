package emulator

import (
	"slices"
	"time"
)

// effect is a change of a group's assignments on its way to the members.
type effect struct {
	due         time.Time
	group       int
	assignments []*assignment
}

const (
	processing = "ProcessingInProgress"
	processed  = "ProcessingComplete"
)

// spread lets assignments that were made, changed or deleted take effect: on a
// person or a device at once, on the members of a group after the delay. While
// the clock has not moved on since, the group is still processing.
func (t *tenant) spread(list []*assignment, now time.Time, delay time.Duration) {
	var people []int32
	for _, a := range list {
		if a.to.kind != groupHolder {
			a.spread()
			people = append(people, t.reached(a)...)
			continue
		}
		e := effect{due: now.Add(max(delay, 1)), group: int(a.to.at), assignments: []*assignment{a}}
		t.groups[a.to.at].state = processing
		if delay <= 0 {
			a.spread()
			people = append(people, t.reached(a)...)
			e.assignments = nil
		}
		t.pending = append(t.pending, e)
	}
	slices.SortStableFunc(t.pending, func(a, b effect) int { return a.due.Compare(b.due) })
	t.settle(people, now)
}

// spread makes the assignment known as it is.
func (a *assignment) spread() { a.reaches, a.reach = !a.gone, a.off }

// reached lists the people whom an assignment concerns.
func (t *tenant) reached(a *assignment) []int32 {
	switch a.to.kind {
	case groupHolder:
		return t.groups[a.to.at].members
	case userHolder:
		return []int32{a.to.at}
	}
	return nil
}

// due says whether a change is to reach somebody by now.
func (t *tenant) due(now time.Time) bool {
	return len(t.pending) > 0 && !t.pending[0].due.After(now)
}

// advance lets happen what is due by now.
func (t *tenant) advance(now time.Time) {
	for t.due(now) {
		e := t.pending[0]
		t.pending = t.pending[1:]
		var people []int32
		for _, a := range e.assignments {
			a.spread()
			people = append(people, t.reached(a)...)
		}
		t.settle(people, e.due)
		if !slices.ContainsFunc(t.pending, func(other effect) bool { return other.group == e.group }) {
			t.groups[e.group].state = processed
		}
	}
}

// settle works out again what people have, and hands on the units that became
// free: first come, first served.
func (t *tenant) settle(people []int32, now time.Time) {
	now = now.UTC().Truncate(100 * time.Nanosecond)
	changed := map[int32]bool{}
	for _, i := range people {
		if !changed[i] {
			changed[i] = true
			t.settleOne(i, now)
		}
	}
	for at := 0; at < len(t.allotments); at++ {
		a := &t.allotments[at]
		if i, queue := t.first(a); queue && a.free() > 0 {
			changed[i] = true
			t.settleOne(i, now)
			at = -1 // What one person got can have changed any allotment.
		}
	}
	for at := range t.allotments {
		t.tidy(&t.allotments[at])
	}
	t.errors = slices.DeleteFunc(t.errors, func(e assignmentError) bool { return changed[e.user] })
	for i := range changed {
		t.errors = append(t.errors, t.errorsOf(i)...)
	}
	slices.SortFunc(t.errors, byErrorID)
}

// settleOne works out what person i has: from all assignments that reach the
// person, by the rules. Nothing else decides that.
func (t *tenant) settleOne(i int32, now time.Time) {
	u := &t.users[i]
	held := u.held()
	rows := make([]licence, 0, len(u.licences)+1)
	for _, l := range u.licences {
		if l.from == nil {
			rows = append(rows, l)
		} else if l.from.reaches {
			l.off = l.from.reach
			rows = append(rows, l)
		}
	}
	fresh := func(list []*assignment, group int) {
		for _, a := range list {
			if a.reaches && !slices.ContainsFunc(rows, func(l licence) bool { return l.from == a }) {
				rows = append(rows, licence{sku: t.skuOf(a), group: group, from: a, pool: a.pool, off: a.reach, state: errorState})
			}
		}
	}
	fresh(u.assigned, direct)
	for _, g := range u.memberOf {
		fresh(t.groups[g].assigned, int(g))
	}
	t.judge(i, rows, held)
	for j := range rows {
		if !slices.ContainsFunc(u.licences, func(l licence) bool { return l.from == rows[j].from && l.same(&rows[j]) }) {
			rows[j].updated = now.Truncate(time.Second)
		}
	}
	u.licences = rows
	t.count(i, held, now)
}

// same says whether two rows tell the same.
func (l *licence) same(m *licence) bool {
	if l.sku != m.sku || l.state != m.state || !slices.Equal(l.off, m.off) || (l.error == nil) != (m.error == nil) {
		return false
	}
	return l.error == nil || *l.error == *m.error
}

// reprocess tries again what failed for a passing reason.
func (t *tenant) reprocess(i int32, now time.Time) {
	rows := t.users[i].licences
	for j := range rows {
		if rows[j].fault == concurrent {
			rows[j].fault = noFault
		}
	}
	t.settle([]int32{i}, now)
}

// assign makes an assignment.
func (t *tenant) assign(pool int, to holder, off []string) *assignment {
	t.made++
	a := &assignment{pool: pool, to: to, off: off}
	if a.id = t.dice.guid("made assignment", t.made).String(); t.made%4 == 0 {
		a.id = t.dice.longID("made assignment", t.made)
	}
	t.file(a)
	if to.kind == deviceHolder && t.drawn(to, pool) == 1 {
		t.allotments[pool].consumed++
	}
	return a
}

// unassign takes an assignment away.
func (t *tenant) unassign(a *assignment) {
	a.gone = true
	list := t.assigned(a.to)
	*list = slices.DeleteFunc(*list, func(b *assignment) bool { return a == b })
	i, _ := t.findAssignment(a.id)
	t.assignments = slices.Delete(t.assignments, i, i+1)
	if a.to.kind == deviceHolder && t.drawn(a.to, a.pool) == 0 {
		t.allotments[a.pool].consumed--
	}
}

// drawn counts the assignments to h from one allotment.
func (t *tenant) drawn(h holder, pool int) int {
	n := 0
	for _, a := range *t.assigned(h) {
		if a.pool == pool {
			n++
		}
	}
	return n
}
