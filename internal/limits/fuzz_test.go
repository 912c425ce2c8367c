package limits

import (
	"slices"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql/introspection"
	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"
)

// written expands every fragment where it is spread: a slow reference implementation for small documents.
type written struct {
	document *ast.QueryDocument
	budget   int // remaining selections
}

func (w *written) shape(set ast.SelectionSet, path []string) (s shape, ok bool) {
	for _, selection := range set {
		if w.budget--; w.budget < 0 {
			return s, false
		}
		var below shape
		switch selection := selection.(type) {
		case *ast.Field:
			if below, ok = w.shape(selection.SelectionSet, path); !ok {
				return s, false
			}
			below = shape{
				depth: below.depth + 1, width: 1, widest: below.widest,
				fields: below.fields + 1, aliases: below.aliases, directives: below.directives + len(selection.Directives),
			}
			if selection.Alias != selection.Name {
				below.aliases++
			}
		case *ast.InlineFragment:
			if below, ok = w.shape(selection.SelectionSet, path); !ok {
				return s, false
			}
			below.directives += len(selection.Directives)
		case *ast.FragmentSpread:
			if definition := w.document.Fragments.ForName(selection.Name); definition != nil {
				if slices.Contains(path, selection.Name) {
					return s, false
				}
				if below, ok = w.shape(definition.SelectionSet, append(slices.Clip(path), selection.Name)); !ok {
					return s, false
				}
				below.directives += len(definition.Directives)
			}
			below.fields++
			below.directives += len(selection.Directives)
		}
		s.depth = max(s.depth, below.depth)
		s.width += below.width
		s.widest = max(s.widest, below.widest)
		s.fields += below.fields
		s.aliases += below.aliases
		s.directives += below.directives
	}
	s.widest = max(s.widest, s.width)
	return s, true
}

// cost computes the cost by the specification, with the size from the parent.
func (w *written) cost(c *counter, set ast.SelectionSet, sized []string, parentSize int) int {
	total := 0
	for _, selection := range set {
		if w.budget--; w.budget < 0 {
			return 0
		}
		switch selection := selection.(type) {
		case *ast.Field:
			weight := c.weights.fields[selection.Definition]
			if weight == nil || c.skipped(selection.Directives) {
				continue
			}
			for name, n := range weight.args {
				if selection.Arguments.ForName(name) != nil {
					total = sum(total, n)
				}
			}
			size := c.size(selection, weight)
			each := sum(weight.each, w.cost(c, selection.SelectionSet, weight.sized, size))
			switch {
			case !weight.list:
				size = 1
			case slices.Contains(sized, selection.Name):
				size = parentSize
			}
			total = sum(total, product(size, each))
		case *ast.InlineFragment:
			if !c.skipped(selection.Directives) {
				total = sum(total, w.cost(c, selection.SelectionSet, sized, parentSize))
			}
		case *ast.FragmentSpread:
			if !c.skipped(selection.Directives) {
				total = sum(total, w.cost(c, selection.Definition.SelectionSet, sized, parentSize))
			}
		}
	}
	return total
}

// inline replaces each spread by its fragment.
func (w *written) inline(set ast.SelectionSet) ast.SelectionSet {
	var out ast.SelectionSet
	for _, selection := range set {
		if w.budget--; w.budget < 0 {
			return nil
		}
		switch selection := selection.(type) {
		case *ast.Field:
			field := *selection
			field.SelectionSet = w.inline(selection.SelectionSet)
			out = append(out, &field)
		case *ast.InlineFragment:
			fragment := *selection
			fragment.SelectionSet = w.inline(selection.SelectionSet)
			out = append(out, &fragment)
		case *ast.FragmentSpread:
			out = append(out, &ast.InlineFragment{Directives: selection.Directives, SelectionSet: w.inline(selection.Definition.SelectionSet)})
		}
	}
	return out
}

