package limits

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
)

// upstreamWeight is the number of requests to Microsoft Graph for a field, from the schema's directive @upstream. Each
// request of a $batch counts, as it does for throttling.
type upstreamWeight struct {
	once       int      // requests per operation
	each       int      // requests per object with the field
	perElement int      // requests per list element
	pageSize   int      // elements per request; 0 if not paged
	shared     int      // objects per request; 0 if not shared
	elements   []string // path of the argument list whose elements count instead of the field's size
	parts      []part   // additional requests for arguments
}

// part is an argument, or a field of one, that requires additional requests.
type part struct {
	path []string
	each int
}

// thousandths is the number of units per request: a request that is shared by many objects is a fraction for each.
const thousandths = 1_000

// entityRequests is the number of requests for a federation representation, whose field is generated and has no
// @upstream.
const entityRequests = 2

func (w *upstreamWeight) read(schema *ast.Schema, field *ast.FieldDefinition) error {
	if field.Name == "_entities" {
		w.perElement = entityRequests
		return nil
	}
	for _, argument := range field.Arguments {
		if err := w.part(argument.Directives, argument.Name); err != nil {
			return err
		}
		input := schema.Types[argument.Type.Name()]
		if input == nil || input.Kind != ast.InputObject {
			continue
		}
		for _, inner := range input.Fields {
			if err := w.part(inner.Directives, argument.Name, inner.Name); err != nil {
				return err
			}
		}
	}
	return w.directive(field.Directives.ForName("upstream"))
}

// part reads @upstream of an argument, or of a field of one.
func (w *upstreamWeight) part(directives ast.DirectiveList, path ...string) error {
	var of upstreamWeight
	if err := of.directive(directives.ForName("upstream")); err != nil {
		return fmt.Errorf("argument %s: %w", strings.Join(path, "."), err)
	}
	if of.each > 0 {
		w.parts = append(w.parts, part{path, of.each})
	}
	return nil
}

// directive reads @upstream; a nil directive means no requests.
func (w *upstreamWeight) directive(directive *ast.Directive) error {
	if directive == nil {
		return nil
	}
	for name, target := range map[string]*int{
		"once": &w.once, "each": &w.each, "perElement": &w.perElement, "pageSize": &w.pageSize, "shared": &w.shared,
	} {
		argument := directive.Arguments.ForName(name)
		if argument == nil {
			continue
		}
		n, err := strconv.Atoi(argument.Value.Raw)
		if err != nil || n < 1 || n > most/thousandths {
			return fmt.Errorf("@upstream(%s: %s): want an integer of at least 1", name, argument.Value.Raw)
		}
		*target = n
	}
	if argument := directive.Arguments.ForName("elements"); argument != nil {
		w.elements = strings.Split(argument.Value.Raw, ".")
	}
	return nil
}

// upstreamOf returns the requests of a field, in thousandths: per object with the field, and per operation.
func (c *counter) upstreamOf(field *ast.Field, w *upstreamWeight, size int) (own, once int) {
	own, once = w.each, w.once
	if w.elements != nil {
		size, _ = c.lengthAt(field, w.elements)
	}
	own = sum(own, product(w.perElement, size))
	if w.pageSize > 0 {
		own = sum(own, max(1, divided(size, w.pageSize)))
	}
	for _, p := range w.parts {
		if _, given := c.lengthAt(field, p.path); given {
			own = sum(own, p.each)
		}
	}
	own, once = product(thousandths, own), product(thousandths, once)
	if w.shared > 0 { // and one more: the last request may not be full
		own, once = sum(own, divided(thousandths, w.shared)), sum(once, thousandths)
	}
	return own, once
}

// divided returns a/b, rounded up.
func divided(a, b int) int { return (a + b - 1) / b }

// lengthAt returns the length of the list at a path in a field's arguments, and whether it is present. A single value
// is a list of one (GraphQL, section 3.11, input coercion).
func (c *counter) lengthAt(field *ast.Field, path []string) (n int, given bool) {
	argument := field.Arguments.ForName(path[0])
	if argument == nil {
		return 0, false
	}
	literal, path := argument.Value, path[1:]
	for literal.Kind == ast.ObjectValue && len(path) > 0 {
		if literal = literal.Children.ForName(path[0]); literal == nil {
			return 0, false
		}
		path = path[1:]
	}
	switch literal.Kind {
	case ast.ListValue:
		return len(literal.Children), true
	case ast.Variable:
		return lengthIn(c.variables[literal.Raw], path)
	}
	return 1, literal.Kind != ast.NullValue
}

// lengthIn is lengthAt for the value of a variable.
func lengthIn(value any, path []string) (n int, given bool) {
	for _, name := range path {
		object, _ := value.(map[string]any)
		value = object[name]
	}
	if value == nil {
		return 0, false
	}
	if v := reflect.ValueOf(value); v.Kind() == reflect.Slice {
		return v.Len(), true
	}
	return 1, true
}

func newUpstreamCounter(w *weights, l Limits, variables map[string]any) *counter {
	c := newCounter(w, l, variables)
	c.upstream = true
	return c
}

// checkUpstream returns the limit of upstream requests if the operation exceeds it.
func (c *counter) checkUpstream(operation *ast.OperationDefinition) *exceeded {
	if n := c.requests(operation.SelectionSet); n > c.limits.UpstreamRequests {
		if c.tooLarge != nil {
			return c.tooLarge
		}
		return &exceeded{
			limit: limitUpstream, measured: n, allowed: c.limits.UpstreamRequests, argument: c.heaviest(operation.SelectionSet),
			pages: c.largestPages(operation),
		}
	}
	return nil
}

// requests returns the maximum number of requests of a root selection.
func (c *counter) requests(set ast.SelectionSet) int {
	total := c.set(set)
	return divided(sum(total.with(nil, 0), total.once), thousandths)
}

// heaviest returns the root field with the most requests.
func (c *counter) heaviest(set ast.SelectionSet) string {
	name, most := "its fragments", -1
	for _, selection := range set {
		if n := c.requests(ast.SelectionSet{selection}); n > most {
			if field, ok := selection.(*ast.Field); ok {
				name, most = field.Alias, n
			}
		}
	}
	return name
}
