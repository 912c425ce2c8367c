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
	// Automatic persisted queries that are kept, and bytes of them.
	automaticDocuments = 2_000
	automaticBytes     = 16 << 20
	// trustedEvery is how often the file of trusted documents is looked at.
	trustedEvery = 5 * time.Second
)

// newDocuments reads the trusted documents. Those that do not run against the schema are left out.
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
