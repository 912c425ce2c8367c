package model

import (
	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/licensing"
)

// MarshalID writes an id.
func MarshalID(id string) graphql.Marshaler { return graphql.MarshalID(id) }

// UnmarshalID reads an id, in the form in which ids are compared.
func UnmarshalID(v any) (string, error) {
	id, err := graphql.UnmarshalID(v)
	return licensing.FoldID(id), err
}
