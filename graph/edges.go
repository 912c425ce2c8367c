package graph

import (
	"errors"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/loaders"
)

// edge is a field that leads to other objects, or that is resolved from properties with other names.
type edge struct {
	name string // Type.field
	// requires are the upstream properties that the field requires, as Type.property; requiresFor depend on an
	// argument.
	requires    []string
	requiresFor []requirement
	// get resolves the field: a func(*field, P) (V, error) without side effects that requests all keys before it
	// returns [loaders.ErrBlocked]. Nil if the Go type has the property.
	get any
	// visit calls get for a parent and passes each object it returns to each. Nil for fields without objects.
	visit func(f *field, parent any, each func(object any)) error
	// parents returns the arguments that replace the parent object of get.
	parents func(*field) []any
	// stub returns the object with its key only; nil if the key is unknown before the read.
	stub func(f *field, parent any) any
	// returns is the GraphQL type of the objects; empty for an interface or a union.
	returns string
}

// requirement is the required properties of a field for some values of an argument.
type requirement struct {
	argument   string
	applies    func(value any) bool
	properties []string
}

// query is the parent of the root fields.
type query struct{}

// edges has the edges by type and field. $select, the prefetch and the resolvers are derived from it.
var edges = map[fieldKey]*edge{}

type fieldKey struct{ typeName, field string }

// derived are the required upstream properties of fields that have no upstream property of their name.
var derived = map[string][]string{
	"productName":          {"skuId"},
	"appliesToText":        {"appliesTo"},
	"capabilityStatusText": {"capabilityStatus"},
	"assignableToText":     {"assignableTo"},
	"error":                {"code"},
	"availableUnits":       {"allottedUnits", "consumedUnits", "subscriptions"},
	"units":                {"prepaidUnits", "consumedUnits", "skuPartNumber"},
	"price":                {"skuId", "skuPartNumber"},
	"statusText":           {"status"},
}

