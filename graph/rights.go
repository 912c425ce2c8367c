package graph

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/internal/identity"
)

// right is what it takes to do something: all demands have to be met, each by one of its alternatives, which is a list
// of scopes or app roles that all have to count.
type right [][][]string

// missing returns the first demand that a caller, who is known, does not meet; nil when there is none.
func (r right) missing(caller *identity.Caller) *rightError {
	for _, alternatives := range r {
		if !caller.May(alternatives) {
			return &rightError{alternatives, caller}
		}
	}
	return nil
}

// rightError is a right that the caller lacks: a scope, or an app role.
type rightError struct {
	alternatives [][]string
	caller       *identity.Caller
}

// Error says what would help this caller.
func (e *rightError) Error() string {
	scope, role := strings.Join(e.alternatives[0], " and "), strings.Join(e.alternatives[len(e.alternatives)-1], " and ")
	switch {
	case e.caller.App:
		return "Missing permission: this needs the app role " + role + "."
	case e.caller.ScopesAlone:
		return "Missing permission: this needs the scope " + scope + "."
	default:
		return "Missing permission: this needs the scope " + scope + " and, assigned to you, the app role " + role + "."
	}
}

// rights are what the fields of the schema demand: @authenticated and @requiresScopes of the field, of the type that
// has it, and of the type that it returns (Apollo Federation, "Federated GraphQL directives").
type rights struct {
	schema *ast.Schema
	fields map[string]right // by Type.field
}

// The rights that are not in the schema, because no directive can be where they belong.
var (
	// entitiesRight is that of the field that a federation router reads entities by: that of the root fields.
	entitiesRight = "Query.node"
	// inputRights are those of input fields and arguments by which one finds out what one may not read: those of
	// what they filter or order by.
	inputRights = map[string]string{
		"UserFilter.displayNameStartsWith": "User.displayName",
		"UserFilter.error":                 "LicenseAssignmentState.error",
		"UserOrder.field":                  "User.displayName",
		"Query.user.userPrincipalName":     "User.userPrincipalName",
	}
)

func newRights(schema *ast.Schema) *rights {
	r := &rights{schema: schema, fields: map[string]right{}}
	for _, definition := range schema.Types {
		if definition.Kind != ast.Object && definition.Kind != ast.Interface {
			continue
		}
		for _, field := range definition.Fields {
			directives := slices.Concat(field.Directives, definition.Directives)
			if returned := schema.Types[field.Type.Name()]; returned != nil {
				directives = append(directives, returned.Directives...)
			}
			if demands := demandsOf(directives); demands != nil {
				r.fields[definition.Name+"."+field.Name] = demands
			}
		}
	}
	r.fields["Query._entities"] = r.fields[entitiesRight]
	return r
}

func demandsOf(directives ast.DirectiveList) right {
	var demands right
	for _, directive := range directives.ForNames("requiresScopes") {
		var alternatives [][]string
		for _, all := range directive.Arguments.ForName("scopes").Value.Children {
			var scopes []string
			for _, scope := range all.Value.Children {
				scopes = append(scopes, scope.Value.Raw)
			}
			alternatives = append(alternatives, scopes)
		}
		demands = append(demands, alternatives)
	}
	return demands
}

// denied are the fields of an operation that its caller has no right to. They are neither prefetched nor read, and
// answer with an error each. The nil value denies nothing.
type denied struct {
	rights *rights
	caller *identity.Caller
	places map[*ast.Field]*rightError // fields with arguments that the caller may not give
	fields map[string]*rightError     // that the operation selects, by Type.field
	signIn *rightError                // entities that are named by nothing but a sign-in name

	mu  sync.Mutex
	met map[string]bool // the denied fields that were to be answered, by Type.field
}

