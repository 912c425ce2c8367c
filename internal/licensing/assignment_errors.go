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

// assignmentErrorCodes are the codes of assignment errors and those of licenseAssignmentState with the same cause. The
// Microsoft Graph reference documents MissingDependency only; the other codes are assumed.
var assignmentErrorCodes = []struct {
	code  string
	error LicenseErrorCode
}{
	{"InsufficientUnits", CountViolation},
	{"MutuallyExclusivePlans", MutuallyExclusiveViolation},
	{"MissingDependency", DependencyViolation},
	{"UsageLocationNotAllowed", ProhibitedInUsageLocationViolation},
	{"ProxyAddressConflict", UniquenessViolation},
	{"AssignmentFailed", OtherLicenseError},
}

// Error returns the code of licenseAssignmentState with the same cause, whose spelling is accepted as well; nil if the
// code is unknown.
func (e *AssignmentError) Error() *LicenseErrorCode { return ErrorOfCode(e.Code) }

// ErrorOfCode is [AssignmentError.Error] for a code.
func ErrorOfCode(code string) *LicenseErrorCode {
	for i := range assignmentErrorCodes {
		if known := &assignmentErrorCodes[i]; strings.EqualFold(code, known.code) || spells(code, string(known.error)) {
			return &known.error
		}
	}
	return nil
}

// RemedyByCode returns the remedy for the error; nil if the code is unknown.
func (e *AssignmentError) RemedyByCode() *Remedy {
	code := e.Error()
	if code == nil {
		return nil
	}
	return remedies[*code]
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
