package main

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"

	"licensegraph/internal/config"
	"licensegraph/internal/documents"
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
		trusted, err := documents.Open(cfg.TrustedDocuments, checkDocument(cfg, schema), cfg.TrustedDocumentsStrict, logger)
		if err != nil {
			return nil, nil, &setupError{fmt.Errorf("--trusted-documents: %w", err)}
		}
		options.Trusted = trusted
	}
	return options.Trusted, documents.New(options), nil
}

// checkDocument tells what keeps a document from running, whatever its variables are.
func checkDocument(cfg *config.Config, schema graphql.ExecutableSchema) func(text string) error {
	bounds := cfg.Limits()
	return func(text string) error {
		if err := bounds.CheckDocument(text); err != nil {
			return err
		}
		document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: dropDefer(text, cfg.MaxTokens)}, cfg.MaxTokens)
		if err != nil {
			return err
		}
		if errs := validator.ValidateWithRules(schema.Schema(), document, rulesWithoutSuggestions()); len(errs) > 0 {
			return errs[0]
		}
		return nil
	}
}
