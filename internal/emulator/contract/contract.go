// Package contract checks answers of Microsoft Graph's licensing endpoints
// against their documentation, which a text file for each noun describes: the
// types, and the answer of each endpoint. It is independent of the code that
// produces the answers, so that it does not repeat the errors of that code.
//
// [Check] checks one request and its answer, and returns a list of errors.
// Where the documentation has two readings, the caller specifies the one in
// force, see [Reading].
//
// A type is a line with its kind, its name without "microsoft.graph.", and its
// base or the word abstract, and an indented line for each member: its name and type, where [] is a
// collection, ? is nullable, and -> is a relation. Words after the type:
//
//	select   returned only with $select
//	never    never returned
//	unserved in the metadata, but on no page
//	path     not with $expand
//	own      returned only by the type's own endpoints, not in directory objects
//	brief    a default property of an assignee
//	absent   missing instead of null, even if selected
//	optional can be missing; an expanded relation is missing instead of null
//	/…/      the pattern of the whole string; <guid> and <id> are the formats of IDs
//
// An endpoint is a line with its versions, method, path and status, and its
// answer: a type, a list [], - for no body, batch, number (plain text), or
// delta and a type. Then the fragment of @odata.context, where {1} is the first
// {id} of the path and {guid} is any, and the word licenses if the answer has
// the properties about licenses without $select. Indented lines describe the
// endpoints directly above them:
//
//	options     the query options of the reference page of a GET; ! = without a supported property
//	permissions the delegated and, after a bar, the application permissions, least privileged first
//	basic       the permission to read only basic properties
//	also        permissions of which one is required in addition
//
// D is Directory.Read.All and Directory.ReadWrite.All, the higher permissions
// of every read; A is the permissions of agents.
//
// Public sources: the reference pages of Microsoft Graph's beta version and
// its metadata, "Microsoft Graph error responses and resource types", "Combine
// multiple HTTP requests using JSON batching", OData JSON Format Version 4.01,
// RFC 6749, OpenID Connect Discovery 1.0.
package contract

