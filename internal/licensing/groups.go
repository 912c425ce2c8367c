package licensing

import (
	"slices"
	"time"

	"licensegraph/internal/upstream"
)

// Group is a group whose members can inherit licenses.
type Group struct {
	upstream.Unread               `json:"-"`
	ID                            string                  `json:"id"`
	DeletedDateTime               *time.Time              `json:"deletedDateTime"`
	CreatedDateTime               *time.Time              `json:"createdDateTime"`
	DisplayName                   *string                 `json:"displayName"`
	Description                   *string                 `json:"description"`
	Mail                          *string                 `json:"mail"`
	MailEnabled                   *bool                   `json:"mailEnabled"`
	SecurityEnabled               *bool                   `json:"securityEnabled"`
	GroupTypes                    []string                `json:"groupTypes"`
	MembershipRule                *string                 `json:"membershipRule"`
	MembershipRuleProcessingState *string                 `json:"membershipRuleProcessingState"`
	IsAssignableToRole            *bool                   `json:"isAssignableToRole"`
	OnPremisesSyncEnabled         *bool                   `json:"onPremisesSyncEnabled"`
	AssignedLicenses              []*AssignedLicense      `json:"assignedLicenses"`
	LicenseProcessingState        *LicenseProcessingState `json:"licenseProcessingState"`
}

// ObjectID returns the directory object ID.
func (g *Group) ObjectID() string { return g.ID }

// FoldIDs normalizes the group's ID for comparison. See [FoldID].
func (g *Group) FoldIDs() { g.ID = FoldID(g.ID) }

// IsEntity marks an entity.
func (*Group) IsEntity() {}

func (*Group) isDirectoryObject() {}

// IsDynamic reports whether the members follow from the membership rule.
func (g *Group) IsDynamic() bool { return slices.Contains(g.GroupTypes, "DynamicMembership") }

// IsSynchronized reports whether the members are managed in the on-premises directory.
func (g *Group) IsSynchronized() bool {
	return g.OnPremisesSyncEnabled != nil && *g.OnPremisesSyncEnabled
}

// LicenseProcessingState is the progress of assigning a group's licenses to its members.
type LicenseProcessingState struct {
	upstream.Unread `json:"-"`
	StateText       *string `json:"state"`
}

// State parses the state; nil if there is none.
func (s *LicenseProcessingState) State() *LicenseProcessingStage {
	return licenseProcessingStages.parse(s.StateText)
}

// LicenseProcessingStage is a stage of assigning a group's licenses to its members.
type LicenseProcessingStage string

// Members of LicenseProcessingStage: see licenseProcessingState in the Microsoft Graph reference.
const (
	QueuedForProcessing           LicenseProcessingStage = "QUEUED_FOR_PROCESSING"
	ProcessingInProgress          LicenseProcessingStage = "PROCESSING_IN_PROGRESS"
	ProcessingComplete            LicenseProcessingStage = "PROCESSING_COMPLETE"
	LicenseProcessingUnknownStage LicenseProcessingStage = unknownFutureValue
)

var licenseProcessingStages = enumerationOf(QueuedForProcessing, ProcessingInProgress, ProcessingComplete)
