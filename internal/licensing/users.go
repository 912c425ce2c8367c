package licensing

import (
	"time"

	"licensegraph/internal/upstream"
)

// User is a person or another account that can sign in.
type User struct {
	upstream.Unread         `json:"-"`
	ID                      string                    `json:"id"`
	DeletedDateTime         *time.Time                `json:"deletedDateTime"`
	DisplayName             *string                   `json:"displayName"`
	GivenName               *string                   `json:"givenName"`
	Surname                 *string                   `json:"surname"`
	UserPrincipalName       *string                   `json:"userPrincipalName"`
	Mail                    *string                   `json:"mail"`
	JobTitle                *string                   `json:"jobTitle"`
	Department              *string                   `json:"department"`
	OfficeLocation          *string                   `json:"officeLocation"`
	PreferredLanguage       *string                   `json:"preferredLanguage"`
	BusinessPhones          []string                  `json:"businessPhones"`
	MobilePhone             *string                   `json:"mobilePhone"`
	AccountEnabled          *bool                     `json:"accountEnabled"`
	UsageLocation           *string                   `json:"usageLocation"`
	UserType                *string                   `json:"userType"`
	AssignedLicenses        []*AssignedLicense        `json:"assignedLicenses"`
	AssignedPlans           []*AssignedPlan           `json:"assignedPlans"`
	LicenseAssignmentStates []*LicenseAssignmentState `json:"licenseAssignmentStates"`
}

// ObjectID returns the object id in the directory.
func (u *User) ObjectID() string { return u.ID }

// FoldIDs brings the ids that were read into the form in which they are compared.
func (u *User) FoldIDs() {
	u.ID = FoldID(u.ID)
	for _, s := range u.LicenseAssignmentStates {
		if s.AssignedByGroup != nil {
			*s.AssignedByGroup = FoldID(*s.AssignedByGroup)
		}
	}
}

// The types that other subgraphs can refer to by a key (Apollo Federation calls them entities).

// IsEntity marks an entity.
func (*User) IsEntity() {}

func (*User) isDirectoryObject() {}

// AssignedLicense is a product that is assigned, and the plans of it that are switched off.
type AssignedLicense struct {
	upstream.Unread `json:"-"`
	SkuID           *GUID  `json:"skuId"`
	DisabledPlans   []GUID `json:"disabledPlans"`
}

// AssignedPlan is a service plan that was given to a person at some time.
type AssignedPlan struct {
	upstream.Unread  `json:"-"`
	AssignedDateTime *time.Time `json:"assignedDateTime"`
	CapabilityStatus *string    `json:"capabilityStatus"`
	Service          *string    `json:"service"`
	ServicePlanID    *GUID      `json:"servicePlanId"`
}
