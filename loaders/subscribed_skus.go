package loaders

import (
	"errors"
	"slices"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

// AllSubscribedSkus returns the tenant's products.
func (l *Loaders) AllSubscribedSkus() ([]*licensing.SubscribedSku, error) {
	return l.SubscribedSkus.Get(Tenant)
}

// SubscribedSku returns a product by its skuId.
func (l *Loaders) SubscribedSku(id licensing.GUID) (*licensing.SubscribedSku, error) {
	sku, err := l.findSku(func(sku *licensing.SubscribedSku) bool { return sku.SkuID != nil && *sku.SkuID == id })
	if errors.Is(err, upstream.ErrNotFound) {
		if why := l.skuReadError(); why != nil {
			return nil, why
		}
	}
	return sku, err
}

// skuReadError returns the error of an unreadable skuId in the loaded list; nil if there is none.
func (l *Loaders) skuReadError() error {
	skus, _ := l.SubscribedSkus.ifLoaded(Tenant)
	for _, sku := range skus {
		if err := sku.ReadError("skuId"); err != nil {
			return err
		}
	}
	return nil
}

// PlanReadError returns the error of unreadable service plans in products that are not known to contain the plan; nil
// if there is none.
func (l *Loaders) PlanReadError(plan licensing.GUID) error {
	skus, _ := l.SubscribedSkus.ifLoaded(Tenant)
	for _, sku := range skus {
		if contains(sku, plan) {
			continue
		}
		if err := sku.ReadError("servicePlans"); err != nil {
			return err
		}
		for _, p := range sku.ServicePlans {
			if err := p.ReadError("servicePlanId"); err != nil {
				return err
			}
		}
	}
	return nil
}

func contains(sku *licensing.SubscribedSku, plan licensing.GUID) bool {
	return slices.ContainsFunc(sku.ServicePlans, func(p *licensing.ServicePlan) bool { return p.ServicePlanID != nil && *p.ServicePlanID == plan })
}

// SubscribedSkuByID returns a product by its subscribedSku ID.
func (l *Loaders) SubscribedSkuByID(id string) (*licensing.SubscribedSku, error) {
	return l.findSku(func(sku *licensing.SubscribedSku) bool { return sku.ID == id })
}

// findSku searches the tenant's list: the endpoint does not support $filter.
func (l *Loaders) findSku(match func(*licensing.SubscribedSku) bool) (*licensing.SubscribedSku, error) {
	skus, err := l.AllSubscribedSkus()
	if err != nil {
		return nil, err
	}
	if i := slices.IndexFunc(skus, match); i >= 0 {
		return skus[i], nil
	}
	return nil, upstream.ErrNotFound
}

// SubscribedSkusWith returns the products that contain a service plan.
func (l *Loaders) SubscribedSkusWith(plan licensing.GUID) ([]*licensing.SubscribedSku, error) {
	skus, err := l.AllSubscribedSkus()
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(skus), func(sku *licensing.SubscribedSku) bool { return !contains(sku, plan) }), nil
}
