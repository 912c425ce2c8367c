package graph

import (
	"context"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph/model"
	"licensegraph/internal/identity"
)

// permission is a list of demands. Each demand is met by one of its alternatives: scopes or app roles that are all
// required.
type permission [][][]string

// missing returns the first demand that the caller does not meet; nil if all are met.
func (p permission) missing(caller *identity.Caller) *permissionError {
	for _, alternatives := range p {
		if !caller.May(alternatives) {
			return &permissionError{alternatives, caller}
		}
	}
	return nil
}

// permissionError is a demand that the caller does not meet.
type permissionError struct {
	alternatives [][]string
	caller       *identity.Caller
}

// Error returns which scope or app role this caller requires.
func (e *permissionError) Error() string {
	scope, role := strings.Join(e.alternatives[0], " and "), strings.Join(e.alternatives[len(e.alternatives)-1], " and ")
	switch {
	case e.caller.App:
		return "Missing permission: this requires the app role " + role + "."
	case e.caller.ScopesAlone:
		return "Missing permission: this requires the scope " + scope + "."
	default:
		return "Missing permission: this requires the scope " + scope + " and, assigned to you, the app role " + role + "."
	}
}

// permissions are required by @authenticated and @requiresScopes of a field, of its parent type and of its return
// type (Apollo Federation, "Federated GraphQL directives").
type permissions struct {
	schema *ast.Schema
	fields map[string]permission // by Type.field
}

// permitChange reports whether the caller may use one of the mutations.
func (p *permissions) permitChange(caller *identity.Caller) bool {
	return slices.ContainsFunc(p.schema.Mutation.Fields, func(mutation *ast.FieldDefinition) bool {
		return p.fields["Mutation."+mutation.Name].missing(caller) == nil
	})
}

// Permissions that the schema cannot express with a directive.
var (
	// entitiesPermission is the field whose permission _entities requires.
	entitiesPermission = "Query.node"
	// inputPermissions maps input fields and arguments that filter or sort to the field whose permission they
	// require: the result would reveal its values. A name can have a value of an enum.
	inputPermissions = map[string]string{
		"UserFilter.displayNameStartsWith":    "User.displayName",
		"UserFilter.department":               "User.department",
		"UserFilter.companyName":              "User.companyName",
		"UserFilter.city":                     "User.city",
		"UserFilter.country":                  "User.country",
		"UserFilter.employeeType":             "User.employeeType",
		"UserFilter.inactiveSince":            "User.signInActivity",
		"UserFilter.error":                    "LicenseAssignmentState.error",
		"Query.search of users":               "User.displayName",
		"UserOrder.field":                     "User.displayName",
		"AssignmentErrorOrder.field=ASSIGNEE": "User.displayName",
		"Query.user.userPrincipalName":        "User.userPrincipalName",
	}
)

func newPermissions(schema *ast.Schema) *permissions {
	r := &permissions{schema: schema, fields: map[string]permission{}}
	for _, definition := range schema.Types {
		if definition.Kind != ast.Object && definition.Kind != ast.Interface {
			continue
		}
		for _, field := range definition.Fields {
			directives := slices.Concat(field.Directives, definition.Directives)
			if returned := schema.Types[field.Type.Name()]; returned != nil {
				directives = append(directives, returned.Directives...)
			}
			if demands := permissionOf(directives); demands != nil {
				r.fields[definition.Name+"."+field.Name] = demands
			}
		}
	}
	r.fields["Query._entities"] = r.fields[entitiesPermission]
	return r
}

