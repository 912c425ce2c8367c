// Package loaders gathers what the resolvers of one GraphQL operation look up and reads it from Microsoft
// Graph in as few requests as the service allows. It belongs to one operation of one caller and is
// thrown away with it: nothing that it holds reaches another caller.
//
// Get never waits: it returns a value, or [ErrBlocked] and keeps in mind what was asked for. A round reads all of that
// through dataloaders and as one [Batch], so that look-ups of different kinds share a request. What is sequential code
// over Get can be run again after each round, until nothing blocks it.
package loaders

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"licensegraph/internal/licensing"
)

// Source is Microsoft Graph as one operation sees it.
type Source interface {
	// Batch returns an empty set of reads.
	Batch() Batch
}

// Batch is a set of reads that travel together. Each method adds reads; Do sends them all and hands each
// result to the function that came with its read, one after the other. What the service does not have is
// handed over as an error that wraps [licensing.ErrNotFound], or not at all.
//
// Properties are those to read of each object, its id always; expand are the relations to send along with
// each, where the service can.
type Batch interface {
	// Do reads everything that was added. It ends when its context does.
	Do(context.Context)

	// One page of a list.
	ListUsers(q licensing.ListQuery, properties []string, found func(licensing.Page[*licensing.User], error))
	ListGroups(q licensing.ListQuery, properties []string, found func(licensing.Page[*licensing.Group], error))
	ListMembers(q licensing.ListQuery, properties []string, found func(licensing.Page[*licensing.Reference], error))
	ListMembersWithLicenseErrors(q licensing.ListQuery, properties []string, found func(licensing.Page[*licensing.Reference], error))
	ListAssignmentErrors(q licensing.ListQuery, expand []string, found func(licensing.Page[*licensing.AssignmentError], error))
	ListAssignments(q licensing.ListQuery, expand []string, found func(licensing.Page[*licensing.Assignment], error))
	ListWaitingMembers(q licensing.ListQuery, expand []string, found func(licensing.Page[*licensing.WaitingMember], error))

	// A whole list.
	Allotments(properties []string, found func(allotments []*licensing.Allotment, err error))
	SubscribedSkus(properties []string, found func(skus []*licensing.SubscribedSku, err error))

	// Objects by their ids.
	Me(properties []string, found func(user *licensing.User, err error))
	Users(ids, properties []string, found func(id string, user *licensing.User, err error))
	UsersByPrincipalName(names, properties []string, found func(name string, user *licensing.User, err error))
	Groups(ids, properties []string, found func(id string, group *licensing.Group, err error))
	Devices(ids, properties []string, found func(id string, device *licensing.Device, err error))
	DirectoryObjects(ids, properties []string, found func(id string, object *licensing.Reference, err error))
	Allotment(id string, properties []string, found func(allotment *licensing.Allotment, err error))
	Assignments(ids, expand []string, found func(id string, assignment *licensing.Assignment, err error))
	AssignmentErrors(ids, properties, expand []string, found func(id string, e *licensing.AssignmentError, err error))
	UsageRights(keys []licensing.UsageRightKey, properties, expand []string, found func(key licensing.UsageRightKey, right *licensing.UsageRight, err error))

	// What belongs to objects, whole, by their ids.
	AssigneesOfErrors(ids, properties []string, found func(id string, assignee *licensing.Reference, err error))
	UsageRightsOfErrors(ids, properties, expand []string, found func(id string, right *licensing.UsageRight, err error))
	AssignmentErrorsOfUsers(ids, properties, expand []string, found func(id string, errs []*licensing.AssignmentError, err error))
	AssignmentsOfUsers(ids, expand []string, found func(id string, assignments []*licensing.Assignment, err error))
	AssignmentsOfGroups(ids, expand []string, found func(id string, assignments []*licensing.Assignment, err error))
	UsageRightsOfUsers(keys []licensing.UsageRightsKey, properties, expand []string, found func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error))
	UsageRightsOfGroups(keys []licensing.UsageRightsKey, properties, expand []string, found func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error))
	UsageRightsOfDevices(keys []licensing.UsageRightsKey, properties, expand []string, found func(key licensing.UsageRightsKey, rights []*licensing.UsageRight, err error))
	WaitingMembersOfUsers(ids, expand []string, found func(id string, members []*licensing.WaitingMember, err error))
	WaitingMembersOfDevices(ids, expand []string, found func(id string, members []*licensing.WaitingMember, err error))
	LicenseDetailsOfUsers(ids, properties []string, found func(id string, details []*licensing.LicenseDetails, err error))
}

