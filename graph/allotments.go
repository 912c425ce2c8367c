package graph

import (
	"slices"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// allotment returns one allotment by its id.
func (f *field) allotment() (*licensing.Allotment, error) {
	return f.findAllotment(arg[string](f, "id"))
}

func (f *field) allotmentStub(any) any { return allotmentStub(arg[string](f, "id")) }

func (f *field) findAllotment(id string) (*licensing.Allotment, error) {
	if err := opaqueID(id); err != nil {
		return nil, err
	}
	f.prefetchLists()
	return unlessRefused(f.AllotmentByID.Get(id))
}

func allotmentStub(id string) any {
	if opaqueID(id) != nil {
		return nil
	}
	return &licensing.Allotment{ID: id}
}

// forArranging are the properties by which allotments are filtered and ordered.
var forArranging = []string{"Allotment.skuId", "Allotment.skuPartNumber", "Allotment.allottedUnits", "Allotment.consumedUnits", "Allotment.subscriptions"}

// allotments returns a page of the tenant's allotments that a filter leaves.
func (f *field) allotments() (*model.AllotmentConnection, error) {
	filter, order := arg[*model.AllotmentFilter](f, "filter"), arg[*model.AllotmentOrder](f, "orderBy")
	return heldPageOf(f, listName("allotments", filter, order), f.AllAllotments, func(allotments []*licensing.Allotment) ([]*licensing.Allotment, error) {
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
		if f.MinAvailableUnits != nil || f.MaxAvailableUnits != nil {
			switch err := a.WhyNoAvailableUnits(); {
			case err != nil && keepAllotment(f, a):
				return err
			case err == nil && a.AvailableUnits() == nil: // the service sent none, and the allotment is left out
				return upstream.OddValue("Allotment.availableUnits")
			}
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

// assignmentsOfAllotment returns a page of what draws on an allotment.
func (f *field) assignmentsOfAllotment(a *licensing.Allotment) (*model.AssignmentConnection, error) {
	l := f.allAssignments()
	l.name, l.query.Of, l.loader = listName("assignments of", a.ID), a.ID, f.AssignmentsOfAllotmentByQuery
	return pageOf(f, l)
}

// waitingMembersOfAllotment returns a page of who waits for a unit of an allotment.
func (f *field) waitingMembersOfAllotment(a *licensing.Allotment) (*model.WaitingMemberConnection, error) {
	return pageOf(f, f.waitingMembersOf(a.ID))
}

func (f *field) waitingMembersOf(id string) list[*licensing.WaitingMember, *licensing.WaitingMember] {
	return list[*licensing.WaitingMember, *licensing.WaitingMember]{
		name: listName("waitingMembers", id), query: upstream.Query{Of: id}, most: maxLicensing, mostUpstream: licensingAtOnce,
		typeName: "WaitingMember", loader: f.WaitingMembersByQuery, whole: asSent[*licensing.WaitingMember],
	}
}
