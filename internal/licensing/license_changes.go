package licensing

import (
	"slices"
	"strings"
	"time"

	"licensegraph/internal/upstream"
)

// DirectoryAudit is a record of the directory's audit log. See directoryAudit in the Microsoft Graph reference.
type DirectoryAudit struct {
	upstream.Unread     `json:"-"`
	ID                  string          `json:"id"`
	ActivityDateTime    *time.Time      `json:"activityDateTime"`
	ActivityDisplayName *string         `json:"activityDisplayName"`
	CorrelationID       *string         `json:"correlationId"`
	InitiatedBy         *AuditInitiator `json:"initiatedBy"`
	Result              *string         `json:"result"`
	ResultReason        *string         `json:"resultReason"`
	TargetResources     []*AuditTarget  `json:"targetResources"`
}

// ObjectID returns the ID of the record.
func (a *DirectoryAudit) ObjectID() string { return a.ID }

// AuditInitiator is the actor of a record: a user or an application.
type AuditInitiator struct {
	upstream.Unread `json:"-"`
	User            *AuditUser        `json:"user"`
	App             *AuditApplication `json:"app"`
}

// AuditUser is a user as actor.
type AuditUser struct {
	upstream.Unread   `json:"-"`
	ID                *string `json:"id"`
	DisplayName       *string `json:"displayName"`
	UserPrincipalName *string `json:"userPrincipalName"`
}

// AuditApplication is an application as actor.
type AuditApplication struct {
	upstream.Unread    `json:"-"`
	AppID              *string `json:"appId"`
	DisplayName        *string `json:"displayName"`
	ServicePrincipalID *string `json:"servicePrincipalId"`
}

// AuditTarget is an object of a record, with its changed properties.
type AuditTarget struct {
	upstream.Unread    `json:"-"`
	ID                 *string             `json:"id"`
	ModifiedProperties []*ModifiedProperty `json:"modifiedProperties"`
}

// ModifiedProperty is a property before and after a change, as texts that contain JSON.
type ModifiedProperty struct {
	upstream.Unread `json:"-"`
	DisplayName     *string `json:"displayName"`
	OldValue        *string `json:"oldValue"`
	NewValue        *string `json:"newValue"`
}

// Activities in the audit log that change licenses. See "Microsoft Entra audit log categories and activities" on
// Microsoft Learn.
const (
	ChangeUserLicense = "Change user license"
	SetGroupLicense   = "Set group license"
)

// LicenseChangesKey identifies the newest changes, at most First, of an object's licenses.
type LicenseChangesKey struct {
	Activity, ID string
	First        int
}

// LicenseChange is a change of the licenses of a user or a group, from one or more audit records.
type LicenseChange struct {
	upstream.Unread
	When          *time.Time
	By            *LicenseActor
	Activity      *string
	CorrelationID *string
	ResultText    *string
	ResultReason  *string
	// DetailsAvailable reports that a record has the licenses before and after. Otherwise the other fields are nil.
	DetailsAvailable           bool
	PlansOnly                  *bool
	AddedSkuIds, RemovedSkuIds []GUID

	before, after []GUID
}

// Result parses the result; nil if there is none.
func (c *LicenseChange) Result() *AuditResult { return auditResults.parse(c.ResultText) }

// AuditResult is the result of an audited activity.
type AuditResult string

// Members of AuditResult: see operationResult in the Microsoft Graph reference.
const (
	AuditSuccess       AuditResult = "SUCCESS"
	AuditFailure       AuditResult = "FAILURE"
	AuditTimeout       AuditResult = "TIMEOUT"
	AuditUnknownFuture AuditResult = unknownFutureValue
)

var auditResults = enumerationOf(AuditSuccess, AuditFailure, AuditTimeout)

// LicenseActor is who changed licenses.
type LicenseActor struct {
	Kind LicenseActorKind
	// ID is the object ID of the user or of the application's service principal, AppID the ID of the application.
	ID, AppID, DisplayName, UserPrincipalName *string
}

// LicenseActorKind is the kind of a [LicenseActor].
type LicenseActorKind string

// Enum values.
const (
	ActorUser           LicenseActorKind = "USER"
	ActorApplication    LicenseActorKind = "APPLICATION"
	ActorGroupLicensing LicenseActorKind = "GROUP_LICENSING"
)

// groupLicensing is in the names of the application of group-based licensing, such as "Microsoft Entra group-Based
// Licensing" or, in older records, "Microsoft Azure AD Group-Based Licensing".
const groupLicensing = "group-based licensing"

// actor returns the actor of a record; nil if it has none.
func (a *DirectoryAudit) actor() *LicenseActor {
	switch by := a.InitiatedBy; {
	case by == nil:
	case by.User != nil:
		return &LicenseActor{Kind: ActorUser, ID: by.User.ID, DisplayName: by.User.DisplayName, UserPrincipalName: by.User.UserPrincipalName}
	case by.App != nil:
		kind := ActorApplication
		if name := by.App.DisplayName; name != nil && strings.Contains(strings.ToLower(*name), groupLicensing) {
			kind = ActorGroupLicensing
		}
		return &LicenseActor{Kind: kind, ID: by.App.ServicePrincipalID, AppID: by.App.AppID, DisplayName: by.App.DisplayName}
	}
	return nil
}

