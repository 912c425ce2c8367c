package msgraph

import "licensegraph/internal/upstream"

var (
	licensingPage = upstream.Cost{PageSize: maxCloudLicensingTop}
	directoryPage = upstream.Cost{PageSize: maxDirectoryTop}
	apiece        = upstream.Cost{}
	byValue       = upstream.Cost{Shared: inValues}
	byIDsAtOnce   = upstream.Cost{Shared: idsAtOnce}

	ofError      = []string{"assignedTo", "usageRight"}
	ofAssignment = []string{"assignedTo", "allotment"}
	ofRight      = []string{"assignments", "allotments"}
)

// One page of a list.
var (
	// ListUsers reads a page of the tenant's users. Needs User.Read.All.
	ListUsers = paged("users", "User", nil, directoryPage, (*Batch).listUsers)
	// ListGroups reads a page of the tenant's groups. Needs GroupMember.Read.All.
	ListGroups = paged("groups", "Group", nil, directoryPage, (*Batch).listGroups)
	// ListMembers reads a page of the direct members of a group. Needs GroupMember.Read.All, and what it takes to read the
	// members: without that they come with their ids only.
	ListMembers = paged("members of a group", "DirectoryObject", nil, directoryPage, (*Batch).listMembers)
	// ListMembersWithLicenseErrors reads a page of the members of a group to whom a license of the group could not be
	// given. Needs GroupMember.Read.All and User.Read.All.
	ListMembersWithLicenseErrors = paged("members of a group with license errors", "User", nil, upstream.Cost{PageSize: maxLicenseErrorsTop}, (*Batch).listMembersWithLicenseErrors)
	// ListAssignmentErrors reads a page of the assignment errors of the tenant or of a user, with all their properties:
	// they are few, and a later page may be read for an operation that selects others. Needs CloudLicensing.Read.All.
	ListAssignmentErrors = paged("assignment errors", "AssignmentError", ofError, licensingPage, (*Batch).listAssignmentErrors)
	// ListAssignments reads a page of the assignments of the tenant. Needs CloudLicensing.Read.All.
	ListAssignments = paged("assignments", "Assignment", ofAssignment, licensingPage, (*Batch).listAssignments)
	// ListAssignmentsOfAllotment reads a page of the assignments of an allotment. Needs CloudLicensing.Read.All.
	ListAssignmentsOfAllotment = paged("assignments of an allotment", "Assignment", []string{"assignedTo"}, licensingPage, (*Batch).listAssignments)
	// ListWaitingMembers reads a page of those who wait for a unit of an allotment. Needs CloudLicensing.Read.All.
	ListWaitingMembers = paged("waiting members of an allotment", "WaitingMember", []string{"assignedTo"}, licensingPage, (*Batch).listWaitingMembers)
)

// A whole list of the tenant, or the one object of its kind.
var (
	// AllAllotments reads the allotments of the tenant. Needs CloudLicensing.Read.All.
	AllAllotments = sole("allotments", "Allotment", (*Batch).allAllotments)
	// AllSubscribedSkus reads the products that the tenant is subscribed to: the service neither pages nor filters them.
	// Needs LicenseAssignment.Read.All.
	AllSubscribedSkus = sole("subscribed SKUs", "SubscribedSku", (*Batch).allSubscribedSkus)
	// Me reads the person who has signed in. An application is nobody. Needs User.Read.
	Me = sole("the person who asks", "User", (*Batch).me)
)

// Objects by their ids.
var (
	// UsersByID reads users. Needs User.Read.All.
	UsersByID = keyed("users by ID", "User", nil, byValue, (*Batch).usersByID)
	// UsersByPrincipalName reads users by their sign-in names. Needs User.Read.All.
	UsersByPrincipalName = keyed("users by sign-in name", "User", nil, byValue, (*Batch).usersByPrincipalName)
	// GroupsByID reads groups. Needs GroupMember.Read.All, and Directory.Read.All for several.
	GroupsByID = keyed("groups by ID", "Group", nil, byIDsAtOnce, (*Batch).groupsByID)
	// DevicesByID reads devices. Needs Directory.Read.All.
	DevicesByID = keyed("devices by ID", "Device", nil, byIDsAtOnce, (*Batch).devicesByID)
	// DirectoryObjectsByID reads objects of any kind. Needs Directory.Read.All.
	DirectoryObjectsByID = keyed("directory objects by ID", "DirectoryObject", nil, byIDsAtOnce, (*Batch).directoryObjectsByID)
	// AllotmentsByID reads allotments. Needs CloudLicensing.Read.All.
	AllotmentsByID = keyed("allotments by ID", "Allotment", nil, apiece, (*Batch).allotmentsByID)
	// AssignmentsByID reads assignments. Needs CloudLicensing.Read.All.
	AssignmentsByID = keyed("assignments by ID", "Assignment", ofAssignment, apiece, (*Batch).assignmentsByID)
	// AssignmentErrorsByID reads assignment errors. Needs CloudLicensing.Read.All.
	AssignmentErrorsByID = keyed("assignment errors by ID", "AssignmentError", ofError, apiece, (*Batch).assignmentErrorsByID)
	// UsageRightsByID reads usage rights by holder and id. Where nobody said whether the holder is a user or a group, both
	// are tried at once. Needs User-UsageRight.Read.All and Group-UsageRight.Read.All.
	UsageRightsByID = keyed("usage rights by ID", "UsageRight", ofRight, apiece, (*Batch).usageRightsByID)
)

