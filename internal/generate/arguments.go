package main

import (
	"path/filepath"

	"github.com/99designs/gqlgen/codegen"
	"github.com/99designs/gqlgen/codegen/templates"
)

// arguments is a gqlgen plugin that exports the decoders of arguments: prefetching requires a field's arguments before
// the field is resolved.
type arguments struct{}

// Name implements gqlgen's plugin interface.
func (arguments) Name() string { return "arguments" }

// GenerateCode writes a function that decodes the arguments of any field.
func (arguments) GenerateCode(data *codegen.Data) error {
	return templates.Render(templates.Options{
		PackageName:     data.Config.Exec.Package,
		Filename:        filepath.Join(data.Config.Exec.DirName, "arguments.generated.go"),
		Data:            data,
		GeneratedHeader: true,
		Packages:        data.Config.Packages,
		Template: `
{{ reserveImport "context" }}

// Arguments decodes the arguments of a field, given as Type.field, for its resolver.
func Arguments(ctx context.Context, field string, raw map[string]any) (map[string]any, error) {
	ec := &executionContext{}
	switch field {
	{{- range $object := .Objects }}{{ range $field := $object.Fields }}{{ if $field.Args }}
	case "{{ $object.Name }}.{{ $field.Name }}":
		return ec.{{ $field.ArgsFunc }}(ctx, raw)
	{{- end }}{{ end }}{{ end }}
	}
	return nil, nil
}
`,
	})
}
