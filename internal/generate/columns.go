package main

import (
	_ "embed"
	"fmt"
	"go/types"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/99designs/gqlgen/codegen"
	"github.com/99designs/gqlgen/codegen/config"
	"github.com/99designs/gqlgen/codegen/templates"
	"github.com/vektah/gqlparser/v2/ast"
)

// columns is a gqlgen plugin that writes, for each object type that a query can return, how each of its fields is
// written for all objects of a level. Fields that it does not cover are listed with the reason.
type columns struct{}

//go:embed columns.gotpl
var columnsTemplate string

// scalars maps marshalers of scalars and enums to the kinds with the same output.
var scalars = map[string]string{
	"MarshalString":   "columns.Text[%s]()",
	"MarshalID":       "columns.Text[%s]()",
	"MarshalUUID":     "columns.Text[%s]()",
	"MarshalDate":     "columns.Text[%s]()",
	"MarshalInt32":    "columns.Int32()",
	"MarshalBoolean":  "columns.Boolean()",
	"MarshalJSON":     "columns.Scalar(model.AppendJSON)",
	"MarshalDateTime": "columns.Scalar(model.AppendDateTime)",
}

// Name implements gqlgen's plugin interface.
func (columns) Name() string { return "columns" }

// GenerateCode writes the columns.
func (columns) GenerateCode(data *codegen.Data) error {
	c := newColumnTypes(data)
	return templates.Render(templates.Options{
		PackageName:     data.Config.Exec.Package,
		Filename:        filepath.Join(data.Config.Exec.DirName, "columns.generated.go"),
		Data:            c,
		GeneratedHeader: true,
		Packages:        data.Config.Packages,
		Template:        columnsTemplate,
	})
}

// columnTypes are the types of the template.
type columnTypes struct {
	Roots   []*codegen.Field
	Objects codegen.Objects
	// Abstract are the interfaces and unions.
	Abstract []*codegen.Interface
	// Uncovered are the reasons for fields without a column, by Type.field.
	Uncovered map[string]string

	data    *codegen.Data
	reached map[string]bool // by type name
}

func newColumnTypes(data *codegen.Data) *columnTypes {
	c := &columnTypes{data: data, Uncovered: map[string]string{}, reached: map[string]bool{}}
	for _, f := range data.QueryRoot.Fields {
		if c.Kind(f.TypeReference) == "" || strings.HasPrefix(f.TypeReference.Definition.Name, "__") || f.Name == "_service" {
			c.Uncovered["Query."+f.Name] = "introspection"
			continue
		}
		c.Roots = append(c.Roots, f)
		c.reach(f.TypeReference.Definition)
	}
	for _, o := range data.Objects {
		switch {
		case o == data.QueryRoot || o.BuiltIn || strings.HasPrefix(o.Name, "__"):
		case c.reached[o.Name]:
			c.Objects = append(c.Objects, o)
		default:
			for _, f := range o.Fields {
				c.Uncovered[o.Name+"."+f.Name] = "not in queries"
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(data.Interfaces)) {
		if c.reached[name] {
			c.Abstract = append(c.Abstract, data.Interfaces[name])
		}
	}
	return c
}

// reach adds a type and all types below its covered fields.
func (c *columnTypes) reach(t *ast.Definition) {
	if c.reached[t.Name] || t.IsLeafType() {
		return
	}
	c.reached[t.Name] = true
	if abstract := c.data.Interfaces[t.Name]; abstract != nil {
		for _, implementor := range abstract.Implementors {
			c.reach(implementor.Definition)
		}
		return
	}
	for _, f := range c.data.Objects.ByName(t.Name).Fields {
		if reason := c.uncovered(f); reason != "" {
			c.Uncovered[t.Name+"."+f.Name] = reason
		}
		c.reach(f.TypeReference.Definition)
	}
}

// uncovered returns why a field has no column; empty if it has one.
func (c *columnTypes) uncovered(f *codegen.Field) string {
	switch {
	case f.HasDirectives():
		return "directive at run time"
	case !f.IsResolver && (len(f.Args) > 0 || f.MethodHasContext || f.VOkFunc || f.HasHaser || f.IsMap()):
		return "method with arguments"
	case c.Kind(f.TypeReference) == "":
		return "type " + f.TypeReference.GO.String()
	}
	return ""
}

// Covered returns the fields of an object that have a column.
func (c *columnTypes) Covered(o *codegen.Object) []*codegen.Field {
	var fields []*codegen.Field
	for _, f := range o.Fields {
		if c.Uncovered[o.Name+"."+f.Name] == "" {
			fields = append(fields, f)
		}
	}
	return fields
}

// Kind returns the expression of the kind of a type; empty if it has none.
func (c *columnTypes) Kind(t *config.TypeReference) string {
	nullable := !t.GQL.NonNull
	switch {
	case t.IsSlice():
		if element := c.Kind(t.Elem()); element != "" {
			return fmt.Sprintf("columns.List(%t, %s)", nullable, element)
		}
	case t.Definition.IsLeafType():
		return leafKind(t, nullable)
	case t.Definition.IsAbstractType():
		return fmt.Sprintf("kindOf%s(%t)", exported(t.Definition.Name), nullable)
	case t.IsPtr():
		return fmt.Sprintf("kindOf%s(%t)", exported(t.Definition.Name), nullable)
	}
	return ""
}

func leafKind(t *config.TypeReference, nullable bool) string {
	if t.Marshaler == nil || t.IsContext || t.HasEnumValues() {
		return ""
	}
	kind := scalars[t.Marshaler.Name()]
	if strings.Contains(kind, "%s") {
		of := t.GO
		if t.IsPtr() {
			of = t.Elem().GO
		}
		kind = fmt.Sprintf(kind, goName(of))
	}
	if kind != "" && t.IsPtr() {
		if !nullable {
			return ""
		}
		return "columns.Optional(" + kind + ")"
	}
	return kind
}

// goName returns the name of a Go type in the template; its own name before the template runs.
func goName(t types.Type) string {
	if templates.CurrentImports == nil {
		return t.String()
	}
	return templates.CurrentImports.LookupType(t)
}

// Exported returns the exported form of a type's name.
func (*columnTypes) Exported(name string) string { return exported(name) }

func exported(name string) string { return templates.UcFirst(strings.TrimLeft(name, "_")) }

// Args returns the arguments of a resolver, of which the second is the object or the objects.
func (*columnTypes) Args(f *codegen.Field, object string) string {
	args := []string{"ctx", object}
	for _, a := range f.Args {
		args = append(args, fmt.Sprintf("args[%q].(%s)", a.Name, goName(a.TypeReference.GO)))
	}
	return strings.Join(args, ", ")
}
