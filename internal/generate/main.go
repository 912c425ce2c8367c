// Command generate writes the code that gqlgen makes of the schema, the decoders of arguments, and the bodies of new
// resolvers. It runs in the directory of the resolvers.
package main

import (
	"fmt"
	"io"
	"log"
	"os"

	"github.com/99designs/gqlgen/api"
	"github.com/99designs/gqlgen/codegen/config"
)

func main() {
	log.SetOutput(io.Discard) // gqlgen tells of each resolver
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate() error {
	resolversIn, err := os.Getwd() // gqlgen goes where its configuration is
	if err != nil {
		return err
	}
	cfg, err := config.LoadConfigFromDefaultLocations()
	if err != nil {
		return err
	}
	if err := api.Generate(cfg, api.PrependPlugin(resolvers{}), api.AddPlugin(arguments{})); err != nil {
		return err
	}
	if err := os.Chdir(resolversIn); err != nil {
		return err
	}
	left, err := parked()
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%v keep code of resolvers that the schema does not have any more: move or delete it", left)
	}
	return err
}
