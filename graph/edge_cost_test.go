package graph_test

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/generated"
	"licensegraph/internal/emulator"
)

// edgeCost is the upstream cost of one field, with a token and known capabilities.
type edgeCost struct {
	// name is Type.field and, if needed, a remark.
	name string
	// query reads a page of N parents, or has a placeholder for a list of the tenant, such as $users: it is repeated
	// for N elements, or gets N elements at once if the placeholder is in brackets.
	query string
	// steps are the reads in sequence.
	steps []step
}

// field returns the name of the edge; empty for a root field.
func (c edgeCost) field() string {
	name, _, _ := strings.Cut(c.name, " ")
	typeName, field, _ := strings.Cut(name, ".")
	if typeName == "Query" || typeName == "Entity" {
		return ""
	}
	return field
}

// A step returns, for n parents and the response, the number of parallel reads in each round.
type step func(n int, r response) []int

// one returns one read.
func one(int, response) []int { return []int{1} }

// each returns one read per parent.
func each(n int, _ response) []int { return []int{n} }

// several returns perParent reads for each parent and forAll reads for all.
func several(perParent, forAll int) step {
	return func(n int, _ response) []int { return []int{n*perParent + forAll} }
}

// pages returns sequential pages of 100 elements.
func pages(n int, _ response) []int { return slices.Repeat([]int{1}, ceil(n, 100)) }

// chunks returns one read for 15 parents, the limit of an `in` expression.
func chunks(n int, _ response) []int { return []int{ceil(n, 15)} }

// eachAt returns one read per distinct value at a path of the response, chunksAt one for 15 of them.
func eachAt(path string) step {
	return func(_ int, r response) []int { return []int{len(valuesAt(r.Data, path))} }
}

func chunksAt(path string) step {
	return func(_ int, r response) []int { return []int{ceil(len(valuesAt(r.Data, path)), 15)} }
}

// wholeTenant reads the errors of the tenant, and after each page the license states of its assignees, whatever the
// number of groups.
func wholeTenant(int, response) []int { return slices.Repeat([]int{1, ceil(100, 15)}, 6) }

// atOnce runs steps in parallel: their first reads share a round, then their second ones, and so on.
func atOnce(steps ...step) step {
	return func(n int, r response) (rounds []int) {
		for _, reads := range steps {
			for i, count := range reads(n, r) {
				if i == len(rounds) {
					rounds = append(rounds, 0)
				}
				rounds[i] += count
			}
		}
		return rounds
	}
}

// fixedGroups returns one read per group whose assignment a fix changes.
func fixedGroups(_ int, r response) []int {
	groups := map[any]bool{}
	walk(r.Data, func(o object) {
		if o["type"] == "GROUP" {
			groups[o["id"]] = true
		}
	})
	return []int{len(groups)}
}

func ceil(n, size int) int { return (n + size - 1) / size }

// valuesAt returns the distinct texts at a path, through lists.
func valuesAt(value any, path string) []string {
	values := map[string]bool{}
	var collect func(value any, path string)
	collect = func(value any, path string) {
		name, rest, _ := strings.Cut(path, ".")
		switch v := value.(type) {
		case []any:
			for _, element := range v {
				collect(element, path)
			}
		case object:
			collect(v[name], rest)
		case string:
			values[v] = true
		}
	}
	collect(value, path)
	return slices.Sorted(maps.Keys(values))
}

// pagesAt returns the pages of a connection of each parent, 100 elements per page; pages of a round are parallel.
func pagesAt(root, connection string) step {
	return func(_ int, r response) (rounds []int) {
		for _, parent := range r.Data[root].(object)["nodes"].([]any) {
			elements := len(parent.(object)[connection].(object)["nodes"].([]any))
			for page := range max(1, ceil(elements, 100)) {
				if page == len(rounds) {
					rounds = append(rounds, 0)
				}
				rounds[page]++
			}
		}
		return rounds
	}
}

// atMostOne returns one read if the response has a value at the path.
func atMostOne(path string) step {
	return func(_ int, r response) []int { return []int{min(1, len(valuesAt(r.Data, path)))} }
}

// carried returns the number of requests of the rounds, and of the parts of batches: 20 per batch at most.
func carried(rounds []int) (requests, parts int) {
	for _, reads := range rounds {
		requests += ceil(reads, 20)
		if parts += reads; reads%20 == 1 {
			parts-- // a single read is not batched
		}
	}
	return requests, parts
}

