package licensing

// Write is one change of the tenant's licenses: a [CreateAssignment], [UpdateAssignment], [DeleteAssignment],
// [ReprocessAssignments], [AssignLicense] or [ReprocessLicenseAssignment].
type Write interface{ isWrite() }

// CreateAssignment gives a unit of an allotment to an assignee.
type CreateAssignment struct {
	AllotmentID            string
	AssignedTo             Assignee
	DisabledServicePlanIDs []GUID
}

// UpdateAssignment replaces the service plans that are switched off in an assignment.
type UpdateAssignment struct {
	ID                     string
	AssignedTo             string
	DisabledServicePlanIDs []GUID
}

// DeleteAssignment takes an assignment back.
type DeleteAssignment struct {
	ID         string
	AssignedTo string
}

// ReprocessAssignments has the service try again to give a user what is assigned to it.
type ReprocessAssignments struct{ UserID string }

// AssignLicense gives products to a user or a group, and takes others away.
type AssignLicense struct {
	AssignedTo Assignee
	Add        []AssignedLicense
	Remove     []GUID
}

// ReprocessLicenseAssignment has the directory try again to give a user the licenses of its groups.
type ReprocessLicenseAssignment struct{ UserID string }

func (CreateAssignment) isWrite() {}

func (UpdateAssignment) isWrite() {}

func (DeleteAssignment) isWrite() {}

func (ReprocessAssignments) isWrite() {}

func (AssignLicense) isWrite() {}

func (ReprocessLicenseAssignment) isWrite() {}

// Outcome tells what became of a write.
type Outcome string

// Outcomes of a write.
const (
	// WriteDone: the service has made the change.
	WriteDone Outcome = "DONE"
	// WriteNotDone: the service has not made the change.
	WriteNotDone Outcome = "NOT_DONE"
	// WriteUnknown: it is not known. The write was sent, and no answer of the service says what became of it.
	WriteUnknown Outcome = "UNKNOWN"
)

// WriteResult is what became of a write.
type WriteResult struct {
	Outcome Outcome
	// Assignment is a new or changed one as the service returned it; nil when it returned none with an id.
	Assignment *Assignment
	// RequestID is the service's own id of the request that made the change, for who asks what happened.
	RequestID string
	// Err tells why a change was not made, or is not known; nil when it was made. It wraps an [upstream.Error].
	Err error
}
