package graph

import (
	"cmp"
	"errors"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// skus returns the products with the ids, in their order: from the catalogue where their names are all that
// is selected, else the tenant's own; nil where there is no id, or no subscription to the product.
func (p plan) skus(s selection, ids []*licensing.GUID) ([]*licensing.SubscribedSku, []error) {
	return loaders.Wait(each(ids, p.findSku(s)))
}

// theSku finds the product that a root field asks for.
func (p plan) theSku(s selection, id licensing.GUID) loaders.Thunk[*licensing.SubscribedSku] {
	p.ahead(s)
	p.subscribedSku(s)(&licensing.SubscribedSku{SkuID: &id})
	return p.SubscribedSku(id)
}

// findSku finds a product by its SKU id.
func (p plan) findSku(s selection) func(*licensing.GUID) loaders.Thunk[*licensing.SubscribedSku] {
	suffice := namesSuffice(s)
	return func(id *licensing.GUID) loaders.Thunk[*licensing.SubscribedSku] {
		switch {
		case id == nil:
			return held[*licensing.SubscribedSku](nil)
		case suffice(*id):
			return held(wellKnownSku(*id))
		default:
			return ifSubscribed(p.SubscribedSku(*id))
		}
	}
}

func wellKnownSku(id licensing.GUID) *licensing.SubscribedSku {
	if sku, known := licensing.WellKnownSku(id); known {
		return sku
	}
	return &licensing.SubscribedSku{SkuID: &id}
}

// ifSubscribed makes a product that the tenant is not subscribed to nothing, rather than an error.
func ifSubscribed(thunk loaders.Thunk[*licensing.SubscribedSku]) loaders.Thunk[*licensing.SubscribedSku] {
	return func() (*licensing.SubscribedSku, error) {
		sku, err := thunk()
		if errors.Is(err, licensing.ErrNotFound) {
			return nil, nil
		}
		return sku, err
	}
}

// servicePlansOf returns the service plans of each product that have the ids, in their order: from the
// catalogue where their names are all that is selected, else as the tenant has them.
func (p plan) servicePlansOf(s selection, skuIDs []*licensing.GUID, ids [][]licensing.GUID) ([][]*licensing.ServicePlan, []error) {
	suffice := planNamesSuffice(s)
	skus := make([]loaders.Thunk[*licensing.SubscribedSku], len(ids))
	for i := range ids {
		skus[i] = held[*licensing.SubscribedSku](nil)
		if skuIDs[i] != nil && !suffice(ids[i]) {
			skus[i] = ifSubscribed(p.SubscribedSku(*skuIDs[i]))
		}
	}
	plans := make([][]*licensing.ServicePlan, len(ids))
	found, errs := loaders.Wait(skus)
	for i, sku := range found {
		plans[i] = each(ids[i], func(id licensing.GUID) *licensing.ServicePlan { return servicePlan(sku, id) })
	}
	return plans, errs
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

// skusConnection returns a page of the products that the tenant is subscribed to.
func (p plan) skusConnection(s selection, order *model.SubscribedSkuOrder, w window) (*model.SubscribedSkuConnection, error) {
	return planHeld(p, s, w, listName("subscribedSkus", order), p.SubscribedSkus, p.subscribedSku(s.nodes("SubscribedSku")), func(skus []*licensing.SubscribedSku) ([]*licensing.SubscribedSku, error) {
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

// nameOf returns the name of a product that people read, the short one where there is none.
func nameOf(sku *licensing.SubscribedSku) string {
	return cmp.Or(deref(sku.ProductName()), deref(sku.SkuPartNumber))
}

// skusWithPlans returns the products that contain each service plan; nil where it has no id.
func (p plan) skusWithPlans(plans []*licensing.ServicePlan) ([][]*licensing.SubscribedSku, []error) {
	return loaders.Wait(each(plans, func(plan *licensing.ServicePlan) loaders.Thunk[[]*licensing.SubscribedSku] {
		if plan.ServicePlanID == nil {
			return held[[]*licensing.SubscribedSku](nil)
		}
		return p.SubscribedSkusWith(*plan.ServicePlanID)
	}))
}

// servicePlansByID returns the service plans with each of the ids, of whatever product: from the catalogue where their
// names are all that is selected, else as the tenant has them.
func (p plan) servicePlansByID(s selection, ids [][]licensing.GUID) ([][]*licensing.ServicePlan, []error) {
	suffice := planNamesSuffice(s)
	return loaders.Wait(each(ids, func(ids []licensing.GUID) loaders.Thunk[[]*licensing.ServicePlan] {
		every := held[[]*licensing.SubscribedSku](nil)
		if !suffice(ids) {
			every = p.AllSubscribedSkus()
		}
		return func() ([]*licensing.ServicePlan, error) {
			skus, err := every()
			return each(ids, func(id licensing.GUID) *licensing.ServicePlan { return servicePlanOfAny(skus, id) }), err
		}
	}))
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