// edgeCosts has the root fields, the edges whose cost does not follow from @upstream (see allEdgeCosts), and more queries
// of edges. Names of products and plans come from the catalog; consumedUnits and provisioningStatus do not.
var edgeCosts = []edgeCost{
	{"Query.node", `node(id: $users) { ... on User { displayName } }`, []step{one}},
	{"Query.nodes", `nodes(ids: [$users]) { ... on User { displayName } }`, []step{one}},
	{"Query.nodes with states", `nodes(ids: [$users]) { ... on User { displayName licenseAssignmentStates { state } } }`, []step{one, chunks}},
	// IDs that no directory object has are searched for in both lists of the tenant, and in two collections by ID.
	{"Query.nodes of errors", `nodes(ids: [$errors]) { ... on AssignmentError { code } }`, []step{one, several(2, 2)}},
	{"Query.nodes of products", `nodes(ids: [$subscriptions]) { ... on SubscribedSku { consumedUnits } }`, []step{several(2, 2)}},

	{"Query.user", `user(id: $users) { displayName }`, []step{one}},
	{"Query.user with states", `user(id: $users) { displayName licenseAssignmentStates { state } }`, []step{chunks}},
	{"Query.user by name", `user(userPrincipalName: $names) { displayName }`, []step{chunks}},
	{"Query.users", `users(first: N) { totalCount nodes { displayName licenseAssignmentStates { state } assignedLicenses { skuId } } }`, []step{one}},
	{"Query.users of a product", `users(first: N, filter: {skuId: "` + skuE3 + `"}) { totalCount nodes { id } }`, []step{one}},
	{"Query.users in order", `users(first: N, orderBy: {field: DISPLAY_NAME}, filter: {licensed: true}) { nodes { id } }`, []step{one}},
	{"Query.users with sign-ins", `users(first: N) { nodes { displayName signInActivity { lastSignInDateTime } } }`, []step{one}},
	// 101 users are on the first page of the report.
	{"User.activity", `users(first: N) { nodes { activity { hasTeamsLicense } } }`, []step{one, one}},
	{"User.copilotActivity", `users(first: N) { nodes { copilotActivity { lastActivityDate } } }`, []step{one, one}},
	{"Query.users without what is left out", `users(first: N) { nodes { assignedLicenses { skuId sku @include(if: false) { consumedUnits allotments { id } } } } }`, []step{one}},
	{"Query.group", `group(id: $groups) { displayName }`, []step{one}},
	{"Query.group with licenses", `group(id: $groups) { assignedLicenses { skuId } }`, []step{chunks}},
	{"Query.groups", `groups(first: N) { totalCount nodes { displayName assignedLicenses { skuId } } }`, []step{one}},
	{"Query.allotment", `allotment(id: $allotments) { services { planId } }`, []step{one}},
	{"Query.allotments", `allotments(first: N) { totalCount nodes { services { planId } subscriptions { state } } }`, []step{one}},
	{"Query.assignment", `assignment(id: $assignments) { disabledServicePlanIds }`, []step{each}},
	{"Query.assignments", `assignments(first: N) { nodes { disabledServicePlanIds } }`, []step{pages}},
	{"Query.assignmentError", `assignmentError(id: $errors) { message }`, []step{each}},
	{"Query.assignmentErrors", `assignmentErrors(first: N) { nodes { message } }`, []step{pages}},
	{"Query.subscribedSku", `subscribedSku(skuId: $products) { consumedUnits }`, []step{one}},
	{"Query.subscribedSkus", `subscribedSkus(first: N) { totalCount nodes { units { free } } }`, []step{one}},

	{"Query.subscribedSkus that expire", `subscribedSkus(first: N, filter: {expiresBefore: "2999-01-01"}) { nodes { id } }`, []step{atOnce(one, one)}},
	{"Query.companySubscriptions", `companySubscriptions(first: N) { totalCount nodes { nextLifecycleDateTime } }`, []step{one}},

	{"Entity.findManyUserByIDs", `_entities(representations: [$User]) { ... on User { displayName } }`, []step{one}},
	{"Entity.findManyUserByIDs known", `_entities(representations: [$User]) { ... on User { id } }`, nil},
	{"Entity.findManyUserByIDs with states", `_entities(representations: [$User]) { ... on User { licenseAssignmentStates { state } } }`, []step{chunks}},
	{"Entity.findManyUserByUserPrincipalNames", `_entities(representations: [$UserByName]) { ... on User { displayName } }`, []step{chunks}},
	{"Entity.findManyGroupByIDs", `_entities(representations: [$Group]) { ... on Group { displayName } }`, []step{one}},
	{"Entity.findManyDeviceByIDs", `_entities(representations: [$Device]) { ... on Device { displayName } }`, []step{one}},
	{"Entity.findManyAllotmentByIDs", `_entities(representations: [$Allotment]) { ... on Allotment { allottedUnits } }`, []step{one}},
	{"Entity.findManyAssignmentByIDs", `_entities(representations: [$Assignment]) { ... on Assignment { disabledServicePlanIds } }`, []step{each}},
	{"Entity.findManyAssignmentErrorByIDs", `_entities(representations: [$AssignmentError]) { ... on AssignmentError { code } }`, []step{each}},
	{"Entity.findManySubscribedSkuBySkuIDs", `_entities(representations: [$SubscribedSku]) { ... on SubscribedSku { consumedUnits } }`, []step{one}},
	// The type of the holder is unknown: users and groups are both read.
	{"Entity.findManyUsageRightByHolderIDAndIDs", `_entities(representations: [$UsageRight]) { ... on UsageRight { skuId } }`, []step{several(2, 0)}},

	{"Allotment.sku", `allotments(first: N) { nodes { sku { consumedUnits } } }`, []step{atOnce(one, one)}},
	{"Allotment.sku of given allotments", `allotment(id: $allotments) { sku { units { free } } }`, []step{atOnce(one, one)}},
	{"Allotment.sku of given assignments", `assignment(id: $assignments) { allotment { sku { units { free } } } }`, []step{atOnce(each, one)}},
	{"Allotment.sku names", `allotments(first: N) { nodes { sku { skuPartNumber productName } } }`, []step{one}},
	{"AllotmentSubscription.companySubscription", `allotments(first: N) { nodes { subscriptions { companySubscription { totalLicenses } } } }`, []step{atOnce(one, one)}},
	{"AllotmentSubscription.companySubscription of given allotments", `allotment(id: $allotments) { subscriptions { companySubscription { totalLicenses } } }`, []step{atOnce(one, one)}},
	{"Allotment.assignments with assignees", `allotments(first: N) { nodes { assignments(first: 1) { nodes { assignedTo { displayName } } } } }`, []step{one, each}},
	{"Allotment.waitingMembers of given allotments", `allotment(id: $allotments) { skuPartNumber assignments { nodes { id } } waitingMembers { nodes { id } } }`,
		[]step{several(2, 1)}},

	{"WaitingMember.allotment", `allotments(first: N) { nodes { waitingMembers { nodes { allotment { services { planId } } } } } }`, []step{one, each}},
	{"WaitingMember.allotment of people", `users(first: N) { nodes { waitingMembers { allotment { skuPartNumber } } } }`, []step{one, each}},
	{"WaitingMember.assignedTo", `allotments(first: N) { nodes { waitingMembers { nodes { assignedTo { displayName } } } } }`, []step{one, each}},
	{"WaitingMember.assignedTo with more", `allotments(first: N, orderBy: {field: AVAILABLE_UNITS}) { nodes { waitingMembers { nodes { assignedTo { ... on User { department } } } } } }`, []step{one, each, one}},
	{"WaitingMember.assignedTo of people", `users(first: N) { nodes { waitingMembers { assignedTo { displayName } } } }`, []step{one, each}},

	{"Assignment.allotment", `assignments(first: N) { nodes { allotment { skuPartNumber services { planId } } } }`, []step{pages}},
	{"Assignment.allotment product", `assignments(first: N) { nodes { allotment { sku { consumedUnits } } } }`, []step{atOnce(pages, one)}},
	{"Assignment.assignedTo", `assignments(first: N) { nodes { assignedTo { displayName } } }`, []step{pages}},
	{"Assignment.assignedTo and allotment", `assignments(first: N) { nodes { assignedTo { displayName } allotment { skuPartNumber } } }`, []step{pages}},
	{"Assignment.assignedTo with more", `assignments(first: N) { nodes { assignedTo { __typename ... on User { department } ... on Group { mail } ... on Device { operatingSystem } } } }`,
		[]step{pages, eachAt("assignments.nodes.assignedTo.__typename")}},
	{"Assignment.disabledServicePlans", `assignments(first: N) { nodes { disabledServicePlans { servicePlanName displayName } } }`, []step{pages}},
	{"Assignment.disabledServicePlans with more", `assignments(first: N) { nodes { disabledServicePlans { provisioningStatus } } }`,
		[]step{pages, atMostOne("assignments.nodes.disabledServicePlans.provisioningStatus")}},

	{"Query.search", `search(text: "microsoft 365", first: N) { nodes { __typename ... on User { department } } }`, []step{several(0, 2)}},
	{"Query.search of products", `search(text: "microsoft 365", first: N, kinds: [PRODUCT]) { nodes { ... on SubscribedSku { consumedUnits } } }`, []step{several(0, 1)}},
	{"Query.search of names", `search(text: "microsoft 365", first: N, kinds: [PRODUCT, SERVICE_PLAN]) { nodes { ... on SubscribedSku { productName } ... on ServicePlan { displayName } } }`, nil},
	{"Group.assignmentErrors", `groups(first: N) { nodes { assignmentErrors(first: 1000) { nodes { id } } } }`, []step{one, wholeTenant}},

	{"AssignmentError.sku", `assignmentErrors(first: N) { nodes { sku { consumedUnits } } }`, []step{atOnce(pages, one)}},
	{"AssignmentError.sku with allotments", `assignmentErrors(first: N) { nodes { sku { units { free } allotments { id } } } }`, []step{atOnce(pages, one, one)}},
	{"AssignmentError.sku of given errors", `assignmentError(id: $errors) { sku { units { free } } }`, []step{atOnce(each, one)}},
	{"AssignmentError.sku names", `assignmentErrors(first: N) { nodes { sku { productName } } }`, []step{pages}},
	{"AssignmentError.assignedTo", `assignmentErrors(first: N) { nodes { assignedTo { displayName ... on User { userPrincipalName } } } }`, []step{pages}},
	{"AssignmentError.assignedTo with more", `assignmentErrors(first: N) { nodes { assignedTo { ... on User { department } } } }`, []step{pages, one}},
	{"AssignmentError.assignedTo with states", `assignmentErrors(first: N) { nodes { assignedTo { id ... on User { licenseAssignmentStates { state } } } } }`,
		[]step{pages, chunksAt("assignmentErrors.nodes.assignedTo.id")}},
	{"AssignmentError.servicePlans", `assignmentErrors(first: N) { nodes { servicePlans { displayName } } }`, []step{pages}},
	{"AssignmentError.servicePlans with more", `assignmentErrors(first: N) { nodes { servicePlans { provisioningStatus } } }`, []step{pages, one}},
	{"AssignmentError.licenseAssignmentStates", `assignmentErrors(first: N) { nodes { assignedTo { id } licenseAssignmentStates { state } } }`,
		[]step{pages, chunksAt("assignmentErrors.nodes.assignedTo.id")}},
	{"AssignmentError.remedy", `assignmentErrors(first: N) { nodes { code assignedTo { id } remedy { action } } }`, []step{pages}},

	{"AssignmentError.fixes", `assignmentErrors(first: N) { nodes { assignedTo { id } fixes { variables } } }`,
		[]step{pages, atOnce(chunksAt("assignmentErrors.nodes.assignedTo.id"), one), fixedGroups}},

	{"LicenseAssignmentState.sku", `users(first: N) { nodes { licenseAssignmentStates { sku { consumedUnits } } } }`, []step{atOnce(one, one)}},
	{"LicenseAssignmentState.sku names", `users(first: N) { nodes { licenseAssignmentStates { sku { productName } } } }`, []step{one}},
	{"LicenseAssignmentState.assignedByGroup", `users(first: N) { nodes { licenseAssignmentStates { assignedByGroup { displayName } } } }`, []step{one, one}},
	{"LicenseAssignmentState.assignedByGroup id", `users(first: N) { nodes { licenseAssignmentStates { assignedByGroup { id } } } }`, []step{one}},
	{"LicenseAssignmentState.disabledPlans", `users(first: N) { nodes { licenseAssignmentStates { disabledPlans { displayName } } } }`, []step{one}},
	{"LicenseAssignmentState.disabledPlans with more", `users(first: N) { nodes { licenseAssignmentStates { disabledPlans { provisioningStatus } } } }`, []step{one, one}},
	{"AssignedLicense.sku", `users(first: N) { nodes { assignedLicenses { sku { consumedUnits } } } }`, []step{atOnce(one, one)}},
	{"AssignedLicense.sku of named people", `user(userPrincipalName: $names) { assignedLicenses { sku { units { free } } } }`, []step{atOnce(chunks, one)}},
	{"AssignedLicense.sku of groups", `groups(first: N) { nodes { assignedLicenses { sku { productName } } } }`, []step{one}},
	{"AssignedLicense.disabledPlans", `users(first: N) { nodes { assignedLicenses { disabledPlans { displayName } } } }`, []step{one}},
	{"AssignedLicense.disabledPlans with more", `users(first: N) { nodes { assignedLicenses { disabledPlans { provisioningStatus } } } }`, []step{one, one}},

	{"User.licenseAssignmentStates", `users(first: N) { nodes { licenseAssignmentStates { skuId state error } } }`, []step{one}},
	{"LicenseChange.added", `users(first: N) { nodes { licenseChanges { added { consumedUnits } } } }`, []step{atOnce(one, one), each}},
	{"LicenseChange.removed", `users(first: N) { nodes { licenseChanges(first: 1) { removed { consumedUnits } } } }`, []step{atOnce(one, one), each}},
	{"LicenseChange.added names", `users(first: N) { nodes { licenseChanges { added { productName } removed { skuId } } } }`, []step{one, each}},
	{"LicenseDetails.sku", `users(first: N) { nodes { licenseDetails { sku { consumedUnits } } } }`, []step{atOnce(one, one), each}},
	{"LicenseDetails.sku names", `users(first: N) { nodes { licenseDetails { sku { productName } } } }`, []step{one, each}},
	{"User.assignmentErrors with assignees", `users(first: N) { nodes { assignmentErrors { code assignedTo { id } } } }`, []step{one, each}},
	{"User.usageRights of a product", `users(first: N) { nodes { usageRights(skuIds: ["` + skuE3 + `"]) { id } } }`, []step{one, each}},
	{"User.usageRights with a plan", `users(first: N) { nodes { usageRights(planIds: ["efb87545-963c-4e0d-99df-69c6916d9eb0"]) { id } } }`, []step{one, each}},
	{"User.usageRights and everything else", `users(first: N) { nodes { assignments { id } usageRights { id } assignmentErrors { id } waitingMembers { id } licenseDetails { id } } }`,
		[]step{one, several(5, 0)}},
	{"Query.nodes with states only", `nodes(ids: [$users]) { ... on User { licenseAssignmentStates { state } } }`, []step{one, chunks}},
	{"User.usageRights of given people alone", `user(id: $users) { usageRights { id } }`, []step{several(1, 1)}},
	{"Group.usageRights of given groups alone", `group(id: $groups) { usageRights { id } }`, []step{several(1, 1)}},
	{"User.usageRights of given people", `user(id: $users) { displayName usageRights { id } assignmentErrors { id } assignments { id } }`, []step{several(3, 1)}},
	{"User.usageRights of given people with states", `user(id: $users) { displayName licenseAssignmentStates { state } usageRights { id } }`, []step{atOnce(chunks, each)}},
	{"User.usageRights of entities", `_entities(representations: [$User]) { ... on User { displayName usageRights { id } } }`, []step{several(1, 1)}},
	{"User.usageRights of named people", `user(userPrincipalName: $names) { displayName usageRights { id } }`, []step{chunks, each}}, // the response has the ID
	{"User.licenseDetails of given people", `user(id: $users) { displayName licenseDetails { sku { units { free } } } waitingMembers { id } }`, []step{several(2, 2)}},

	{"UsageRight.sku", `users(first: N) { nodes { usageRights { sku { consumedUnits } } } }`, []step{atOnce(one, one), each}},
	{"UsageRight.sku names", `users(first: N) { nodes { usageRights { sku { productName } } } }`, []step{one, each}},
	{"UsageRight.assignments", `users(first: N) { nodes { usageRights { assignments { id disabledServicePlanIds } } } }`, []step{one, each}},
	{"UsageRight.assignments with assignees", `users(first: N) { nodes { usageRights { assignments { id assignedTo { displayName } allotment { skuPartNumber } } } } }`,
		[]step{one, each, eachAt("users.nodes.usageRights.assignments.id")}},
	{"UsageRight.allotments", `users(first: N) { nodes { usageRights { allotments { skuPartNumber consumedUnits } } } }`, []step{one, each}},
	{"UsageRight.allotments and assignments", `users(first: N) { nodes { usageRights { allotments { id } assignments { id } } } }`, []step{one, each}},
	{"UsageRight.assignments of errors", `assignmentErrors(first: N) { nodes { usageRight { id holderId assignments { id } } } }`, []step{pages, each}},
	{"UsageRight.assignments of groups", `groups(first: N) { nodes { usageRights { assignments { id } } } }`, []step{one, each}},

	{"Group.members with states", `groups(first: N) { nodes { members(first: 2) { nodes { ... on User { id licenseAssignmentStates { state } } } } } }`,
		[]step{one, each, chunksAt("groups.nodes.members.nodes.id")}},
	{"Group.members of given groups", `group(id: $groups) { displayName members(first: 5) { nodes { id } } membersWithLicenseErrors(first: 5) { nodes { id } } usageRights { id } assignments { id } }`,
		[]step{several(4, 1)}},

	{"Device.usageRights", `nodes(ids: [$devices]) { ... on Device { usageRights { assignments { id } allotments { id } } } }`, []step{one, each}},
	{"Device.usageRights of entities", `_entities(representations: [$Device]) { ... on Device { displayName usageRights { id } waitingMembers { id } } }`, []step{several(2, 1)}},
	{"Device.waitingMembers", `nodes(ids: [$devices]) { ... on Device { waitingMembers { id } } }`, []step{one, each}},

	{"SubscribedSku.allotments", `subscribedSkus(first: N) { nodes { allotments { availableUnits } } }`, []step{atOnce(one, one)}},
	{"SubscribedSku.assignmentErrors of given products", `subscribedSku(skuId: $products) { units { free } allotments { id } assignmentErrors { nodes { id } } }`, []step{several(1, 2)}},
	{"SubscribedSku.assignmentErrors in pages", `subscribedSkus(first: N) { nodes { assignmentErrors(first: 1000) { nodes { id } } } }`,
		[]step{one, pagesAt("subscribedSkus", "assignmentErrors")}},
	{"ServicePlan.subscribedSkus", `subscribedSkus(first: N) { nodes { servicePlans { subscribedSkus { consumedUnits } } } }`, []step{one}},
	{"ServicePlan.subscribedSkus of people", `users(first: N) { nodes { licenseAssignmentStates { disabledPlans { subscribedSkus { consumedUnits } } } } }`, []step{atOnce(one, one)}},
}

