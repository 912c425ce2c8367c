package columns_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/99designs/gqlgen/graphql"
	"github.com/vektah/gqlparser/v2"
	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/validator/rules"

	"licensegraph/graph/columns"
	"licensegraph/graph/model"
)

const schema = `
interface Named { name: String! friend: Person }
interface Befriended { friend: Person }
type Person implements Named & Befriended { name: String! nick: String age: Int! tags: [String!]! friend: Person boss: Person! pets: [Pet!] either: Named note: String }
type Pet implements Named { name: String! friend: Person owner: Person! }
type Query { people: [Person!] person: Person! }
`

type person struct {
	name   string
	nick   *string
	age    int32
	tags   []string
	friend *person
	boss   *person
	pets   []*pet
	either any
}

type pet struct{ name string }

// world resolves the schema.
type world struct {
	// boss is the batch resolver of Person.boss; by default it returns the bosses.
	boss func(context.Context, []*person) ([]*person, error)
	// age is the method of Person.age.
	age func(*person) (int32, error)
	// note is the resolver of Person.note.
	note func(context.Context, *person) (*string, error)
	// deny and unread are the rules.
	deny   map[string]error
	unread func(field string, object any) error
	// count counts the size; nil for no limit.
	count    func(name string, values, size int) bool
	undo     int
	panicked []any
}

func (w *world) Denied(typeName string, f *ast.Field) error { return w.deny[typeName+"."+f.Name] }

func (w *world) Unread(_, field string, object any) error {
	if w.unread == nil {
		return nil
	}
	return w.unread(field, object)
}

func (*world) ChecksList(string, string) bool { return false }

func (*world) Doubtful(_ context.Context, _ string, _ *ast.Field, _, value any) error {
	if value == "" {
		return errors.New("empty")
	}
	return nil
}

func (w *world) Recover(_ context.Context, panicked any) { w.panicked = append(w.panicked, panicked) }

func (w *world) Count(f graphql.CollectedField, values, size int) bool {
	return w.count == nil || w.count(f.Name, values, size)
}

func (w *world) Undo() { w.undo++ }

func (w *world) people(nullable bool) columns.Kind[*person] {
	return columns.Objects(nullable, "Person", []string{"Person", "Named", "Befriended"}, func(c *columns.Column[*person]) columns.Row {
		switch c.Name {
		case "name":
			return columns.Plain(c, columns.Text[string](), func(p *person) string { return p.name })
		case "nick":
			return columns.Plain(c, columns.Optional(columns.Text[string]()), func(p *person) *string { return p.nick })
		case "age":
			return columns.Checked(c, columns.Int32(), w.age)
		case "tags":
			return columns.Plain(c, columns.List(false, columns.Text[string]()), func(p *person) []string { return p.tags })
		case "friend":
			return columns.Plain(c, w.people(true), func(p *person) *person { return p.friend })
		case "boss":
			return columns.Batch(c, w.people(false), func(ctx context.Context, people []*person, _ map[string]any) ([]*person, error) {
				return w.boss(ctx, people)
			})
		case "pets":
			return columns.Plain(c, columns.List(true, w.pets(false)), func(p *person) []*pet { return p.pets })
		case "note":
			return columns.Single(c, columns.Optional(columns.Text[string]()), func(ctx context.Context, p *person, _ map[string]any) (*string, error) {
				return w.note(ctx, p)
			})
		case "either":
			return columns.Plain(c, columns.Abstract(true, columns.As[any](w.people(true)), columns.As[any](w.pets(true))), func(p *person) any { return p.either })
		}
		return nil
	})
}

func (w *world) pets(nullable bool) columns.Kind[*pet] {
	return columns.Objects(nullable, "Pet", []string{"Pet", "Named"}, func(c *columns.Column[*pet]) columns.Row {
		if c.Name == "name" {
			return columns.Plain(c, columns.Text[string](), func(p *pet) string { return p.name })
		}
		return nil
	})
}

// written is what a query results in.
type written struct {
	text, reason string
	errors       []string // path: message
}