func permissionOf(directives ast.DirectiveList) permission {
	var demands permission
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

// denied are the fields of an operation that the caller may not read. They are not read and resolve to an error each.
// A nil value denies nothing.
type denied struct {
	permissions *permissions
	caller      *identity.Caller
	places      map[*ast.Field]*permissionError // fields with denied arguments
	fields      map[string]*permissionError     // selected, by Type.field
	signIn      *permissionError                // for entities with a userPrincipalName as their only key

	mu       sync.Mutex
	recorded map[string]bool // denied fields that were resolved, by Type.field
}

// deniedTo returns the denied fields of an operation; nil if there are none.
func (p *permissions) deniedTo(caller *identity.Caller, op *graphql.OperationContext) *denied {
	if caller == nil {
		return nil
	}
	d := &denied{permissions: p, caller: caller, places: map[*ast.Field]*permissionError{}, fields: map[string]*permissionError{}}
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
		types = d.permissions.schema.GetPossibleTypes(f.ObjectDefinition)
	}
	for _, t := range types {
		name := t.Name + "." + f.Name
		if missing := d.permissions.fields[name].missing(d.caller); missing != nil {
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
		for _, member := range slices.Sorted(maps.Keys(given)) { // of several missing permissions, the error names the same one each time
			d.input(f, argument.Type.Name()+"."+member, given[member])
		}
	}
	if kinds, some := arguments["kinds"].([]any); f.ObjectDefinition.Name+"."+f.Name == "Query.search" && (!some || slices.Contains(kinds, any(string(model.SearchUsers)))) {
		d.input(f, "Query.search of users", true)
	}
	if reps, _ := arguments["representations"].([]any); f.ObjectDefinition.Name == "Query" && f.Name == "_entities" && slices.ContainsFunc(reps, bySignInName) {
		d.signIn = d.permissions.fields["User.userPrincipalName"].missing(d.caller)
	}
}

// input denies a field if the caller may not use its input.
func (d *denied) input(f *ast.Field, name string, value any) {
	of, guarded := inputPermissions[name]
	if text, isText := value.(string); isText && !guarded {
		of, guarded = inputPermissions[name+"="+text]
	}
	if guarded && value != nil && d.places[f] == nil {
		if missing := d.permissions.fields[of].missing(d.caller); missing != nil {
			d.places[f] = missing
		}
	}
}

// bySignInName reports whether a representation has userPrincipalName as its only key.
func bySignInName(rep any) bool {
	members, _ := rep.(representation)
	return members["__typename"] == "User" && members["id"] == nil && members["userPrincipalName"] != nil
}

// signInName returns the error for representations with userPrincipalName as their only key; nil if allowed.
func (d *denied) signInName() error {
	if d == nil || d.signIn == nil {
		return nil
	}
	d.record("User.userPrincipalName")
	return d.signIn
}

// record records the denial of a field that was resolved.
func (d *denied) record(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.recorded == nil {
		d.recorded = map[string]bool{}
	}
	d.recorded[name] = true
}

// has reports whether a field of a type is denied.
func (d *denied) has(typeName, field string) bool {
	return d != nil && d.fields[typeName+"."+field] != nil
}

// hasPlace reports whether a field is denied for its arguments.
func (d *denied) hasPlace(f *ast.Field) bool { return d != nil && d.places[f] != nil }

// middleware returns the errors of denied fields.
func (d *denied) middleware(next graphql.FieldMiddleware) graphql.FieldMiddleware {
	return func(ctx context.Context, resolve graphql.Resolver) (any, error) {
		fc := graphql.GetFieldContext(ctx)
		if err := d.resolved(fc.Object, fc.Field.Field); err != nil {
			return nil, err
		}
		return next(ctx, resolve)
	}
}

// resolved returns the error of a denied field, and records that it was resolved; nil if the field is not denied.
func (d *denied) resolved(typeName string, f *ast.Field) error {
	if d == nil {
		return nil
	}
	name := typeName + "." + f.Name
	missing := d.fields[name]
	if missing == nil {
		missing = d.places[f]
	}
	if missing == nil {
		return nil
	}
	d.record(name)
	return missing
}

// names returns the denied fields that were resolved, sorted.
func (d *denied) names() []string {
	if d == nil {
		return nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Sorted(maps.Keys(d.recorded))
}

// deniedKey is the operation's extension key of its denied fields.
const deniedKey = "denied"

func deniedIn(op *graphql.OperationContext) *denied {
	if op == nil { // nothing is selected
		return nil
	}
	d, _ := op.Stats.GetExtension(deniedKey).(*denied)
	return d
}
