package loaders

import (
	"slices"

	"licensegraph/internal/licensing"
)

// AllCompanySubscriptions returns the tenant's purchases.
func (l *Loaders) AllCompanySubscriptions() ([]*licensing.CompanySubscription, error) {
	return l.CompanySubscriptions.Get(Tenant)
}

// CompanySubscriptionsOf returns the purchases of a product: those with its subscriptionIds, otherwise those with its
// skuId.
func (l *Loaders) CompanySubscriptionsOf(sku *licensing.SubscribedSku) ([]*licensing.CompanySubscription, error) {
	all, err := l.AllCompanySubscriptions()
	if err != nil {
		return nil, err
	}
	of := where(all, func(s *licensing.CompanySubscription) bool { return slices.Contains(sku.SubscriptionIDs, s.ID) })
	if len(of) == 0 && sku.SkuID != nil {
		for _, s := range all {
			if err := s.ReadError("skuId"); err != nil {
				return nil, err
			}
		}
		of = where(all, func(s *licensing.CompanySubscription) bool { return s.SkuID != nil && *s.SkuID == *sku.SkuID })
	}
	return of, nil
}

// CompanySubscriptionOf returns the purchase of an allotment's subscription: the one with its ID as
// commerceSubscriptionId, otherwise as id; nil if there is none.
func (l *Loaders) CompanySubscriptionOf(of *licensing.AllotmentSubscription) (*licensing.CompanySubscription, error) {
	all, err := l.AllCompanySubscriptions()
	if err != nil {
		return nil, err
	}
	for _, match := range []func(*licensing.CompanySubscription) bool{
		func(s *licensing.CompanySubscription) bool {
			return s.CommerceSubscriptionID != nil && *s.CommerceSubscriptionID == of.SubscriptionID
		},
		func(s *licensing.CompanySubscription) bool { return s.ID == of.SubscriptionID },
	} {
		if i := slices.IndexFunc(all, match); i >= 0 {
			return all[i], nil
		}
	}
	return nil, nil
}

// where returns the elements that match.
func where[T any](items []T, matches func(T) bool) []T {
	return slices.DeleteFunc(slices.Clone(items), func(item T) bool { return !matches(item) })
}
