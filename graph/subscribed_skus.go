package graph

import (
	"cmp"
	"fmt"
	"slices"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// sku returns a referenced product; nil without an ID or a subscription. If only names are selected, it comes from
// the catalog.
func (f *field) sku(id *licensing.GUID) (*licensing.SubscribedSku, error) {
	if id == nil {
		return nil, nil
	}
	return ignoreNotFound(f.skuByID(*id))
}

// skuByID returns a product, from the catalog if that has all selected fields.
func (f *field) skuByID(id licensing.GUID) (*licensing.SubscribedSku, error) {
	if f.source == sourceUnknown {
		switch {
		case f.only("SubscribedSku", "skuId", "allotments", "assignmentErrors"):
			f.source = sourceKey
		case f.only("SubscribedSku", namesOfSku...):
			f.source = sourceCatalog
		default:
			f.source = sourceService
		}
	}
	if f.source == sourceService {
		return f.SubscribedSku(id)
	}
	if sku := f.named[id]; sku != nil {
		return sku, nil
	}
	sku, known := licensing.WellKnownSku(id)
	switch {
	case known:
	case f.source == sourceKey:
		key := id
		sku = &licensing.SubscribedSku{SkuID: &key}
	default:
		return f.SubscribedSku(id)
	}
	if f.named == nil {
		f.named = map[licensing.GUID]*licensing.SubscribedSku{}
	}
	f.named[id] = sku
	return sku, nil
}

func (f *field) subscribedSku() (*licensing.SubscribedSku, error) {
	f.prefetchLists()
	return f.SubscribedSku(arg[licensing.GUID](f, "skuId"))
}

func (f *field) subscribedSkuStub(any) any {
	id := arg[licensing.GUID](f, "skuId")
	return &licensing.SubscribedSku{SkuID: &id}
}

// namesOfSku are the fields of a product that the catalog has or that require only the SKU ID.
var namesOfSku = []string{"skuId", "skuPartNumber", "productName", "price", "allotments", "assignmentErrors", "__typename"}

// planNamesSuffice reports whether the catalog has all selected fields of service plans.
func (f *field) planNamesSuffice(plans []licensing.GUID) bool {
	if f.source == sourceUnknown {
		const skus = "subscribedSkus" // requires only the plan's ID
		switch {
		case f.only("ServicePlan", "servicePlanId", skus):
			f.source = sourceKey
		case f.only("ServicePlan", "servicePlanId", "servicePlanName", "displayName", skus):
			f.source = sourceCatalog
		default:
			f.source = sourceService
		}
	}
	if f.source != sourceCatalog {
		return f.source == sourceKey
	}
	return !slices.ContainsFunc(plans, func(plan licensing.GUID) bool {
		_, known := licensing.WellKnownServicePlan(plan)
		return !known
	})
}

// prefetchLists requests the tenant's lists that the selection requires, without waiting for the objects that refer
// to them.
func (f *field) prefetchLists() {
	if f.lists == nil {
		f.lists = &lists{
			skus: f.leadsTo(func(typeName, field string) bool {
				return typeName == "SubscribedSku" && !slices.Contains(namesOfSku, field) || typeName == "ServicePlan" && field == "subscribedSkus"
			}),
			allotments: f.leadsTo(func(typeName, field string) bool { return typeName == "SubscribedSku" && field == "allotments" }),
			purchases:  f.leadsTo(func(_, field string) bool { return field == "companySubscriptions" || field == "companySubscription" }),
		}
	}
	if f.lists.skus {
		f.AllSubscribedSkus() //nolint:errcheck // the fields that use the list return the error
	}
	if f.lists.allotments {
		f.AllAllotments() //nolint:errcheck // likewise
	}
	if f.lists.purchases {
		f.AllCompanySubscriptions() //nolint:errcheck // likewise
	}
}

// servicePlansOf returns service plans of a product by ID, from the catalog if only names are selected.
func (f *field) servicePlansOf(skuID *licensing.GUID, ids []licensing.GUID) ([]*licensing.ServicePlan, error) {
	var sku *licensing.SubscribedSku
	var err error
	if skuID != nil && len(ids) > 0 && !f.planNamesSuffice(ids) {
		sku, err = ignoreNotFound(f.SubscribedSku(*skuID))
	}
	return each(ids, func(id licensing.GUID) *licensing.ServicePlan { return servicePlan(sku, id) }), err
}

// servicePlan returns a service plan as in the product, else from the catalog, else with its ID only.
func servicePlan(sku *licensing.SubscribedSku, id licensing.GUID) *licensing.ServicePlan {
	if sku != nil {
		for _, plan := range sku.ServicePlans {
			if plan.ServicePlanID != nil && *plan.ServicePlanID == id {
				return plan
			}
		}
	}
	if plan, known := licensing.WellKnownServicePlan(id); known {
		return plan
	}
	return &licensing.ServicePlan{ServicePlanID: &id}
}

// subscribedSkus returns a page of the tenant's products that match the filter.
func (f *field) subscribedSkus() (*model.SubscribedSkuConnection, error) {
	filter, order := deref(arg[*model.SubscribedSkuFilter](f, "filter")), arg[*model.SubscribedSkuOrder](f, "orderBy")
	if err := checkSkuFilter(filter); err != nil {
		return nil, err
	}
	all := func() ([]*licensing.SubscribedSku, error) {
		skus, err := f.AllSubscribedSkus()
		if filter.ExpiresBefore != nil {
			_, unread := f.AllCompanySubscriptions()
			err = cmp.Or(err, unread)
		}
		return skus, err
	}
	return memoryPageOf(f, listName("subscribedSkus", filter, order), all, func(skus []*licensing.SubscribedSku) ([]*licensing.SubscribedSku, error) {
		found, unread := matching(skus, func(m *matcher, sku *licensing.SubscribedSku) bool { return f.skuMeets(filter, m, sku) })
		return ordered(found, order, compareSkus), cmp.Or(unread, firstReadError(found, func(sku *licensing.SubscribedSku) error { return skuReadError(order, sku) }))
	})
}

// checkSkuFilter validates the filter.
func checkSkuFilter(f model.SubscribedSkuFilter) error {
	if err := cmp.Or(checkSkuIDs("skuIds", f.SkuIds), checkSkuIDs("excludeSkuIds", f.ExcludeSkuIds)); err != nil {
		return err
	}
	for _, id := range f.SkuIds {
		if slices.Contains(f.ExcludeSkuIds, id) {
			return &upstream.InputError{Message: "`skuIds` and `excludeSkuIds` both have " + string(id)}
		}
	}
	return nil
}

// checkSkuIDs validates the number of products in a filter; nil is none.
func checkSkuIDs(name string, ids []licensing.GUID) error {
	if ids != nil && (len(ids) == 0 || len(ids) > maxFilterSkus) {
		return &upstream.InputError{Message: fmt.Sprintf("`%s` has 1 to %d products: omit it for all", name, maxFilterSkus)}
	}
	return nil
}

// skuMeets reports whether a product meets the conditions of the filter.
func (f *field) skuMeets(filter model.SubscribedSkuFilter, m *matcher, sku *licensing.SubscribedSku) bool {
	id, unread, free := deref(sku.SkuID), sku.ReadError("skuId"), freeUnits(sku)
	if filter.CapabilityStatus != nil && !m.meets(is(sku.CapabilityStatus(), *filter.CapabilityStatus), sku.ReadError("capabilityStatus")) ||
		filter.SkuIds != nil && !m.meets(slices.Contains(filter.SkuIds, id), unread) ||
		filter.ExcludeSkuIds != nil && !m.meets(!slices.Contains(filter.ExcludeSkuIds, id), unread) ||
		filter.WithFreeUnits != nil && !m.meets(free != nil && (*free > 0) == *filter.WithFreeUnits, freeUnitsError(sku)) {
		return false
	}
	return filter.ExpiresBefore == nil || m.meets(f.expires(sku, *filter.ExpiresBefore))
}

// expires reports whether a purchase of a product, that is not deleted, leaves its status before a day if it is not
// renewed.
func (f *field) expires(sku *licensing.SubscribedSku, before licensing.Date) (expires bool, unread error) {
	purchases, err := f.CompanySubscriptionsOf(sku)
	if err != nil {
		return false, err
	}
	for _, s := range purchases {
		if is(s.Status(), licensing.CapabilityDeleted) {
			continue
		}
		day := s.NextLifecycleDate()
		expires, unread = expires || day != nil && *day < before, cmp.Or(unread, s.ReadError("status"), s.ReadError("nextLifecycleDateTime"))
	}
	return expires, unread
}

func compareSkus(field model.SubscribedSkuOrderField, a, b *licensing.SubscribedSku) int {
	switch field {
	case model.SkusByProductName:
		return compareText(nameOf(a), nameOf(b))
	case model.SkusByConsumedUnits:
		return compareUnits(a.ConsumedUnits, b.ConsumedUnits)
	case model.SkusByFreeUnits:
		return compareUnits(freeUnits(a), freeUnits(b))
	default:
		return compareText(deref(a.SkuPartNumber), deref(b.SkuPartNumber))
	}
}

// skuReadError returns the error of a property that the order requires and that could not be read.
func skuReadError(order *model.SubscribedSkuOrder, sku *licensing.SubscribedSku) error {
	switch {
	case order == nil:
		return nil
	case order.Field == model.SkusByConsumedUnits:
		return sku.ReadError("consumedUnits")
	case order.Field == model.SkusByFreeUnits:
		return freeUnitsError(sku)
	default:
		return cmp.Or(sku.ReadError("skuId"), sku.ReadError("skuPartNumber"))
	}
}

// freeUnits returns the number of free units; nil if unknown.
func freeUnits(sku *licensing.SubscribedSku) *int32 {
	if units := sku.Units(); units != nil {
		return units.Free
	}
	return nil
}

// freeUnitsError returns the error of the number of free units; nil if it could be read.
func freeUnitsError(sku *licensing.SubscribedSku) error {
	if units := sku.Units(); units != nil {
		return units.ReadError("free")
	}
	return nil
}

// nameOf returns the display name of a product, or else its skuPartNumber.
func nameOf(sku *licensing.SubscribedSku) string {
	return cmp.Or(deref(sku.ProductName()), deref(sku.SkuPartNumber))
}

// skusWithPlan returns the products that contain a service plan; nil without an ID.
func (f *field) skusWithPlan(plan *licensing.ServicePlan) ([]*licensing.SubscribedSku, error) {
	if plan.ServicePlanID == nil {
		return nil, nil
	}
	return f.SubscribedSkusWith(*plan.ServicePlanID)
}

// allotmentsOfSku returns the allotments of a product; nil without an ID.
func (f *field) allotmentsOfSku(sku *licensing.SubscribedSku) ([]*licensing.Allotment, error) {
	if sku.SkuID == nil {
		return nil, nil
	}
	return f.AllotmentsOfSku(*sku.SkuID)
}

// assignmentErrorsOfSku returns a page of a product's assignment errors; nil without an ID.
func (f *field) assignmentErrorsOfSku(sku *licensing.SubscribedSku) (*model.AssignmentErrorConnection, error) {
	if sku.SkuID == nil {
		return nil, nil
	}
	l := f.errorList(listName("assignmentErrors of", string(*sku.SkuID)))
	l.query.Filter.SkuID = string(*sku.SkuID)
	return pageOf(f, l)
}

// disabledServicePlans returns the disabled service plans of an assignment, from the catalog if only names are
// selected.
func (f *field) disabledServicePlans(a *licensing.Assignment) ([]*licensing.ServicePlan, error) {
	var skus []*licensing.SubscribedSku
	var err error
	if ids := a.DisabledServicePlanIDs; len(ids) > 0 && !f.planNamesSuffice(ids) {
		skus, err = f.AllSubscribedSkus()
	}
	return each(a.DisabledServicePlanIDs, func(id licensing.GUID) *licensing.ServicePlan { return servicePlanOfAny(skus, id) }), err
}

// servicePlanOfAny returns a service plan as in any of the products, else like [servicePlan].
func servicePlanOfAny(skus []*licensing.SubscribedSku, id licensing.GUID) *licensing.ServicePlan {
	for _, sku := range skus {
		for _, plan := range sku.ServicePlans {
			if is(plan.ServicePlanID, id) {
				return plan
			}
		}
	}
	return servicePlan(nil, id)
}
