package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/99designs/gqlgen/graphql"

	"licensegraph/internal/config"
	"licensegraph/internal/documents"
	"licensegraph/internal/execution"
)

const (
	// Maximum number and total size of automatic persisted queries.
	automaticDocuments = 2_000
	automaticBytes     = 16 << 20
	// trustedEvery is the interval of checking the file of trusted documents.
	trustedEvery = 5 * time.Second
)

// newDocuments reads the trusted documents. It leaves out documents that are invalid for the schema.
func newDocuments(cfg *config.Config, schema graphql.ExecutableSchema, logger *slog.Logger) (*documents.Trusted, *documents.Extension, error) {
	options := documents.Options{Mode: documents.Mode(cfg.TrustedDocumentsMode), Logger: logger}
	if cfg.AutomaticDocuments {
		options.Automatic = documents.NewMemory(automaticDocuments, automaticBytes)
	}
	if cfg.TrustedDocuments != "" {
		trusted, err := documents.Open(cfg.TrustedDocuments, execution.Check(schema, cfg.Limits()), cfg.TrustedDocumentsStrict, logger)
		if err != nil {
			return nil, nil, &config.SetupError{Err: fmt.Errorf("--trusted-documents: %w", err)}
		}
		options.Trusted = trusted
	}
	return options.Trusted, documents.New(options), nil
}
