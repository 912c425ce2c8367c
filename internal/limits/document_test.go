package limits

import (
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
)

// nest wraps a field in levels of {a …}.
func nest(levels int) string {
	return strings.Repeat("{a", levels) + strings.Repeat("}", levels)
}

// fields returns a selection set of n fields named by format.
func fields(n int, format string) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range n {
		fmt.Fprintf(&b, format+" ", i)
	}
	return b.String() + "}"
}

// bomb returns a document whose fragments each spread the next one twice, with two aliases.
func bomb(fragments int) string {
	var b strings.Builder
	b.WriteString("{...f0}")
	for i := range fragments {
		fmt.Fprintf(&b, " fragment f%d on Q{a{...f%d} b{...f%d}}", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on Q{a}", fragments)
	return b.String()
}

// flatBomb returns a bomb with all spreads in one selection set.
func flatBomb(fragments int) string {
	var b strings.Builder
	b.WriteString("{...f0}")
	for i := range fragments {
		fmt.Fprintf(&b, " fragment f%d on Q{...f%d ...f%d}", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on Q{a}", fragments)
	return b.String()
}

// operations returns operations that spread one fragment.
func operations(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "query q%d{...f}", i)
	}
	return b.String()
}

// emptyBomb returns a bomb without fields, whose spreads double.
func emptyBomb(fragments int) string {
	var b strings.Builder
	b.WriteString("{...f0}")
	for i := range fragments {
		fmt.Fprintf(&b, " fragment f%d on Q{...f%d ...f%d}", i, i+1, i+1)
	}
	fmt.Fprintf(&b, " fragment f%d on Q{...nothing}", fragments)
	return b.String()
}

// ring returns a document whose fragments spread each other in a cycle.
func ring(fragments int) string {
	var b strings.Builder
	b.WriteString("{...f0}")
	for i := range fragments {
		fmt.Fprintf(&b, " fragment f%d on Q{...f%d}", i, (i+1)%fragments)
	}
	return b.String()
}

// definitions returns a document with that many fragments.
func definitions(fragments int) string {
	var b strings.Builder
	b.WriteString("{a}")
	for i := range fragments {
		fmt.Fprintf(&b, " fragment f%d on Q{a}", i)
	}
	return b.String()
}

func TestDocument(t *testing.T) {
	t.Parallel()
	small := Limits{
		Tokens: 150, Depth: 4, Width: 10, RootFields: 5, Fields: 30, Aliases: 3, Directives: 3, Fragments: 6,
		Operations: 3, Variables: 3, StringBytes: 20,
	}.withDefaults()
	tests := []struct {
		name  string
		query string
		want  limit // empty if it is accepted
	}{
		{"tokens at the limit", "{a}" + strings.Repeat("#\n", 147), ""},
		{"one token more", "{a}" + strings.Repeat("#\n", 148), limitTokens},
		{"depth at the limit", nest(4), ""},
		{"one level more", nest(5), limitDepth},
		{"depth through fragments", "{a{...f}} fragment f on Q{a{b{...g}}} fragment g on Q{c{d}}", limitDepth},
		{"inline fragments are no level", "{a{... on Q{... on Q{b{c{d}}}}}}", ""},
		{"depth of an unused fragment", "{a} fragment f on Q" + nest(5), limitDepth},
		{"depth of another operation", "query a{a} query b" + nest(5), limitDepth},
		{"width at the limit", "{x" + fields(10, "f%d") + "}", ""},
		{"one field more", "{x" + fields(11, "f%d") + "}", limitWidth},
		{"width through equal fields", "{x" + strings.Replace(fields(11, "f%d"), "f1", "f", 11) + "}", limitWidth},
		{"width through fragments", "{x{...f ...f a}} fragment f on Q" + fields(5, "f%d"), limitWidth},
		{"width of equal fields at the limit", "{x{a b c d e} x{a b c d e}}", ""},
		{"width of equal fields", "{x{a b c d e} ... on Q{x{a b c d e}} ...f} fragment f on Q{x{a}}", limitWidth},
		{"width of equal fields of equal fields", "{x{y{a b c d}} x{y{a b c d}} x{y{a b c}}}", limitWidth},
		{"width of fields with two names", "{x{a b c d e f} y:x{a b c d e f}}", ""},
		{"width of equal fields in an unused fragment", "{a} fragment f on Q{x{a b c d e f} x{a b c d e f}}", limitWidth},
		{"root fields at the limit", fields(5, "f%d"), ""},
		{"one root field more", fields(6, "f%d"), limitRootFields},
		{"root fields through fragments", "{...f ...g} fragment f on Q{a b c} fragment g on Q{a b c}", limitRootFields},
		{"fields at the limit", "{a{...f} b{...f} c{...f}} fragment f on Q" + fields(8, "f%d"), ""},
		{"one field more in all", "{a{...f} b{...f} c{...f d}} fragment f on Q" + fields(8, "f%d"), limitFields},
		{"fields of all operations", "query a{a{...f}} query b{a{...f}} query c{a{...f} d} fragment f on Q" + fields(8, "f%d"), limitFields},
		{"spreads of nothing", emptyBomb(5), limitFields},
		{"aliases at the limit", "{a:x b:x c:x x}", ""},
		{"one alias more", "{a:x b:x c:x d:x x}", limitAliases},
		{"aliases through fragments", "{a{...f} b{...f}} fragment f on Q{a:x b:x}", limitAliases},
		{"an alias that is none", "{a:a b:b c:c d:d}", ""},
		{"aliases of introspection", fields(4, "s%d:__schema{types{name}}"), limitAliases},
		{"directives at the limit", "query @a{x @b ... @c{y}}", ""},
		{"one directive more", "query @a{x @b ... @c{y @d}}", limitDirectives},
		{"directives on one field", "{x @a @a @a @a}", limitDirectives},
		{"directives of variables", "query($v:I @a @b @c @d){x}", limitDirectives},
		{"directives of fragments", "{...f @a ...g @b} fragment f on Q @c{x} fragment g on Q @d{x}", limitDirectives},
		{"fragments at the limit", definitions(6), ""},
		{"one fragment more", definitions(7), limitFragments},
		{"a ring of fragments", ring(6), limitFragmentCycle},
		{"a fragment in itself", "{...f} fragment f on Q{a{...f}}", limitFragmentCycle},
		{"an unused cycle", "{a} fragment f on Q{...g} fragment g on Q{...f}", limitFragmentCycle},
		{"a name at the limit", "{" + strings.Repeat("a", 128) + "}", ""},
		{"one letter more", "{" + strings.Repeat("a", 129) + "}", limitNames},
		{"a long alias", "{" + strings.Repeat("a", 129) + ":b}", limitNames},
		{"a long name of a variable", "query($" + strings.Repeat("a", 129) + ":I){a}", limitNames},
		{"operations at the limit", operations(3) + "fragment f on Q{a}", ""},
		{"one operation more", operations(4) + "fragment f on Q{a}", limitOperations},
		{"variables at the limit", "query($a:I $b:I $c:I){a}", ""},
		{"one variable more", "query($a:I $b:I $c:I $d:I){a}", limitVariables},
		{"a long number", "{a(b:" + strings.Repeat("1", 41) + ")}", limitNumber},
		{"a string at the limit", `{a(b:"12345678901234567890")}`, ""},
		{"one byte more", `{a(b:"123456789012345678901")}`, limitString},
		{"a long block string", `{a(b:"""123456789012345678901""")}`, limitString},
		{"a description of what has none", `"""123456789012345678901""" {a}`, limitString},
		{"NUL in a string", `{a(b:"\u0000")}`, limitNUL},
		{"bad UTF-8", "{a(b:\"\xff\")}", limitEncoding},
		{"bad UTF-8 in a comment", "{a}#\xc3", limitEncoding},
		{"a byte order mark", "\ufeff{a}", ""},
		{"an unknown fragment is for validation", "{...f}", ""},
		{"twice the same fragment is for validation", "{...f} fragment f on Q{a} fragment f on Q{b}", ""},
		{"not GraphQL", "{a", ""},
		{"an unfinished string is for the parser", `{a(b:"`, ""},
		{"nothing", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got limit
			if e := checkDocument(tt.query, small); e != nil {
				got = e.limit
				if e.measured <= e.allowed {
					t.Errorf("measured %d, allowed %d", e.measured, e.allowed)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestHostileDocuments tests that the default limits reject expensive documents.
func TestHostileDocuments(t *testing.T) {
	t.Parallel()
	open := Limits{QueryBytes: 1 << 30, Tokens: 1 << 30}
	tests := []struct {
		name   string
		query  string
		limits Limits
		want   limit
	}{
		{"equal fields in sets of equal name", "{a{" + strings.Repeat("x ", 190) + "} " + strings.Repeat("a{"+strings.Repeat("x ", 190)+"} ", 8) + "}", Limits{}, limitWidth},
		{"100 operations", operations(100) + " fragment f on Q{a}", Limits{}, limitOperations},
		{"100 operations with the same fragment", operations(100) + " fragment f on Q{" + strings.Repeat("a"+fields(100, "x%d"), 5) + "}", Limits{Operations: 100}, limitFields},
		{"nested fragments of nothing, 1 KB", emptyBomb(24), Limits{}, limitFields},
		{"nested fragments, 1 KB", bomb(24), Limits{}, limitDepth},
		{"nested fragments, 1 KB, deep allowed", bomb(24), Limits{Depth: 1_000}, limitFields},
		{"nested fragments in one set, 1 KB", flatBomb(24), Limits{}, limitWidth},
		{"60 nested fragments", flatBomb(60), Limits{}, limitFragments},
		{"60 nested fragments, allowed", flatBomb(60), Limits{Fragments: 100}, limitWidth},
		{"2,000 levels", nest(2_000), Limits{}, limitTokens},
		{"900 levels, any number of tokens", nest(900), open, limitDepth},
		{"1,000,000 open braces", strings.Repeat("{", 1_000_000), Limits{}, limitQuery},
		{"1,000,000 open braces, any length", strings.Repeat("{", 1_000_000), Limits{QueryBytes: 1 << 30}, limitTokens},
		{"a ring of 1,000 fragments", ring(1_000), Limits{}, limitTokens},
		{"a ring of 1,000 fragments, any number of tokens", ring(1_000), open, limitFragments},
		{"5,000 equal fields", "{a{" + strings.Repeat("x ", 5_000) + "}}", Limits{}, limitTokens},
		{"5,000 equal fields, any number of tokens", "{a{" + strings.Repeat("x ", 5_000) + "}}", open, limitWidth},
		{"2,000 mergeable root fields", strings.Repeat("a{b}", 2_000), Limits{}, limitTokens},
		{"51 aliases of __schema", "{x " + strings.Trim(fields(51, "s%d:__schema{types{name}}"), "{") + "", Limits{RootFields: 100}, limitAliases},
		{"21 aliases of __schema", fields(21, "s%d:__schema{types{name}}"), Limits{}, limitRootFields},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := New(tt.limits).MutateOperationParameters(t.Context(), &graphql.RawParams{Query: tt.query})
			if got == nil {
				t.Fatal("passed")
			}
			if diff := cmp.Diff(map[string]any{"code": "BAD_USER_INPUT", "limit": string(tt.want)}, got.Extensions); diff != "" {
				t.Errorf("%s\nextensions (-want +got):\n%s", got.Message, diff)
			}
			if len(got.Message) > 250 {
				t.Errorf("a message of %d bytes", len(got.Message))
			}
		})
	}
}

// TestDocumentIsVisitedOnce tests that the work is linear in the number of selections, with any number of spreads.
func TestDocumentIsVisitedOnce(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		query string
		want  int
	}{
		{"bomb", bomb(60), 1 + 60*4 + 1},
		{"flat bomb", flatBomb(60), 1 + 60*2 + 1},
		{"ring", ring(1_000), 1 + 1_000},
		{"deep", nest(900), 900},
		{"wide", fields(5_000, "x"+"%.0d"), 5_000},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			document, err := parser.ParseQuery(&ast.Source{Input: tt.query})
			if err != nil {
				t.Fatal(err)
			}
			m := newMeasurer(document)
			m.document(document)
			if m.visited != tt.want {
				t.Errorf("visited %d selections, want %d", m.visited, tt.want)
			}
		})
	}
}

// TestWritingOutIsBounded tests the cost of the expansion of fragments within all other limits.
func TestWritingOutIsBounded(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{
		"fields":           "{a{" + strings.Repeat("b"+fields(90, "x%d"), 2) + "}}",
		"inline fragments": "{a{" + strings.Repeat("b{...f}", 150) + "}} fragment f on Q{" + strings.Repeat("...{", 300) + "x" + strings.Repeat("}", 300) + "}",
		"operations":       operations(20) + "fragment f on Q" + fields(90, "x%d"),
	} {
		document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, Default().Tokens)
		if err != nil {
			t.Fatal(name, err)
		}
		if e := checkDocument(query, Default()); e != nil {
			continue // rejected earlier
		}
		m := newMeasurer(document)
		m.merged(document)
		if m.written > 50*Default().Fields {
			t.Errorf("%s: looked at %d selections", name, m.written)
		}
	}
}

// clientIntrospection is the deepest part of the introspection query of graphql-js 16.15 (getIntrospectionQuery with
// all options).
const clientIntrospection = `query IntrospectionQuery { __schema { description
  queryType { name kind } mutationType { name kind } subscriptionType { name kind }
  types { ...FullType }
  directives { name description isRepeatable locations args(includeDeprecated: true) { ...InputValue } } } }
fragment FullType on __Type { kind name description specifiedByURL isOneOf
  fields(includeDeprecated: true) { name description args(includeDeprecated: true) { ...InputValue }
    type { ...TypeRef } isDeprecated deprecationReason }
  inputFields(includeDeprecated: true) { ...InputValue }
  interfaces { ...TypeRef }
  enumValues(includeDeprecated: true) { name description isDeprecated deprecationReason }
  possibleTypes { ...TypeRef } }
fragment InputValue on __InputValue { name description type { ...TypeRef } defaultValue isDeprecated deprecationReason }
fragment TypeRef on __Type { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name
  ofType { kind name ofType { kind name ofType { kind name ofType { kind name ofType { kind name } } } } } } } } } }`

func TestIntrospectionPasses(t *testing.T) {
	t.Parallel()
	for name, query := range map[string]string{"gqlgen": introspection.Query, "graphql-js": clientIntrospection} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if err := checkDocument(query, Default()).error(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestNameAndTextAreBounded(t *testing.T) {
	t.Parallel()
	e := New(Limits{QueryBytes: 10, OperationNameBytes: 5})
	tests := []struct {
		name   string
		params graphql.RawParams
		want   any
	}{
		{"both at the limit", graphql.RawParams{Query: "{aaaaaaaa}", OperationName: "aaaaa"}, nil},
		{"longer text", graphql.RawParams{Query: "{aaaaaaaaa}"}, "query"},
		{"longer name", graphql.RawParams{Query: "{a}", OperationName: "aaaaaa"}, "operationName"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got any
			if err := e.MutateOperationParameters(t.Context(), &tt.params); err != nil {
				got = err.Extensions["limit"]
				if strings.Contains(err.Message, "aaa") {
					t.Errorf("echoes input: %s", err.Message)
				}
			}
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestVerdictsAreRemembered(t *testing.T) {
	t.Parallel()
	e := New(Limits{Depth: 2})
	ask := func(query string) any {
		if err := e.MutateOperationParameters(t.Context(), &graphql.RawParams{Query: query}); err != nil {
			limit := err.Extensions["limit"]
			clear(err.Extensions) // an error presenter may modify it
			return limit
		}
		return nil
	}
	for range 3 {
		if got := ask(nest(3)); got != "depth" {
			t.Errorf("deep: %v", got)
		}
		if got := ask(nest(2)); got != nil {
			t.Errorf("not deep: %v", got)
		}
	}
	if n := e.verdicts.Len(); n != 2 {
		t.Errorf("%d verdicts for 2 documents", n)
	}
	for i := range cachedVerdicts + 10 {
		ask(fmt.Sprintf("{f%d}", i))
	}
	if n := e.verdicts.Len(); n != cachedVerdicts {
		t.Errorf("%d verdicts, want %d at most", n, cachedVerdicts)
	}
}

func TestMessagesSayWhatToDo(t *testing.T) {
	t.Parallel()
	for name := range texts {
		message := (&exceeded{limit: name, measured: 12, allowed: 3, argument: "ids"}).error().Message
		if strings.Contains(message, "%!") || !strings.Contains(message, "3") || strings.Count(message, ".") < 2 {
			t.Errorf("%s: %s", name, message)
		}
	}
	got := (&exceeded{limit: limitCost, measured: most, allowed: 20_000}).error().Message
	if want := "The query costs 2147483647 or more; 20000 is allowed. Request smaller pages, or fewer nested lists."; got != want {
		t.Errorf("got %s", got)
	}
}
