package graph

import (
	"reflect"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/internal/licensing"
)

// needs are the upstream properties that an operation needs, by type. They become $select for every read
// of the type, so that nothing is read twice and nothing that was not asked for.
type needs map[string][]string

// upstream are the properties and relations that Microsoft Graph has of a type: what its Go type reads from JSON.
var upstream = map[string][]string{
	"User":            jsonNames(licensing.User{}),
	"Group":           jsonNames(licensing.Group{}),
	"Device":          jsonNames(licensing.Device{}),
	"LicenseDetails":  jsonNames(licensing.LicenseDetails{}),
	"Allotment":       jsonNames(licensing.Allotment{}),
	"Assignment":      append(jsonNames(licensing.Assignment{}), "assignedTo", "allotment"),
	"WaitingMember":   append(jsonNames(licensing.WaitingMember{}), "assignedTo", "allotment"),
	"AssignmentError": append(jsonNames(licensing.AssignmentError{}), "assignedTo", "usageRight"),
	"UsageRight":      append(jsonNames(licensing.UsageRight{}), "assignments", "allotments"),
	"SubscribedSku":   jsonNames(licensing.SubscribedSku{}),
}

// derived are the properties from which a field without a property of its own is answered.
var derived = map[string][]string{
	"sku":                                     {"skuId"},
	"productName":                             {"skuId"},
	"appliesToText":                           {"appliesTo"},
	"capabilityStatusText":                    {"capabilityStatus"},
	"assignableToText":                        {"assignableTo"},
	"availableUnits":                          {"allottedUnits", "consumedUnits", "subscriptions"},
	"units":                                   {"prepaidUnits", "consumedUnits"},
	"disabledServicePlans":                    {"disabledServicePlanIds"},
	"SubscribedSku.allotments":                {"skuId"},
	"SubscribedSku.assignmentErrors":          {"skuId"},
	"AssignmentError.remedy":                  {"code", "skuId", "assignedTo"},
	"AssignmentError.servicePlans":            {"message", "skuId"},
	"AssignmentError.licenseAssignmentStates": {"skuId", "assignedTo"},
}

// needsOf reads the operation once, each fragment at most once.
func needsOf(op *graphql.OperationContext) needs {
	walk := needsWalk{op: op, denied: deniedIn(op), fields: map[string]map[string]bool{}, seen: map[string]bool{}}
	walk.selections(op.Operation.SelectionSet)

	result := needs{}
	for typeName, properties := range upstream {
		for _, name := range satisfied(typeName) {
			for field := range walk.fields[name] {
				if walk.denied.has(typeName, field) {
					continue
				}
				for _, property := range from(typeName, field) {
					result.add(slices.Contains(properties, property), typeName, property)
				}
			}
		}
	}
	right := walk.fields["UsageRight"]
	result.add((right["holderId"] || right["assignments"] || right["allotments"]) && slices.Contains(result["AssignmentError"], "usageRight"), "AssignmentError", "assignedTo")
	result.add(walk.states, "User", "licenseAssignmentStates")
	result.add(walk.fields["AssignmentErrorOverview"]["byGroup"], "AssignmentError", "assignedTo")
	result.add(true, "SubscribedSku", "skuId", "id")
	result.add(walk.selects("disabledPlans", "disabledServicePlans") || walk.fields["ServicePlan"]["subscribedSkus"] || walk.fields["AssignmentError"]["servicePlans"], "SubscribedSku", "servicePlans")
	result.add(walk.ordersSkus || walk.fields["LicensingOverview"]["products"], "SubscribedSku", "skuPartNumber", "consumedUnits", "prepaidUnits")
	result.add(walk.arrangesAllotments, "Allotment", "skuId", "skuPartNumber", "allottedUnits", "consumedUnits", "subscriptions")
	result.add(walk.fields["SubscribedSku"]["allotments"], "Allotment", "skuId")
	result.add(walk.fields["ProductOverview"]["nextLifecycleDate"], "Allotment", "skuId", "subscriptions")
	result.add(walk.fields["LicensingOverview"]["waitingMembers"], "Allotment", "allottedUnits", "consumedUnits", "subscriptions")
	result["DirectoryObject"] = slices.Concat(result["User"], result["Group"], result["Device"])
	for typeName := range result {
		slices.Sort(result[typeName])
		result[typeName] = slices.Compact(result[typeName])
	}
	return result
}

