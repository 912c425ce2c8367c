// Command generate runs gqlgen and writes the decoders of arguments, the columns and the bodies of new resolvers. Its
// working directory is that of the resolvers.
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
	log.SetOutput(io.Discard) // gqlgen logs each resolver
	if err := generate(); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func generate() error {
	resolversIn, err := os.Getwd() // gqlgen changes to the directory of its configuration
	if err != nil {
		return err
	}
	cfg, err := config.LoadConfigFromDefaultLocations()
	if err != nil {
		return err
	}
	if err := api.Generate(cfg, api.PrependPlugin(resolvers{}), api.AddPlugin(arguments{}), api.AddPlugin(columns{})); err != nil {
		return err
	}
	if err := os.Chdir(resolversIn); err != nil {
		return err
	}
	left, err := parked()
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("%v contain resolvers that are not in the schema: move or delete them", left)
	}
	return err
}
