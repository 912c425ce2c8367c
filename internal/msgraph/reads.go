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

// Pages of lists.
var (
	// ListUsers reads a page of the tenant's users. Permission: User.Read.All.
	ListUsers = paged("users", "User", nil, directoryPage, (*Batch).listUsers)
	// ListGroups reads a page of the tenant's groups. Permission: GroupMember.Read.All.
	ListGroups = paged("groups", "Group", nil, directoryPage, (*Batch).listGroups)
	// ListMembers reads a page of the direct members of a group. Permissions: GroupMember.Read.All, and the permissions
	// to read the members. Without the latter, members have only their IDs.
	ListMembers = paged("members of a group", "DirectoryObject", nil, directoryPage, (*Batch).listMembers)
	// ListMembersWithLicenseErrors reads a page of the members of a group with license errors. Permissions:
	// GroupMember.Read.All and User.Read.All.
	ListMembersWithLicenseErrors = paged("members of a group with license errors", "User", nil, upstream.Cost{PageSize: maxLicenseErrorsTop}, (*Batch).listMembersWithLicenseErrors)
	// ListAssignmentErrors reads a page of the assignment errors of the tenant or of a user. It selects all properties:
	// they are few, and another operation, which selects others, may read a later page. Permission:
	// CloudLicensing.Read.All.
	ListAssignmentErrors = licensingList(assignmentErrorsEndpoint, paged("assignment errors", "AssignmentError", ofError, licensingPage, (*Batch).listAssignmentErrors))
	// ListAssignments reads a page of the assignments of the tenant. Permission: CloudLicensing.Read.All.
	ListAssignments = licensingList(assignmentsEndpoint, paged("assignments", "Assignment", ofAssignment, licensingPage, (*Batch).listAssignments))
	// ListAssignmentsOfAllotment reads a page of the assignments of an allotment. Permission: CloudLicensing.Read.All.
	ListAssignmentsOfAllotment = licensingList(assignmentsOfAllotmentEndpoint, paged("assignments of an allotment", "Assignment", []string{"assignedTo"}, licensingPage, (*Batch).listAssignments))
	// ListWaitingMembers reads a page of the waiting members of an allotment. Permission: CloudLicensing.Read.All.
	ListWaitingMembers = licensingList(waitingMembersOfAllotmentEndpoint, paged("waiting members of an allotment", "WaitingMember", []string{"assignedTo"}, licensingPage, (*Batch).listWaitingMembers))
)

// Whole lists of the tenant, and the signed-in user.
var (
	// AllAllotments reads the allotments of the tenant. Permission: CloudLicensing.Read.All.
	AllAllotments = sole("allotments", "Allotment", (*Batch).allAllotments)
	// AllSubscribedSkus reads the products that the tenant subscribes to; the endpoint supports neither paging nor
	// $filter. Permission: LicenseAssignment.Read.All.
	AllSubscribedSkus = sole("subscribed SKUs", "SubscribedSku", (*Batch).allSubscribedSkus)
	// Me reads the signed-in user. It is an error for an application. Permission: User.Read.
	Me = sole("signed-in user", "User", (*Batch).me)
)

// Objects by ID.
var (
	// UsersByID reads users. Permission: User.Read.All.
	UsersByID = keyed("users by ID", "User", nil, byValue, (*Batch).usersByID)
	// UsersByPrincipalName reads users by user principal name. Permission: User.Read.All.
	UsersByPrincipalName = keyed("users by principal name", "User", nil, byValue, (*Batch).usersByPrincipalName)
	// GroupsByID reads groups. Permissions: GroupMember.Read.All, and Directory.Read.All for several groups.
	GroupsByID = keyed("groups by ID", "Group", nil, byIDsAtOnce, (*Batch).groupsByID)
	// DevicesByID reads devices. Permission: Directory.Read.All.
	DevicesByID = keyed("devices by ID", "Device", nil, byIDsAtOnce, (*Batch).devicesByID)
	// DirectoryObjectsByID reads directory objects of any type. Permission: Directory.Read.All.
	DirectoryObjectsByID = keyed("directory objects by ID", "DirectoryObject", nil, byIDsAtOnce, (*Batch).directoryObjectsByID)
	// AllotmentsByID reads allotments. Permission: CloudLicensing.Read.All.
	AllotmentsByID = keyed("allotments by ID", "Allotment", nil, apiece, (*Batch).allotmentsByID)
	// AssignmentsByID reads assignments. Permission: CloudLicensing.Read.All.
	AssignmentsByID = keyed("assignments by ID", "Assignment", ofAssignment, apiece, (*Batch).assignmentsByID)
	// AssignmentErrorsByID reads assignment errors. Permission: CloudLicensing.Read.All.
	AssignmentErrorsByID = keyed("assignment errors by ID", "AssignmentError", ofError, apiece, (*Batch).assignmentErrorsByID)
	// UsageRightsByID reads usage rights by holder and ID. If the type of the holder is unknown, it tries users and
	// groups concurrently. Permissions: User-UsageRight.Read.All and Group-UsageRight.Read.All.
	UsageRightsByID = keyed("usage rights by ID", "UsageRight", ofRight, apiece, (*Batch).usageRightsByID)
)

