package graph

import (
	"fmt"
	"slices"
	"strings"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// maxValues limits the products or plans of a filter: values per expression in Microsoft Graph ("Known limits
// for directory objects").
const maxValues = 15

// rightsKey validates the filter and returns the loader key of a holder's usage rights.
func rightsKey(holder string, skus, plans []licensing.GUID) (licensing.UsageRightsKey, error) {
	key := licensing.UsageRightsKey{HolderID: holder, SkuIDs: joined(skus), PlanIDs: joined(plans)}
	for _, ids := range [][]licensing.GUID{skus, plans} {
		if len(ids) > maxValues || ids != nil && len(ids) == 0 {
			return key, &upstream.InputError{Message: fmt.Sprintf("`skuIds` and `planIds` accept 1 to %d IDs each: omit them for all", maxValues)}
		}
	}
	return key, nil
}

// joined returns the distinct IDs, sorted and joined with commas.
func joined(ids []licensing.GUID) string {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	return strings.Join(each(ids, func(id licensing.GUID) string { return string(id) }), ",")
}

func (f *field) usageRightsOfUser(u *licensing.User) ([]*licensing.UsageRight, error) {
	return f.usageRights(f.UsageRightsByUserID, u.ID)
}

func (f *field) usageRightsOfGroup(g *licensing.Group) ([]*licensing.UsageRight, error) {
	return f.usageRights(f.UsageRightsByGroupID, g.ID)
}

func (f *field) usageRightsOfDevice(d *licensing.Device) ([]*licensing.UsageRight, error) {
	return f.usageRights(f.UsageRightsByDeviceID, d.ID)
}

func (f *field) usageRights(byKey *loaders.Loader[licensing.UsageRightsKey, []*licensing.UsageRight], holder string) ([]*licensing.UsageRight, error) {
	key, err := rightsKey(holder, arg[[]licensing.GUID](f, "skuIds"), arg[[]licensing.GUID](f, "planIds"))
	if err != nil {
		return nil, err
	}
	return byKey.Get(key)
}
