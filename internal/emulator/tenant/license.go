package tenant

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// row is what one assignment means to one person: a row of
// licenseAssignmentStates, or a part of one. settle works it out.
type row struct {
	from    *Assignment // nil when it went with a deleted group
	updated int64       // seconds since 1970
	off     PlanSet     // plans off by the assignment, as far as it is known
	missing ruledSet    // plans that the right in force lacks because of the cause
	group   int32       // place in groups; direct or goneGroup
	pool    uint8
	sku     Sku
	state   State
	cause   Cause
	plan    uint8 // the ruled plan that the cause is about
	other   uint8 // another plan, or the usage location, that the cause names
}

const (
	direct    = -1
	goneGroup = -2 // deleted since; only its id is left, in this state
)

// State is that of a license.
type State uint8

// The states of a license.
const (
	Failed        State = iota
	InForce             // all is well
	PartlyInForce       // an older right is still in force
	Disabled            // the product's grace period is over
)

// String is the state as licenseAssignmentState has it.
func (s State) String() string {
	return [...]string{"Error", "Active", "ActiveWithError", "Disabled"}[s]
}

func (s State) usable() bool { return s == InForce || s == PartlyInForce }
func (s State) holds() bool  { return s != Failed }

// Cause is why a license did not take effect.
type Cause uint8

// The causes, from Microsoft Learn, "Resolve group license assignment
// problems". GroupFailed and Contention are both Other to the service.
const (
	NoCause     Cause = iota
	Location          // a plan is not offered where the person is
	Exclusive         // a plan excludes one that the person has
	Dependency        // a plan needs one that the person has not
	Count             // there is no free unit
	Uniqueness        // the person's mail address belongs to another object
	GroupFailed       // another product of the same group could not be assigned
	Contention        // something else changed the person's licenses meanwhile
)

// String is the cause as licenseAssignmentState.error has it.
func (c Cause) String() string {
	return [...]string{"None", "ProhibitedInUsageLocationViolation", "MutuallyExclusiveViolation", "DependencyViolation",
		"CountViolation", "UniquenessViolation", "Other", "Other"}[c]
}

// Code is the cause as assignmentError.code has it. Only MissingDependency is
// printed in the documentation; the others follow its style. The set is open.
func (c Cause) Code() string {
	return [...]string{"", "UsageLocationNotAllowed", "MutuallyExclusivePlans", "MissingDependency",
		"InsufficientUnits", "ProxyAddressConflict", "AssignmentFailed", "AssignmentFailed"}[c]
}

// message says in words why a row has its cause. That of Dependency follows the
// page "List assignmentErrors".
func (t *Tenant) message(i int32, r *row) string {
	plan := func(n uint8) string { return t.ruledIDs[n] }
	sku := t.products[r.sku].SkuID
	switch r.cause {
	case Location:
		return fmt.Sprintf("Service plan %s cannot be assigned because it is not offered in usage location %s.", plan(r.plan), t.places[r.other])
	case Exclusive:
		return fmt.Sprintf("Service plan %s cannot be assigned together with service plan %s, which this user already has.", plan(r.plan), plan(r.other))
	case Dependency:
		return fmt.Sprintf("Service plan %s cannot be assigned without service plan %s, which this user does not currently have.", plan(r.plan), plan(r.other))
	case Count:
		return fmt.Sprintf("Product %s cannot be assigned because all of its units are in use.", sku)
	case Uniqueness:
		return fmt.Sprintf("Service plan %s cannot be assigned because the proxy address smtp:%s is in use by another object.", plan(r.plan), t.people[i].name)
	case GroupFailed:
		return fmt.Sprintf("Product %s could not be assigned because another product of the same group could not be.", sku)
	case Contention:
		return fmt.Sprintf("Product %s could not be updated: LicenseAssignmentAttributeConcurrencyException. The assignment is tried again later.", sku)
	}
	return ""
}

// License is a row of licenseAssignmentStates: of a person, one for each
// product and source.
type License struct {
	Sku     Sku
	Group   GUID // the group that gives it; zero: assigned directly
	Off     PlanSet
	State   State
	Cause   Cause
	Updated time.Time
}

