package graph

import (
	"cmp"
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
	return planHeld(p, s, w, listName("allotments", filter, order), p.Allotments, p.allotment(s.nodes("Allotment")), func(allotments []*licensing.Allotment) []*licensing.Allotment {
		left := slices.DeleteFunc(slices.Clone(allotments), func(a *licensing.Allotment) bool { return !keepAllotment(filter, a) })
		return ordered(left, order, compareAllotments)
	})
}

func keepAllotment(f *model.AllotmentFilter, a *licensing.Allotment) bool {
	if f == nil {
		return true
	}
	free := a.AvailableUnits()
	unread := a.WhyUnread("allottedUnits") != nil || a.WhyUnread("consumedUnits") != nil // shown, and said
	return (f.SkuID == nil || is(a.SkuID, *f.SkuID)) &&
		(f.MinAvailableUnits == nil || unread || free != nil && *free >= *f.MinAvailableUnits) &&
		(f.MaxAvailableUnits == nil || unread || free != nil && *free <= *f.MaxAvailableUnits)
}

func compareAllotments(field model.AllotmentOrderField, a, b *licensing.Allotment) int {
	switch field {
	case model.AllotmentsByAllottedUnits:
		return cmp.Compare(deref(a.AllottedUnits), deref(b.AllottedUnits))
	case model.AllotmentsByConsumedUnits:
		return cmp.Compare(deref(a.ConsumedUnits), deref(b.ConsumedUnits))
	case model.AllotmentsByAvailableUnits:
		return cmp.Compare(deref(a.AvailableUnits()), deref(b.AvailableUnits()))
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
