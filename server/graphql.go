package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"licensegraph/graph"
	"licensegraph/internal/config"
	"licensegraph/internal/documents"
	"licensegraph/internal/limits"
)

const (
	// Parsed documents that are kept, and the longest text among them.
	cachedQueries   = 1_000
	cachedQueryText = 16 << 10
	// errorText is the length of an error's message, which can hold names
	// from the query.
	errorText = 1_000
)

// newResolver connects the resolvers with Microsoft Graph.
func newResolver(cfg *config.Config, tenants *tenants, audit, logger *slog.Logger) (*graph.Resolver, error) {
	keys := cfg.CursorKeys
	if keys == nil {
		key := make([]byte, config.CursorKeyBytes)
		_, _ = rand.Read(key) // never fails
		keys = [][]byte{key}
	}
	return graph.New(graph.Options{
		Begin:        tenants.begin,
		TenantID:     tenants.ids[0],
		CursorKeys:   keys,
		ShowUpstream: upstreamReport(cfg),
		PlainSDL:     !cfg.SecurityDirectives,
		OnBehalfOf:   cfg.Outbound == "on-behalf-of",
		AllowWrites:  cfg.AllowWrites || cfg.ServesEmbedded(),
		Document:     documents.Sent,
		Audit:        audit,

		AuditRequired: cfg.AuditRequired == "always" || cfg.AuditRequired == "auto" && cfg.Inbound != "none",
		Logger:        logger,
	})
}

// upstreamReport tells which answers carry extensions.upstream.
func upstreamReport(cfg *config.Config) func(http.Header) bool {
	when := cfg.UpstreamReport
	if when == "auto" {
		when = "never"
		if cfg.ServesEmbedded() {
			when = "always"
		}
	}
	return func(h http.Header) bool {
		return when == "always" || when == "header" && h.Get("Upstream-Report") == "true"
	}
}

// newExecutor puts a schema behind what an operation has to pass: the list of
// documents and limits before it is validated, and its cost before it is run.
func newExecutor(cfg *config.Config, schema graphql.ExecutableSchema, docs *documents.Extension, logger *slog.Logger, extensions ...graphql.HandlerExtension) *executor.Executor {
	e := executor.New(schema)
	e.SetParserTokenLimit(cfg.MaxTokens)
	if !cfg.Introspection {
		e.SetDisableSuggestion(true)
		e.SetDefaultRulesFn(rulesWithoutSuggestions)
	}
	e.SetQueryCache(limits.NewQueryCache(cachedQueries, cachedQueryText))
	e.SetErrorPresenter(limits.PresentWithin(boundErrors(graph.PresentError)))
	e.SetRecoverFunc(graph.Recover(logger))
	e.Use(docs)
	e.Use(&strictVariables{}) // before the cost, which comes of values
	e.Use(limits.New(cfg.Limits()))
	e.Use(withoutDefer{cfg.MaxTokens})
	if cfg.Introspection {
		e.Use(extension.Introspection{})
	} else {
		e.Use(withoutIntrospection{})
	}
	for _, ext := range extensions {
		e.Use(ext)
	}
	return e
}

// rulesWithoutSuggestions are the rules of validation, none of which suggests
// a name of the schema for one that is unknown: that would tell the schema to
// whoever may not read it. The executor's own switch knows of two rules.
func rulesWithoutSuggestions() *rules.Rules {
	set := rules.NewDefaultRules()
	for name, rule := range map[string]core.Rule{
		rules.KnownArgumentNamesRule.Name:  rules.KnownArgumentNamesRuleWithoutSuggestions,
		rules.KnownTypeNamesRule.Name:      rules.KnownTypeNamesRuleWithoutSuggestions,
		rules.ValuesOfCorrectTypeRule.Name: rules.ValuesOfCorrectTypeRuleWithoutSuggestions,
	} {
		set.ReplaceRule(name, rule.RuleFunc)
	}
	return set
}

// boundErrors cuts messages that repeat long names from a query.
func boundErrors(present graphql.ErrorPresenterFunc) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		presented := present(ctx, err)
		presented.Message = bounded(presented.Message, errorText)
		return presented
	}
}
