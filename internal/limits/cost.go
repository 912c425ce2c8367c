package limits

import (
	"encoding/json"
	"reflect"
	"sort"
	"strconv"

	"github.com/vektah/gqlparser/v2/ast"
)

// counter computes the cost of one operation, or its requests to Microsoft Graph. It visits each selection once: the
// cost of a fragment is stored independently of where the fragment is spread.
//
// The result is an upper bound: a field that is selected twice counts twice, and fields of mutually exclusive types all
// count.
type counter struct {
	weights   *weights
	limits    Limits
	variables map[string]any
	upstream  bool // counts requests, in thousandths, instead of the cost
	pages     int  // maximum page size to assume; 0 means the requested size
	fragments map[*ast.FragmentDefinition]cost
	total     int       // result of check
	tooLong   *exceeded // first list argument that is too long
	tooLarge  *exceeded // first page that exceeds the field's maximum
	visited   int       // visited selections, for tests
}

func newCounter(w *weights, l Limits, variables map[string]any) *counter {
	return &counter{weights: w, limits: l, variables: variables, fragments: map[*ast.FragmentDefinition]cost{}}
}

// check returns the limit that the operation exceeds; nil if there is none.
func (c *counter) check(operation *ast.OperationDefinition) *exceeded {
	c.total = c.cost(operation)
	if c.tooLong != nil {
		return c.tooLong
	}
	if c.total > c.limits.Cost {
		if c.tooLarge != nil {
			return c.tooLarge
		}
		return &exceeded{limit: limitCost, measured: c.total, allowed: c.limits.Cost, pages: c.largestPages(operation)}
	}
	return nil
}

// cost returns the cost of an operation.
func (c *counter) cost(operation *ast.OperationDefinition) int {
	return c.set(operation.SelectionSet).with(nil, 0)
}

// largestPages returns the largest page size with which the operation is within the limits of cost and upstream
// requests; 0 if there is none.
func (c *counter) largestPages(operation *ast.OperationDefinition) int {
	return sort.Search(largestPage, func(n int) bool {
		cost, upstream := newCounter(c.weights, c.limits, c.variables), newUpstreamCounter(c.weights, c.limits, c.variables)
		cost.pages, upstream.pages = n+1, n+1
		return cost.cost(operation) > c.limits.Cost || upstream.requests(operation.SelectionSet) > c.limits.UpstreamRequests
	})
}

// largestPage is the largest page size in the schema.
const largestPage = 1_000

// cost is the cost of a selection set, without lists whose size depends on the parent field: the number of a page's
// nodes follows from the connection's argument first, which a fragment that selects nodes does not have.
type cost struct {
	fixed int
	once  int // independent of the number of objects
	lists map[string]listCost
}

// listCost is the cost of the lists of one name in a selection set.
type listCost struct {
	each int // cost of one element
	own  int // cost if the size follows only from the list itself
}

// with returns the cost if the named lists have size elements.
func (c cost) with(sized []string, size int) int {
	total := c.fixed
	for name, list := range c.lists {
		n := list.own
		for _, s := range sized {
			if s == name {
				n = product(size, list.each)
			}
		}
		total = sum(total, n)
	}
	return total
}

func (c *cost) add(other cost) {
	c.fixed = sum(c.fixed, other.fixed)
	c.once = sum(c.once, other.once)
	for name, list := range other.lists {
		c.addList(name, list)
	}
}

func (c *cost) addList(name string, list listCost) {
	if c.lists == nil {
		c.lists = map[string]listCost{}
	}
	known := c.lists[name]
	c.lists[name] = listCost{sum(known.each, list.each), sum(known.own, list.own)}
}

func (c *counter) set(selections ast.SelectionSet) cost {
	var total cost
	for _, selection := range selections {
		c.visited++
		switch selection := selection.(type) {
		case *ast.Field:
			if !c.skipped(selection.Directives) {
				c.field(selection, &total)
			}
		case *ast.InlineFragment:
			if !c.skipped(selection.Directives) {
				total.add(c.set(selection.SelectionSet))
			}
		case *ast.FragmentSpread:
			if !c.skipped(selection.Directives) {
				total.add(c.fragment(selection.Definition))
			}
		}
	}
	return total
}

func (c *counter) fragment(definition *ast.FragmentDefinition) cost {
	if definition == nil {
		return cost{}
	}
	known, ok := c.fragments[definition]
	if !ok {
		known = c.set(definition.SelectionSet)
		c.fragments[definition] = known
	}
	return known
}

