package model

import (
	"time"

	"licensegraph/internal/licensing"
)

// AssignmentErrorFilter filters assignment errors; conditions are combined with AND.
type AssignmentErrorFilter struct {
	SkuID          *licensing.GUID
	SkuIds         []licensing.GUID
	AssignedTo     *string
	GroupID        *string
	Code           *string
	Codes          []string
	Error          *licensing.LicenseErrorCode
	OccurredFrom   *time.Time
	OccurredBefore *time.Time
}

// UserFilter filters users; conditions are combined with AND.
type UserFilter struct {
	SkuID                 *licensing.GUID
	SkuIds                []licensing.GUID
	ServicePlanID         *licensing.GUID
	Licensed              *bool
	Assignment            *AssignmentSource
	AccountEnabled        *bool
	UserType              *UserType
	InactiveSince         *time.Time
	OnPremisesSynced      *bool
	CreatedFrom           *time.Time
	CreatedBefore         *time.Time
	UsageLocation         *string
	HasUsageLocation      *bool
	Department            *string
	CompanyName           *string
	City                  *string
	Country               *string
	EmployeeType          *string
	DisplayNameStartsWith *string
	State                 *licensing.LicenseState
	Error                 *licensing.LicenseErrorCode
	HasLicenseErrors      *bool
	AssignedByGroup       *string
}

// GroupFilter filters groups; conditions are combined with AND.
type GroupFilter struct {
	SkuID                       *licensing.GUID
	HasMembersWithLicenseErrors *bool
	DisplayNameStartsWith       *string
}

// AllotmentFilter filters allotments; conditions are combined with AND.
type AllotmentFilter struct {
	SkuID             *licensing.GUID
	MinAvailableUnits *int32
	MaxAvailableUnits *int32
}

// SubscribedSkuFilter filters products; conditions are combined with AND.
type SubscribedSkuFilter struct {
	CapabilityStatus *licensing.CapabilityStatus
	SkuIds           []licensing.GUID
	ExcludeSkuIds    []licensing.GUID
	WithFreeUnits    *bool
	ExpiresBefore    *licensing.Date
}

// CompanySubscriptionFilter filters purchases; conditions are combined with AND.
type CompanySubscriptionFilter struct {
	Status        *licensing.CapabilityStatus
	SkuIds        []licensing.GUID
	ExpiresBefore *licensing.Date
	IsTrial       *bool
}

// AssignmentSource tells how a user's product is assigned.
type AssignmentSource string

// ReportPeriod is the number of days of a usage report.
type ReportPeriod string

// UserType is the type of an account.
type UserType string

// OrderDirection is ascending or descending.
type OrderDirection string

// Orders of the lists.
type (
	UserOrder            = Order[UserOrderField]
	AssignmentErrorOrder = Order[AssignmentErrorOrderField]
	GroupOrder           = Order[GroupOrderField]
	AllotmentOrder       = Order[AllotmentOrderField]
	SubscribedSkuOrder   = Order[SubscribedSkuOrderField]

	CompanySubscriptionOrder = Order[CompanySubscriptionOrderField]
)

// Order is a field to sort by and a direction.
type Order[F ~string] struct {
	Field     F
	Direction OrderDirection
}

// Fields to sort by. The values for users and groups are upstream property names.
type (
	UserOrderField            string
	AssignmentErrorOrderField string
	GroupOrderField           string
	AllotmentOrderField       string
	SubscribedSkuOrderField   string

	CompanySubscriptionOrderField string
)

// Enum values.
const (
	AssignedDirectly AssignmentSource = "DIRECT"
	AssignedByGroups AssignmentSource = "INHERITED"
	AssignedBothWays AssignmentSource = "DIRECT_AND_INHERITED"

	Members UserType = "MEMBER"
	Guests  UserType = "GUEST"

	D7   ReportPeriod = "D7"
	D30  ReportPeriod = "D30"
	D90  ReportPeriod = "D90"
	D180 ReportPeriod = "D180"

	Ascending  OrderDirection = "ASC"
	Descending OrderDirection = "DESC"

	UsersByDisplayName   UserOrderField = "DISPLAY_NAME"
	UsersByPrincipalName UserOrderField = "USER_PRINCIPAL_NAME"

	ErrorsByTime     AssignmentErrorOrderField = "OCCURRENCE_DATE_TIME"
	ErrorsByProduct  AssignmentErrorOrderField = "PRODUCT"
	ErrorsByAssignee AssignmentErrorOrderField = "ASSIGNEE"

	GroupsByDisplayName GroupOrderField = "DISPLAY_NAME"

	AllotmentsBySkuPartNumber  AllotmentOrderField = "SKU_PART_NUMBER"
	AllotmentsByAllottedUnits  AllotmentOrderField = "ALLOTTED_UNITS"
	AllotmentsByConsumedUnits  AllotmentOrderField = "CONSUMED_UNITS"
	AllotmentsByAvailableUnits AllotmentOrderField = "AVAILABLE_UNITS"

	SkusByPartNumber    SubscribedSkuOrderField = "SKU_PART_NUMBER"
	SkusByProductName   SubscribedSkuOrderField = "PRODUCT_NAME"
	SkusByConsumedUnits SubscribedSkuOrderField = "CONSUMED_UNITS"
	SkusByFreeUnits     SubscribedSkuOrderField = "FREE_UNITS"

	PurchasesByNextLifecycleDate CompanySubscriptionOrderField = "NEXT_LIFECYCLE_DATE"
	PurchasesBySkuPartNumber     CompanySubscriptionOrderField = "SKU_PART_NUMBER"
	PurchasesByTotalLicenses     CompanySubscriptionOrderField = "TOTAL_LICENSES"
)
