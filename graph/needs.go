package graph

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/internal/licensing"
)

// needs are the upstream properties that an operation needs, by type. They become $select for every read
// of the type, so that nothing is read twice and nothing that was not asked for.
type needs map[string][]string

// upstream are the properties and relations that Microsoft Graph has of a type: what its Go type reads from JSON.
var upstreamProperties = map[string][]string{
	"User":            jsonNames(licensing.User{}),
	"Group":           jsonNames(licensing.Group{}),
	"Device":          jsonNames(licensing.Device{}),
	"LicenseDetails":  jsonNames(licensing.LicenseDetails{}),
	"Allotment":       jsonNames(licensing.Allotment{}),
	"Assignment":      append(jsonNames(licensing.Assignment{}), "assignedTo", "allotment"),
	"WaitingMember":   append(jsonNames(licensing.WaitingMember{}), "assignedTo", "allotment"),
	"AssignmentError": append(jsonNames(licensing.AssignmentError{}), "assignedTo", "usageRight"),
	"UsageRight":      append(jsonNames(licensing.UsageRight{}), "assignments", "allotments"),
	"SubscribedSku":   jsonNames(licensing.SubscribedSku{}),
}

// needsOf reads the operation once, each fragment at most once.
func needsOf(op *graphql.OperationContext) needs {
	walk := needsWalk{op: op, denied: deniedIn(op), fields: map[string]map[string]bool{}, required: map[string]bool{}, seen: map[string]bool{}}
	walk.selections(op.Operation.SelectionSet)

	result := needs{}
	for typeName := range walk.fields {
		for _, concrete := range implementing(typeName) {
			for field := range walk.fields[typeName] {
				if !walk.denied.has(concrete, field) {
					result.add(requirements(concrete, field)...)
				}
			}
		}
	}
	result.add(slices.Collect(maps.Keys(walk.required))...)
	if right := walk.fields["UsageRight"]; (right["holderId"] || right["assignments"] || right["allotments"]) && slices.Contains(result["AssignmentError"], "usageRight") {
		result.add("AssignmentError.assignedTo") // who holds the right
	}
	result.add("SubscribedSku.skuId", "SubscribedSku.id")
	result["DirectoryObject"] = slices.Concat(result["User"], result["Group"], result["Device"])
	for typeName := range result {
		slices.Sort(result[typeName])
		result[typeName] = slices.Compact(result[typeName])
	}
	return result
}

// requirements returns the upstream properties from which a field is answered, as Type.property.
func requirements(typeName, field string) []string {
	if edge := edges[typeName+"."+field]; edge != nil {
		return edge.requires
	}
	if properties, ok := derived[field]; ok {
		return each(properties, func(property string) string { return typeName + "." + property })
	}
	return []string{typeName + "." + field}
}

// from returns the properties of a type from which one of its fields is answered.
func from(typeName, field string) []string {
	var properties []string
	for _, name := range requirements(typeName, field) {
		if property, own := strings.CutPrefix(name, typeName+"."); own {
			properties = append(properties, property)
		}
	}
	return properties
}

// add adds properties, as Type.property, that Microsoft Graph has.
func (n needs) add(properties ...string) {
	for _, name := range properties {
		typeName, property, _ := strings.Cut(name, ".")
		if slices.Contains(upstreamProperties[typeName], property) {
			n[typeName] = append(n[typeName], property)
		}
	}
}

// of returns the properties needed of a type.
func (n needs) of(typeName string) []string { return n[typeName] }

type needsWalk struct {
	op       *graphql.OperationContext
	denied   *denied
	fields   map[string]map[string]bool // by type
	required map[string]bool            // properties that arguments take
	seen     map[string]bool            // fragments
}

func (w *needsWalk) selections(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if s.ObjectDefinition == nil || !w.included(s.Directives) {
				continue
			}
			parent := s.ObjectDefinition.Name
			if w.denied.has(parent, s.Name) || w.denied.hasPlace(s) {
				continue
			}
			if w.fields[parent] == nil {
				w.fields[parent] = map[string]bool{}
			}
			w.fields[parent][s.Name] = true
			w.arguments(s)
			w.selections(s.SelectionSet)
		case *ast.InlineFragment:
			if w.included(s.Directives) {
				w.selections(s.SelectionSet)
			}
		case *ast.FragmentSpread:
			if w.included(s.Directives) && !w.seen[s.Name] && s.Definition != nil {
				w.seen[s.Name] = true
				w.selections(s.Definition.SelectionSet)
			}
		}
	}
}

// arguments notes the properties that the arguments of a field take.
func (w *needsWalk) arguments(f *ast.Field) {
	edge := edges[f.ObjectDefinition.Name+"."+f.Name]
	if edge == nil || len(edge.requiresFor) == 0 {
		return
	}
	arguments := f.ArgumentMap(w.op.Variables)
	for _, requirement := range edge.requiresFor {
		if requirement.applies(arguments[requirement.argument]) {
			for _, property := range requirement.properties {
				w.required[property] = true
			}
		}
	}
}

// below reads what is selected of the fields of a selection, not those fields themselves.
func (w *needsWalk) below(set ast.SelectionSet) {
	for _, selection := range set {
		switch s := selection.(type) {
		case *ast.Field:
			if w.included(s.Directives) {
				w.selections(s.SelectionSet)
			}
		case *ast.InlineFragment:
			if w.included(s.Directives) {
				w.below(s.SelectionSet)
			}
		case *ast.FragmentSpread:
			if top := "top of " + s.Name; w.included(s.Directives) && !w.seen[top] && s.Definition != nil {
				w.seen[top] = true
				w.below(s.Definition.SelectionSet)
			}
		}
	}
}

// included evaluates @skip and @include.
func (w *needsWalk) included(directives ast.DirectiveList) bool {
	for name, wanted := range map[string]bool{"skip": false, "include": true} {
		if d := directives.ForName(name); d != nil {
			if value, ok := d.ArgumentMap(w.op.Variables)["if"].(bool); ok && value != wanted {
				return false
			}
		}
	}
	return true
}

// jsonNames returns the names under which the fields of a struct are read.
func jsonNames(value any) []string {
	var names []string
	for field := range reflect.TypeOf(value).Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}
