package limits

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"licensegraph/internal/graphiql"
)

// mainQuestion is the query for failed assignments, with users, reasons, groups and usage rights.
const mainQuestion = `query($first: Int!) { assignmentErrors(first: $first) {
  nodes { code message occurrenceDateTime sku { productName }
    assignedTo { displayName ... on User { userPrincipalName
      licenseAssignmentStates { sku { productName } state error assignedByGroup { displayName } disabledPlans { displayName } } } }
    usageRight { services { planName } } }
  pageInfo { hasNextPage endCursor } } }`

func TestCostOfTheSchema(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name      string
		query     string
		variables map[string]any
		want      int
	}{
		// Per error: the error, its product, its assignee; 5 states of 8 (state, product, group, 5 plans); a usage
		// right of 2 with 25 services. The connection and its pageInfo are 1 each. Scalars: 3 of the error, 1 of its
		// product, 2 of its assignee, 9 of each state (2, product, group, 5 plans) and 1 of each service; 2 of
		// pageInfo.
		{"main question, 100 errors", mainQuestion, map[string]any{"first": json.Number("100")}, 2 + 100*(3+5*8+2+25) + 2 + 100*(6+5*9+25)},
		{"main question, 1,000 errors", mainQuestion, map[string]any{"first": json.Number("1000")}, 2 + 1000*(3+5*8+2+25) + 2 + 1000*(6+5*9+25)},
		{"first by default", `{assignmentErrors{nodes{id}}}`, nil, 1 + 50*2},
		{"first as literal", `{assignmentErrors(first: 7){nodes{id}}}`, nil, 1 + 7*2},
		{"first by the variable's default", `query($n: Int! = 9){assignmentErrors(first: $n){nodes{id}}}`, nil, 1 + 9*2},
		{"first by a variable without value", `query($n: Int = 9){assignmentErrors(first: $n){nodes{id}}}`, nil, 1 + 9*2},
		{"edges count as nodes do", `{users(first: 7){edges{cursor node{id}}}}`, nil, 1 + 7*4},
		{"negative first", `{users(first: -7){nodes{id}}}`, nil, 1},
		{"huge first", `{users(first: 2147483647){nodes{usageRights{services{planName}}}}}`, nil, most},
		{"size reaches into fragments", `{users(first: 7){...p}} fragment p on UserConnection{nodes{id} ...q} fragment q on UserConnection{edges{node{id}}}`, nil, 1 + 7*2 + 7*3},
		{"one fragment in two sizes", `{a: users(first: 7){...p} b: users(first: 2){...p}} fragment p on UserConnection{nodes{id}}`, nil, 2 + (7+2)*2},
		{"assumed sizes", `{subscribedSkus{nodes{servicePlans{servicePlanName}}}}`, nil, 1 + 50*(1+40*2)},
		{"weights of fields count for each element", `{user(id:"x"){usageRights{id} assignmentErrors{id}}}`, nil, 1 + 5*6 + 2*6},
		{"lists of scalars", `{user(id:"x"){businessPhones}}`, nil, 1 + 2},
		{"__typename is a scalar", `{__typename user(id:"x"){__typename}}`, nil, 1 + 2},
		{"aliases of scalars count for each object", `{users(first: 7){nodes{a:id b:id c:id}}}`, nil, 1 + 7*4},
		{"ids count", `{nodes(ids:["a","b","c"]){id}}`, nil, 3 * 2},
		{"ids in a variable count", `query($ids:[ID!]!){nodes(ids:$ids){id}}`, map[string]any{"ids": []any{"a", "b"}}, 2 * 2},
		{"variables within ids count", `query($id:ID!){nodes(ids:[$id,$id]){id}}`, map[string]any{"id": "a"}, 2 * 2},
		{"one id for a list", `{nodes(ids:"a"){id}}`, nil, 2},
		{"one id for a list in a variable", `query($ids:[ID!]!){nodes(ids:$ids){id}}`, map[string]any{"ids": "a"}, 2},
		{"representations count", `query($r:[_Any!]!){_entities(representations:$r){... on User{id} ... on Group{assignedLicenses{skuId}}}}`, map[string]any{"r": []any{map[string]any{}, map[string]any{}}}, 2 * (1 + 1 + 5*2)},
		{"skipped fields are free", `query($no:Boolean!){user(id:"x"){id usageRights @include(if:$no){id} ...f @skip(if:true) ... @include(if:false){usageRights{id}}}} fragment f on User{usageRights{id}}`, map[string]any{"no": false}, 2},
		{"included fields are not", `query($yes:Boolean!){user(id:"x"){id usageRights @include(if:$yes) @skip(if:false){id}}}`, map[string]any{"yes": true}, 2 + 5*6},
		{"introspection", introspection.Query, nil, 41_988},
	}
	s := loadSchema()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			op, variables := operation(t, s, tt.query, tt.variables)
			c := newCounter(mustWeights(t, s, Default().ListSize), Default(), variables)
			if got := c.set(op.SelectionSet).with(nil, 0); got != tt.want {
				t.Errorf("costs %d, want %d", got, tt.want)
			}
		})
	}
}

