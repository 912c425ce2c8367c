package graph

import (
	"reflect"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
)

// required has the upstream properties that an operation requires, by type. Every read of a type selects them with
// $select.
type required map[string][]string

// readTypes has the Go types of the types that are read with $select: the objects with an ID that edges lead from or to.
// The table of edges sets it.
var readTypes = map[string]reflect.Type{}

// addReadType adds the type of an edge's parent or result.
func addReadType(t reflect.Type) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if names := jsonNames(t); slices.Contains(names, "id") && readTypes[t.Name()] == nil {
		readTypes[t.Name()] = t
		upstreamProperties[t.Name()] = append(names, expandable[t.Name()]...)
	}
}

// expandable has the relations of these types that can be expanded.
var expandable = map[string][]string{
	"Assignment":      {"assignedTo", "allotment"},
	"WaitingMember":   {"assignedTo", "allotment"},
	"AssignmentError": {"assignedTo", "usageRight"},
	"UsageRight":      {"assignments", "allotments"},
}

// upstreamProperties are the properties of these types, by the JSON names of the Go types, and the relations.
var upstreamProperties = map[string][]string{}

// requiredBy returns the required properties of an operation.
func requiredBy(op *graphql.OperationContext) required {
	denied, fields := deniedIn(op), map[fieldKey]bool{}
	result := required{}
	visitFields(op, op.Operation.SelectionSet, func(f *ast.Field, _ bool) bool {
		if f.ObjectDefinition == nil || denied.has(f.ObjectDefinition.Name, f.Name) || denied.hasPlace(f) {
			return false
		}
		fields[fieldKey{f.ObjectDefinition.Name, f.Name}] = true
		result.add(ofArguments(op, f)...)
		return true
	})
	add := result.addProperty
	for f := range fields {
		for _, concrete := range implementing(f.typeName) {
			if !denied.has(concrete, f.field) {
				requirements(concrete, f.field, add)
			}
		}
	}
	ofRight := func(field string) bool { return fields[fieldKey{"UsageRight", field}] }
	if (ofRight("holderId") || ofRight("assignments") || ofRight("allotments")) && slices.Contains(result["AssignmentError"], "usageRight") {
		result.add("AssignmentError.assignedTo") // the holder of the right
	}
	result.add("SubscribedSku.skuId", "SubscribedSku.id")
	result["DirectoryObject"] = slices.Concat(result["User"], result["Group"], result["Device"])
	for typeName := range result {
		slices.Sort(result[typeName])
	}
	result["DirectoryObject"] = slices.Compact(result["DirectoryObject"])
	return result
}

// requirements calls add with each upstream property that a field requires, and its type.
func requirements(typeName, field string, add func(typeName, property string)) {
	edge := edges[fieldKey{typeName, field}]
	switch properties, isDerived := derived[field]; {
	case edge != nil:
		for _, name := range edge.requires {
			of, property, _ := strings.Cut(name, ".")
			add(of, property)
		}
	case isDerived:
		for _, property := range properties {
			add(typeName, property)
		}
	default:
		add(typeName, field)
	}
}

// from returns the required properties of a field that belong to its own type.
func from(typeName, field string) (properties []string) {
	requirements(typeName, field, func(of, property string) {
		if of == typeName {
			properties = append(properties, property)
		}
	})
	return properties
}

// add adds properties, given as Type.property.
func (r required) add(properties ...string) {
	for _, name := range properties {
		typeName, property, _ := strings.Cut(name, ".")
		r.addProperty(typeName, property)
	}
}

// addProperty adds a property unless it is not an upstream property.
func (r required) addProperty(typeName, property string) {
	if slices.Contains(upstreamProperties[typeName], property) && !slices.Contains(r[typeName], property) {
		r[typeName] = append(r[typeName], property)
	}
}

func (r required) of(typeName string) []string { return r[typeName] }

// ofArguments returns the properties that the arguments of a field require.
func ofArguments(op *graphql.OperationContext, f *ast.Field) (properties []string) {
	edge := edges[fieldKey{f.ObjectDefinition.Name, f.Name}]
	if edge == nil || len(edge.requiresFor) == 0 {
		return nil
	}
	arguments := f.ArgumentMap(op.Variables)
	for _, requirement := range edge.requiresFor {
		if requirement.applies(arguments[requirement.argument]) {
			properties = append(properties, requirement.properties...)
		}
	}
	return properties
}

// jsonNames returns the JSON names of a struct's fields; none of another type.
func jsonNames(t reflect.Type) []string {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var names []string
	for field := range t.Fields() {
		if name, _, _ := strings.Cut(field.Tag.Get("json"), ","); name != "" && name != "-" {
			names = append(names, name)
		}
	}
	return names
}
