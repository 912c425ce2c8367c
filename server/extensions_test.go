package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"
)

func TestStrictVariables(t *testing.T) {
	t.Parallel()
	tests := []struct {
		variables string
		want      string // the variable that is wrong, or "" when all is well
	}{
		{`{}`, ""},
		{`{"n":3,"f":3,"s":"3","i":"3","b":true,"e":"RED","l":[1,2],"o":{"n":1,"s":"x","o":{"l":[["a",1],null]}}}`, ""},
		{`{"n":null,"o":{"n":null,"o":null}}`, ""},
		{`{"n":-2147483648,"f":2.5,"i":4}`, ""},
		{`{"l":1}`, ""},
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
	const query = `query($n:Int,$f:Float,$s:String,$i:ID,$b:Boolean,$e:Color,$l:[Int!],$o:In){echo(n:$n,f:$f,s:$s,i:$i,b:$b,e:$e,l:$l,o:$o){hello}}`
	handler := testHandler(t, new(bytes.Buffer), hello)
	for _, tt := range tests {
		t.Run(tt.variables, func(t *testing.T) {
			t.Parallel()
			body := `{"query":"` + query + `","variables":` + tt.variables + `}`
			w := send(t, handler, "POST", "/graphql", body, jsonBody, acceptNew)
			switch {
			case tt.want == "" && w.Code != 200:
				t.Errorf("%d %s", w.Code, w.Body)
			case tt.want != "" && (w.Code != 400 || !strings.Contains(w.Body.String(), "The variable "+tt.want+" has a value that is no ")):
				t.Errorf("%d %s, want an error of %s", w.Code, w.Body, tt.want)
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

	handler := testHandler(t, new(bytes.Buffer), func(ctx context.Context) *graphql.Response {
		if strings.Contains(graphql.GetOperationContext(ctx).RawQuery, "defer") {
			t.Error("deferred")
		}
		return hello(ctx)
	})
	w := send(t, handler, "POST", "/graphql", `{"query":"query($if:Boolean!){... @defer(if:$if, label:\"x\"){hello}}","variables":{"if":true}}`, jsonBody, acceptNew)
	if w.Code != 200 || w.Body.String() != helloAnswer {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}

// words takes a text apart so that blanks do not count.
func words(text string) []string {
	for _, mark := range []string{"{", "}", "(", ")", "..."} {
		text = strings.ReplaceAll(text, mark, " "+mark+" ")
	}
	return strings.Fields(text)
}

func TestUpstreamReport(t *testing.T) {
	t.Parallel()
	real := []string{"--tenant-id=a", "--client-id=b"}
	asked := map[string][]string{"Upstream-Report": {"true"}}
	for _, tt := range []struct {
		flags         []string
		plain, header bool
	}{
		{nil, true, true},
		{[]string{"--upstream-report=always"}, true, true},
		{[]string{"--upstream-report=header"}, false, true},
		{[]string{"--upstream-report=never"}, false, false},
		{real, false, false},
		{append(real, "--upstream-report=header"), false, true},
		{append(real, "--upstream-report=always"), true, true},
	} {
		cfg, err := load(tt.flags, func(name string) string {
			if len(tt.flags) > 1 && name == "LICENSEGRAPH_CLIENT_SECRET" || strings.HasPrefix(strings.Join(tt.flags, ""), "--tenant") && name == "LICENSEGRAPH_CLIENT_SECRET" {
				return "secret"
			}
			return ""
		}, new(bytes.Buffer))
		if err != nil {
			t.Fatal(err)
		}
		show := upstreamReport(cfg)
		if show(nil) != tt.plain || show(asked) != tt.header {
			t.Errorf("%v: got %v and %v, want %v and %v", tt.flags, show(nil), show(asked), tt.plain, tt.header)
		}
	}
}