// deniedTo reads an operation, each fragment once; nil when the caller may do all of it.
func (r *rights) deniedTo(caller *identity.Caller, op *graphql.OperationContext) *denied {
	if caller == nil {
		return nil
	}
	d := &denied{rights: r, caller: caller, places: map[*ast.Field]*rightError{}, fields: map[string]*rightError{}}
	visitFields(op, op.Operation.SelectionSet, func(f *ast.Field, _ bool) bool {
		d.field(op, f)
		return true
	})
	if len(d.fields) == 0 && len(d.places) == 0 && d.signIn == nil {
		return nil
	}
	return d
}

func (d *denied) field(op *graphql.OperationContext, f *ast.Field) {
	if f.ObjectDefinition == nil || f.Definition == nil {
		return
	}
	types := []*ast.Definition{f.ObjectDefinition}
	if f.ObjectDefinition.Kind != ast.Object {
		types = d.rights.schema.GetPossibleTypes(f.ObjectDefinition)
	}
	for _, t := range types {
		name := t.Name + "." + f.Name
		if missing := d.rights.fields[name].missing(d.caller); missing != nil {
			d.fields[name] = missing
		}
	}
	var arguments map[string]any
	for _, argument := range f.Definition.Arguments {
		if f.Arguments.ForName(argument.Name) == nil {
			continue
		}
		if arguments == nil {
			arguments = f.ArgumentMap(op.Variables)
		}
		value := arguments[argument.Name]
		d.input(f, f.ObjectDefinition.Name+"."+f.Name+"."+argument.Name, value)
		given, _ := value.(map[string]any)
		for member, value := range given {
			d.input(f, argument.Type.Name()+"."+member, value)
		}
	}
	if reps, _ := arguments["representations"].([]any); f.ObjectDefinition.Name == "Query" && f.Name == "_entities" && slices.ContainsFunc(reps, bySignInName) {
		d.signIn = d.rights.fields["User.userPrincipalName"].missing(d.caller)
	}
}

// input notes a field whose input the caller may not give.
func (d *denied) input(f *ast.Field, name string, value any) {
	if of, guarded := inputRights[name]; guarded && value != nil {
		if missing := d.rights.fields[of].missing(d.caller); missing != nil {
			d.places[f] = missing
		}
	}
}

// bySignInName tells whether a representation names a person by nothing but the sign-in name.
func bySignInName(rep any) bool {
	members, _ := rep.(representation)
	return members["__typename"] == "User" && members["id"] == nil && members["userPrincipalName"] != nil
}

// signInName returns why people may not be named by their sign-in names; nil when they may.
func (d *denied) signInName() error {
	if d == nil || d.signIn == nil {
		return nil
	}
	d.meet("User.userPrincipalName")
	return d.signIn
}

// meet notes that a denied field was to be answered.
func (d *denied) meet(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.met == nil {
		d.met = map[string]bool{}
	}
	d.met[name] = true
}

// has tells whether a field of a type is denied.
func (d *denied) has(typeName, field string) bool {
	return d != nil && d.fields[typeName+"."+field] != nil
}

// hasPlace tells whether this field is denied for its arguments.
func (d *denied) hasPlace(f *ast.Field) bool { return d != nil && d.places[f] != nil }

// middleware answers the denied fields.
func (d *denied) middleware(next graphql.FieldMiddleware) graphql.FieldMiddleware {
	return func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		fc := graphql.GetFieldContext(ctx)
		name := fc.Object + "." + fc.Field.Name
		missing := d.fields[name]
		if missing == nil {
			missing = d.places[fc.Field.Field]
		}
		if missing != nil {
			d.meet(name)
			return nil, missing
		}
		return next(ctx, resolve)
	}
}

// names lists what was denied, for the audit log.
func (d *denied) names() []string {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.met))
}

// deniedKey is where an operation keeps what is denied.
const deniedKey = "denied"

func deniedIn(op *graphql.OperationContext) *denied {
	if op == nil { // nothing is selected
		return nil
	}
	d, _ := op.Stats.GetExtension(deniedKey).(*denied)
	return d
}
