// Command generate writes the code that gqlgen makes of the schema, the decoders of arguments, and the bodies of new
// resolvers. It runs in the directory of the resolvers.
package main

import (
	"log"
	"os"

	"github.com/99designs/gqlgen/api"
	"github.com/99designs/gqlgen/codegen/config"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("generate: ")
	resolversIn, err := os.Getwd() // gqlgen goes where its configuration is
	if err != nil {
		log.Fatal(err)
	}
	cfg, err := config.LoadConfigFromDefaultLocations()
	if err != nil {
		log.Fatal(err)
	}
	if err := api.Generate(cfg, api.PrependPlugin(resolvers{}), api.AddPlugin(arguments{})); err != nil {
		log.Fatal(err)
	}
	if err := os.Chdir(resolversIn); err != nil {
		log.Fatal(err)
	}
	left, err := parked()
	if err != nil {
		log.Fatal(err)
	}
	if len(left) > 0 {
		log.Fatalf("%v keep code of resolvers that the schema does not have any more: move or delete it", left)
	}
}
