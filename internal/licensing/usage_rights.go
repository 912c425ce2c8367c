package licensing

import "licensegraph/internal/upstream"

// UsageRight is what a holder may use of one product, all assignments of it merged.
type UsageRight struct {
	upstream.Unread           `json:"-"`
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

// FoldIDs brings the id that was read into the form in which it is compared.
func (r *UsageRight) FoldIDs() { r.ID = FoldID(r.ID) }

// IsEntity marks an entity.
func (*UsageRight) IsEntity() {}

// RightRelated is what came along with a usage right.
type RightRelated struct {
	// Assignments contribute to the right, if HasAssignments tells that they came along.
	Assignments    []*Assignment
	HasAssignments bool
	// Allotments contribute to the right, if HasAllotments tells that they came along.
	Allotments    []*upstream.Partial[*Allotment]
	HasAllotments bool
	// AssignmentsErr and AllotmentsErr tell why those that did not come along could not be read.
	AssignmentsErr, AllotmentsErr error
}

// UsageRightKey identifies a usage right, which is addressable only under its holder.
type UsageRightKey struct {
	HolderID, ID string
	// HolderType is what the holder is; empty when nobody said.
	HolderType AssigneeType
}

// UsageRightsKey identifies the usage rights of a holder that have one of the products and one of the service
// plans: ids joined with commas, empty for any.
type UsageRightsKey struct{ HolderID, SkuIDs, PlanIDs string }

// LicensedService is a service plan as part of a usage right or an allotment.
type LicensedService struct {
	upstream.Unread  `json:"-"`
	PlanID           GUID    `json:"planId"`
	PlanName         *string `json:"planName"`
	AssignableToText string  `json:"assignableTo"`
}

// AssignableTo reads the comma-joined kinds in the order in which they were written; `none` is empty.
func (s *LicensedService) AssignableTo() []AssigneeType { return assigneeTypes(s.AssignableToText) }
