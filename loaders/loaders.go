// Package loaders batches the reads of one GraphQL operation into as few Microsoft Graph requests as possible.
// Loaders belong to one operation of one caller and share nothing with others.
//
// Get does not wait: it returns a loaded value, or [ErrBlocked] and records the key. A round loads all recorded keys
// through dataloaders as one [upstream.Batch], so that reads of different types share a request. Code that calls Get
// runs again after each round until it is not blocked.
package loaders

import (
	"context"
	"slices"
	"sync"

	"licensegraph/internal/licensing"
	"licensegraph/internal/msgraph"
	"licensegraph/internal/upstream"
)

// Source creates batches of reads.
type Source interface {
	// Batch returns an empty batch.
	Batch() upstream.Batch
	// LargestPage returns the largest page size to request from a list; see [upstream.Read.List].
	LargestPage(list string) int
}

// Properties returns the properties that an operation requires of an upstream type, such as "User".
type Properties func(typeName string) []string

// Loaders has the loaders of one operation, named by value and key.
type Loaders struct {
	UsersByQuery                    *Loader[upstream.Query, upstream.Page[*licensing.User]]
	GroupsByQuery                   *Loader[upstream.Query, upstream.Page[*licensing.Group]]
	MembersByQuery                  *Loader[upstream.Query, upstream.Page[*licensing.Reference]]
	MemberOfByQuery                 *Loader[upstream.Query, upstream.Page[*licensing.Reference]]
	NestedGroupsByGroupID           *Loader[string, []*licensing.Group]
	OwnersByQuery                   *Loader[upstream.Query, upstream.Page[*licensing.Reference]]
	ManagerByUserID                 *Loader[string, *licensing.Reference]
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
	ActivityByKey             *Loader[licensing.ReportKey, *licensing.UserActivity]
	CopilotActivityByKey      *Loader[licensing.ReportKey, *licensing.CopilotActivity]
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
	CompanySubscriptions      *Loader[upstream.Tenant, []*licensing.CompanySubscription]
	FindingCountsByWalk       *Loader[licensing.FindingWalk, *licensing.FindingCounts]
	LicenseChangesByKey       *Loader[licensing.LicenseChangesKey, []*licensing.LicenseChange]

	// Observe, if set, is called for each read that is added to a batch, with its number of keys, and whether a plan
	// added it: see [Loaders.Round]. Set it before the first round.
	Observe func(read string, cost upstream.Cost, keys int, planned bool)

	ctx        context.Context
	source     Source
	properties Properties
	loaders    []loader
	allotments *allotmentsRead

	mu   sync.Mutex // guards the loaders' maps, and made
	made int        // completed rounds

	rounds  sync.Mutex // serializes rounds
	current *round
	planned bool // the current round
}

// Tenant is the key of lists that a tenant has once.
var Tenant upstream.Tenant

// New returns loaders that read from source until ctx is done.
func New(ctx context.Context, source Source, properties Properties) *Loaders {
	l := &Loaders{ctx: ctx, source: source, properties: properties, allotments: &allotmentsRead{}, loaders: make([]loader, 0, 40)}
	l.addUsers()
	l.addDirectoryObjects()
	l.addAssignmentErrors()
	l.addUsageRights()
	l.addAllotments()
	l.addAssignments()
	l.addWaitingMembers()
	l.addReports()
	l.addLicenseFindings()
	l.SubscribedSkus = newLoader(l, msgraph.AllSubscribedSkus, nil)
	l.CompanySubscriptions = newLoader(l, msgraph.AllCompanySubscriptions, nil)
	l.LicenseChangesByKey = newLoader(l, msgraph.LicenseChangesOf, nil)
	return l
}

type contextKey struct{}

// With returns a context with the loaders.
func With(ctx context.Context, l *Loaders) context.Context {
	return context.WithValue(ctx, contextKey{}, l)
}

// For returns the loaders of the context; nil if it has none.
func For(ctx context.Context) *Loaders {
	l, _ := ctx.Value(contextKey{}).(*Loaders)
	return l
}

// Properties returns the required properties of a type.
func (l *Loaders) Properties(typeName string) []string { return l.properties(typeName) }

// requires reports whether the operation requires a property.
func (l *Loaders) requires(typeName, property string) bool {
	return slices.Contains(l.properties(typeName), property)
}
