// Package execution puts a schema behind what an operation has to pass before it is run: the list of documents, limits,
// strict input, and the switch of introspection. It knows no transport, and nothing of who asks.
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
	// Parsed documents that are kept, and the longest text among them.
	cachedQueries   = 1_000
	cachedQueryText = 16 << 10
	// errorText is the length of an error's message, which can hold names
	// from the query.
	errorText = 1_000
)

// Options configure an executor.
type Options struct {
	// Limits are those of documents.
	Limits limits.Limits
	// Introspection lets operations ask for the schema, and errors suggest names of it.
	Introspection bool
	// Documents finds the text of an operation and tells whether it may run: before anything else, on the text as it came.
	Documents graphql.HandlerExtension
	// Present turns an error into what a client reads, and Recover a panic into an error.
	Present graphql.ErrorPresenterFunc
	Recover graphql.RecoverFunc
	// Extensions come last, in their order.
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
	e.Use(&strictVariables{}) // before the cost, which comes of values
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

// Check returns a function that tells what keeps a document from running on the schema, whatever its variables are; nil
// for nothing.
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
		presented.Message = limits.Cut(presented.Message, errorText)
		return presented
	}
}
