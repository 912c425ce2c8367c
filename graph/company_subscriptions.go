package graph

import (
	"cmp"
	"slices"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
)

// companySubscriptions returns a page of the tenant's purchases that match the filter.
func (f *field) companySubscriptions() (*model.CompanySubscriptionConnection, error) {
	filter, order := deref(arg[*model.CompanySubscriptionFilter](f, "filter")), arg[*model.CompanySubscriptionOrder](f, "orderBy")
	if err := checkSkuIDs("skuIds", filter.SkuIds); err != nil {
		return nil, err
	}
	return memoryPageOf(f, listName("companySubscriptions", filter, order), f.AllCompanySubscriptions, func(all []*licensing.CompanySubscription) ([]*licensing.CompanySubscription, error) {
		found, unread := matching(all, func(m *matcher, s *licensing.CompanySubscription) bool { return purchaseMeets(filter, m, s) })
		return ordered(found, order, comparePurchases), cmp.Or(unread, firstReadError(found, func(s *licensing.CompanySubscription) error { return purchaseReadError(order, s) }))
	})
}

// purchaseMeets reports whether a purchase meets the conditions of the filter.
func purchaseMeets(f model.CompanySubscriptionFilter, m *matcher, s *licensing.CompanySubscription) bool {
	day := s.NextLifecycleDate()
	return (f.Status == nil || m.meets(is(s.Status(), *f.Status), s.ReadError("status"))) &&
		(f.SkuIds == nil || m.meets(slices.Contains(f.SkuIds, deref(s.SkuID)), s.ReadError("skuId"))) &&
		(f.IsTrial == nil || m.meets(is(s.IsTrial, *f.IsTrial), s.ReadError("isTrial"))) &&
		(f.ExpiresBefore == nil || m.meets(day != nil && *day < *f.ExpiresBefore, s.ReadError("nextLifecycleDateTime")))
}

func comparePurchases(field model.CompanySubscriptionOrderField, a, b *licensing.CompanySubscription) int {
	switch field {
	case model.PurchasesByTotalLicenses:
		return compareUnits(a.TotalLicenses, b.TotalLicenses)
	case model.PurchasesBySkuPartNumber:
		return compareText(deref(a.SkuPartNumber), deref(b.SkuPartNumber))
	default:
		return deref(a.NextLifecycleDateTime).Compare(deref(b.NextLifecycleDateTime))
	}
}

// purchaseReadError returns the error of a property that the order requires and that could not be read.
func purchaseReadError(order *model.CompanySubscriptionOrder, s *licensing.CompanySubscription) error {
	switch {
	case order == nil:
		return nil
	case order.Field == model.PurchasesByTotalLicenses:
		return s.ReadError("totalLicenses")
	case order.Field == model.PurchasesBySkuPartNumber:
		return s.ReadError("skuPartNumber")
	default:
		return s.ReadError("nextLifecycleDateTime")
	}
}

// filtersExpiry reports whether a SubscribedSkuFilter argument has `expiresBefore`.
func filtersExpiry(filter any) bool {
	f, _ := filter.(map[string]any)
	return f["expiresBefore"] != nil
}
