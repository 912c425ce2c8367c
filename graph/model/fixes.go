package model

import (
	"encoding/json"
	"io"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/upstream"
)

// Fix is a change that resolves a finding or an error.
type Fix struct {
	Action                          FixAction
	Title, Effect, Safety, Mutation string
	Safe                            bool
	Variables                       JSON
	MissingVariables                []string
}

// FixAction is the kind of a fix.
type FixAction string

// Kinds of fixes.
const (
	FixRemoveLicense          FixAction = "REMOVE_LICENSE"
	FixRemoveFromGroup        FixAction = "REMOVE_FROM_GROUP"
	FixRemoveDirectAssignment FixAction = "REMOVE_DIRECT_ASSIGNMENT"
	FixAssignLicense          FixAction = "ASSIGN_LICENSE"
	FixAssignToNestedGroup    FixAction = "ASSIGN_TO_NESTED_GROUP"
	FixDisableServicePlan     FixAction = "DISABLE_SERVICE_PLAN"
	FixSetUsageLocation       FixAction = "SET_USAGE_LOCATION"
	FixReprocess              FixAction = "REPROCESS"
)

// JSON is the text of a JSON object.
type JSON string

// MarshalJSON writes the object.
func MarshalJSON(j JSON) graphql.Marshaler {
	return graphql.WriterFunc(func(w io.Writer) {
		w.Write(AppendJSON(nil, j)) //nolint:errcheck // gqlgen's writer does not fail
	})
}

// AppendJSON appends the object as MarshalJSON writes it.
func AppendJSON(b []byte, j JSON) []byte { return append(b, j...) }

// UnmarshalJSON rejects input: no argument has the type.
func UnmarshalJSON(any) (JSON, error) {
	return "", &upstream.InputError{Message: "JSON is not an input"}
}

// JSONOf returns the JSON of a value, which has no type without a JSON form.
func JSONOf(value any) JSON {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return JSON(text)
}
