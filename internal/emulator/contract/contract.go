// Package contract checks answers of Microsoft Graph's licensing endpoints
// against their documentation: types.txt describes the types, endpoints.txt
// the answer of each endpoint. It is independent of the code that produces the
// answers, so that it does not repeat the errors of that code.
//
// [Check] checks one request and its answer, and returns a list of errors.
// Where the documentation has two readings, the caller specifies the one in
// force, see [Reading].
//
// Public sources: the reference pages of Microsoft Graph's beta version,
// "Microsoft Graph error responses and resource types", "Combine multiple HTTP
// requests using JSON batching", OData JSON Format Version 4.01, RFC 6749,
// OpenID Connect Discovery 1.0.
package contract

import (
	_ "embed"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed types.txt
var typesText string

//go:embed endpoints.txt
var endpointsText string

// kind is the kind of a type: "enum", "complex", "entity", or "json" for a
// type that is not one of Graph.
type kind string

// definition is the definition of a type.
type definition struct {
	kind    kind
	name    string // without "microsoft.graph."
	base    string
	flags   bool
	members []member // of an enumeration
	own     []*property
	all     map[string]*property // including those of the base type
	usual   []*property          // properties returned without $select
	brief   []*property          // the same for an assignee
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

// model is the content of both files.
type model struct {
	types     map[string]*definition
	endpoints []*endpoint
}

// written parses the files once.
var written = sync.OnceValue(func() *model {
	m := &model{types: map[string]*definition{}}
	if err := m.readTypes(typesText); err != nil {
		panic("types.txt: " + err.Error()) // The file is embedded.
	}
	if err := m.readEndpoints(endpointsText); err != nil {
		panic("endpoints.txt: " + err.Error())
	}
	return m
})

// lines returns the lines without comments and empty lines.
func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, " \n"); line != "" && line[0] != '#' {
			list = append(list, line)
		}
	}
	return list
}

func (m *model) readTypes(text string) error {
	var t *definition
	var order []*definition
	for _, line := range lines(text) {
		if line[0] == ' ' {
			p, err := readProperty(line)
			if err != nil {
				return err
			}
			t.own = append(t.own, p)
			continue
		}
		words := strings.Fields(line)
		t = &definition{kind: kind(words[0]), name: words[1], all: map[string]*property{}}
		if m.types[t.name] != nil {
			return fmt.Errorf("duplicate type %s", t.name)
		}
		m.types[t.name] = t
		order = append(order, t)
		for i, word := range words[2:] {
			name, value, isMember := strings.Cut(word, "=")
			switch {
			case isMember:
				t.members = append(t.members, member{name, value})
			case word == "flags":
				t.flags = true
			case word == ":" && len(words) == i+4:
				t.base = words[i+3]
			}
		}
	}
	for _, t := range order { // A base type can be defined later.
		for up := t; up != nil; up = m.types[up.base] {
			for _, p := range up.own {
				if t.all[p.name] == nil {
					t.all[p.name] = p
				}
			}
		}
	}
	for _, t := range order {
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

// endpoint is the successful answer of an endpoint.
type endpoint struct {
	version  string // "beta", "both", or "sign-in"
	method   string
	path     string
	status   int
	answer   string // "-", "batch", "number", or "type"
	of       *definition
	list     bool
	delta    bool
	nullable bool
	context  string
	words    []string
	segments []string
}

func (e *endpoint) is(word string) bool { return slices.Contains(e.words, word) }

func (m *model) readEndpoints(text string) error {
	for _, line := range lines(text) {
		words := strings.Fields(line)
		if len(words) < 5 {
			return fmt.Errorf("%q has too few fields", line)
		}
		e := &endpoint{version: words[0], method: words[1], path: words[2], answer: words[4], segments: strings.Split(words[2][1:], "/")}
		if _, err := fmt.Sscan(words[3], &e.status); err != nil {
			return fmt.Errorf("%q: %w", line, err)
		}
		if len(words) > 5 {
			e.context, e.words = words[5], words[6:]
		}
		if e.answer != "-" && e.answer != "batch" && e.answer != "number" {
			name := e.answer
			e.answer = "type"
			name, e.delta = strings.CutPrefix(name, "delta:")
			name, e.list = strings.CutSuffix(name, "[]")
			name, e.nullable = strings.CutSuffix(name, "?")
			if e.of = m.types[name]; e.of == nil {
				return fmt.Errorf("%q: unknown type %s", line, name)
			}
		}
		m.endpoints = append(m.endpoints, e)
	}
	return nil
}

// find returns the endpoint of a path after the version, and the IDs in the
// path.
func (m *model) find(version, method, path string) (e *endpoint, ids []string) {
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
		if e.method != method || len(e.segments) != len(segments) || e.version != version && (e.version != "both" || version == "sign-in") {
			continue
		}
		ids = ids[:0]
		fits := true
		for i, s := range e.segments {
			if s == "{id}" {
				ids = append(ids, segments[i])
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

// Endpoints returns the labels of the Graph endpoints, such as "GET
// /users/{id}", in version 1.0 and in beta.
func Endpoints() (v1, beta []string) {
	for _, e := range written().endpoints {
		label := e.method + " " + e.path
		if e.version == "both" {
			v1 = append(v1, label)
		}
		if e.version != "sign-in" {
			beta = append(beta, label)
		}
	}
	return v1, beta
}
