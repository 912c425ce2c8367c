// Command generate writes the code that gqlgen makes of the schema, and the decoders of arguments.
package main

import (
	"log"

	"github.com/99designs/gqlgen/api"
	"github.com/99designs/gqlgen/codegen/config"
)

func main() {
	cfg, err := config.LoadConfigFromDefaultLocations()
	if err != nil {
		log.Fatal(err)
	}
	if err := api.Generate(cfg, api.AddPlugin(arguments{})); err != nil {
		log.Fatal(err)
	}
}
