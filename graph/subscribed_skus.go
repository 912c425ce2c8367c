package graph

import (
	"cmp"
	"slices"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
)

// sku returns the product that something refers to: from the catalog where its names are all that is selected, else the
// tenant's own; nil where there is no id, or no subscription to the product.
func (f *field) sku(id *licensing.GUID) (*licensing.SubscribedSku, error) {
	if id == nil {
		return nil, nil
	}
	return existing(f.skuByID(*id))
}

// skuByID returns the product with an id, from the catalog where that answers what is selected.
func (f *field) skuByID(id licensing.GUID) (*licensing.SubscribedSku, error) {
	if f.answered == answersUnknown {
		switch {
		case f.only("SubscribedSku", "skuId", "allotments", "assignmentErrors"):
			f.answered = answersKey
		case f.only("SubscribedSku", namesOfSku...):
			f.answered = answersNames
		default:
			f.answered = answersNothing
		}
	}
	if f.answered != answersNothing {
		if sku, known := licensing.WellKnownSku(id); known {
			return sku, nil
		}
	}
	if f.answered == answersKey {
		return &licensing.SubscribedSku{SkuID: &id}, nil
	}
	return f.SubscribedSku(id)
}

// subscribedSku returns the product with an id.
func (f *field) subscribedSku() (*licensing.SubscribedSku, error) {
	f.prefetchLists()
	return f.SubscribedSku(arg[licensing.GUID](f, "skuId"))
}

func (f *field) subscribedSkuStub(any) any {
	id := arg[licensing.GUID](f, "skuId")
	return &licensing.SubscribedSku{SkuID: &id}
}

// namesOfSku are the fields of a product that the catalog answers, and those that are asked for by the product's id.
var namesOfSku = []string{"skuId", "skuPartNumber", "productName", "allotments", "assignmentErrors", "__typename"}

// planNamesSuffice tells whether the catalog answers what is selected of service plans.
func (f *field) planNamesSuffice(plans []licensing.GUID) bool {
	if f.answered == answersUnknown {
		const skus = "subscribedSkus" // are asked for by the plan's id
		switch {
		case f.only("ServicePlan", "servicePlanId", skus):
			f.answered = answersKey
		case f.only("ServicePlan", "servicePlanId", "servicePlanName", "displayName", skus):
			f.answered = answersNames
		default:
			f.answered = answersNothing
		}
	}
	if f.answered != answersNames {
		return f.answered == answersKey
	}
	return !slices.ContainsFunc(plans, func(plan licensing.GUID) bool {
		_, known := licensing.WellKnownServicePlan(plan)
		return !known
	})
}

// prefetchLists asks for the lists of the tenant that what is selected leads to, whoever points into them: they need not wait
// for that.
func (f *field) prefetchLists() {
	if f.lists == nil {
		f.lists = &lists{
			skus: f.leadsTo(func(typeName, field string) bool {
				return typeName == "SubscribedSku" && !slices.Contains(namesOfSku, field) || typeName == "ServicePlan" && field == "subscribedSkus"
			}),
			allotments: f.leadsTo(func(typeName, field string) bool { return typeName == "SubscribedSku" && field == "allotments" }),
		}
	}
	if f.lists.skus {
		f.AllSubscribedSkus() //nolint:errcheck // who points into them says
	}
	if f.lists.allotments {
		f.AllAllotments() //nolint:errcheck // who points into them says
	}
}

// servicePlansOf returns the service plans of a product that have the ids: from the catalog where their names are all
// that is selected, else as the tenant has them.
func (f *field) servicePlansOf(skuID *licensing.GUID, ids []licensing.GUID) ([]*licensing.ServicePlan, error) {
	var sku *licensing.SubscribedSku
	var err error
	if skuID != nil && len(ids) > 0 && !f.planNamesSuffice(ids) {
		sku, err = existing(f.SubscribedSku(*skuID))
	}
	return each(ids, func(id licensing.GUID) *licensing.ServicePlan { return servicePlan(sku, id) }), err
}

// servicePlan returns what is known of a service plan: as part of the product, else by its names, else its id.
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

// subscribedSkus returns a page of the products that the tenant is subscribed to.
func (f *field) subscribedSkus() (*model.SubscribedSkuConnection, error) {
	order := arg[*model.SubscribedSkuOrder](f, "orderBy")
	return heldPageOf(f, listName("subscribedSkus", order), f.AllSubscribedSkus, func(skus []*licensing.SubscribedSku) ([]*licensing.SubscribedSku, error) {
		return ordered(skus, order, compareSkus), firstDoubt(skus, func(sku *licensing.SubscribedSku) error { return skuDoubt(order, sku) })
	})
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

// skuDoubt returns why nobody can tell where a product stands in an order.
func skuDoubt(order *model.SubscribedSkuOrder, sku *licensing.SubscribedSku) error {
	switch {
	case order == nil:
		return nil
	case order.Field == model.SkusByConsumedUnits:
		return sku.WhyUnread("consumedUnits")
	case order.Field == model.SkusByFreeUnits && sku.Units() != nil:
		return sku.Units().WhyUnread("free")
	case order.Field == model.SkusByFreeUnits:
		return nil
	default:
		return cmp.Or(sku.WhyUnread("skuId"), sku.WhyUnread("skuPartNumber"))
	}
}

// freeUnits returns how many units of a product are free; nil when that is not known.
func freeUnits(sku *licensing.SubscribedSku) *int32 {
	if units := sku.Units(); units != nil {
		return units.Free
	}
	return nil
}

// nameOf returns the display name of a product, or its short name where there is none.
func nameOf(sku *licensing.SubscribedSku) string {
	return cmp.Or(deref(sku.ProductName()), deref(sku.SkuPartNumber))
}

// skusWithPlan returns the products that contain a service plan; nil where it has no id.
func (f *field) skusWithPlan(plan *licensing.ServicePlan) ([]*licensing.SubscribedSku, error) {
	if plan.ServicePlanID == nil {
		return nil, nil
	}
	return f.SubscribedSkusWith(*plan.ServicePlanID)
}

// allotmentsOfSku returns the allotments of a product; nil where it has no id.
func (f *field) allotmentsOfSku(sku *licensing.SubscribedSku) ([]*licensing.Allotment, error) {
	if sku.SkuID == nil {
		return nil, nil
	}
	return f.AllotmentsOfSku(*sku.SkuID)
}

// assignmentErrorsOfSku returns a page of a product's assignment errors; nil where it has no id.
func (f *field) assignmentErrorsOfSku(sku *licensing.SubscribedSku) (*model.AssignmentErrorConnection, error) {
	if sku.SkuID == nil {
		return nil, nil
	}
	l := f.errorList("assignmentErrors of", string(*sku.SkuID))
	l.query.Filter.SkuID = string(*sku.SkuID)
	return pageOf(f, l)
}

// disabledServicePlans returns the service plans that are switched off in an assignment, of whatever product: from the
// catalog where their names are all that is selected, else as the tenant has them.
func (f *field) disabledServicePlans(a *licensing.Assignment) ([]*licensing.ServicePlan, error) {
	var skus []*licensing.SubscribedSku
	var err error
	if ids := a.DisabledServicePlanIDs; len(ids) > 0 && !f.planNamesSuffice(ids) {
		skus, err = f.AllSubscribedSkus()
	}
	return each(a.DisabledServicePlanIDs, func(id licensing.GUID) *licensing.ServicePlan { return servicePlanOfAny(skus, id) }), err
}

// servicePlanOfAny returns what is known of a service plan: as part of a product that has it, else by its names, else its id.
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
