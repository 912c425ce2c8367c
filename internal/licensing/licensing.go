// Package licensing holds the licensing data of Microsoft Graph as Go values, and the rules about them
// that need no call: what an enumeration's text means, which failure a caller may repeat, what a
// well-known product is called. It imports nothing but the standard library.
package licensing

import (
	"math"
	"slices"
	"strings"
	"time"
)

// GUID is the lower-case text of a GUID that identifies a product or a service plan.
type GUID string

// ParseGUID reads the 8-4-4-4-12 form of a GUID without regard to case (RFC 9562, section 4).
func ParseGUID(s string) (GUID, bool) {
	if len(s) != 36 {
		return "", false
	}
	for i, c := range []byte(s) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return "", false
			}
		case c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F':
		default:
			return "", false
		}
	}
	return GUID(strings.ToLower(s)), true
}

// UnmarshalText reads what the service wrote; GUIDs are equal without regard to case.
func (g *GUID) UnmarshalText(text []byte) error {
	*g = GUID(FoldID(string(text)))
	return nil
}

// DirectoryObject is anything in the directory that a license or an error can point to: a *[User], a
// *[Group], a *[Device] or an *[OtherDirectoryObject].
type DirectoryObject interface {
	Node
	isDirectoryObject()
}

// Node is an object with an id that is unique in the tenant.
type Node interface {
	ObjectID() string
}

// OtherDirectoryObject is a directory object of a kind that has no type of its own here.
type OtherDirectoryObject struct {
	Unread          `json:"-"`
	ID              string     `json:"id"`
	ODataType       string     `json:"@odata.type"`
	DeletedDateTime *time.Time `json:"deletedDateTime"`
	DisplayName     *string    `json:"displayName"`
}