// write writes the first root field of a query.
func (w *world) write(t *testing.T, ctx context.Context, query string, people ...*person) written {
	t.Helper()
	s := gqlparser.MustLoadSchema(&ast.Source{Input: schema})
	document, errs := gqlparser.LoadQueryWithRules(s, query, rules.NewDefaultRules())
	if errs != nil {
		t.Fatal(errs)
	}
	if w.boss == nil {
		w.boss = func(_ context.Context, people []*person) ([]*person, error) {
			var bosses []*person
			for _, p := range people {
				bosses = append(bosses, p.boss)
			}
			return bosses, nil
		}
	}
	if w.age == nil {
		w.age = func(p *person) (int32, error) { return p.age, nil }
	}
	op := &graphql.OperationContext{Operation: document.Operations[0], RecoverFunc: graphql.DefaultRecover}
	ctx = graphql.WithOperationContext(ctx, op)
	ctx = graphql.WithResponseContext(ctx, graphql.DefaultErrorPresenter, graphql.DefaultRecover)
	root := graphql.CollectFields(op, op.Operation.SelectionSet, []string{"Query"})[0]
	ctx = graphql.WithFieldContext(ctx, &graphql.FieldContext{Object: "Query", Field: root})
	writer := columns.New(ctx, nil, w, w)
	value, reason := writer.Write(func() columns.Row {
		if root.Name == "person" {
			return columns.Root(writer, root, w.people(false), any(people[0]))
		}
		return columns.Root(writer, root, columns.List(true, w.people(false)), any(people))
	})
	result := written{reason: reason}
	if value != nil {
		var text strings.Builder
		value.MarshalGQL(&text)
		result.text = text.String()
	}
	for _, e := range graphql.GetErrors(ctx) {
		result.errors = append(result.errors, e.Path.String()+": "+e.Message)
	}
	return result
}

func ada() *person {
	nick := "A\t\"<&>\u2028"
	root := &person{name: "Root", age: 90}
	root.boss = root
	bob := &person{name: "Bob", age: 3, boss: root}
	return &person{name: "Ada", nick: &nick, age: 36, tags: []string{"x", ""}, friend: bob, boss: root, pets: []*pet{{name: "Rex"}, {name: "Tom"}}, either: &pet{name: "Eve"}}
}

