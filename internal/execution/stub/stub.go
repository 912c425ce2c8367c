// Package stub provides a schema for tests of the layers above it: all operations get the same response.
package stub

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
)

// Schema is a schema whose operations all get the function's response.
type Schema func(context.Context) *graphql.Response

// Schema returns the type system.
func (s Schema) Schema() *ast.Schema { return schema }

// Complexity implements [graphql.ExecutableSchema].
func (s Schema) Complexity(context.Context, string, string, int, map[string]any) (int, bool) {
	return 0, false
}

// Exec implements [graphql.ExecutableSchema].
func (s Schema) Exec(context.Context) graphql.ResponseHandler {
	return func(ctx context.Context) *graphql.Response { return s(ctx) }
}

var schema = gqlparser.MustLoadSchema(&ast.Source{Input: `
	type Query { hello: String echo(n: Int, f: Float, s: String, i: ID, b: Boolean, e: Color, l: [Int!], o: In, r: [_Any!]): Query }
	scalar _Any
	type Mutation { hello: String }
	type Subscription { hello: String }
	enum Color { RED GREEN }
	input In { n: Int = 3 s: String o: In l: [[ID]] }
`})

// HelloAnswer is the response of [Hello].
const HelloAnswer = `{"data":{"hello":"world"}}`

// Hello responds to every operation with data.
func Hello(context.Context) *graphql.Response {
	return &graphql.Response{Data: []byte(`{"hello":"world"}`)}
}
