package licensing

import "licensegraph/internal/upstream"

// LicenseDetails is one product that a person has, with its service plans.
type LicenseDetails struct {
	upstream.Unread `json:"-"`
	ID              string         `json:"id"`
	SkuID           *GUID          `json:"skuId"`
	SkuPartNumber   *string        `json:"skuPartNumber"`
	ServicePlans    []*ServicePlan `json:"servicePlans"`
}

// ObjectID returns the id of the details.
func (d *LicenseDetails) ObjectID() string { return d.ID }