func TestDefaultsFitTheMainQuestion(t *testing.T) {
	t.Parallel()
	var aliases []string
	for i := range 20 {
		aliases = append(aliases, fmt.Sprintf("a%d:__schema{...s}", i))
	}
	tests := []struct {
		name      string
		query     string
		variables map[string]any
		want      any
	}{
		{"100 errors", mainQuestion, map[string]any{"first": 100}, nil},
		{"1,000 errors", mainQuestion, map[string]any{"first": 1000}, nil},
		{"1,000 errors under two names", strings.Replace(mainQuestion, "{ assign", "{ a: assignmentErrors(first: 1000) { ...f } assign", 1) + ` fragment f on AssignmentErrorConnection { nodes { assignedTo { ... on User { usageRights { services { planName } } } } } }`, map[string]any{"first": 1000}, "cost"},
		{"1,000 errors, ids only", `{assignmentErrors(first:1000){nodes{id assignedTo{id}}}}`, nil, nil},
		{"introspection", clientIntrospection, nil, nil},
		{"introspection twenty times", "{" + strings.Join(aliases, " ") + `} fragment s on __Schema{types{fields{args{type{ofType{ofType{ofType{ofType{ofType{ofType{ofType{ofType{name}}}}}}}}}}}}}`, nil, "cost"},
		{"100 ids", `query($ids:[ID!]!){nodes(ids:$ids){id}}`, map[string]any{"ids": make100(100)}, nil},
		{"101 ids", `query($ids:[ID!]!){nodes(ids:$ids){id}}`, map[string]any{"ids": make100(101)}, "ids"},
		{"101 ids as literals", `{nodes(ids:[` + strings.Repeat(`"a",`, 101) + `]){id}}`, nil, "ids"},
		{"1,000 representations", `query($r:[_Any!]!){_entities(representations:$r){... on User{displayName}}}`, map[string]any{"r": make100(1000)}, nil},
		{"1,001 representations", `query($r:[_Any!]!){_entities(representations:$r){__typename}}`, map[string]any{"r": make100(1001)}, "representations"},
	}
	s := loadSchema()
	e := New(Limits{})
	e.weights = mustWeights(t, s, e.limits.ListSize)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			op, variables := operation(t, s, tt.query, tt.variables)
			var got any
			if err := e.MutateOperationContext(t.Context(), &graphql.OperationContext{Operation: op, Variables: variables}); err != nil {
				got = err.Extensions["limit"]
				t.Log(err.Message)
			}
			if got != tt.want {
				t.Errorf("got limit %v, want %v", got, tt.want)
			}
		})
	}
}