// Properties tells which of its properties an operation needs of an upstream type, such as "User".
type Properties func(typeName string) []string

// Loaders are the look-ups of one operation, named by what they return and by their key.
type Loaders struct {
	UsersByQuery                    *Loader[licensing.ListQuery, licensing.Page[*licensing.User]]
	GroupsByQuery                   *Loader[licensing.ListQuery, licensing.Page[*licensing.Group]]
	MembersByQuery                  *Loader[licensing.ListQuery, licensing.Page[*licensing.Reference]]
	MembersWithLicenseErrorsByQuery *Loader[licensing.ListQuery, licensing.Page[*licensing.Reference]]
	AssignmentErrorsByQuery         *Loader[licensing.ListQuery, licensing.Page[*licensing.AssignmentError]]
	AssignmentsByQuery              *Loader[licensing.ListQuery, licensing.Page[*licensing.Assignment]]
	WaitingMembersByQuery           *Loader[licensing.ListQuery, licensing.Page[*licensing.WaitingMember]]

	Me                        *Loader[TenantKey, *licensing.User]
	UserByID                  *Loader[string, *licensing.User]
	UserByPrincipalName       *Loader[string, *licensing.User]
	LicenseStatesByUserID     *Loader[string, []*licensing.LicenseAssignmentState]
	LicenseDetailsByUserID    *Loader[string, []*licensing.LicenseDetails]
	AssignmentErrorsByUserID  *Loader[string, []*licensing.AssignmentError]
	AssignmentsByUserID       *Loader[string, []*licensing.Assignment]
	WaitingMembersByUserID    *Loader[string, []*licensing.WaitingMember]
	UsageRightsByUserID       *Loader[licensing.UsageRightsKey, []*licensing.UsageRight]
	GroupByID                 *Loader[string, *licensing.Group]
	AssignmentsByGroupID      *Loader[string, []*licensing.Assignment]
	UsageRightsByGroupID      *Loader[licensing.UsageRightsKey, []*licensing.UsageRight]
	DeviceByID                *Loader[string, *licensing.Device]
	UsageRightsByDeviceID     *Loader[licensing.UsageRightsKey, []*licensing.UsageRight]
	WaitingMembersByDeviceID  *Loader[string, []*licensing.WaitingMember]
	DirectoryObjectByID       *Loader[string, *licensing.Reference]
	AssignmentErrorByID       *Loader[string, *licensing.AssignmentError]
	AssigneeByErrorID         *Loader[string, *licensing.Reference]
	UsageRightByErrorID       *Loader[string, *licensing.UsageRight]
	UsageRightByHolderIDAndID *Loader[licensing.UsageRightKey, *licensing.UsageRight]
	AllotmentByID             *Loader[string, *licensing.Allotment]
	AssignmentByID            *Loader[string, *licensing.Assignment]
	RelatedByAssignmentID     *Loader[string, *licensing.AssignmentRelated]
	Allotments                *Loader[TenantKey, []*licensing.Allotment]
	SubscribedSkus            *Loader[TenantKey, []*licensing.SubscribedSku]

	ctx        context.Context
	source     Source
	properties Properties
	loaders    []loader
	allotments *allotmentsRead

	mu      sync.Mutex // what the loaders know and want
	rounds  sync.Mutex // one at a time
	current *round
	made    atomic.Int64 // rounds
}

// TenantKey is the type of [Tenant].
type TenantKey struct{}

// Tenant is the key of what a tenant has only one of.
var Tenant TenantKey

// New returns loaders that read from a source until ctx ends.
func New(ctx context.Context, source Source, properties Properties) *Loaders {
	l := &Loaders{ctx: ctx, source: source, properties: properties, allotments: &allotmentsRead{}}
	l.addUsers()
	l.addDirectoryObjects()
	l.addAssignmentErrors()
	l.addUsageRights()
	l.addAllotments()
	l.addAssignments()
	l.addWaitingMembers()
	l.addSubscribedSkus()
	return l
}

type contextKey struct{}

// With returns a context that carries the loaders.
func With(ctx context.Context, l *Loaders) context.Context {
	return context.WithValue(ctx, contextKey{}, l)
}

// For returns the loaders that the context carries; nil when it has none.
func For(ctx context.Context) *Loaders {
	l, _ := ctx.Value(contextKey{}).(*Loaders)
	return l
}

// Properties returns what the operation needs of a type.
func (l *Loaders) Properties(typeName string) []string { return l.properties(typeName) }

// needs tells whether the operation needs the property of the type.
func (l *Loaders) needs(typeName, property string) bool {
	return slices.Contains(l.properties(typeName), property)
}
