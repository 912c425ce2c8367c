package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"net/http"

	"licensegraph/graph"
	"licensegraph/internal/config"
	"licensegraph/internal/documents"
	"licensegraph/internal/limits"
	"licensegraph/internal/upstream"
)

// newResolver connects the resolvers to Microsoft Graph.
func newResolver(cfg *config.Config, tenants *tenants, read func(string, upstream.Cost, int, bool), audit, logger *slog.Logger) (*graph.Resolver, error) {
	keys := cfg.CursorKeys
	if keys == nil {
		key := make([]byte, config.CursorKeyBytes)
		_, _ = rand.Read(key) // never fails
		keys = [][]byte{key}
	}
	return graph.New(graph.Options{
		NewUpstream:  tenants.begin,
		TenantID:     tenants.ids[0],
		CursorKeys:   keys,
		ShowUpstream: upstreamReport(cfg),
		PlainSDL:     !cfg.SecurityDirectives,
		OnBehalfOf:   cfg.Outbound == "on-behalf-of",
		AllowWrites:  cfg.AllowWrites || cfg.ServesEmbedded(),
		Columns:      cfg.Columns,
		AnswerSize:   answerSize,
		ObserveColumns: func(field, reason string) {
			if reason != "" {
				logger.Debug("root field is not written by columns", "field", field, "reason", reason)
			}
		},
		Observe:  read,
		Document: documents.Sent,
		Audit:    audit,

		AuditRequired: cfg.AuditRequired == "always" || cfg.AuditRequired == "auto" && cfg.Inbound != "none",
		Logger:        logger,
	})
}

// upstreamReport returns a function that reports whether a response includes extensions.upstream.
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

// answerSize returns the counter of the size of a response; nil if the response has no limits.
func answerSize(ctx context.Context) graph.AnswerCounter {
	if counter := limits.NewCounter(ctx); counter != nil {
		return counter
	}
	return nil
}
