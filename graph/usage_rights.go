package graph

import (
	"fmt"
	"slices"
	"strings"

	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
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
			return key, &upstream.InputError{Message: fmt.Sprintf("`skuIds` and `planIds` take 1 to %d ids each: leave them out for all", maxRightValues)}
		}
	}
	return key, nil
}

// joined returns ids in an order of their own, each once.
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

// usageRights returns the usage rights of a holder.
func (f *field) usageRights(byKey *loaders.Loader[licensing.UsageRightsKey, []*licensing.UsageRight], holder string) ([]*licensing.UsageRight, error) {
	key, err := rightsKey(holder, arg[[]licensing.GUID](f, "skuIds"), arg[[]licensing.GUID](f, "planIds"))
	if err != nil {
		return nil, err
	}
	return byKey.Get(key)
}

func (f *field) assignmentsOfRight(u *licensing.UsageRight) ([]*licensing.Assignment, error) {
	return f.AssignmentsOfRight(u)
}

func (f *field) allotmentsOfRight(u *licensing.UsageRight) ([]*licensing.Allotment, error) {
	return f.AllotmentsOfRight(u)
}
