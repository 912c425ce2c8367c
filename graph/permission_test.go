package graph_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"licensegraph/internal/emulator"
)

// Least application permissions by Microsoft's reference pages.
const (
	readLicensing   = "CloudLicensing.Read.All"
	readUserRights  = "User-UsageRight.Read.All"
	readGroupRights = "Group-UsageRight.Read.All"
	readDevRights   = "CloudLicensing-UsageRights.Read.All"
	readDevQueues   = "Device-CloudLicensing.Read.All"
	readPeople      = "User.Read.All"
	readGroups      = "GroupMember.Read.All"
	readProducts    = "LicenseAssignment.Read.All"
	readPurchases   = "Organization.Read.All"
	readDirectory   = "Directory.Read.All"
	assignUnits     = "CloudLicensing.AssignLicenses.Organization"
	assignToDevices = "CloudLicensing-Assignment.ReadWrite.All"
	assignLicenses  = "LicenseAssignment.ReadWrite.All"
)

// withRoles restarts the gateway with an application that has these permissions.
func (g *gateway) withRoles(roles ...string) {
	g.tenant.SetVariants(emulator.Variants{Devices: true, ReportNames: true, Roles: roles, Throttling: emulator.Throttling{Off: true}})
	g.restart()
	g.forget()
}

// permissionCase is a query with one field that requires a permission.
type permissionCase struct {
	field, permission string
	roles             []string // for the other fields
	query             string
	lost              string // # for any index
}

// members returns a query for members of which only types and IDs are returned.
func members(edge string) (query, lost string) {
	field, _, _ := strings.Cut(edge, " ")
	return `group(id: $waiting) { id members(first: 3) { nodes { id ... on User { ` + edge + ` } } } }`, "group.members.nodes.#." + field
}

