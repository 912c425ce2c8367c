package settings

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/emulator/clock"
)

// Variants are the ways in which tenants differ, or in which the
// documentation leaves more than one reading. The zero value of each is the
// strictest reading. By the numbers of the open points in the wire contract
// they are: 1 ExpandErrors, 2 ExpandOne, 3 ExpandNestedSelect,
// 4 NestedFilterDrops, 7 WrapSingle, 8 PageSize, LargePagesRefused, EmptyPages and
// ExpandWithoutLink, 9 IgnoreCloudOptions, 10 AssignmentFilter,
// 11 SkuIDEqualOnly, 13 ApplyUnsupported, 14 ReprocessOK, 15 OmitCreatedID, 16 ReprocessListed,
// 17 RightAllotments, 18 MyAssignments, 19 Devices and DevicesListed, 20 SubscriptionTimestamps,
// 21 SubscriptionsOnSelect, 22 NullError, 24 GetByIDsIgnoreSelect,
// 25 Throttling, 26 CloudLicensing, 27 GroupEffects and
// ReplicationLag, 28 UsageRightFailures, 31 PersonalDetails, 33 Permissions,
// 37 RawParts, 38 GroupsByAge. The others, 5, 6, 12, 23, 29, 30, 32 and 34 to
// 36, leave no choice. DirectoryPageSize, EmptyPartCodes, LostUpdates, PlainAgents,
// MissingUsageRight, OnBehalfOf, RefuseHiddenFilters and Roles belong to no point.
type Variants struct {
	// ExpandErrors is the relations of assignment errors that can be expanded:
	// "" = "assignedTo", the only one seen to work; "none"; "both", also
	// together; "ignore" answers as without $expand.
	ExpandErrors string `json:"expandErrors"`
	// ExpandNestedSelect allows $expand=assignedTo($select=…).
	ExpandNestedSelect bool `json:"expandNestedSelect"`
	// WrapSingle answers single cloudLicensing entities as {"value":{…}}, as
	// some reference pages print them.
	WrapSingle bool `json:"wrapSingle"`
	// PageSize is the default page size of cloudLicensing lists and the most
	// that $top can ask for; 0 = 100.
	PageSize int `json:"pageSize"`
	// LargePagesRefused refuses a larger $top than PageSize on cloudLicensing lists, instead of capping it.
	LargePagesRefused bool `json:"largePagesRefused"`
	// DirectoryPageSize is the default page size of users and groups; 0 = 100.
	// $top can ask for up to 999.
	DirectoryPageSize int `json:"directoryPageSize"`
	// EmptyPages puts an empty page with a next link before each real one.
	EmptyPages bool `json:"emptyPages"`
	// NullError writes the error of a good licenseAssignmentState as null, as
	// on the reference page, instead of the text None that the service sends.
	NullError bool `json:"nullError"`
	// GetByIDsIgnoreSelect makes getByIds answer the default properties
	// with any $select.
	GetByIDsIgnoreSelect bool `json:"getByIDsIgnoreSelect"`
	// CloudLicensing: "" = available; "forbidden" answers every cloudLicensing
	// call with 403, as where its permissions cannot be consented; "missing"
	// with 404, as in clouds without it.
	CloudLicensing string `json:"cloudLicensing"`
	// MissingUsageRight is the answer for the usageRight of an error that has
	// none: "" = 204 No Content; "notFound" = 404; "null" = {"value":null}.
	MissingUsageRight string `json:"missingUsageRight"`
	// IgnoreCloudOptions silently ignores $count, $orderby, $skip and $search
	// on cloudLicensing lists instead of refusing them.
	IgnoreCloudOptions bool `json:"ignoreCloudOptions"`
	// SkuIDEqualOnly refuses the operator in for skuId on assignment errors and
	// allotments.
	SkuIDEqualOnly bool `json:"skuIDEqualOnly"`
	// SubscriptionTimestamps writes the dates of an allotment's subscriptions
	// as timestamps, as the samples do, instead of dates.
	SubscriptionTimestamps bool `json:"subscriptionTimestamps"`
	// SubscriptionsOnSelect leaves the subscriptions out of lists of allotments
	// and of expanded ones unless $select names them, as the samples do.
	SubscriptionsOnSelect bool `json:"subscriptionsOnSelect"`
	// ExpandOne allows one relation of assignments at a time to be expanded.
	ExpandOne bool `json:"expandOne"`
	// ExpandWithoutLink cuts expanded cloudLicensing collections after a page
	// without a link to the rest.
	ExpandWithoutLink bool `json:"expandWithoutLink"`
	// NestedFilterDrops drops assignments whose expanded allotment does not fit
	// the $filter inside $expand, instead of leaving the allotment null.
	NestedFilterDrops bool `json:"nestedFilterDrops"`
	// AssignmentFilter allows $filter=id eq '…' on assignments.
	AssignmentFilter bool `json:"assignmentFilter"`
	// ApplyUnsupported answers $apply with 501.
	ApplyUnsupported bool `json:"applyUnsupported"`
	// RightAllotments serves usageRights/{id}/allotments, which only the
	// metadata knows.
	RightAllotments bool `json:"rightAllotments"`
	// MyAssignments serves the list /me/cloudLicensing/assignments, which no
	// page has, with the permissions of Microsoft's list.
	MyAssignments bool `json:"myAssignments"`
	// ReprocessOK answers reprocessAssignments with 200 instead of 204.
	ReprocessOK bool `json:"reprocessOK"`
	// OmitCreatedID leaves the id out of the answer to a new assignment of a
	// person, group or device, as the samples do.
	OmitCreatedID bool `json:"omitCreatedID"`
	// GroupEffects is the time until a change of a group's assignments takes effect for
	// the members; 0 = five seconds, [Immediately] = none. Until then, and in
	// any case until the clock has moved on, licenseProcessingState is
	// ProcessingInProgress.
	GroupEffects time.Duration `json:"groupEffects"`
	// ReplicationLag is the time until a change is seen: a read returns the state
	// before the first change within this time, as from a replica.
	// The first change copies the tenant, which is slow in a large one.
	ReplicationLag time.Duration `json:"replicationLag"`
	// LostUpdates is the time after a change of a group's licenses by
	// assignLicense in which another change does not see it, and undoes it; 0 =
	// no change is lost.
	LostUpdates time.Duration `json:"lostUpdates"`
	// ReprocessListed also serves reprocessAssignments of groups, of me and, with
	// Devices, of devices, which Microsoft's list of permissions alone has. They
	// require the permissions of that list.
	ReprocessListed bool `json:"reprocessListed"`
	// Devices serves those endpoints of cloudLicensing of devices that have a page. The
	// metadata lacks them.
	Devices bool `json:"devices"`
	// DevicesListed also serves those endpoints of devices that Microsoft's list of permissions alone has:
	// lists of assignments, single entities and the relations of these, PATCH and DELETE.
	// They require the permissions of that list.
	DevicesListed bool `json:"devicesListed"`
	// GroupsByAge allows filters of groups by createdDateTime with ge and le in an
	// advanced query, as in the table of filters; a sample of the same page
	// shows it refused.
	GroupsByAge bool `json:"groupsByAge"`
	// PersonalDetails refuses licenseDetails to applications, as on its page.
	PersonalDetails bool `json:"personalDetails"`
	// PlainAgents shows the accounts of agents as users, not as the derived type.
	PlainAgents bool `json:"plainAgents"`
	// Permissions is the source of the permissions of cloudLicensing: "" = the
	// reference pages or Microsoft's list of permissions; "pages"
	// alone; "list" alone, which has no CloudLicensing permission.
	Permissions string `json:"permissions"`
	// RefuseHiddenFilters answers 403 to a filter or search by a property that the
	// caller's basic permissions do not read. Otherwise the answer is
	// empty, as on the page of $filter.
	RefuseHiddenFilters bool `json:"refuseHiddenFilters"`
	// RawParts is the share, 0 to 1, of batches with a part whose body stands in the
	// answer as a page of HTML, unquoted, so that the whole is no JSON; spread
	// evenly.
	RawParts float64 `json:"rawParts"`
	// EmptyPartCodes leaves the error code of parts of a batch empty that answer
	// 403, as a sample of the batching page does.
	EmptyPartCodes bool `json:"emptyPartCodes"`
	// Throttling is how much is taken before the answer is 429; the zero value
	// is the published limits.
	Throttling Throttling `json:"throttling"`
	// UsageRightFailures is the share, 0 to 1, of usage right reads that
	// answer 500, spread evenly.
	UsageRightFailures float64 `json:"usageRightFailures"`
	// OnBehalfOf is what stands in the way of the on-behalf-of grant:
	// "" = nothing. With interaction_required and the claims to ask the person
	// for are answered "mfa" = AADSTS50076, "enroll" = 50079 and "policy" =
	// 53003; with invalid_grant "consent" = 65001.
	OnBehalfOf string `json:"onBehalfOf"`
	// Roles are the application roles that new tokens carry; nil = all that
	// the endpoints need.
	Roles []string `json:"roles"`
}

