package limits

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// TestUpstreamRequests tests the requests of queries by the gateway's schema.
func TestUpstreamRequests(t *testing.T) {
	t.Parallel()
	input := map[string]any{"assignedTo": make100(20)}
	tests := []struct {
		name      string
		query     string
		variables map[string]any
		want      int
	}{
		{"nothing", `{__typename}`, nil, 0},
		{"introspection", introspection.Query, nil, 0},
		{"one object", `{user(id:"x"){displayName}}`, nil, 1},
		{"a page", `{users(first:999){nodes{displayName}}}`, nil, 1},
		{"an empty page is asked for too", `{users(first:0){nodes{id}}}`, nil, 1},
		{"pages", `{assignmentErrors(first:201){nodes{code}}}`, nil, 3},
		{"pages by a variable", `query($n:Int){assignmentErrors(first:$n){nodes{code}}}`, map[string]any{"n": json.Number("201")}, 3},
		{"object by object", `{users(first:100){nodes{usageRights{id}}}}`, nil, 1 + 100},
		{"object by object, in edges", `{users(first:100){edges{node{usageRights{id}}}}}`, nil, 1 + 100},
		{"twice object by object", `{users(first:100){nodes{usageRights{id} licenseDetails{id}}}}`, nil, 1 + 200},
		{"object by object in lists", `{users(first:10){nodes{usageRights{assignments{id}}}}}`, nil, 1 + 10 + 10*5},
		{"for many at once", `{users(first:150){nodes{licenseAssignmentStates{state}}}}`, nil, 1 + 12}, // a fifteenth each, rounded up, and one
		{"names of groups", `{users(first:150){nodes{licenseAssignmentStates{assignedByGroup{displayName}}}}}`, nil, 1 + 11 + 1 + 1},
		{"once for all", `{users(first:150){nodes{assignedLicenses{sku{consumedUnits}}}}}`, nil, 1 + 1},
		{"through fragments", `{users(first:100){...p}} fragment p on UserConnection{nodes{...u ...u}} fragment u on User{usageRights{id}}`, nil, 1 + 200},
		{"skipped", `query($no:Boolean!){users(first:100){nodes{id usageRights @include(if:$no){id}}}}`, map[string]any{"no": false}, 1},
		{"a filter of the service", `{users(filter:{licensed:true}){nodes{id}}}`, nil, 1},
		{"a filter of ours", `{users(filter:{state:ERROR}){nodes{id}}}`, nil, 1 + 9},
		{"a filter in a variable", `query($f:UserFilter){users(filter:$f){nodes{id}}}`, map[string]any{"f": map[string]any{"state": "ERROR", "error": nil}}, 1 + 9},
		{"a part of a filter in a variable", `query($s:LicenseState){users(filter:{state:$s}){nodes{id}}}`, map[string]any{"s": "ERROR"}, 1 + 9},
		{"a part of a filter that is null", `{users(filter:{state:null}){nodes{id}}}`, nil, 1},
		{"ids", `{nodes(ids:["a","b","c"]){id}}`, nil, 2 + 3*5},
		{"representations", `query($r:[_Any!]!){_entities(representations:$r){... on User{usageRights{id}}}}`, map[string]any{"r": make100(10)}, 10*2 + 10},
		{"a change", `mutation{deleteAssignment(input:{id:"a"}){outcome}}`, nil, 9},
		{"changes", `mutation($i:CreateAssignmentsInput!){createAssignments(input:$i){userErrors{code}}}`, map[string]any{"i": input}, 6 + 20*4},
		{"changes, written out", `mutation{createAssignments(input:{assignedTo:[{id:"a"},{id:"b"}]}){userErrors{code}}}`, nil, 6 + 2*4},
		{"changes of a list", `mutation($l:[AssigneeInput!]!){createAssignments(input:{assignedTo:$l}){userErrors{code}}}`, map[string]any{"l": make100(3)}, 6 + 3*4},
		{"a change of one for a list", `mutation{reprocessAssignments(input:{userIds:"a"}){userErrors{code}}}`, nil, 2 + 1},
		{"it ends at most", `{users(first:2147483647){nodes{usageRights{assignments{id}}}}}`, nil, most/thousandths + 1},
	}
	s := loadSchema()
	w := mustWeights(t, s, Default().ListSize)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			document, err := gqlparser.LoadQueryWithRules(s, tt.query, nil)
			if err != nil {
				t.Fatal(err)
			}
			c := newUpstreamCounter(w, Default(), tt.variables)
			if got := c.requests(document.Operations[0].SelectionSet); got != tt.want {
				t.Errorf("takes %d, want %d", got, tt.want)
			}
		})
	}
}

