package graph

import (
	"cmp"
	"errors"
	"maps"
	"slices"

	"licensegraph/graph/cursor"
	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

const (
	// maxOrgUnits limits the departments and cost centers in a response.
	maxOrgUnits = 1000
	// maxCountedGroups limits the groups with products that are read for nested groups.
	maxCountedGroups = 300
)

// licenseFindingsOverview returns the parent of the figures.
func (f *field) licenseFindingsOverview() (*model.LicenseFindingsOverview, error) {
	filter := deref(arg[*model.LicenseFindingFilter](f, "filter"))
	if err := checkFindingFilter(filter); err != nil {
		return nil, err
	}
	const overview = "LicenseFindingsOverview"
	return &model.LicenseFindingsOverview{Filter: filter, OrgUnits: !f.of(overview, "byDepartment").empty() || !f.of(overview, "byCostCenter").empty()}, nil
}

// walks returns the walks over users that count findings: one over all users with licenses if a kind requires it, else
// one for each kind.
func (r *findings) walks(orgUnits bool) (walks []licensing.FindingWalk) {
	var together, freeing []licensing.LicenseFindingKind
	for _, kind := range r.rules.Kinds {
		switch kind {
		case licensing.DisabledAccount, licensing.GuestAccount, licensing.OverlappingProducts:
			freeing = append(freeing, kind)
		}
	}
	add := func(filter upstream.Filter, kinds ...licensing.LicenseFindingKind) {
		walk := licensing.FindingWalk{Filter: filter, Kinds: licensing.Joined(kinds), SkuIDs: licensing.Joined(r.rules.SkuIDs), OrgUnits: orgUnits}
		if orgUnits {
			walk.Freeing = licensing.Joined(freeing)
		}
		walks = append(walks, walk)
	}
	scans := slices.ContainsFunc(r.rules.Kinds, func(kind licensing.LicenseFindingKind) bool { return slices.Contains(scanned, kind) })
	for _, kind := range r.rules.Kinds {
		switch kind {
		case licensing.UnusedUnits, licensing.ExpiringSubscription, licensing.NestedGroup:
		case licensing.InactiveAccount, licensing.ReconciliationNeeded:
			add(r.filterOf(kind), kind)
		default:
			if scans {
				together = append(together, kind)
			} else {
				add(r.filterOf(kind), kind)
			}
		}
	}
	if scans {
		add(upstream.Filter{Licensed: upstream.Yes}, together...)
	}
	return walks
}

// findingCounts are the counts of all sources.
type findingCounts struct {
	findings
	kinds       []*model.FindingsOfKind
	users       []*licensing.FindingCounts
	unavailable []*model.UnavailableFindings
	unread      error
	skus        map[licensing.GUID]*licensing.SubscribedSku
}

// countFindings counts the findings of all sources. The fields of an overview share the reads.
func (f *field) countFindings(o *model.LicenseFindingsOverview) (*findingCounts, error) {
	c := &findingCounts{findings: f.findings(o.Filter), skus: map[licensing.GUID]*licensing.SubscribedSku{}}
	has := func(kind licensing.LicenseFindingKind) bool { return slices.Contains(c.rules.Kinds, kind) }
	var withoutSkus, blocked error
	if has(licensing.OverlappingProducts) || has(licensing.UnusedUnits) {
		skus, err := f.AllSubscribedSkus()
		if errors.Is(err, loaders.ErrBlocked) {
			if has(licensing.ExpiringSubscription) {
				f.AllCompanySubscriptions() //nolint:errcheck // requests it
			}
			return nil, err
		}
		withoutSkus = err
		for _, sku := range skus {
			c.skus[deref(sku.SkuID)] = sku
		}
	}
	for _, count := range []func() error{
		func() error { return c.countUsers(o.OrgUnits, withoutSkus) },
		func() error { return c.countPage(licensing.UnusedUnits, c.unusedUnits) },
		func() error { return c.countPage(licensing.ExpiringSubscription, c.expiring) },
		func() error { return c.countPage(licensing.NestedGroup, c.nestedGroups) },
	} {
		blocked = cmp.Or(blocked, count())
	}
	slices.SortFunc(c.kinds, func(a, b *model.FindingsOfKind) int {
		return cmp.Compare(slices.Index(licensing.LicenseFindingKinds, a.Kind), slices.Index(licensing.LicenseFindingKinds, b.Kind))
	})
	return c, blocked
}

// fail records why kinds could not be read.
func (c *findingCounts) fail(err error, kinds ...licensing.LicenseFindingKind) {
	c.unread = cmp.Or(c.unread, err)
	c.unavailable = append(c.unavailable, unavailable(kinds, err))
}

// countPage counts the findings of a source that is not about users.
func (c *findingCounts) countPage(kind licensing.LicenseFindingKind, page func(licensing.FindingRules, *cursor.Position, int) (findingPage, error)) error {
	if !slices.Contains(c.rules.Kinds, kind) {
		return nil
	}
	p, err := page(c.rules, nil, maxCountedGroups)
	switch {
	case errors.Is(err, loaders.ErrBlocked):
		return err
	case err != nil:
		c.fail(err, kind)
		return nil
	}
	c.unread = cmp.Or(c.unread, p.unread)
	byProduct := map[licensing.GUID]*licensing.FindingTally{}
	for _, finding := range p.findings {
		shared := finding.Shared()
		id := deref(shared.SkuID)
		if byProduct[id] == nil {
			byProduct[id] = &licensing.FindingTally{}
		}
		byProduct[id].Add(1, shared.UnitsFreed)
	}
	c.addKind(kind, byProduct, 0, !p.more)
	return nil
}

// countUsers counts the findings about users. withoutSkus is the error of the tenant's products.
func (c *findingCounts) countUsers(orgUnits bool, withoutSkus error) (blocked error) {
	for _, walk := range c.walks(orgUnits) {
		kinds := walk.KindList()
		if !walk.Filter.InactiveSince.IsZero() {
			if missing := c.signInsDenied(); missing != nil {
				c.fail(missing, kinds...)
				continue
			}
		}
		users, err := c.FindingCountsByWalk.Get(walk)
		switch {
		case errors.Is(err, loaders.ErrBlocked):
			blocked = err
			continue
		case err != nil:
			c.fail(err, kinds...)
			continue
		}
		c.users, c.unread = append(c.users, users), cmp.Or(c.unread, users.Unread)
		for _, kind := range kinds {
			switch {
			case kind == licensing.DeletedGroup:
				blocked = cmp.Or(c.countOrphans(users), blocked)
			case kind == licensing.OverlappingProducts && withoutSkus != nil:
				c.fail(withoutSkus, kind)
			default:
				c.addKind(kind, users.ByProduct[kind], users.People[kind], true)
			}
		}
	}
	return blocked
}

// countOrphans counts the products of users that deleted groups assigned.
func (c *findingCounts) countOrphans(users *licensing.FindingCounts) error {
	_, errs, blocked := loaders.Collect(users.Groups(), func(id string) (*licensing.Group, error) { return ignoreNotFound(c.GroupByID.Get(id)) })
	if blocked != nil {
		return blocked
	}
	if err := cmp.Or(errs...); err != nil {
		c.fail(err, licensing.DeletedGroup)
		return nil
	}
	byProduct, people := users.Orphans(c.rules.Deleted)
	c.addKind(licensing.DeletedGroup, byProduct, people, !users.TooManyGroups)
	return nil
}

// addKind adds the findings of a kind.
func (c *findingCounts) addKind(kind licensing.LicenseFindingKind, byProduct map[licensing.GUID]*licensing.FindingTally, people int32, complete bool) {
	k := &model.FindingsOfKind{Kind: kind, People: people, Complete: complete, ByProduct: []*model.FindingsOfProduct{}}
	units := map[licensing.GUID]int32{}
	for id, tally := range byProduct {
		k.Findings, k.UnitsFreed, units[id] = k.Findings+tally.Findings, k.UnitsFreed+tally.Units, tally.Units
		if id != "" {
			k.ByProduct = append(k.ByProduct, &model.FindingsOfProduct{SkuID: &id, Findings: tally.Findings, UnitsFreed: tally.Units, MonthlyCost: c.cost(id, tally.Units)})
		}
	}
	slices.SortFunc(k.ByProduct, func(a, b *model.FindingsOfProduct) int {
		return cmp.Or(cmp.Compare(b.Findings, a.Findings), cmp.Compare(b.UnitsFreed, a.UnitsFreed), cmp.Compare(*a.SkuID, *b.SkuID))
	})
	k.MonthlyCosts = c.costs(units)
	c.kinds = append(c.kinds, k)
}

// cost returns the monthly cost of units of a product; nil without units or a price.
func (c *findingCounts) cost(id licensing.GUID, units int32) *licensing.Money {
	return licensing.MonthlyCost(id, c.skus[id], units)
}

// costs returns the monthly cost of units of products, by currency.
func (c *findingCounts) costs(units map[licensing.GUID]int32) []*licensing.Money {
	sums := map[string]*licensing.Money{}
	for id, n := range units {
		if cost := c.cost(id, n); cost != nil {
			sums[cost.Currency] = sums[cost.Currency].Plus(cost)
		}
	}
	costs := []*licensing.Money{}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		costs = append(costs, sums[currency])
	}
	return costs
}

