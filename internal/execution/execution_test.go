package execution

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/99designs/gqlgen/graphql/executor"
	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/documents"
	"licensegraph/internal/execution/stub"
	"licensegraph/internal/limits"
)

// testExecutor returns an executor of the stub.
func testExecutor(exec stub.Schema, introspection bool) *executor.Executor {
	return New(exec, Options{
		Limits: limits.Default(), Introspection: introspection, Documents: documents.New(documents.Options{}),
		Present: graphql.DefaultErrorPresenter, Recover: func(context.Context, any) error { return errors.New("a panic") },
	})
}

// answer executes a query with variables in JSON.
func answer(t *testing.T, e *executor.Executor, query, variables string) *graphql.Response {
	t.Helper()
	params := &graphql.RawParams{Query: query}
	decoder := json.NewDecoder(bytes.NewReader([]byte(variables)))
	decoder.UseNumber()
	if err := decoder.Decode(&params.Variables); err != nil {
		t.Fatal(err)
	}
	ctx := graphql.StartOperationTrace(t.Context())
	operation, errs := e.CreateOperationContext(ctx, params)
	if len(errs) > 0 {
		return e.DispatchError(graphql.WithOperationContext(ctx, operation), errs)
	}
	responses, ctx := e.DispatchOperation(ctx, operation)
	return responses(ctx)
}

func TestStrictVariables(t *testing.T) {
	t.Parallel()
	tests := []struct {
		variables string
		want      string // the invalid variable; empty if all are valid
	}{
		{`{}`, ""},
		{`{"n":3,"f":3,"s":"3","i":"3","b":true,"e":"RED","l":[1,2],"o":{"n":1,"s":"x","o":{"l":[["a",1],null]}}}`, ""},
		{`{"n":null,"o":{"n":null,"o":null}}`, ""},
		{`{"n":-2147483648,"f":2.5,"i":4}`, ""},
		{`{"l":1}`, ""},
		{`{"r":[{"__typename":"User","id":1}]}`, ""},
		{`{"r":[{"__typename":"User"},{"id":"a"}]}`, "$r[1]"},
		{`{"r":[3]}`, "$r[0]"},
		{`{"n":"3"}`, "$n"},
		{`{"n":2147483648}`, "$n"},
		{`{"f":"3"}`, "$f"},
		{`{"s":3}`, "$s"},
		{`{"i":3.5}`, "$i"},
		{`{"e":"red"}`, "$e"},
		{`{"l":[1,"2"]}`, "$l[1]"},
		{`{"l":["2"]}`, "$l[0]"},
		{`{"o":{"n":"1"}}`, "$o.n"},
		{`{"o":{"s":1}}`, "$o.s"},
		{`{"o":{"o":{"l":[["a"],[1.5]]}}}`, "$o.o.l[1][0]"},
	}
	const query = `query($n:Int,$f:Float,$s:String,$i:ID,$b:Boolean,$e:Color,$l:[Int!],$o:In,$r:[_Any!]){echo(n:$n,f:$f,s:$s,i:$i,b:$b,e:$e,l:$l,o:$o,r:$r){hello}}`
	executor := testExecutor(stub.Hello, true)
	for _, tt := range tests {
		t.Run(tt.variables, func(t *testing.T) {
			t.Parallel()
			r := answer(t, executor, query, tt.variables)
			switch {
			case tt.want == "" && len(r.Errors) > 0:
				t.Error(r.Errors)
			case tt.want != "" && (len(r.Errors) != 1 || r.Data != nil || !strings.Contains(r.Errors[0].Message, "The variable "+tt.want+" has an invalid value for ")):
				t.Errorf("%s %v, want an error of %s", r.Data, r.Errors, tt.want)
			}
		})
	}
}