// allEdgeCosts returns edgeCosts and the rows that follow from @upstream, of the other edges of objects with a root list.
func allEdgeCosts() []edgeCost {
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	have := map[string]bool{}
	for _, row := range edgeCosts {
		have[row.name] = true
	}
	rows := slices.Clone(edgeCosts)
	for _, root := range schema.Query.Fields {
		parent, isList := strings.CutSuffix(root.Type.Name(), "Connection")
		if !isList || schema.Types[parent] == nil || schema.Types[parent].Kind != ast.Object { // of a union, and findingCosts
			continue
		}
		for _, field := range schema.Types[parent].Fields {
			edge := kindsAnnounced(field.Directives.ForName("upstream"))
			if name := parent + "." + field.Name; len(edge) == 1 && !have[name] && elsewhere[name] == nil {
				rows = append(rows, edgeCost{name, root.Name + "(first: N) { nodes { " + selectionOf(schema, field) + " } }", stepsOf(root, edge[0])})
			}
		}
	}
	return rows
}

// stepsOf returns the reads of a root list and of an edge of its objects, by the kind in @upstream.
func stepsOf(root *ast.FieldDefinition, edge string) []step {
	list := one
	if slices.Contains(kindsAnnounced(root.Directives.ForName("upstream")), "pageSize 100") {
		list = pages
	}
	switch edge {
	case "once":
		return []step{withOrAfter(list)}
	case "shared 15":
		return []step{list, chunks}
	case "shared 1000":
		return []step{list, one}
	default:
		return []step{list, each}
	}
}