func permissionCases() []permissionCase {
	const products, people, group = ` subscribedSkus(first: 2) { nodes { skuId } }`, ` users(first: 2) { nodes { id } }`, ` group(id: $group) { id }`
	ofPeople := func(field, permission, edge string) permissionCase {
		query, lost := members(edge)
		return permissionCase{field, permission, []string{readGroups}, query, lost}
	}
	return []permissionCase{
		{"Query.users", readPeople, []string{readGroups}, `users(first: 3) { nodes { id } }` + group, "users"},
		{"Query.user", readPeople, []string{readGroups}, `user(id: $person) { id displayName }` + group, "user"},
		ofPeople("User.licenseAssignmentStates", readPeople, "licenseAssignmentStates { state }"),
		{"User.signInActivity", readAudit, []string{readPeople}, `users(first: 3) { nodes { id signInActivity { lastSignInDateTime } } }`, "users.nodes.#.signInActivity"},
		{"User.employeeLeaveDateTime", readLeaves, []string{readPeople}, `users(first: 200) { nodes { id employeeLeaveDateTime } }`, "users.nodes.#.employeeLeaveDateTime"},
		{"User.activity", readReports, []string{readPeople}, `users(first: 3) { nodes { id activity { reportRefreshDate } } }`, "users.nodes.#.activity"},
		ofPeople("User.licenseDetails", readPeople, "licenseDetails { id }"),
		{"User.licenseChanges", readAudit, []string{readPeople}, `user(id: $person) { id licenseChanges { when } }`, "user.licenseChanges"},
		{"Group.licenseChanges", readAudit, []string{readGroups}, `group(id: $group) { id licenseChanges { when } }`, "group.licenseChanges"},
		{"AssignmentError.licenseAssignmentStates", readPeople, []string{readLicensing},
			`assignmentErrors(first: 20) { nodes { id assignedTo { id } licenseAssignmentStates { state } } }`, "assignmentErrors.nodes.#.licenseAssignmentStates"},
		{"AssignmentErrorOverview.byGroup", readPeople, []string{readLicensing}, `licensingOverview { assignmentErrors { total byGroup { count } } }`, "licensingOverview.assignmentErrors.byGroup"},
		{"AssignmentErrorOverview.withoutSource", readPeople, []string{readLicensing}, `licensingOverview { assignmentErrors { total withoutSource } }`, "licensingOverview.assignmentErrors.withoutSource"},

		{"Query.group", readGroups, []string{readPeople}, `group(id: $group) { id displayName }` + people, "group"},
		{"Query.groups", readGroups, []string{readPeople}, `groups { nodes { id } }` + people, "groups"},
		{"Group.members", readGroups, []string{readPeople}, `node(id: $group) { id ... on Group { members(first: 2) { nodes { id } } } }`, "node.members"},
		{"Group.membersWithLicenseErrors", readGroups + " and " + readPeople, []string{readPeople}, `node(id: $waiting) { id ... on Group { membersWithLicenseErrors(first: 2) { nodes { id } } } }`, "node.membersWithLicenseErrors"},

		{"Query.node", readDirectory, []string{readProducts}, `node(id: $person) { id }` + products, "node"},
		{"Query.subscribedSkus", readProducts, []string{readPeople}, `subscribedSkus { nodes { id } }` + people, "subscribedSkus"},
		{"Query.subscribedSku", readProducts, []string{readPeople}, `subscribedSku(skuId: $product) { consumedUnits }` + people, "subscribedSku"},
		{"AssignedLicense.sku", readProducts, []string{readPeople}, `users(first: 9) { nodes { assignedLicenses { skuId sku { consumedUnits } } } }`, "users.nodes.#.assignedLicenses.#.sku"},
		{"AssignedLicense.disabledPlans", readProducts, []string{readPeople}, `user(id: $person) { assignedLicenses { skuId disabledPlans { provisioningStatus } } }`,
			"user.assignedLicenses.#.disabledPlans"},
		{"LicensingOverview.products", readProducts, []string{readLicensing}, `licensingOverview { products { units { free } } waitingMembers { count } }`, "licensingOverview.products"},

		{"Query.companySubscriptions", readPurchases, []string{readProducts}, `companySubscriptions { nodes { id } }` + products, "companySubscriptions"},
		{"Query.subscribedSkus that expire", readPurchases, []string{readProducts}, `subscribedSkus(filter: {expiresBefore: "2999-01-01"}) { nodes { id } } all:` + products, "subscribedSkus"},
		{"SubscribedSku.companySubscriptions", readPurchases, []string{readProducts}, `subscribedSkus { nodes { id companySubscriptions { id } } }`, "subscribedSkus.nodes.#.companySubscriptions"},
		{"AllotmentSubscription.companySubscription", readPurchases, []string{readLicensing}, `allotments { nodes { subscriptions { subscriptionId companySubscription { id } } } }`,
			"allotments.nodes.#.subscriptions.#.companySubscription"},

		{"Query.allotments", readLicensing, []string{readProducts}, `allotments { nodes { id } }` + products, "allotments"},
		{"Query.allotment", readLicensing, []string{readProducts}, `allotment(id: $pool) { id }` + products, "allotment"},
		{"Query.node of an allotment", readLicensing, []string{readProducts}, `node(id: $pool) { id }` + products, "node"},
		{"Query.assignments", readLicensing, []string{readProducts}, `assignments { nodes { id } }` + products, "assignments"},
		{"Query.assignment", readLicensing, []string{readProducts}, `assignment(id: $assignment) { id }` + products, "assignment"},
		{"Query.assignmentErrors", readLicensing, []string{readProducts}, `assignmentErrors { nodes { id } }` + products, "assignmentErrors"},
		{"Query.assignmentError", readLicensing, []string{readProducts}, `assignmentError(id: $error) { id }` + products, "assignmentError"},
		{"AssignmentError.usageRight", readLicensing, []string{readPeople}, `assignmentErrors(first: 20) { nodes { id assignedTo { id } usageRight { id } } }`, "assignmentErrors.nodes.#.usageRight"},
		{"SubscribedSku.allotments", readLicensing, []string{readProducts}, `subscribedSkus { nodes { units { free } allotments { id } } }`, "subscribedSkus.nodes.#.allotments"},
		{"SubscribedSku.assignmentErrors", readLicensing, []string{readProducts}, `subscribedSkus { nodes { units { free } assignmentErrors { nodes { id } } } }`, "subscribedSkus.nodes.#.assignmentErrors"},
		{"ProductOverview.nextLifecycleDate", readLicensing, []string{readProducts}, `licensingOverview { products { units { free } nextLifecycleDate } }`, "licensingOverview.products.#.nextLifecycleDate"},
		{"LicensingOverview.assignmentErrors", readLicensing, []string{readProducts}, `licensingOverview { products { units { free } } assignmentErrors { total } }`, "licensingOverview.assignmentErrors"},
		{"LicensingOverview.waitingMembers", readLicensing, []string{readProducts}, `licensingOverview { products { units { free } } waitingMembers { count } }`, "licensingOverview.waitingMembers"},
		ofPeople("User.assignments", readLicensing, "assignments { id }"),
		ofPeople("User.assignmentErrors", readLicensing, "assignmentErrors { id }"),
		ofPeople("User.waitingMembers", readLicensing, "waitingMembers { id }"),
		ofPeople("User.usageRights", readUserRights, "usageRights { id services { planId } }"),
		{"Group.assignments", readLicensing, []string{readGroups}, `groups { nodes { id assignments { id } } }`, "groups.nodes.#.assignments"},
		{"Group.usageRights", readGroupRights, []string{readGroups}, `groups { nodes { id usageRights { id } } }`, "groups.nodes.#.usageRights"},
		{"Entity.findManyAllotmentByIDs", readLicensing, []string{readProducts}, `_entities(representations: [{__typename: "Allotment", id: $pool}]) { ... on Allotment { id } }` + products, "_entities.#"},
		{"Entity.findManyAssignmentByIDs", readLicensing, []string{readProducts}, `_entities(representations: [{__typename: "Assignment", id: $assignment}]) { ... on Assignment { id } }` + products, "_entities.#"},
		{"Entity.findManyAssignmentErrorByIDs", readLicensing, []string{readProducts}, `_entities(representations: [{__typename: "AssignmentError", id: $error}]) { ... on AssignmentError { id } }` + products, "_entities.#"},
		{"Entity.findManyUsageRightByHolderIDAndIDs", readUserRights, []string{readProducts}, `_entities(representations: [{__typename: "UsageRight", holderId: $person, id: $right}]) { ... on UsageRight { id } }` + products, "_entities.#"},
		{"Device.usageRights", readDevRights, []string{readPeople}, `node(id: $device) { id ... on Device { usageRights { id } } }`, "node.usageRights"},
		{"Device.waitingMembers", readDevQueues, []string{readPeople}, `node(id: $device) { id ... on Device { waitingMembers { id } } }`, "node.waitingMembers"},
	}
}