// TestWrite tests values, nulls and the propagation of nulls.
func TestWrite(t *testing.T) {
	t.Parallel()
	failing := func(name string) func(context.Context, []*person) ([]*person, error) {
		return func(_ context.Context, people []*person) ([]*person, error) {
			bosses, errs := make([]*person, len(people)), make([]error, len(people))
			for i, p := range people {
				if bosses[i] = p.boss; p.name == name {
					bosses[i], errs[i] = nil, errors.New("no boss")
				}
			}
			return bosses, graphql.BatchErrorList(errs)
		}
	}
	bob := &person{name: "Bob", boss: ada(), pets: []*pet{}}
	for _, tt := range []struct {
		name, query string
		world       world
		want        written
	}{
		{"leaves", `{ people { __typename n: name nick age tags } }`, world{}, written{text: `[{"__typename":"Person","n":"Ada","nick":"A\t\"<&>` + "\u2028" + `","age":36,"tags":["x",""]},{"__typename":"Person","n":"Bob","nick":null,"age":0,"tags":[]}]`}},
		{"objects", `{ people { friend { name friend { name } } pets { name } } }`, world{}, written{text: `[{"friend":{"name":"Bob","friend":null},"pets":[{"name":"Rex"},{"name":"Tom"}]},{"friend":null,"pets":[]}]`}},
		{"types", `{ people { either { __typename name ... on Pet { again: name } ... on Person { age } } } }`, world{}, written{text: `[{"either":{"__typename":"Pet","name":"Eve","again":"Eve"}},{"either":null}]`}},
		{"nothing", `{ people { name @skip(if: true) } }`, world{}, written{text: `[{},{}]`}},
		{"merged leaves", `{ people { either { name ... on Pet { name } } } }`, world{}, written{text: `[{"either":{"name":"Eve"}},{"either":null}]`}},
		{"error of a batch", `{ people { friend { boss { name } } } }`, world{boss: failing("Bob")}, written{text: `[{"friend":null},{"friend":null}]`, errors: []string{"people[0].friend.boss: no boss"}}},
		{"error that nulls the list", `{ people { name boss { name } } }`, world{boss: failing("Bob")}, written{text: `null`, errors: []string{"people[1].boss: no boss"}}},
		{"error of all", `{ people { friend { boss { name } } } }`, world{boss: func(context.Context, []*person) ([]*person, error) { return []*person{nil}, errors.New("none") }}, written{text: `[{"friend":null},{"friend":null}]`, errors: []string{"people[0].friend.boss: none"}}},
		{"null of the root field", `{ person { boss { name } } }`, world{boss: failing("Ada")}, written{text: `null`, errors: []string{"person.boss: no boss"}}},
		{"error of a method", `{ people { friend { name age } } }`, world{age: func(*person) (int32, error) { return 0, errors.New("no age") }}, written{text: `[{"friend":null},{"friend":null}]`, errors: []string{"people[0].friend.age: no age"}}},
		{"resolver of one object", `{ people { note } }`, world{note: func(_ context.Context, p *person) (*string, error) {
			if p.nick == nil {
				return nil, errors.New("no note")
			}
			return &p.name, nil
		}}, written{text: `[{"note":"Ada"},{"note":null}]`, errors: []string{"people[1].note: no note"}}},
		{"denied", `{ people { nick pets { name } } }`, world{deny: map[string]error{"Person.nick": errors.New("denied"), "Pet.name": errors.New("denied too")}}, written{
			text:   `[{"nick":null,"pets":null},{"nick":null,"pets":[]}]`,
			errors: []string{"people[0].nick: denied", "people[1].nick: denied", "people[0].pets[0].name: denied too", "people[0].pets[1].name: denied too"},
		}},
		{"unread", `{ people { name nick } }`, world{unread: func(string, any) error { return errors.New("unread") }}, written{
			text:   `[{"name":"Ada","nick":null},{"name":"Bob","nick":null}]`,
			errors: []string{"people[0].name: unread", "people[1].name: unread", "people[0].nick: unread", "people[1].nick: unread"},
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := tt.world.write(t, t.Context(), tt.query, ada(), bob)
			if got.text != tt.want.text || got.reason != "" || !slices.Equal(got.errors, tt.want.errors) {
				t.Errorf("%+v\nwant %+v", got, tt.want)
			}
		})
	}
}

// TestEmptyText tests the error of an empty non-null text.
func TestEmptyText(t *testing.T) {
	t.Parallel()
	got := (&world{}).write(t, t.Context(), `{ people { name } }`, &person{})
	if got.text != `[{"name":""}]` || !slices.Equal(got.errors, []string{"people[0].name: empty"}) {
		t.Errorf("%+v", got)
	}
}

