package upstream

import "time"

// Query selects one page of a list. Equal queries have equal results.
type Query struct {
	// Of is the ID of the object that has the list; empty for a list of the tenant.
	Of string
	// Link is the next link of an earlier page and determines the request; the other fields then describe the request
	// for that page.
	Link string
	// Top is the requested number of elements; Microsoft Graph may send fewer.
	Top int
	// Count requests the number of elements in the whole list, where Microsoft Graph supports it. With Link, it reports
	// whether the earlier request had it.
	Count bool
	// Filter selects elements and OrderBy sorts them, where Microsoft Graph supports it.
	Filter  Filter
	OrderBy Order
	// Shown are the comma-separated properties that Link selects.
	Shown string
	// Again distinguishes repeated reads of the same page.
	Again int
}

// Filter selects elements of a list. All conditions apply; a zero field is no condition.
type Filter struct {
	// SkuID is the product of an assignment error, or a product assigned to a user or a group.
	SkuID string
	// SkuIDs are several products of an assignment error, comma-separated. Where Microsoft Graph rejects them, the list
	// has the errors of all products.
	SkuIDs string
	// AssignedTo is the ID of the user with an assignment error.
	AssignedTo string
	// DisplayNamePrefix is the prefix of a user's or group's display name, ignoring case.
	DisplayNamePrefix string
	// Licensed selects users or groups with any license, or without.
	Licensed Choice
	// ServicePlanID is a service plan that users can use.
	ServicePlanID string
	// Properties of users.
	AccountEnabled, OnPremisesSynced, HasUsageLocation                            Choice
	UserType, UsageLocation, Department, CompanyName, City, Country, EmployeeType string
	// CreatedFrom and CreatedUntil are the first and the last time of creation.
	CreatedFrom, CreatedUntil time.Time
	// Search are the words of a search of users or groups, in lower case, separated by blanks.
	Search string
	// InactiveSince is the latest last sign-in of users. Microsoft Graph combines it with no other condition.
	InactiveSince time.Time
	// ReconciliationNeeded selects users whose mailbox waits for a license.
	ReconciliationNeeded bool
	// WithLicenseErrors selects groups with members that have license errors.
	WithLicenseErrors bool
}

// Choice is a condition on a Boolean property. The zero value is no condition.
type Choice int8

// The conditions.
const (
	No Choice = iota + 1
	Yes
)

// ChoiceOf returns the condition of an optional Boolean.
func ChoiceOf(b *bool) Choice {
	switch {
	case b == nil:
		return 0
	case *b:
		return Yes
	}
	return No
}

// Order is the sort order of a list of users or groups. The zero value is Microsoft Graph's order.
type Order struct {
	// By is the property to sort by, such as displayName.
	By         string
	Descending bool
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	// Next is the next link; empty on the last page. An empty page can have a next link.
	Next string
	// Count is the number of elements in the whole list; nil if Microsoft Graph did not send it.
	Count *int
	// Uncounted is the reason why Count could not be read; nil if it could or was not sent.
	Uncounted error
	// IDs are the IDs of all elements in the response, including those left out of Items.
	IDs []string
	// LeftOut is the number of elements left out because they are null or have no valid ID.
	LeftOut int
	// Unusable is the reason why one of them could not be read; nil if all were null.
	Unusable error
}