// TestDocumentedPagesPass tests that the examples are within the limits with the largest page in the schema.
func TestDocumentedPagesPass(t *testing.T) {
	t.Parallel()
	s := loadSchema()
	e := New(Limits{})
	e.weights = mustWeights(t, s, e.limits.ListSize)
	promised := regexp.MustCompile(`: 1 to ([0-9,]+)`)
	asked := 0
	for _, example := range graphiql.Examples() {
		document, errs := gqlparser.LoadQueryWithRules(s, example.Query, rules.NewDefaultRules())
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		op := document.Operations[0]
		if op.VariableDefinitions.ForName("first") == nil {
			continue
		}
		for _, selection := range op.SelectionSet {
			field := selection.(*ast.Field)
			first := field.Definition.Arguments.ForName("first")
			if first == nil {
				continue
			}
			found := promised.FindStringSubmatch(first.Description)
			if found == nil {
				t.Fatalf("%s: no page size in the description of first", field.Name)
			}
			asked++
			variables := map[string]any{"first": json.Number(strings.ReplaceAll(found[1], ",", "")), "filter": map[string]any{"hasLicenseErrors": true}}
			if err := e.MutateOperationContext(t.Context(), &graphql.OperationContext{Operation: op, Variables: variables}); err != nil {
				t.Errorf("%s with first: %s: %v", example.Name, found[1], err)
			}
		}
	}
	if asked < 2 {
		t.Errorf("%d pages: the examples have changed", asked)
	}
}

// TestErrorsHavePageSize tests that an operation is within the limits with the page size of the error.
func TestErrorsHavePageSize(t *testing.T) {
	t.Parallel()
	s := loadSchema()
	e := New(Limits{Cost: 20_000, UpstreamRequests: 500})
	e.weights = mustWeights(t, s, e.limits.ListSize)
	for _, query := range []string{mainQuestion, `query($first: Int!){users(first:$first){nodes{usageRights{id}}}}`} {
		ask := func(first int) *gqlerror.Error {
			op, variables := operation(t, s, query, map[string]any{"first": first})
			return e.MutateOperationContext(t.Context(), &graphql.OperationContext{Operation: op, Variables: variables})
		}
		err := ask(999)
		if err == nil {
			t.Fatalf("%s: not rejected", query)
		}
		page, _ := err.Extensions["pageSize"].(int)
		if page == 0 || !strings.Contains(err.Message, fmt.Sprintf("Pages of at most %d elements are within the limit.", page)) {
			t.Fatalf("%s: no page in %v %v", query, err, err.Extensions)
		}
		if err := ask(page); err != nil {
			t.Errorf("%s: %v", query, err)
		}
		if ask(page+1) == nil {
			t.Errorf("%s: %d is within the limits, too", query, page+1)
		}
	}
}