// taken returns the data with null at a path, which may end in list elements.
func taken(t *testing.T, r response, path string) object {
	t.Helper()
	list, ofList := strings.CutSuffix(path, ".#")
	if !ofList {
		return without(t, r, path)
	}
	data := without(t, r, "")
	data[list] = make([]any, len(data[list].([]any)))
	return data
}

// someIDs returns a replacer of placeholders by IDs of the embedded tenant.
func (g *gateway) someIDs(t *testing.T) *strings.Replacer {
	t.Helper()
	r := g.ask(`{
		allotments(first: 1, orderBy: {field: ALLOTTED_UNITS, direction: DESC}) { nodes { id skuId } }
		assignments(first: 100) { nodes { id assignedTo { __typename id } } }
		assignmentErrors(first: 1) { nodes { id } }
		users(first: 1, filter: {licensed: true}) { nodes { id usageRights { id } } }
		groups(first: 1, filter: {hasMembersWithLicenseErrors: true}) { nodes { id } }
		waiting: groups(first: 1, filter: {displayNameStartsWith: "Copilot – wave 2"}) { nodes { id } }
	}`, nil)
	if len(r.Errors) > 0 {
		t.Fatal(r.Errors)
	}
	first := func(path string) string { return fmt.Sprintf("%q", valuesAt(r.Data, path)[0]) }
	device := ""
	walk(r.Data, func(o object) {
		if o["__typename"] == "Device" {
			device = fmt.Sprintf("%q", o["id"])
		}
	})
	return strings.NewReplacer("$person", first("users.nodes.id"), "$group", first("groups.nodes.id"), "$waiting", first("waiting.nodes.id"),
		"$product", first("allotments.nodes.skuId"), "$pool", first("allotments.nodes.id"), "$assignment", first("assignments.nodes.id"),
		"$error", first("assignmentErrors.nodes.id"), "$right", first("users.nodes.usageRights.id"), "$device", device)
}

// TestPermissions removes each permission. The field that requires it is null with an error that has its name; with
// this permission alone, the field is returned.
func TestPermissions(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 200, Variants: emulator.Variants{Devices: true, ReportNames: true}})
	ids := g.someIDs(t)
	for _, tt := range permissionCases() {
		t.Run(tt.field, func(t *testing.T) {
			query := "{ " + ids.Replace(tt.query) + " }"
			g.withRoles(allRoles...)
			whole := g.ask(query, nil)
			nulled := taken(t, whole, tt.lost)
			if len(whole.Errors) > 0 || gocmp.Equal(nulled, whole.Data) {
				t.Fatalf("the test covers nothing: %s", whole.raw)
			}
			g.withRoles(tt.roles...)
			r := g.ask(query, nil)
			refused := r
			errs := clientErrors(r)
			if len(errs) != 1 || errs[0].Code != "FORBIDDEN" || errs[0].Path != tt.lost || errs[0].Permission != tt.permission || errs[0].Retryable {
				t.Errorf("%+v, want FORBIDDEN at %s for %s", errs, tt.lost, tt.permission)
			}
			g.fails(t, r, nulled, errs...)

			g.withRoles(append(slices.Clone(tt.roles), strings.Split(tt.permission, " and ")...)...)
			if r = g.ask(query, nil); len(r.Errors) > 0 {
				t.Errorf("with %s: %v", tt.permission, r.Errors)
			}
			if diff := difference(whole.Data, r.Data); diff != "" {
				t.Errorf("with %s (-all permissions +this one):\n%s", tt.permission, diff)
			}

			others := alternatives(refused)
			if (strings.Contains(tt.permission, "CloudLicensing") || tt.permission == readPurchases) != (len(others) > 0) && !strings.Contains(tt.permission, "UsageRight") {
				t.Errorf("%s has the alternatives %v", tt.permission, others)
			}
			for _, other := range others {
				g.withRoles(append(slices.Clone(tt.roles), other)...)
				r = g.ask(query, nil)
				if diff := difference(whole.Data, r.Data); diff != "" || len(r.Errors) > 0 {
					t.Errorf("with %s: %v (-all permissions +this one):\n%s", other, r.Errors, diff)
				}
			}
		})
	}
}

// alternatives returns the permission alternatives of an error.
func alternatives(r response) (others []string) {
	for _, e := range r.Errors {
		list, _ := e.Extensions["permissionAlternatives"].([]any)
		for _, other := range list {
			if others = append(others, other.(string)); !strings.Contains(e.Message, other.(string)) {
				return []string{"not in the message: " + e.Message}
			}
		}
	}
	return others
}

// allRoles are all permissions.
var allRoles = []string{
	readLicensing, readUserRights, readGroupRights, readDevRights, readDevQueues, readPeople, readGroups, readProducts, readPurchases, readDirectory,
	assignUnits, assignToDevices, assignLicenses, readAudit, readLeaves, readReports,
}

