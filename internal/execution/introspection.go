package execution

import (
	"context"
	"slices"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/errcode"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// withoutIntrospection refuses operations that ask for the schema, where that is switched off. gqlgen would fail in the
// middle of them.
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
			e := gqlerror.ErrorPosf(field.Position, "introspection is switched off at this gateway: its operator can allow it with --introspection")
			errcode.Set(e, "FORBIDDEN")
			return e
		}
	}
	return nil
}
