package graph

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/cursor"
	"licensegraph/graph/generated"
	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// TestEveryEdgeIsInTheTable tests that edges has each field with a resolver and each field that leads to one: others
// are not prefetched.
func TestEveryEdgeIsInTheTable(t *testing.T) {
	t.Parallel()
	resolved := map[string]bool{}
	for root := range reflect.TypeFor[generated.ResolverRoot]().Methods() {
		for method := range root.Type.Out(0).Methods() {
			resolved[strings.ToLower(root.Name+"."+method.Name)] = true
		}
	}
	types := publicSchema().Types
	// leads reports whether a type has a field with a resolver, or one that leads to such a field.
	seen := map[string]bool{}
	var leads func(typeName string) bool
	leads = func(typeName string) bool {
		definition := types[typeName]
		if seen[typeName] || definition.Kind != ast.Object {
			return definition.Kind == ast.Interface || definition.Kind == ast.Union
		}
		seen[typeName] = true
		defer delete(seen, typeName)
		return slices.ContainsFunc(definition.Fields, func(f *ast.FieldDefinition) bool {
			return resolved[strings.ToLower(typeName+"."+f.Name)] || leads(f.Type.Name())
		})
	}
	checked := 0
	for _, definition := range types {
		if definition.Kind != ast.Object || definition.Name == "Mutation" || strings.HasPrefix(definition.Name, "_") {
			continue
		}
		for _, f := range definition.Fields {
			name := definition.Name + "." + f.Name
			edge := edges[fieldKey{definition.Name, f.Name}]
			switch {
			case strings.HasPrefix(f.Name, "_") && f.Name != "_entities", f.Name == "stale": // payload fields that are read immediately
			case resolved[strings.ToLower(name)] || f.Name == "_entities":
				if checked++; edge == nil || edge.get == nil {
					t.Errorf("%s has a resolver and no edge", name)
				}
			case leads(f.Type.Name()):
				if checked++; edge == nil || edge.visit == nil {
					t.Errorf("%s leads to edges and has no edge", name)
				}
			}
		}
	}
	if checked < 90 {
		t.Errorf("%d fields: the test covers nothing", checked)
	}
	for _, e := range edges {
		name := e.name
		typeName, field := e.place()
		if definition := types[typeName]; definition == nil || definition.Fields.ForName(field) == nil {
			t.Errorf("%s is not a field", name)
		}
		for _, property := range e.requires {
			of, property, _ := strings.Cut(property, ".")
			read := of != typeName || upstreamProperties[of] != nil // or a part of an object that is read
			if types[of] == nil || read && !slices.Contains(upstreamProperties[of], property) {
				t.Errorf("%s requires %s.%s, which no type of an edge has", name, of, property)
			}
		}
	}
}

// TestAbstractTypes compares implementing, satisfied and the Go types of typeOf with the interfaces and unions of the
// schema.
func TestAbstractTypes(t *testing.T) {
	t.Parallel()
	schema, parents := publicSchema(), map[string]any{}
	for key, e := range edges {
		if e.get != nil {
			parents[key.typeName] = reflect.Zero(reflect.TypeOf(e.get).In(1)).Interface()
		}
	}
	satisfies, checked := map[string][]string{}, 0
	for name, definition := range schema.Types {
		if definition.Kind != ast.Interface && definition.Kind != ast.Union {
			continue
		}
		for _, object := range schema.GetPossibleTypes(definition) {
			if object.Kind != ast.Object { // an interface that implements another
				continue
			}
			satisfies[object.Name] = append(satisfies[object.Name], name)
			if !slices.Contains(implementing(name), object.Name) {
				t.Errorf("implementing(%q) lacks %s", name, object.Name)
			}
			if parent := parents[object.Name]; parent != nil {
				checked++
				if got := new(edge).typeOf(parent); got != object.Name {
					t.Errorf("the type of a %T is %s, want %s", parent, got, object.Name)
				}
			}
		}
	}
	if checked < 20 {
		t.Errorf("%d types: the test covers nothing", checked)
	}
	for name, want := range satisfies {
		for _, abstract := range append(want, name) {
			if !slices.Contains(satisfied(name), abstract) {
				t.Errorf("satisfied(%q) lacks %s", name, abstract)
			}
		}
	}
}

