package licensing

import (
	"strings"
	"time"

	"licensegraph/internal/upstream"
)

// LicenseAssignmentState is one assignment of a product to a user, direct or inherited from a group.
type LicenseAssignmentState struct {
	upstream.Unread     `json:"-"`
	SkuID               *GUID      `json:"skuId"`
	AssignedByGroup     *string    `json:"assignedByGroup"`
	DisabledPlans       []GUID     `json:"disabledPlans"`
	StateText           *string    `json:"state"`
	ErrorText           *string    `json:"error"`
	LastUpdatedDateTime *time.Time `json:"lastUpdatedDateTime"`
}

// AssignedByGroupID returns the ID of the group that the license is inherited from; nil for a direct assignment.
func (s *LicenseAssignmentState) AssignedByGroupID() *string { return s.AssignedByGroup }

// State parses the state; nil if there is none.
func (s *LicenseAssignmentState) State() *LicenseState {
	return licenseStates.parse(s.StateText)
}

// Error parses the error code; nil if there is no error, which Microsoft Graph sends as null, as "None" or not at all.
// OTHER is sent as "Other" or, by older revisions, as "Others".
func (s *LicenseAssignmentState) Error() *LicenseErrorCode {
	text := s.ErrorText
	if text == nil || strings.EqualFold(*text, "None") {
		return nil
	}
	if strings.EqualFold(*text, "Others") {
		singular := (*text)[:len("Other")]
		text = &singular
	}
	return licenseErrorCodes.parse(text)
}

// Remedy returns the remedy for the error; nil if there is no error or no known remedy.
func (s *LicenseAssignmentState) Remedy() *Remedy {
	code := s.Error()
	if code == nil {
		return nil
	}
	return remedies[*code]
}

// LicenseState is the state of a license assignment.
type LicenseState string

// Members of LicenseState: see licenseAssignmentState in the Microsoft Graph reference.
const (
	LicenseActive             LicenseState = "ACTIVE"
	LicenseActiveWithError    LicenseState = "ACTIVE_WITH_ERROR"
	LicenseDisabled           LicenseState = "DISABLED"
	LicenseError              LicenseState = "ERROR"
	LicenseStateUnknownFuture LicenseState = unknownFutureValue
)

var licenseStates = enumerationOf(LicenseActive, LicenseActiveWithError, LicenseDisabled, LicenseError)

// LicenseErrorCode is the reason for a failed license assignment.
type LicenseErrorCode string

// Members of LicenseErrorCode: see licenseAssignmentState in the Microsoft Graph reference.
const (
	CountViolation                     LicenseErrorCode = "COUNT_VIOLATION"
	MutuallyExclusiveViolation         LicenseErrorCode = "MUTUALLY_EXCLUSIVE_VIOLATION"
	DependencyViolation                LicenseErrorCode = "DEPENDENCY_VIOLATION"
	ProhibitedInUsageLocationViolation LicenseErrorCode = "PROHIBITED_IN_USAGE_LOCATION_VIOLATION"
	UniquenessViolation                LicenseErrorCode = "UNIQUENESS_VIOLATION"
	OtherLicenseError                  LicenseErrorCode = "OTHER"
	LicenseErrorUnknownFuture          LicenseErrorCode = unknownFutureValue
)

var licenseErrorCodes = enumerationOf(CountViolation, MutuallyExclusiveViolation, DependencyViolation,
	ProhibitedInUsageLocationViolation, UniquenessViolation, OtherLicenseError)
