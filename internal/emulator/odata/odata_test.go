package odata

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
)

const guid = "05e9a617-0261-4cee-bb44-138d3ef5d965"

// again adapts a parser and a formatter to a function from text to text.
func again[T any](parse func(string) (T, error), write func(T) string) func(string) (string, any, error) {
	return func(s string) (string, any, error) {
		tree, err := parse(s)
		if err != nil {
			return "", nil, err
		}
		return write(tree), tree, nil
	}
}

var options = map[string]func(string) (string, any, error){
	"filter":  again(ParseFilter, (*Filter).String),
	"expand":  again(ParseExpand, ExpandString),
	"select":  again(ParseSelect, func(list []string) string { return strings.Join(list, ",") }),
	"orderby": again(ParseOrderBy, OrderString),
	"search":  again(ParseSearch, (*Search).String),
	"apply":   again(ParseApply, (*Aggregation).String),
}

// accepted are valid texts and their canonical form; "" = the same.
var accepted = map[string][][2]string{
	"filter": {
		{"id eq 'a'", ""},
		{"id  eq\t'a' ", "id eq 'a'"},
		{"((id eq 'a'))", "id eq 'a'"},
		{"id eq 'O''Connor'", ""},
		{"id eq ''", ""},
		{"id eq ''''", ""},
		{"id eq 'é) or (x'", ""},
		{"skuId eq " + strings.ToUpper(guid), "skuId eq " + guid},
		{"accountEnabled eq true and accountEnabled ne false", ""},
		{"city eq null", ""},
		{"n gt 5 or n ge -5 or n lt 5.25 or n le 1e3", ""},
		{"createdDateTime ge 2024-02-29", ""},
		{"createdDateTime ge 2024-02-29T00:00:00Z", ""},
		{"createdDateTime ge 2024-02-29T01:00:00.5+01:00", "createdDateTime ge 2024-02-29T00:00:00.5Z"},
		{"createdDateTime ge 2024-02-29t07:16z", "createdDateTime ge 2024-02-29T07:16:00Z"},
		{"id in ('a','b''c')", ""},
		{"id in('a' , 'b')", "id in ('a','b')"},
		{"skuId in (" + guid + ", " + guid + ")", "skuId in (" + guid + "," + guid + ")"},
		{"startswith(displayName,'A') and endswith(mail,'b') and contains(city,'c')", ""},
		{"startsWith( displayName , 'A' ) OR endsWith(mail,'b') AND NOT(city eq 'c')", "startswith(displayName,'A') or endswith(mail,'b') and not (city eq 'c')"},
		{"NOT startsWith(displayName,'A')", "not (startswith(displayName,'A'))"},
		{"not not (a eq 1)", "not (not (a eq 1))"},
		{"(a eq 1 or b eq 2) and c eq 3", ""},
		{"a eq 1 or b eq 2 and c eq 3", ""},
		{"(a eq 1 and b eq 2) and c eq 3", ""},
		{"a eq 1 or (b eq 2 or c eq 3)", ""},
		{"(a eq 1)and(b eq 2)", "a eq 1 and b eq 2"},
		{"assignedLicenses/$count eq 0", ""},
		{"a/b/c eq 1", ""},
		{"x/microsoft.graph.user/id eq 'a'", ""},
		{"assignedLicenses/any()", ""},
		{"assignedLicenses/any(l:l/skuId eq " + guid + ")", ""},
		{"not assignedLicenses/any (l:l/skuId eq " + guid + ")", "not (assignedLicenses/any(l:l/skuId eq " + guid + "))"},
		{"groupTypes/any(c:c eq 'Unified')", ""},
		{"proxyAddresses/any(p:endsWith(p,'x'))", "proxyAddresses/any(p:endswith(p,'x'))"},
		{"assignedPlans/any(p:p/servicePlanId eq " + guid + " and p/capabilityStatus eq 'Enabled')", ""},
		{"a/any(x:x/b/any(y:y/c eq 1 or x/d in (1,2)))", ""},
		{"a/b/any(x:x eq 1) or c/any(x:x eq 1)", ""},
		{"notes eq 1 and order eq 2 and anyone eq 3", ""},
	},
	"expand": {
		{"assignedTo", ""},
		{"assignedTo , allotment", "assignedTo,allotment"},
		{"cloudLicensing/usageRights", ""},
		{"allotment($select=id,skuId;$filter=skuId in (" + guid + "))", ""},
		{"a($filter=b eq ');(' or c/any(x:x eq 1);$top=5),d", ""},
		{"a($count=true;$skip=1;$orderby=b desc,c;$expand=e($select=f),g)", "a($expand=e($select=f),g;$orderby=b desc,c;$skip=1;$count=true)"},
		{"a( $select=* )", "a($select=*)"},
	},
	"select":  {{"id", ""}, {"id, displayName", "id,displayName"}, {"*", ""}, {"assignedLicenses/skuId", ""}, {"id,id", ""}},
	"orderby": {{"displayName", ""}, {"displayName asc", "displayName"}, {"a desc, b/c asc,d", "a desc,b/c,d"}},
	"search": {
		{`"displayName:a"`, ""}, {`"displayName:a b" AND "mail:c"`, ""},
		{`"a:1" OR "b:2" AND "c:3"`, ""}, {`("a:1" OR "b:2") AND "c:3"`, ""}, {`("a:1")`, `"a:1"`},
		{`"a:say \"x\" \\ y"`, ""}, {`"a:b:c"`, ""}, {`"a:'"`, ""},
	},
	"apply": {
		{"groupby((skuId,skuPartNumber), aggregate(allottedUnits with sum as totalAllottedUnits, consumedUnits with sum as totalConsumedUnits))",
			"groupby((skuId,skuPartNumber),aggregate(allottedUnits with sum as totalAllottedUnits,consumedUnits with sum as totalConsumedUnits))"},
		{"groupby((a),aggregate(a with sum as b))", ""},
	},
}

