package tenant

import (
	"iter"
	"slices"
	"time"
)

// Group is a group. It licenses those who are its direct members.
type Group struct {
	id       GUID
	At       int32 // place among groups
	Name     string
	Nickname string
	About    string
	Unified  bool // a Microsoft 365 group, with a mailbox
	Secured  bool // a Microsoft 365 group that is a security group as well
	Created  time.Time
	deleted  bool

	assigned []*Assignment
	members  set          // people and devices, by their place among people
	groups   []int32      // places of groups that are members
	app      bool         // so is the service principal
	failing  set          // members to whom the group could not give a license
	rights   []groupRight // by product
	people   int          // members that are users
}

// SecurityEnabled says whether the group can be given access and licenses.
func (g *Group) SecurityEnabled() bool { return !g.Unified || g.Secured }

// groupRight counts what those members of a group may use who have a right to
// one product.
type groupRight struct {
	holders int
	lacks   []int32 // by plan, those who may not use it
	through map[*Assignment]int
}

// ID is the object id.
func (g *Group) ID() GUID { return g.id }

// Groups runs over the groups after a place, -1 for all, in the directory's
// order.
func (t *Tenant) Groups(after int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i := int(after) + 1; i < len(t.groups); i++ {
			if !t.groups[i].deleted && !yield(int32(i)) {
				return
			}
		}
	}
}

// Group is the group at the place of a [Ref].
func (t *Tenant) Group(i int32) *Group { return t.groups[i] }

// Licensed lists what a group gives, each product once, with the plans that all
// its assignments have off.
func (g *Group) Licensed() []Licensed {
	var list []Licensed
	for _, a := range g.assigned {
		i := slices.IndexFunc(list, func(l Licensed) bool { return l.Sku == a.Sku() })
		if i >= 0 {
			list[i].Off = list[i].Off.and(a.Off)
		} else {
			list = append(list, Licensed{a.Sku(), a.Off})
		}
	}
	return list
}

// Licensed is a product with the plans that are off.
type Licensed struct {
	Sku Sku
	Off PlanSet
}

// MemberCount is how many direct members a group has, of all kinds.
func (g *Group) MemberCount() int {
	n := g.members.n + len(g.groups)
	if g.app {
		n++
	}
	return n
}

// Members runs over the direct members of a group after a place, -1 for all:
// people and devices, then groups, then the service principal. It gives each
// with its place.
func (t *Tenant) Members(g *Group, after int64) iter.Seq2[int64, Ref] {
	const groups, app = 1 << 40, 1 << 41 // places after those of people
	return func(yield func(int64, Ref) bool) {
		if after < groups-1 {
			for i := range g.members.after(int32(after)) {
				if !yield(int64(i), t.refOf(i)) {
					return
				}
			}
		}
		for _, i := range g.groups {
			if at := groups + int64(i); at > after && !yield(at, Ref{GroupKind, i}) {
				return
			}
		}
		if g.app && after < app {
			yield(app, Ref{Kind: Principal})
		}
	}
}

// IsMember says whether something is a direct member of a group.
func (t *Tenant) IsMember(g *Group, r Ref) bool {
	switch r.Kind {
	case GroupKind:
		return slices.Contains(g.groups, r.At)
	case Principal:
		return g.app
	}
	return g.members.has(t.person(r))
}

// FailingCount is how many members there are to whom the group could not give
// a license as it is now.
func (g *Group) FailingCount() int { return g.failing.n }

// Failing runs over those members after a place, -1 for all, in the
// directory's order.
func (t *Tenant) Failing(g *Group, after int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i := range g.failing.after(after) {
			if t.people[i].isUser() && !yield(i) {
				return
			}
		}
	}
}

// The values of licenseProcessingState.
const (
	Queued     = "QueuedForProcessing"
	Processing = "ProcessingInProgress"
	Complete   = "ProcessingComplete"
)

// ProcessingState says how far a group's licenses have got by now: "" for a
// group that has none and had none lately.
func (t *Tenant) ProcessingState(g *Group, now time.Time) string {
	state := ""
	if len(g.assigned) > 0 {
		state = Complete
	}
	for _, e := range t.pending {
		if e.group != int(g.At) {
			continue
		}
		if state = Processing; e.due.Sub(e.since) > time.Millisecond && now.Sub(e.since) < e.due.Sub(e.since)/2 {
			return Queued
		}
	}
	return state
}