// findingsOfKinds returns the counts by kind.
func (f *field) findingsOfKinds(o *model.LicenseFindingsOverview) ([]*model.FindingsOfKind, error) {
	c, err := f.countFindings(o)
	if err != nil {
		return nil, err
	}
	if c.unread != nil {
		return c.kinds, &partialError{c.unread}
	}
	return c.kinds, nil
}

// unavailableFindings returns the kinds that could not be read.
func (f *field) unavailableFindings(o *model.LicenseFindingsOverview) ([]*model.UnavailableFindings, error) {
	c, err := f.countFindings(o)
	if err != nil {
		return nil, err
	}
	return append([]*model.UnavailableFindings{}, c.unavailable...), nil
}

// findingsOfOrgUnits returns the units that become free by department or cost center.
func (f *field) findingsOfOrgUnits(o *model.LicenseFindingsOverview, of func(*licensing.FindingCounts) licensing.OrgUnits) ([]*model.FindingsOfOrgUnit, error) {
	c, err := f.countFindings(o)
	if err != nil {
		return nil, err
	}
	all := licensing.OrgUnits{}
	for _, users := range c.users {
		all.Add(of(users))
	}
	units := []*model.FindingsOfOrgUnit{}
	for name, unit := range all {
		u := &model.FindingsOfOrgUnit{Name: unlessZero(name), People: unit.People, MonthlyCosts: c.costs(unit.Units)}
		for _, n := range unit.Units {
			u.UnitsFreed += n
		}
		units = append(units, u)
	}
	slices.SortFunc(units, func(a, b *model.FindingsOfOrgUnit) int {
		return cmp.Or(cmp.Compare(b.UnitsFreed, a.UnitsFreed), cmp.Compare(deref(a.Name), deref(b.Name)))
	})
	units = units[:min(len(units), maxOrgUnits)]
	if c.unread != nil {
		return units, &partialError{c.unread}
	}
	return units, nil
}

