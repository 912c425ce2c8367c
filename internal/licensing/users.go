package licensing

import (
	"time"

	"licensegraph/internal/upstream"
)

// User is an account that can sign in.
type User struct {
	upstream.Unread               `json:"-"`
	ID                            string                         `json:"id"`
	DeletedDateTime               *time.Time                     `json:"deletedDateTime"`
	DisplayName                   *string                        `json:"displayName"`
	GivenName                     *string                        `json:"givenName"`
	Surname                       *string                        `json:"surname"`
	UserPrincipalName             *string                        `json:"userPrincipalName"`
	Mail                          *string                        `json:"mail"`
	JobTitle                      *string                        `json:"jobTitle"`
	Department                    *string                        `json:"department"`
	OfficeLocation                *string                        `json:"officeLocation"`
	CompanyName                   *string                        `json:"companyName"`
	City                          *string                        `json:"city"`
	State                         *string                        `json:"state"`
	Country                       *string                        `json:"country"`
	EmployeeID                    *string                        `json:"employeeId"`
	EmployeeType                  *string                        `json:"employeeType"`
	EmployeeHireDate              *time.Time                     `json:"employeeHireDate"`
	EmployeeLeaveDateTime         *time.Time                     `json:"employeeLeaveDateTime"`
	EmployeeOrgData               *EmployeeOrgData               `json:"employeeOrgData"`
	PreferredLanguage             *string                        `json:"preferredLanguage"`
	BusinessPhones                []string                       `json:"businessPhones"`
	MobilePhone                   *string                        `json:"mobilePhone"`
	AccountEnabled                *bool                          `json:"accountEnabled"`
	UsageLocation                 *string                        `json:"usageLocation"`
	UserType                      *string                        `json:"userType"`
	CreatedDateTime               *time.Time                     `json:"createdDateTime"`
	SignInActivity                *SignInActivity                `json:"signInActivity"`
	OnPremisesSyncEnabled         *bool                          `json:"onPremisesSyncEnabled"`
	OnPremisesProvisioningErrors  []*OnPremisesProvisioningError `json:"onPremisesProvisioningErrors"`
	ServiceProvisioningErrors     []*ServiceProvisioningError    `json:"serviceProvisioningErrors"`
	ProvisionedPlans              []*ProvisionedPlan             `json:"provisionedPlans"`
	IsLicenseReconciliationNeeded *bool                          `json:"isLicenseReconciliationNeeded"`
	AssignedLicenses              []*AssignedLicense             `json:"assignedLicenses"`
	AssignedPlans                 []*AssignedPlan                `json:"assignedPlans"`
	LicenseAssignmentStates       []*LicenseAssignmentState      `json:"licenseAssignmentStates"`
}

// ObjectID returns the directory object ID.
func (u *User) ObjectID() string { return u.ID }

// FoldIDs normalizes the user's IDs for comparison. See [FoldID].
func (u *User) FoldIDs() {
	u.ID = FoldID(u.ID)
	for _, s := range u.LicenseAssignmentStates {
		if s.AssignedByGroup != nil {
			*s.AssignedByGroup = FoldID(*s.AssignedByGroup)
		}
	}
}

// IsEntity methods mark the entities of Apollo Federation: types that other subgraphs can refer to by key.

// IsEntity marks an entity.
func (*User) IsEntity() {}

func (*User) isDirectoryObject() {}

// AssignedLicense is an assigned product with its disabled service plans.
type AssignedLicense struct {
	upstream.Unread `json:"-"`
	SkuID           *GUID  `json:"skuId"`
	DisabledPlans   []GUID `json:"disabledPlans"`
}

// SignInActivity is the last sign-ins of a user.
type SignInActivity struct {
	upstream.Unread                  `json:"-"`
	LastSignInDateTime               *time.Time `json:"lastSignInDateTime"`
	LastNonInteractiveSignInDateTime *time.Time `json:"lastNonInteractiveSignInDateTime"`
	LastSuccessfulSignInDateTime     *time.Time `json:"lastSuccessfulSignInDateTime"`
}

// EmployeeOrgData is the cost center and the division of a user.
type EmployeeOrgData struct {
	upstream.Unread `json:"-"`
	CostCenter      *string `json:"costCenter"`
	Division        *string `json:"division"`
}

// OnPremisesProvisioningError is a conflict of a synchronized account.
type OnPremisesProvisioningError struct {
	upstream.Unread      `json:"-"`
	Category             *string    `json:"category"`
	PropertyCausingError *string    `json:"propertyCausingError"`
	Value                *string    `json:"value"`
	OccurredDateTime     *time.Time `json:"occurredDateTime"`
}

// ServiceProvisioningError is an error of a service that rejects an account. ErrorDetail is a property of the derived
// type serviceProvisioningXmlError.
type ServiceProvisioningError struct {
	upstream.Unread `json:"-"`
	CreatedDateTime *time.Time `json:"createdDateTime"`
	IsResolved      *bool      `json:"isResolved"`
	ServiceInstance *string    `json:"serviceInstance"`
	ErrorDetail     *string    `json:"errorDetail"`
}

// ProvisionedPlan is a service that is provisioned for a user.
type ProvisionedPlan struct {
	upstream.Unread    `json:"-"`
	Service            *string `json:"service"`
	CapabilityStatus   *string `json:"capabilityStatus"`
	ProvisioningStatus *string `json:"provisioningStatus"`
}

// AssignedPlan is a service plan that is or was assigned to a user.
type AssignedPlan struct {
	upstream.Unread  `json:"-"`
	AssignedDateTime *time.Time `json:"assignedDateTime"`
	CapabilityStatus *string    `json:"capabilityStatus"`
	Service          *string    `json:"service"`
	ServicePlanID    *GUID      `json:"servicePlanId"`
}