// noSource is a source that is not read from.
type noSource struct{ loaders.Source }

func (noSource) LargestPage(string) int { return 100 }

// TestEdgesBlock tests that each edge returns ErrBlocked until its values are loaded, and never another result or
// error.
func TestEdgesBlock(t *testing.T) {
	t.Parallel()
	const id, other = "05e9a617-0261-4cee-bb44-138d3ef5d965", "c7df2760-2c81-4ef7-b578-5b5392b571df"
	sku, group, plan := licensing.GUID("11111111-0261-4cee-bb44-138d3ef5d965"), other, licensing.GUID("22222222-0261-4cee-bb44-138d3ef5d965")
	holder := id
	parents := map[string][]any{
		"Query.node": {id, "opaque"}, "Query.nodes": {id, "opaque"},
		"Query._entities": {
			representation{"__typename": "User", "id": id}, representation{"__typename": "User", "userPrincipalName": "a@example.com"},
			representation{"__typename": "Group", "id": id}, representation{"__typename": "Device", "id": id},
			representation{"__typename": "Allotment", "id": "a"}, representation{"__typename": "Assignment", "id": "a"},
			representation{"__typename": "AssignmentError", "id": "a"}, representation{"__typename": "UsageRight", "holderId": id, "id": "a"},
			representation{"__typename": "SubscribedSku", "skuId": string(sku)},
		},
		"AssignLicensePayload.assignedTo":    {&model.AssignLicensePayload{Assignee: &licensing.Group{ID: other}}},
		"DeleteAssignmentPayload.allotment":  {&model.DeleteAssignmentPayload{AllotmentID: "a"}},
		"DeleteAssignmentPayload.assignedTo": {&model.DeleteAssignmentPayload{Assignee: &licensing.User{ID: id}}},
		"UpdateAssignmentPayload.assignment": {&model.UpdateAssignmentPayload{Assignment: &licensing.Assignment{ID: "a"}}},
		"CreateAssignmentResult.assignment":  {&model.CreateAssignmentResult{Assignment: &licensing.Assignment{ID: "a"}}},
		"ReprocessResult.user":               {&model.ReprocessResult{UserID: id}},
		"SetUsageLocationResult.user":        {&model.SetUsageLocationResult{UserID: id}},
		"RemoveDirectAssignmentsResult.user": {&model.RemoveDirectAssignmentsResult{UserID: id}},
		"PredictedEffect.assignee":           {&model.PredictedEffect{Object: &licensing.Device{ID: id}}},
		"PredictedEffect.sku":                {&model.PredictedEffect{SkuID: sku}},
		"GroupMembersPayload.group":          {&model.GroupMembersPayload{GroupID: &group}},
		"GroupMemberResult.member":           {&model.GroupMemberResult{Object: &licensing.Device{ID: id}}},
		"ReprocessGroupPayload.group":        {&model.ReprocessGroupPayload{GroupID: &group}},
	}
	samples := map[reflect.Type]any{}
	for _, sample := range []any{
		query{}, &licensing.User{ID: id, UserPrincipalName: new(id)}, &licensing.Group{ID: other}, &licensing.Device{ID: id},
		&licensing.AssignedLicense{SkuID: &sku, DisabledPlans: []licensing.GUID{plan}}, &licensing.LicenseDetails{SkuID: &sku},
		&licensing.LicenseAssignmentState{SkuID: &sku, AssignedByGroup: &group, DisabledPlans: []licensing.GUID{plan}},
		&licensing.Allotment{ID: "a", SkuID: &sku}, &licensing.Assignment{ID: "a", DisabledServicePlanIDs: []licensing.GUID{plan}},
		&licensing.WaitingMember{Related: licensing.AssignmentRelated{
			Allotment:  &upstream.Partial[*licensing.Allotment]{Object: &licensing.Allotment{ID: "a"}},
			AssignedTo: &licensing.Reference{Object: &licensing.User{ID: id}},
		}},
		&licensing.AssignmentError{ID: "e", SkuID: &sku, Message: "of " + string(plan)}, &licensing.UsageRight{ID: "u", HolderID: &holder, SkuID: &sku},
		&licensing.CompanySubscription{SkuID: &sku}, &licensing.AllotmentSubscription{SubscriptionID: "s"},
		&licensing.LicenseChange{AddedSkuIds: []licensing.GUID{sku}, RemovedSkuIds: []licensing.GUID{sku}},
		&licensing.SubscribedSku{SkuID: &sku}, &licensing.ServicePlan{ServicePlanID: &plan},
		&model.LicensingOverview{}, &model.ProductOverview{Sku: &licensing.SubscribedSku{SkuID: &sku}},
		&model.AssignmentErrorOverview{Errors: []*licensing.AssignmentError{{ID: "e", SkuID: &sku}}},
		&licensing.UserLicenseFinding{ContainedInSkuID: &sku, Finding: licensing.Finding{Kind: licensing.GuestAccount, SkuID: &sku, GroupID: &group,
			User: &licensing.User{ID: id, LicenseAssignmentStates: []*licensing.LicenseAssignmentState{{SkuID: &sku, AssignedByGroup: &group}}}}},
		&licensing.GroupLicenseFinding{Finding: licensing.Finding{SkuID: &sku, GroupID: &group}, Parent: &licensing.Group{ID: group}, NestedGroupID: &group},
		&licensing.ProductLicenseFinding{Finding: licensing.Finding{SkuID: &sku, GroupID: &group}},
		&model.LicenseFindingsOverview{}, &model.FindingsOfProduct{SkuID: &sku},
		&model.AssignmentErrorsOfProduct{SkuID: &sku}, &model.AssignmentErrorsOfGroup{GroupID: &group},
	} {
		samples[reflect.TypeOf(sample)] = sample
	}
	args := map[string]any{
		"id": id, "userPrincipalName": (*string)(nil), "skuId": sku, "text": "text",
	}
	answers := map[string]bool{ // without reading
		"Query.licensingOverview": true, "Query.licenseFindingsOverview": true, "Query.viewer": true, "GroupLicenseFinding.fixes": true,
		"ProductLicenseFinding.fixes": true,
	}
	everything := selection{operation: &graphql.OperationContext{}, sets: []ast.SelectionSet{{&ast.Field{Alias: "everything", Name: "everything"}}}}
	blocked := 0
	for _, e := range edges {
		name := e.name
		if e.get == nil {
			continue
		}
		given := parents[name]
		if given == nil {
			given = []any{samples[reflect.TypeOf(e.get).In(1)]}
		}
		for _, parent := range given {
			if parent == nil {
				t.Errorf("%s: no parent", name)
				continue
			}
			all := loaders.New(t.Context(), noSource{}, func(string) []string {
				return []string{"displayName", "assignedTo", "allotment", "assignments", "allotments"}
			})
			f := &field{reads: &reads{Loaders: all, cursors: &cursor.Sealer{}, permissions: &permissions{}}, name: name, args: args, edge: e, selection: everything}
			if name == "Query.user" {
				text := id
				f.args = map[string]any{"id": &text}
			}
			found := false
			err := e.visit(f, parent, func(any) { found = true })
			switch {
			case errors.Is(err, loaders.ErrBlocked) && !found:
				blocked++
			case err != nil || !answers[name]:
				t.Errorf("%s of %T: %v, visited objects: %v", name, parent, err, found)
			}
		}
	}
	if blocked < 60 {
		t.Errorf("%d blocked edges: the test covers nothing", blocked)
	}
}