func TestWithoutDefer(t *testing.T) {
	t.Parallel()
	tests := []struct{ query, want string }{
		{`{ hello } # @defer`, `{ hello } # @defer`},
		{`{ hello(a: "@defer") }`, `{ hello(a: "@defer") }`},
		{`{ hello @defer`, `{ hello @defer`},
		{`{ ... @defer { hello } }`, `query { ... { hello } }`},
		{`{ ...f @ defer(label: "x") @skip(if: false) } fragment f on Query { hello }`, `query { ... f @skip(if: false) } fragment f on Query { hello }`},
		{`query q($if: Boolean!, $n: Int) { ... @defer(if: $if) { echo(n: $n) { ... on Query @defer(if: true) { hello } } } }`, `query q ($n: Int) { ... { echo(n: $n) { ... on Query { hello } } } }`},
		{`query q($if: Boolean!) { ... @defer(if: $if) { hello @include(if: $if) } }`, `query q ($if: Boolean!) { ... { hello @include(if: $if) } }`},
		{`query q($if: Boolean!) { ... @defer(if: $if) { hello } }`, `query q { ... { hello } }`},
	}
	for _, tt := range tests {
		params := &graphql.RawParams{Query: tt.query}
		if err := (withoutDefer{2_000}).MutateOperationParameters(t.Context(), params); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff(words(tt.want), words(params.Query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.query, diff)
		}
	}

	executor := testExecutor(func(ctx context.Context) *graphql.Response {
		if strings.Contains(graphql.GetOperationContext(ctx).RawQuery, "defer") {
			t.Error("deferred")
		}
		return stub.Hello(ctx)
	}, true)
	if r := answer(t, executor, `query($if:Boolean!){... @defer(if:$if, label:"x"){hello}}`, `{"if":true}`); len(r.Errors) > 0 || string(r.Data) != `{"hello":"world"}` {
		t.Errorf("%s %v", r.Data, r.Errors)
	}
}

// words splits a text at white space.
func words(text string) []string {
	for _, mark := range []string{"{", "}", "(", ")", "..."} {
		text = strings.ReplaceAll(text, mark, " "+mark+" ")
	}
	return strings.Fields(text)
}

// TestSuggestions tests that suggestions require introspection.
func TestSuggestions(t *testing.T) {
	t.Parallel()
	closed, open := testExecutor(stub.Hello, false), testExecutor(stub.Hello, true)
	for name, tt := range map[string]struct{ query, unknown, near string }{
		"fields":       {`{helo}`, `Cannot query field "helo" on type "Query".`, `Did you mean "hello"`},
		"arguments":    {`{echo(sx:1){hello}}`, `on field "Query.echo".`, `Did you mean`},
		"enum values":  {`{echo(e:GREN){hello}}`, `does not exist in "Color" enum.`, `Did you mean the enum value "GREEN"`},
		"types":        {`{...f} fragment f on Qury{hello}`, `Unknown type "Qury".`, `Did you mean "Query"`},
		"input fields": {`{echo(o:{nn:1}){hello}}`, `is not defined by type "In".`, `Did you mean`},
	} {
		for _, of := range []struct {
			executor *executor.Executor
			want     string
		}{{closed, tt.unknown}, {open, tt.near}} {
			if r := answer(t, of.executor, tt.query, `{}`); len(r.Errors) != 1 || !strings.Contains(r.Errors[0].Message, of.want) || of.executor == closed && strings.Contains(r.Errors[0].Message, "Did you mean") {
				t.Errorf("%s: %v, want %s", name, r.Errors, of.want)
			}
		}
	}
}

// TestIntrospection tests the introspection setting.
func TestIntrospection(t *testing.T) {
	t.Parallel()
	for _, on := range []bool{true, false} {
		executor := testExecutor(func(ctx context.Context) *graphql.Response {
			if got := graphql.GetOperationContext(ctx).DisableIntrospection; got == on {
				t.Errorf("%v: disabled is %v", on, got)
			}
			return stub.Hello(ctx)
		}, on)
		for query, refused := range map[string]bool{"{hello}": false, "{__schema{queryType{name}}}": !on, `{x:__type(name:"Query"){name}}`: !on} {
			if r := answer(t, executor, query, `{}`); (len(r.Errors) > 0) != refused {
				t.Errorf("%v, %s: %v", on, query, r.Errors)
			}
		}
	}
}
