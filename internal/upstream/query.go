package upstream

// Query asks for one page of a list. Two queries that are equal have the same answer.
type Query struct {
	// Of is the id of the object whose list it is; empty for a list of the tenant.
	Of string
	// Link continues an earlier page, with what was asked of that; the other fields then only say what it was.
	Link string
	// Top is the number of elements wanted; the service may send fewer.
	Top int
	// Count asks for the number of elements in the whole list, where the service can count, or says that the page which
	// Link continues has asked.
	Count bool
	// Filter leaves out elements, and OrderBy says how they are ordered, where the service can.
	Filter  Filter
	OrderBy Order
	// Shown are the properties that a later page shows, joined with commas: the link fixes them.
	Shown string
	// Again tells a page that is read once more from the same page read before.
	Again int
}

// Filter says which elements of a list are wanted. All conditions have to hold; the zero value of each has none.
type Filter struct {
	// SkuID is the product of an assignment error, or one of the products that a user or a group has.
	SkuID string
	// AssignedTo is the id of the user whom an assignment error concerns.
	AssignedTo string
	// DisplayNamePrefix is what the name of a user or group begins with, without regard to case.
	DisplayNamePrefix string
	// Licensed and Unlicensed tell users with any license from those without.
	Licensed, Unlicensed bool
	// WithLicenseErrors are groups with members to whom a license could not be given.
	WithLicenseErrors bool
}

// Order says how a list of users or groups is ordered. The zero value leaves that to the service.
type Order struct {
	// By is a property, such as displayName.
	By         string
	Descending bool
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	// Next continues the list; empty at its end. A page may be empty and still have a next one.
	Next string
	// Count is the number of elements in the whole list; nil when the service did not say.
	Count *int
	// Uncounted is why that number cannot be read; nil when it can, and when the service did not say it.
	Uncounted error
	// IDs are those of all elements that the service sent, whatever is left of them in Items.
	IDs []string
	// LeftOut is how many elements are left out, since they are null or have no ID that can be used.
	LeftOut int
	// Unusable is why one of them could not be read; nil when all of them were null.
	Unusable error
}
