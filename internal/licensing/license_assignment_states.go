package licensing

import (
	"strings"
	"time"

	"licensegraph/internal/upstream"
)

// LicenseAssignmentState is one product assigned to one person in one way, and how that went.
type LicenseAssignmentState struct {
	upstream.Unread     `json:"-"`
	SkuID               *GUID      `json:"skuId"`
	AssignedByGroup     *string    `json:"assignedByGroup"`
	DisabledPlans       []GUID     `json:"disabledPlans"`
	StateText           *string    `json:"state"`
	ErrorText           *string    `json:"error"`
	LastUpdatedDateTime *time.Time `json:"lastUpdatedDateTime"`
}

// AssignedByGroupID returns the id of the group through which the license came; nil for a direct assignment.
func (s *LicenseAssignmentState) AssignedByGroupID() *string { return s.AssignedByGroup }

// State reads the state's text; nil when there is none.
func (s *LicenseAssignmentState) State() *LicenseState {
	return member(s.StateText, LicenseActive, LicenseActiveWithError, LicenseDisabled, LicenseError)
}

// Error reads the error's text. No error is written as null, as `None`, or not at all, and the
// catch-all as `Other` or, in older revisions, `Others`.
func (s *LicenseAssignmentState) Error() *LicenseErrorCode {
	if s.ErrorText == nil || strings.EqualFold(*s.ErrorText, "None") {
		return nil
	}
	if strings.EqualFold(*s.ErrorText, "Others") {
		other := OtherLicenseError
		return &other
	}
	return member(s.ErrorText, CountViolation, MutuallyExclusiveViolation, DependencyViolation,
		ProhibitedInUsageLocationViolation, UniquenessViolation, OtherLicenseError)
}

// Remedy returns what to do about the error; nil when there is none, or when nothing is known about it.
func (s *LicenseAssignmentState) Remedy() *Remedy {
	code := s.Error()
	if code == nil {
		return nil
	}
	return remedies[*code]
}

// LicenseState tells whether an assigned license works.
type LicenseState string

// Members of LicenseState, as the licenseAssignmentState page of the Microsoft Graph reference spells them.
const (
	LicenseActive             LicenseState = "ACTIVE"
	LicenseActiveWithError    LicenseState = "ACTIVE_WITH_ERROR"
	LicenseDisabled           LicenseState = "DISABLED"
	LicenseError              LicenseState = "ERROR"
	LicenseStateUnknownFuture LicenseState = unknownFutureValue
)

// LicenseErrorCode tells why a license could not be assigned.
type LicenseErrorCode string

// Members of LicenseErrorCode, as the licenseAssignmentState page of the Microsoft Graph reference spells them.
const (
	CountViolation                     LicenseErrorCode = "COUNT_VIOLATION"
	MutuallyExclusiveViolation         LicenseErrorCode = "MUTUALLY_EXCLUSIVE_VIOLATION"
	DependencyViolation                LicenseErrorCode = "DEPENDENCY_VIOLATION"
	ProhibitedInUsageLocationViolation LicenseErrorCode = "PROHIBITED_IN_USAGE_LOCATION_VIOLATION"
	UniquenessViolation                LicenseErrorCode = "UNIQUENESS_VIOLATION"
	OtherLicenseError                  LicenseErrorCode = "OTHER"
	LicenseErrorUnknownFuture          LicenseErrorCode = unknownFutureValue
)