// Licenses lists a person's licenses.
func (t *Tenant) Licenses(i int32) []License {
	rows := t.people[i].states()
	list := make([]License, len(rows))
	for j, r := range rows {
		list[j] = License{r.sku, t.source(r.group), r.off, r.state, r.cause, time.Unix(r.updated, 0).UTC()}
	}
	return list
}

func (t *Tenant) source(group int32) GUID {
	switch {
	case group >= 0:
		return t.groups[group].id
	case group == goneGroup:
		return t.dice.GUID("deleted group", 0)
	}
	return GUID{}
}

// states has one row for each product and source: where two pools give the same
// product in the same way, both in one.
func (p *Person) states() []row {
	list := p.rows
	for i := 1; i < len(list); i++ {
		j := slices.IndexFunc(list[:i], func(r row) bool { return r.sku == list[i].sku && r.group == list[i].group })
		if j < 0 {
			continue
		}
		list = slices.Clone(list)
		list[j] = merge(list[j], list[i])
		list = slices.Delete(list, i, i+1)
		i--
	}
	return list
}

// merge makes one row of two: a plan is off where both have it off, and a
// failure of either shows.
func merge(a, b row) row {
	usable := a.state.usable() || b.state.usable()
	holds := a.state.holds() || b.state.holds()
	if a.cause == NoCause {
		a.cause, a.plan, a.other = b.cause, b.plan, b.other
	}
	switch {
	case a.cause == NoCause && !usable && holds:
		a.state = Disabled
	case a.cause == NoCause:
		a.state = InForce
	case usable:
		a.state = PartlyInForce
	default:
		a.state = Failed
	}
	a.off = a.off.and(b.off)
	a.updated = max(a.updated, b.updated)
	return a
}

// allows is the plans that a row lets its holder use.
func (t *Tenant) allows(r *row) PlanSet {
	if !r.state.usable() {
		return PlanSet{}
	}
	p := &t.products[r.sku]
	s := p.all.andNot(r.off)
	if r.missing != 0 {
		s = s.andNot(p.plans(r.missing))
	}
	return s
}

// MayUse is the plans of a product that somebody may use. One is missing only
// where every contributing row has it off.
func (t *Tenant) MayUse(i int32, s Sku) PlanSet {
	var set PlanSet
	for j := range t.people[i].rows {
		if r := &t.people[i].rows[j]; r.sku == s {
			set = set.or(t.allows(r))
		}
	}
	return set
}

// Usable lists the products that somebody can use now, in catalog order.
func (t *Tenant) Usable(i int32) []Sku {
	return skusWhere(t.people[i].rows, State.usable)
}

// Held lists the products of which somebody has a unit, in catalog order,
// with the plans that are off in every row.
func (t *Tenant) Held(i int32) []Licensed {
	rows := t.people[i].rows
	var list []Licensed
	for _, s := range skusWhere(rows, State.holds) {
		l := Licensed{s, t.products[s].all}
		for j := range rows {
			if rows[j].sku == s && rows[j].state.holds() {
				l.Off = l.Off.and(rows[j].off)
			}
		}
		list = append(list, l)
	}
	return list
}

// HoldsProduct says whether somebody has a unit of a product.
func (t *Tenant) HoldsProduct(i int32, s Sku) bool {
	return slices.ContainsFunc(t.people[i].rows, func(r row) bool { return r.sku == s && r.state.holds() })
}

// Holders runs over the people who have a unit of a product, after a place, -1
// for all, in the directory's order.
func (t *Tenant) Holders(s Sku, after int32) iter.Seq[int32] { return t.holding[s].after(after) }

// HolderCount is how many they are.
func (t *Tenant) HolderCount(s Sku) int { return t.holding[s].n }

func skusWhere(rows []row, is func(State) bool) []Sku {
	var list []Sku
	for j := range rows {
		if is(rows[j].state) && !slices.Contains(list, rows[j].sku) {
			list = append(list, rows[j].sku)
		}
	}
	slices.Sort(list)
	return list
}

// units is the allotments of which rows hold a unit.
func units(rows []row) poolSet {
	var set poolSet
	for j := range rows {
		if rows[j].state.holds() {
			set |= 1 << rows[j].pool
		}
	}
	return set
}

// DetailsID is the id of what somebody has of a product, however it came.
func (t *Tenant) DetailsID(i int32, s Sku) string {
	return t.ids.id(detailsTopic, uint32(i), uint32(s))
}
