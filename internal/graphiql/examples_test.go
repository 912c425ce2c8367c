package graphiql_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"licensegraph/internal/graphiql"
)

// federation stands for what the generated server adds to our SDL, as far as
// the examples need it.
const federation = `
scalar _Any
scalar link__Import
union _Entity = Allotment | Assignment | AssignmentError | Device | Group | SubscribedSku | User
extend type Query { _entities(representations: [_Any!]!): [_Entity]! }
directive @key(fields: String!) repeatable on OBJECT
directive @link(url: String!, import: [link__Import]) repeatable on SCHEMA
directive @shareable on OBJECT | FIELD_DEFINITION
		directive @authenticated on FIELD_DEFINITION | OBJECT
		directive @requiresScopes(scopes: [[federation__Scope!]!]!) on FIELD_DEFINITION | OBJECT
		scalar federation__Scope
`

// TestExamplesFitTheSchema finds the example that a change of the schema has
// left behind.
func TestExamplesFitTheSchema(t *testing.T) {
	t.Parallel()
	sources := []*ast.Source{{Name: "federation", Input: federation}}
	paths, err := filepath.Glob("../../schema/*.graphqls")
	if err != nil || len(paths) == 0 {
		t.Fatalf("found no schema: %v", err)
	}
	for _, path := range paths {
		sdl, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		sources = append(sources, &ast.Source{Name: path, Input: string(sdl)})
	}
	schema, err := gqlparser.LoadSchema(sources...)
	if err != nil {
		t.Fatal(err)
	}

	for _, example := range graphiql.Examples() {
		t.Run(example.Name, func(t *testing.T) {
			t.Parallel()
			document, errs := gqlparser.LoadQueryWithRules(schema, example.Query, rules.NewDefaultRules())
			if len(errs) > 0 {
				t.Fatal(errs)
			}
			operation := document.Operations.ForName(example.Name)
			if operation == nil || len(document.Operations) != 1 {
				t.Fatalf("wants exactly one operation, named %s", example.Name)
			}
			variables := map[string]any{}
			if example.Variables != "" {
				if err := json.Unmarshal([]byte(example.Variables), &variables); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := validator.VariableValues(schema, operation, variables); err != nil {
				t.Error(err)
			}
		})
	}
}
