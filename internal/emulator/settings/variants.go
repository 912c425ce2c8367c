package settings

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/emulator/clock"
)

// Variants are the differences between tenants, and the readings of ambiguous
// documentation. The zero value of each is the strictest reading. By the
// numbers of the open points in the wire contract they are: 1 ExpandErrors, 2
// ExpandOne, 3 ExpandNestedSelect, 4 NestedFilterDrops, 7 WrapSingle, 8
// PageSize, LargePagesRefused, EmptyPages and ExpandWithoutLink, 9
// IgnoreCloudOptions, 10 AssignmentFilter, 11 SkuIDEqualOnly, 13
// ApplyUnsupported, 14 ReprocessOK, 15 OmitCreatedID, 16 ReprocessListed, 17
// RightAllotments, 18 MyAssignments, 19 Devices and DevicesListed, 20
// SubscriptionTimestamps, 21 SubscriptionsOnSelect, 22 NullError, 24
// GetByIDsIgnoreSelect, 25 Throttling, 26 CloudLicensing, 27 GroupEffects and
// ReplicationLag, 28 UsageRightFailures, 31 PersonalDetails, 33 Permissions, 34
// NotPremium, 35 ReportNames, 36 AuditPieces, 37 RawParts, 38 GroupsByAge. Points
// 5, 6, 12, 23, 29, 30 and 32 have no variant. DirectoryPageSize, EmptyPartCodes, LostUpdates,
// PlainAgents, MissingUsageRight, OnBehalfOf, RefuseHiddenFilters and Roles
// belong to no point.
type Variants struct {
	// ExpandErrors selects the expandable relations of assignment errors: "" =
	// "assignedTo", the only relation observed to work; "none"; "both",
	// including both together; "ignore" ignores $expand.
	ExpandErrors string `json:"expandErrors"`
	// ExpandNestedSelect allows $expand=assignedTo($select=…).
	ExpandNestedSelect bool `json:"expandNestedSelect"`
	// WrapSingle returns single cloudLicensing entities as {"value":{…}}, as
	// on some reference pages.
	WrapSingle bool `json:"wrapSingle"`
	// PageSize is the default page size of cloudLicensing lists and the
	// maximum $top; 0 = 100.
	PageSize int `json:"pageSize"`
	// LargePagesRefused rejects a $top greater than PageSize on cloudLicensing
	// lists instead of capping it.
	LargePagesRefused bool `json:"largePagesRefused"`
	// DirectoryPageSize is the default page size of users and groups; 0 = 100.
	// The maximum $top is 999.
	DirectoryPageSize int `json:"directoryPageSize"`
	// EmptyPages inserts an empty page with a next link before each page.
	EmptyPages bool `json:"emptyPages"`
	// NullError returns null as the error of a licenseAssignmentState without
	// an error, as on the reference page, instead of the string None that the
	// service returns.
	NullError bool `json:"nullError"`
	// GetByIDsIgnoreSelect ignores $select in getByIds and returns the default
	// properties.
	GetByIDsIgnoreSelect bool `json:"getByIDsIgnoreSelect"`
	// CloudLicensing sets the availability of cloudLicensing: "" = available;
	// "forbidden" = 403 for every call, as in a tenant without consent to its
	// permissions; "missing" = 404, as in clouds without it.
	CloudLicensing string `json:"cloudLicensing"`
	// MissingUsageRight selects the answer for the usageRight of an error
	// without one: "" = 204 No Content; "notFound" = 404; "null" =
	// {"value":null}.
	MissingUsageRight string `json:"missingUsageRight"`
	// IgnoreCloudOptions ignores $count, $orderby, $skip and $search on
	// cloudLicensing lists instead of rejecting them.
	IgnoreCloudOptions bool `json:"ignoreCloudOptions"`
	// SkuIDEqualOnly rejects the operator in for skuId on assignment errors
	// and allotments.
	SkuIDEqualOnly bool `json:"skuIDEqualOnly"`
	// SubscriptionTimestamps returns the dates of an allotment's subscriptions
	// as timestamps, as in the samples, instead of dates.
	SubscriptionTimestamps bool `json:"subscriptionTimestamps"`
	// SubscriptionsOnSelect omits the subscriptions of listed and expanded
	// allotments unless $select includes them, as in the samples.
	SubscriptionsOnSelect bool `json:"subscriptionsOnSelect"`
	// ExpandOne limits $expand on assignments to one relation at a time.
	ExpandOne bool `json:"expandOne"`
	// ExpandWithoutLink truncates expanded cloudLicensing collections after
	// one page, without a next link.
	ExpandWithoutLink bool `json:"expandWithoutLink"`
	// NestedFilterDrops omits assignments whose allotment does not match the
	// $filter inside $expand, instead of returning null for the allotment.
	NestedFilterDrops bool `json:"nestedFilterDrops"`
	// AssignmentFilter allows $filter=id eq '…' on assignments.
	AssignmentFilter bool `json:"assignmentFilter"`
	// ApplyUnsupported answers $apply with 501.
	ApplyUnsupported bool `json:"applyUnsupported"`
	// RightAllotments enables usageRights/{id}/allotments, which is only in
	// the metadata.
	RightAllotments bool `json:"rightAllotments"`
	// MyAssignments enables the list /me/cloudLicensing/assignments, which no
	// reference page documents, with the permissions of Microsoft's list of
	// permissions.
	MyAssignments bool `json:"myAssignments"`
	// ReprocessOK answers reprocessAssignments with 200 instead of 204.
	ReprocessOK bool `json:"reprocessOK"`
	// OmitCreatedID omits the id in the answer to the creation of an
	// assignment below a user, group or device, as in the samples.
	OmitCreatedID bool `json:"omitCreatedID"`
	// GroupEffects is the delay until a change of a group's assignments takes
	// effect for the members; 0 = five seconds, [Immediately] = none. During
	// the delay, and in any case until the clock advances,
	// licenseProcessingState is ProcessingInProgress.
	GroupEffects time.Duration `json:"groupEffects"`
	// ReplicationLag is the delay until reads return a change, as from a
	// replica. The first change copies the tenant, which is slow for a large
	// one.
	ReplicationLag time.Duration `json:"replicationLag"`
	// LostUpdates is the time after a change of a group's licenses by
	// assignLicense in which another change overwrites it; 0 = no change is
	// lost.
	LostUpdates time.Duration `json:"lostUpdates"`
	// ReprocessListed also enables reprocessAssignments of groups, of me and,
	// with Devices, of devices, which are only in Microsoft's list of
	// permissions. They require the permissions of that list.
	ReprocessListed bool `json:"reprocessListed"`
	// Devices enables the documented cloudLicensing endpoints of devices,
	// which are not in the metadata.
	Devices bool `json:"devices"`
	// DevicesListed also enables the endpoints of devices that are only in
	// Microsoft's list of permissions: lists of assignments, single entities
	// and their relations, PATCH and DELETE. They require the permissions of
	// that list.
	DevicesListed bool `json:"devicesListed"`
	// GroupsByAge allows filters of groups by createdDateTime with ge and le
	// in an advanced query, as in the table of filters. A sample on the same
	// page shows that they are rejected.
	GroupsByAge bool `json:"groupsByAge"`
	// NotPremium answers 403 to requests with signInActivity, as in a tenant
	// without Microsoft Entra ID P1 or P2.
	NotPremium bool `json:"notPremium"`
	// PersonalDetails forbids licenseDetails to applications, as on its
	// reference page.
	PersonalDetails bool `json:"personalDetails"`
	// PlainAgents returns the accounts of agents as users instead of the
	// derived type.
	PlainAgents bool `json:"plainAgents"`
	// AuditPieces returns audit records of large license changes in pieces
	// without modifiedProperties, which have the same correlationId, as
	// observed, instead of whole records.
	AuditPieces bool `json:"auditPieces"`
	// ReportNames shows names in usage reports instead of pseudonyms, until
	// PATCH /admin/reportSettings changes it.
	ReportNames bool `json:"reportNames"`
	// Permissions selects the source of the cloudLicensing permissions: "" =
	// the reference pages or Microsoft's list of permissions; "pages" = only
	// the reference pages; "list" = only the list, which has no CloudLicensing
	// permission.
	Permissions string `json:"permissions"`
	// RefuseHiddenFilters answers 403 to a filter or search by a property that
	// the caller's basic permissions do not include. By default the result is
	// empty, as on the page of $filter.
	RefuseHiddenFilters bool `json:"refuseHiddenFilters"`
	// RawParts is the share, 0 to 1, of batches with a part whose body is
	// unquoted HTML, so that the whole answer is not valid JSON; evenly
	// distributed.
	RawParts float64 `json:"rawParts"`
	// EmptyPartCodes returns an empty error code in parts of a batch that
	// answer 403, as in a sample of the batching page.
	EmptyPartCodes bool `json:"emptyPartCodes"`
	// Throttling sets the limits above which the answer is 429; the zero value
	// is the published limits.
	Throttling Throttling `json:"throttling"`
	// UsageRightFailures is the share, 0 to 1, of usage right reads that
	// answer 500; evenly distributed.
	UsageRightFailures float64 `json:"usageRightFailures"`
	// OnBehalfOf selects an error of the on-behalf-of grant: "" = none. "mfa"
	// = AADSTS50076, "enroll" = AADSTS50079 and "policy" = AADSTS53003 are
	// interaction_required errors with a claims challenge; "consent" =
	// AADSTS65001 is an invalid_grant error.
	OnBehalfOf string `json:"onBehalfOf"`
	// Roles are the application roles in new tokens; nil = all that the
	// endpoints require.
	Roles []string `json:"roles"`
}

