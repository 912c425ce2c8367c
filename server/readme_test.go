package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vektah/gqlparser/v2/ast"

	"licensegraph/graph"
	"licensegraph/internal/config"
	"licensegraph/internal/readmetest"
)

// TestReadmeTables compares the README's table of permissions with the schema.
func TestReadmeTables(t *testing.T) { // not parallel: -update writes the README
	readmetest.Table(t, "../README.md", "rights", rightsTable(t))
}

// rightsTable lists the fields that require each permission, by the schema's @requiresScopes.
func rightsTable(t *testing.T) string {
	t.Helper()
	resolver, err := graph.New(graph.Options{CursorKeys: [][]byte{make([]byte, config.CursorKeyBytes)}})
	if err != nil {
		t.Fatal(err)
	}
	schema := resolver.Schema().Schema()
	fields := map[string]map[string][]string{} // by scope and type
	note := func(directives ast.DirectiveList, typeName, field string) {
		for _, d := range directives.ForNames("requiresScopes") {
			scope, role := d.Arguments.ForName("scopes").Value.Children[0].Value.Children[0].Value.Raw, d.Arguments.ForName("scopes").Value.Children[1].Value.Children[0].Value.Raw
			if role != scope+".All" || !slices.Contains(scopes, scope) {
				t.Errorf("%s.%s takes %s or %s", typeName, field, scope, role)
			}
			if fields[scope] == nil {
				fields[scope] = map[string][]string{}
			}
			fields[scope][typeName] = append(fields[scope][typeName], field)
		}
	}
	for _, definition := range schema.Types {
		note(definition.Directives, definition.Name, "")
		for _, field := range definition.Fields {
			note(field.Directives, definition.Name, field.Name)
		}
	}
	var table strings.Builder
	table.WriteString("| scope | app role | gives |\n| --- | --- | --- |\n")
	for _, scope := range scopes {
		var gives []string
		for _, typeName := range slices.Sorted(maps.Keys(fields[scope])) {
			switch names := fields[scope][typeName]; {
			case typeName == "Query" || typeName == "Mutation":
				all := "all fields of `" + typeName + "`"
				for _, field := range schema.Types[typeName].Fields {
					if !strings.HasPrefix(field.Name, "_") && !slices.Contains(names, field.Name) {
						all += " but `" + field.Name + "`"
					}
				}
				gives = slices.Insert(gives, 0, all)
			case names[0] == "":
				gives = append(gives, "`"+typeName+"`")
			default:
				gives = append(gives, "of `"+typeName+"` `"+strings.Join(names, "`, `")+"`")
			}
		}
		fmt.Fprintf(&table, "| `%s` | `%[1]s.All` | %s |\n", scope, strings.Join(gives, "; "))
	}
	return table.String()
}

// TestReadmeAnswers compares the responses in the README with the gateway's.
func TestReadmeAnswers(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	operations, answers := blocks(text, "graphql"), blocks(text, "json")
	if len(operations) != 2 || len(answers) != 2 {
		t.Fatalf("%d operations, %d answers", len(operations), len(answers))
	}
	p := start(t, nil, "--embedded-users=500")
	p.ready(t) // the token is there
	for i, operation := range operations {
		var got struct {
			Data       json.RawMessage
			Extensions struct{ Upstream struct{ Requests int } }
		}
		_, body := p.ask(t, operation)
		if err := json.Unmarshal([]byte(body), &got); err != nil {
			t.Fatal(err)
		}
		ids := cmp.FilterPath(func(p cmp.Path) bool { // generated for each run
			last, ok := p.Last().(cmp.MapIndex)
			return ok && last.Key().String() == "id"
		}, cmp.Ignore())
		if diff := cmp.Diff(decoded(t, []byte(answers[i])), decoded(t, got.Data), ids); diff != "" {
			t.Errorf("response in the README (-README +gateway):\n%s", diff)
		}
		if i == 0 && got.Extensions.Upstream.Requests != 4 {
			t.Errorf("%d upstream requests, the README has four", got.Extensions.Upstream.Requests)
		}
	}
}

// blocks returns the code blocks in a language.
func blocks(text []byte, language string) (blocks []string) {
	for _, part := range strings.Split(string(text), "```"+language+"\n")[1:] {
		code, _, _ := strings.Cut(part, "```")
		blocks = append(blocks, code)
	}
	return blocks
}

func decoded(t *testing.T, text []byte) (value any) {
	t.Helper()
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatal(err)
	}
	return value
}