// Immediately, as GroupEffects, is no delay at all.
const Immediately time.Duration = -1

// HaveDevices reports whether devices have cloudLicensing.
func (v *Variants) HaveDevices() bool { return v.Devices || v.DevicesListed }

// EffectDelay is the time of GroupEffects, with its default.
func (v *Variants) EffectDelay() time.Duration {
	switch v.GroupEffects {
	case 0:
		return 5 * time.Second
	case Immediately:
		return 0
	}
	return v.GroupEffects
}

// variantValues are the values of variants that are texts, besides "".
var variantValues = map[string][]string{
	"expandErrors":      {"none", "assignedTo", "both", "ignore"},
	"cloudLicensing":    {"forbidden", "missing"},
	"permissions":       {"pages", "list"},
	"missingUsageRight": {"notFound", "null"},
	"onBehalfOf":        {"mfa", "enroll", "policy", "consent"},
}

// maxNumber keeps sums of numbers in range.
const maxNumber = 1_000_000_000

// MarshalJSON writes all variants, durations as text.
func (v Variants) MarshalJSON() ([]byte, error) {
	return json.Marshal(maps.Collect(Fields(&v)))
}

// UnmarshalJSON reads what [Variants.MarshalJSON] writes. Variants that are not
// named stay as they are, null is the default. A name or a value that does not
// exist is an error that lists those that do, and nothing changes.
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

// Set reads one variant as a flag has it, such as expandErrors=both, nullError
// alone for nullError=true, throttling=off or throttling.writes=10; or several as a
// JSON object.
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

// validate returns an error about the first wrong variant: a text that is no value of its variant, a share that
// is not between 0 and 1, a negative number or time.
func validate(v any, path string) error {
	for name, field := range Fields(v) {
		name = join(path, name)
		switch p := field.(type) {
		case *Duration:
			if d := time.Duration(*p); d < 0 && d != Immediately || d > clock.MaxAhead {
				return Wrong(name, "it is negative, or longer than a hundred years")
			}
		case *int:
			if *p < 0 || *p > maxNumber {
				return Wrong(name, "it is negative, or more than %d", maxNumber)
			}
		case *float64:
			if !(*p >= 0 && *p <= 1) {
				return Wrong(name, "it is a share between 0 and 1")
			}
		case *string:
			if values := variantValues[name]; *p != "" && values != nil && !slices.Contains(values, *p) {
				return Wrong(name, `it is "" or one of %s`, strings.Join(values, ", "))
			}
		case *Throttling:
			if err := validate(p, name); err != nil {
				return err
			}
		}
	}
	return nil
}
