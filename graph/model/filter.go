package model

import (
	"time"

	"licensegraph/internal/licensing"
)

// AssignmentErrorFilter narrows a list of assignment errors; all conditions have to hold.
type AssignmentErrorFilter struct {
	SkuID          *licensing.GUID
	AssignedTo     *string
	Code           *string
	OccurredFrom   *time.Time
	OccurredBefore *time.Time
}

// UserFilter narrows a list of users; all conditions have to hold.
type UserFilter struct {
	SkuID                 *licensing.GUID
	Licensed              *bool
	DisplayNameStartsWith *string
	State                 *licensing.LicenseState
	Error                 *licensing.LicenseErrorCode
	HasLicenseErrors      *bool
	AssignedByGroup       *string
}

// GroupFilter narrows a list of groups; all conditions have to hold.
type GroupFilter struct {
	SkuID                       *licensing.GUID
	HasMembersWithLicenseErrors *bool
	DisplayNameStartsWith       *string
}

// AllotmentFilter narrows a list of allotments; all conditions have to hold.
type AllotmentFilter struct {
	SkuID             *licensing.GUID
	MinAvailableUnits *int32
	MaxAvailableUnits *int32
}

// OrderDirection tells which end of an order comes first.
type OrderDirection string

// UserOrder, GroupOrder, AllotmentOrder and SubscribedSkuOrder say how a list is ordered.
type (
	UserOrder          = Order[UserOrderField]
	GroupOrder         = Order[GroupOrderField]
	AllotmentOrder     = Order[AllotmentOrderField]
	SubscribedSkuOrder = Order[SubscribedSkuOrderField]
)

// Order says by what a list is ordered and which end comes first.
type Order[F ~string] struct {
	Field     F
	Direction OrderDirection
}

// What lists can be ordered by. Those of users and groups are names of properties upstream.
type (
	UserOrderField          string
	GroupOrderField         string
	AllotmentOrderField     string
	SubscribedSkuOrderField string
)

// Members of the enumerations.
const (
	Ascending  OrderDirection = "ASC"
	Descending OrderDirection = "DESC"

	UsersByDisplayName   UserOrderField = "DISPLAY_NAME"
	UsersByPrincipalName UserOrderField = "USER_PRINCIPAL_NAME"

	GroupsByDisplayName GroupOrderField = "DISPLAY_NAME"

	AllotmentsBySkuPartNumber  AllotmentOrderField = "SKU_PART_NUMBER"
	AllotmentsByAllottedUnits  AllotmentOrderField = "ALLOTTED_UNITS"
	AllotmentsByConsumedUnits  AllotmentOrderField = "CONSUMED_UNITS"
	AllotmentsByAvailableUnits AllotmentOrderField = "AVAILABLE_UNITS"

	SkusByPartNumber    SubscribedSkuOrderField = "SKU_PART_NUMBER"
	SkusByProductName   SubscribedSkuOrderField = "PRODUCT_NAME"
	SkusByConsumedUnits SubscribedSkuOrderField = "CONSUMED_UNITS"
	SkusByFreeUnits     SubscribedSkuOrderField = "FREE_UNITS"
)