// withOrAfter returns a list and one more read, in a batch with the list or after it.
func withOrAfter(list step) step {
	return func(n int, r response) []int {
		if r.Extensions.Upstream.BatchParts > 0 {
			return atOnce(list, one)(n, r)
		}
		return append(list(n, r), 1)
	}
}

// selectionOf returns a field with all properties of its objects, or of the first one of its connection.
func selectionOf(schema *ast.Schema, field *ast.FieldDefinition) string {
	typeName, isConnection := strings.CutSuffix(field.Type.Name(), "Connection")
	text := "__typename"
	for _, property := range schema.Types[typeName].Fields {
		if schema.Types[property.Type.Name()].IsLeafType() && len(property.Arguments) == 0 && property.Directives.ForName("upstream") == nil && !strings.HasPrefix(property.Name, "__") {
			text += " " + property.Name
		}
	}
	if isConnection {
		return field.Name + "(first: 1) { nodes { " + text + " } }"
	}
	return field.Name + " { " + text + " }"
}

// edgeTenant is a tenant with the values of the placeholders, in GraphQL syntax.
type edgeTenant struct {
	*gateway
	lists map[string][]string
	sizes map[string]int // of the root connections
}

func startEdgeTenant(t *testing.T) *edgeTenant {
	t.Helper()
	g := startGateway(t, emulator.Options{Users: 2000, Variants: emulator.Variants{
		Devices: true, ReportNames: true, Throttling: emulator.Throttling{Off: true}, // faster than the service would allow
	}})
	e := &edgeTenant{gateway: g, lists: map[string][]string{}, sizes: map[string]int{}}
	r := g.ask(`{
		users(first: 999) { nodes { id userPrincipalName } }
		groups(first: 999) { nodes { id members(first: 999) { nodes { __typename id } } } }
		allotments(first: 1000) { nodes { id } }
		assignments(first: 1000) { nodes { id } }
		assignmentErrors(first: 1000) { nodes { id } }
		subscribedSkus(first: 1000) { nodes { id skuId } }
		companySubscriptions(first: 1000) { nodes { id } }
		rights: users(first: 200) { nodes { usageRights { holderId id } } }
	}`, nil)
	if len(r.Errors) > 0 {
		t.Fatal(r.Errors)
	}
	list := func(name, form string, keys ...string) func(object) {
		return func(o object) {
			var values []any
			for _, key := range keys {
				values = append(values, o[key])
			}
			e.lists[name] = append(e.lists[name], fmt.Sprintf(form, values...))
		}
	}
	for root, lists := range map[string][]func(object){
		"users": {
			list("users", "%q", "id"), list("names", "%q", "userPrincipalName"),
			list("User", `{__typename: "User", id: %q}`, "id"), list("UserByName", `{__typename: "User", userPrincipalName: %q}`, "userPrincipalName"),
		},
		"groups":               {list("groups", "%q", "id"), list("Group", `{__typename: "Group", id: %q}`, "id")},
		"allotments":           {list("allotments", "%q", "id"), list("Allotment", `{__typename: "Allotment", id: %q}`, "id")},
		"assignments":          {list("assignments", "%q", "id"), list("Assignment", `{__typename: "Assignment", id: %q}`, "id")},
		"companySubscriptions": {},
		"assignmentErrors":     {list("AssignmentError", `{__typename: "AssignmentError", id: %q}`, "id")},
		"subscribedSkus": {
			list("subscriptions", "%q", "id"), list("products", "%q", "skuId"), list("SubscribedSku", `{__typename: "SubscribedSku", skuId: %q}`, "skuId"),
		},
	} {
		nodes := r.Data[root].(object)["nodes"].([]any)
		e.sizes[root] = len(nodes)
		for _, node := range nodes {
			for _, add := range lists {
				add(node.(object))
			}
		}
	}
	const guid = 36
	for _, id := range valuesAt(r.Data, "assignmentErrors.nodes.id") {
		name := "longErrors"
		if len(id) == guid { // the length of a directory object ID
			name = "errors"
		}
		e.lists[name] = append(e.lists[name], fmt.Sprintf("%q", id))
	}
	devices := map[string]bool{}
	walk(r.Data, func(o object) {
		if o["__typename"] == "Device" && !devices[o["id"].(string)] {
			devices[o["id"].(string)] = true
			list("devices", "%q", "id")(o)
			list("Device", `{__typename: "Device", id: %q}`, "id")(o)
		}
		if o["holderId"] != nil {
			list("UsageRight", `{__typename: "UsageRight", holderId: %q, id: %q}`, "holderId", "id")(o)
		}
	})
	for name, list := range e.lists {
		if len(list) < 10 {
			t.Fatalf("%d %s: the test covers nothing", len(list), name)
		}
	}
	g.forget()
	return e
}