// TestWithoutLicensingPermissions tests an application with directory permissions only: each kind of licensing read
// has one error.
func TestWithoutLicensingPermissions(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	ids := g.someIDs(t)
	query := ids.Replace(`{
		users(first: 20) { nodes {
			id displayName assignedLicenses { sku { productName consumedUnits } } licenseDetails { skuPartNumber }
			licenseAssignmentStates { state error assignedByGroup { displayName } } usageRights { skuPartNumber } assignmentErrors { code }
		} }
		groups { nodes { id displayName members(first: 2) { totalCount } membersWithLicenseErrors(first: 2) { nodes { displayName } } } }
		subscribedSkus { nodes { units { owned consumed free } allotments { id } } }
		licensingOverview { products { sku { productName } units { owned free } nextLifecycleDate } waitingMembers { count } }
		node(id: $person) { id ... on User { displayName } }
		allotments { nodes { id } }
		allotment(id: $pool) { id }
		assignments { nodes { id } }
		assignment(id: $assignment) { id }
	}`)
	g.withRoles(allRoles...)
	whole := g.ask(query, nil)
	if len(whole.Errors) > 0 {
		t.Fatal(whole.Errors)
	}
	const dates = "licensingOverview.products.#.nextLifecycleDate"
	want, ofList := without(t, whole, ""), 0
	ofPurchases := clientError{Code: "FORBIDDEN", Path: dates, Permission: readLicensing, Upstream: "missingRequiredPermission"} // with more alternatives
	ofPurchases.Count = lose(want, strings.Split(dates, "."))
	var errs []clientError
	for lost, listed := range map[string]bool{
		"allotments": true, "subscribedSkus.nodes.#.allotments": true, "licensingOverview.waitingMembers": true,
		"allotment": false, "assignments": false, "assignment": false,
	} {
		if n := lose(want, strings.Split(lost, ".")); listed {
			ofList += n
		} else if n != 1 {
			t.Fatalf("%d at %s: the test covers nothing", n, lost)
		}
	}
	for _, lost := range []string{"allotment", "allotments", "assignment", "assignments"} {
		e := clientError{Code: "FORBIDDEN", Path: lost, Permission: readLicensing, Upstream: "missingRequiredPermission"}
		if lost == "allotments" {
			e.Count = ofList // one read for all
		}
		errs = append(errs, e)
	}
	g.withRoles(readPeople, readProducts, readGroups)
	r := g.ask(query, nil)
	g.fails(t, r, want, append(errs, ofPurchases)...)
	if !strings.Contains(string(r.raw), "Required permission: CloudLicensing.Read.All, or Directory.Read.All or Organization.Read.All.") {
		t.Errorf("the permission of the fallback is missing: %s", r.raw)
	}
}

// TestWritePermissions runs each mutation without the write permission and without the read permission. The error has
// the missing permission, and nothing has changed.
func TestWritePermissions(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 200, Variants: emulator.Variants{Devices: true, ReportNames: true}})
	on := g.changeable(t)
	reads := []string{readLicensing, readPeople, readGroups, readProducts}
	state := func() any {
		g.withRoles(allRoles...)
		r := g.ask(`{
			assignments(first: 1000) { nodes { id disabledServicePlanIds } } allotments { nodes { id consumedUnits } }
			users(first: 999) { nodes { id licenseAssignmentStates { skuId state lastUpdatedDateTime disabledPlans { servicePlanId } } } }
			groups { nodes { id assignedLicenses { skuId disabledPlans { servicePlanId } } members(first: 999) { nodes { id } } } }
		}`, nil)
		if len(r.Errors) > 0 {
			t.Fatal(r.Errors)
		}
		return r.Data
	}
	before := state()
	for _, tt := range []struct {
		name, permission, look  string // look is the permission of the checks; empty without checks
		mutation, path, outcome string
	}{
		{"createAssignments", assignUnits, readLicensing, `(input: {skuId: $product, assignedTo: [{id: $newcomer}]}) { results { outcome } userErrors { code } }`, ".results.#", "results.outcome"},
		{"createAssignments to a group", assignUnits, readLicensing, `(input: {skuId: $product, assignedTo: [{type: GROUP, id: $group}]}) { results { outcome } userErrors { code } }`, ".results.#", "results.outcome"},
		{"createAssignments to a device", assignToDevices, readLicensing, `(input: {allotmentId: $pool, assignedTo: [{type: DEVICE, id: $device}]}) { results { outcome } userErrors { code } }`, ".results.#", "results.outcome"},
		{"updateAssignment", assignUnits, readLicensing, `(input: {id: $unit, disabledServicePlans: ["SWAY", "TEAMS1"]}) { outcome userErrors { code } }`, ".assignment", "outcome"},
		{"deleteAssignment", assignUnits, readLicensing, `(input: {id: $unit}) { outcome deletedAssignmentId userErrors { code } }`, ".deletedAssignmentId", "outcome"},
		{"reprocessAssignments", assignUnits, "", `(input: {userIds: [$person]}) { results { outcome } userErrors { code } }`, ".results.#", "results.outcome"},
		{"assignLicense", assignLicenses, readPeople, `(input: {assignedTo: {id: $person}, removeLicenses: [$product]}) { outcome userErrors { code } }`, ".outcome", "outcome"},
		{"assignLicense to a group", assignLicenses, readGroups, `(input: {assignedTo: {type: GROUP, id: $group}, addLicenses: [{skuId: $product}]}) { outcome userErrors { code } }`, ".outcome", "outcome"},
		{"reprocessLicenseAssignment", "User.ReadWrite.All", "", `(input: {userIds: [$person]}) { results { outcome } userErrors { code } }`, ".results.#", "results.outcome"},
		{"setUsageLocation", "User.ReadWrite.All", "", `(input: {userIds: [$person], usageLocation: "IS"}) { results { outcome } userErrors { code } }`, ".results.#", "results.outcome"},
		{"addGroupMembers", "GroupMember.ReadWrite.All", readGroups, `(input: {groupId: $group, memberIds: [$newcomer]}) { results { outcome } userErrors { code } }`, ".results.#", "results.outcome"},
		{"removeGroupMembers", "GroupMember.ReadWrite.All", readGroups, `(input: {groupId: $group, memberIds: [$member]}) { results { outcome } userErrors { code } }`, ".results.#", "results.outcome"},
		{"reprocessGroup", assignUnits, readGroups, `(input: {groupId: $group, first: 1}) { results { outcome } userErrors { code } }`, ".results.#", "results.outcome"},
		{"removeDirectAssignments", assignLicenses, readProducts, `(input: {skuId: $product, userIds: [$doubled], allowPlanLoss: true}) { results { outcome } userErrors { code } }`, ".results.#", "results.outcome"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer g.tenant.Reset()
			field, _, _ := strings.Cut(tt.name, " ")
			mutation := "mutation { " + field + on.Replace(tt.mutation) + " }"
			forbidden := func(r response, path, permission string) {
				t.Helper()
				errs := clientErrors(r)
				if len(errs) != 1 || errs[0].Code != "FORBIDDEN" || errs[0].Path != path || errs[0].Permission != permission {
					t.Errorf("%s, want FORBIDDEN at %s for %s", r.raw, path, permission)
				}
				if diff := difference(before, state(), ignoreCursors); diff != "" {
					t.Errorf("the tenant changed (-before +after):\n%s", diff)
				}
			}
			g.withRoles(reads...)
			r := g.ask(mutation, nil)
			if got := valuesAt(r.Data[field], tt.outcome); !slices.Equal(got, []string{"NOT_DONE"}) {
				t.Errorf("without %s: %s", tt.permission, r.raw)
			}
			forbidden(r, field+tt.path, tt.permission)
			others := alternatives(r)
			if (strings.Contains(tt.permission, "CloudLicensing") || slices.Contains([]string{"reprocessLicenseAssignment", "setUsageLocation", "addGroupMembers", "removeGroupMembers"}, tt.name)) != (len(others) > 0) {
				t.Errorf("%s has the alternatives %v", tt.permission, others)
			}
			if tt.look != "" {
				g.withRoles(append(slices.DeleteFunc(slices.Clone(reads), func(role string) bool { return role == tt.look }), tt.permission)...)
				r = g.ask(mutation, nil)
				if r.Data[field] != nil || g.written() > 0 {
					t.Errorf("without %s: %d changes were sent: %s", tt.look, g.written(), r.raw)
				}
				forbidden(r, field, tt.look)
			}
			for _, permission := range append(others, tt.permission) {
				g.tenant.Reset()
				g.withRoles(append(slices.Clone(reads), permission)...)
				r = g.ask(mutation, nil)
				if got := valuesAt(r.Data[field], tt.outcome); len(r.Errors) > 0 || !slices.Equal(got, []string{"DONE"}) {
					t.Errorf("with %s: %s", permission, r.raw)
				}
			}
		})
	}
}

