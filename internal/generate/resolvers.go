package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/99designs/gqlgen/codegen"
	"github.com/99designs/gqlgen/codegen/templates"
)

// resolvers is a gqlgen plugin that writes the bodies of new resolvers: one call each, based on the table of edges.
type resolvers struct{}

// Name implements gqlgen's plugin interface.
func (resolvers) Name() string { return "resolvers" }

// GenerateCode rejects input fields without a field in the Go type, before gqlgen generates resolvers for them.
func (resolvers) GenerateCode(data *codegen.Data) error {
	for _, input := range data.Inputs {
		for _, field := range input.Fields {
			if field.IsResolver {
				return fmt.Errorf("input %s.%s: missing field in Go type %s", input.Name, field.Name, input.Type)
			}
		}
	}
	return nil
}

// Implement returns the existing body of a resolver, otherwise one based on the table of edges.
func (resolvers) Implement(body string, field *codegen.Field) string {
	if body != "" {
		return body
	}
	returns := templates.CurrentImports.LookupType(field.TypeReference.GO)
	switch {
	case field.Object.Name == "Entity":
		return fmt.Sprintf("return entitiesOf[%s](ctx, r.Resolver, %q)", returns, field.Type.Name())
	case field.Object.Root:
		return fmt.Sprintf("return resolve[%s](ctx, r.Resolver, query{})", returns)
	case field.IsBatch():
		return fmt.Sprintf("return resolveEach[%s](ctx, r.Resolver, objs)", returns)
	default:
		return fmt.Sprintf("return resolve[%s](ctx, r.Resolver, obj)", returns)
	}
}

// parked returns the files with resolvers that are not in the schema, which gqlgen preserves as comments.
func parked() ([]string, error) {
	files, err := filepath.Glob("*.resolvers.go")
	if err != nil {
		return nil, err
	}
	var found []string
	for _, file := range files {
		code, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(code, []byte("!!! WARNING !!!")) {
			found = append(found, file)
		}
	}
	return found, nil
}
