package licensing

import (
	"math"

	"licensegraph/internal/upstream"
)

// SubscribedSku is a product that the tenant is subscribed to.
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

// ObjectID returns the id of the subscription to the product.
func (s *SubscribedSku) ObjectID() string { return s.ID }

// FoldIDs brings the ids that were read into the form in which they are compared.
func (s *SubscribedSku) FoldIDs() {
	for i, id := range s.SubscriptionIDs {
		s.SubscriptionIDs[i] = FoldID(id)
	}
}

// IsEntity marks an entity.
func (*SubscribedSku) IsEntity() {}

// CapabilityStatus reads the status's text; nil when there is none.
func (s *SubscribedSku) CapabilityStatus() *CapabilityStatus {
	return member(s.CapabilityStatusText, CapabilityEnabled, CapabilityWarning, CapabilitySuspended,
		CapabilityDeleted, CapabilityLockedOut)
}

// AppliesTo reads the target's text; nil when there is none.
func (s *SubscribedSku) AppliesTo() *SkuTarget {
	return member(s.AppliesToText, SkuForUser, SkuForCompany)
}

// CapabilityStatus tells whether a product can be used.
type CapabilityStatus string

// Members of CapabilityStatus, as the subscribedSku page of the Microsoft Graph reference spells them.
const (
	CapabilityEnabled       CapabilityStatus = "ENABLED"
	CapabilityWarning       CapabilityStatus = "WARNING"
	CapabilitySuspended     CapabilityStatus = "SUSPENDED"
	CapabilityDeleted       CapabilityStatus = "DELETED"
	CapabilityLockedOut     CapabilityStatus = "LOCKED_OUT"
	CapabilityUnknownFuture CapabilityStatus = unknownFutureValue
)

// SkuTarget tells whom a product or a service plan is for.
type SkuTarget string

// Members of SkuTarget, as the subscribedSku page of the Microsoft Graph reference spells them.
const (
	SkuForUser          SkuTarget = "USER"
	SkuForCompany       SkuTarget = "COMPANY"
	SkuForUnknownFuture SkuTarget = unknownFutureValue
)

// LicenseUnitsDetail counts the units of a product by their state.
type LicenseUnitsDetail struct {
	upstream.Unread `json:"-"`
	Enabled         *int32 `json:"enabled"`
	Suspended       *int32 `json:"suspended"`
	Warning         *int32 `json:"warning"`
	LockedOut       *int32 `json:"lockedOut"`
}

// Units is what the tenant has of a product, and what it uses. A number is nil when the service did not send what it is
// computed from.
type Units struct {
	upstream.Unread
	// Owned are the units that can be used, those InGrace among them.
	Owned, Consumed, Free, InGrace *int32
	Suspended, LockedOut           *int32
}

// Units computes the units from what the service reports; nil when it reports none. A value that cannot be read costs the
// numbers that are computed from it. Units that are in grace still work, and can be assigned.
func (s *SubscribedSku) Units() *Units {
	unread := s.unreadUnits()
	if s.PrepaidUnits == nil && s.ConsumedUnits == nil && unread == nil {
		return nil
	}
	prepaid := LicenseUnitsDetail{}
	if s.PrepaidUnits != nil {
		prepaid = *s.PrepaidUnits
	}
	units := &Units{Unread: unread, Consumed: s.ConsumedUnits, InGrace: prepaid.Warning, Suspended: prepaid.Suspended, LockedOut: prepaid.LockedOut}
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

// unreadUnits returns the numbers of [Units] that cannot be computed, each with why; nil when there are none.
func (s *SubscribedSku) unreadUnits() upstream.Unread {
	unread := upstream.Unread{}
	lose := func(why error, numbers ...string) {
		for _, number := range numbers {
			if why != nil && unread[number] == nil {
				unread[number] = why
			}
		}
	}
	lose(s.WhyUnread("consumedUnits"), "consumed", "free")
	lose(s.WhyUnread("prepaidUnits"), "owned", "free", "inGrace", "suspended", "lockedOut")
	if prepaid := s.PrepaidUnits; prepaid != nil {
		lose(prepaid.WhyUnread("enabled"), "owned", "free")
		lose(prepaid.WhyUnread("warning"), "owned", "free", "inGrace")
		lose(prepaid.WhyUnread("suspended"), "suspended")
		lose(prepaid.WhyUnread("lockedOut"), "lockedOut")
	}
	if len(unread) == 0 {
		return nil
	}
	return unread
}

// within32Bits returns a number, or the nearest that GraphQL's Int can hold.
func within32Bits(n int64) *int32 {
	within := int32(min(max(n, math.MinInt32), math.MaxInt32))
	return &within
}