// TestDescribedPermissions runs each mutation with exactly the permissions of its description, with each alternative,
// and without each.
func TestDescribedPermissions(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 200, Variants: emulator.Variants{Devices: true, ReportNames: true}})
	on := g.changeable(t)
	assign := []string{assignUnits, "Directory.ReadWrite.All"}
	look := []string{readLicensing, readDirectory}
	members := []string{"GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"}
	const results, single = `{ results { outcome } }`, `{ outcome }`
	described := map[string]map[string]bool{}
	for _, tt := range []struct {
		name, mutation string
		needs          [][]string // one of each; the first is not an alternative of another
	}{
		{"createAssignments", `(input: {skuId: $product, assignedTo: [{id: $newcomer}]}) ` + results, [][]string{assign, look, {readPeople}}},
		{"createAssignments to a group", `(input: {skuId: $product, assignedTo: [{type: GROUP, id: $group}]}) ` + results, [][]string{assign, look, {readGroups}}},
		{"createAssignments to a device", `(input: {allotmentId: $pool, assignedTo: [{type: DEVICE, id: $device}]}) ` + results,
			[][]string{{assignToDevices, "Device.ReadWrite.All"}, look, {readPeople}}},
		{"updateAssignment", `(input: {id: $unit, disabledServicePlans: ["SWAY", "TEAMS1"]}) ` + single, [][]string{assign, look}},
		{"deleteAssignment", `(input: {id: $unit}) ` + single, [][]string{assign, look}},
		{"reprocessAssignments", `(input: {userIds: [$person]}) ` + results, [][]string{{assignUnits, "User.ReadWrite.All"}}},
		{"assignLicense, added", `(input: {assignedTo: {id: $newcomer}, addLicenses: [{skuId: $product}]}) ` + single, [][]string{{assignLicenses}, {readPeople}, {readProducts}}},
		{"assignLicense, removed", `(input: {assignedTo: {id: $person}, removeLicenses: [$product]}) ` + single, [][]string{{assignLicenses}, {readPeople}}},
		{"assignLicense to a group", `(input: {assignedTo: {type: GROUP, id: $group}, addLicenses: [{skuId: $product}]}) ` + single, [][]string{{assignLicenses}, {readGroups}, {readProducts}}},
		{"reprocessLicenseAssignment", `(input: {userIds: [$person]}) ` + results, [][]string{{"User.ReadWrite.All", "Directory.ReadWrite.All"}}},
		{"setUsageLocation", `(input: {userIds: [$person], usageLocation: "IS"}) ` + results, [][]string{{"User.ReadWrite.All", "Directory.ReadWrite.All"}}},
		{"addGroupMembers", `(input: {groupId: $group, memberIds: [$newcomer]}) ` + results, [][]string{members, {readDirectory}}},
		{"addGroupMembers, a device", `(input: {groupId: $group, memberIds: [$device]}) ` + results, [][]string{members, {readDirectory}, {"Device.ReadWrite.All"}}},
		{"addGroupMembers, roles", `(input: {groupId: $roles, memberIds: [$newcomer]}) ` + results, [][]string{members, {readDirectory}, {"RoleManagement.ReadWrite.Directory"}}},
		{"removeGroupMembers", `(input: {groupId: $group, memberIds: [$member]}) ` + results, [][]string{members, {readDirectory}}},
		{"removeGroupMembers, a device", `(input: {groupId: $shop, memberIds: [$machine]}) ` + results, [][]string{members, {readDirectory}, {"Device.ReadWrite.All"}}},
		{"removeGroupMembers, roles", `(input: {groupId: $roles, memberIds: [$keeper]}) ` + results, [][]string{members, {readDirectory}, {"RoleManagement.ReadWrite.Directory"}}},
		{"reprocessGroup, members", `(input: {groupId: $group, first: 1}) ` + results, [][]string{{assignUnits, "User.ReadWrite.All"}, {readGroups}}},
		{"reprocessGroup, whole", `(input: {groupId: $group}) ` + single, [][]string{{"Group.ReadWrite.All", "Directory.ReadWrite.All"}}},
		{"removeDirectAssignments", `(input: {skuId: $product, userIds: [$doubled], allowPlanLoss: true}) ` + results, [][]string{{assignLicenses}, {readPeople}, {readProducts}}},
	} {
		field := strings.FieldsFunc(tt.name, func(r rune) bool { return r == ' ' || r == ',' })[0]
		if described[field] == nil {
			described[field] = map[string]bool{}
		}
		var least []string
		for _, alternatives := range tt.needs {
			least = append(least, alternatives[0])
		}
		made := func(roles []string) bool {
			g.tenant.Reset()
			g.withRoles(roles...)
			if strings.HasSuffix(tt.name, "whole") {
				g.tenant.SetVariants(emulator.Variants{ReprocessListed: true, Roles: roles})
			}
			r := g.ask("mutation { "+field+on.Replace(tt.mutation)+" }", nil)
			return len(r.Errors) == 0 && strings.Contains(string(r.raw), `"outcome":"DONE"`)
		}
		for i, alternatives := range tt.needs {
			for _, permission := range alternatives {
				described[field][permission] = true
				roles := slices.Clone(least)
				if roles[i] = permission; !made(roles) {
					t.Errorf("%s failed with %v", tt.name, roles)
				}
			}
			if roles := slices.Delete(slices.Clone(least), i, i+1); made(roles) {
				t.Errorf("%s succeeded with %v", tt.name, roles)
			}
		}
	}
	permissions := regexp.MustCompile(`[A-Za-z-]+\.(?:Read|ReadWrite|AssignLicenses)\.(?:All|Organization|Directory)`)
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	g.withRoles(allRoles...)
	r := g.ask(`{ __type(name: "Mutation") { fields { name description } } }`, nil)
	fields := r.Data["__type"].(object)["fields"].([]any)
	if len(fields) != len(described) {
		t.Errorf("%d mutations have a case, of %d", len(described), len(fields))
	}
	for _, field := range fields {
		name := field.(object)["name"].(string)
		got := permissions.FindAllString(field.(object)["description"].(string), -1)
		slices.Sort(got)
		got = slices.Compact(got)
		if diff := difference(slices.Sorted(maps.Keys(described[name])), got); diff != "" {
			t.Errorf("%s (-required +described):\n%s", name, diff)
		}
		for _, permission := range got {
			if !strings.Contains(string(readme), "`"+permission+"`") {
				t.Errorf("the README lacks %s", permission)
			}
		}
	}
}

