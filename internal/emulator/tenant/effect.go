package tenant

import (
	"slices"
	"time"
)

// When is the time of a change, and the delay until a change of a group
// reaches its members. Zero or less is no delay.
type When struct {
	Now   time.Time
	Delay time.Duration
	By    *Actor // for the audit log
}

// membership is a user in a group.
type membership struct{ person, group int32 }

// effect is a pending change: of a group for its members, or one that the
// service retries.
type effect struct {
	since, due  time.Time
	group       int // -1: no group
	assignments []*Assignment
	people      []int32 // users affected in addition to the members that assignments reach
}

// retryAfter is the time until the service retries a conflicting change.
const retryAfter = time.Minute

// contention is the time after a change of a user's direct licenses in which a
// change of a group conflicts with it.
const contention = time.Second

// spread applies created, changed or deleted assignments: to a user or device
// immediately, to the members of a group after the delay. Until the clock has
// advanced, the group is in the state ProcessingInProgress.
func (t *Tenant) spread(list []*Assignment, w When) {
	var people []int32
	group := int32(-1) // whose licenses reach its members now
	for _, a := range list {
		if a.To.Kind != GroupKind {
			a.spread()
			i := t.person(a.To)
			people = append(people, i)
			t.touched[i], t.by = w.Now, w.By
			continue
		}
		e := effect{since: w.Now, due: w.Now.Add(max(w.Delay, 1)), group: int(a.To.At), assignments: []*Assignment{a}}
		if w.Delay <= 0 {
			a.spread()
			people = slices.AppendSeq(people, t.groups[a.To.At].members.after(-1))
			e.assignments, group = nil, a.To.At
		}
		t.postpone(e)
	}
	if group >= 0 {
		t.auditProcessing(group, w.Now, func() { t.recompute(people, w.Now) })
		return
	}
	t.recompute(people, w.Now)
}

// spread copies the assignment to what has reached the members.
func (a *Assignment) spread() { a.reaches, a.reach = !a.gone, a.Off }

func (t *Tenant) postpone(e effect) {
	at, _ := slices.BinarySearchFunc(t.pending, e.due, func(p effect, due time.Time) int {
		if p.due.After(due) {
			return 1
		}
		return -1 // After the effects due at the same time.
	})
	t.pending = slices.Insert(t.pending, at, e)
}

// Due reports whether an effect is due, so that [Tenant.Advance] has something
// to do.
func (t *Tenant) Due(now time.Time) bool {
	return len(t.pending) > 0 && !t.pending[0].due.After(now) || t.isDue(now)
}

// Advance applies the effects that are due. It writes.
func (t *Tenant) Advance(now time.Time) {
	for t.Due(now) {
		if t.isDue(now) && (len(t.pending) == 0 || !t.nextChange.After(t.pending[0].due)) {
			t.applyDue()
			continue
		}
		e := t.pending[0]
		t.pending = t.pending[1:]
		people := e.people
		for _, a := range e.assignments {
			a.spread()
			people = slices.AppendSeq(people, t.groups[a.To.At].members.after(-1))
		}
		for _, i := range e.people {
			if e.group >= 0 {
				t.arrive(membership{i, int32(e.group)}, e.due)
			} else {
				t.people[i].busy = false
			}
		}
		if e.group >= 0 && e.due.Sub(e.since) > contention {
			t.contend(people, e.due)
		}
		if len(e.assignments) > 0 {
			t.auditProcessing(int32(e.group), e.due, func() { t.recompute(people, e.due) })
			continue
		}
		t.recompute(people, e.due)
	}
	for i, at := range t.touched {
		if now.Sub(at) > contention {
			delete(t.touched, i)
		}
	}
}

// arrive ends the pending effect of a membership, unless a later one is
// scheduled.
func (t *Tenant) arrive(m membership, due time.Time) {
	for _, waits := range []map[membership]time.Time{t.joining, t.leaving} {
		if until, ok := waits[m]; ok && !until.After(due) {
			delete(waits, m)
		}
	}
}

// contend finds the users whose direct licenses changed immediately before a
// group's change reaches them. The service retries them.
func (t *Tenant) contend(people []int32, due time.Time) {
	for _, i := range people {
		if at, ok := t.touched[i]; ok && !at.After(due) && due.Sub(at) < contention && !t.people[i].busy {
			t.people[i].busy = true
			t.postpone(effect{since: due, due: due.Add(retryAfter), group: -1, people: []int32{i}})
		}
	}
}