// refused are invalid texts and the position of the error.
var refused = map[string][]struct {
	text string
	at   int
	want string
}{
	"filter": {
		{"", 0, "a property, a function or '('"},
		{"id", 2, "eq, ne, gt, ge, lt, le or in"},
		{"id eq", 5, "a literal"},
		{"id eq 'a", 6, "a closing quote"},
		{"id eq 'a''", 6, "a closing quote"},
		{"id EQ 'a'", 3, "eq, ne, gt, ge, lt, le or in"},
		{"id has 'a'", 3, "eq, ne, gt, ge, lt, le or in"},
		{"id eq a", 6, "a literal"},
		{"id eq TRUE", 6, "a literal"},
		{"id eq'a'", 5, "a blank"},
		{"id eq 'a'and id eq 'b'", 9, "a blank"},
		{"id eq 'a' 'b'", 10, "the end"},
		{"id eq 'a' and", 13, "a property, a function or '('"},
		{"(id eq 'a'", 10, "')'"},
		{"id eq 'a')", 9, "the end"},
		{"id in 'a'", 6, "'('"},
		{"id in ()", 7, "a literal"},
		{"id in ('a',)", 11, "a literal"},
		{"id in ('a' 'b')", 11, "')'"},
		{"startswith(id)", 13, "','"},
		{"startswith(id,5)", 14, "a text in quotes"},
		{"startswith('a',id)", 11, "a property"},
		{"startswith 'a'", 11, "eq, ne, gt, ge, lt, le or in"},
		{"tolower(id) eq 'a'", 0, "a function that is supported"},
		{"a/all(x:x eq 1)", 0, ""},
		{"a/any(x)", 7, "':'"},
		{"a/any(x:)", 8, "a property, a function or '('"},
		{"a/any(x.y:x eq 1)", 6, "a range variable"},
		{"a/any(x:x/b/any(x:x eq 1))", 16, "another name for the range variable"},
		{"any(x:x eq 1)", 0, "a function that is supported"},
		{"not", 3, "a property, a function or '('"},
		{"not id eq 'a'", 4, "'(', a function or any behind not"},
		{"a/ b eq 1", 3, "a name"},
		{"a /b eq 1", 2, "eq, ne, gt, ge, lt, le or in"},
		{"a/$ref eq 1", 2, "a name"},
		{"a/$count/b eq 1", 8, "eq, ne, gt, ge, lt, le or in"},
		{"$it eq 1", 0, "a property, a function or '('"},
		{"a eq 1.", 5, "a literal"},
		{"a eq 1e", 5, "a literal"},
		{"a eq --1", 5, "a literal"},
		{"a eq 2024-02-30", 5, "a literal"},
		{"a eq 2024-02-28T25:00:00Z", 5, "a literal"},
		{"a eq INF", 5, "a literal"},
		{"a eq 9999-12-31T23:59:59-01:00", 5, "a literal"},
		{"a eq @p", 5, "a name, a literal or a mark"},
		{"é eq 1", 0, "a name, a literal or a mark"},
		{"a eq 1\nor b eq 2", 6, "a name, a literal or a mark"},
		{"a add 1 eq 2", 2, "eq, ne, gt, ge, lt, le or in"},
		{strings.Repeat("(", 40) + "a eq 1", MaxDepth, "at most 32 levels"},
		{"a in (" + strings.Repeat("1,", 1100) + "1)", 0, "at most 1024 parts"},
		{strings.Repeat(" ", MaxLength+1), MaxLength, "at most 8192 bytes"},
	},
	"expand": {
		{"", 0, "a relation"}, {"a,", 2, "a relation"}, {"a,a", 2, "a relation that is not named already, without $count"},
		{"a/$ref", 2, "a name"}, {"a/$count", 0, "a relation that is not named already, without $count"}, {"*", 0, "a relation"},
		{"a()", 2, "an option such as $select"}, {"a(select=b)", 2, "an option such as $select"}, {"a($select)", 9, "'='"},
		{"a($select=b", 11, "')'"}, {"a($select=b;$select=c)", 12, "each option once"}, {"a($search=b)", 2, "$select, $filter, $expand, $orderby, $top, $skip, $count or $levels"},
		{"a($top=-1)", 7, "a whole number"}, {"a($count=1)", 9, "true or false"}, {"a)b", 1, "the end"}, {"a b", 2, "the end"},
		{strings.Repeat("a($expand=", 40), 10 * MaxDepth, "at most 32 levels"},
	},
	"select":  {{"", 0, "a property"}, {"id,", 3, "a property"}, {"id;a", 2, "the end"}, {"id a", 3, "the end"}, {"'a'", 0, "a property"}},
	"orderby": {{"", 0, "a property"}, {"a up", 2, "asc or desc"}, {"a desc desc", 7, "the end"}, {"a DESC", 2, "asc or desc"}},
	"search": {
		{"", 0, `"property:text"`}, {"a", 0, `"property:text"`}, {`"a"`, 0, `"property:text"`}, {`"a:"`, 0, `"property:text"`}, {`"a: "`, 0, `"property:text"`}, {`":a"`, 0, `"property:text"`},
		{`"a:b`, 0, "a closing quote"}, {`"a:b\c"`, 5, `'"' or '\' behind a backslash`}, {`"a:b" "c:d"`, 6, "the end"}, {`"a:b" and "c:d"`, 6, "the end"},
		{`"a:b" OR`, 8, `"property:text"`}, {`("a:b"`, 6, "')'"}, {`NOT "a:b"`, 0, `"property:text"`}, {strings.Repeat("(", 40), MaxDepth, "at most 32 levels"},
	},
	"apply": {
		{"", 0, "'groupby'"}, {"aggregate(a with sum as b)", 0, "'groupby'"}, {"groupby((a))", 11, "','"}, {"groupby((a),aggregate(b with max as c))", 29, "'sum'"},
		{"groupby((a,a),aggregate(b with sum as c))", 11, "each property once"}, {"groupby((a),aggregate(b with sum as a))", 36, "a name that is not used already"},
		{"groupby((a),aggregate(b with sum as c.d))", 36, "a name for the sum"}, {"groupby((a),aggregate(b with sum as c))/x", 39, "the end"},
	},
}

