package graph_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/generated"
	"licensegraph/internal/emulator"
)

// randomQueries generates valid queries over the whole schema: any fields, arguments, aliases, fragments and directives.
type randomQueries struct {
	r      *rand.Rand
	schema *ast.Schema
	ids    map[string][]string // existing IDs by type, and an unknown one
	holder map[string]string   // of a usage right

	fields int // that the query may still select
	names  int // aliases so far
}

// poolQuery reads IDs of all types.
const poolQuery = `{
	users(first: 30) { nodes { __typename id userPrincipalName usageRights { __typename id holderId } } }
	groups(first: 20) { nodes { __typename id } }
	assignmentErrors(first: 30) { nodes { __typename id usageRight { __typename id holderId } assignedTo { __typename id ... on User { userPrincipalName } } } }
	assignments(first: 10) { nodes { __typename id } }
	allotments { nodes { __typename id } }
	subscribedSkus { nodes { __typename id skuId } }
}`

// newRandomQueries returns the queries of a seed for a gateway.
func newRandomQueries(g *gateway, seed uint64) *randomQueries {
	q := &randomQueries{
		r: rand.New(rand.NewPCG(seed, 0)), schema: generated.NewExecutableSchema(generated.Config{}).Schema(),
		ids: map[string][]string{"none": {"99999999-9999-4999-8999-999999999999"}}, holder: map[string]string{},
	}
	pool := g.ask(poolQuery, nil)
	if len(pool.Errors) > 0 {
		g.t.Fatal(pool.Errors)
	}
	walk(pool.Data, func(object map[string]any) {
		typeName, _ := object["__typename"].(string)
		for property, kind := range map[string]string{"id": typeName, "skuId": "skuId", "userPrincipalName": "userPrincipalName"} {
			if id, ok := object[property].(string); ok && typeName != "" {
				q.ids[kind] = append(q.ids[kind], id)
			}
		}
		if holder, ok := object["holderId"].(string); ok {
			q.holder[object["id"].(string)] = holder
		}
	})
	for _, list := range q.ids { // maps have no order
		slices.Sort(list)
	}
	return q
}

func (q *randomQueries) chance(percent int) bool { return q.r.IntN(100) < percent }

func pick[E any](q *randomQueries, list []E) E { return list[q.r.IntN(len(list))] }

// id returns an ID of a type, or rarely an unknown one.
func (q *randomQueries) id(typeName string) string {
	if q.chance(4) || len(q.ids[typeName]) == 0 {
		return q.ids["none"][0]
	}
	return pick(q, q.ids[typeName])
}

// next returns a query.
func (q *randomQueries) next() string {
	q.fields, q.names = 12+q.r.IntN(30), 0
	var text strings.Builder
	text.WriteString("{")
	roots := q.schema.Query.Fields
	for range 1 + q.r.IntN(3) {
		for {
			root := pick(q, roots)
			if root.Name == "_service" || strings.HasPrefix(root.Name, "__") {
				continue
			}
			q.field(&text, root, 5)
			break
		}
	}
	text.WriteString("}")
	return text.String()
}

// field writes a field under a unique alias.
func (q *randomQueries) field(text *strings.Builder, f *ast.FieldDefinition, depth int) {
	q.fields--
	if q.names++; len(f.Arguments) > 0 || q.chance(15) {
		fmt.Fprintf(text, " f%d:", q.names)
	}
	text.WriteString(" " + f.Name)
	var args []string
	for _, a := range f.Arguments {
		if value := q.argument(f, a); value != "" {
			args = append(args, a.Name+": "+value)
		}
	}
	if len(args) > 0 {
		text.WriteString("(" + strings.Join(args, ", ") + ")")
	}
	if q.chance(4) {
		fmt.Fprintf(text, " @%s(if: %v)", pick(q, []string{"include", "skip"}), q.chance(50))
	}
	if definition := q.schema.Types[f.Type.Name()]; definition.IsCompositeType() {
		q.set(text, definition, depth-1)
	}
}

// set writes a selection set.
func (q *randomQueries) set(text *strings.Builder, definition *ast.Definition, depth int) {
	text.WriteString(" { __typename")
	var leaves, composites ast.FieldList
	for _, f := range definition.Fields {
		switch {
		case strings.HasPrefix(f.Name, "__"):
		case q.schema.Types[f.Type.Name()].IsCompositeType():
			composites = append(composites, f)
		default:
			leaves = append(leaves, f)
		}
	}
	for range min(len(leaves), 1+q.r.IntN(4)) {
		q.field(text, pick(q, leaves), depth)
	}
	if definition.IsAbstractType() && depth >= 0 {
		for _, possible := range q.schema.GetPossibleTypes(definition) {
			if q.chance(60) {
				text.WriteString(" ... on " + possible.Name)
				q.set(text, possible, depth)
			}
		}
	}
	if len(composites) > 0 && depth > 0 {
		for range 1 + q.r.IntN(3) {
			if q.fields > 0 {
				if q.chance(10) {
					text.WriteString(" ... {")
					q.field(text, pick(q, composites), depth)
					text.WriteString(" }")
					continue
				}
				q.field(text, pick(q, composites), depth)
			}
		}
	}
	text.WriteString(" }")
}

