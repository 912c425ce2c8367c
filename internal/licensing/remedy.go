package licensing

// Remedy is what an administrator can do about a license that could not be given.
type Remedy struct {
	Action RemedyAction
	Text   string
	// Reprocess tells whether the assignment has to be reprocessed afterwards.
	Reprocess bool
}

// RemedyAction is the first thing to do.
type RemedyAction string

// What can be done; see Microsoft Learn, "Identify and resolve license assignment problems for a group".
const (
	ProvideUnits           RemedyAction = "PROVIDE_UNITS"
	ResolveConflict        RemedyAction = "RESOLVE_CONFLICT"
	ProvideRequiredPlan    RemedyAction = "PROVIDE_REQUIRED_PLAN"
	CorrectUsageLocation   RemedyAction = "CORRECT_USAGE_LOCATION"
	RemoveDuplicateAddress RemedyAction = "REMOVE_DUPLICATE_ADDRESS"
	ReadAuditLog           RemedyAction = "READ_AUDIT_LOG"
)

var remedies = map[LicenseErrorCode]*Remedy{
	CountViolation: {ProvideUnits,
		"No unit of the product was free. Buy units, or take them from those who do not need them; then reprocess the person.", true},
	MutuallyExclusiveViolation: {ResolveConflict,
		"A plan of the product excludes a plan that the person has from another product. Switch one of the two off, or drop a product: " +
			"an administrator has to choose. Plans of Exchange Online that used to exclude each other go together today: reprocessing is enough for them.", true},
	DependencyViolation: {ProvideRequiredPlan,
		"A plan needs another one that the person does not have, or is taken away while another one needs it. Keep or add the plan that is " +
			"needed, or switch the one that needs it off. Assign an add-on in the same group as the product that it extends.", true},
	ProhibitedInUsageLocationViolation: {CorrectUsageLocation,
		"A service of the product is not offered in the person's usage location. Correct the usage location, or switch the plan off.", true},
	UniquenessViolation: {RemoveDuplicateAddress,
		"A mail address that the license would bring is already in use. Find the object that has it, remove it there, then reprocess the person.", true},
	OtherLicenseError: {ReadAuditLog,
		"The directory gives no cause. Read what its audit log says about the person at that time, then reprocess; some of these it retries by itself.", true},
}