// TestUpstreamIsRefused tests the error of an operation with too many upstream requests.
func TestUpstreamIsRefused(t *testing.T) {
	t.Parallel()
	s := loadSchema()
	e := New(Limits{UpstreamRequests: 100})
	e.weights = mustWeights(t, s, e.limits.ListSize)
	for name, tt := range map[string]struct{ query, want string }{
		"at the limit": {`{users(first:99){nodes{usageRights{id}}}}`, ""},
		"above":        {`{groups(first:1){nodes{id}} people:users(first:100){nodes{usageRights{id}}}}`, "The operation could require 102 requests to Microsoft Graph, most of them for people; 100 are allowed. Pages of at most 98 elements are within the limit. Request smaller pages"},
		"a fragment":   {`{...f} fragment f on Query{users(first:100){nodes{usageRights{id}}}}`, "101 requests to Microsoft Graph, most of them for its fragments"},
	} {
		op, variables := operation(t, s, tt.query, nil)
		err := e.MutateOperationContext(t.Context(), &graphql.OperationContext{Operation: op, Variables: variables})
		switch {
		case tt.want == "":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil || !strings.Contains(err.Message, tt.want) || err.Extensions["code"] != "UPSTREAM_BUDGET_EXCEEDED" || err.Extensions["limit"] != "upstream" || err.Extensions["upstreamRequests"] == nil:
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestUpstreamIsVisitedOnce tests that the work is linear in the number of selections.
func TestUpstreamIsVisitedOnce(t *testing.T) {
	t.Parallel()
	s := gqlparser.MustLoadSchema(&ast.Source{Input: `
		directive @upstream(each: Int) on FIELD_DEFINITION
		type Query { a: Q b: Q } type Q { a: Q b: Q @upstream(each: 7) }`})
	document, err := gqlparser.LoadQueryWithRules(s, strings.NewReplacer("{...f0}", "{a{...f0}}", "f60 on Q{a}", "f60 on Q{__typename}").Replace(bomb(60)), nil)
	if err != nil {
		t.Fatal(err)
	}
	c := newUpstreamCounter(mustWeights(t, s, 10), Default(), nil)
	if got := c.requests(document.Operations[0].SelectionSet); got < most/thousandths {
		t.Errorf("takes %d", got)
	}
	if want := 2 + 60*4 + 1; c.visited != want {
		t.Errorf("visited %d selections, want %d", c.visited, want)
	}
}

// TestUpstreamDirective tests invalid directives.
func TestUpstreamDirective(t *testing.T) {
	t.Parallel()
	for _, field := range []string{"a: Int @upstream(each: 0)", "a: Int @upstream(each: -1)", "a: Int @upstream(once: 99999999)", "a(b: Int @upstream(each: 0)): Int", "a(b: In): Int"} {
		s := gqlparser.MustLoadSchema(&ast.Source{Input: `
			directive @upstream(each: Int once: Int) on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION
			input In { c: Int @upstream(each: 0) } type Query { ` + field + ` }`})
		if _, err := newWeights(s, 10); err == nil {
			t.Errorf("%s: passes", field)
		}
	}
}

// BenchmarkGuard measures that the time before execution is linear in the document.
func BenchmarkGuard(b *testing.B) {
	s := loadSchema()
	for _, n := range []int{1, 2, 4} {
		var text strings.Builder
		text.WriteString("query($n:Int){")
		for i := range 4 * n {
			fmt.Fprintf(&text, "r%d:users(first:$n){nodes{...f%d}}", i, i%4)
		}
		text.WriteString("}")
		for i := range 4 {
			fmt.Fprintf(&text, " fragment f%d on User{id displayName licenseAssignmentStates{state sku{productName} assignedByGroup{displayName}} usageRights{services{planName}}}", i)
		}
		query := text.String()
		e := New(Limits{RootFields: 100, Aliases: 100})
		e.weights = mustWeights(b, s, e.limits.ListSize)
		op, variables := operation(b, s, query, map[string]any{"n": json.Number("5")})
		b.Run(fmt.Sprintf("shape/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if e := checkDocument(query, e.limits); e != nil {
					b.Fatal(e.error())
				}
			}
		})
		b.Run(fmt.Sprintf("cost/%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if e := e.MutateOperationContext(b.Context(), &graphql.OperationContext{Operation: op, Variables: variables}); e != nil {
					b.Fatal(e)
				}
			}
		})
	}
}
