package tenant

import (
	"iter"
	"slices"
	"time"
)

// Group is a group. Its licenses apply to its direct members only.
type Group struct {
	id       GUID
	At       int32 // index into Tenant.groups
	Name     string
	Nickname string
	About    string
	Unified  bool // a Microsoft 365 group, with a mailbox
	Secured  bool // a Microsoft 365 group that is also a security group
	Created  time.Time
	deleted  bool

	Rule   string // membership rule of a dynamic group, which the tenant does not evaluate
	Paused bool   // the rule is not processed
	Roles  bool   // assignable to directory roles
	synced int64  // Unix time of the last synchronization; 0: only in the cloud
	owners []Ref  // users, or the service principal

	assigned []*Assignment
	members  set          // users and devices, by index into Tenant.people
	groups   []int32      // indexes of the member groups
	app      bool         // the service principal is a member
	failing  set          // members with a failed license of the group
	rights   []groupRight // by product
	people   int          // number of members that are users
}

// SecurityEnabled reports whether access and licenses can be assigned to the
// group.
func (g *Group) SecurityEnabled() bool { return !g.Unified || g.Secured }

// Dynamic reports whether a rule determines the members.
func (g *Group) Dynamic() bool { return g.Rule != "" }

// Synced returns the time of the last synchronization with the on-premises
// directory, or the zero time for a group that is only in the cloud.
func (g *Group) Synced() time.Time { return unixTime(g.synced) }

// Owners returns the owners of a group, which can change if the tenant does.
func (g *Group) Owners() []Ref { return g.owners }

// groupRight counts the plans of one product that the members with a right to
// it may use.
type groupRight struct {
	holders int
	lacks   []int32 // by plan: number of members that may not use it
	through map[*Assignment]int
}

// ID returns the object ID.
func (g *Group) ID() GUID { return g.id }

// Groups iterates over the groups after an index (-1 for all), in the
// directory's order.
func (t *Tenant) Groups(after int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i := int(after) + 1; i < len(t.groups); i++ {
			if !t.groups[i].deleted && !yield(int32(i)) {
				return
			}
		}
	}
}

// Group returns the group with the index, see [Ref].
func (t *Tenant) Group(i int32) *Group { return t.groups[i] }

// Licensed returns the products that a group assigns, each once, with the
// plans that all its assignments disable.
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

// Licensed is a product with its disabled plans.
type Licensed struct {
	Sku Sku
	Off PlanSet
}

// GroupsOf returns the groups of which a user is a direct member, in the
// directory's order.
func (t *Tenant) GroupsOf(i int32) []int32 { return slices.Sorted(slices.Values(t.people[i].memberOf)) }

// MemberCount returns the number of direct members of all kinds.
func (g *Group) MemberCount() int {
	n := g.members.n + len(g.groups)
	if g.app {
		n++
	}
	return n
}

// Members iterates over the direct members of a group after a position (-1 for
// all), with their positions: users and devices, then groups, then the service
// principal.
func (t *Tenant) Members(g *Group, after int64) iter.Seq2[int64, Ref] {
	const groups, app = 1 << 40, 1 << 41 // positions after those of users and devices
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

// IsMember reports whether an object is a direct member of a group.
func (t *Tenant) IsMember(g *Group, r Ref) bool {
	switch r.Kind {
	case GroupKind:
		return slices.Contains(g.groups, r.At)
	case Principal:
		return g.app
	}
	return g.members.has(t.person(r))
}

// FailingCount returns the number of members with a failed license of the
// group.
func (g *Group) FailingCount() int { return g.failing.n }

// Failing iterates over these members after an index (-1 for all), in the
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

// ProcessingState returns the licenseProcessingState of a group, or "" if it
// has no licenses and had none recently.
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
