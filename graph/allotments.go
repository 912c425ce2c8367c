package graph

import (
	"slices"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// allotment returns one allotment by its ID.
func (f *field) allotment() (*licensing.Allotment, error) {
	return f.findAllotment(arg[string](f, "id"))
}

func (f *field) allotmentStub(any) any { return allotmentStub(arg[string](f, "id")) }

func (f *field) findAllotment(id string) (*licensing.Allotment, error) {
	if err := opaqueID(id); err != nil {
		return nil, err
	}
	f.prefetchLists()
	return rejectedAsNotFound(f.AllotmentByID.Get(id))
}

func allotmentStub(id string) any {
	if opaqueID(id) != nil {
		return nil
	}
	return &licensing.Allotment{ID: id}
}

// allotmentListProperties are the required properties of a filtered or sorted list of allotments.
var allotmentListProperties = []string{"Allotment.skuId", "Allotment.skuPartNumber", "Allotment.allottedUnits", "Allotment.consumedUnits", "Allotment.subscriptions"}

// allotments returns a page of the tenant's allotments that match the filter.
func (f *field) allotments() (*model.AllotmentConnection, error) {
	filter, order := arg[*model.AllotmentFilter](f, "filter"), arg[*model.AllotmentOrder](f, "orderBy")
	return memoryPageOf(f, listName("allotments", filter, order), f.AllAllotments, func(allotments []*licensing.Allotment) ([]*licensing.Allotment, error) {
		left := slices.DeleteFunc(slices.Clone(allotments), func(a *licensing.Allotment) bool { return !allotmentMatches(filter, a) })
		return ordered(left, order, compareAllotments), firstReadError(allotments, func(a *licensing.Allotment) error { return allotmentReadError(filter, order, a) })
	})
}

// allotmentMatches reports whether an allotment matches the filter. A condition on a property that could not be read
// matches; allotmentReadError returns the error.
func allotmentMatches(f *model.AllotmentFilter, a *licensing.Allotment) bool {
	if f == nil {
		return true
	}
	free, unread := a.AvailableUnits(), a.AvailableUnitsError() != nil
	return (f.SkuID == nil || a.ReadError("skuId") != nil || is(a.SkuID, *f.SkuID)) &&
		(f.MinAvailableUnits == nil || unread || free != nil && *free >= *f.MinAvailableUnits) &&
		(f.MaxAvailableUnits == nil || unread || free != nil && *free <= *f.MaxAvailableUnits)
}

// allotmentReadError returns the error of a property that the filter or the order requires and that could not be
// read.
func allotmentReadError(f *model.AllotmentFilter, order *model.AllotmentOrder, a *licensing.Allotment) error {
	if f != nil {
		if err := a.ReadError("skuId"); f.SkuID != nil && err != nil {
			return err
		}
		if f.MinAvailableUnits != nil || f.MaxAvailableUnits != nil {
			switch err := a.AvailableUnitsError(); {
			case err != nil && allotmentMatches(f, a):
				return err
			case err == nil && a.AvailableUnits() == nil: // excluded: Microsoft Graph returned no units
				return upstream.OddValue("Allotment.availableUnits")
			}
		}
	}
	if order == nil || !allotmentMatches(f, a) {
		return nil
	}
	switch order.Field {
	case model.AllotmentsByAllottedUnits:
		return a.ReadError("allottedUnits")
	case model.AllotmentsByConsumedUnits:
		return a.ReadError("consumedUnits")
	case model.AllotmentsByAvailableUnits:
		return a.AvailableUnitsError()
	default:
		return a.ReadError("skuPartNumber")
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

// assignmentsOfAllotment returns a page of the assignments that draw on an allotment.
func (f *field) assignmentsOfAllotment(a *licensing.Allotment) (*model.AssignmentConnection, error) {
	l := f.allAssignments()
	l.name, l.query.Of, l.loader = listName("assignments of", a.ID), a.ID, f.AssignmentsOfAllotmentByQuery
	return pageOf(f, l)
}

// waitingMembersOfAllotment returns a page of the members that wait for a unit of an allotment.
func (f *field) waitingMembersOfAllotment(a *licensing.Allotment) (*model.WaitingMemberConnection, error) {
	return pageOf(f, f.waitingMembersOf(a.ID))
}

func (f *field) waitingMembersOf(id string) list[*licensing.WaitingMember, *licensing.WaitingMember] {
	return list[*licensing.WaitingMember, *licensing.WaitingMember]{
		name: listName("waitingMembers", id), query: upstream.Query{Of: id}, maxFirst: maxLicensing,
		typeName: "WaitingMember", loader: f.WaitingMembersByQuery, complete: asReturned[*licensing.WaitingMember],
	}
}
