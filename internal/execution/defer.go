package execution

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
)

// withoutDefer removes @defer from documents. The gateway sends one complete response; gqlgen would set deferred fields
// to null and announce further responses.
type withoutDefer struct{ tokens int }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationParameterMutator
} = withoutDefer{}

func (withoutDefer) ExtensionName() string                   { return "WithoutDefer" }
func (withoutDefer) Validate(graphql.ExecutableSchema) error { return nil }

func (e withoutDefer) MutateOperationParameters(_ context.Context, params *graphql.RawParams) *gqlerror.Error {
	params.Query = dropDefer(params.Query, e.tokens)
	return nil
}

// dropDefer returns a document without @defer. A document that cannot be parsed is unchanged: the executor reports the
// error.
func dropDefer(query string, tokens int) string {
	if !strings.Contains(query, "@") || !strings.Contains(query, "defer") {
		return query
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, tokens)
	if err != nil {
		return query
	}
	d := deferDropper{dropped: map[string]bool{}, used: map[string]bool{}}
	for _, operation := range document.Operations {
		d.directives(operation.Directives)
		operation.SelectionSet = d.set(operation.SelectionSet)
	}
	for _, fragment := range document.Fragments {
		d.directives(fragment.Directives)
		fragment.SelectionSet = d.set(fragment.SelectionSet)
	}
	if !d.found {
		return query
	}
	// A variable that only @defer used is now unused, which validation would reject.
	maps.DeleteFunc(d.dropped, func(name string, _ bool) bool { return d.used[name] })
	for _, operation := range document.Operations {
		operation.VariableDefinitions = slices.DeleteFunc(operation.VariableDefinitions, func(v *ast.VariableDefinition) bool {
			return d.dropped[v.Variable]
		})
	}
	var text strings.Builder
	formatter.NewFormatter(&text, formatter.WithCompacted()).FormatQueryDocument(document)
	return text.String()
}

// deferDropper removes @defer from selections and records the use of variables.
type deferDropper struct {
	found         bool
	dropped, used map[string]bool // variables used in @defer, and elsewhere
}

func (d *deferDropper) set(selections ast.SelectionSet) ast.SelectionSet {
	for _, selection := range selections {
		switch selection := selection.(type) {
		case *ast.Field:
			d.directives(selection.Directives)
			for _, argument := range selection.Arguments {
				variables(argument.Value, d.used)
			}
			selection.SelectionSet = d.set(selection.SelectionSet)
		case *ast.InlineFragment:
			selection.Directives = d.drop(selection.Directives)
			selection.SelectionSet = d.set(selection.SelectionSet)
		case *ast.FragmentSpread:
			selection.Directives = d.drop(selection.Directives)
		}
	}
	return selections
}

func (d *deferDropper) drop(directives ast.DirectiveList) ast.DirectiveList {
	directives = slices.DeleteFunc(directives, func(directive *ast.Directive) bool {
		if directive.Name != "defer" {
			return false
		}
		d.found = true
		for _, argument := range directive.Arguments {
			variables(argument.Value, d.dropped)
		}
		return true
	})
	d.directives(directives)
	return directives
}

// directives records the variables of the remaining directives.
func (d *deferDropper) directives(directives ast.DirectiveList) {
	for _, directive := range directives {
		for _, argument := range directive.Arguments {
			variables(argument.Value, d.used)
		}
	}
}

// variables records the variables of a value.
func variables(value *ast.Value, names map[string]bool) {
	if value.Kind == ast.Variable {
		names[value.Raw] = true
	}
	for _, child := range value.Children {
		variables(child.Value, names)
	}
}