func init() { // not a literal: the functions refer to the table
	const plansOfSkus = "SubscribedSku.servicePlans"
	lifecycle := []string{"CompanySubscription.skuId", "CompanySubscription.status", "CompanySubscription.nextLifecycleDateTime"}
	for _, list := range [][]*edge{
		{
			usersEdge(),
			root("Query.user", (*field).user).hoist((*field).userStub),
			root("Query.me", (*field).me).hoist((*field).meStub),
			root("Query.groups", (*field).groups),
			root("Query.group", (*field).group).hoist((*field).groupStub),
			root("Query.allotments", (*field).allotments).when("filter", given, allotmentListProperties...).when("orderBy", given, allotmentListProperties...),
			root("Query.allotment", (*field).allotment).hoist((*field).allotmentStub),
			root("Query.assignments", (*field).assignments),
			root("Query.assignment", (*field).assignment),
			root("Query.assignmentErrors", (*field).assignmentErrors).
				when("filter", filtersGroup, "AssignmentError.assignedTo", "User.licenseAssignmentStates").
				when("orderBy", ordersByAssignee, "AssignmentError.assignedTo", "User.displayName"),
			root("Query.assignmentError", (*field).assignmentError),
			root("Query.subscribedSkus", (*field).subscribedSkus).
				when("filter", given, "SubscribedSku.capabilityStatus", "SubscribedSku.consumedUnits", "SubscribedSku.prepaidUnits").
				when("filter", filtersExpiry, slices.Concat([]string{"SubscribedSku.subscriptionIds"}, lifecycle)...).
				when("orderBy", given, "SubscribedSku.skuPartNumber", "SubscribedSku.consumedUnits", "SubscribedSku.prepaidUnits"),
			root("Query.subscribedSku", (*field).subscribedSku).hoist((*field).subscribedSkuStub),
			root("Query.companySubscriptions", (*field).companySubscriptions).
				when("filter", given, append(lifecycle, "CompanySubscription.isTrial")...).
				when("orderBy", given, "CompanySubscription.nextLifecycleDateTime", "CompanySubscription.skuPartNumber", "CompanySubscription.totalLicenses"),
			root("Query.licensingOverview", (*field).licensingOverview),
			root("Query.licenseFindings", (*field).licenseFindings).requireFindings(),
			root("Query.licenseFindingsOverview", (*field).licenseFindingsOverview).requireFindings(),
			root("Query.viewer", (*field).viewer),
			root("Query.search", (*field).search).require("User.displayName", "Group.displayName", "SubscribedSku.skuPartNumber"),
			property("SearchConnection.nodes", func(c *model.SearchConnection) []licensing.SearchResult { return c.Nodes }),
			property("SearchConnection.edges", func(c *model.SearchConnection) []*model.SearchEdge { return c.Edges() }),
			property("SearchEdge.node", func(e *model.SearchEdge) []licensing.SearchResult { return []licensing.SearchResult{e.Node} }),
			toOne("Query.node", "", (*field).node).each(func(f *field) []any { return []any{arg[string](f, "id")} }),
			toOne("Query.nodes", "", (*field).node).each((*field).nodeIDs),
			toOne("Query._entities", "", (*field).entity).each(func(f *field) []any { return anys(arg[[]representation](f, "representations")) }).hoist((*field).entityStub),
		},
		connection[*licensing.User]("User"),
		{
			property("User.assignedLicenses", func(u *licensing.User) []*licensing.AssignedLicense { return u.AssignedLicenses }),
			toMany("User.licenseAssignmentStates", "licenseAssignmentStates", listOf[*licensing.User](licenseStatesOfUser)),
			toOne("User.activity", "userPrincipalName", func(f *field, u *licensing.User) (*licensing.UserActivity, error) {
				return activityOf(f, u, f.ActivityByKey)
			}),
			toOne("User.copilotActivity", "userPrincipalName", func(f *field, u *licensing.User) (*licensing.CopilotActivity, error) {
				return activityOf(f, u, f.CopilotActivityByKey)
			}),
			toMany("User.licenseDetails", "", listOf[*licensing.User](licenseDetailsOfUser)),
			toMany("User.licenseChanges", "", (*field).licenseChangesOfUser),
			toMany("LicenseChange.added", "", func(f *field, c *licensing.LicenseChange) ([]*licensing.SubscribedSku, error) {
				return f.skusOf(c.AddedSkuIds)
			}),
			toMany("LicenseChange.removed", "", func(f *field, c *licensing.LicenseChange) ([]*licensing.SubscribedSku, error) {
				return f.skusOf(c.RemovedSkuIds)
			}),
			toMany("User.assignments", "", listOf[*licensing.User](assignmentsOfUser)),
			toMany("User.assignmentErrors", "", listOf[*licensing.User](errorsOfUser)),
			toMany("User.waitingMembers", "", listOf[*licensing.User](waitingMembersOfUser)),
			toMany("User.usageRights", "", (*field).usageRightsOfUser),
			toOne("User.manager", "", existing((*field).manager)),
			toOne("User.memberOf", "", (*field).memberOf),
			toOne("AssignedLicense.sku", "skuId", func(f *field, l *licensing.AssignedLicense) (*licensing.SubscribedSku, error) { return f.sku(l.SkuID) }),
			toMany("AssignedLicense.disabledPlans", "disabledPlans "+plansOfSkus, func(f *field, l *licensing.AssignedLicense) ([]*licensing.ServicePlan, error) {
				return f.servicePlansOf(l.SkuID, l.DisabledPlans)
			}),
			toOne("LicenseAssignmentState.sku", "skuId", func(f *field, s *licensing.LicenseAssignmentState) (*licensing.SubscribedSku, error) {
				return f.sku(s.SkuID)
			}),
			toOne("LicenseAssignmentState.assignedByGroup", "assignedByGroup", func(f *field, s *licensing.LicenseAssignmentState) (*licensing.Group, error) {
				return f.groupByID(s.AssignedByGroup)
			}),
			toMany("LicenseAssignmentState.disabledPlans", "disabledPlans "+plansOfSkus, func(f *field, s *licensing.LicenseAssignmentState) ([]*licensing.ServicePlan, error) {
				return f.servicePlansOf(s.SkuID, s.DisabledPlans)
			}),
			toOne("LicenseDetails.sku", "skuId", func(f *field, d *licensing.LicenseDetails) (*licensing.SubscribedSku, error) { return f.sku(d.SkuID) }),
			property("LicenseDetails.servicePlans", func(d *licensing.LicenseDetails) []*licensing.ServicePlan { return d.ServicePlans }),
		},
		connection[*licensing.Group]("Group"),
		connection[licensing.DirectoryObject]("DirectoryObject"),
		{
			property("Group.assignedLicenses", func(g *licensing.Group) []*licensing.AssignedLicense { return g.AssignedLicenses }),
			toMany("Group.licenseChanges", "", (*field).licenseChangesOfGroup),
			toMany("Group.assignments", "", listOf[*licensing.Group](assignmentsOfGroup)),
			toMany("Group.usageRights", "", (*field).usageRightsOfGroup),
			toOne("Group.members", "", (*field).members),
			toOne("Group.owners", "", (*field).owners),
			toOne("Group.membersWithLicenseErrors", "", (*field).membersWithLicenseErrors),
			toOne("Group.assignmentErrors", "AssignmentError.assignedTo User.licenseAssignmentStates", (*field).assignmentErrorsOfGroup),
			toMany("Device.usageRights", "", (*field).usageRightsOfDevice),
			toMany("Device.waitingMembers", "", listOf[*licensing.Device](waitingMembersOfDevice)),
		},
		connection[*licensing.Allotment]("Allotment"),
		{
			toOne("Allotment.sku", "skuId", func(f *field, a *licensing.Allotment) (*licensing.SubscribedSku, error) { return f.sku(a.SkuID) }),
			property("Allotment.subscriptions", func(a *licensing.Allotment) []*licensing.AllotmentSubscription { return a.Subscriptions }),
			toOne("AllotmentSubscription.companySubscription", "CompanySubscription.commerceSubscriptionId", func(f *field, s *licensing.AllotmentSubscription) (*licensing.CompanySubscription, error) {
				return f.CompanySubscriptionOf(s)
			}),
			toOne("Allotment.assignments", "", (*field).assignmentsOfAllotment),
			toOne("Allotment.waitingMembers", "", (*field).waitingMembersOfAllotment),
		},
		connection[*licensing.Assignment]("Assignment"),
		connection[*licensing.WaitingMember]("WaitingMember"),
		{
			toMany("Assignment.disabledServicePlans", "disabledServicePlanIds "+plansOfSkus, (*field).disabledServicePlans),
			toOne("Assignment.allotment", "allotment", existing((*field).AllotmentOfAssignment)),
			toOne("Assignment.assignedTo", "assignedTo", existing((*field).AssigneeOfAssignment)),
			toOne("WaitingMember.allotment", "allotment", existing((*field).AllotmentOfWaitingMember)),
			toOne("WaitingMember.assignedTo", "assignedTo", existing((*field).AssigneeOfWaitingMember)),
		},
		connection[*licensing.AssignmentError]("AssignmentError"),
		{
			toOne("AssignmentError.sku", "skuId", func(f *field, e *licensing.AssignmentError) (*licensing.SubscribedSku, error) { return f.sku(e.SkuID) }),
			toOne("AssignmentError.assignedTo", "assignedTo", existing((*field).AssigneeOfError)),
			toOne("AssignmentError.usageRight", "usageRight", existing((*field).UsageRightOfError)),
			toMany("AssignmentError.servicePlans", "message skuId "+plansOfSkus, func(f *field, e *licensing.AssignmentError) ([]*licensing.ServicePlan, error) {
				return f.servicePlansOf(e.SkuID, e.ServicePlanIDs())
			}),
			toMany("AssignmentError.licenseAssignmentStates", "skuId assignedTo", (*field).LicenseStatesOfError),
			toMany("AssignmentError.fixes", "code message skuId assignedTo SubscribedSku.consumedUnits SubscribedSku.prepaidUnits SubscribedSku.servicePlans", (*field).fixesOfError),
			toOne("AssignmentError.remedy", "code skuId assignedTo", (*field).remedy),
		},
		{
			toOne("UsageRight.sku", "skuId", func(f *field, u *licensing.UsageRight) (*licensing.SubscribedSku, error) { return f.sku(u.SkuID) }),
			toMany("UsageRight.assignments", "assignments", (*field).AssignmentsOfRight),
			toMany("UsageRight.allotments", "allotments", (*field).AllotmentsOfRight),
		},
		connection[*licensing.SubscribedSku]("SubscribedSku"),
		{
			property("SubscribedSku.servicePlans", func(s *licensing.SubscribedSku) []*licensing.ServicePlan { return s.ServicePlans }),
			toMany("SubscribedSku.allotments", "skuId Allotment.skuId", (*field).allotmentsOfSku),
			toMany("SubscribedSku.companySubscriptions", "subscriptionIds CompanySubscription.skuId", func(f *field, s *licensing.SubscribedSku) ([]*licensing.CompanySubscription, error) {
				return f.CompanySubscriptionsOf(s)
			}),
			toOne("SubscribedSku.assignmentErrors", "skuId", (*field).assignmentErrorsOfSku),
			toMany("ServicePlan.subscribedSkus", plansOfSkus, (*field).skusWithPlan),
		},
		connection[*licensing.CompanySubscription]("CompanySubscription"),
		{
			property("LicenseFindingConnection.nodes", func(c *model.LicenseFindingConnection) []licensing.LicenseFinding { return c.Nodes }),
			property("LicenseFindingConnection.edges", func(c *model.LicenseFindingConnection) []*model.LicenseFindingEdge { return c.Edges() }),
			property("LicenseFindingEdge.node", func(e *model.LicenseFindingEdge) []licensing.LicenseFinding {
				return []licensing.LicenseFinding{e.Node}
			}),
			toOne("UserLicenseFinding.containedIn", "", func(f *field, l *licensing.UserLicenseFinding) (*licensing.SubscribedSku, error) {
				return f.sku(l.ContainedInSkuID)
			}),
			toOne("GroupLicenseFinding.nestedGroup", "", func(f *field, l *licensing.GroupLicenseFinding) (*licensing.Group, error) {
				return f.groupByID(l.NestedGroupID)
			}),
			property("ProductLicenseFinding.companySubscription", func(l *licensing.ProductLicenseFinding) []*licensing.CompanySubscription {
				return []*licensing.CompanySubscription{l.CompanySubscription}
			}),
			toMany("LicenseFindingsOverview.kinds", "", (*field).findingsOfKinds),
			toMany("LicenseFindingsOverview.byDepartment", "", func(f *field, o *model.LicenseFindingsOverview) ([]*model.FindingsOfOrgUnit, error) {
				return f.findingsOfOrgUnits(o, func(c *licensing.FindingCounts) licensing.OrgUnits { return c.Departments })
			}),
			toMany("LicenseFindingsOverview.byCostCenter", "", func(f *field, o *model.LicenseFindingsOverview) ([]*model.FindingsOfOrgUnit, error) {
				return f.findingsOfOrgUnits(o, func(c *licensing.FindingCounts) licensing.OrgUnits { return c.CostCenters })
			}),
			toMany("LicenseFindingsOverview.unavailable", "", (*field).unavailableFindings),
			toValue("LicenseFindingsOverview.upstreamRequests", "", (*field).requestsOfFindings),
			property("FindingsOfKind.byProduct", func(k *model.FindingsOfKind) []*model.FindingsOfProduct { return k.ByProduct }),
			toOne("FindingsOfProduct.sku", "", func(f *field, p *model.FindingsOfProduct) (*licensing.SubscribedSku, error) { return f.sku(p.SkuID) }),
		},
		finding("UserLicenseFinding", "User.licenseAssignmentStates Group.groupTypes Group.onPremisesSyncEnabled", (*field).fixesOfUserFinding),
		finding("GroupLicenseFinding", "", (*field).fixesOfGroupFinding),
		finding("ProductLicenseFinding", "", (*field).fixesOfProductFinding),
		{
			property("CompanySubscription.serviceStatus", func(s *licensing.CompanySubscription) []*licensing.ServicePlan { return s.ServiceStatus }),
			toOne("CompanySubscription.sku", "skuId", func(f *field, s *licensing.CompanySubscription) (*licensing.SubscribedSku, error) {
				return f.sku(s.SkuID)
			}),
		},
		{
			toMany("LicensingOverview.products", "SubscribedSku.skuPartNumber SubscribedSku.consumedUnits SubscribedSku.prepaidUnits", (*field).products),
			toOne("LicensingOverview.assignmentErrors", "", (*field).countErrors),
			toMany("LicensingOverview.waitingMembers", "Allotment.allottedUnits Allotment.consumedUnits Allotment.subscriptions", (*field).countWaiting),
			property("ProductOverview.sku", func(p *model.ProductOverview) []*licensing.SubscribedSku {
				return []*licensing.SubscribedSku{p.Sku}
			}),
			toValue("ProductOverview.nextLifecycleDate", "Allotment.skuId Allotment.subscriptions SubscribedSku.subscriptionIds "+strings.Join(lifecycle, " "), (*field).nextLifecycleDate),
			property("AssignmentErrorOverview.byProduct", func(o *model.AssignmentErrorOverview) []*model.AssignmentErrorsOfProduct { return o.ByProduct }),
			toMany("AssignmentErrorOverview.byGroup", "AssignmentError.skuId AssignmentError.assignedTo", (*field).countByGroup),
			toValue("AssignmentErrorOverview.withoutSource", "AssignmentError.skuId AssignmentError.assignedTo", (*field).countWithoutSource),
			toOne("AssignmentErrorsOfProduct.sku", "AssignmentError.skuId", func(f *field, p *model.AssignmentErrorsOfProduct) (*licensing.SubscribedSku, error) {
				return f.sku(p.SkuID)
			}),
			toOne("AssignmentErrorsOfGroup.group", "", func(f *field, g *model.AssignmentErrorsOfGroup) (*licensing.Group, error) {
				return f.groupByID(g.GroupID)
			}),
			property("WaitingMemberCount.allotment", func(c *model.WaitingMemberCount) []*licensing.Allotment {
				return []*licensing.Allotment{c.Allotment}
			}),
		},
		{
			property("CreateAssignmentsPayload.results", func(p *model.CreateAssignmentsPayload) []*model.CreateAssignmentResult { return p.Results }),
			toOne("CreateAssignmentResult.assignment", "", func(f *field, r *model.CreateAssignmentResult) (*licensing.Assignment, error) {
				return f.assignmentAfter(r.Assignment)
			}),
			toOne("UpdateAssignmentPayload.assignment", "", func(f *field, p *model.UpdateAssignmentPayload) (*licensing.Assignment, error) {
				return f.assignmentAfter(p.Assignment)
			}),
			toOne("DeleteAssignmentPayload.allotment", "", func(f *field, p *model.DeleteAssignmentPayload) (*licensing.Allotment, error) {
				return f.allotmentNow(p.AllotmentID)
			}),
			toOne("DeleteAssignmentPayload.assignedTo", "", func(f *field, p *model.DeleteAssignmentPayload) (licensing.DirectoryObject, error) {
				return f.assigneeNow(p.Assignee)
			}),
			toOne("AssignLicensePayload.assignedTo", "", func(f *field, p *model.AssignLicensePayload) (licensing.DirectoryObject, error) {
				return f.assigneeNow(p.Assignee)
			}),
			property("ReprocessPayload.results", func(p *model.ReprocessPayload) []*model.ReprocessResult { return p.Results }),
			toOne("ReprocessResult.user", "", (*field).userNow),
			property("SetUsageLocationPayload.results", func(p *model.SetUsageLocationPayload) []*model.SetUsageLocationResult { return p.Results }),
			toOne("SetUsageLocationResult.user", "", (*field).userNow),
			property("GroupMembersPayload.results", func(p *model.GroupMembersPayload) []*model.GroupMemberResult { return p.Results }),
			toOne("GroupMembersPayload.group", "", func(f *field, p *model.GroupMembersPayload) (*licensing.Group, error) { return f.groupByID(p.GroupID) }),
			toOne("GroupMemberResult.member", "", func(f *field, r *model.GroupMemberResult) (licensing.DirectoryObject, error) {
				return f.assigneeNow(r.Object)
			}),
			property("ReprocessGroupPayload.results", func(p *model.ReprocessGroupPayload) []*model.ReprocessResult { return p.Results }),
			toOne("ReprocessGroupPayload.group", "", func(f *field, p *model.ReprocessGroupPayload) (*licensing.Group, error) {
				return f.groupByID(p.GroupID)
			}),
			property("RemoveDirectAssignmentsPayload.results", func(p *model.RemoveDirectAssignmentsPayload) []*model.RemoveDirectAssignmentsResult { return p.Results }),
			toOne("RemoveDirectAssignmentsResult.user", "", (*field).userNow),
			property("CreateAssignmentsPayload.effects", func(p *model.CreateAssignmentsPayload) []*model.PredictedEffect { return p.Effects }),
			property("UpdateAssignmentPayload.effects", func(p *model.UpdateAssignmentPayload) []*model.PredictedEffect { return p.Effects }),
			property("DeleteAssignmentPayload.effects", func(p *model.DeleteAssignmentPayload) []*model.PredictedEffect { return p.Effects }),
			property("AssignLicensePayload.effects", func(p *model.AssignLicensePayload) []*model.PredictedEffect { return p.Effects }),
			property("ReprocessPayload.effects", func(p *model.ReprocessPayload) []*model.PredictedEffect { return p.Effects }),
			property("SetUsageLocationPayload.effects", func(p *model.SetUsageLocationPayload) []*model.PredictedEffect { return p.Effects }),
			property("GroupMembersPayload.effects", func(p *model.GroupMembersPayload) []*model.PredictedEffect { return p.Effects }),
			property("ReprocessGroupPayload.effects", func(p *model.ReprocessGroupPayload) []*model.PredictedEffect { return p.Effects }),
			property("RemoveDirectAssignmentsPayload.effects", func(p *model.RemoveDirectAssignmentsPayload) []*model.PredictedEffect { return p.Effects }),
			toOne("PredictedEffect.assignee", "", func(f *field, e *model.PredictedEffect) (licensing.DirectoryObject, error) {
				return f.assigneeNow(e.Object)
			}),
			toOne("PredictedEffect.sku", "", func(f *field, e *model.PredictedEffect) (*licensing.SubscribedSku, error) { return f.sku(&e.SkuID) }),
			property("PredictedEffect.plansGained", func(e *model.PredictedEffect) []*licensing.ServicePlan { return e.PlansGained }),
			property("PredictedEffect.plansLost", func(e *model.PredictedEffect) []*licensing.ServicePlan { return e.PlansLost }),
		},
	} {
		for _, e := range list {
			typeName, field := e.place()
			edges[fieldKey{typeName, field}] = e
		}
	}
	types := publicSchema().Types
	for _, e := range edges {
		if e.get != nil {
			addReadType(reflect.TypeOf(e.get).In(1))
			addReadType(reflect.TypeOf(e.get).Out(0))
		}
		typeName, fieldName := e.place()
		if returned := types[types[typeName].Fields.ForName(fieldName).Type.Name()]; returned.Kind == ast.Object {
			e.returns = returned.Name
		}
	}
}

