package model

import "licensegraph/internal/licensing"

// UserError is an error in the input of a mutation that its caller can correct.
type UserError struct {
	Field   []string
	Code    UserErrorCode
	Message string
}

// UserErrorCode is the code of a UserError.
type UserErrorCode string

// Enum values.
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
	UserErrorManagedElsewhere   UserErrorCode = "MEMBERS_MANAGED_ELSEWHERE"
	UserErrorAlreadyMember      UserErrorCode = "ALREADY_MEMBER"
	UserErrorNotMember          UserErrorCode = "NOT_MEMBER"
	UserErrorMemberType         UserErrorCode = "MEMBER_TYPE"
	UserErrorNotInherited       UserErrorCode = "NOT_INHERITED"
	UserErrorPlansLost          UserErrorCode = "PLANS_WOULD_BE_LOST"
	UserErrorRefused            UserErrorCode = "REFUSED"
)

// AssigneeInput is the assignee of a license.
type AssigneeInput struct {
	Type licensing.AssigneeType
	ID   string
}

// CreateAssignmentsInput is the input of createAssignments.
type CreateAssignmentsInput struct {
	AssignedTo           []*AssigneeInput
	AllotmentID          *string
	SkuID                *licensing.GUID
	DisabledServicePlans []string
	DryRun               bool
}

// CreateAssignmentsPayload has the results of createAssignments.
type CreateAssignmentsPayload struct {
	Results    []*CreateAssignmentResult
	UserErrors []*UserError
	Prediction
}

// CreateAssignmentResult is the result for one assignee.
type CreateAssignmentResult struct {
	AssignedToID string
	Outcome      licensing.Outcome
	Assignment   *licensing.Assignment // nil if it was not created or its ID is unknown
	UserErrors   []*UserError
}

// UpdateAssignmentInput is the input of updateAssignment.
type UpdateAssignmentInput struct {
	ID                   string
	DisabledServicePlans []string
	DryRun               bool
}

// UpdateAssignmentPayload is the result of updateAssignment.
type UpdateAssignmentPayload struct {
	Outcome    *licensing.Outcome
	Assignment *licensing.Assignment // nil if nothing was sent
	UserErrors []*UserError
	Prediction
}

// DeleteAssignmentInput is the input of deleteAssignment.
type DeleteAssignmentInput struct {
	ID     string
	DryRun bool
}

// DeleteAssignmentPayload is the result of deleteAssignment.
type DeleteAssignmentPayload struct {
	Outcome             *licensing.Outcome
	DeletedAssignmentID *string // nil unless deleted
	AllotmentID         string
	Assignee            licensing.DirectoryObject // nil if unknown
	UserErrors          []*UserError
	Prediction
}

// ReprocessInput is the input of both reprocess mutations.
type ReprocessInput struct {
	UserIDs []string
	DryRun  bool
}

// ReprocessPayload has the results of a reprocess mutation.
type ReprocessPayload struct {
	Results    []*ReprocessResult
	UserErrors []*UserError
	Prediction
}

// ReprocessResult is the result for one user.
type ReprocessResult struct {
	UserID     string
	Outcome    licensing.Outcome
	UserErrors []*UserError
}

// SetUsageLocationInput is the input of setUsageLocation.
type SetUsageLocationInput struct {
	UserIDs       []string
	UsageLocation string
	DryRun        bool
}

// SetUsageLocation has the results of setUsageLocation.
type (
	SetUsageLocationPayload = ReprocessPayload
	SetUsageLocationResult  = ReprocessResult
)

// AssignLicenseInput is the input of assignLicense.
type AssignLicenseInput struct {
	AssignedTo     *AssigneeInput
	AddLicenses    []*AddLicenseInput
	RemoveLicenses []licensing.GUID
	DryRun         bool
}

// AddLicenseInput is a license to add.
type AddLicenseInput struct {
	SkuID         licensing.GUID
	DisabledPlans []string
}

// AssignLicensePayload is the result of assignLicense.
type AssignLicensePayload struct {
	Outcome    *licensing.Outcome
	Sent       licensing.AssignLicense
	Assignee   licensing.DirectoryObject // nil if nothing was sent
	UserErrors []*UserError
	Prediction
}

// GroupMembersInput is the input of addGroupMembers and removeGroupMembers.
type GroupMembersInput struct {
	GroupID   string
	MemberIDs []string
	DryRun    bool
}

// GroupMembersPayload has the results of addGroupMembers and removeGroupMembers.
type GroupMembersPayload struct {
	GroupID    *string // nil if it is invalid or unknown
	Results    []*GroupMemberResult
	UserErrors []*UserError
	Prediction
}

// GroupMemberResult is the result for one member.
type GroupMemberResult struct {
	MemberID   string
	Outcome    licensing.Outcome
	Object     licensing.DirectoryObject // nil if it does not exist
	UserErrors []*UserError
}

// ReprocessGroupInput is the input of reprocessGroup.
type ReprocessGroupInput struct {
	GroupID string
	First   int32
	After   *string
	DryRun  bool
}

// ReprocessGroupPayload is the result of reprocessGroup.
type ReprocessGroupPayload struct {
	Method      *ReprocessMethod
	Outcome     *licensing.Outcome
	Results     []*ReprocessResult
	HasNextPage bool
	EndCursor   *string
	GroupID     *string // nil if it is invalid or unknown
	UserErrors  []*UserError
	Prediction
}

// ReprocessMethod is how the licenses of a group's members are reprocessed.
type ReprocessMethod string

// Enum values.
const (
	ReprocessByGroup           ReprocessMethod = "GROUP"
	ReprocessByUserAssignments ReprocessMethod = "USER_ASSIGNMENTS"
	ReprocessByUserLicenses    ReprocessMethod = "USER_LICENSES"
)

// RemoveDirectAssignmentsInput is the input of removeDirectAssignments.
type RemoveDirectAssignmentsInput struct {
	SkuID         licensing.GUID
	UserIDs       []string
	AllowPlanLoss bool
	DryRun        bool
}

// RemoveDirectAssignments has the results of removeDirectAssignments.
type (
	RemoveDirectAssignmentsPayload = ReprocessPayload
	RemoveDirectAssignmentsResult  = ReprocessResult
)

// Prediction is the predicted effects of a change that was not made.
type Prediction struct {
	Effects          []*PredictedEffect // nil without a dry run
	EffectsTruncated bool
}

// PredictedEffect is the predicted effect of a change on one assignee, for one product.
type PredictedEffect struct {
	AssigneeID             string
	Object                 licensing.DirectoryObject
	SkuID                  licensing.GUID
	Units                  int32
	PlansGained, PlansLost []*licensing.ServicePlan
	Errors, ResolvedErrors []*PredictedError
}

// PredictedError is a predicted error of a license.
type PredictedError struct {
	Error   licensing.LicenseErrorCode
	Message string
}
