package graph_test

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"licensegraph/internal/emulator"
)

// records returns and clears the audit records, without values that differ per run.
func (g *gateway) records(t *testing.T) []object {
	t.Helper()
	var records []object
	for line := range strings.Lines(g.audit.String()) {
		var record object
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		if hash, _ := record["sha256"].(string); len(hash) != 64 {
			t.Errorf("the hash of the document is %q", hash)
		}
		for _, name := range []string{"time", "level", "sha256"} {
			delete(record, name)
		}
		records = append(records, record)
	}
	g.audit.reset()
	return records
}

// TestAudit tests that mutation fields and denied fields are audited, and nothing else is.
func TestAudit(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{Users: 150})
	people := g.unlicensed(t, 4)
	pool := ""
	for _, node := range g.ask(`{ allotments { nodes { id availableUnits assignableTo } } }`, nil).Data["allotments"].(object)["nodes"].([]any) {
		if units, _ := node.(object)["availableUnits"].(float64); units > 3 && slices.Contains(node.(object)["assignableTo"].([]any), any("USER")) {
			pool = node.(object)["id"].(string)
		}
	}
	if got := g.records(t); len(got) != 0 {
		t.Fatalf("queries are audited: %v", got)
	}
	count := func(done, notDone, unknown float64) object {
		return object{"done": done, "notDone": notDone, "unknown": unknown}
	}
	with := func(parts ...object) object {
		all := object{"userErrors": nil, "errors": nil}
		for _, part := range parts {
			maps.Copy(all, part)
		}
		return all
	}
	create := `mutation Give($a: [AssigneeInput!]!) { given: createAssignments(input: {allotmentId: "` + pool + `", assignedTo: $a}) { results { outcome } userErrors { code } } }`
	assignees := func(ids ...string) object {
		list := []any{}
		for _, id := range ids {
			list = append(list, object{"type": "USER", "id": id})
		}
		return object{"a": list}
	}
	for _, tt := range []struct {
		name      string
		before    func()
		mutation  string
		variables object
		want      []object
		requests  int // Microsoft Graph request IDs in the record
	}{
		{
			name: "made", mutation: create, variables: assignees(people[0]), requests: 1,
			want: []object{with(object{"msg": "mutation", "operation": "Give", "field": "createAssignments", "targets": []any{people[0], pool}, "outcome": "done"}, count(1, 0, 0))},
		},
		{
			name: "several", mutation: create, variables: assignees(people[1], people[2]), requests: 1,
			want: []object{with(object{"msg": "mutation", "operation": "Give", "field": "createAssignments", "targets": []any{people[1], people[2], pool}, "outcome": "done"}, count(2, 0, 0))},
		},
		{
			name: "invalid assignee", mutation: create, variables: assignees("missing@example.com"),
			want: []object{with(object{"msg": "mutation", "operation": "Give", "field": "createAssignments", "targets": []any{pool}, "outcome": "not done", "userErrors": []any{"INVALID"}}, count(0, 1, 0))},
		},
		{
			name: "one of two", mutation: create, variables: assignees(people[0], people[3]), requests: 1,
			want: []object{with(object{"msg": "mutation", "operation": "Give", "field": "createAssignments", "targets": []any{people[0], people[3], pool}, "outcome": "partly done", "userErrors": []any{"ALREADY_ASSIGNED"}}, count(1, 1, 0))},
		},
		{
			name: "two fields", mutation: `mutation { a: reprocessAssignments(input: {userIds: ["` + people[0] + `"]}) { results { userId } } b: deleteAssignment(input: {id: "none"}) { outcome } }`,
			want: []object{
				with(object{"msg": "mutation", "operation": "", "field": "reprocessAssignments", "targets": []any{people[0]}, "outcome": "done"}, count(1, 0, 0)),
				with(object{"msg": "mutation", "operation": "", "field": "deleteAssignment", "targets": nil, "outcome": "not done", "userErrors": []any{"NOT_FOUND"}}, count(0, 0, 0)),
			},
			requests: 1,
		},
		{
			name: "rejected upstream", before: func() { g.withRoles(readLicensing, readDirectory) },
			mutation: `mutation { reprocessAssignments(input: {userIds: ["` + people[0] + `"]}) { results { userId } } }`, requests: 1,
			want: []object{with(object{"msg": "mutation", "operation": "", "field": "reprocessAssignments", "targets": []any{people[0]}, "outcome": "not done", "errors": []any{"FORBIDDEN"}}, count(0, 1, 0))},
		},
		{
			name: "denied", before: func() { g.as(read) }, mutation: `mutation No { deleteAssignment(input: {id: "` + pool + `"}) { outcome } }`,
			want: []object{
				with(object{"msg": "mutation", "operation": "No", "field": "deleteAssignment", "targets": []any{pool}, "outcome": "denied", "errors": []any{"FORBIDDEN"}}, count(0, 0, 0)),
				{"msg": "denied", "operation": "No", "outcome": "denied", "errors": []any{"FORBIDDEN"}, "fields": []any{"Mutation.deleteAssignment"}, "targets": []any{pool}},
			},
		},
		{
			name: "a denied query", before: func() { g.as(read) }, mutation: `query Look($no: Boolean = false) { users(first: 1, orderBy: {field: DISPLAY_NAME}) { nodes { displayName } } u: users(first: 1) { nodes { mail mobilePhone @include(if: $no) } } groups { nodes { id } } }`,
			want: []object{{"msg": "denied", "operation": "Look", "outcome": "denied", "errors": []any{"FORBIDDEN"}, "fields": []any{"Query.users", "User.mail"}}},
		},
		{
			name: "a denied object", before: func() { g.as(read) }, mutation: `{ user(id: "` + people[0] + `") { mail } }`,
			want: []object{{"msg": "denied", "operation": "", "outcome": "denied", "errors": []any{"FORBIDDEN"}, "fields": []any{"User.mail"}, "targets": []any{people[0]}}},
		},
		{
			name: "nothing denied", before: func() { g.as(read) }, mutation: `query Fine($no: Boolean = false) { node(id: "` + people[0] + `") { id ... on User { displayName @include(if: $no) } ... on AssignmentError { code } } }`,
		},
		{
			name: "disabled", before: func() { g.caller, g.readOnly = nil, true; g.restart() }, mutation: `mutation Off { deleteAssignment(input: {id: "` + pool + `"}) { outcome } }`,
			want: []object{{"msg": "denied", "operation": "Off", "outcome": "denied", "errors": []any{"FORBIDDEN"}, "targets": []any{pool}}},
		},
	} {
		if tt.before != nil {
			tt.before()
		}
		g.records(t)
		r := g.ask(tt.mutation, tt.variables)
		got := g.records(t)
		requests := 0
		for _, record := range got {
			ids, _ := record["upstreamRequestIds"].([]any)
			requests += len(ids)
			delete(record, "upstreamRequestIds")
		}
		if diff := difference(tt.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s\n%s", tt.name, diff, r.raw)
		}
		if requests != tt.requests {
			t.Errorf("%s: %d upstream request IDs, want %d", tt.name, requests, tt.requests)
		}
	}
}