// LicenseChangesIn returns the changes of an object's licenses in audit records, newest first. Records with the same
// correlationId are one change: large records come in several pieces.
func LicenseChangesIn(audits []*DirectoryAudit, id string) []*LicenseChange {
	audits = slices.Clone(audits)
	slices.SortStableFunc(audits, func(a, b *DirectoryAudit) int {
		if a.ActivityDateTime == nil || b.ActivityDateTime == nil {
			return 0
		}
		return b.ActivityDateTime.Compare(*a.ActivityDateTime)
	})
	changes, byCorrelation := []*LicenseChange{}, map[string]*LicenseChange{}
	for _, a := range audits {
		var change *LicenseChange
		if a.CorrelationID != nil {
			change = byCorrelation[*a.CorrelationID]
		}
		if change == nil {
			change = a.change()
			changes = append(changes, change)
			if a.CorrelationID != nil {
				byCorrelation[*a.CorrelationID] = change
			}
		}
		change.addDetails(a, id)
	}
	for _, change := range changes {
		change.compare()
	}
	return changes
}

// change returns the change in a record, without the licenses.
func (a *DirectoryAudit) change() *LicenseChange {
	change := &LicenseChange{
		When: a.ActivityDateTime, By: a.actor(), Activity: a.ActivityDisplayName, CorrelationID: a.CorrelationID,
		ResultText: a.Result, ResultReason: a.ResultReason,
	}
	for field, property := range map[string]string{
		"when": "activityDateTime", "by": "initiatedBy", "activity": "activityDisplayName", "correlationId": "correlationId",
		"result": "result", "resultReason": "resultReason",
	} {
		if err := a.ReadError(property); err != nil {
			change.SetReadError(field, err)
		}
	}
	return change
}

// addDetails adds the licenses in a record, which is not newer than those before.
func (c *LicenseChange) addDetails(a *DirectoryAudit, id string) {
	for _, target := range a.TargetResources {
		if target.ID == nil || FoldID(*target.ID) != id {
			continue
		}
		for _, p := range target.ModifiedProperties {
			if p.DisplayName == nil || *p.DisplayName != "AssignedLicense" || p.HasReadErrors() || p.OldValue == nil && p.NewValue == nil {
				continue
			}
			before, okBefore := skusInAudit(p.OldValue)
			after, okAfter := skusInAudit(p.NewValue)
			if !okBefore || !okAfter {
				continue
			}
			if c.before = before; !c.DetailsAvailable {
				c.after, c.DetailsAvailable = after, true
			}
		}
	}
}

// compare computes the difference between the licenses before and after.
func (c *LicenseChange) compare() {
	if !c.DetailsAvailable {
		return
	}
	c.AddedSkuIds, c.RemovedSkuIds = except(c.after, c.before), except(c.before, c.after)
	plansOnly := len(c.after) > 0 && len(c.AddedSkuIds) == 0 && len(c.RemovedSkuIds) == 0
	c.PlansOnly = &plansOnly
}

// except returns the elements that others does not have.
func except(ids, others []GUID) []GUID {
	return slices.DeleteFunc(append([]GUID{}, ids...), func(id GUID) bool { return slices.Contains(others, id) })
}

const (
	// maxAuditText limits the bytes of a value in the audit log, and maxAuditSkus the products in it.
	maxAuditText = 1 << 20
	maxAuditSkus = 500
)

// skusInAudit returns the products in a value of the property AssignedLicense in the audit log: a text with a JSON list
// of texts such as "[SkuName=SPE_E3, AccountId=…, SkuId=…, DisabledPlans=[SWAY, TEAMS1]]". The format is not documented,
// so it returns false for anything else, such as a truncated text. No value is an empty list.
func skusInAudit(value *string) (skus []GUID, ok bool) {
	if value == nil {
		return nil, true
	}
	text := strings.TrimSpace(*value)
	if text == "" {
		return nil, true
	}
	if len(text) > maxAuditText || text[0] != '[' || text[len(text)-1] != ']' || strings.Count(text, "[") != strings.Count(text, "]") {
		return nil, false
	}
	const key, length = "SkuId=", 36
	for _, rest, more := strings.Cut(text, key); more; _, rest, more = strings.Cut(rest, key) {
		sku, valid := ParseGUID(rest[:min(length, len(rest))])
		if !valid || len(skus) == maxAuditSkus {
			return nil, false
		}
		if !slices.Contains(skus, sku) {
			skus = append(skus, sku)
		}
	}
	empty := strings.TrimSpace(text[1:len(text)-1]) == ""
	return skus, empty || len(skus) > 0
}
