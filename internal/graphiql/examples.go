package graphiql

import (
	"embed"
	"regexp"
	"strings"
)

//go:embed examples
var examples embed.FS

// Example is an operation that opens in a tab of its own.
type Example struct {
	// Name is the operation's name; the tab shows it.
	Name string `json:"name"`
	// Query is the document, with a comment for whoever reads it first.
	Query string `json:"query"`
	// Variables is a JSON object as text, or empty.
	Variables string `json:"variables,omitempty"`
}

var operation = regexp.MustCompile(`(?m)^(?:query|mutation) (\w+)`)

// Examples returns the queries of this package in the order of their file
// names. Their variables name people and groups of the embedded tenant.
func Examples() []Example {
	entries, err := examples.ReadDir("examples")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	var list []Example
	for _, entry := range entries {
		base, ok := strings.CutSuffix(entry.Name(), ".graphql")
		if !ok {
			continue
		}
		query, err := examples.ReadFile("examples/" + entry.Name())
		if err != nil {
			panic(err)
		}
		example := Example{Query: strings.TrimSpace(string(query))}
		if match := operation.FindSubmatch(query); match != nil {
			example.Name = string(match[1])
		}
		// Variables are optional and lie beside the query.
		if variables, err := examples.ReadFile("examples/" + base + ".json"); err == nil {
			example.Variables = strings.TrimSpace(string(variables))
		}
		list = append(list, example)
	}
	return list
}