// changeable returns a replacer for mutations: $person has a $unit of the $product, $newcomer and $group have none,
// $doubled has it directly and through a group, and $device can have one of the $pool. $member is in $group and $newcomer
// is not, $machine is a device in $shop, and $keeper is in $roles, which is assignable to roles.
func (g *gateway) changeable(t *testing.T) *strings.Replacer {
	t.Helper()
	person, unit := "", ""
	for _, user := range g.nodesOf(t, "users", "first: 200", "id assignments { id allotment { skuId } }") {
		for _, a := range user["assignments"].([]any) {
			if a := a.(object); a["allotment"].(object)["skuId"] == skuE3 {
				person, unit = user["id"].(string), a["id"].(string)
			}
		}
	}
	group := g.nodesOf(t, "groups", `filter: {displayNameStartsWith: "Board"}`, "id")[0]["id"].(string)
	r := g.ask(`{ assignments(first: 1000) { nodes { assignedTo { __typename id } } } groups { nodes { members(first: 999) { nodes { __typename id } } } }
		allotments { nodes { id assignableTo } } }`, nil)
	device, pool := "", ""
	busy := valuesAt(r.Data["assignments"], "nodes.assignedTo.id")
	walk(r.Data, func(o object) {
		if o["__typename"] == "Device" && !slices.Contains(busy, o["id"].(string)) {
			device = o["id"].(string)
		}
		if gocmp.Equal(o["assignableTo"], []any{"DEVICE"}) {
			pool = o["id"].(string)
		}
	})
	doubled := ""
	for _, user := range g.nodesOf(t, "users", "first: 200", "id licenseAssignmentStates { skuId state assignedByGroupId }") {
		direct, inherited := false, false
		for _, s := range user["licenseAssignmentStates"].([]any) {
			if s := s.(object); s["skuId"] == skuE3 && s["state"] == "ACTIVE" {
				direct, inherited = direct || s["assignedByGroupId"] == nil, inherited || s["assignedByGroupId"] != nil
			}
		}
		if direct && inherited {
			doubled = user["id"].(string)
		}
	}
	memberOf := func(group, kind string, not ...string) string {
		for _, member := range g.membersOf(t, group) {
			if id, ok := strings.CutPrefix(member, kind+" "); ok && !slices.Contains(not, id) {
				return id
			}
		}
		return ""
	}
	roles, machines := g.groupNamed(t, "Payroll"), g.groupNamed(t, "Frontline – Magasins")
	people := slices.DeleteFunc(g.unlicensed(t, 8), func(id string) bool {
		return slices.Contains(slices.Concat(g.membersOf(t, roles), g.membersOf(t, group)), "User "+id)
	})
	var pairs []string
	for name, value := range map[string]string{"$person": person, "$unit": unit, "$newcomer": people[0], "$group": group, "$doubled": doubled,
		"$member": memberOf(group, "User", doubled), "$roles": roles, "$keeper": memberOf(roles, "User"), "$shop": machines, "$machine": memberOf(machines, "Device"), "$device": device, "$pool": pool, "$product": skuE3} {
		if value == "" {
			t.Fatalf("the tenant has no %s", name)
		}
		pairs = append(pairs, name, fmt.Sprintf("%q", value))
	}
	return strings.NewReplacer(pairs...)
}

