package licensing

import (
	"slices"
	"strings"
	"time"

	"licensegraph/internal/upstream"
)

// AssignmentError is a product that could not be given to a person, or not in full.
type AssignmentError struct {
	upstream.Unread    `json:"-"`
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

// FoldIDs brings the id that was read into the form in which it is compared.
func (e *AssignmentError) FoldIDs() { e.ID = FoldID(e.ID) }

// IsEntity marks an entity.
func (*AssignmentError) IsEntity() {}

// Related is what came along with an assignment error.
type Related struct {
	// AssignedTo is the assignee, nil when it is gone, if HasAssignedTo tells that it came along.
	AssignedTo    *Reference
	HasAssignedTo bool
	// UsageRight is the right, nil when there is none, if HasUsageRight tells that it came along, with the
	// properties that were shown of it.
	UsageRight      *UsageRight
	HasUsageRight   bool
	RightProperties map[string]bool
}

// RemedyByCode returns what to do about the error; nil when its code is not known. Microsoft prints one code only,
// MissingDependency; codes of licenseAssignmentState are read where they occur.
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

// ServicePlanIDs returns the ids of the service plans that the message names, each once, in its order: what
// looks like a GUID and is not the product's own id.
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