// from returns the properties from which a field is answered.
func from(typeName, field string) []string {
	for _, name := range []string{typeName + "." + field, field} {
		if properties, ok := derived[name]; ok {
			return properties
		}
	}
	return []string{field}
}

func (n needs) add(condition bool, typeName string, properties ...string) {
	if condition {
		n[typeName] = append(n[typeName], properties...)
	}
}

// of returns the properties needed of a type.
func (n needs) of(typeName string) []string { return n[typeName] }

type needsWalk struct {
	op                 *graphql.OperationContext
	denied             *denied
	fields             map[string]map[string]bool // by type
	seen               map[string]bool            // fragments
	states, ordersSkus bool                       // what Query.users filters by here, and Query.subscribedSkus orders
	arrangesAllotments bool                       // Query.allotments filters or orders
}

func (w *needsWalk) selections(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if s.ObjectDefinition == nil || !w.included(s.Directives) {
				continue
			}
			parent := s.ObjectDefinition.Name
			if w.denied.has(parent, s.Name) || w.denied.hasPlace(s) {
				continue
			}
			if w.fields[parent] == nil {
				w.fields[parent] = map[string]bool{}
			}
			w.fields[parent][s.Name] = true
			if parent == "Query" {
				arguments := s.ArgumentMap(w.op.Variables)
				w.states = w.states || s.Name == "users" && filtersStates(arguments["filter"])
				w.arrangesAllotments = w.arrangesAllotments || s.Name == "allotments" && (arguments["filter"] != nil || arguments["orderBy"] != nil)
				w.ordersSkus = w.ordersSkus || s.Name == "subscribedSkus" && arguments["orderBy"] != nil
			}
			w.selections(s.SelectionSet)
		case *ast.InlineFragment:
			if w.included(s.Directives) {
				w.selections(s.SelectionSet)
			}
		case *ast.FragmentSpread:
			if w.included(s.Directives) && !w.seen[s.Name] && s.Definition != nil {
				w.seen[s.Name] = true
				w.selections(s.Definition.SelectionSet)
			}
		}
	}
}

// below reads what is selected of the fields of a selection, not those fields themselves.
func (w *needsWalk) below(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if w.included(s.Directives) {
				w.selections(s.SelectionSet)
			}
		case *ast.InlineFragment:
			if w.included(s.Directives) {
				w.below(s.SelectionSet)
			}
		case *ast.FragmentSpread:
			if top := "top of " + s.Name; w.included(s.Directives) && !w.seen[top] && s.Definition != nil {
				w.seen[top] = true
				w.below(s.Definition.SelectionSet)
			}
		}
	}
}

// included evaluates @skip and @include.
func (w *needsWalk) included(directives ast.DirectiveList) bool {
	for name, wanted := range map[string]bool{"skip": false, "include": true} {
		if d := directives.ForName(name); d != nil {
			if value, ok := d.ArgumentMap(w.op.Variables)["if"].(bool); ok && value != wanted {
				return false
			}
		}
	}
	return true
}

// selects tells whether a field of one of the names is selected of any type.
func (w *needsWalk) selects(names ...string) bool {
	for _, fields := range w.fields {
		if slices.ContainsFunc(names, func(name string) bool { return fields[name] }) {
			return true
		}
	}
	return false
}

// jsonNames returns the names under which the fields of a struct are read.
func jsonNames(value any) []string {
	var names []string
	for field := range reflect.TypeOf(value).Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}
