package limits

import (
	"io/fs"
	"sync"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"licensegraph/schema"
)

// federation replaces the generated server's additions to the SDL, as far as the tests require them.
const federation = `
scalar _Any
scalar link__Import
union _Entity = AssignmentError | Group | SubscribedSku | UsageRight | User
extend type Query { _entities(representations: [_Any!]!): [_Entity]! }
directive @key(fields: String!) repeatable on OBJECT
directive @link(url: String!, import: [link__Import]) repeatable on SCHEMA
directive @shareable on OBJECT | FIELD_DEFINITION
		directive @authenticated on FIELD_DEFINITION | OBJECT
		directive @requiresScopes(scopes: [[federation__Scope!]!]!) on FIELD_DEFINITION | OBJECT
		scalar federation__Scope
`

// loadSchema returns the gateway's schema.
var loadSchema = sync.OnceValue(func() *ast.Schema {
	sources := []*ast.Source{{Name: "federation", Input: federation}}
	names, err := fs.Glob(schema.Files, "*.graphqls")
	if err != nil || len(names) == 0 {
		panic("no schema")
	}
	for _, name := range names {
		sdl, err := schema.Files.ReadFile(name)
		if err != nil {
			panic(err)
		}
		sources = append(sources, &ast.Source{Name: name, Input: string(sdl)})
	}
	return gqlparser.MustLoadSchema(sources...)
})

// operation validates a document and returns its only operation, with variables as from the executor.
func operation(t testing.TB, s *ast.Schema, query string, variables map[string]any) (*ast.OperationDefinition, map[string]any) {
	t.Helper()
	document, errs := gqlparser.LoadQueryWithRules(s, query, rules.NewDefaultRules())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	values, err := validator.VariableValues(s, document.Operations[0], variables)
	if err != nil {
		t.Fatal(err)
	}
	return document.Operations[0], values
}

func mustWeights(t testing.TB, s *ast.Schema, listSize int) *weights {
	t.Helper()
	w, err := newWeights(s, listSize)
	if err != nil {
		t.Fatal(err)
	}
	return w
}