// Relations of objects, in full, by ID.
var (
	// AssigneesOfErrors reads the assignees of assignment errors. Permission: CloudLicensing.Read.All.
	AssigneesOfErrors = keyed("assignees of errors", "User", nil, apiece, (*Batch).assigneesOfErrors)
	// UsageRightsOfErrors reads the usage rights of assignment errors; nil if there is none. Permission:
	// CloudLicensing.Read.All.
	UsageRightsOfErrors = keyed("usage rights of errors", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfErrors)
	// AssignmentErrorsOfUsers reads the assignment errors of users. Permission: CloudLicensing.Read.All.
	AssignmentErrorsOfUsers = keyed("assignment errors of users", "AssignmentError", []string{"usageRight"}, apiece, (*Batch).assignmentErrorsOfUsers)
	// AssignmentsOfUsers reads the direct assignments of users. Permission: CloudLicensing.Read.All.
	AssignmentsOfUsers = keyed("assignments of users", "Assignment", []string{"allotment"}, apiece, (*Batch).assignmentsOfUsers)
	// AssignmentsOfGroups reads the assignments of groups. Permission: CloudLicensing.Read.All.
	AssignmentsOfGroups = keyed("assignments of groups", "Assignment", []string{"allotment"}, apiece, (*Batch).assignmentsOfGroups)
	// UsageRightsOfUsers reads the usage rights of users. Permission: User-UsageRight.Read.All.
	UsageRightsOfUsers = keyed("usage rights of users", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfUsers)
	// UsageRightsOfGroups reads the usage rights that all direct members of groups have. Permission:
	// Group-UsageRight.Read.All.
	UsageRightsOfGroups = keyed("usage rights of groups", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfGroups)
	// UsageRightsOfDevices reads the usage rights of devices. Permission: CloudLicensing-UsageRights.Read.All.
	UsageRightsOfDevices = keyed("usage rights of devices", "UsageRight", ofRight, apiece, (*Batch).usageRightsOfDevices)
	// WaitingMembersOfUsers reads the waiting memberships of users. Permission: CloudLicensing.Read.All.
	WaitingMembersOfUsers = keyed("waiting members of users", "WaitingMember", []string{"allotment"}, apiece, (*Batch).waitingMembersOfUsers)
	// WaitingMembersOfDevices reads the waiting memberships of devices. Permission: Device-CloudLicensing.Read.All.
	WaitingMembersOfDevices = keyed("waiting members of devices", "WaitingMember", []string{"allotment"}, apiece, (*Batch).waitingMembersOfDevices)
	// LicenseDetailsOfUsers reads the license details of users, with service plans; the endpoint does not support
	// paging. Permission: User.Read.All.
	LicenseDetailsOfUsers = keyed("license details of users", "LicenseDetails", nil, apiece, (*Batch).licenseDetailsOfUsers)
)

// wrapped is a *Batch or a type that embeds one.
type wrapped interface{ batch() *Batch }

func (b *Batch) batch() *Batch { return b }

// keyed returns a read with keys.
func keyed[K comparable, V any](name, typeName string, relations []string, cost upstream.Cost, add func(*Batch, []K, upstream.Ask, func(K, V, error))) upstream.Read[K, V] {
	return upstream.Read[K, V]{
		Name: name, Type: typeName, Relations: relations, Cost: cost,
		Add: func(b upstream.Batch, keys []K, ask upstream.Ask, found func(K, V, error)) {
			add(b.(wrapped).batch(), keys, ask, found)
		},
	}
}

// paged returns a read of a page of a list.
func paged[T any](name, typeName string, relations []string, cost upstream.Cost, add func(*Batch, upstream.Query, upstream.Ask, func(upstream.Page[T], error))) upstream.Read[upstream.Query, upstream.Page[T]] {
	return keyed(name, typeName, relations, cost, func(b *Batch, queries []upstream.Query, ask upstream.Ask, found func(upstream.Query, upstream.Page[T], error)) {
		for _, q := range queries {
			add(b, q, ask, func(page upstream.Page[T], err error) { found(q, page, err) })
		}
	})
}

// licensingList sets the endpoint of a list whose largest page is not documented.
func licensingList[K comparable, V any](endpoint string, read upstream.Read[K, V]) upstream.Read[K, V] {
	read.List = endpoint
	return read
}

// sole returns a read of a resource that a tenant has once.
func sole[V any](name, typeName string, add func(*Batch, upstream.Ask, func(V, error))) upstream.Read[upstream.Tenant, V] {
	return keyed(name, typeName, nil, upstream.Cost{Once: true}, func(b *Batch, _ []upstream.Tenant, ask upstream.Ask, found func(upstream.Tenant, V, error)) {
		add(b, ask, func(value V, err error) { found(upstream.Tenant{}, value, err) })
	})
}
