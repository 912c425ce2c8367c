// Package loaders gathers what the resolvers of one GraphQL operation look up and reads it from Microsoft
// Graph in as few requests as the service allows. It belongs to one operation of one caller and is
// thrown away with it: nothing that it holds reaches another caller.
//
// Every look-up goes through a dataloader. All loaders of an operation share a scheduler: what they have
// gathered when no resolver adds anything more is read as one [Batch], so that look-ups of different kinds
// share a request.
package loaders

import (
	"context"
	"slices"
	"sync"

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

	properties Properties
	scheduler  *scheduler
	allotments *allotmentsRead
	begun      func() // nil unless expected
}

// TenantKey is the type of [Tenant].
type TenantKey struct{}

// Tenant is the key of what a tenant has only one of.
var Tenant TenantKey

// New returns the loaders of the operation that ctx belongs to.
func New(ctx context.Context, source Source, properties Properties) *Loaders {
	s := &scheduler{ctx: ctx, newBatch: source.Batch}
	context.AfterFunc(ctx, s.end)
	l := &Loaders{properties: properties, scheduler: s, allotments: &allotmentsRead{}}
	l.addUsers(s)
	l.addDirectoryObjects(s)
	l.addAssignmentErrors(s)
	l.addUsageRights(s)
	l.addAllotments(s)
	l.addAssignments(s)
	l.addWaitingMembers(s)
	l.addSubscribedSkus(s)
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

// Together runs a function that loads many things, and sends nothing before it returns: so everything that
// it loads travels together.
func (l *Loaders) Together(load func()) {
	l.scheduler.hold(1)
	defer l.scheduler.release()
	load()
}

// Expect announces fields that will be resolved at the same time. Nothing is sent before each has begun.
func (l *Loaders) Expect(fields int) { l.scheduler.hold(fields) }

// Expected returns the loaders for one of the fields that were expected, which has to say when it has begun.
func (l *Loaders) Expected() *Loaders {
	expected := *l
	expected.begun = sync.OnceFunc(l.scheduler.release)
	return &expected
}

// Begun says that the field which was expected has loaded what it can, and is about to wait or has ended.
func (l *Loaders) Begun() {
	if l.begun != nil {
		l.begun()
	}
}

// Wait returns when everything that was loaded has been read, whether somebody waits for it or not.
func (l *Loaders) Wait() { l.scheduler.running.Wait() }

// Properties returns what the operation needs of a type.
func (l *Loaders) Properties(typeName string) []string { return l.properties(typeName) }

// needs tells whether the operation needs the property of the type.
func (l *Loaders) needs(typeName, property string) bool {
	return slices.Contains(l.properties(typeName), property)
}
