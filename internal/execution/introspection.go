package execution

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// withoutIntrospection rejects introspection queries if they are disabled. gqlgen would return an error only during
// execution.
type withoutIntrospection struct{}

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = withoutIntrospection{}

func (withoutIntrospection) ExtensionName() string                   { return "WithoutIntrospection" }
func (withoutIntrospection) Validate(graphql.ExecutableSchema) error { return nil }

func (withoutIntrospection) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	for _, field := range graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query", "Mutation", "Subscription"}) {
		if slices.Contains([]string{"__schema", "__type", "_service"}, field.Name) {
			e := gqlerror.ErrorPosf(field.Position, "introspection is disabled (--introspection)")
			errcode.Set(e, "FORBIDDEN")
			return e
		}
	}
	return nil
}
