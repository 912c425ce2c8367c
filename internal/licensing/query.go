package licensing

// ListQuery asks for one page of a list.
type ListQuery struct {
	// Link continues an earlier page, with what was asked of that; the other fields then only say what it was.
	Link string
	// Top is the number of elements wanted; the service may send fewer.
	Top int
	// Properties are the properties to read of each element.
	Properties []string
	// Expand are the relations to read along with each element, where the service can.
	Expand []string
	// SkuID keeps elements of this product only.
	SkuID *GUID
}

// Page is one page of a list.
type Page[T any] struct {
	Items []T
	// Next continues the list; empty at its end. A page may be empty and still have a next one.
	Next string
}

// Reference is a directory object as far as an answer showed it.
type Reference struct {
	Object DirectoryObject
	// Properties are the properties that were shown, null or not.
	Properties map[string]bool
}

// Related is what came along with an assignment error.
type Related struct {
	// AssignedTo is the assignee, nil when it is gone, if HasAssignedTo tells that it came along.
	AssignedTo    *Reference
	HasAssignedTo bool
	// UsageRight is the right, nil when there is none, if HasUsageRight tells that it came along, with the
	// properties that were shown of it.
	UsageRight      *UsageRight
	HasUsageRight   bool
	RightProperties map[string]bool
}

// UsageRightKey identifies a usage right, which is addressable only under its holder.
type UsageRightKey struct{ HolderID, ID string }
