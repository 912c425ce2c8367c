package loaders

import (
	"errors"
	"slices"

	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

func (l *Loaders) addSubscribedSkus() {
	l.SubscribedSkus = newLoader(l, msgraph.AllSubscribedSkus, nil)
}

// AllSubscribedSkus returns the products that the tenant is subscribed to.
func (l *Loaders) AllSubscribedSkus() ([]*licensing.SubscribedSku, error) {
	return l.SubscribedSkus.Get(Tenant)
}

// SubscribedSku returns one product of the tenant, by its SKU id.
func (l *Loaders) SubscribedSku(id licensing.GUID) (*licensing.SubscribedSku, error) {
	sku, err := l.findSku(func(sku *licensing.SubscribedSku) bool { return sku.SkuID != nil && *sku.SkuID == id })
	if errors.Is(err, upstream.ErrNotFound) {
		if why := l.skuDoubt(); why != nil {
			return nil, why
		}
	}
	return sku, err
}

// skuDoubt returns why nobody can tell which product one of the list that was read is; nil when it can be told of all of them.
func (l *Loaders) skuDoubt() error {
	skus, _ := l.SubscribedSkus.ifLoaded(Tenant)
	for _, sku := range skus {
		if err := sku.WhyUnread("skuId"); err != nil {
			return err
		}
	}
	return nil
}

// PlanDoubt returns why nobody can tell whether a product contains a service plan that it is not known to contain; nil when
// it can be told of all products.
func (l *Loaders) PlanDoubt(plan licensing.GUID) error {
	skus, _ := l.SubscribedSkus.ifLoaded(Tenant)
	for _, sku := range skus {
		if contains(sku, plan) {
			continue
		}
		if err := sku.WhyUnread("servicePlans"); err != nil {
			return err
		}
		for _, p := range sku.ServicePlans {
			if err := p.WhyUnread("servicePlanId"); err != nil {
				return err
			}
		}
	}
	return nil
}

// contains tells whether a product is known to contain a service plan.
func contains(sku *licensing.SubscribedSku, plan licensing.GUID) bool {
	return slices.ContainsFunc(sku.ServicePlans, func(p *licensing.ServicePlan) bool { return p.ServicePlanID != nil && *p.ServicePlanID == plan })
}

// SubscribedSkuByID returns one product of the tenant, by the id of its subscription.
func (l *Loaders) SubscribedSkuByID(id string) (*licensing.SubscribedSku, error) {
	return l.findSku(func(sku *licensing.SubscribedSku) bool { return sku.ID == id })
}

// findSku searches the one list that answers for all products: the service filters it by nothing.
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
