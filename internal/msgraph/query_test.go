package msgraph

import (
	"net/url"
	"slices"
	"strings"
	"testing"
)

func TestQuery(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		pairs []string
		want  string
	}{
		{"nothing", nil, ""},
		{"names stay readable", []string{"$select", "id,skuId", "$top", "5"}, "$select=id%2CskuId&$top=5"},
		{"what is empty is left out", []string{"$select", "", "$top", "5", "$expand", ""}, "$top=5"},
		{"a space is not a plus", []string{"$filter", "skuId eq 1"}, "$filter=skuId%20eq%201"},
		{"a plus is not a space", []string{"$filter", "a+b"}, "$filter=a%2Bb"},
		{"nothing breaks out", []string{"$filter", "a&$top=999#?%/"}, "$filter=a%26%24top%3D999%23%3F%25%2F"},
		{"letters of any script", []string{"$filter", "é猫"}, "$filter=%C3%A9%E7%8C%AB"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := query(tt.pairs...); got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestSelected(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		properties []string
		want       string
	}{
		{nil, "id"},
		{[]string{"skuId", "code"}, "code,id,skuId"},
		{[]string{"id", "id", "mail"}, "id,mail"},
	} {
		given := slices.Clone(tt.properties)
		if got := selected(tt.properties); got != tt.want || !slices.Equal(given, tt.properties) {
			t.Errorf("%v: got %s, want %s; the argument is now %v", given, got, tt.want, tt.properties)
		}
	}
}

func TestIn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		values []string
		want   string
	}{
		{[]string{"a"}, "id in ('a')"},
		{[]string{"a", "b"}, "id in ('a','b')"},
		{[]string{"o'brien", "') or true or id in ('"}, "id in ('o''brien',''') or true or id in (''')"},
		{[]string{"''"}, "id in ('''''')"},
	} {
		if got := in("id", tt.values); got != tt.want {
			t.Errorf("got %s, want %s", got, tt.want)
		}
	}
}

// FuzzIn parses the values of an expression from a query string: no value can end its literal.
func FuzzIn(f *testing.F) {
	for _, value := range []string{"", "a", "o'brien", "') or 1 eq 1 or id in ('", "a&b=c", "%27", "a,b"} {
		f.Add(value, "x")
		f.Add("x", value)
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		values, err := url.ParseQuery(query("$filter", in("id", []string{a, b})))
		if err != nil {
			t.Fatal(err)
		}
		text, ok := strings.CutPrefix(values.Get("$filter"), "id in (")
		text, closed := strings.CutSuffix(text, ")")
		if !ok || !closed || len(values) != 1 {
			t.Fatalf("%v", values)
		}
		var got []string
		for i := 0; i < len(text); i++ { // each literal
			if text[i] != '\'' {
				t.Fatalf("%q is not a list of literals", text)
			}
			var value strings.Builder
			for i++; i < len(text); i++ {
				if text[i] == '\'' {
					if i+1 == len(text) || text[i+1] != '\'' {
						break
					}
					i++
				}
				value.WriteByte(text[i])
			}
			got = append(got, value.String())
			if i++; i < len(text) && text[i] != ',' {
				t.Fatalf("%q is not a list of literals", text)
			}
		}
		if !slices.Equal(got, []string{a, b}) {
			t.Errorf("got %q, want %q", got, []string{a, b})
		}
	})
}
