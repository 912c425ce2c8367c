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
	"licensegraph/internal/upstream"
)

// Source is Microsoft Graph as one operation sees it.
type Source interface {
	// Batch returns an empty set of reads.
	Batch() upstream.Batch
}

// Properties tells which of its properties an operation needs of an upstream type, such as "User".
type Properties func(typeName string) []string

// Loaders are the look-ups of one operation, named by what they return and by their key.
type Loaders struct {
	UsersByQuery                    *Loader[upstream.Query, upstream.Page[*licensing.User]]
	GroupsByQuery                   *Loader[upstream.Query, upstream.Page[*licensing.Group]]
	MembersByQuery                  *Loader[upstream.Query, upstream.Page[*licensing.Reference]]
	MembersWithLicenseErrorsByQuery *Loader[upstream.Query, upstream.Page[*licensing.Reference]]
	AssignmentErrorsByQuery         *Loader[upstream.Query, upstream.Page[*licensing.AssignmentError]]
	AssignmentsByQuery              *Loader[upstream.Query, upstream.Page[*licensing.Assignment]]
	AssignmentsOfAllotmentByQuery   *Loader[upstream.Query, upstream.Page[*licensing.Assignment]]
	WaitingMembersByQuery           *Loader[upstream.Query, upstream.Page[*licensing.WaitingMember]]

	Me                        *Loader[upstream.Tenant, *licensing.User]
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
	Allotments                *Loader[upstream.Tenant, []*licensing.Allotment]
	SubscribedSkus            *Loader[upstream.Tenant, []*licensing.SubscribedSku]

	// Observe is told of each read that is added to a batch, with how many keys; nil for nobody. It is set before the first
	// round.
	Observe func(read string, cost upstream.Cost, keys int)

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

// Tenant is the key of what a tenant has only one of.
var Tenant upstream.Tenant

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

// Properties returns the properties that the operation requires of a type.
func (l *Loaders) Properties(typeName string) []string { return l.properties(typeName) }

// needs tells whether the operation needs the property of the type.
func (l *Loaders) requires(typeName, property string) bool {
	return slices.Contains(l.properties(typeName), property)
}