// requireFindings adds the properties that the kinds of a LicenseFindingFilter require.
func (e *edge) requireFindings() *edge {
	for kind, property := range licensing.FindingProperties {
		e.when("filter", findsKind(kind), "User."+property)
	}
	return e.require("User.assignedLicenses").
		when("filter", findsKind(licensing.UnusedUnits), "SubscribedSku.skuPartNumber", "SubscribedSku.capabilityStatus", "SubscribedSku.consumedUnits", "SubscribedSku.prepaidUnits").
		when("filter", findsKind(licensing.ExpiringSubscription), "CompanySubscription.skuId", "CompanySubscription.status", "CompanySubscription.nextLifecycleDateTime").
		when("filter", findsKind(licensing.NestedGroup), "Group.assignedLicenses").
		when("filter", findsKind(licensing.OverlappingProducts), "SubscribedSku.skuPartNumber", "SubscribedSku.servicePlans")
}

func usersEdge() *edge {
	e := root("Query.users", (*field).users).when("filter", filtersStates, "User.licenseAssignmentStates").when("filter", filtersProducts, "User.assignedLicenses")
	for _, condition := range slices.Sorted(maps.Keys(conditionProperties)) {
		e.when("filter", filtersInactive(condition), "User."+conditionProperties[condition])
	}
	return e
}

