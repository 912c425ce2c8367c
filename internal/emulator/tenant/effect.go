package tenant

import (
	"slices"
	"time"
)

// When is the time of a change, and how long it takes a change of a group to
// reach the members; zero or less is at once.
type When struct {
	Now   time.Time
	Delay time.Duration
}

// membership is somebody in a group.
type membership struct{ person, group int32 }

// effect is a change of a group on its way to members, or a change that the
// service tries again.
type effect struct {
	since, due  time.Time
	group       int // -1: of no group
	assignments []*Assignment
	people      []int32 // whom it concerns besides the members that assignments reach
}

// retryAfter is how long the service waits until it tries again what met
// another change.
const retryAfter = time.Minute

// contention is how shortly after a change of somebody's own licenses a change
// of a group meets it.
const contention = time.Second

// spread lets assignments that were made, changed or deleted take effect: on a
// person or a device at once, on the members of a group after the delay. Until
// the clock has moved on, the group is still processing.
func (t *Tenant) spread(list []*Assignment, w When) {
	var people []int32
	for _, a := range list {
		if a.To.Kind != GroupKind {
			a.spread()
			i := t.person(a.To)
			people = append(people, i)
			t.touched[i] = w.Now
			continue
		}
		e := effect{since: w.Now, due: w.Now.Add(max(w.Delay, 1)), group: int(a.To.At), assignments: []*Assignment{a}}
		if w.Delay <= 0 {
			a.spread()
			people = slices.AppendSeq(people, t.groups[a.To.At].members.after(-1))
			e.assignments = nil
		}
		t.postpone(e)
	}
	t.settle(people, w.Now)
}

// spread makes the assignment known as it is.
func (a *Assignment) spread() { a.reaches, a.reach = !a.gone, a.Off }

func (t *Tenant) postpone(e effect) {
	at, _ := slices.BinarySearchFunc(t.pending, e.due, func(p effect, due time.Time) int {
		if p.due.After(due) {
			return 1
		}
		return -1 // Behind those that are due at the same time.
	})
	t.pending = slices.Insert(t.pending, at, e)
}

// Due says whether a change is to reach somebody by now, and [Tenant.Advance]
// has something to do.
func (t *Tenant) Due(now time.Time) bool {
	return len(t.pending) > 0 && !t.pending[0].due.After(now) || t.turning(now)
}

// Advance lets happen what is due by now. It writes.
func (t *Tenant) Advance(now time.Time) {
	for t.Due(now) {
		if t.turning(now) && (len(t.pending) == 0 || !t.turns.After(t.pending[0].due)) {
			t.turn()
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
		t.settle(people, e.due)
	}
	for i, at := range t.touched {
		if now.Sub(at) > contention {
			delete(t.touched, i)
		}
	}
}

// arrive ends what a membership waits for, unless that is something later.
func (t *Tenant) arrive(m membership, due time.Time) {
	for _, waits := range []map[membership]time.Time{t.joining, t.leaving} {
		if until, ok := waits[m]; ok && !until.After(due) {
			delete(waits, m)
		}
	}
}

// contend finds the people whose own licenses changed just before a group's
// change reaches them. The service tries them again on its own.
func (t *Tenant) contend(people []int32, due time.Time) {
	for _, i := range people {
		if at, ok := t.touched[i]; ok && !at.After(due) && due.Sub(at) < contention && !t.people[i].busy {
			t.people[i].busy = true
			t.postpone(effect{since: due, due: due.Add(retryAfter), group: -1, people: []int32{i}})
		}
	}
}