// TestAbandoned tests what is not written, so that gqlgen's executor resolves it: no error is added, and the size is
// not counted.
func TestAbandoned(t *testing.T) {
	t.Parallel()
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		reason, query string
		world         world
		ctx           context.Context
	}{
		{columns.Canceled, `{ people { name } }`, world{}, canceled},
		{columns.Panicked, `{ people { boss { name } } }`, world{boss: func(context.Context, []*person) ([]*person, error) { panic("a secret") }}, nil},
		{columns.Null, `{ people { boss { name } } }`, world{boss: func(_ context.Context, people []*person) ([]*person, error) { return make([]*person, len(people)), nil }}, nil},
		{columns.Results, `{ people { boss { name } } }`, world{boss: func(context.Context, []*person) ([]*person, error) { return nil, nil }}, nil},
		{columns.Results, `{ people { boss { name } } }`, world{boss: func(_ context.Context, people []*person) ([]*person, error) {
			return people, graphql.BatchErrorList{errors.New("one"), nil}
		}}, nil},
		{columns.AddsError, `{ people { boss { name } } }`, world{boss: func(ctx context.Context, people []*person) ([]*person, error) {
			graphql.AddError(ctx, errors.New("its own"))
			return people, nil
		}}, nil},
		{columns.AddsError, `{ people { note } }`, world{note: func(ctx context.Context, _ *person) (*string, error) {
			graphql.AddError(ctx, errors.New("its own"))
			return nil, nil //nolint:nilnil // a null with an error
		}}, nil},
		{columns.TooLarge, `{ people { nick name age } }`, world{count: func(name string, _, _ int) bool { return name != "name" }}, nil},
		{columns.Unmerged, `{ people { either { friend { name } ... on Befriended { friend { age } } } } }`, world{}, nil},
		{columns.Unknown, `{ people { either { name } } }`, world{}, nil},
		{"Pet.owner", `{ people { nick pets { owner { name } } } }`, world{deny: map[string]error{"Person.nick": errors.New("denied")}}, nil},
	} {
		t.Run(tt.reason, func(t *testing.T) {
			t.Parallel()
			p := ada()
			switch tt.reason {
			case columns.Unknown:
				p.either = 5
			case columns.Unmerged:
				p.either = ada()
			}
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			got := tt.world.write(t, ctx, tt.query, p)
			if got.text != "" || got.reason != tt.reason || got.errors != nil || tt.world.undo != 1 {
				t.Errorf("%+v, undone %d times, want %s", got, tt.world.undo, tt.reason)
			}
		})
	}
}

// TestTooManyErrors tests that the number of errors is bounded.
func TestTooManyErrors(t *testing.T) {
	t.Parallel()
	people := slices.Repeat([]*person{ada()}, 10_001)
	got := (&world{deny: map[string]error{"Person.nick": errors.New("denied")}}).write(t, t.Context(), `{ people { nick } }`, people...)
	if got.reason != columns.TooMany || got.errors != nil {
		t.Errorf("%s, %d errors", got.reason, len(got.errors))
	}
}

// TestSizes tests the sizes that are counted, for package limits.
func TestSizes(t *testing.T) {
	t.Parallel()
	got := map[string][2]int{}
	w := world{count: func(name string, values, size int) bool {
		got[name] = [2]int{values, size}
		return true
	}}
	w.write(t, t.Context(), `{ person { nick age tags friend { friend { name } } pets { name } } }`, ada())
	want := map[string][2]int{
		"nick": {1, len("A\t\"<&>\u2028") + 2}, "age": {1, 32}, "tags": {1, 2 + 4 + 3}, "friend": {1, 1}, "pets": {1, 2}, "name": {2, 10},
	}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("%s: %d, want %d", name, got[name], n)
		}
	}
}

// FuzzScalars compares scalars with gqlgen's marshalers, byte by byte.
func FuzzScalars(f *testing.F) {
	for _, text := range []string{"", `a"b\c`, "\x00\x01\x1f \x7f", "<>&\u2028\u2029", "\xff\xc3", "\t\r\n\b\f", "\U0001F600"} {
		f.Add(text, int32(-5), int64(1e9))
	}
	f.Fuzz(func(t *testing.T, text string, number int32, seconds int64) {
		w := world{age: func(*person) (int32, error) { return number, nil }}
		got := w.write(t, t.Context(), `{ person { nick age } }`, &person{nick: &text})
		var want strings.Builder
		want.WriteString(`{"nick":`)
		graphql.MarshalString(text).MarshalGQL(&want)
		want.WriteString(`,"age":`)
		graphql.MarshalInt32(number).MarshalGQL(&want)
		want.WriteString(`}`)
		if got.text != want.String() {
			t.Errorf("%q is written as %s, want %s", text, got.text, want.String())
		}
		at := time.Unix(seconds%1e11, 5)
		want.Reset()
		model.MarshalDateTime(at).MarshalGQL(&want)
		if got := string(model.AppendDateTime(nil, at)); got != want.String() {
			t.Errorf("%v is written as %s, want %s", at, got, want.String())
		}
	})
}
