package model

import (
	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/licensing"
)

// MarshalID writes an ID.
func MarshalID(id string) graphql.Marshaler { return graphql.MarshalID(id) }

// UnmarshalID reads an ID and folds the case of a GUID.
func UnmarshalID(v any) (string, error) {
	id, err := graphql.UnmarshalID(v)
	return licensing.FoldID(id), err
}