func TestAccepted(t *testing.T) {
	t.Parallel()
	for name, list := range accepted {
		for _, tt := range list {
			want := tt[1]
			if want == "" {
				want = tt[0]
			}
			got, tree, err := options[name](tt[0])
			if err != nil || got != want {
				t.Errorf("%s %q: %q, %v", name, tt[0], got, err)
				continue
			}
			if _, twice, err := options[name](got); err != nil || !reflect.DeepEqual(twice, tree) {
				t.Errorf("%s %q reads back as %v, %v", name, got, twice, err)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	for name, list := range refused {
		for _, tt := range list {
			got, _, err := options[name](tt.text)
			var e *Error
			if !errors.As(err, &e) {
				t.Errorf("%s %.60q: read as %q", name, tt.text, got)
				continue
			}
			if tt.want != "" && e.Want != tt.want || tt.at > 0 && e.Position != tt.at {
				t.Errorf("%s %.60q: %v, want %s at %d", name, tt.text, e, tt.want, tt.at)
			}
		}
	}
}

func TestQuery(t *testing.T) {
	t.Parallel()
	got, err := ParseQuery("$select=id;a&$filter=a+eq+'b%2Bc%26'&&x&$top=5&$top=6&$search=\"a: b\"&%24count=true")
	want := map[string][]string{"$select": {"id;a"}, "$filter": {"a eq 'b+c&'"}, "x": {""}, "$top": {"5", "6"}, "$search": {`"a: b"`}, "$count": {"true"}}
	if err != nil || !reflect.DeepEqual(map[string][]string(got), want) {
		t.Errorf("%v, %v", got, err)
	}
	for raw, at := range map[string]int{"a=%zz": 0, "a=1&b=%": 4, "a=%ff": 0, strings.Repeat("a&", MaxOptions+1): 2 * MaxOptions, strings.Repeat("a", MaxQuery+1): MaxQuery} {
		var e *Error
		if _, err := ParseQuery(raw); !errors.As(err, &e) || e.Position != at {
			t.Errorf("%.20q: %v", raw, err)
		}
	}
}

func TestNumberAndBoolean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"0": 0, "5": 5, "007": 7, "2147483647": 2147483647, "": -1, "-1": -1, "+1": -1, "1.5": -1, "2147483648": -1, "1_0": -1, "0x1": -1} {
		if n, err := Number(text); (err == nil) != (want >= 0) || err == nil && n != want {
			t.Errorf("%q: %d, %v", text, n, err)
		}
	}
	for text, want := range map[string]string{"true": "true", "false": "false", "True": "", "1": "", "": ""} {
		if v, err := Boolean(text); (err == nil) != (want != "") || err == nil && fmt.Sprint(v) != want {
			t.Errorf("%q: %v, %v", text, v, err)
		}
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"2024-02-29": "2024-02-29 00:00:00 +0000 UTC", "2024-02-29T01:00+01:00": "2024-02-29 00:00:00 +0000 UTC"} {
		f, err := ParseFilter("a eq " + text)
		if err != nil || f.Values[0].Time().String() != want {
			t.Errorf("%s: %v, %v", text, f, err)
		}
	}
}

// maker generates random trees.
type maker struct{ *rand.Rand }

func (m maker) pick(list ...string) string { return list[m.IntN(len(list))] }

func (m maker) path(vars []string) string {
	if len(vars) > 0 && m.IntN(4) > 0 {
		return m.pick(vars[m.IntN(len(vars))], vars[m.IntN(len(vars))]+"/skuId")
	}
	return m.pick("id", "displayName", "assignedLicenses/$count", "a/b/c", "x.y/z", "_1")
}

func (m maker) text() string {
	var b strings.Builder
	for range m.IntN(6) {
		b.WriteString(m.pick("a", "'", "''", `"`, `\`, " ", "(", ")", ";", ",", "é", "猫", "%", "+", "&", ":"))
	}
	return b.String()
}

func (m maker) literal() Literal {
	return []Literal{
		{Null, "null"}, {Bool, m.pick("true", "false")}, {Int, m.pick("0", "-5", "9223372036854775807")}, {Decimal, m.pick("1.5", "-0.25e-7", "9223372036854775808")},
		{String, m.text()}, {GUID, guid}, {Date, "2024-02-29"}, {DateTimeOffset, "2024-02-29T07:16:00.25Z"},
	}[m.IntN(8)]
}

func (m maker) filter(depth int, vars []string) *Filter {
	op := Op(m.IntN(int(Any) + 1))
	if depth == 0 && (op <= Not || op == Any) {
		op = Eq
	}
	f := &Filter{Op: op}
	switch op {
	case And, Or:
		for range 2 + m.IntN(2) {
			f.Kids = append(f.Kids, m.filter(depth-1, vars))
		}
		return f
	case Not:
		f.Kids = []*Filter{m.filter(depth-1, vars)}
		return f
	case Any:
		f.Path = m.pick("services", "a/b")
		if m.IntN(4) > 0 {
			f.Variable = fmt.Sprintf("v%d", len(vars))
			f.Kids = []*Filter{m.filter(depth-1, append(slices.Clone(vars), f.Variable))}
		}
		return f
	case StartsWith, EndsWith, Contains:
		f.Values = []Literal{{String, m.text()}}
	case In:
		for range 1 + m.IntN(4) {
			f.Values = append(f.Values, m.literal())
		}
	default:
		f.Values = []Literal{m.literal()}
	}
	f.Path = m.path(vars)
	return f
}

func (m maker) expand(depth int) []Expansion {
	var list []Expansion
	for i := range 1 + m.IntN(3) {
		x := Expansion{Path: fmt.Sprintf("r%d", i)}
		if m.IntN(3) == 0 {
			x.Select = []string{m.path(nil), "*"}
		}
		if m.IntN(3) == 0 {
			x.Filter = m.filter(3, nil)
		}
		if m.IntN(3) == 0 && depth > 0 {
			x.Expand = m.expand(depth - 1)
		}
		if m.IntN(3) == 0 {
			x.OrderBy = []Order{{m.path(nil), m.IntN(2) == 0}, {"z", false}}
		}
		if m.IntN(3) == 0 {
			n, yes := m.IntN(1000), m.IntN(2) == 0
			x.Top, x.Skip, x.Count = &n, &n, &yes
		}
		list = append(list, x)
	}
	return list
}

func (m maker) search(depth int) Search {
	if depth == 0 || m.IntN(3) == 0 {
		return Search{Property: "displayName", Text: "x" + m.text()}
	}
	s := Search{Op: Op(m.IntN(2))}
	for range 2 + m.IntN(2) {
		s.Kids = append(s.Kids, m.search(depth-1))
	}
	return s
}

// TestRandomTrees tests that a formatted tree parses to the same tree.
func TestRandomTrees(t *testing.T) {
	t.Parallel()
	m := maker{rand.New(rand.NewPCG(1, 2))}
	check := func(name string, tree any, text string) {
		t.Helper()
		if _, got, err := options[name](text); err != nil || !reflect.DeepEqual(got, tree) {
			t.Fatalf("%s %q: %v, %v", name, text, got, err)
		}
	}
	for range 5000 {
		f := m.filter(4, nil)
		check("filter", f, f.String())
		x := m.expand(2)
		check("expand", x, ExpandString(x))
		s := m.search(3)
		check("search", &s, s.String())
	}
}

// fuzz tests that there is no panic, and that the formatted result parses to
// the same tree, within the limits.
func fuzz(f *testing.F, name string) {
	for _, tt := range accepted[name] {
		f.Add(tt[0])
	}
	for _, tt := range refused[name] {
		if len(tt.text) < 500 {
			f.Add(tt.text)
		}
	}
	f.Fuzz(func(t *testing.T, s string) {
		text, tree, err := options[name](s)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || e.Position < 0 || e.Position > len(s) || e.Want == "" {
				t.Fatalf("%q: %#v", s, err)
			}
			return
		}
		if len(text) > 3*len(s)+64 {
			t.Fatalf("%q becomes %q", s, text)
		}
		if len(text) > MaxLength || strings.Count(text, "(") >= MaxDepth { // formatting added spaces and parentheses
			return
		}
		if twice, other, err := options[name](text); err != nil || twice != text || !reflect.DeepEqual(tree, other) {
			t.Fatalf("%q is written %q, then %q, %v", s, text, twice, err)
		}
	})
}

func FuzzFilter(f *testing.F)  { fuzz(f, "filter") }
func FuzzExpand(f *testing.F)  { fuzz(f, "expand") }
func FuzzSelect(f *testing.F)  { fuzz(f, "select") }
func FuzzOrderBy(f *testing.F) { fuzz(f, "orderby") }
func FuzzSearch(f *testing.F)  { fuzz(f, "search") }
func FuzzApply(f *testing.F)   { fuzz(f, "apply") }

func FuzzQuery(f *testing.F) {
	for _, s := range []string{"$select=id;a&b", "a=%zz", "%24top=5&+=+", "&&&", "a=b=c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		values, err := ParseQuery(s)
		if err != nil {
			return
		}
		if again, err := ParseQuery(values.Encode()); err != nil || !reflect.DeepEqual(values, again) {
			t.Fatalf("%q: %v, then %v, %v", s, values, again, err)
		}
	})
}