var listName = regexp.MustCompile(`\$\w+`)

// question returns a query for n parents, or as many as the tenant has, and their number.
func (e *edgeTenant) question(query string, n int) (text string, parents int) {
	name := listName.FindString(query)
	root, _, _ := strings.Cut(query, "(")
	if name == "" {
		return "{ " + strings.ReplaceAll(query, "first: N", fmt.Sprint("first: ", n)) + " }", min(n, e.sizes[root])
	}
	list := e.lists[name[1:]]
	list = list[:min(n, len(list))]
	if strings.Contains(query, "["+name+"]") {
		if root == "nodes" {
			list = list[:min(100, len(list))] // the limit of the field
		}
		return "{ " + strings.Replace(query, name, strings.Join(list, ", "), 1) + " }", len(list)
	}
	for i, id := range list {
		text += fmt.Sprintf(" a%d: %s", i, strings.Replace(query, name, id, 1))
	}
	return "{" + text + " }", len(list)
}

// parentsOf counts the parents in a response.
func parentsOf(r response) (found int) {
	roots := slices.Collect(maps.Values(r.Data))
	for _, value := range roots {
		switch v := value.(type) {
		case []any:
			roots = v
		case object:
			if nodes, ok := v["nodes"].([]any); ok {
				roots = nodes
			}
		}
	}
	for _, value := range roots {
		if value != nil {
			found++
		}
	}
	return found
}

