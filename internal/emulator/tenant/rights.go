package tenant

import (
	"cmp"
	"slices"
)

// Right is the merged effect of all assignments of one product on a person or
// a device, or what this effect has in common on those direct members of a
// group who have it.
type Right struct {
	Of  Ref
	Sku Sku
}

// RightID is the id of a right.
func (t *Tenant) RightID(r Right) string {
	return t.ids.id(rightTopic+topic(r.Of.Kind), uint32(r.Of.At), uint32(r.Sku))
}

// Rights lists the rights of a person, a group or a device, in catalog order.
//
// A group has rights to the products that it licenses, and to those that every
// member has. Members to whom a product could not be given don't count in its
// right, and without any other member there is none.
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

// RightPlans is the plans that every holder of a right may use.
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

// RightSources lists the assignments behind a right. Of a group that is those
// to groups that reach every holder, such as the one to the group itself.
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

// RightPools lists the allotments behind a right, each once.
func (t *Tenant) RightPools(r Right) []*Allotment {
	var list []*Allotment
	for _, a := range t.RightSources(r) {
		if !slices.Contains(list, a.Pool) {
			list = append(list, a.Pool)
		}
	}
	return list
}

// External is the identifier that the first of the pools with one has at a service
// outside the directory, or "".
func (t *Tenant) External(r Right) string {
	for _, a := range t.RightPools(r) {
		if a.External != "" {
			return a.External
		}
	}
	return ""
}