// Immediately is the value of GroupEffects for no delay.
const Immediately time.Duration = -1

// HaveDevices reports whether cloudLicensing endpoints of devices are enabled.
func (v *Variants) HaveDevices() bool { return v.Devices || v.DevicesListed }

// EffectDelay returns GroupEffects with its default.
func (v *Variants) EffectDelay() time.Duration {
	switch v.GroupEffects {
	case 0:
		return 5 * time.Second
	case Immediately:
		return 0
	}
	return v.GroupEffects
}

// variantValues are the non-empty values of string variants.
var variantValues = map[string][]string{
	"expandErrors":      {"none", "assignedTo", "both", "ignore"},
	"cloudLicensing":    {"forbidden", "missing"},
	"permissions":       {"pages", "list"},
	"missingUsageRight": {"notFound", "null"},
	"onBehalfOf":        {"mfa", "enroll", "policy", "consent"},
}

// maxNumber prevents overflow in sums.
const maxNumber = 1_000_000_000

// MarshalJSON writes all variants, with durations as text.
func (v Variants) MarshalJSON() ([]byte, error) {
	return json.Marshal(maps.Collect(Fields(&v)))
}

// UnmarshalJSON parses the result of [Variants.MarshalJSON]. It keeps variants
// that are not in the object, and null sets the default. An error about an
// unknown name or value lists the valid ones, and changes nothing.
func (v *Variants) UnmarshalJSON(raw []byte) error {
	fresh := *v
	if err := Decode(&fresh, "", raw); err != nil {
		return err
	}
	if err := validate(&fresh, ""); err != nil {
		return err
	}
	*v = fresh
	return nil
}

