package licensing

import "strings"

// The enumerations of the schema. Microsoft Graph sends open text; a text without a member becomes
// the enumeration's fallback, so that a value nobody has seen yet fails no query.
type (
	// LicenseState tells whether an assigned license works.
	LicenseState string
	// LicenseErrorCode tells why a license could not be assigned.
	LicenseErrorCode string
	// LicenseProcessingStage is a stage in handing a group's licenses to its members.
	LicenseProcessingStage string
	// CapabilityStatus tells whether a product can be used.
	CapabilityStatus string
	// SkuTarget tells whom a product or a service plan is for.
	SkuTarget string
	// ProvisioningStatus tells whether a service is ready in the tenant.
	ProvisioningStatus string
	// AssigneeType is a kind of assignee.
	AssigneeType string
	// SubscriptionState tells whether a purchase can be used.
	SubscriptionState string
	// SubscriptionTag is something special about a purchase.
	SubscriptionTag string
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

	SubscriptionActive        SubscriptionState = "active"
	SubscriptionWarning       SubscriptionState = "warning"
	SubscriptionSuspended     SubscriptionState = "suspended"
	SubscriptionLockedOut     SubscriptionState = "lockedOut"
	SubscriptionDeleted       SubscriptionState = "deleted"
	SubscriptionUnknownFuture SubscriptionState = unknownFutureValue

	SubscriptionTrial            SubscriptionTag = "trial"
	SubscriptionTagUnknownFuture SubscriptionTag = unknownFutureValue

	unknownFutureValue = "unknownFutureValue"
)

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
func (s *LicensedService) AssignableTo() []AssigneeType { return assigneeTypes(s.AssignableToText) }

// AssignableTo reads the comma-joined kinds in the order in which they were written; `none` is empty.
func (a *Allotment) AssignableTo() []AssigneeType { return assigneeTypes(a.AssignableToText) }

func assigneeTypes(text string) []AssigneeType {
	return flags(text, AssigneeUser, AssigneeGroup, AssigneeDevice)
}

// State reads the state's text; nil when there is none. The reference page calls the state multi-valued, the
// metadata does not: of several the first counts.
func (s *AllotmentSubscription) State() *SubscriptionState {
	states := flags(s.StateText, SubscriptionActive, SubscriptionWarning, SubscriptionSuspended,
		SubscriptionLockedOut, SubscriptionDeleted)
	if len(states) == 0 {
		return nil
	}
	return &states[0]
}

// Tags reads the comma-joined tags in the order in which they were written; `none` is empty.
func (s *AllotmentSubscription) Tags() []SubscriptionTag {
	return flags(s.TagsText, SubscriptionTrial)
}

// flags reads comma-joined members; `none` is empty.
func flags[E ~string](joined string, members ...E) []E {
	set := []E{}
	for text := range strings.SplitSeq(joined, ",") {
		text = strings.TrimSpace(text)
		if text != "" && !strings.EqualFold(text, "none") {
			set = append(set, *member(&text, members...))
		}
	}
	return set
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
