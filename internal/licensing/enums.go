package licensing

import "strings"

// The enumerations of the schema. Microsoft Graph sends open text; a text without a member becomes
// the enumeration's fallback, so that a value nobody has seen yet fails no query.
type (
	// LicenseState tells whether an assigned licence works.
	LicenseState string
	// LicenseErrorCode tells why a licence could not be assigned.
	LicenseErrorCode string
	// LicenseProcessingStage is a stage in handing a group's licences to its members.
	LicenseProcessingStage string
	// CapabilityStatus tells whether a product can be used.
	CapabilityStatus string
	// SkuTarget tells whom a product or a service plan is for.
	SkuTarget string
	// ProvisioningStatus tells whether a service is ready in the tenant.
	ProvisioningStatus string
	// AssigneeType is a kind of assignee.
	AssigneeType string
)

// Members of the enumerations, in the wire's own spelling; see the licenseAssignmentState, subscribedSku,
// servicePlanInfo and assigneeTypes pages of the Microsoft Graph reference.
const (
	LicenseActive             LicenseState = "Active"
	LicenseActiveWithError    LicenseState = "ActiveWithError"
	LicenseDisabled           LicenseState = "Disabled"
	LicenseError              LicenseState = "Error"
	LicenseStateUnknownFuture LicenseState = unknownFutureValue

	CountViolation                     LicenseErrorCode = "CountViolation"
	MutuallyExclusiveViolation         LicenseErrorCode = "MutuallyExclusiveViolation"
	DependencyViolation                LicenseErrorCode = "DependencyViolation"
	ProhibitedInUsageLocationViolation LicenseErrorCode = "ProhibitedInUsageLocationViolation"
	UniquenessViolation                LicenseErrorCode = "UniquenessViolation"
	OtherLicenseError                  LicenseErrorCode = "Other"
	LicenseErrorUnknownFuture          LicenseErrorCode = unknownFutureValue

	QueuedForProcessing           LicenseProcessingStage = "QueuedForProcessing"
	ProcessingInProgress          LicenseProcessingStage = "ProcessingInProgress"
	ProcessingComplete            LicenseProcessingStage = "ProcessingComplete"
	LicenseProcessingUnknownStage LicenseProcessingStage = unknownFutureValue

	CapabilityEnabled       CapabilityStatus = "Enabled"
	CapabilityWarning       CapabilityStatus = "Warning"
	CapabilitySuspended     CapabilityStatus = "Suspended"
	CapabilityDeleted       CapabilityStatus = "Deleted"
	CapabilityLockedOut     CapabilityStatus = "LockedOut"
	CapabilityUnknownFuture CapabilityStatus = unknownFutureValue

	SkuForUser          SkuTarget = "User"
	SkuForCompany       SkuTarget = "Company"
	SkuForUnknownFuture SkuTarget = unknownFutureValue

	ProvisioningSuccess             ProvisioningStatus = "Success"
	ProvisioningDisabled            ProvisioningStatus = "Disabled"
	ProvisioningPendingInput        ProvisioningStatus = "PendingInput"
	ProvisioningPendingActivation   ProvisioningStatus = "PendingActivation"
	ProvisioningPendingProvisioning ProvisioningStatus = "PendingProvisioning"
	ProvisioningUnknownFuture       ProvisioningStatus = unknownFutureValue

	AssigneeUser          AssigneeType = "user"
	AssigneeGroup         AssigneeType = "group"
	AssigneeDevice        AssigneeType = "device"
	AssigneeUnknownFuture AssigneeType = unknownFutureValue

	unknownFutureValue = "unknownFutureValue"
)

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

// State reads the stage's text; nil when there is none.
func (s *LicenseProcessingState) State() *LicenseProcessingStage {
	return member(s.StateText, QueuedForProcessing, ProcessingInProgress, ProcessingComplete)
}

// CapabilityStatus reads the status's text; nil when there is none.
func (s *SubscribedSku) CapabilityStatus() *CapabilityStatus {
	return member(s.CapabilityStatusText, CapabilityEnabled, CapabilityWarning, CapabilitySuspended,
		CapabilityDeleted, CapabilityLockedOut)
}

// AppliesTo reads the target's text; nil when there is none.
func (s *SubscribedSku) AppliesTo() *SkuTarget {
	return member(s.AppliesToText, SkuForUser, SkuForCompany)
}

// AppliesTo reads the target's text; nil when there is none.
func (p *ServicePlan) AppliesTo() *SkuTarget {
	return member(p.AppliesToText, SkuForUser, SkuForCompany)
}

// ProvisioningStatus reads the status's text; nil when there is none.
func (p *ServicePlan) ProvisioningStatus() *ProvisioningStatus {
	return member(p.ProvisioningStatusText, ProvisioningSuccess, ProvisioningDisabled, ProvisioningPendingInput,
		ProvisioningPendingActivation, ProvisioningPendingProvisioning)
}

// AssignableTo reads the comma-joined kinds in the order in which they were written; `none` is empty.
func (s *LicensedService) AssignableTo() []AssigneeType {
	kinds := []AssigneeType{}
	for text := range strings.SplitSeq(s.AssignableToText, ",") {
		text = strings.TrimSpace(text)
		if text != "" && !strings.EqualFold(text, "none") {
			kinds = append(kinds, *member(&text, AssigneeUser, AssigneeGroup, AssigneeDevice))
		}
	}
	return kinds
}

// member returns the one of the members that the text names, without regard to case, else the fallback.
func member[E ~string](text *string, members ...E) *E {
	if text == nil || *text == "" {
		return nil
	}
	for _, m := range members {
		if strings.EqualFold(string(m), *text) {
			return &m
		}
	}
	unknown := E(unknownFutureValue)
	return &unknown
}