// TestNestedPages tests the README's numbers of the largest pages within lists.
func TestNestedPages(t *testing.T) {
	t.Parallel()
	s := loadSchema()
	e := New(Limits{})
	e.weights = mustWeights(t, s, e.limits.ListSize)
	ask := func(query string) *gqlerror.Error {
		op, variables := operation(t, s, query, nil)
		return e.MutateOperationContext(t.Context(), &graphql.OperationContext{Operation: op, Variables: variables})
	}
	for _, query := range []string{
		`{subscribedSkus{nodes{assignmentErrors(first:1000){nodes{id code}}}}}`,
		`{allotments{nodes{assignments(first:1000){nodes{__typename id}}}}}`,
		`{allotments{nodes{waitingMembers(first:1000){nodes{id waitingSinceDateTime}}}}}`,
		`{groups{nodes{members(first:999){nodes{id ... on User{displayName}}}}}}`,
		`{groups{nodes{membersWithLicenseErrors(first:999){nodes{id ... on User{displayName}}}}}}`,
		`{subscribedSkus(first:3){nodes{assignmentErrors(first:1000){nodes{code assignedTo{displayName}}}}}}`,
		`{allotments(first:3){nodes{assignments(first:1000){nodes{id assignedTo{displayName}}}}}}`,
		`{allotment(id:"x"){assignments(first:1000){nodes{id assignedTo{displayName}}}}}`,
		`{users(first:20){nodes{displayName licenseChanges{when by{kind displayName} added{productName} removed{productName} plansOnly}}}}`,
		`{user(id:"x"){licenseChanges(first:100){when by{kind displayName} added{units{free}} removed{units{free}} plansOnly}}}`,
	} {
		if err := ask(query); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
	for _, query := range []string{
		`{subscribedSkus{nodes{assignmentErrors(first:%d){nodes{code assignedTo{displayName}}}}}}`,
		`{allotments{nodes{assignments(first:%d){nodes{id assignedTo{displayName}}}}}}`,
	} {
		for _, first := range []int{1000, 300, 65} {
			if err := ask(fmt.Sprintf(query, first)); err == nil || err.Extensions["pageSize"] != 64 {
				t.Errorf("%s with %d: %v", query, first, err)
			}
		}
		if err := ask(fmt.Sprintf(query, 64)); err != nil {
			t.Errorf("%s with 64: %v", query, err)
		}
	}
	// Microsoft Graph permits few requests to the audit log.
	if err := ask(`{users{nodes{licenseChanges{when}}}}`); err == nil || err.Extensions["pageSize"] == nil {
		t.Errorf("license changes of 50 users: %v", err)
	}
}

// TestTooLargePages tests that a page larger than its field's maximum is rejected for its size, not for its
// cost. The schema documents the maximum.
func TestTooLargePages(t *testing.T) {
	t.Parallel()
	s := loadSchema()
	e := New(Limits{Cost: 2_000, UpstreamRequests: 500})
	e.weights = mustWeights(t, s, e.limits.ListSize)
	described := regexp.MustCompile(`: 1 to ([0-9,]+)\.`)
	found := 0
	for _, definition := range s.Types {
		for _, field := range definition.Fields {
			for _, argument := range field.Arguments {
				if argument.Name != "first" && argument.Name != "last" {
					continue
				}
				found++
				size, err := pageSizeOf(argument)
				text := described.FindStringSubmatch(argument.Description)
				if err != nil || text == nil || strings.ReplaceAll(text[1], ",", "") != fmt.Sprint(size) {
					t.Errorf("%s.%s: %q, and the size is %d (%v)", definition.Name, field.Name, argument.Description, size, err)
				}
				if definition != s.Query {
					continue
				}
				for _, wanted := range []string{fmt.Sprint(size + 1), "20000", "3000000000"} {
					arguments := argument.Name + ":" + wanted
					if field.Arguments.ForName("text") != nil {
						arguments += `,text:"text"`
					}
					op, variables := operation(t, s, fmt.Sprintf(`{%s(%s){nodes{__typename a:__typename b:__typename}}}`, field.Name, arguments), nil)
					err := e.MutateOperationContext(t.Context(), &graphql.OperationContext{Operation: op, Variables: variables})
					if want := fmt.Sprintf("`%s` must be between 1 and %d. Use several pages.", argument.Name, size); err == nil || err.Message != want || err.Extensions["pageSize"] != nil {
						t.Errorf("%s(%s: %s): %v, want %s", field.Name, argument.Name, wanted, err, want)
					}
				}
			}
		}
	}
	if found < 10 {
		t.Errorf("%d pages", found)
	}
}

func make100(n int) []any {
	values := make([]any, n)
	for i := range values {
		values[i] = "a"
	}
	return values
}

// TestWeights tests directives that the gateway's schema does not use.
func TestWeights(t *testing.T) {
	t.Parallel()
	const directives = `
		directive @cost(weight: Int!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
		directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
	`
	const sdl = `
		type Query {
			heavy: Heavy
			light: Heavy @cost(weight: 0)
			heavies: [Heavy!] @listSize(assumedSize: 3)
			text: Text
			numbers: [Int!] @cost(weight: 2)
			window(first: Int, last: Int = 4): [Heavy!] @listSize(assumedSize: 6, slicingArguments: ["first", "last"])
			search(text: String @cost(weight: 20)): Heavy
			matrix: [[Heavy!]!] @listSize(assumedSize: 2)
			page(first: Int): Page @listSize(slicingArguments: ["first"], sizedFields: ["items"], assumedSize: 8)
		}
		type Page { items: [Heavy!] more: [Heavy!] }
		type Heavy @cost(weight: 10) { id: ID child: Heavy }
		scalar Text @cost(weight: 3)
	`
	s := gqlparser.MustLoadSchema(&ast.Source{Input: directives + sdl})
	tests := []struct {
		query string
		want  int
	}{
		{`{heavy{id}}`, 11},
		{`{heavy{child{id}}}`, 21},
		{`{light{child{id}}}`, 11},
		{`{heavies{id}}`, 3 * 11},
		{`{text}`, 3},
		{`{numbers}`, 7 * 2},
		{`{window{id}}`, 4 * 11},
		{`{window(last:null){id}}`, 6 * 11},
		{`{window(first:2){id}}`, 4 * 11},
		{`{window(first:5,last:1){id}}`, 5 * 11},
		{`{search{id}}`, 11},
		{`{search(text:"x"){id}}`, 31},
		{`{matrix{id}}`, 2 * 11},
		{`{page{items{id}}}`, 1 + 8*11},
		{`{page(first:2){items{id} more{id}}}`, 1 + 2*11 + 7*11},
		{`query($f:Int){page(first:$f){items{id}}}`, 1 + 8*11},
	}
	for _, tt := range tests {
		t.Run(tt.query, func(t *testing.T) {
			t.Parallel()
			op, variables := operation(t, s, tt.query, nil)
			c := newCounter(mustWeights(t, s, 7), Default(), variables)
			if got := c.set(op.SelectionSet).with(nil, 0); got != tt.want {
				t.Errorf("costs %d, want %d", got, tt.want)
			}
		})
	}

	for sdl, want := range map[string]string{
		`type Query { a: Int @cost(weight: -1) }`:                             "limits: Query.a: @cost(weight: -1): want a non-negative integer",
		`type Query { a(b: I): Int } input I { c: Int @cost(weight: 1) }`:     "limits: @cost on input field I.c is not supported",
		`type Query { a: [Int] @listSize(slicingArguments: ["first"]) }`:      "limits: Query.a: @listSize: no argument first",
		`type Query { a(b: Int @cost(weight: 99999999999)): Int }`:            "limits: Query.a: argument b: @cost(weight: 99999999999): want a non-negative integer",
		`type Query { a(b: Int): Int @listSize(slicingArguments: ["b"]) }`:    "limits: Query.a: @listSize on a field that is not a list requires sizedFields",
		`type Query { a: [Int] @listSize(assumedSize: -1) }`:                  "limits: Query.a: @listSize(assumedSize: -1): want a non-negative integer",
		`type Query { a: [Int] } type B @cost(weight: -2) {c: B}`:             "limits: B.c: @cost(weight: -2): want a non-negative integer",
		`type Query { a: [Int] @listSize(assumedSize: 0, sizedFields: []) }`:  "",
		`type Query { a: [Int!]! @listSize(assumedSize: 1) @cost(weight: 0)}`: "",
	} {
		var got string
		if _, err := newWeights(gqlparser.MustLoadSchema(&ast.Source{Input: directives + sdl}), 10); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", sdl, diff)
		}
	}
}

// TestCostIsVisitedOnce tests that the work is linear in the number of selections.
func TestCostIsVisitedOnce(t *testing.T) {
	t.Parallel()
	s := gqlparser.MustLoadSchema(&ast.Source{Input: `type Query { a: Query b: Query c: Int }`})
	query := strings.ReplaceAll(strings.Replace(bomb(60), "f60 on Q{a}", "f60 on Q{c}", 1), " on Q{", " on Query{")
	document, errs := gqlparser.LoadQueryWithRules(s, query, rules.NewDefaultRules())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	c := newCounter(mustWeights(t, s, 10), Default(), nil)
	if e := c.check(document.Operations[0]); e == nil || e.measured != most {
		t.Errorf("got %+v, want a cost of %d", e, most)
	}
	if want := 1 + 60*4 + 1; c.visited != want {
		t.Errorf("visited %d selections, want %d", c.visited, want)
	}
}
