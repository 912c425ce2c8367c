package graph_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"licensegraph/graph/generated"
	"licensegraph/internal/upstream"
)

// kindOf returns the @upstream argument of a cost.
func kindOf(cost upstream.Cost) string {
	switch {
	case cost.Once:
		return "once"
	case cost.PageSize > 0:
		return fmt.Sprintf("pageSize %d", cost.PageSize)
	case cost.Shared > 0:
		return fmt.Sprintf("shared %d", cost.Shared)
	default:
		return "each"
	}
}

// elsewhere has the kinds that edgeCosts does not cover, with the tests that do.
var elsewhere = map[string][]string{
	"UserConnection.totalCount":               {"each"},      // of a later page: TestUncounted
	"GroupConnection.totalCount":              {"each"},      // likewise
	"DirectoryObjectConnection.totalCount":    {"each"},      // likewise
	"AssignmentError.licenseAssignmentStates": {"each"},      // without expanded assignees: TestUpstreamEstimate
	"User.signInActivity":                     {"shared 15"}, // of users by ID or name: TestSignInActivity
	"AssignmentError.remedy":                  {"shared 15"}, // of unknown codes: TestRemedyOfUnknownCode
	"Group.assignmentErrors":                  {"once"},      // TestErrorFilters
	"AssignmentError.fixes":                   {"each"},      // as licenseAssignmentStates
	"Query.licenseFindings":                   {"each"},      // announces several lists
	"Query.licenseFindingsOverview":           {"each"},      // likewise
	"Query.node":                              {"each"},      // announces all reads by ID
	"Query.search":                            {"each"},      // announces two lists
	"Query.allotment":                         {"each"},      // several are read as a list: TestAllotmentsOnce
	"Query.me":                                {"each"},      // TestCostOfMe
	"PredictedEffect.assignee":                {"shared 15"}, // TestCostOfDryRuns
	"PredictedEffect.sku":                     {"once"},      // likewise
	"AssignmentErrorOverview.withoutSource":   {"once"},      // announces the maximum of its pages and states
}

// TestUpstreamIsTrue compares the reads of each edge with @upstream: a selected field announces each read, and each
// announced kind occurs.
func TestUpstreamIsTrue(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	schema := generated.NewExecutableSchema(generated.Config{}).Schema()
	e := startEdgeTenant(t)
	var mu sync.Mutex
	reads := map[string]upstream.Cost{}
	e.observe = func(read string, cost upstream.Cost, _ int, _ bool) {
		mu.Lock()
		defer mu.Unlock()
		reads[read] = cost
	}
	e.restart()
	met := map[string]map[string]bool{} // kinds by field
	for _, tt := range slices.Concat(allEdgeCosts(), overviewQueries(), findingQueries()) {
		t.Run(tt.name, func(t *testing.T) {
			e.t = t
			text, _ := e.question(tt.query, 21)
			clear(reads)
			if r := e.ask(text, nil); r.Data == nil {
				t.Fatalf("%s", r.raw)
			}
			document, errs := gqlparser.LoadQueryWithRules(schema, text, rules.NewDefaultRules())
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			announced := map[string][]string{} // fields by kind
			for _, f := range fieldsIn(document.Operations[0].SelectionSet) {
				for _, kind := range announcedBy(f) {
					announced[kind] = append(announced[kind], f.ObjectDefinition.Name+"."+f.Name)
				}
			}
			for name, cost := range reads {
				kind := kindOf(cost)
				atMost := slices.Concat(announced[kind], announced["each"], announced["several"]) // higher kinds are valid
				if len(atMost) == 0 && !strings.HasPrefix(tt.name, "Entity.") {                   // entities cost the same as root fields
					t.Errorf("it reads %s (%s), which no field announces: %v", name, kind, announced)
				}
				for _, field := range announced[kind] {
					if met[field] == nil {
						met[field] = map[string]bool{}
					}
					met[field][kind] = true
				}
			}
		})
	}
	for _, definition := range schema.Types {
		if definition.Kind == ast.Interface {
			announcesLikeTypes(t, schema, definition)
		}
		if definition.Kind != ast.Object || definition.Name == "Mutation" || strings.HasSuffix(definition.Name, "Payload") || strings.HasSuffix(definition.Name, "Result") {
			continue
		}
		for _, f := range definition.Fields {
			name := definition.Name + "." + f.Name
			for _, kind := range kindsAnnounced(f.Directives.ForName("upstream")) {
				if !met[name][kind] && kind != "several" && !slices.Contains(elsewhere[name], kind) {
					t.Errorf("%s announces %s, but no such read was made: %v", name, kind, slices.Collect(maps.Keys(met[name])))
				}
			}
		}
	}
}

// announcesLikeTypes tests that each field of an interface announces what the field of one of its types announces.
func announcesLikeTypes(t *testing.T, schema *ast.Schema, definition *ast.Definition) {
	t.Helper()
	for _, f := range definition.Fields {
		var want []string
		for _, object := range schema.GetPossibleTypes(definition) {
			want = append(want, kindsAnnounced(object.Fields.ForName(f.Name).Directives.ForName("upstream"))...)
		}
		slices.Sort(want)
		if got := kindsAnnounced(f.Directives.ForName("upstream")); !slices.Equal(got, slices.Compact(want)) {
			t.Errorf("%s.%s announces %v, its types %v", definition.Name, f.Name, got, want)
		}
	}
}

// overviewQueries are the parts of the overview.
func overviewQueries() []edgeCost {
	rows := overviewCosts(0, 0)
	for i := range rows {
		rows[i].query = `licensingOverview { ` + rows[i].query + ` }`
	}
	return rows
}

// fieldsIn returns all fields of a selection set, nested ones included.
func fieldsIn(set ast.SelectionSet) (fields []*ast.Field) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			fields = append(append(fields, s), fieldsIn(s.SelectionSet)...)
		case *ast.InlineFragment:
			fields = append(fields, fieldsIn(s.SelectionSet)...)
		}
	}
	return fields
}

// announcedBy returns the kinds in @upstream of a field and its arguments.
func announcedBy(f *ast.Field) []string {
	kinds := kindsAnnounced(f.Definition.Directives.ForName("upstream"))
	for _, argument := range f.Definition.Arguments {
		kinds = append(kinds, kindsAnnounced(argument.Directives.ForName("upstream"))...)
	}
	return kinds
}

func kindsAnnounced(directive *ast.Directive) (kinds []string) {
	if directive == nil {
		return nil
	}
	for _, argument := range directive.Arguments {
		switch argument.Name {
		case "once":
			kinds = append(kinds, "once")
			if argument.Value.Raw != "1" {
				kinds = append(kinds, "several")
			}
		case "each", "perElement":
			kinds = append(kinds, "each")
		case "pageSize", "shared":
			n, err := strconv.Atoi(argument.Value.Raw)
			if err != nil {
				panic(err)
			}
			kinds = append(kinds, fmt.Sprintf("%s %d", argument.Name, n))
		}
	}
	return kinds
}
