package tenant

import (
	"cmp"
	"slices"
)

// Right is the merged effect of all assignments of one product on a user or
// device. For a group, it is the common part of this effect on the direct
// members that have it.
type Right struct {
	Of  Ref
	Sku Sku
}

// RightID returns the ID of a right.
func (t *Tenant) RightID(r Right) string {
	return t.ids.id(rightTopic+topic(r.Of.Kind), uint32(r.Of.At), uint32(r.Sku))
}

// Rights returns the rights of a user, group or device, in catalog order.
//
// A group has rights to the products that it assigns, and to the products that
// every member has. Members with a failed license do not count. Without other
// members, there is no right.
func (t *Tenant) Rights(h Ref) []Right {
	var list []Right
	if h.Kind != GroupKind {
		for _, s := range t.Usable(t.person(h)) {
			list = append(list, Right{h, s})
		}
		return list
	}
	g := t.groups[h.At]
	for s := range g.rights {
		licensed := slices.ContainsFunc(g.assigned, func(a *Assignment) bool { return a.Sku() == Sku(s) })
		if n := g.rights[s].holders; n > 0 && (licensed || n == g.people) && !t.RightPlans(Right{h, Sku(s)}).empty() {
			list = append(list, Right{h, Sku(s)})
		}
	}
	return list
}

// RightPlans returns the plans that every assignee of a right may use.
func (t *Tenant) RightPlans(r Right) PlanSet {
	if r.Of.Kind != GroupKind {
		return t.MayUse(t.person(r.Of), r.Sku)
	}
	var set PlanSet
	for plan, lack := range t.groups[r.Of.At].rights[r.Sku].lacks {
		if lack == 0 {
			set.Add(plan)
		}
	}
	return set
}

// RightSources returns the assignments behind a right. For a group, these are
// the assignments to groups that apply to every member, such as those to the
// group itself.
func (t *Tenant) RightSources(r Right) []*Assignment {
	var list []*Assignment
	if r.Of.Kind == GroupKind {
		right := &t.groups[r.Of.At].rights[r.Sku]
		for a, n := range right.through {
			if n == right.holders {
				list = append(list, a)
			}
		}
		slices.SortFunc(list, func(a, b *Assignment) int { return cmp.Compare(a.place, b.place) })
		return list
	}
	for _, row := range t.people[t.person(r.Of)].rows {
		if row.sku == r.Sku && row.from != nil && row.state.usable() {
			list = append(list, row.from)
		}
	}
	return list
}

// RightPools returns the allotments behind a right, each once.
func (t *Tenant) RightPools(r Right) []*Allotment {
	var list []*Allotment
	for _, a := range t.RightSources(r) {
		if !slices.Contains(list, a.Pool) {
			list = append(list, a.Pool)
		}
	}
	return list
}

// External returns the identifier in a service outside the directory, from the
// first allotment that has one, or "".
func (t *Tenant) External(r Right) string {
	for _, a := range t.RightPools(r) {
		if a.External != "" {
			return a.External
		}
	}
	return ""
}
