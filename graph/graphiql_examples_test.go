package graph_test

import (
	"encoding/json"
	"slices"
	"testing"

	"licensegraph/internal/emulator"
	"licensegraph/internal/graphiql"
)

// TestGraphiQLExamples runs GraphiQL's examples on the embedded tenant, whose IDs they have. Each succeeds, and the
// mutation removes the error.
func TestGraphiQLExamples(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	failing := func(person any) (states, errs int) {
		r := g.ask(`query($id: ID!) { user(id: $id) { licenseAssignmentStates { error } assignmentErrors { code } } }`, map[string]any{"id": person})
		user, _ := r.Data["user"].(object)
		if len(r.Errors) > 0 || user == nil {
			t.Fatalf("%s", r.raw)
		}
		for _, state := range user["licenseAssignmentStates"].([]any) {
			if state.(object)["error"] != nil {
				states++
			}
		}
		return states, len(user["assignmentErrors"].([]any))
	}
	names := []string{}
	for _, example := range graphiql.Examples() {
		names = append(names, example.Name)
		variables := map[string]any{}
		if example.Variables != "" {
			if err := json.Unmarshal([]byte(example.Variables), &variables); err != nil {
				t.Fatal(err)
			}
		}
		if example.Name == "Fix" {
			if states, errs := failing(variables["person"]); states == 0 || errs == 0 {
				t.Errorf("%d states and %d errors: the examples have no error", states, errs)
			}
		}
		r := g.ask(example.Query, variables)
		if len(r.Errors) > 0 {
			t.Errorf("%s: %v", example.Name, r.Errors)
		}
		for field, value := range r.Data {
			list, isList := value.([]any)
			if value == nil || isList && slices.Contains(list, nil) {
				t.Errorf("%s: %s is %v", example.Name, field, value)
			}
		}
		if example.Name != "Fix" {
			continue
		}
		if outcome := r.Data["updateAssignment"].(object)["outcome"]; outcome != "DONE" {
			t.Errorf("updateAssignment: %s", r.raw)
		}
		for _, result := range r.Data["reprocessAssignments"].(object)["results"].([]any) {
			if result.(object)["outcome"] != "DONE" {
				t.Errorf("reprocessAssignments: %s", r.raw)
			}
		}
		if states, errs := failing(variables["person"]); states != 0 || errs != 0 {
			t.Errorf("%d states and %d errors are left: %s", states, errs, r.raw)
		}
	}
	if !slices.Contains(names, "Fix") {
		t.Errorf("no Fix example in %v", names)
	}
}