// Set parses one variant from a flag, such as expandErrors=both, nullError,
// which is short for nullError=true, throttling=off or throttling.writes=10;
// or several as a JSON object.
func (v *Variants) Set(text string) error {
	text = strings.TrimSpace(text)
	if strings.HasPrefix(text, "{") {
		return v.UnmarshalJSON([]byte(text))
	}
	name, value, ok := strings.Cut(text, "=")
	if !ok {
		value = "true"
	}
	fresh := *v
	if err := SetText(&fresh, "", strings.TrimSpace(name), strings.TrimSpace(value)); err != nil {
		return err
	}
	if err := validate(&fresh, ""); err != nil {
		return err
	}
	*v = fresh
	return nil
}

// validate returns an error about the first invalid variant: an unknown value,
// a share outside 0 to 1, a negative number or time.
func validate(v any, path string) error {
	for name, field := range Fields(v) {
		name = join(path, name)
		switch p := field.(type) {
		case *Duration:
			if d := time.Duration(*p); d < 0 && d != Immediately || d > clock.MaxAhead {
				return Wrong(name, "must be between 0 and a hundred years")
			}
		case *int:
			if *p < 0 || *p > maxNumber {
				return Wrong(name, "must be between 0 and %d", maxNumber)
			}
		case *float64:
			if !(*p >= 0 && *p <= 1) {
				return Wrong(name, "must be between 0 and 1")
			}
		case *string:
			if values := variantValues[name]; *p != "" && values != nil && !slices.Contains(values, *p) {
				return Wrong(name, `must be "" or one of %s`, strings.Join(values, ", "))
			}
		case *Throttling:
			if err := validate(p, name); err != nil {
				return err
			}
		}
	}
	return nil
}
