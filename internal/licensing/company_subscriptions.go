package licensing

import (
	"time"

	"licensegraph/internal/upstream"
)

// CompanySubscription is a purchase of a product. See companySubscription in the Microsoft Graph reference.
type CompanySubscription struct {
	upstream.Unread        `json:"-"`
	ID                     string         `json:"id"`
	CommerceSubscriptionID *string        `json:"commerceSubscriptionId"`
	CreatedDateTime        *time.Time     `json:"createdDateTime"`
	IsTrial                *bool          `json:"isTrial"`
	NextLifecycleDateTime  *time.Time     `json:"nextLifecycleDateTime"`
	OwnerID                *string        `json:"ownerId"`
	OwnerTenantID          *string        `json:"ownerTenantId"`
	OwnerType              *string        `json:"ownerType"`
	ServiceStatus          []*ServicePlan `json:"serviceStatus"`
	SkuID                  *GUID          `json:"skuId"`
	SkuPartNumber          *string        `json:"skuPartNumber"`
	StatusText             *string        `json:"status"`
	TotalLicenses          *int32         `json:"totalLicenses"`
}

// ObjectID returns the ID of the purchase.
func (s *CompanySubscription) ObjectID() string { return s.ID }

// FoldIDs normalizes the purchase's IDs for comparison. See [FoldID].
func (s *CompanySubscription) FoldIDs() {
	s.ID = FoldID(s.ID)
	for _, id := range []*string{s.CommerceSubscriptionID, s.OwnerID, s.OwnerTenantID} {
		if id != nil {
			*id = FoldID(*id)
		}
	}
}

// Status parses the status; nil if there is none.
func (s *CompanySubscription) Status() *CapabilityStatus {
	return capabilityStatuses.parse(s.StatusText)
}

// NextLifecycleDate returns the UTC date of NextLifecycleDateTime; nil if there is none.
func (s *CompanySubscription) NextLifecycleDate() *Date {
	if s.NextLifecycleDateTime == nil {
		return nil
	}
	day := DateOf(*s.NextLifecycleDateTime)
	return &day
}
