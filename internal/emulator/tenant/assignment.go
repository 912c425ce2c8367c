package tenant

import (
	"iter"
	"slices"
	"sort"
)

// Assignment links a pool of units to a person, a group or a device. What comes
// of it is worked out by settle alone.
type Assignment struct {
	id    string // "": the one that ids makes
	place int    // in the ledger
	nth   uint32 // of those from this pool to this holder, counted from 0
	Pool  *Allotment
	To    Ref
	Off   PlanSet // plans that are switched off

	// What members know of the assignment to a group, which they learn later.
	// For people and devices that is no difference.
	reaches bool
	reach   PlanSet // Off, as far as it is known
	gone    bool    // deleted
}

// Sku is the product that an assignment is about. On the wire the assignment
// itself does not tell.
func (a *Assignment) Sku() Sku { return a.Pool.Sku }

// drawing is a holder with a pool that it draws on.
type drawing struct {
	to   Ref
	pool int
}

// AssignmentID is the id of an assignment.
func (t *Tenant) AssignmentID(a *Assignment) string {
	if a.id != "" {
		return a.id
	}
	return t.ids.id(assignmentTopic+topic(a.To.Kind), uint32(a.To.At), uint32(a.Pool.At)|a.nth<<8)
}

// Assignment finds one by its id, exactly as it is written.
func (t *Tenant) Assignment(id string) (*Assignment, bool) {
	if a, ok := t.named[id]; ok {
		return a, true
	}
	of, at, rest, ok := t.ids.open(id)
	if !ok || of < assignmentTopic || of > assignmentTopic+topic(DeviceKind) {
		return nil, false
	}
	to := Ref{Kind(of - assignmentTopic), int32(at)}
	if n := [...]int{len(t.people), len(t.groups), len(t.devices)}[to.Kind]; int(at) >= n {
		return nil, false
	}
	for _, a := range *t.assigned(to) {
		if a.id == "" && a.Pool.At == int(rest&0xff) && a.nth == rest>>8 {
			return a, true
		}
	}
	return nil, false
}

// Assignments runs over all assignments after a place, -1 for all, with their
// places, in the order in which they were made.
func (t *Tenant) Assignments(after int) iter.Seq2[int, *Assignment] {
	return t.assignments.after(after)
}

// AssignmentsFrom is Assignments for those that draw on one allotment.
func (t *Tenant) AssignmentsFrom(a *Allotment, after int) iter.Seq2[int, *Assignment] {
	return a.drawn.after(after)
}

// AssignmentCount is how many assignments there are.
func (t *Tenant) AssignmentCount() int { return t.assignments.n }

// ledger is a list of assignments in the order in which they were made. Places
// grow and are never used again.
type ledger struct {
	list []*Assignment // with those that are gone, until there are many
	n    int           // without them
}

func (l *ledger) after(place int) iter.Seq2[int, *Assignment] {
	return func(yield func(int, *Assignment) bool) {
		from := sort.Search(len(l.list), func(i int) bool { return l.list[i].place > place })
		for _, a := range l.list[from:] {
			if !a.gone && !yield(a.place, a) {
				return
			}
		}
	}
}

func (l *ledger) add(a *Assignment) {
	l.list = append(l.list, a)
	l.n++
}

// remove is called when a is gone.
func (l *ledger) remove() {
	if l.n--; len(l.list) > 64 && l.n < len(l.list)/2 {
		l.list = slices.DeleteFunc(l.list, func(a *Assignment) bool { return a.gone })
	}
}

// file puts an assignment where it is found.
func (t *Tenant) file(a *Assignment) {
	if a.id == "" {
		a.nth = t.again[drawing{a.To, a.Pool.At}]
	} else {
		t.named[a.id] = a
	}
	a.place = t.lastPlace
	t.lastPlace++
	list := t.assigned(a.To)
	*list = append(*list, a)
	t.assignments.add(a)
	a.Pool.drawn.add(a)
}

// unfile is the reverse.
func (t *Tenant) unfile(a *Assignment) {
	a.gone = true
	if a.id != "" {
		delete(t.named, a.id)
	} else {
		t.again[drawing{a.To, a.Pool.At}] = a.nth + 1 // No id is used twice.
	}
	list := t.assigned(a.To)
	*list = slices.DeleteFunc(*list, func(b *Assignment) bool { return a == b })
	t.assignments.remove()
	a.Pool.drawn.remove()
}

// drawsOn says whether a holder has an assignment from an allotment.
func (t *Tenant) drawsOn(h Ref, pool *Allotment) bool {
	return slices.ContainsFunc(*t.assigned(h), func(a *Assignment) bool { return a.Pool == pool })
}
