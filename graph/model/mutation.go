package model

import "licensegraph/internal/licensing"

// UserError is an error in the input of a mutation that its caller can correct.
type UserError struct {
	Field   []string
	Code    UserErrorCode
	Message string
}

// UserErrorCode is what is wrong in the input of a mutation.
type UserErrorCode string

// Members of the enumeration.
const (
	UserErrorInvalid            UserErrorCode = "INVALID"
	UserErrorNotFound           UserErrorCode = "NOT_FOUND"
	UserErrorUnknownProduct     UserErrorCode = "UNKNOWN_PRODUCT"
	UserErrorUnknownPlan        UserErrorCode = "UNKNOWN_PLAN"
	UserErrorPlanNotInProduct   UserErrorCode = "PLAN_NOT_IN_PRODUCT"
	UserErrorNoFreeUnit         UserErrorCode = "NO_FREE_UNIT"
	UserErrorUsageLocation      UserErrorCode = "USAGE_LOCATION"
	UserErrorNotAssignable      UserErrorCode = "NOT_ASSIGNABLE"
	UserErrorAlreadyAssigned    UserErrorCode = "ALREADY_ASSIGNED"
	UserErrorNotAssigned        UserErrorCode = "NOT_ASSIGNED"
	UserErrorPlanConflict       UserErrorCode = "PLAN_CONFLICT"
	UserErrorPlanDependency     UserErrorCode = "PLAN_DEPENDENCY"
	UserErrorProhibited         UserErrorCode = "PROHIBITED_IN_USAGE_LOCATION"
	UserErrorProxyAddress       UserErrorCode = "PROXY_ADDRESS_CONFLICT"
	UserErrorGroupWithoutUnits  UserErrorCode = "GROUP_WITHOUT_UNITS"
	UserErrorNotSecurityEnabled UserErrorCode = "GROUP_NOT_SECURITY_ENABLED"
	UserErrorImmutable          UserErrorCode = "IMMUTABLE_PROPERTY"
	UserErrorRefused            UserErrorCode = "REFUSED"
)

// AssigneeInput is who gets a license.
type AssigneeInput struct {
	Type licensing.AssigneeType
	ID   string
}

// CreateAssignmentsInput is what is assigned to whom.
type CreateAssignmentsInput struct {
	AssignedTo           []*AssigneeInput
	AllotmentID          *string
	SkuID                *licensing.GUID
	DisabledServicePlans []string
}

// CreateAssignmentsPayload is what became of each assignment.
type CreateAssignmentsPayload struct {
	Results    []*CreateAssignmentResult
	UserErrors []*UserError
}

// CreateAssignmentResult is what became of one assignment.
type CreateAssignmentResult struct {
	AssignedToID string
	Outcome      licensing.Outcome
	Assignment   *licensing.Assignment // nil when it was not made, or its id is not known
	UserErrors   []*UserError
}

// UpdateAssignmentInput says which service plans are switched off.
type UpdateAssignmentInput struct {
	ID                   string
	DisabledServicePlans []string
}

// UpdateAssignmentPayload is what became of the assignment.
type UpdateAssignmentPayload struct {
	Outcome    *licensing.Outcome
	Assignment *licensing.Assignment // nil when nothing was sent
	UserErrors []*UserError
}

// DeleteAssignmentInput says which assignment is taken back.
type DeleteAssignmentInput struct {
	ID string
}

// DeleteAssignmentPayload is what became of the assignment.
type DeleteAssignmentPayload struct {
	Outcome             *licensing.Outcome
	DeletedAssignmentID *string // nil unless it is deleted
	AllotmentID         string
	Assignee            licensing.DirectoryObject // nil when it is not known
	UserErrors          []*UserError
}

// ReprocessInput says whose licenses are processed again.
type ReprocessInput struct {
	UserIDs []string
}

// ReprocessPayload is what became of each person's licenses.
type ReprocessPayload struct {
	Results    []*ReprocessResult
	UserErrors []*UserError
}

// ReprocessResult is what became of one person's licenses.
type ReprocessResult struct {
	UserID     string
	Outcome    licensing.Outcome
	UserErrors []*UserError
}

// AssignLicenseInput is what is given to a user or group, and what is taken away.
type AssignLicenseInput struct {
	AssignedTo     *AssigneeInput
	AddLicenses    []*AddLicenseInput
	RemoveLicenses []licensing.GUID
}

// AddLicenseInput is a product to give.
type AddLicenseInput struct {
	SkuID         licensing.GUID
	DisabledPlans []string
}

// AssignLicensePayload is what became of the licenses.
type AssignLicensePayload struct {
	Outcome    *licensing.Outcome
	Sent       licensing.AssignLicense
	Assignee   licensing.DirectoryObject // nil when nothing was sent
	UserErrors []*UserError
}