import (
	"embed"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed *.txt
var files embed.FS

// kind is the kind of a type: "enum", "complex", "entity", or "json" for a
// type that is not one of Graph.
type kind string

// definition is the definition of a type.
type definition struct {
	kind  kind
	name  string // without "microsoft.graph."
	base  string
	flags bool
	// abstract types have only values of derived types, with annotations.
	abstract bool
	members  []member // of an enumeration
	own      []*property
	all      map[string]*property // including those of the base type
	usual    []*property          // properties returned without $select
	brief    []*property          // the same for an assignee
}

type member struct{ name, value string }

// property is a property or a relation.
type property struct {
	name       string
	typeName   string // such as Edm.Guid, or the name of another type
	collection bool
	nullable   bool
	relation   bool
	words      []string // such as select
	texts      []string // the possible values of a string, if there are few
	pattern    *regexp.Regexp
	form       string // name of the pattern; "<guid>" and "<id>" have no expression
	of         *definition
}

func (p *property) is(word string) bool { return slices.Contains(p.words, word) }

// cloud reports whether the type is a cloudLicensing type, whose objects have
// a type annotation.
func (t *definition) cloud() bool { return strings.HasPrefix(t.name, "cloudLicensing.") }

// model is the content of the files.
type model struct {
	types     map[string]*definition
	order     []*definition
	endpoints []*Endpoint
}

// written reads the files once.
var written = sync.OnceValue(func() *model {
	m, err := read()
	if err != nil {
		panic(err) // The files are embedded.
	}
	return m
})

func read() (*model, error) {
	m := &model{types: map[string]*definition{}}
	list, err := files.ReadDir(".")
	if err != nil {
		return nil, err
	}
	for _, file := range list {
		text, err := files.ReadFile(file.Name())
		if err == nil {
			err = m.read(string(text))
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
	}
	return m, m.resolve()
}

// read adds the definitions of a file.
func (m *model) read(text string) error {
	var t *definition     // of the indented lines
	var above []*Endpoint // or these
	described := false
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \n")
		words := strings.Fields(line)
		switch {
		case line == "" || line[0] == '#':
		case line[0] == ' ' && t != nil:
			p, err := readProperty(line)
			if err != nil {
				return err
			}
			t.own = append(t.own, p)
		case line[0] == ' ':
			described = true
			for _, e := range above {
				if err := e.describe(words[0], words[1:]); err != nil {
					return fmt.Errorf("%q: %w", line, err)
				}
			}
		case len(words) < 2:
			return fmt.Errorf("%q has too few fields", line)
		case words[0] == "beta" || words[0] == "both" || words[0] == "sign-in":
			e, err := readEndpoint(words)
			if err != nil {
				return fmt.Errorf("%q: %w", line, err)
			}
			if described || t != nil {
				above = nil
			}
			t, described = nil, false
			above = append(above, e)
			m.endpoints = append(m.endpoints, e)
		default:
			if t = readType(words); m.types[t.name] != nil {
				return fmt.Errorf("duplicate type %s", t.name)
			}
			m.types[t.name] = t
			m.order = append(m.order, t)
		}
	}
	return nil
}

func readType(words []string) *definition {
	t := &definition{kind: kind(words[0]), name: words[1], all: map[string]*property{}}
	for i, word := range words[2:] {
		name, value, isMember := strings.Cut(word, "=")
		switch {
		case isMember:
			t.members = append(t.members, member{name, value})
		case word == "flags":
			t.flags = true
		case word == "abstract":
			t.abstract = true
		case word == ":" && len(words) == i+4:
			t.base = words[i+3]
		}
	}
	return t
}

// resolve sets what depends on other definitions, which can be in other files.
func (m *model) resolve() error {
	for _, t := range m.order {
		for up := t; up != nil; up = m.types[up.base] {
			for _, p := range up.own {
				if t.all[p.name] == nil {
					t.all[p.name] = p
				}
			}
		}
	}
	for _, t := range m.order {
		for _, p := range t.all {
			if p.of = m.types[p.typeName]; p.of == nil && !strings.HasPrefix(p.typeName, "Edm.") {
				return fmt.Errorf("%s.%s: unknown type %s", t.name, p.name, p.typeName)
			}
			if p.relation || slices.ContainsFunc(p.words, func(word string) bool {
				return word == "select" || word == "never" || word == "unserved" || word == "optional"
			}) {
				continue
			}
			t.usual = append(t.usual, p)
			if p.is("brief") {
				t.brief = append(t.brief, p)
			}
		}
	}
	for _, e := range m.endpoints {
		if e.of = m.types[e.typeName]; e.of == nil && e.typeName != "" {
			return fmt.Errorf("%s: unknown type %s", e.Label(), e.typeName)
		}
		if e.options == nil && e.Method == http.MethodGet && e.version != "sign-in" {
			return fmt.Errorf("%s: no query options", e.Label())
		}
	}
	// Of two that match a path, the one without an {id} comes first: "{" is after letters and "$".
	slices.SortStableFunc(m.endpoints, func(a, b *Endpoint) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// forms are the named patterns.
var forms = map[string]string{
	"<guid>": `[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`,
	"<id>":   `([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[a-z2-7]{52})`,
}

var fewTexts = regexp.MustCompile(`^\w+(\|\w+)*$`)

func readProperty(line string) (*property, error) {
	p := &property{}
	line, pattern, has := strings.Cut(line, " /")
	words := strings.Fields(line)
	if len(words) > 1 && words[1] == "->" {
		p.relation, words = true, slices.Delete(words, 1, 2)
	}
	if len(words) < 2 {
		return nil, fmt.Errorf("%q has no type", line)
	}
	p.name, p.typeName, p.words = words[0], words[1], words[2:]
	p.typeName, p.nullable = strings.CutSuffix(p.typeName, "?")
	p.typeName, p.collection = strings.CutSuffix(p.typeName, "[]")
	if !has {
		return p, nil
	}
	p.form = strings.TrimSuffix(pattern, "/")
	if fewTexts.MatchString(p.form) {
		p.texts = strings.Split(p.form, "|")
		return p, nil
	}
	expression := p.form
	for name, form := range forms {
		expression = strings.ReplaceAll(expression, name, form)
	}
	var err error
	p.pattern, err = regexp.Compile(`^(?:` + expression + `)$`)
	return p, err
}

// Endpoint is an endpoint with its successful answer.
type Endpoint struct {
	Method string
	Path   string // after the version
	// Delegated and Application are permissions of which one is required, least
	// privileged first. Basic are the permissions to read only basic properties,
	// and one of Also is required in addition.
	Delegated, Application, Basic, Also []string

	version  string // "beta", "both", or "sign-in"
	status   int
	answer   string // "-", "batch", "number", or "type"
	typeName string
	of       *definition
	list     bool
	delta    bool
	nullable bool
	context  string
	licenses bool
	options  []string
	segments []string
}

// Label returns the method and the path.
func (e *Endpoint) Label() string { return e.Method + " " + e.Path }

// V1 reports whether version 1.0 has the endpoint.
func (e *Endpoint) V1() bool { return e.version == "both" }

// Option reports whether the endpoint documents a query option, such as
// "select", and whether there is a property that it supports.
func (e *Endpoint) Option(name string) (documented, supported bool) {
	supported = slices.Contains(e.options, name)
	return supported || slices.Contains(e.options, name+"!"), supported
}

// supports reports whether a query option is supported.
func (e *Endpoint) supports(option string) bool { return slices.Contains(e.options, option) }

// Relations returns the relations of the answer's type that an endpoint can
// expand.
func (e *Endpoint) Relations() (names []string) {
	if e.of == nil {
		return nil
	}
	for _, p := range e.of.own {
		if p.relation && !p.is("unserved") && !p.is("path") {
			names = append(names, p.name)
		}
	}
	return names
}

func readEndpoint(words []string) (*Endpoint, error) {
	if len(words) < 5 {
		return nil, errors.New("too few fields")
	}
	e := &Endpoint{version: words[0], Method: words[1], Path: words[2], answer: words[4], segments: strings.Split(words[2][1:], "/")}
	if _, err := fmt.Sscan(words[3], &e.status); err != nil {
		return nil, err
	}
	if len(words) > 5 {
		e.context = words[5]
		e.licenses = slices.Contains(words[6:], "licenses")
	}
	if e.answer != "-" && e.answer != "batch" && e.answer != "number" {
		e.typeName = e.answer
		e.answer = "type"
		e.typeName, e.delta = strings.CutPrefix(e.typeName, "delta:")
		e.typeName, e.list = strings.CutSuffix(e.typeName, "[]")
		e.typeName, e.nullable = strings.CutSuffix(e.typeName, "?")
	}
	return e, nil
}

// describe sets what an indented line below the endpoint describes.
func (e *Endpoint) describe(what string, words []string) error {
	switch what {
	case "options":
		e.options = words
	case "permissions":
		e.Delegated, e.Application = permissions(words), permissions(words)
		if bar := slices.Index(words, "|"); bar >= 0 {
			e.Delegated, e.Application = permissions(words[:bar]), permissions(words[bar+1:])
		}
	case "basic":
		e.Basic = permissions(words)
	case "also":
		e.Also = permissions(words)
	default:
		return fmt.Errorf("unknown word %s", what)
	}
	return nil
}

// permissions returns permissions without abbreviations.
func permissions(words []string) (names []string) {
	for _, word := range words {
		switch word {
		case "D":
			names = append(names, "Directory.Read.All", "Directory.ReadWrite.All")
		case "A":
			names = append(names, "AgentIdUser.ReadWrite.All", "AgentIdUser.ReadWrite.IdentityParentedBy")
		default:
			names = append(names, word)
		}
	}
	return names
}

// find returns the endpoint of a path after the version, and the IDs in the
// path.
func (m *model) find(version, method, path string) (e *Endpoint, ids []string) {
	var segments []string
	for s := range strings.SplitSeq(path, "/") {
		if plain, err := url.PathUnescape(s); err == nil {
			s = plain
		}
		if set, key, keyed := strings.Cut(strings.TrimSuffix(s, "')"), "('"); keyed { // users('x') for users/x
			segments = append(segments, set, strings.ReplaceAll(key, "''", "'"))
		} else {
			segments = append(segments, s)
		}
	}
	for _, e := range m.endpoints {
		if e.Method != method || len(e.segments) != len(segments) || e.version != version && (e.version != "both" || version == "sign-in") {
			continue
		}
		ids = ids[:0]
		fits := true
		for i, s := range e.segments {
			if s == "{id}" {
				ids = append(ids, segments[i])
			} else if keys := keysIn(s, segments[i]); keys != nil {
				ids = append(ids, keys...)
			} else if s != segments[i] {
				fits = false
				break
			}
		}
		if fits {
			return e, ids
		}
	}
	return nil, nil
}

// keysIn returns the values of the parameters in a segment such as
// f(name='{id}'), or nil.
func keysIn(form, segment string) []string {
	if !strings.Contains(form, "{id}") {
		return nil
	}
	found := regexp.MustCompile("^" + strings.ReplaceAll(regexp.QuoteMeta(form), `\{id\}`, `([^'(),]+)`) + "$").FindStringSubmatch(segment)
	return found[min(1, len(found)):]
}

// Endpoints returns the endpoints of Graph.
func Endpoints() []Endpoint {
	var list []Endpoint
	for _, e := range written().endpoints {
		if e.version != "sign-in" {
			list = append(list, *e)
		}
	}
	return list
}
