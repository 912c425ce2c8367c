package licensing

// Remedy is the recommended action for a license assignment error or a finding.
type Remedy struct {
	Action RemedyAction
	Text   string
	// Reprocess reports whether the assignment must be reprocessed after the action.
	Reprocess bool
}

// RemedyAction is the first action to take.
type RemedyAction string

// Members of RemedyAction: see "Identify and resolve license assignment problems for a group" on Microsoft Learn.
const (
	ProvideUnits           RemedyAction = "PROVIDE_UNITS"
	ResolveConflict        RemedyAction = "RESOLVE_CONFLICT"
	ProvideRequiredPlan    RemedyAction = "PROVIDE_REQUIRED_PLAN"
	CorrectUsageLocation   RemedyAction = "CORRECT_USAGE_LOCATION"
	RemoveDuplicateAddress RemedyAction = "REMOVE_DUPLICATE_ADDRESS"
	ReadAuditLog           RemedyAction = "READ_AUDIT_LOG"
)

// Members of RemedyAction for findings.
const (
	RemoveLicense          RemedyAction = "REMOVE_LICENSE"
	RemoveDirectAssignment RemedyAction = "REMOVE_DIRECT_ASSIGNMENT"
	AssignMailboxLicense   RemedyAction = "ASSIGN_MAILBOX_LICENSE"
	AssignToNestedGroup    RemedyAction = "ASSIGN_TO_NESTED_GROUP"
	ReduceUnits            RemedyAction = "REDUCE_UNITS"
	RenewSubscription      RemedyAction = "RENEW_SUBSCRIPTION"
	Reprocess              RemedyAction = "REPROCESS"
)

var remedies = map[LicenseErrorCode]*Remedy{
	CountViolation: {ProvideUnits,
		"No unit of the product was available. Buy or free units, then reprocess the user.", true},
	MutuallyExclusiveViolation: {ResolveConflict,
		"A service plan of the product conflicts with a service plan that the user has from another product. Disable one of the plans, " +
			"or remove one of the products. If both are Exchange Online plans that no longer conflict, reprocess the user.", true},
	DependencyViolation: {ProvideRequiredPlan,
		"A service plan requires another service plan that the user does not have, or that the change removes. Keep or add the required plan, " +
			"or disable the plan that requires it. Assign an add-on in the same group as the product that it extends.", true},
	ProhibitedInUsageLocationViolation: {CorrectUsageLocation,
		"A service of the product is not available in the user's usage location. Correct the usage location, or disable the service plan.", true},
	UniquenessViolation: {RemoveDuplicateAddress,
		"A mail address that the license adds is in use. Find the object that has the address, remove the address there, then reprocess the user.", true},
	OtherLicenseError: {ReadAuditLog,
		"The directory reports no cause. Read the directory's audit log for the user at that time, then reprocess the user. " +
			"licenseChanges of the user has the changes of licenses in that log. The directory retries some of these errors itself.", true},
}