// shows reports whether a response has a value at a field.
func shows(r response, field string) (found bool) {
	walk(r.Data, func(o object) {
		switch v := o[field].(type) {
		case nil:
		case []any:
			found = found || len(v) > 0
		case object:
			nodes, connection := v["nodes"].([]any)
			found = found || !connection || len(nodes) > 0
		default:
			found = true
		}
	})
	return found
}

// TestEdgeCosts tests the upstream requests and batch parts of each root field and edge: for one parent, for more
// than a batch has, and for more than a page has.
func TestEdgeCosts(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	e := startEdgeTenant(t)
	upstream := newEstimator(t)
	for _, tt := range allEdgeCosts() {
		t.Run(tt.name, func(t *testing.T) {
			e.t = t
			first, _ := e.question(tt.query, 1)
			field := tt.field()
			e.ask(first, nil) // probes the capabilities
			asked, shown := 0, false
			for _, n := range []int{1, 21, 101} {
				text, parents := e.question(tt.query, n)
				if parents == asked {
					continue // the tenant has no more
				}
				asked = parents
				e.reset()
				r := e.ask(text, nil)
				if got := parentsOf(r); got != parents {
					t.Fatalf("%d parents, want %d: %.1000s", got, parents, r.raw)
				}
				if estimate, got := upstream.of(t, text, nil), requestsOf(r); got > estimate {
					t.Errorf("%d parents: took %d requests, @upstream announces %d", parents, got, estimate)
				}
				shown = shown || shows(r, field)
				var rounds []int
				for _, reads := range tt.steps {
					rounds = append(rounds, reads(parents, r)...)
				}
				requests, parts := carried(rounds)
				if got := r.Extensions.Upstream.BatchParts; got != parts {
					t.Errorf("%d parents: %d batch parts, want %d in rounds %v", parents, got, parts, rounds)
				}
				e.readsNobodyElse(strings.HasPrefix(tt.query, "users("))
				e.answered(r, requests)
			}
			if !shown && field != "" && tt.name != "Device.waitingMembers" { // no device waits
				t.Error("the edge has no objects: its row lacks a required property, or the test covers nothing")
			}
		})
	}
}

// readsNobodyElse checks that users are read by ID and not as a list, except for one requested page.
func (g *gateway) readsNobodyElse(page bool) {
	g.t.Helper()
	for _, request := range g.tenant.Requests() {
		if request.Endpoint != usersEndpoint || strings.Contains(request.URL, "$filter=") {
			continue
		}
		if !page {
			g.t.Errorf("users were read that were not requested: %s", request.URL)
		}
		page = false
	}
}

// overviewCosts are the parts of the overview for a tenant with this number of users with errors and of exhausted
// allotments. Steps get the number of errors as n.
func overviewCosts(people, exhausted int) []edgeCost {
	states := func(int, response) []int { return []int{ceil(people, 15)} }
	queues := func(int, response) []int { return []int{exhausted} }
	groups := atMostOne("licensingOverview.assignmentErrors.byGroup.group.displayName")
	// together returns the reads of all parts, with errors read page by page.
	together := func(errs int, r response) []int {
		rounds := append(pages(errs, r), states(errs, r)...)
		rounds = append(rounds, groups(errs, r)...)
		rounds[0] += 2         // both lists of the tenant
		rounds[1] += exhausted // one per exhausted allotment
		return rounds
	}
	return []edgeCost{
		{"Query.licensingOverview", `__typename`, nil},
		{"LicensingOverview.products", `products { sku { skuPartNumber } units { free } }`, []step{one}},
		{"ProductOverview.nextLifecycleDate", `products { nextLifecycleDate }`, []step{several(0, 2)}},
		{"LicensingOverview.assignmentErrors", `assignmentErrors { total byCode { count } byProduct { skuId count } }`, []step{pages}},
		{"AssignmentErrorsOfProduct.sku", `assignmentErrors { byProduct { sku { consumedUnits } } }`, []step{pages, one}},
		{"AssignmentErrorsOfProduct.sku names", `assignmentErrors { byProduct { sku { productName } } }`, []step{pages}},
		{"AssignmentErrorOverview.byGroup", `assignmentErrors { byGroup { count group { id } } }`, []step{pages, states}},
		{"AssignmentErrorOverview.withoutSource", `assignmentErrors { withoutSource byGroup { count } }`, []step{pages, states}},
		{"AssignmentErrorsOfGroup.group", `assignmentErrors { byGroup { group { displayName } } }`, []step{pages, states, groups}},
		{"LicensingOverview.waitingMembers", `waitingMembers { count longestSince allotment { skuPartNumber } }`, []step{one, queues}},
		{"Query.licensingOverview of everything", `
			products { sku { productName } nextLifecycleDate }
			assignmentErrors { byProduct { sku { consumedUnits } } byGroup { group { displayName } } }
			waitingMembers { count allotment { skuPartNumber } }`, []step{together}},
	}
}

