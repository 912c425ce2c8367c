package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

// strictVariables refuses variables of the wrong kind, such as "3" for an Int,
// that gqlgen would take (GraphQL, section 3.5, input coercion of the built-in
// scalars, and 3.9, of enums).
type strictVariables struct{ schema *ast.Schema }

var _ interface {
	graphql.HandlerExtension
	graphql.OperationContextMutator
} = (*strictVariables)(nil)

func (*strictVariables) ExtensionName() string { return "StrictVariables" }

func (s *strictVariables) Validate(es graphql.ExecutableSchema) error {
	s.schema = es.Schema()
	return nil
}

func (s *strictVariables) MutateOperationContext(_ context.Context, op *graphql.OperationContext) *gqlerror.Error {
	for _, definition := range op.Operation.VariableDefinitions {
		value := op.Variables[definition.Variable]
		if err := s.check("$"+definition.Variable, definition.Type, value); err != nil {
			return err
		}
	}
	return s.conditions(op, op.Operation.SelectionSet, map[string]bool{})
}

// conditions refuses null for the condition of @skip and @include, which a
// variable with a default can have (GraphQL, section 5.8.5). It reads each
// fragment once.
func (s *strictVariables) conditions(op *graphql.OperationContext, set ast.SelectionSet, seen map[string]bool) *gqlerror.Error {
	for _, selection := range set {
		var directives ast.DirectiveList
		var below ast.SelectionSet
		switch selection := selection.(type) {
		case *ast.Field:
			directives, below = selection.Directives, selection.SelectionSet
		case *ast.InlineFragment:
			directives, below = selection.Directives, selection.SelectionSet
		case *ast.FragmentSpread:
			directives = selection.Directives
			if !seen[selection.Name] && selection.Definition != nil {
				seen[selection.Name] = true
				below = selection.Definition.SelectionSet
			}
		}
		for _, directive := range directives {
			condition := directive.Arguments.ForName("if")
			if condition == nil || condition.Value.Kind != ast.Variable || op.Variables[condition.Value.Raw] != nil {
				continue
			}
			return gqlerror.Errorf("The variable $%s is null; @%s needs true or false.", condition.Value.Raw, directive.Name)
		}
		if err := s.conditions(op, below, seen); err != nil {
			return err
		}
	}
	return nil
}

// check returns what is wrong with a value at a place. gqlparser has checked
// before that the place can have such a value at all.
func (s *strictVariables) check(place string, typ *ast.Type, value any) *gqlerror.Error {
	if value == nil {
		return nil
	}
	if typ.Elem != nil {
		list := reflect.ValueOf(value)
		if list.Kind() != reflect.Slice {
			return s.check(place, typ.Elem, value)
		}
		for i := range list.Len() {
			if err := s.check(fmt.Sprintf("%s[%d]", place, i), typ.Elem, list.Index(i).Interface()); err != nil {
				return err
			}
		}
		return nil
	}
	definition := s.schema.Types[typ.NamedType]
	ok := true
	switch {
	case definition == nil:
	case definition.Kind == ast.InputObject:
		object, _ := value.(map[string]any)
		for _, field := range definition.Fields {
			if err := s.check(place+"."+field.Name, field.Type, object[field.Name]); err != nil {
				return err
			}
		}
	case definition.Kind == ast.Enum:
		name, isString := value.(string)
		ok = isString && slices.ContainsFunc(definition.EnumValues, func(v *ast.EnumValueDefinition) bool { return v.Name == name })
	case typ.NamedType == "Int":
		ok = isInt(value, 32)
	case typ.NamedType == "Float":
		ok = isNumber(value)
	case typ.NamedType == "String":
		_, ok = value.(string)
	case typ.NamedType == "ID":
		_, isString := value.(string)
		ok = isString || isInt(value, 64)
	case typ.NamedType == "_Any": // an entity's representation (Apollo Federation subgraph specification)
		object, _ := value.(map[string]any)
		_, ok = object["__typename"].(string)
	}
	if !ok {
		return gqlerror.Errorf("The variable %s has a value that is no %s.", place, typ.NamedType)
	}
	return nil
}

// isInt tells whether a value was written as a whole number of that many
// bits. A number that gqlparser has read is an int64.
func isInt(value any, bits int) bool {
	switch value := value.(type) {
	case json.Number:
		_, err := strconv.ParseInt(value.String(), 10, bits)
		return err == nil
	case int64:
		return bits == 64 || value >= math.MinInt32 && value <= math.MaxInt32
	}
	return false
}

func isNumber(value any) bool {
	switch value.(type) {
	case json.Number, int64, float64:
		return true
	}
	return false
}