// toOne returns an edge to at most one object. Names in requires without a type are properties of its own type.
func toOne[P any, V comparable](name, requires string, get func(*field, P) (V, error)) *edge {
	return newEdge(name, requires, get, func(f *field, parent any, each func(any)) error {
		value, err := get(f, parent.(P))
		return visitAll(each, err, value)
	})
}

// toMany returns an edge to a list of objects.
func toMany[P any, V comparable](name, requires string, get func(*field, P) ([]V, error)) *edge {
	return newEdge(name, requires, get, func(f *field, parent any, each func(any)) error {
		values, err := get(f, parent.(P))
		return visitAll(each, err, values...)
	})
}

// toValue returns an edge to a value that is computed from objects.
func toValue[P, V any](name, requires string, get func(*field, P) (V, error)) *edge {
	return newEdge(name, requires, get, func(f *field, parent any, _ func(any)) error {
		_, err := get(f, parent.(P))
		return err
	})
}

// root returns an edge of the query type.
func root[V comparable](name string, get func(*field) (V, error)) *edge {
	return toOne(name, "", func(f *field, _ query) (V, error) { return get(f) })
}

// listOf returns the get function of a list that a loader reads by the parent's ID.
func listOf[P licensing.Node, V any](loader func(*field) *loaders.Loader[string, []V]) func(*field, P) ([]V, error) {
	return func(f *field, parent P) ([]V, error) { return loader(f).Get(parent.ObjectID()) }
}