// field adds a field with its selection set.
func (c *counter) field(field *ast.Field, total *cost) {
	below := c.set(field.SelectionSet)
	weight := c.weights.fields[field.Definition]
	if weight == nil { // __typename
		if !c.upstream {
			total.fixed = sum(total.fixed, 1)
		}
		return
	}
	size := c.size(field, weight)
	total.once = sum(total.once, below.once)
	each := below.with(weight.sized, size)
	if c.upstream {
		own, once := c.upstreamOf(field, &weight.upstream, size)
		total.fixed, total.once = sum(total.fixed, own), sum(total.once, once)
	} else {
		each = sum(each, weight.each)
		total.arguments(field, weight)
	}
	switch {
	case !weight.list:
		total.fixed = sum(total.fixed, each)
	case c.weights.sized[field.Name]:
		total.addList(field.Name, listCost{each, product(size, each)})
	default:
		total.fixed = sum(total.fixed, product(size, each))
	}
}

// arguments adds the weights of a field's arguments.
func (c *cost) arguments(field *ast.Field, weight *fieldWeight) {
	for name, w := range weight.args {
		if field.Arguments.ForName(name) != nil {
			c.fixed = sum(c.fixed, w)
		}
	}
}

// size returns the number of elements: the largest value of the field's slicing arguments, otherwise the schema's
// assumed size.
func (c *counter) size(field *ast.Field, weight *fieldWeight) int {
	size, isOutcome := 0, false
	for _, s := range weight.slicing {
		var n int
		var ok bool
		if s.length {
			n, ok = c.length(field, s.definition)
			c.checkLength(s, n)
		} else {
			n, ok = c.number(field, s.definition)
			if s.most > 0 && n > s.most && c.tooLarge == nil {
				c.tooLarge = &exceeded{limit: limitPage, measured: n, allowed: s.most, argument: s.definition.Name}
			}
		}
		if ok {
			size, isOutcome = max(size, n), true
		}
	}
	if !isOutcome {
		size = weight.size
	}
	if c.pages > 0 && len(weight.slicing) > 0 && !weight.slicing[0].length {
		size = min(size, c.pages)
	}
	return min(size, most)
}

func (c *counter) checkLength(s slicing, n int) {
	allowed := c.limits.IDs
	if s.limit == limitRepresentations {
		allowed = c.limits.Representations
	}
	if n > allowed && c.tooLong == nil {
		c.tooLong = &exceeded{limit: s.limit, measured: n, allowed: allowed, argument: s.definition.Name}
	}
}

// argument returns an argument's literal or the value of its variable.
func (c *counter) argument(field *ast.Field, definition *ast.ArgumentDefinition) (literal *ast.Value, variable any) {
	argument := field.Arguments.ForName(definition.Name)
	if argument == nil {
		return definition.DefaultValue, nil
	}
	if argument.Value.Kind != ast.Variable {
		return argument.Value, nil
	}
	value, given := c.variables[argument.Value.Raw]
	if !given {
		return definition.DefaultValue, nil
	}
	return nil, value
}

// number returns the value of an integer argument. Values that pass validation and are not numbers are rejected by the
// resolver.
func (c *counter) number(field *ast.Field, definition *ast.ArgumentDefinition) (int, bool) {
	literal, variable := c.argument(field, definition)
	if literal != nil {
		if literal.Kind != ast.IntValue {
			return 0, false
		}
		return atoi(literal.Raw), true
	}
	switch v := variable.(type) {
	case nil:
		return 0, false
	case json.Number:
		return atoi(v.String()), true
	case string:
		return atoi(v), true
	}
	switch v := reflect.ValueOf(variable); {
	case v.CanInt():
		return int(max(0, min(v.Int(), most))), true
	case v.CanFloat():
		return int(max(0, min(v.Float(), most))), true
	}
	return 0, false
}

// atoi parses a count, limited to the range from 0 to most.
func atoi(text string) int {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil && n == 0 {
		return 0
	}
	return int(max(0, min(n, most)))
}

// length returns the number of elements of a list argument. A single value is a list of one (GraphQL, section 3.11,
// input coercion).
func (c *counter) length(field *ast.Field, definition *ast.ArgumentDefinition) (int, bool) {
	literal, variable := c.argument(field, definition)
	switch {
	case literal != nil && literal.Kind == ast.ListValue:
		return len(literal.Children), true
	case literal != nil:
		return 1, literal.Kind != ast.NullValue
	case variable == nil:
		return 0, false
	}
	if v := reflect.ValueOf(variable); v.Kind() == reflect.Slice {
		return v.Len(), true
	}
	return 1, true
}

// skipped reports whether @skip or @include exclude a selection (GraphQL, section 3.13).
func (c *counter) skipped(directives ast.DirectiveList) bool {
	return c.condition(directives.ForName("skip"), true) || c.condition(directives.ForName("include"), false)
}

func (c *counter) condition(directive *ast.Directive, want bool) bool {
	if directive == nil {
		return false
	}
	argument := directive.Arguments.ForName("if")
	if argument == nil {
		return false
	}
	if argument.Value.Kind == ast.Variable {
		value, ok := c.variables[argument.Value.Raw].(bool)
		return ok && value == want
	}
	return argument.Value.Raw == strconv.FormatBool(want)
}