// requestsOfFindings returns the number of requests that counting takes now; nil if a list is not counted.
func (f *field) requestsOfFindings(o *model.LicenseFindingsOverview) (*int32, error) {
	r := f.findings(o.Filter)
	requests, has := int32(0), func(kind licensing.LicenseFindingKind) bool { return slices.Contains(r.rules.Kinds, kind) }
	if has(licensing.UnusedUnits) || has(licensing.OverlappingProducts) {
		requests++
	}
	if has(licensing.ExpiringSubscription) {
		requests++
	}
	walks := slices.DeleteFunc(r.walks(o.OrgUnits), func(walk licensing.FindingWalk) bool {
		return !walk.Filter.InactiveSince.IsZero() && r.signInsDenied() != nil
	})
	pages, errs, blocked := loaders.Collect(walks, func(walk licensing.FindingWalk) (upstream.Page[*licensing.User], error) {
		return f.UsersByQuery.Get(upstream.Query{Filter: walk.Filter, Top: 1, Count: !walk.Filter.ReconciliationNeeded})
	})
	if err := cmp.Or(blocked, cmp.Or(errs...)); err != nil {
		return nil, err
	}
	for i, page := range pages {
		walk := walks[i]
		switch {
		case walk.Filter.ReconciliationNeeded: // which has few users
			requests++
		case page.Count == nil:
			return nil, page.Uncounted
		default:
			requests += int32(max(1, (*page.Count+walk.PageSize()-1)/walk.PageSize()))
		}
	}
	return &requests, nil
}
