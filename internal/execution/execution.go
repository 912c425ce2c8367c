// Package execution wraps a schema with the checks that precede execution: trusted documents, limits, strict input and
// introspection. It is independent of transports and callers.
package execution

import (
	"context"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/99designs/gqlgen/graphql/handler/extension"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/gqlerror"
	"github.com/vektah/gqlparser/v2/parser"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/core"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"licensegraph/internal/limits"
)

const (
	// Maximum number of cached documents, and maximum length of their texts.
	cachedQueries   = 1_000
	cachedQueryText = 16 << 10
	// errorText is the maximum length of an error message, which can contain names of the query.
	errorText = 1_000
)

// Options configure an executor.
type Options struct {
	// Limits are the limits of documents.
	Limits limits.Limits
	// Introspection permits introspection queries, and suggestions of names in errors.
	Introspection bool
	// Documents resolves an operation's document and rejects untrusted ones. It runs first, on the original text.
	Documents graphql.HandlerExtension
	// Present converts an error for the client, and Recover a panic to an error.
	Present graphql.ErrorPresenterFunc
	Recover graphql.RecoverFunc
	// Extensions run last, in their order.
	Extensions []graphql.HandlerExtension
}

// New returns an executor of the schema.
func New(schema graphql.ExecutableSchema, opts Options) *executor.Executor {
	e := executor.New(schema)
	e.SetParserTokenLimit(opts.Limits.Tokens)
	if !opts.Introspection {
		e.SetDisableSuggestion(true)
		e.SetDefaultRulesFn(rulesWithoutSuggestions)
	}
	e.SetQueryCache(limits.NewQueryCache(cachedQueries, cachedQueryText))
	e.SetErrorPresenter(limits.PresentWithin(boundErrors(opts.Present)))
	e.SetRecoverFunc(opts.Recover)
	e.Use(opts.Documents)
	e.Use(&strictVariables{}) // before the cost, which depends on the values
	e.Use(limits.New(opts.Limits))
	e.Use(withoutDefer{opts.Limits.Tokens})
	if opts.Introspection {
		e.Use(extension.Introspection{})
	} else {
		e.Use(withoutIntrospection{})
	}
	for _, ext := range opts.Extensions {
		e.Use(ext)
	}
	return e
}

// Check returns a function that returns the reason why a document cannot be executed with any variables; nil if it can.
func Check(schema graphql.ExecutableSchema, bounds limits.Limits) func(text string) error {
	return func(text string) error {
		if err := bounds.CheckDocument(text); err != nil {
			return err
		}
		document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: dropDefer(text, bounds.Tokens)}, bounds.Tokens)
		if err != nil {
			return err
		}
		if errs := validator.ValidateWithRules(schema.Schema(), document, rulesWithoutSuggestions()); len(errs) > 0 {
			return errs[0]
		}
		return nil
	}
}

// rulesWithoutSuggestions are the validation rules without suggestions of similar names, which would reveal the schema.
// The executor's own option covers only two rules.
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

// boundErrors truncates messages, which can repeat long names of a query.
func boundErrors(present graphql.ErrorPresenterFunc) graphql.ErrorPresenterFunc {
	return func(ctx context.Context, err error) *gqlerror.Error {
		presented := present(ctx, err)
		presented.Message = limits.Cut(presented.Message, errorText)
		return presented
	}
}
