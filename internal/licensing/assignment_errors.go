package licensing

import (
	"slices"
	"strings"
	"time"

	"licensegraph/internal/upstream"
)

// AssignmentError is a product that could not be assigned to a user, completely or in part.
type AssignmentError struct {
	upstream.Unread    `json:"-"`
	ID                 string     `json:"id"`
	Code               string     `json:"code"`
	Message            string     `json:"message"`
	OccurrenceDateTime *time.Time `json:"occurrenceDateTime"`
	SkuID              *GUID      `json:"skuId"`
	// Related are the expanded relations.
	Related Related `json:"-"`
}

// ObjectID returns the ID of the error.
func (e *AssignmentError) ObjectID() string { return e.ID }

// FoldIDs normalizes the error's ID for comparison. See [FoldID].
func (e *AssignmentError) FoldIDs() { e.ID = FoldID(e.ID) }

// IsEntity marks an entity.
func (*AssignmentError) IsEntity() {}

// Related are the expanded relations of an assignment error.
type Related struct {
	// AssignedTo is the assignee if HasAssignedTo is set; nil if the assignee is deleted.
	AssignedTo    *Reference
	HasAssignedTo bool
	// UsageRight is the usage right if HasUsageRight is set, with RightProperties loaded; nil if there is none.
	UsageRight      *UsageRight
	HasUsageRight   bool
	RightProperties map[string]bool
}

// RemedyByCode returns the remedy for the error; nil if the code is unknown. The Microsoft Graph reference documents
// the code MissingDependency only; codes of licenseAssignmentState are accepted as well.
func (e *AssignmentError) RemedyByCode() *Remedy {
	if strings.EqualFold(e.Code, "MissingDependency") {
		return remedies[DependencyViolation]
	}
	for code, remedy := range remedies {
		if spells(e.Code, string(code)) {
			return remedy
		}
	}
	return nil
}

// ServicePlanIDs returns the IDs of the service plans in the message, in their order and without duplicates: every GUID
// except the ID of the product.
func (e *AssignmentError) ServicePlanIDs() []GUID {
	const size = 36
	ids := []GUID{}
	for i := 0; i+size <= len(e.Message); i++ {
		id, ok := ParseGUID(e.Message[i : i+size])
		if !ok || i > 0 && isHex(e.Message[i-1]) || i+size < len(e.Message) && isHex(e.Message[i+size]) {
			continue
		}
		if (e.SkuID == nil || id != *e.SkuID) && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
		i += size - 1
	}
	return ids
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F' || c == '-'
}