// existing returns get with a nil result in place of ErrNotFound: the object was deleted.
func existing[P, V any](get func(*field, P) (V, error)) func(*field, P) (V, error) {
	return func(f *field, parent P) (V, error) { return ignoreNotFound(get(f, parent)) }
}

// property returns an edge to the objects in a property of the Go type.
func property[P any, V comparable](name string, of func(P) []V) *edge {
	_, fieldName, _ := strings.Cut(name, ".")
	return newEdge(name, fieldName, nil, func(_ *field, parent any, each func(any)) error {
		return visitAll(each, nil, of(parent.(P))...)
	})
}

// connection returns the edges of a connection type.
func connection[T comparable](typeName string) []*edge {
	return []*edge{
		property(typeName+"Connection.nodes", func(c *model.Connection[T]) []T { return c.Nodes }),
		property(typeName+"Connection.edges", (*model.Connection[T]).Edges),
		property(typeName+"Edge.node", func(e *model.Edge[T]) []T { return []T{e.Node} }),
	}
}

// finding returns the edges that each type of findings has. fixesRequire are the required properties of its fixes.
func finding[F licensing.LicenseFinding](typeName, fixesRequire string, fixes func(*field, F) ([]*model.Fix, error)) []*edge {
	return []*edge{
		toMany(typeName+".fixes", fixesRequire, fixes),
		toOne(typeName+".sku", "", func(f *field, l F) (*licensing.SubscribedSku, error) { return f.sku(l.Shared().SkuID) }),
		property(typeName+".user", func(l F) []*licensing.User { return []*licensing.User{l.Shared().User} }),
		toOne(typeName+".group", "", func(f *field, l F) (*licensing.Group, error) { return f.groupByID(l.Shared().GroupID) }),
	}
}

