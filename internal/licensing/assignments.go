package licensing

import "licensegraph/internal/upstream"

// Assignment links an allotment to who gets a unit of it.
type Assignment struct {
	upstream.Unread        `json:"-"`
	ID                     string `json:"id"`
	DisabledServicePlanIDs []GUID `json:"disabledServicePlanIds"`
	// Related is what the service sent along.
	Related AssignmentRelated `json:"-"`
}

// ObjectID returns the id of the assignment.
func (a *Assignment) ObjectID() string { return a.ID }

// FoldIDs brings the id that was read into the form in which it is compared.
func (a *Assignment) FoldIDs() { a.ID = FoldID(a.ID) }

// IsEntity marks an entity.
func (*Assignment) IsEntity() {}

// AssignmentRelated is what came along with an assignment or a waiting member.
type AssignmentRelated struct {
	// Allotment is the pool, nil when it is gone, if HasAllotment tells that it came along.
	Allotment    *upstream.Partial[*Allotment]
	HasAllotment bool
	// AssignedTo is the assignee, nil when it is gone, if HasAssignedTo tells that it came along.
	AssignedTo    *Reference
	HasAssignedTo bool
	// AllotmentErr and AssignedToErr tell why one that did not come along could not be read.
	AllotmentErr, AssignedToErr error
}

// Assignee is who gets a license.
type Assignee struct {
	// Type is [AssigneeUser], [AssigneeGroup] or [AssigneeDevice].
	Type AssigneeType
	ID   string
}

// AssigneeType is a kind of assignee.
type AssigneeType string

// Members of AssigneeType, as the assigneeTypes page of the Microsoft Graph reference spells them.
const (
	AssigneeUser          AssigneeType = "USER"
	AssigneeGroup         AssigneeType = "GROUP"
	AssigneeDevice        AssigneeType = "DEVICE"
	AssigneeUnknownFuture AssigneeType = unknownFutureValue
)

func assigneeTypes(text string) []AssigneeType {
	return flags(text, AssigneeUser, AssigneeGroup, AssigneeDevice)
}