// argument returns the value of an argument; empty to omit it.
func (q *randomQueries) argument(f *ast.FieldDefinition, a *ast.ArgumentDefinition) string {
	switch a.Name {
	case "first":
		return fmt.Sprint(1 + q.r.IntN(4))
	case "after", "before", "last":
		return ""
	case "ids":
		return q.list(5, func() string { return fmt.Sprintf("%q", q.anyID()) })
	case "representations":
		return q.list(4, q.representation)
	case "id":
		switch {
		case f.Name == "user" && q.chance(50):
			return "" // by userPrincipalName
		case f.Name == "node":
			return fmt.Sprintf("%q", q.anyID())
		}
		return fmt.Sprintf("%q", q.id(f.Type.Name()))
	}
	if !a.Type.NonNull && q.chance(50) {
		return ""
	}
	return q.value(a.Name, a.Type)
}

func (q *randomQueries) list(atMost int, of func() string) string {
	var elements []string
	for range q.r.IntN(atMost + 1) {
		elements = append(elements, of())
	}
	return "[" + strings.Join(elements, ", ") + "]"
}

// anyID returns the ID of an object of any type.
func (q *randomQueries) anyID() string {
	return q.id(pick(q, []string{"User", "Group", "Allotment", "Assignment", "AssignmentError", "SubscribedSku"}))
}

// representation returns a reference to an entity, as a router sends it.
func (q *randomQueries) representation() string {
	switch kind := pick(q, []string{"User", "User by name", "Group", "Allotment", "Assignment", "AssignmentError", "UsageRight", "SubscribedSku"}); kind {
	case "User by name":
		return fmt.Sprintf("{__typename: \"User\", userPrincipalName: %q}", q.id("userPrincipalName"))
	case "UsageRight":
		id := q.id(kind)
		return fmt.Sprintf("{__typename: \"UsageRight\", id: %q, holderId: %q}", id, max(q.holder[id], q.ids["none"][0]))
	case "SubscribedSku":
		return fmt.Sprintf("{__typename: \"SubscribedSku\", skuId: %q}", q.id("skuId"))
	default:
		return fmt.Sprintf("{__typename: %q, id: %q}", kind, q.id(kind))
	}
}

// value returns a value of an input type.
func (q *randomQueries) value(name string, t *ast.Type) string {
	if t.Elem != nil {
		return q.list(2, func() string { return q.value(name, t.Elem) })
	}
	definition := q.schema.Types[t.NamedType]
	switch definition.Kind {
	case ast.Enum:
		return pick(q, definition.EnumValues).Name
	case ast.InputObject:
		var fields []string
		for _, f := range definition.Fields {
			if f.Type.NonNull || q.chance(30) {
				fields = append(fields, f.Name+": "+q.value(f.Name, f.Type))
			}
		}
		return "{" + strings.Join(fields, ", ") + "}"
	}
	switch t.NamedType {
	case "UUID":
		return fmt.Sprintf("%q", q.id("skuId"))
	case "ID":
		return fmt.Sprintf("%q", q.id(pick(q, []string{"User", "Group"})))
	case "Int":
		return fmt.Sprint(q.r.IntN(40))
	case "Boolean":
		return fmt.Sprint(q.chance(70))
	case "DateTime":
		return fmt.Sprintf("\"2026-%02d-01T00:00:00Z\"", 1+q.r.IntN(12))
	case "Date":
		return fmt.Sprintf("\"2026-%02d-01\"", 1+q.r.IntN(12))
	}
	if name == "userPrincipalName" {
		return fmt.Sprintf("%q", q.id("userPrincipalName"))
	}
	return fmt.Sprintf("%q", pick(q, []string{"A", "Sales", "InsufficientUnits", "DE", "x"}))
}

// TestPrefetchChangesNothing runs random queries with and without the prefetch: data and errors are equal, and the
// prefetch costs no more requests.
func TestPrefetchChangesNothing(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	for name, variants := range map[string]emulator.Variants{
		"strict": {}, "both relations expand": {ExpandErrors: "both"}, "no relation expands": {ExpandErrors: "none"}, "small pages": {PageSize: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			variants.Throttling.Off = true
			g := startGateway(t, emulator.Options{Users: 60, Variants: variants})
			other := *g
			other.withoutPrefetch = true
			other.restart()
			q := newRandomQueries(g, 2)
			other.ask(poolQuery, nil) // both know the capabilities
			requests, more, objects := 0, 0, 0
			for range 40 * *thorough {
				query := q.next()
				want, got := other.answerNow(query), g.answerNow(query)
				if got.Requests > want.Requests && variants.PageSize == 0 { // with small pages, a list can cost more than a few objects
					t.Errorf("%d requests with the prefetch, %d without: %s", got.Requests, want.Requests, query)
				}
				requests, more = requests+got.Requests, more+want.Requests
				walk(got.Data, func(map[string]any) { objects++ })
				got.Requests = want.Requests
				if diff := difference(want, got); diff != "" {
					t.Fatalf("(-without +with the prefetch):\n%s\nof %s", diff, query)
				}
			}
			t.Logf("%d requests, %d without the prefetch, %d objects", requests, more, objects)
			if objects < 400 || requests < 20 {
				t.Error("the test covers nothing")
			}
		})
	}
}