func newEdge(name, requires string, get any, visit func(*field, any, func(any)) error) *edge {
	e := &edge{name: name, get: get, visit: visit}
	typeName, _ := e.place()
	for _, property := range strings.Fields(requires) {
		if !strings.Contains(property, ".") {
			property = typeName + "." + property
		}
		e.requires = append(e.requires, property)
	}
	return e
}

// visitAll passes the non-nil values to each, unless err is [loaders.ErrBlocked].
func visitAll[V comparable](each func(any), err error, values ...V) error {
	var none V
	for _, value := range values {
		if value != none && !errors.Is(err, loaders.ErrBlocked) {
			each(value)
		}
	}
	return err
}

// require adds required properties, as Type.property.
func (e *edge) require(properties ...string) *edge {
	e.requires = append(e.requires, properties...)
	return e
}

// when adds required properties for some values of an argument.
func (e *edge) when(argument string, applies func(any) bool, properties ...string) *edge {
	e.requiresFor = append(e.requiresFor, requirement{argument, applies, properties})
	return e
}

// each sets the function that returns the parents of the edge.
func (e *edge) each(parents func(*field) []any) *edge {
	e.parents = parents
	return e
}

// hoist sets the stub, from which the fields below are prefetched together with the object.
func (e *edge) hoist(stub func(*field, any) any) *edge {
	e.stub = stub
	return e
}

