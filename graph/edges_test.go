package graph

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/generated"
	"licensegraph/graph/model"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
	"licensegraph/loaders"
)

// TestEveryEdgeIsInTheTable has an edge for each field with a resolver, and for each other field that leads to one: what
// is not in the table would not be prefetched.
func TestEveryEdgeIsInTheTable(t *testing.T) {
	t.Parallel()
	resolved := map[string]bool{}
	for root := range reflect.TypeFor[generated.ResolverRoot]().Methods() {
		for method := range root.Type.Out(0).Methods() {
			resolved[strings.ToLower(root.Name+"."+method.Name)] = true
		}
	}
	types := publicSchema().Types
	// leads tells whether an object of a type has a field with a resolver, or one that leads to such.
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
			switch {
			case strings.HasPrefix(f.Name, "_") && f.Name != "_entities", f.Name == "stale": // what an answer after a change tells is read at once
			case resolved[strings.ToLower(name)] || f.Name == "_entities":
				if checked++; edges[name] == nil || edges[name].get == nil {
					t.Errorf("%s has a resolver and no edge", name)
				}
			case leads(f.Type.Name()):
				if checked++; edges[name] == nil || edges[name].visit == nil {
					t.Errorf("%s leads to edges and is in no table", name)
				}
			}
		}
	}
	if checked < 90 {
		t.Errorf("%d fields: this proves nothing", checked)
	}
	for name, e := range edges {
		typeName, field := e.place()
		if definition := types[typeName]; definition == nil || definition.Fields.ForName(field) == nil {
			t.Errorf("%s is no field", name)
		}
		for _, property := range e.requires {
			of, property, _ := strings.Cut(property, ".")
			if types[of] == nil || upstreamProperties[of] != nil && !slices.Contains(upstreamProperties[of], property) {
				t.Errorf("%s requires %s.%s, which Microsoft Graph does not have", name, of, property)
			}
		}
	}
}

// TestEdgesBlock has each edge ask for what is not there yet, or answer from what its parent has. That something was not
// read is never taken for an answer, or another error.
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
	}
	samples := map[reflect.Type]any{}
	for _, sample := range []any{
		query{}, &licensing.User{ID: id}, &licensing.Group{ID: other}, &licensing.Device{ID: id},
		&licensing.AssignedLicense{SkuID: &sku, DisabledPlans: []licensing.GUID{plan}}, &licensing.LicenseDetails{SkuID: &sku},
		&licensing.LicenseAssignmentState{SkuID: &sku, AssignedByGroup: &group, DisabledPlans: []licensing.GUID{plan}},
		&licensing.Allotment{ID: "a", SkuID: &sku}, &licensing.Assignment{ID: "a", DisabledServicePlanIDs: []licensing.GUID{plan}},
		&licensing.WaitingMember{Related: licensing.AssignmentRelated{
			Allotment:  &upstream.Partial[*licensing.Allotment]{Object: &licensing.Allotment{ID: "a"}},
			AssignedTo: &licensing.Reference{Object: &licensing.User{ID: id}},
		}},
		&licensing.AssignmentError{ID: "e", SkuID: &sku, Message: "of " + string(plan)}, &licensing.UsageRight{ID: "u", HolderID: &holder, SkuID: &sku},
		&licensing.SubscribedSku{SkuID: &sku}, &licensing.ServicePlan{ServicePlanID: &plan},
		&model.LicensingOverview{}, &model.ProductOverview{Sku: &licensing.SubscribedSku{SkuID: &sku}},
		&model.AssignmentErrorOverview{Errors: []*licensing.AssignmentError{{ID: "e", SkuID: &sku}}},
		&model.AssignmentErrorsOfProduct{SkuID: &sku}, &model.AssignmentErrorsOfGroup{GroupID: &group},
	} {
		samples[reflect.TypeOf(sample)] = sample
	}
	args := map[string]any{
		"id": id, "userPrincipalName": (*string)(nil), "skuId": sku,
	}
	answers := map[string]bool{ // without reading
		"Query.licensingOverview": true,
	}
	everything := selection{operation: &graphql.OperationContext{}, sets: []ast.SelectionSet{{&ast.Field{Alias: "everything", Name: "everything"}}}}
	blocked := 0
	for name, e := range edges {
		if e.get == nil {
			continue
		}
		given := parents[name]
		if given == nil {
			given = []any{samples[reflect.TypeOf(e.get).In(1)]}
		}
		for _, parent := range given {
			if parent == nil {
				t.Errorf("%s: there is no parent to try", name)
				continue
			}
			all := loaders.New(t.Context(), nil, func(string) []string {
				return []string{"displayName", "assignedTo", "allotment", "assignments", "allotments"}
			})
			f := &field{reads: &reads{Loaders: all, cursors: &cursors{}}, name: name, args: args, edge: e, selection: everything}
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
				t.Errorf("%s of %T: %v, found something: %v", name, parent, err, found)
			}
		}
	}
	if blocked < 60 {
		t.Errorf("%d edges are blocked: this proves nothing", blocked)
	}
}
