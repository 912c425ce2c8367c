package licensing

import (
	"time"

	"licensegraph/internal/upstream"
)

// Group is a group whose members can inherit licenses.
type Group struct {
	upstream.Unread        `json:"-"`
	ID                     string                  `json:"id"`
	DeletedDateTime        *time.Time              `json:"deletedDateTime"`
	CreatedDateTime        *time.Time              `json:"createdDateTime"`
	DisplayName            *string                 `json:"displayName"`
	Description            *string                 `json:"description"`
	Mail                   *string                 `json:"mail"`
	MailEnabled            *bool                   `json:"mailEnabled"`
	SecurityEnabled        *bool                   `json:"securityEnabled"`
	GroupTypes             []string                `json:"groupTypes"`
	AssignedLicenses       []*AssignedLicense      `json:"assignedLicenses"`
	LicenseProcessingState *LicenseProcessingState `json:"licenseProcessingState"`
}

// ObjectID returns the object id in the directory.
func (g *Group) ObjectID() string { return g.ID }

// FoldIDs brings the id that was read into the form in which it is compared.
func (g *Group) FoldIDs() { g.ID = FoldID(g.ID) }

// IsEntity marks an entity.
func (*Group) IsEntity() {}

func (*Group) isDirectoryObject() {}

// LicenseProcessingState is how far the licenses of a group have reached its members.
type LicenseProcessingState struct {
	upstream.Unread `json:"-"`
	StateText       *string `json:"state"`
}

// State reads the stage's text; nil when there is none.
func (s *LicenseProcessingState) State() *LicenseProcessingStage {
	return member(s.StateText, QueuedForProcessing, ProcessingInProgress, ProcessingComplete)
}

// LicenseProcessingStage is a stage in handing a group's licenses to its members.
type LicenseProcessingStage string

// Members of LicenseProcessingStage, as the licenseProcessingState page of the Microsoft Graph reference spells them.
const (
	QueuedForProcessing           LicenseProcessingStage = "QUEUED_FOR_PROCESSING"
	ProcessingInProgress          LicenseProcessingStage = "PROCESSING_IN_PROGRESS"
	ProcessingComplete            LicenseProcessingStage = "PROCESSING_COMPLETE"
	LicenseProcessingUnknownStage LicenseProcessingStage = unknownFutureValue
)
