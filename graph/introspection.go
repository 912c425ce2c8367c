package graph

import (
	"context"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/plugin/federation/fedruntime"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/generated"
)

// publicSchema is the schema without types that only gqlgen needs, and with descriptions of the federation fields.
// Routers read directives from the SDL in _service.
var publicSchema = sync.OnceValue(func() *ast.Schema {
	s := generated.NewExecutableSchema(generated.Config{}).Schema()
	for _, field := range s.Types["Entity"].Fields {
		for _, argument := range field.Arguments {
			delete(s.Types, argument.Type.Name())
		}
	}
	for _, internal := range []string{"Entity", "FieldSet", "federation__Policy", "federation__Scope"} {
		delete(s.Types, internal)
	}
	for name, directive := range s.Directives {
		if directive.Description == "" || slices.Contains([]string{"defer"}, name) {
			delete(s.Directives, name)
		}
	}
	for place, text := range federationDescriptions {
		typeName, fieldName, isField := strings.Cut(place, ".")
		definition := s.Types[typeName]
		if !isField {
			definition.Description = text
			continue
		}
		field := definition.Fields.ForName(fieldName)
		field.Description = text
		for _, argument := range field.Arguments {
			argument.Description = "The entities to return, each by its `__typename` and one of its keys."
		}
	}
	return s
})

// federationDescriptions describe what gqlgen adds for the Apollo Federation subgraph specification.
var federationDescriptions = map[string]string{
	"Query._entities": "Entities by their keys, for a federation router, in the order of the representations. Any number costs the same as one.",
	"Query._service":  "This subgraph, for a federation router.",
	"_Service":        "This subgraph.",
	"_Service.sdl":    "The schema with its federation directives, in GraphQL's schema definition language.",
	"_Entity":         "A type that other subgraphs can refer to.",
	"_Any":            "A representation: an object with the `__typename` of an entity and one of its keys.",
}

// securityDirectives are the authorization directives, which some routers reject, and their imports.
var securityDirectives = regexp.MustCompile(`\s+@authenticated\b|\s+@requiresScopes\([^)]*\)|, "@authenticated"|, "@requiresScopes"`)

// plainSDL removes securityDirectives from the SDL in _service. The gateway still enforces them.
func plainSDL(next graphql.FieldMiddleware) graphql.FieldMiddleware {
	return func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		value, err := next(ctx, resolve)
		if service, ok := value.(fedruntime.Service); ok {
			service.SDL = securityDirectives.ReplaceAllString(service.SDL, "")
			return service, err
		}
		return value, err
	}
}
