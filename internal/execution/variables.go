package execution

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"

	"licensegraph/graph/model"
)

// strictVariables rejects input that gqlgen accepts: variables of the wrong type, such as "3" for an Int (GraphQL,
// section 3.5, input coercion of the built-in scalars, and 3.9, of enums), null for a non-null type, and null in
// filters.
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
	return s.positions(op, op.Operation.SelectionSet, map[string]bool{})
}

// positions checks the arguments of a selection set, visiting each fragment once. Validation permits a nullable
// variable for a non-null argument if one of them has a default; a null value is then rejected here (GraphQL, section
// 5.8.5).
func (s *strictVariables) positions(op *graphql.OperationContext, set ast.SelectionSet, seen map[string]bool) *gqlerror.Error {
	for _, selection := range set {
		var directives ast.DirectiveList
		var below ast.SelectionSet
		switch selection := selection.(type) {
		case *ast.Field:
			directives, below = selection.Directives, selection.SelectionSet
			if selection.Definition != nil {
				if err := s.arguments(op, selection.Name, selection.Definition.Arguments, selection.Arguments); err != nil {
					return err
				}
			}
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
			if directive.Definition == nil {
				continue
			}
			if err := s.arguments(op, "@"+directive.Name, directive.Definition.Arguments, directive.Arguments); err != nil {
				return err
			}
		}
		if err := s.positions(op, below, seen); err != nil {
			return err
		}
	}
	return nil
}

func (s *strictVariables) arguments(op *graphql.OperationContext, of string, definitions ast.ArgumentDefinitionList, arguments ast.ArgumentList) *gqlerror.Error {
	for _, argument := range arguments {
		definition := definitions.ForName(argument.Name)
		if definition == nil {
			continue
		}
		if err := s.literal(op, of+"."+argument.Name, definition.Type, argument.Value); err != nil {
			return err
		}
	}
	return nil
}

// literal checks a literal, whose type validation has checked.
func (s *strictVariables) literal(op *graphql.OperationContext, place string, typ *ast.Type, value *ast.Value) *gqlerror.Error {
	if read := formats[typ.Name()]; read != nil && value.Kind != ast.Variable && value.Kind != ast.NullValue && (typ.Elem == nil || value.Kind != ast.ListValue) {
		given, err := value.Value(op.Variables)
		if err == nil {
			err = read(given)
		}
		if err != nil {
			return gqlerror.ErrorPosf(value.Position, "%s has an invalid value for %s: %v.", place, typ.Name(), err)
		}
		return nil
	}
	switch value.Kind {
	case ast.IntValue:
		if _, err := strconv.ParseInt(value.Raw, 10, 32); err != nil && typ.Name() == "Int" {
			return gqlerror.ErrorPosf(value.Position, "%s has an invalid value for Int: want a 32-bit integer.", place)
		}
	case ast.Variable:
		if given, ok := op.Variables[value.Raw]; ok && given == nil && typ.NonNull {
			return gqlerror.ErrorPosf(value.Position, "The variable $%s is null, but %s is non-null.", value.Raw, place)
		}
	case ast.ListValue:
		for i, child := range value.Children {
			if err := s.literal(op, fmt.Sprintf("%s[%d]", place, i), elementOf(typ), child.Value); err != nil {
				return err
			}
		}
	case ast.ObjectValue:
		definition := s.schema.Types[typ.Name()]
		if definition == nil {
			return nil
		}
		for _, child := range value.Children {
			field := definition.Fields.ForName(child.Name)
			if field == nil {
				continue
			}
			if isFilter(definition) && isNull(op, child.Value) {
				return nullFilter(place + "." + child.Name)
			}
			if err := s.literal(op, place+"."+child.Name, field.Type, child.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

// formats are the parsers of the schema's custom scalars. An invalid value is rejected before execution, so that
// earlier fields of a mutation make no changes either (GraphQL, section 6.1).
var formats = map[string]func(any) error{
	"UUID": format(model.UnmarshalUUID), "DateTime": format(model.UnmarshalDateTime), "Date": format(model.UnmarshalDate),
}

func format[T any](unmarshal func(any) (T, error)) func(any) error {
	return func(value any) error {
		_, err := unmarshal(value)
		return err
	}
}

// elementOf returns the element type of a list; a single value is a list of one.
func elementOf(typ *ast.Type) *ast.Type {
	if typ.Elem != nil {
		return typ.Elem
	}
	return typ
}

func isNull(op *graphql.OperationContext, value *ast.Value) bool {
	if value.Kind == ast.Variable {
		given, ok := op.Variables[value.Raw]
		return ok && given == nil
	}
	return value.Kind == ast.NullValue
}

// isFilter reports whether an input object is a filter. Its fields are optional but not nullable: null could mean no
// condition or a condition for missing values.
func isFilter(definition *ast.Definition) bool { return strings.HasSuffix(definition.Name, "Filter") }

func nullFilter(place string) *gqlerror.Error {
	return gqlerror.Errorf("%s is null: omit it for no condition.", place)
}

// check returns the error of a variable's value. gqlparser has checked its structure.
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
	if read := formats[typ.NamedType]; read != nil {
		if err := read(value); err != nil {
			return gqlerror.Errorf("The variable %s has an invalid value for %s: %v.", place, typ.NamedType, err)
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
			if given, ok := object[field.Name]; ok && given == nil && isFilter(definition) {
				return nullFilter(place + "." + field.Name)
			}
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
	case typ.NamedType == "_Any": // representation of an entity (Apollo Federation subgraph specification)
		object, _ := value.(map[string]any)
		_, ok = object["__typename"].(string)
	}
	if !ok {
		return gqlerror.Errorf("The variable %s has an invalid value for %s.", place, typ.NamedType)
	}
	return nil
}

// isInt reports whether a value is an integer of that many bits. gqlparser decodes literals as int64.
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
