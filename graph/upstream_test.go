package graph_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/validator"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"licensegraph/graph/generated"
	"licensegraph/internal/emulator"
	"licensegraph/internal/limits"
)

// estimator computes the maximum cost of an operation from @upstream.
type estimator struct {
	schema graphql.ExecutableSchema
	limits *limits.Extension
}

func newEstimator(t *testing.T) *estimator {
	t.Helper()
	e := &estimator{generated.NewExecutableSchema(generated.Config{}), limits.New(limits.Limits{})}
	if err := e.limits.Validate(e.schema); err != nil {
		t.Fatal(err)
	}
	return e
}

func (e *estimator) of(t *testing.T, query string, variables map[string]any) int {
	t.Helper()
	document, errs := gqlparser.LoadQueryWithRules(e.schema.Schema(), query, rules.NewDefaultRules())
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	values, err := validator.VariableValues(e.schema.Schema(), document.Operations[0], variables)
	if err != nil {
		t.Fatal(err)
	}
	op := &graphql.OperationContext{Operation: document.Operations[0], Variables: values}
	return e.limits.UpstreamRequests(op)
}

// requestsOf returns the cost of an operation: each batch part counts, tokens do not.
func requestsOf(r response) int {
	n := 0
	for endpoint, usage := range r.Extensions.Upstream.Endpoints {
		if strings.HasSuffix(endpoint, "/token") || strings.HasSuffix(endpoint, "/$batch") {
			continue
		}
		n += usage.Requests + usage.BatchParts
	}
	return n
}

// TestUpstreamEstimate tests that no golden query exceeds its estimate, on tenants that expand different relations
// and with unknown capabilities.
func TestUpstreamEstimate(t *testing.T) {
	t.Parallel()
	needsPrefetch(t)
	e := newEstimator(t)
	for name, variants := range map[string]emulator.Variants{
		"as documented":          {},
		"no relation expands":    {ExpandErrors: "none"},
		"both relations expand":  {ExpandErrors: "both"},
		"one relation at a time": {ExpandOne: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := startGateway(t, emulator.Options{Variants: variants})
			for name, query := range goldenQueries(t) {
				estimate := e.of(t, query, nil)
				if most := limits.Default().UpstreamRequests; estimate > most {
					t.Errorf("%s: estimate %d, limit %d", name, estimate, most)
				}
				for _, state := range []string{"cold", "warm"} {
					if state == "cold" {
						g.restart()
					}
					r := g.ask(query, nil)
					t.Logf("%s: estimate %d, took %d, %d requests", name, estimate, requestsOf(r), r.Extensions.Upstream.Requests)
					if got := requestsOf(r); got > estimate || got == 0 && estimate == 0 {
						t.Errorf("%s, %s: took %d, estimate %d: %+v", name, state, got, estimate, r.Extensions.Upstream.Endpoints)
					}
					if got := r.Extensions.Upstream.Requests; state == "warm" && got > estimate {
						t.Errorf("%s: took %d requests, estimate %d", name, got, estimate)
					}
				}
			}
			for _, first := range []int{1, 20, 100} {
				query := strings.Replace(mainQuestion, "100", fmt.Sprint(first), 1)
				if estimate, got := e.of(t, query, nil), requestsOf(g.ask(query, nil)); got > estimate {
					t.Errorf("the main question over %d errors took %d, estimate %d", first, got, estimate)
				}
			}
		})
	}
}

// TestUpstreamBudget tests that an operation stops at its limit, with errors on the remaining edges.
func TestUpstreamBudget(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	g.budget = 12
	g.restart()
	r := g.ask(`{ assignmentErrors(first: 30) { nodes { id usageRight { id } } } }`, nil)
	nodes := r.Data["assignmentErrors"].(map[string]any)["nodes"].([]any)
	if len(nodes) != 30 || len(r.Errors) != 1 {
		t.Fatalf("%d errors of assignments, errors %v", len(nodes), r.Errors)
	}
	e := r.Errors[0]
	if e.Extensions["code"] != "UPSTREAM_BUDGET_EXCEEDED" || e.Extensions["upstreamRequests"] != 12.0 || e.Extensions["retryable"] != false {
		t.Errorf("%+v", e)
	}
	if got := requestsOf(r); got != 12 {
		t.Errorf("took %d", got)
	}
	if r := g.ask(`{ assignmentErrors(first: 5) { nodes { id usageRight { id } } } }`, nil); len(r.Errors) > 0 {
		t.Errorf("the next operation: %v", r.Errors)
	}
}

// TestUpstreamBudgetOfChanges loses the response of a change without budget to read it back: the outcome is unknown.
// A change that could not be sent is not done.
func TestUpstreamBudgetOfChanges(t *testing.T) {
	t.Parallel()
	g := startGateway(t, emulator.Options{})
	people := g.unlicensed(t, 2)
	input := func(people ...string) object {
		return object{"input": object{"skuId": skuE3, "assignedTo": assignees(people...)}}
	}
	g.forget()
	whole := requestsOf(g.ask(create, input(people[0])))
	reads := whole - 1 // before the change, and of the payload
	if g.written() != 1 {
		t.Fatalf("wrote %d times", g.written())
	}
	seen := map[string]bool{}
	for budget := 1; budget <= reads; budget++ {
		g.budget = budget
		g.restart()
		g.forget()
		g.tenant.ClearFaults()
		g.tenant.Inject(emulator.Fault{Endpoint: createEndpoint, Cut: true})
		r := g.ask(create, input(people[1]))
		if len(r.Errors) == 0 || g.written() > 1 {
			t.Errorf("budget %d: wrote %d times: %s", budget, g.written(), r.raw)
		}
		payload, _ := r.Data["createAssignments"].(object)
		if payload == nil {
			if g.written() != 0 {
				t.Errorf("budget %d: wrote without an error: %s", budget, r.raw)
			}
			continue
		}
		outcome := payload["results"].([]any)[0].(object)["outcome"].(string)
		seen[outcome] = true
		if want := map[int]string{0: "NOT_DONE", 1: "UNKNOWN"}[g.written()]; outcome != want {
			t.Errorf("budget %d: %s, want %s: %s", budget, outcome, want, r.raw)
		}
	}
	if !seen["NOT_DONE"] || !seen["UNKNOWN"] {
		t.Errorf("outcomes %v: too few cases covered", seen)
	}
}
