package limits

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2/gqlerror"
)

func TestCheckJSON(t *testing.T) {
	t.Parallel()
	small := Limits{Values: 20, Nesting: 3, ListElements: 5, IDs: 1, Representations: 1, StringBytes: 4}
	tests := []struct {
		name string
		text string
		want limit // empty if it is accepted
	}{
		{"nothing", ``, ""},
		{"not JSON", `{"a":`, ""},
		{"what is not closed", `[[`, ""},
		{"values at the limit", `{"a":` + jsonList("1", 5) + `,"b":` + jsonList("1", 5) + `,"c":` + jsonList("1", 5) + `,"d":1}`, ""},
		{"one value more", `{"a":` + jsonList("1", 5) + `,"b":` + jsonList("1", 5) + `,"c":` + jsonList("1", 5) + `,"d":1,"e":1}`, limitValues},
		{"empty ones count", `{"a":` + jsonList("[]", 5) + `,"b":` + jsonList("{}", 5) + `,"c":` + jsonList("null", 5) + `,"d":true,"e":""}`, limitValues},
		{"members count", `[{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6},{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6},{"a":1,"b":2,"c":3,"d":4,"e":5,"f":6}]`, limitValues},
		{"nesting at the limit", `{"a":[{}]}`, ""},
		{"one level more", `{"a":[{"b":[]}]}`, limitNesting},
		{"parallel levels", `[{"a":[]},{"a":[]},{"a":{}}]`, ""},
		{"nesting that is not closed", strings.Repeat("[", 100_000), limitNesting},
		{"nested objects that are not closed", strings.Repeat(`{"a":`, 100_000), limitNesting},
		{"a list at the limit", jsonList("1", 5), ""},
		{"one element more", jsonList("1", 6), limitList},
		{"a list that is not closed", "[" + strings.Repeat("1,", 100_000), limitList},
		{"a string at the limit", `{"a":["1234"]}`, ""},
		{"one byte more", `{"a":["12345"]}`, limitString},
		{"bytes, not letters", `{"a":["äöü"]}`, limitString},
		{"as it is meant, not as it is written", `{"a":["\u0031\u0032\u0033\u0034"]}`, ""},
		{"the query is longer", `{"query":"123456"}`, ""},
		{"NUL", `{"a":"\u0000"}`, limitNUL},
		{"NUL in a list", `{"a":["\u0000"]}`, limitNUL},
		{"a number", `{"a":-1.5e-300}`, ""},
		{"a number of many digits", `{"a":` + strings.Repeat("1", 41) + `}`, limitNumber},
		{"a number of many zeros", `{"a":0.` + strings.Repeat("0", 100) + `1}`, limitNumber},
		{"a number beyond a Float", `{"a":1e999999999}`, limitMagnitude},
		{"a number below all Floats", `{"a":1e-999999999}`, ""},
		{"twice the same member", `{"a":1,"b":1,"a":2}`, limitMembers},
		{"twice the same member, written differently", `{"a":1,"\u0061":2}`, limitMembers},
		{"twice the same member further in", `{"a":[{"a":1},{"a":1,"a":1}]}`, limitMembers},
		{"a member and its value", `{"a":"a","b":"a"}`, ""},
		{"equal members of two objects", `{"a":{"a":1},"b":{"a":1}}`, ""},
		{"bad UTF-8", "{\"a\":\"\xff\"}", limitEncoding},
		{"half a surrogate pair", `{"a":"\ud800"}`, ""}, // read as U+FFFD
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var got any = limit("")
			if e := small.CheckJSON([]byte(tt.text)); e != nil {
				got = limit(e.Extensions["limit"].(string))
				if len(e.Message) > 250 || e.Extensions["code"] != "BAD_USER_INPUT" {
					t.Errorf("%v: %s", e.Extensions, e.Message)
				}
			}
			if got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// jsonList returns a JSON list of n equal elements.
func jsonList(element string, n int) string {
	return "[" + strings.TrimSuffix(strings.Repeat(element+",", n), ",") + "]"
}

// TestDefaultsAllowARouter tests that a federation router can request the maximum number of entities.
func TestDefaultsAllowARouter(t *testing.T) {
	t.Parallel()
	representation := `{"__typename":"User","id":"00000000-0000-0000-0000-000000000000","userPrincipalName":"a@example.com"}`
	if e := (Limits{}).CheckJSON([]byte(`{"query":"","variables":{"representations":` + jsonList(representation, 1_000) + `}}`)); e != nil {
		t.Error(e)
	}
}

func TestErrorsAreCut(t *testing.T) {
	t.Parallel()
	e := New(Limits{Errors: 3})
	for n, want := range map[int]string{0: "[]", 3: "[0 1 2]", 4: "[0 1 2 Errors omitted: 1.]", 100: "[0 1 2 Errors omitted: 97.]"} {
		response := &graphql.Response{}
		for i := range n {
			response.Errors = append(response.Errors, gqlerror.Errorf("%d", i))
		}
		got := []string{}
		for _, e := range e.InterceptResponse(t.Context(), func(context.Context) *graphql.Response { return response }).Errors {
			got = append(got, e.Message)
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%d errors: got %v", n, got)
		}
	}
	if e.InterceptResponse(t.Context(), func(context.Context) *graphql.Response { return nil }) != nil {
		t.Error("response without a response")
	}
}

// FuzzCheckJSON tests that accepted JSON is within the limits after decoding.
func FuzzCheckJSON(f *testing.F) {
	for _, text := range []string{`{"query":"{a}","variables":{"a":[1,2,{"b":null}]}}`, `[[[[]]]]`, `{"a":1,"a":2}`, `"\u0000"`, `1e999`, `{"a":{"b":{"c":[1e5,"x"]}}}`, `[1]]`, `{}{}`} {
		f.Add([]byte(text))
	}
	small := Limits{Values: 12, Nesting: 3, ListElements: 4, IDs: 1, Representations: 1, StringBytes: 8}
	f.Fuzz(func(t *testing.T, text []byte) {
		problem := small.CheckJSON(text)
		var value any
		if json.Unmarshal(text, &value) != nil {
			return
		}
		values, nesting, longest, text8 := measure(value, 0)
		small := values <= 12 && nesting <= 3 && longest <= 4 && text8 <= 8
		if problem == nil && !small {
			t.Errorf("%q accepted with %d values, %d levels, lists of %d, strings of %d", text, values, nesting, longest, text8)
		}
		if problem != nil && small {
			switch limit(problem.Extensions["limit"].(string)) {
			case limitMembers, limitNUL, limitNumber, limitMagnitude, limitEncoding:
			default:
				t.Errorf("%q rejected: %v", text, problem)
			}
		}
	})
}

// measure counts the values of decoded JSON, without the strings of the outermost object.
func measure(value any, depth int) (values, nesting, longest, text int) {
	below := func(children ...any) {
		nesting = 1
		for _, child := range children {
			v, n, l, s := measure(child, depth+1)
			values, nesting, longest, text = values+v, max(nesting, 1+n), max(longest, l), max(text, s)
		}
	}
	switch value := value.(type) {
	case map[string]any:
		for _, child := range value {
			v, n, l, s := measure(child, depth+1)
			values, nesting, longest, text = values+v, max(nesting, n), max(longest, l), max(text, s)
		}
		nesting++
	case []any:
		below(value...)
		longest = max(longest, len(value))
	case string:
		if depth != 1 {
			text = len(value)
		}
	}
	return values + 1, nesting, longest, text
}

// BenchmarkCheckJSON measures that the time is linear in the text.
func BenchmarkCheckJSON(b *testing.B) {
	for _, n := range []int{1, 2, 4} {
		text := []byte(`{"query":"{a}","variables":{"r":` + jsonList(`{"__typename":"User","id":"00000000-0000-0000-0000-000000000000"}`, 250*n) + `}}`)
		b.Run(fmt.Sprintf("%d", 250*n), func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				if e := (Limits{}).CheckJSON(text); e != nil {
					b.Fatal(e)
				}
			}
		})
	}
}