// TestGeneralPermissions tests a tenant without CloudLicensing permissions: the general ones in the README suffice.
func TestGeneralPermissions(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{Devices: true, ReportNames: true}})
	ids := g.someIDs(t)
	people, group := g.unlicensed(t, 2), g.groupNamed(t, "Guests")
	id := g.assigned(t, people[0])
	general := func(roles ...string) {
		g.tenant.SetVariants(emulator.Variants{Devices: true, ReportNames: true, Permissions: "list", Roles: roles})
		g.restart()
	}
	for _, tt := range permissionCases() {
		if slices.Contains([]string{readAudit, readLeaves, readReports}, tt.permission) {
			continue // there is no other
		}
		query := "{ " + ids.Replace(tt.query) + " }"
		g.withRoles(allRoles...)
		whole := g.ask(query, nil)
		general(readDirectory)
		r := g.ask(query, nil)
		if diff := difference(whole.Data, r.Data, ignoreCursors); diff != "" || len(r.Errors) > 0 {
			t.Errorf("%s: %v (-all +general)\n%s", tt.field, r.Errors, diff)
		}
	}
	general(readDirectory, "Directory.ReadWrite.All")
	r := g.ask(fmt.Sprintf(`mutation {
		createAssignments(input: {skuId: %[1]q, assignedTo: [{id: %[2]q}]}) { results { outcome } }
		updateAssignment(input: {id: %[3]q, disabledServicePlans: []}) { outcome }
		deleteAssignment(input: {id: %[3]q}) { outcome }
		reprocessAssignments(input: {userIds: [%[2]q]}) { results { outcome } }
		assignLicense(input: {assignedTo: {id: %[2]q}, removeLicenses: [%[1]q]}) { outcome }
		reprocessLicenseAssignment(input: {userIds: [%[2]q]}) { results { outcome } }
		setUsageLocation(input: {userIds: [%[2]q], usageLocation: "IS"}) { results { outcome } }
		addGroupMembers(input: {groupId: %[4]q, memberIds: [%[2]q]}) { results { outcome } }
		removeGroupMembers(input: {groupId: %[4]q, memberIds: [%[2]q]}) { results { outcome } }
		reprocessGroup(input: {groupId: %[4]q, first: 1}) { results { outcome } }
	}`, skuE3, people[1], id, group), nil)
	if len(r.Errors) > 0 || strings.Count(string(r.raw), `"outcome":"DONE"`) != 10 {
		t.Errorf("%s", r.raw)
	}
}

// TestEveryPermissionHasACase tests that each permission has a case.
func TestEveryPermissionHasACase(t *testing.T) {
	t.Parallel()
	want := map[string]bool{}
	for _, permission := range allRoles {
		want[permission] = !slices.Contains([]string{assignUnits, assignToDevices, assignLicenses}, permission) // TestWritePermissions
	}
	for _, tt := range permissionCases() {
		delete(want, tt.permission)
	}
	for permission, missing := range want {
		if missing {
			t.Errorf("%s has no case", permission)
		}
	}
}

