package licensing

import "licensegraph/internal/upstream"

// UsageRight is the use of one product that a user or a device is entitled to, merged over all assignments.
type UsageRight struct {
	upstream.Unread           `json:"-"`
	ID                        string             `json:"id"`
	HolderID                  *string            `json:"-"`
	HolderType                AssigneeType       `json:"-"` // empty if unknown
	SkuID                     *GUID              `json:"skuId"`
	SkuPartNumber             *string            `json:"skuPartNumber"`
	ExternalServiceIdentifier *string            `json:"externalServiceIdentifier"`
	Services                  []*LicensedService `json:"services"`
	// Related are the expanded relations.
	Related RightRelated `json:"-"`
}

// ObjectID returns the ID of the usage right, which is unique per user or device.
func (r *UsageRight) ObjectID() string { return r.ID }

// FoldIDs normalizes the usage right's ID for comparison. See [FoldID].
func (r *UsageRight) FoldIDs() { r.ID = FoldID(r.ID) }

// IsEntity marks an entity.
func (*UsageRight) IsEntity() {}

// RightRelated are the expanded relations of a usage right.
type RightRelated struct {
	// Assignments are the contributing assignments if HasAssignments is set.
	Assignments    []*Assignment
	HasAssignments bool
	// Allotments are the contributing allotments if HasAllotments is set.
	Allotments    []*upstream.Partial[*Allotment]
	HasAllotments bool
	// AssignmentsErr and AllotmentsErr are the errors of relations that could not be read.
	AssignmentsErr, AllotmentsErr error
}

// UsageRightKey identifies a usage right, which is addressable only below its user or device, the holder.
type UsageRightKey struct {
	HolderID, ID string
	// HolderType is the type of the holder; empty if unknown.
	HolderType AssigneeType
}

// UsageRightsKey identifies the usage rights of a user or device with one of the products and one of the service plans.
// SkuIDs and PlanIDs are comma-separated; empty means any.
type UsageRightsKey struct{ HolderID, SkuIDs, PlanIDs string }

// LicensedService is a service plan in a usage right or an allotment.
type LicensedService struct {
	upstream.Unread  `json:"-"`
	PlanID           GUID    `json:"planId"`
	PlanName         *string `json:"planName"`
	AssignableToText string  `json:"assignableTo"`
}

// AssignableTo parses the comma-separated assignee types, in their order; "none" gives an empty list.
func (s *LicensedService) AssignableTo() []AssigneeType { return assigneeTypes(s.AssignableToText) }