// TestOverviewCosts tests the cost of the overview for tenants of 1, 50, 200 and 1000 users.
func TestOverviewCosts(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	for _, users := range []int{1, 50, 200, 1000} {
		t.Run(fmt.Sprint(users), func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: users})
			r := g.ask(`{ assignmentErrors(first: 1000) { nodes { id assignedTo { id } } } allotments(filter: {minAvailableUnits: 1}) { totalCount } all: allotments { totalCount } }`, nil)
			totals := func(name string) int { return int(r.Data[name].(object)["totalCount"].(float64)) }
			errs, people := valuesAt(r.Data, "assignmentErrors.nodes.id"), valuesAt(r.Data, "assignmentErrors.nodes.assignedTo.id")
			for _, tt := range overviewCosts(len(people), totals("all")-totals("allotments")) {
				t.Run(tt.name, func(t *testing.T) {
					g.t = t
					text := `{ licensingOverview { ` + tt.query + ` } }`
					g.ask(text, nil)
					g.forget()
					r := g.ask(text, nil)
					var rounds []int
					for _, reads := range tt.steps {
						rounds = append(rounds, reads(len(errs), r)...)
					}
					requests, parts := carried(rounds)
					if got := r.Extensions.Upstream.BatchParts; got != parts {
						t.Errorf("%d batch parts, want %d in rounds %v", got, parts, rounds)
					}
					if field := tt.field(); field != "" && users == 1000 && !shows(r, field) {
						t.Error("the edge has no objects: its row lacks a required property, or the test covers nothing")
					}
					g.readsNobodyElse(false)
					g.answered(r, requests)
				})
			}
		})
	}
}

// TestCostOfAnyIDs tests that the list of allotments is read once for several IDs, whether or not they can be
// directory IDs.
func TestCostOfAnyIDs(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	e := startEdgeTenant(t)
	text := "{"
	for i, id := range slices.Concat(e.lists["errors"][:2], e.lists["longErrors"][:2]) {
		text += fmt.Sprintf(" a%d: node(id: %s) { id }", i, id)
	}
	e.answered(e.ask(text+" }", nil), 2)
}

// TestCostOfNothing tests that missing objects and the fields below them cost one request and return one error.
func TestCostOfNothing(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{Users: 20, Variants: emulator.Variants{Devices: true}})
	const none = `"11111111-2222-4333-8444-555555555555"`
	person := g.nodesOf(t, "users", "first: 1", "id")[0]["id"].(string)
	const ofUser = ` displayName usageRights { id } assignmentErrors { id } assignments { id } `
	for _, tt := range []struct {
		query, path string
		parts       int
	}{
		{`user(id: ` + none + `) {` + ofUser + `}`, "user", 4},
		{`user(id: ` + none + `) {` + ofUser + `licenseDetails { id } waitingMembers { id } assignedLicenses { sku { units { free } } } }`, "user", 7},
		{fmt.Sprintf(`a: user(id: %q) {`, person) + ofUser + `} b: user(id: ` + none + `) {` + ofUser + `}`, "b", 7},
		{`group(id: ` + none + `) { displayName usageRights { id } assignments { id } members { nodes { id } } membersWithLicenseErrors { nodes { id } } }`, "group", 5},
		{`allotment(id: ` + none + `) { skuPartNumber assignments { nodes { id } } waitingMembers { nodes { id } } }`, "allotment", 3},
		{`subscribedSku(skuId: ` + none + `) { units { free } allotments { id } assignmentErrors { nodes { id } } }`, "subscribedSku", 3},
		{`_entities(representations: [{__typename: "User", id: ` + none + `}]) { ... on User {` + ofUser + `} }`, "_entities.#", 4},
		{`_entities(representations: [{__typename: "Group", id: ` + none + `}]) { ... on Group { displayName members { nodes { id } } } }`, "_entities.#", 2},
		{`_entities(representations: [{__typename: "Device", id: ` + none + `}]) { ... on Device { displayName usageRights { id } waitingMembers { id } } }`, "_entities.#", 3},
	} {
		t.Run(tt.query, func(t *testing.T) {
			g.t = t
			g.forget()
			r := g.ask("{ "+tt.query+" }", nil)
			errs := clientErrors(r)
			if entity := strings.HasPrefix(tt.path, "_entities"); entity && len(errs) > 0 {
				t.Errorf("want no error: %s", r.raw)
			} else if !entity && (len(errs) != 1 || errs[0].Code != "NOT_FOUND" || errs[0].Path != tt.path || errs[0].Count > 0) {
				t.Errorf("want one NOT_FOUND at %s: %s", tt.path, r.raw)
			}
			for name, value := range r.Data {
				if found := parentsOf(response{Data: object{name: value}}) > 0; found != (name == "a") {
					t.Errorf("%s: %s", name, r.raw)
				}
			}
			if got := r.Extensions.Upstream.BatchParts; got != tt.parts {
				t.Errorf("%d batch parts, want %d", got, tt.parts)
			}
			if said := g.log.String(); said != "" {
				t.Errorf("unexpected log: %s", said)
			}
			g.answered(r, 1)
		})
	}
}

