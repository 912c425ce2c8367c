package licensing

import "licensegraph/internal/upstream"

// Assignment assigns a unit of an allotment to a user, a group or a device.
type Assignment struct {
	upstream.Unread        `json:"-"`
	ID                     string `json:"id"`
	DisabledServicePlanIDs []GUID `json:"disabledServicePlanIds"`
	// Related are the expanded relations.
	Related AssignmentRelated `json:"-"`
}

// ObjectID returns the ID of the assignment.
func (a *Assignment) ObjectID() string { return a.ID }

// FoldIDs normalizes the assignment's ID for comparison. See [FoldID].
func (a *Assignment) FoldIDs() { a.ID = FoldID(a.ID) }

// IsEntity marks an entity.
func (*Assignment) IsEntity() {}

// AssignmentRelated are the expanded relations of an assignment or a waiting member.
type AssignmentRelated struct {
	// Allotment is the allotment if HasAllotment is set; nil if the allotment is deleted.
	Allotment    *upstream.Partial[*Allotment]
	HasAllotment bool
	// AssignedTo is the assignee if HasAssignedTo is set; nil if the assignee is deleted.
	AssignedTo    *Reference
	HasAssignedTo bool
	// AllotmentErr and AssignedToErr are the errors of relations that could not be read.
	AllotmentErr, AssignedToErr error
}

// Assignee is the target of a license assignment.
type Assignee struct {
	// Type is [AssigneeUser], [AssigneeGroup] or [AssigneeDevice].
	Type AssigneeType
	ID   string
}

// AssigneeType is the type of an assignee.
type AssigneeType string

// Members of AssigneeType: see assigneeTypes in the Microsoft Graph reference.
const (
	AssigneeUser          AssigneeType = "USER"
	AssigneeGroup         AssigneeType = "GROUP"
	AssigneeDevice        AssigneeType = "DEVICE"
	AssigneeUnknownFuture AssigneeType = unknownFutureValue
)

var assigneeTypeMembers = enumerationOf(AssigneeUser, AssigneeGroup, AssigneeDevice)

func assigneeTypes(text string) []AssigneeType {
	return assigneeTypeMembers.flags(text)
}
