package tenant

import (
	"fmt"
	"iter"
	"slices"
	"time"
)

// row is the effect of one assignment on one user: a row of
// licenseAssignmentStates, or a part of one. recompute computes it.
type row struct {
	from    *Assignment // nil if it was deleted with a group
	updated int64       // Unix time
	off     PlanSet     // plans disabled by the assignment, as far as it has reached the user
	missing ruledSet    // plans missing in the right in force because of the cause
	group   int32       // index into groups; direct or goneGroup
	pool    uint8
	sku     Sku
	state   State
	cause   Cause
	plan    uint8 // the plan with the violated rule
	other   uint8 // the other plan or the usage location of the cause
}

const (
	direct    = -1
	goneGroup = -2 // deleted group, of which only the ID remains
)

// State is the state of a license.
type State uint8

// The states of a license.
const (
	Failed        State = iota
	InForce             // assigned
	PartlyInForce       // an earlier right is still in force
	Disabled            // the grace period of the product is over
)

// String returns the state as in licenseAssignmentState.
func (s State) String() string {
	return [...]string{"Error", "Active", "ActiveWithError", "Disabled"}[s]
}

func (s State) usable() bool  { return s == InForce || s == PartlyInForce }
func (s State) hasUnit() bool { return s != Failed }

// Cause is the reason for which a license is not in force.
type Cause uint8

// The causes, see Microsoft Learn, "Resolve group license assignment
// problems". The service reports GroupFailed and Contention as Other.
const (
	NoCause     Cause = iota
	Location          // a plan is not available in the usage location
	Exclusive         // a plan excludes another plan of the user
	Dependency        // a required plan is missing
	Count             // no free unit
	Uniqueness        // another object has the user's mail address
	GroupFailed       // another product of the same group could not be assigned
	Contention        // conflict with another change of the user's licenses
)

// String returns the cause as in licenseAssignmentState.error.
func (c Cause) String() string {
	return [...]string{"None", "ProhibitedInUsageLocationViolation", "MutuallyExclusiveViolation", "DependencyViolation",
		"CountViolation", "UniquenessViolation", "Other", "Other"}[c]
}

// Code returns the cause as in assignmentError.code. The documentation shows
// only MissingDependency; the others follow its style. The set of codes is
// open.
func (c Cause) Code() string {
	return [...]string{"", "UsageLocationNotAllowed", "MutuallyExclusivePlans", "MissingDependency",
		"InsufficientUnits", "ProxyAddressConflict", "AssignmentFailed", "AssignmentFailed"}[c]
}

// message returns the message for the cause of a row. The message for
// Dependency is that of the page "List assignmentErrors".
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

// License is a row of licenseAssignmentStates. A user has one for each product
// and source.
type License struct {
	Sku     Sku
	Group   GUID // the group that assigns it; zero: direct
	Off     PlanSet
	State   State
	Cause   Cause
	Updated time.Time
}

// Licenses returns the licenses of a user.
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
		return t.seed.GUID("deleted group", 0)
	}
	return GUID{}
}

// states returns one row for each product and source. It merges rows of two
// allotments.
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

// merge merges two rows. A plan is disabled if both rows disable it. A failure
// of either row is kept.
func merge(a, b row) row {
	usable := a.state.usable() || b.state.usable()
	hasUnit := a.state.hasUnit() || b.state.hasUnit()
	if a.cause == NoCause {
		a.cause, a.plan, a.other = b.cause, b.plan, b.other
	}
	switch {
	case a.cause == NoCause && !usable && hasUnit:
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

// allows returns the plans that a row allows.
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

// MayUse returns the plans of a product that a user may use. A plan is missing
// only if every contributing row disables it.
func (t *Tenant) MayUse(i int32, s Sku) PlanSet {
	var set PlanSet
	for j := range t.people[i].rows {
		if r := &t.people[i].rows[j]; r.sku == s {
			set = set.or(t.allows(r))
		}
	}
	return set
}

// Usable returns the products that a user can use now, in catalog order.
func (t *Tenant) Usable(i int32) []Sku {
	return skusWhere(t.people[i].rows, State.usable)
}

// AssignedProducts returns the products of which a user has a unit, in catalog order, with
// the plans that every row disables.
func (t *Tenant) AssignedProducts(i int32) []Licensed {
	return t.licensed(t.people[i].rows)
}

func (t *Tenant) licensed(rows []row) []Licensed {
	var list []Licensed
	for _, s := range skusWhere(rows, State.hasUnit) {
		l := Licensed{s, t.products[s].all}
		for j := range rows {
			if rows[j].sku == s && rows[j].state.hasUnit() {
				l.Off = l.Off.and(rows[j].off)
			}
		}
		list = append(list, l)
	}
	return list
}

// HasProduct reports whether a user has a unit of a product.
func (t *Tenant) HasProduct(i int32, s Sku) bool {
	return slices.ContainsFunc(t.people[i].rows, func(r row) bool { return r.sku == s && r.state.hasUnit() })
}

// Holders iterates over the users with a unit of a product after an index (-1
// for all), in the directory's order.
func (t *Tenant) Holders(s Sku, after int32) iter.Seq[int32] { return t.holding[s].after(after) }

// HolderCount returns the number of users with a unit of a product.
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

// units returns the allotments of which the rows have a unit.
func units(rows []row) poolSet {
	var set poolSet
	for j := range rows {
		if rows[j].state.hasUnit() {
			set |= 1 << rows[j].pool
		}
	}
	return set
}

// DetailsID returns the ID of a user's licenseDetails of a product, whatever
// its source.
func (t *Tenant) DetailsID(i int32, s Sku) string {
	return t.ids.id(detailsTopic, uint32(i), uint32(s))
}
