package licensing

// Write is a change of the tenant's licenses: a [CreateAssignment], [UpdateAssignment], [DeleteAssignment],
// [ReprocessAssignments], [AssignLicense], [ReprocessLicenseAssignment], [SetUsageLocation], [AddGroupMember],
// [RemoveGroupMember] or [ReprocessGroup].
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
type ReprocessAssignments struct {
	UserID string
	// Known reports that the user exists, so that a 404 means that the tenant does not provide the request.
	Known bool
}

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

// AddGroupMember adds a direct member to a group.
type AddGroupMember struct{ GroupID, MemberID string }

// RemoveGroupMember removes a direct member from a group. The member itself stays.
type RemoveGroupMember struct{ GroupID, MemberID string }

// ReprocessGroup reprocesses the licenses that a group gives to its members. The group must exist: a 404 means that the
// tenant does not provide the request.
type ReprocessGroup struct{ GroupID string }

func (SetUsageLocation) isWrite() {}

func (AddGroupMember) isWrite() {}

func (RemoveGroupMember) isWrite() {}

func (ReprocessGroup) isWrite() {}

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
