package main

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/google/go-cmp/cmp"

	"licensegraph/internal/config"
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
	asked := http.Header{"Upstream-Report": {"true"}}
	for _, tt := range []struct {
		when          string
		real          bool
		plain, header bool
	}{
		{"auto", false, true, true},
		{"always", false, true, true},
		{"header", false, false, true},
		{"never", false, false, false},
		{"auto", true, false, false},
		{"always", true, true, true},
		{"header", true, false, true},
		{"never", true, false, false},
	} {
		cfg := &config.Config{UpstreamReport: tt.when}
		if tt.real {
			cfg.TenantIDs = []string{"contoso.example"}
		}
		show := upstreamReport(cfg)
		if show(nil) != tt.plain || show(asked) != tt.header {
			t.Errorf("%s, real tenant %v: got %v and %v, want %v and %v", tt.when, tt.real, show(nil), show(asked), tt.plain, tt.header)
		}
	}
}
