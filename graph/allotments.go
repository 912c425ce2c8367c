package graph

import (
	"slices"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// findAllotment returns one allotment by its id.
func (p plan) findAllotment(s selection, id string) loaders.Thunk[*licensing.Allotment] {
	if err := opaqueID(id); err != nil {
		return failing[*licensing.Allotment](err)
	}
	p.ahead(s)
	p.belowAllotment(s)(id)
	return unlessRefused(p.AllotmentByID.Plan(id, p.allotment(s)))
}

// allotmentsConnection returns a page of the tenant's allotments that a filter leaves.
func (p plan) allotmentsConnection(s selection, filter *model.AllotmentFilter, order *model.AllotmentOrder, w window) (*model.AllotmentConnection, error) {
	return planHeld(p, s, w, listName("allotments", filter, order), p.Allotments, p.allotment(s.nodes("Allotment")), func(allotments []*licensing.Allotment) ([]*licensing.Allotment, error) {
		left := slices.DeleteFunc(slices.Clone(allotments), func(a *licensing.Allotment) bool { return !keepAllotment(filter, a) })
		return ordered(left, order, compareAllotments), firstDoubt(allotments, func(a *licensing.Allotment) error { return allotmentDoubt(filter, order, a) })
	})
}

// keepAllotment tells whether a filter leaves an allotment: one of which nobody can tell is shown, see allotmentDoubt.
func keepAllotment(f *model.AllotmentFilter, a *licensing.Allotment) bool {
	if f == nil {
		return true
	}
	free, unread := a.AvailableUnits(), a.WhyNoAvailableUnits() != nil
	return (f.SkuID == nil || a.WhyUnread("skuId") != nil || is(a.SkuID, *f.SkuID)) &&
		(f.MinAvailableUnits == nil || unread || free != nil && *free >= *f.MinAvailableUnits) &&
		(f.MaxAvailableUnits == nil || unread || free != nil && *free <= *f.MaxAvailableUnits)
}

// allotmentDoubt returns why nobody can tell whether a filter leaves an allotment, or where it stands in an order.
func allotmentDoubt(f *model.AllotmentFilter, order *model.AllotmentOrder, a *licensing.Allotment) error {
	if f != nil {
		if err := a.WhyUnread("skuId"); f.SkuID != nil && err != nil {
			return err
		}
		if err := a.WhyNoAvailableUnits(); (f.MinAvailableUnits != nil || f.MaxAvailableUnits != nil) && err != nil && keepAllotment(f, a) {
			return err
		}
	}
	if order == nil || !keepAllotment(f, a) {
		return nil
	}
	switch order.Field {
	case model.AllotmentsByAllottedUnits:
		return a.WhyUnread("allottedUnits")
	case model.AllotmentsByConsumedUnits:
		return a.WhyUnread("consumedUnits")
	case model.AllotmentsByAvailableUnits:
		return a.WhyNoAvailableUnits()
	default:
		return a.WhyUnread("skuPartNumber")
	}
}

func compareAllotments(field model.AllotmentOrderField, a, b *licensing.Allotment) int {
	switch field {
	case model.AllotmentsByAllottedUnits:
		return compareUnits(a.AllottedUnits, b.AllottedUnits)
	case model.AllotmentsByConsumedUnits:
		return compareUnits(a.ConsumedUnits, b.ConsumedUnits)
	case model.AllotmentsByAvailableUnits:
		return compareUnits(a.AvailableUnits(), b.AvailableUnits())
	default:
		return compareText(deref(a.SkuPartNumber), deref(b.SkuPartNumber))
	}
}

// assignmentsOf is the list of what draws on an allotment.
func (p plan) assignmentsOf(id string) list[*licensing.Assignment, *licensing.Assignment] {
	l := p.allAssignments()
	l.name, l.query.Of = listName("assignments of", id), id
	return l
}

// waitingMembersOf is the list of who waits for a unit of an allotment.
func (p plan) waitingMembersOf(id string) list[*licensing.WaitingMember, *licensing.WaitingMember] {
	return list[*licensing.WaitingMember, *licensing.WaitingMember]{
		name: listName("waitingMembers", id), query: licensing.ListQuery{Of: id}, most: maxLicensing, mostUpstream: licensingAtOnce,
		typeName: "WaitingMember", loader: p.WaitingMembersByQuery, whole: asSent[*licensing.WaitingMember], plan: p.waitingMember,
	}
}

// allotmentsOfSkus returns the allotments of each product; nil where it has no id.
func (p plan) allotmentsOfSkus(skus []*licensing.SubscribedSku) ([][]*licensing.Allotment, []error) {
	return loaders.Wait(each(skus, func(sku *licensing.SubscribedSku) loaders.Thunk[[]*licensing.Allotment] {
		if sku.SkuID == nil {
			return held[[]*licensing.Allotment](nil)
		}
		return p.AllotmentsOfSku(*sku.SkuID)
	}))
}