// User is a person or another account that can sign in.
type User struct {
	Unread                  `json:"-"`
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

// Group is a group whose members can inherit licenses.
type Group struct {
	Unread                 `json:"-"`
	ID                     string                  `json:"id"`
	DeletedDateTime        *time.Time              `json:"deletedDateTime"`
	CreatedDateTime        *time.Time              `json:"createdDateTime"`
	DisplayName            *string                 `json:"displayName"`
	Description            *string                 `json:"description"`
	Mail                   *string                 `json:"mail"`
	MailEnabled            *bool                   `json:"mailEnabled"`
	SecurityEnabled        *bool                   `json:"securityEnabled"`
	GroupTypes             []string                `json:"groupTypes"`
	AssignedLicenses       []*AssignedLicense      `json:"assignedLicenses"`
	LicenseProcessingState *LicenseProcessingState `json:"licenseProcessingState"`
}

// Device is a computer or a telephone that can be given licenses.
type Device struct {
	Unread                 `json:"-"`
	ID                     string     `json:"id"`
	DeletedDateTime        *time.Time `json:"deletedDateTime"`
	DisplayName            *string    `json:"displayName"`
	DeviceID               *string    `json:"deviceId"`
	AccountEnabled         *bool      `json:"accountEnabled"`
	OperatingSystem        *string    `json:"operatingSystem"`
	OperatingSystemVersion *string    `json:"operatingSystemVersion"`
}

// ObjectID returns the object id in the directory.
func (u *User) ObjectID() string { return u.ID }

// ObjectID returns the object id in the directory.
func (g *Group) ObjectID() string { return g.ID }

// ObjectID returns the object id in the directory.
func (d *Device) ObjectID() string { return d.ID }

// ObjectID returns the object id in the directory.
func (o *OtherDirectoryObject) ObjectID() string { return o.ID }

func (*User) isDirectoryObject()                 {}
func (*Group) isDirectoryObject()                {}
func (*Device) isDirectoryObject()               {}
func (*OtherDirectoryObject) isDirectoryObject() {}

// AssignedLicense is a product that is assigned, and the plans of it that are switched off.
type AssignedLicense struct {
	Unread        `json:"-"`
	SkuID         *GUID  `json:"skuId"`
	DisabledPlans []GUID `json:"disabledPlans"`
}

// AssignedPlan is a service plan that was given to a person at some time.
type AssignedPlan struct {
	Unread           `json:"-"`
	AssignedDateTime *time.Time `json:"assignedDateTime"`
	CapabilityStatus *string    `json:"capabilityStatus"`
	Service          *string    `json:"service"`
	ServicePlanID    *GUID      `json:"servicePlanId"`
}

// LicenseProcessingState is how far the licenses of a group have reached its members.
type LicenseProcessingState struct {
	Unread    `json:"-"`
	StateText *string `json:"state"`
}

// LicenseAssignmentState is one product assigned to one person in one way, and how that went.
type LicenseAssignmentState struct {
	Unread              `json:"-"`
	SkuID               *GUID      `json:"skuId"`
	AssignedByGroup     *string    `json:"assignedByGroup"`
	DisabledPlans       []GUID     `json:"disabledPlans"`
	StateText           *string    `json:"state"`
	ErrorText           *string    `json:"error"`
	LastUpdatedDateTime *time.Time `json:"lastUpdatedDateTime"`
}

// AssignmentError is a product that could not be given to a person, or not in full.
type AssignmentError struct {
	Unread             `json:"-"`
	ID                 string     `json:"id"`
	Code               string     `json:"code"`
	Message            string     `json:"message"`
	OccurrenceDateTime *time.Time `json:"occurrenceDateTime"`
	SkuID              *GUID      `json:"skuId"`
	// Related is what the service sent along.
	Related Related `json:"-"`
}

// ObjectID returns the id of the error.
func (e *AssignmentError) ObjectID() string { return e.ID }

// Allotment is a pool of units of one product.
type Allotment struct {
	Unread                    `json:"-"`
	ID                        string                   `json:"id"`
	SkuID                     *GUID                    `json:"skuId"`
	SkuPartNumber             *string                  `json:"skuPartNumber"`
	AllottedUnits             *int32                   `json:"allottedUnits"`
	ConsumedUnits             *int32                   `json:"consumedUnits"`
	AssignableToText          string                   `json:"assignableTo"`
	ExternalServiceIdentifier *string                  `json:"externalServiceIdentifier"`
	Services                  []*LicensedService       `json:"services"`
	Subscriptions             []*AllotmentSubscription `json:"subscriptions"`
}

// ObjectID returns the id of the allotment.
func (a *Allotment) ObjectID() string { return a.ID }

// AvailableUnits returns how many units are free; none when all purchases that feed the pool are suspended, locked or gone,
// and nil when the service did not send what it takes, or not so that it can be read.
func (a *Allotment) AvailableUnits() *int32 {
	if a.AllottedUnits == nil || a.ConsumedUnits == nil || a.WhyNoAvailableUnits() != nil {
		return nil
	}
	if len(a.Subscriptions) > 0 && !slices.ContainsFunc(a.Subscriptions, func(s *AllotmentSubscription) bool { return !s.over() }) {
		return new(int32)
	}
	return within32Bits(max(0, int64(*a.AllottedUnits)-int64(*a.ConsumedUnits)))
}

// WhyNoAvailableUnits returns why nobody can tell how many units are free; nil when it can be told, or when the service did
// not send the numbers. Purchases matter only where those that can be read are all suspended, locked or gone.
func (a *Allotment) WhyNoAvailableUnits() error {
	for _, number := range []string{"allottedUnits", "consumedUnits"} {
		if err := a.WhyUnread(number); err != nil {
			return err
		}
	}
	unread := a.WhyUnread("subscriptions")
	for _, s := range a.Subscriptions {
		switch err := s.WhyUnread("state"); {
		case err != nil:
			unread = err
		case !s.over():
			return nil
		}
	}
	return unread
}

// AllotmentSubscription is a purchase that feeds an allotment.
type AllotmentSubscription struct {
	Unread            `json:"-"`
	SubscriptionID    string `json:"subscriptionId"`
	StartDate         *Date  `json:"startDate"`
	NextLifecycleDate *Date  `json:"nextLifecycleDate"`
	StateText         string `json:"state"`
	TagsText          string `json:"tags"`
}

// over tells whether nothing can be used of a purchase any more.
func (s *AllotmentSubscription) over() bool {
	state := s.State()
	return state != nil && (*state == SubscriptionSuspended || *state == SubscriptionLockedOut || *state == SubscriptionDeleted)
}

// Assignment links an allotment to who gets a unit of it.
type Assignment struct {
	Unread                 `json:"-"`
	ID                     string `json:"id"`
	DisabledServicePlanIDs []GUID `json:"disabledServicePlanIds"`
	// Related is what the service sent along.
	Related AssignmentRelated `json:"-"`
}

// ObjectID returns the id of the assignment.
func (a *Assignment) ObjectID() string { return a.ID }

// WaitingMember is a place in the queue of an allotment without a free unit.
type WaitingMember struct {
	Unread               `json:"-"`
	ID                   string     `json:"id"`
	WaitingSinceDateTime *time.Time `json:"waitingSinceDateTime"`
	// Related is what the service sent along.
	Related AssignmentRelated `json:"-"`
}

// ObjectID returns the id of the place.
func (w *WaitingMember) ObjectID() string { return w.ID }

// LicenseDetails is one product that a person has, with its service plans.
type LicenseDetails struct {
	Unread        `json:"-"`
	ID            string         `json:"id"`
	SkuID         *GUID          `json:"skuId"`
	SkuPartNumber *string        `json:"skuPartNumber"`
	ServicePlans  []*ServicePlan `json:"servicePlans"`
}

// ObjectID returns the id of the details.
func (d *LicenseDetails) ObjectID() string { return d.ID }

// UsageRight is what a holder may use of one product, all assignments of it merged.
type UsageRight struct {
	Unread                    `json:"-"`
	ID                        string             `json:"id"`
	HolderID                  *string            `json:"-"`
	HolderType                AssigneeType       `json:"-"` // empty when nobody said
	SkuID                     *GUID              `json:"skuId"`
	SkuPartNumber             *string            `json:"skuPartNumber"`
	ExternalServiceIdentifier *string            `json:"externalServiceIdentifier"`
	Services                  []*LicensedService `json:"services"`
	// Related is what the service sent along.
	Related RightRelated `json:"-"`
}

// ObjectID returns the id of the right, which is unique for its holder.
func (r *UsageRight) ObjectID() string { return r.ID }

// LicensedService is a service plan as part of a usage right or an allotment.
type LicensedService struct {
	Unread           `json:"-"`
	PlanID           GUID    `json:"planId"`
	PlanName         *string `json:"planName"`
	AssignableToText string  `json:"assignableTo"`
}

// SubscribedSku is a product that the tenant is subscribed to.
type SubscribedSku struct {
	Unread               `json:"-"`
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

// LicenseUnitsDetail counts the units of a product by their state.
type LicenseUnitsDetail struct {
	Unread    `json:"-"`
	Enabled   *int32 `json:"enabled"`
	Suspended *int32 `json:"suspended"`
	Warning   *int32 `json:"warning"`
	LockedOut *int32 `json:"lockedOut"`
}

// Units is what the tenant has of a product, and what it uses. A number is nil when the service did not send what it is
// computed from.
type Units struct {
	Unread
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
func (s *SubscribedSku) unreadUnits() Unread {
	unread := Unread{}
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

// ServicePlan is one feature within a product.
type ServicePlan struct {
	Unread                 `json:"-"`
	ServicePlanID          *GUID   `json:"servicePlanId"`
	ServicePlanName        *string `json:"servicePlanName"`
	ProvisioningStatusText *string `json:"provisioningStatus"`
	AppliesToText          *string `json:"appliesTo"`
}