// place splits the name into the type and the field.
func (e *edge) place() (typeName, field string) {
	typeName, field, _ = strings.Cut(e.name, ".")
	return typeName, field
}

// hoistable reports whether the edge requires no property of its object except the key.
func (e *edge) hoistable() bool {
	typeName, _ := e.place()
	return e.get != nil && !slices.ContainsFunc(e.requires, func(property string) bool {
		return strings.HasPrefix(property, typeName+".") && property != typeName+".id" && property != "SubscribedSku.skuId"
	})
}

// typeOf returns the GraphQL type of an object at the edge.
func (e *edge) typeOf(object any) string {
	if e.returns != "" {
		return e.returns
	}
	switch object.(type) {
	case *licensing.User:
		return "User"
	case *licensing.Group:
		return "Group"
	case *licensing.Device:
		return "Device"
	case *licensing.Allotment:
		return "Allotment"
	case *licensing.Assignment:
		return "Assignment"
	case *licensing.AssignmentError:
		return "AssignmentError"
	case *licensing.UsageRight:
		return "UsageRight"
	case *licensing.SubscribedSku:
		return "SubscribedSku"
	case *licensing.ServicePlan:
		return "ServicePlan"
	case *licensing.UserLicenseFinding:
		return "UserLicenseFinding"
	case *licensing.GroupLicenseFinding:
		return "GroupLicenseFinding"
	case *licensing.ProductLicenseFinding:
		return "ProductLicenseFinding"
	default:
		return "OtherDirectoryObject"
	}
}

// given reports whether an argument has a value.
func given(value any) bool { return value != nil }

func anys[E any](elements []E) []any { return each(elements, func(e E) any { return e }) }