// FuzzDocument tests that nothing panics and that counts equal those of expanded fragments.
func FuzzDocument(f *testing.F) {
	for _, query := range []string{
		"", "{", "{a}", mainQuestion, clientIntrospection, introspection.Query,
		bomb(4), flatBomb(4), ring(3), nest(20), definitions(3), fields(5, "f%d"),
		`{users(first: 7){...p nodes{id}}} fragment p on UserConnection{nodes{id} edges{node{usageRights{id}}}}`,
		`{users(first: 7, filter: {state: ERROR}){...p ...p}} fragment p on UserConnection{nodes{...u}} fragment u on User{usageRights{assignments{id}} licenseAssignmentStates{state}}`,
		`{a("` + strings.Repeat("a", 20_000), "{a(b:" + strings.Repeat("1", 50), "{" + strings.Repeat("a", 200),
		`{nodes(ids:["a"]){... on User @skip(if: false){a:id @include(if: true)}}}`,
		"query @a($v:[I!]=[1] @b){x(y:{z:[$v]}) @c ...f @d} fragment f on Q @e{x}",
		"{...f} fragment f on Q{...f}",
	} {
		f.Add(query)
	}
	s := loadSchema()
	weights := mustWeights(f, s, Default().ListSize)
	f.Fuzz(func(t *testing.T, query string) {
		verdict := checkDocument(query, Default())
		_ = verdict.error()

		document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, Default().Tokens)
		if err != nil {
			lexical := []limit{limitTokens, limitNames, limitNumber, limitMagnitude, limitString, limitNUL, limitEncoding}
			if verdict != nil && !slices.Contains(lexical, verdict.limit) {
				t.Fatalf("no document, and yet %+v", verdict)
			}
			return
		}
		m := newMeasurer(document)
		m.document(document)
		if m.cycle {
			return
		}
		for _, op := range document.Operations {
			w := &written{document, 100_000}
			want, ok := w.shape(op.SelectionSet, nil)
			if !ok {
				continue // too large to expand
			}
			if diff := cmp.Diff(want, m.set(op.SelectionSet), cmp.AllowUnexported(shape{})); diff != "" {
				t.Errorf("shape (-want +got):\n%s", diff)
			}
		}

		if verdict != nil || len(document.Operations) == 0 {
			return
		}
		if errs := validator.ValidateWithRules(s, document, rules.NewDefaultRules()); len(errs) > 0 {
			return
		}
		op := document.Operations[0]
		variables, err := validator.VariableValues(s, op, nil)
		if err != nil {
			return
		}
		c := newCounter(weights, Default(), variables)
		w := &written{document, 100_000}
		want := w.cost(c, op.SelectionSet, nil, 0)
		if got := c.set(op.SelectionSet).with(nil, 0); w.budget >= 0 && got != want {
			t.Errorf("costs %d, want %d", got, want)
		}
		w = &written{document, 10_000}
		out := w.inline(op.SelectionSet)
		if w.budget < 0 {
			return
		}
		upstream, slow := newUpstreamCounter(weights, Default(), variables), newUpstreamCounter(weights, Default(), variables)
		if got, want := upstream.requests(op.SelectionSet), slow.requests(out); got != want {
			t.Errorf("takes %d requests, want %d", got, want)
		}
	})
}

func BenchmarkDocument(b *testing.B) {
	for _, bench := range []struct{ name, query string }{
		{"main question", mainQuestion},
		{"introspection", introspection.Query},
		{"bomb of 24", bomb(24)},
		{"token limit", "{a{" + nest(900)[1:900] + "}}"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				checkDocument(bench.query, Default())
			}
		})
	}
}

func BenchmarkCost(b *testing.B) {
	s := loadSchema()
	op, variables := operation(b, s, mainQuestion, map[string]any{"first": 100})
	weights := mustWeights(b, s, Default().ListSize)
	b.ReportAllocs()
	for b.Loop() {
		newCounter(weights, Default(), variables).check(op)
	}
}
