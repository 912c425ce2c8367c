package licensing

import "licensegraph/internal/upstream"

// LicenseDetails is a product that a user is licensed for, with its service plans.
type LicenseDetails struct {
	upstream.Unread `json:"-"`
	ID              string         `json:"id"`
	SkuID           *GUID          `json:"skuId"`
	SkuPartNumber   *string        `json:"skuPartNumber"`
	ServicePlans    []*ServicePlan `json:"servicePlans"`
}

// ObjectID returns the ID of the license details.
func (d *LicenseDetails) ObjectID() string { return d.ID }
