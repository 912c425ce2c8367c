package limits

import (
	"fmt"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
)

// weights are the cost directives of a schema, as defined by the GraphQL cost directives specification
// (https://ibm.github.io/graphql-specs/cost-spec.html), sections 2 and 3.
type weights struct {
	fields map[*ast.FieldDefinition]*fieldWeight
	// sized are the names of fields whose size follows from a parent.
	sized map[string]bool
}

// fieldWeight is the cost and the size of a field.
type fieldWeight struct {
	each    int            // weight of one element without its selection set
	list    bool           // the field is a list
	size    int            // assumed size without a slicing argument
	slicing []slicing      // slicing arguments
	sized   []string       // fields of the result that the size applies to
	args    map[string]int // weights of arguments

	upstream upstreamWeight
}

// slicing is a slicing argument: its value, or its length, is the number of elements.
type slicing struct {
	definition *ast.ArgumentDefinition
	length     bool
	limit      limit // limit of the length
	most       int   // maximum value; 0 if the schema has none
}

func newWeights(schema *ast.Schema, listSize int) (*weights, error) {
	w := &weights{fields: map[*ast.FieldDefinition]*fieldWeight{}, sized: map[string]bool{}}
	for _, definition := range schema.Types {
		for _, field := range definition.Fields {
			if definition.Kind == ast.InputObject {
				if field.Directives.ForName("cost") != nil {
					return nil, fmt.Errorf("limits: @cost on input field %s.%s is not supported", definition.Name, field.Name)
				}
				continue
			}
			weight, err := newFieldWeight(schema, field, listSize)
			if err != nil {
				return nil, fmt.Errorf("limits: %s.%s: %w", definition.Name, field.Name, err)
			}
			w.fields[field] = weight
			for _, name := range weight.sized {
				w.sized[name] = true
			}
		}
	}
	return w, nil
}

func newFieldWeight(schema *ast.Schema, field *ast.FieldDefinition, listSize int) (*fieldWeight, error) {
	w := &fieldWeight{list: field.Type.Elem != nil, size: listSize, each: 1}
	result := schema.Types[field.Type.Name()]
	lists := []ast.DirectiveList{field.Directives}
	if result != nil {
		lists = append(lists, result.Directives)
	}
	for _, directives := range lists { // the field's weight takes precedence over its type's
		weight, ok, err := costOf(directives)
		if err != nil {
			return nil, err
		}
		if ok {
			w.each = weight
			break
		}
	}
	for _, argument := range field.Arguments {
		weight, ok, err := costOf(argument.Directives)
		if err != nil {
			return nil, fmt.Errorf("argument %s: %w", argument.Name, err)
		}
		if ok {
			if w.args == nil {
				w.args = map[string]int{}
			}
			w.args[argument.Name] = weight
		}
	}
	if err := w.readListSize(field); err != nil {
		return nil, err
	}
	return w, w.upstream.read(schema, field)
}

// costOf reads @cost(weight:).
func costOf(directives ast.DirectiveList) (int, bool, error) {
	directive := directives.ForName("cost")
	if directive == nil {
		return 0, false, nil
	}
	argument := directive.Arguments.ForName("weight")
	if argument == nil {
		return 0, false, fmt.Errorf("@cost: missing weight")
	}
	weight, err := strconv.Atoi(argument.Value.Raw)
	if err != nil || weight < 0 || weight > most {
		return 0, false, fmt.Errorf("@cost(weight: %s): want a non-negative integer", argument.Value.Raw)
	}
	return weight, true, nil
}

// counted are the arguments with one value per element of the result. Their length is the size of the list, which
// @listSize cannot express.
var counted = map[string]limit{"ids": limitIDs, "representations": limitRepresentations}

// readListSize reads @listSize.
func (w *fieldWeight) readListSize(field *ast.FieldDefinition) error {
	for name, limit := range counted {
		if argument := field.Arguments.ForName(name); argument != nil && argument.Type.Elem != nil {
			w.slicing = []slicing{{definition: argument, length: true, limit: limit}}
			return nil
		}
	}
	directive := field.Directives.ForName("listSize")
	if directive == nil {
		return nil
	}
	if argument := directive.Arguments.ForName("assumedSize"); argument != nil {
		size, err := strconv.Atoi(argument.Value.Raw)
		if err != nil || size < 0 || size > most {
			return fmt.Errorf("@listSize(assumedSize: %s): want a non-negative integer", argument.Value.Raw)
		}
		w.size = size
	}
	for _, name := range stringList(directive, "slicingArguments") {
		argument := field.Arguments.ForName(name)
		if argument == nil {
			return fmt.Errorf("@listSize: no argument %s", name)
		}
		largest, err := pageSizeOf(argument)
		if err != nil {
			return err
		}
		w.slicing = append(w.slicing, slicing{definition: argument, most: largest})
		if d := argument.DefaultValue; d != nil && d.Kind == ast.IntValue && directive.Arguments.ForName("assumedSize") == nil {
			w.size = atoi(d.Raw)
		}
	}
	w.sized = stringList(directive, "sizedFields")
	if !w.list && len(w.sized) == 0 {
		return fmt.Errorf("@listSize on a field that is not a list requires sizedFields")
	}
	return nil
}

// pageSizeOf reads @pageSize.
func pageSizeOf(argument *ast.ArgumentDefinition) (int, error) {
	directive := argument.Directives.ForName("pageSize")
	if directive == nil {
		return 0, nil
	}
	text := directive.Arguments.ForName("most").Value.Raw
	size, err := strconv.Atoi(text)
	if err != nil || size < 1 || size > largestPage {
		return 0, fmt.Errorf("@pageSize(most: %s): want an integer from 1 to %d", text, largestPage)
	}
	return size, nil
}

// stringList reads a directive argument that is a list of strings.
func stringList(directive *ast.Directive, name string) []string {
	argument := directive.Arguments.ForName(name)
	if argument == nil {
		return nil
	}
	var values []string
	for _, child := range argument.Value.Children {
		values = append(values, child.Value.Raw)
	}
	return values
}
