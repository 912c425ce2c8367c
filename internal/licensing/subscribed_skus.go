package licensing

import (
	"math"

	"licensegraph/internal/upstream"
)

// SubscribedSku is a product that the tenant subscribes to.
type SubscribedSku struct {
	upstream.Unread      `json:"-"`
	ID                   string              `json:"id"`
	SkuID                *GUID               `json:"skuId"`
	SkuPartNumber        *string             `json:"skuPartNumber"`
	AccountID            *string             `json:"accountId"`
	AccountName          *string             `json:"accountName"`
	AppliesToText        *string             `json:"appliesTo"`
	CapabilityStatusText *string             `json:"capabilityStatus"`
	ConsumedUnits        *int32              `json:"consumedUnits"`
	PrepaidUnits         *LicenseUnitsDetail `json:"prepaidUnits"`
	ServicePlans         []*ServicePlan      `json:"servicePlans"`
	SubscriptionIDs      []string            `json:"subscriptionIds"`
}

// ObjectID returns the ID of the subscribed SKU.
func (s *SubscribedSku) ObjectID() string { return s.ID }

// FoldIDs normalizes the SKU's IDs for comparison. See [FoldID].
func (s *SubscribedSku) FoldIDs() {
	for i, id := range s.SubscriptionIDs {
		s.SubscriptionIDs[i] = FoldID(id)
	}
}

// IsEntity marks an entity.
func (*SubscribedSku) IsEntity() {}

// CapabilityStatus parses the capability status; nil if there is none.
func (s *SubscribedSku) CapabilityStatus() *CapabilityStatus {
	return capabilityStatuses.parse(s.CapabilityStatusText)
}

// AppliesTo parses the target; nil if there is none.
func (s *SubscribedSku) AppliesTo() *SkuTarget {
	return skuTargets.parse(s.AppliesToText)
}

// CapabilityStatus is the status of a subscribed product.
type CapabilityStatus string

// Members of CapabilityStatus: see subscribedSku in the Microsoft Graph reference.
const (
	CapabilityEnabled       CapabilityStatus = "ENABLED"
	CapabilityWarning       CapabilityStatus = "WARNING"
	CapabilitySuspended     CapabilityStatus = "SUSPENDED"
	CapabilityDeleted       CapabilityStatus = "DELETED"
	CapabilityLockedOut     CapabilityStatus = "LOCKED_OUT"
	CapabilityUnknownFuture CapabilityStatus = unknownFutureValue
)

var capabilityStatuses = enumerationOf(CapabilityEnabled, CapabilityWarning, CapabilitySuspended, CapabilityDeleted, CapabilityLockedOut)

// SkuTarget is the type of target that a product or a service plan is assigned to.
type SkuTarget string

// Members of SkuTarget: see subscribedSku in the Microsoft Graph reference.
const (
	SkuForUser          SkuTarget = "USER"
	SkuForCompany       SkuTarget = "COMPANY"
	SkuForUnknownFuture SkuTarget = unknownFutureValue
)

var skuTargets = enumerationOf(SkuForUser, SkuForCompany)

// LicenseUnitsDetail is the number of units of a product, by state.
type LicenseUnitsDetail struct {
	upstream.Unread `json:"-"`
	Enabled         *int32 `json:"enabled"`
	Suspended       *int32 `json:"suspended"`
	Warning         *int32 `json:"warning"`
	LockedOut       *int32 `json:"lockedOut"`
}

// Units are the units of a product. A number is nil if Microsoft Graph did not send the properties that it is computed
// from.
type Units struct {
	upstream.Unread
	// Owned are the usable units, InGrace included.
	Owned, Consumed, Free, InGrace *int32
	Suspended, LockedOut           *int32

	price *Money // of one unit
}

// Units computes the units from the reported properties; nil if none is reported. An unreadable property leaves the
// numbers computed from it nil. Units in the grace period can still be assigned.
func (s *SubscribedSku) Units() *Units {
	unread := s.unreadUnits()
	if s.PrepaidUnits == nil && s.ConsumedUnits == nil && unread == nil {
		return nil
	}
	prepaid := LicenseUnitsDetail{}
	if s.PrepaidUnits != nil {
		prepaid = *s.PrepaidUnits
	}
	units := &Units{price: s.Price(), Unread: unread, Consumed: s.ConsumedUnits, InGrace: prepaid.Warning, Suspended: prepaid.Suspended, LockedOut: prepaid.LockedOut}
	if prepaid.Enabled == nil || prepaid.Warning == nil {
		return units
	}
	owned := int64(*prepaid.Enabled) + int64(*prepaid.Warning)
	units.Owned = within32Bits(owned)
	if s.ConsumedUnits != nil {
		units.Free = within32Bits(max(0, owned-int64(*s.ConsumedUnits)))
	}
	return units
}

// unreadUnits maps the numbers of [Units] that cannot be computed to the reasons; nil if all can.
func (s *SubscribedSku) unreadUnits() upstream.Unread {
	unread := upstream.Unread{}
	lose := func(why error, numbers ...string) {
		for _, number := range numbers {
			if why != nil && unread[number] == nil {
				unread[number] = why
			}
		}
	}
	lose(s.ReadError("consumedUnits"), "consumed", "free")
	lose(s.ReadError("prepaidUnits"), "owned", "free", "inGrace", "suspended", "lockedOut")
	if prepaid := s.PrepaidUnits; prepaid != nil {
		lose(prepaid.ReadError("enabled"), "owned", "free")
		lose(prepaid.ReadError("warning"), "owned", "free", "inGrace")
		lose(prepaid.ReadError("suspended"), "suspended")
		lose(prepaid.ReadError("lockedOut"), "lockedOut")
	}
	if len(unread) == 0 {
		return nil
	}
	return unread
}

// within32Bits clamps a number to the range of GraphQL's Int.
func within32Bits(n int64) *int32 {
	within := int32(min(max(n, math.MinInt32), math.MaxInt32))
	return &within
}