// TestLicensingOff tests tenants without licensing collections. Each edge to them is null with an error.
func TestLicensingOff(t *testing.T) {
	t.Parallel()
	ofTenant := []string{"Query.assignments", "Query.assignmentErrors", "SubscribedSku.assignmentErrors", "LicensingOverview.assignmentErrors"}
	ofAllotments := []string{"Query.allotments", "SubscribedSku.allotments", "LicensingOverview.waitingMembers"}
	for _, variant := range []string{"forbidden", "missing"} {
		t.Run(variant, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Users: 200, Variants: emulator.Variants{Devices: true, ReportNames: true}})
			ids := g.someIDs(t)
			for _, tt := range permissionCases() {
				if slices.Contains([]string{readPeople, readGroups, readProducts, readDirectory, readPurchases, readAudit, readLeaves, readReports, readGroups + " and " + readPeople}, tt.permission) {
					continue // not a licensing collection
				}
				if strings.HasPrefix(tt.lost, "assignmentErrors.") {
					continue // below a missing edge
				}
				t.Run(tt.field, func(t *testing.T) {
					query := "{ " + ids.Replace(tt.query) + " }"
					g.withRoles(allRoles...)
					whole := g.ask(query, nil)
					if len(whole.Errors) > 0 {
						t.Fatal(whole.Errors)
					}
					g.tenant.SetVariants(emulator.Variants{Devices: true, ReportNames: true, CloudLicensing: variant})
					r := g.ask(query, nil)
					if tt.field == "ProductOverview.nextLifecycleDate" { // the purchases have it
						g.fails(t, r, whole.Data)
						return
					}
					errs := clientErrors(r)
					if variant == "missing" && strings.HasPrefix(tt.field, "Entity.") { // looks like a missing entity
						g.fails(t, r, taken(t, whole, tt.lost))
						return
					}
					if len(errs) != 1 || errs[0].Path != tt.lost {
						t.Fatalf("%+v, want one error at %s", errs, tt.lost)
					}
					code, permission := "FORBIDDEN", tt.permission
					switch {
					case variant == "forbidden":
					case slices.Contains(ofTenant, tt.field) || slices.Contains(ofAllotments, tt.field):
						code, permission = "UPSTREAM_UNAVAILABLE", ""
					default: // the object or the collection is missing: not distinguishable
						code, permission = "NOT_FOUND", ""
					}
					if errs[0].Code != code || errs[0].Permission != permission {
						t.Errorf("%+v, want %s %s", errs[0], code, permission)
					}
					g.fails(t, r, taken(t, whole, tt.lost), errs...)
				})
			}
		})
	}
}

// TestForbiddenBelow forbids requests that the parent's permission allows by the reference.
func TestForbiddenBelow(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Variants: emulator.Variants{ExpandOne: true}})
	for _, tt := range []struct{ endpoint, query, lost string }{
		{"GET /admin/cloudLicensing/allotments/{id}/assignments", `{ allotments { nodes { id assignments(first: 1) { nodes { id } } } } }`, "allotments.nodes.#.assignments"},
		{"GET /admin/cloudLicensing/allotments/{id}/waitingMembers", `{ allotments { nodes { id waitingMembers(first: 1) { nodes { id } } } } }`, "allotments.nodes.#.waitingMembers"},
		{"GET /admin/cloudLicensing/assignments/{id}", `{ users(first: 20) { nodes { usageRights { id assignments { id allotment { id } } } } } }`,
			"users.nodes.#.usageRights.#.assignments.#.allotment"},
		{"GET /admin/cloudLicensing/assignments/{id}/allotment", `{ assignments(first: 20) { nodes { id assignedTo { id } allotment { id } } } }`,
			"assignments.nodes.#.allotment"},
	} {
		t.Run(tt.endpoint, func(t *testing.T) {
			whole := g.warm(tt.query)
			count := lose(without(t, whole, ""), strings.Split(tt.lost, "."))
			g.tenant.Inject(emulator.Fault{Endpoint: tt.endpoint, Status: 403, Code: "somethingWrong", Times: -1})
			defer g.forget()
			g.fails(t, g.ask(tt.query, nil), without(t, whole, tt.lost),
				clientError{Code: "FORBIDDEN", Path: tt.lost, Count: count, Permission: readLicensing, Upstream: "somethingWrong"})
		})
	}
}

// TestTwoPermissions tests a field that requires two permissions: the error has the missing one.
func TestTwoPermissions(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	ids := g.someIDs(t)
	g.withRoles(readGroups)
	r := g.ask(ids.Replace(`{ group(id: $waiting) { membersWithLicenseErrors(first: 2) { nodes { id } } } }`), nil)
	if len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, readPeople) {
		t.Errorf("%s", r.raw)
	}
}

// TestUnreadableObjects reads the names of one and of two objects without the permission. Microsoft Graph rejects the
// one, and returns the two with IDs only, if getByIds is allowed: Directory.Read.All or User.Read.All.
func TestUnreadableObjects(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	g := startGateway(t, emulator.Options{})
	ids := g.someIDs(t)
	for _, tt := range []struct{ permission, role, query string }{
		{readPeople, readGroups, `a: user(id: $person) { displayName }`},
		{"Directory.Read.All", readGroups, `a: user(id: $person) { displayName } b: user(id: "ed4ad304-1a1e-444e-a22d-b293ce22c760") { displayName }`},
		{readGroups, readPeople, `a: group(id: $group) { displayName }`},
		{readGroups, readPeople, `a: group(id: $group) { displayName } b: group(id: $waiting) { displayName }`},
		{readGroups, readPeople, `users(first: 8) { nodes { licenseAssignmentStates { assignedByGroup { id displayName } } } }`},
	} {
		g.withRoles(tt.role)
		r := g.ask("{ "+ids.Replace(tt.query)+" }", nil)
		if errs := clientErrors(r); len(errs) != 1 || errs[0].Code != "FORBIDDEN" || errs[0].Permission != tt.permission {
			t.Errorf("%s: %s", tt.query, r.raw)
		}
	}
}
