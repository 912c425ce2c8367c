package graph

import (
	"errors"

	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// skus returns the products with the ids, in their order: from the catalogue where their names are all that
// is selected, else the tenant's own; nil where there is no id, or no subscription to the product.
func (p plan) skus(s selection, ids []*licensing.GUID) ([]*licensing.SubscribedSku, []error) {
	thunks := make([]loaders.Thunk[*licensing.SubscribedSku], len(ids))
	for i, id := range ids {
		thunks[i] = p.skuOf(s, id)
	}
	return loaders.Wait(thunks)
}

func (p plan) skuOf(s selection, id *licensing.GUID) loaders.Thunk[*licensing.SubscribedSku] {
	if id == nil {
		return func() (*licensing.SubscribedSku, error) { return nil, nil }
	}
	if namesSuffice(s, *id) {
		return func() (*licensing.SubscribedSku, error) {
			if sku, known := licensing.WellKnownSku(*id); known {
				return sku, nil
			}
			return &licensing.SubscribedSku{SkuID: id}, nil
		}
	}
	thunk := p.SubscribedSku(*id)
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
	plans, errs := make([][]*licensing.ServicePlan, len(ids)), make([]error, len(ids))
	skus := make([]loaders.Thunk[*licensing.SubscribedSku], len(ids))
	for i := range ids {
		if skuIDs[i] != nil && !planNamesSuffice(s, ids[i]) {
			skus[i] = p.SubscribedSku(*skuIDs[i])
		}
	}
	for i := range ids {
		var sku *licensing.SubscribedSku
		if skus[i] != nil {
			var err error
			if sku, err = skus[i](); err != nil && !errors.Is(err, licensing.ErrNotFound) {
				errs[i] = err
				continue
			}
		}
		plans[i] = make([]*licensing.ServicePlan, len(ids[i]))
		for n, id := range ids[i] {
			plans[i][n] = servicePlan(sku, id)
		}
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
