package licensing

// Write is a change of the tenant's licenses: a [CreateAssignment], [UpdateAssignment], [DeleteAssignment],
// [ReprocessAssignments], [AssignLicense], [ReprocessLicenseAssignment] or [SetUsageLocation].
type Write interface{ isWrite() }

// CreateAssignment assigns a unit of an allotment.
type CreateAssignment struct {
	AllotmentID            string
	AssignedTo             Assignee
	DisabledServicePlanIDs []GUID
}

// UpdateAssignment replaces the disabled service plans of an assignment.
type UpdateAssignment struct {
	ID                     string
	AssignedTo             string
	DisabledServicePlanIDs []GUID
}

// DeleteAssignment deletes an assignment.
type DeleteAssignment struct {
	ID         string
	AssignedTo string
}

// ReprocessAssignments reprocesses a user's assignments from allotments.
type ReprocessAssignments struct{ UserID string }

// AssignLicense adds and removes licenses of a user or a group.
type AssignLicense struct {
	AssignedTo Assignee
	Add        []AssignedLicense
	Remove     []GUID
}

// ReprocessLicenseAssignment reprocesses a user's licenses that are inherited from groups.
type ReprocessLicenseAssignment struct{ UserID string }

// SetUsageLocation sets the usage location of a user, an ISO 3166-1 alpha-2 code in capitals.
type SetUsageLocation struct{ UserID, UsageLocation string }

func (SetUsageLocation) isWrite() {}

func (CreateAssignment) isWrite() {}

func (UpdateAssignment) isWrite() {}

func (DeleteAssignment) isWrite() {}

func (ReprocessAssignments) isWrite() {}

func (AssignLicense) isWrite() {}

func (ReprocessLicenseAssignment) isWrite() {}

// Outcome is the outcome of a write.
type Outcome string

// Outcomes of a write.
const (
	// WriteDone: Microsoft Graph made the change.
	WriteDone Outcome = "DONE"
	// WriteNotDone: Microsoft Graph did not make the change.
	WriteNotDone Outcome = "NOT_DONE"
	// WriteUnknown: the write was sent, but no response reports its outcome.
	WriteUnknown Outcome = "UNKNOWN"
)

// WriteResult is the result of a write.
type WriteResult struct {
	Outcome Outcome
	// Assignment is the created or updated assignment in the response; nil if the response has none with an ID.
	Assignment *Assignment
	// RequestID is Microsoft Graph's request ID of the change.
	RequestID string
	// Err is the reason for an outcome other than WriteDone; nil for WriteDone. It wraps an [upstream.Error].
	Err error
}
