package graph

import (
	"fmt"
	"slices"
	"strings"

	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// maxRightValues is how many products or plans one filter of usage rights takes: what one expression takes upstream
// (Microsoft Graph, "Known limits for directory objects").
const maxRightValues = 15

// rightsKey returns the key of a holder's usage rights to one of the products, with one of the service plans.
func rightsKey(holder string, skus, plans []licensing.GUID) (licensing.UsageRightsKey, error) {
	key := licensing.UsageRightsKey{HolderID: holder, SkuIDs: joined(skus), PlanIDs: joined(plans)}
	for _, ids := range [][]licensing.GUID{skus, plans} {
		if len(ids) > maxRightValues || ids != nil && len(ids) == 0 {
			return key, &licensing.InputError{Message: fmt.Sprintf("`skuIds` and `planIds` take 1 to %d ids each: leave them out for all", maxRightValues)}
		}
	}
	return key, nil
}

// joined returns ids in an order of their own, each once.
func joined(ids []licensing.GUID) string {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	return strings.Join(each(ids, func(id licensing.GUID) string { return string(id) }), ",")
}

// usageRightsOf returns the usage rights of each holder.
func usageRightsOf[T licensing.Node](byKey *loaders.Loader[licensing.UsageRightsKey, []*licensing.UsageRight], holders []T, skus, plans []licensing.GUID) ([][]*licensing.UsageRight, []error) {
	if _, err := rightsKey("", skus, plans); err != nil {
		return loaders.Wait(each(holders, func(T) loaders.Thunk[[]*licensing.UsageRight] { return failing[[]*licensing.UsageRight](err) }))
	}
	return loaders.EachOf(byKey, holders, func(holder T) licensing.UsageRightsKey {
		key, _ := rightsKey(holder.ObjectID(), skus, plans)
		return key
	})
}