// What belongs to objects, whole, by their ids.
var (
	// AssigneesOfErrors reads the assignees of assignment errors. Needs CloudLicensing.Read.All.
	AssigneesOfErrors = keyed("assignees of errors", "User", nil, apiece, (*Batch).assigneesOfErrors)
	// UsageRightsOfErrors reads what the assignees of errors can still use; nil where there is nothing. Needs
	// CloudLicensing.Read.All.
	UsageRightsOfErrors = keyed("usage rights of errors", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfErrors)
	// AssignmentErrorsOfUsers reads the assignment errors of users. Needs CloudLicensing.Read.All.
	AssignmentErrorsOfUsers = keyed("assignment errors of users", "AssignmentError", []string{"usageRight"}, apiece, (*Batch).assignmentErrorsOfUsers)
	// AssignmentsOfUsers reads the assignments of users. Needs CloudLicensing.Read.All.
	AssignmentsOfUsers = keyed("assignments of users", "Assignment", []string{"allotment"}, apiece, (*Batch).assignmentsOfUsers)
	// AssignmentsOfGroups reads the assignments of groups. Needs CloudLicensing.Read.All.
	AssignmentsOfGroups = keyed("assignments of groups", "Assignment", []string{"allotment"}, apiece, (*Batch).assignmentsOfGroups)
	// UsageRightsOfUsers reads the usage rights of users. Needs User-UsageRight.Read.All.
	UsageRightsOfUsers = keyed("usage rights of users", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfUsers)
	// UsageRightsOfGroups reads the usage rights that all direct members of groups hold. Needs Group-UsageRight.Read.All.
	UsageRightsOfGroups = keyed("usage rights of groups", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfGroups)
	// UsageRightsOfDevices reads the usage rights of devices. Needs CloudLicensing-UsageRights.Read.All.
	UsageRightsOfDevices = keyed("usage rights of devices", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfDevices)
	// WaitingMembersOfUsers reads what users wait for. Needs CloudLicensing.Read.All.
	WaitingMembersOfUsers = keyed("waiting members of users", "WaitingMember", []string{"allotment"}, apiece, (*Batch).waitingMembersOfUsers)
	// WaitingMembersOfDevices reads what devices wait for. Needs Device-CloudLicensing.Read.All.
	WaitingMembersOfDevices = keyed("waiting members of devices", "WaitingMember", []string{"allotment"}, apiece, (*Batch).waitingMembersOfDevices)
	// LicenseDetailsOfUsers reads the products that users have, with their service plans; the service does not page them.
	// Needs User.Read.All.
	LicenseDetailsOfUsers = keyed("license details of users", "LicenseDetails", nil, apiece, (*Batch).licenseDetailsOfUsers)
)

// wrapped is a batch, or a type that embeds one.
type wrapped interface{ batch() *Batch }

func (b *Batch) batch() *Batch { return b }

// keyed is a read of what has keys.
func keyed[K comparable, V any](name, typeName string, relations []string, cost upstream.Cost, add func(*Batch, []K, upstream.Ask, func(K, V, error))) upstream.Read[K, V] {
	return upstream.Read[K, V]{
		Name: name, Type: typeName, Relations: relations, Cost: cost,
		Add: func(b upstream.Batch, keys []K, ask upstream.Ask, found func(K, V, error)) {
			add(b.(wrapped).batch(), keys, ask, found)
		},
	}
}

// paged is the read of a page of a list.
func paged[T any](name, typeName string, relations []string, cost upstream.Cost, add func(*Batch, upstream.Query, upstream.Ask, func(upstream.Page[T], error))) upstream.Read[upstream.Query, upstream.Page[T]] {
	return keyed(name, typeName, relations, cost, func(b *Batch, queries []upstream.Query, ask upstream.Ask, found func(upstream.Query, upstream.Page[T], error)) {
		for _, q := range queries {
			add(b, q, ask, func(page upstream.Page[T], err error) { found(q, page, err) })
		}
	})
}

// sole is the read of what a tenant has only one of.
func sole[V any](name, typeName string, add func(*Batch, upstream.Ask, func(V, error))) upstream.Read[upstream.Tenant, V] {
	return keyed(name, typeName, nil, upstream.Cost{Once: true}, func(b *Batch, _ []upstream.Tenant, ask upstream.Ask, found func(upstream.Tenant, V, error)) {
		add(b, ask, func(value V, err error) { found(upstream.Tenant{}, value, err) })
	})
}