// TestBadInputCostsNothing tests that invalid input is rejected before any request, lists of the tenant included.
func TestBadInputCostsNothing(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 50})
	r := g.ask(`{ users(first: 1) { pageInfo { endCursor } } groups(first: 1) { pageInfo { endCursor } } allotments(first: 1) { pageInfo { endCursor } } }`, nil)
	var cursors []string // by list
	for field, connection := range r.Data {
		cursors = append(cursors, "$"+field, fmt.Sprintf("%q", connection.(object)["pageInfo"].(object)["endCursor"]))
	}
	const (
		guid        = "11111111-2222-4333-8444-555555555555"
		lists       = `units { free } allotments { id }`
		ofProduct   = `sku { ` + lists + ` }`
		ofLicenses  = `assignedLicenses { ` + ofProduct + ` }`
		ofAllotment = `allotment { ` + ofProduct + ` }`
	)
	for root, tt := range map[string]struct {
		selected  string
		arguments []string
	}{
		"users": {`nodes { ` + ofLicenses + ` }`, []string{
			`first: 0`, `first: 1000`, `after: "x"`, `after: $groups`, `filter: {licensed: true}, after: $users`,
			`filter: {hasLicenseErrors: false}`, `filter: {assignedByGroup: "x"}`, `filter: {displayNameStartsWith: ""}`,
		}},
		"groups":           {`nodes { ` + ofLicenses + ` }`, []string{`first: 0`, `after: $users`, `filter: {hasMembersWithLicenseErrors: false}`}},
		"allotments":       {`nodes { ` + ofProduct + ` }`, []string{`first: 0`, `last: 0`, `first: 1, last: 1`, `after: $users`, `before: $groups`}},
		"subscribedSkus":   {`nodes { ` + lists + ` }`, []string{`first: 0`, `first: 1001`, `after: $allotments`}},
		"assignments":      {`nodes { ` + ofAllotment + ` }`, []string{`first: 0`, `after: $users`}},
		"assignmentErrors": {`nodes { ` + ofProduct + ` }`, []string{`first: 0`, `after: $users`}},

		"user":            {ofLicenses, []string{`id: "x"`, `id: null`, `userPrincipalName: "x"`, `id: "` + guid + `", userPrincipalName: "a@example.com"`}},
		"group":           {ofLicenses, []string{`id: "x"`}},
		"allotment":       {ofProduct, []string{`id: ""`, `id: "a/b"`}},
		"assignment":      {ofAllotment, []string{`id: "a/b"`}},
		"assignmentError": {ofProduct, []string{`id: "a/b"`}},
		"subscribedSku":   {lists, []string{`skuId: "x"`}},
		"node":            {`... on SubscribedSku { ` + lists + ` }`, []string{`id: "a/b"`}},
		"_entities": {
			`... on User { ` + ofLicenses + ` } ... on Group { ` + ofLicenses + ` } ... on Device { usageRights { ` + ofProduct + ` } } ... on Allotment { ` + ofProduct + ` }
			... on Assignment { ` + ofAllotment + ` } ... on AssignmentError { ` + ofProduct + ` } ... on UsageRight { ` + ofProduct + ` } ... on SubscribedSku { ` + lists + ` }`,
			[]string{
				`representations: {__typename: "User", id: "x"}`, `representations: {__typename: "User", userPrincipalName: "x"}`,
				`representations: {__typename: "Group", id: "x"}`, `representations: {__typename: "Device", id: "x"}`,
				`representations: {__typename: "Allotment", id: "a/b"}`, `representations: {__typename: "Assignment", id: "a/b"}`,
				`representations: {__typename: "AssignmentError", id: "a/b"}`, `representations: {__typename: "SubscribedSku", skuId: "x"}`,
				`representations: {__typename: "UsageRight", holderId: "x", id: "y"}`, `representations: {__typename: "UsageRight", holderId: "` + guid + `", id: "a/b"}`,
			},
		},
	} {
		for _, arguments := range tt.arguments {
			t.Run(root+"("+arguments+")", func(t *testing.T) {
				g.t = t
				g.forget()
				path := root
				if root == "_entities" {
					path = "_entities.#"
				}
				query := fmt.Sprintf("{ %s(%s) { %s } }", root, strings.NewReplacer(cursors...).Replace(arguments), tt.selected)
				g.unasked(t, g.ask(query, nil), path)
			})
		}
	}
}

// TestCostOfMe tests the cost of `me`: one request, and one for all fields below.
func TestCostOfMe(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{Users: 50})
	person := g.nodesOf(t, "users", "first: 1", "id")[0]["id"].(string)
	g.person = personalToken(g.tenant.DelegatedToken(person, "User.Read.All", "CloudLicensing.Read", "User-UsageRight.Read"))
	g.restart()
	g.forget()
	g.answered(g.ask(`{ me { displayName licenseAssignmentStates { state } } }`, nil), 1)
	g.answered(g.ask(`{ me { displayName usageRights { id } assignmentErrors { id } } }`, nil), 2)
}

// TestEveryEdgeHasItsCost tests that there is a row for each root field and edge.
func TestEveryEdgeHasItsCost(t *testing.T) {
	t.Parallel()
	have := map[string]bool{"query.me": true, "query.viewer": true} // TestCostOfMe, TestViewer
	for _, row := range slices.Concat(allEdgeCosts(), overviewCosts(0, 0), findingQueries()) {
		name, _, _ := strings.Cut(row.name, " ")
		have[strings.ToLower(name)] = true
	}
	want := map[string]bool{}
	for root := range reflect.TypeFor[generated.ResolverRoot]().Methods() {
		// Mutations and payloads have tests of their own.
		if root.Name == "Mutation" || root.Name == "PredictedEffect" || strings.HasSuffix(root.Name, "Payload") || strings.HasSuffix(root.Name, "Result") {
			continue
		}
		for field := range root.Type.Out(0).Methods() {
			want[strings.ToLower(root.Name+"."+field.Name)] = true
		}
	}
	if len(want) < 60 {
		t.Errorf("%d fields with resolvers: the test covers nothing", len(want))
	}
	if diff := difference(want, have); diff != "" {
		t.Errorf("edgeCosts (-resolvers +rows):\n%s", diff)
	}
}

// TestAllotmentsOnce tests that concurrent fields read the list of allotments once.
func TestAllotmentsOnce(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	ids := idsOf(g.nodesOf(t, "allotments", "first: 3", "id"))
	g.forget()
	g.answered(g.ask(fmt.Sprintf(`{ a: allotment(id: %q) { sku { allotments { id } } } b: allotment(id: %q) { sku { allotments { id } } } c: allotments { totalCount } }`, ids[0], ids[1]), nil), 1)
}
