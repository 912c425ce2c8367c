package limits

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/lexer"
	"github.com/vektah/gqlparser/v2/parser"
)

// checkDocument returns the first limit that the document exceeds by its shape. All operations count, including those
// that are not executed, because validation processes them all.
func checkDocument(query string, limits Limits) *exceeded {
	if e := checkTokens(query, limits); e != nil {
		return e
	}
	document, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: query}, limits.Tokens)
	if err != nil {
		return nil
	}
	if n := len(document.Fragments); n > limits.Fragments {
		return &exceeded{limit: limitFragments, measured: n, allowed: limits.Fragments}
	}
	if n := len(document.Operations); n > limits.Operations {
		return &exceeded{limit: limitOperations, measured: n, allowed: limits.Operations}
	}
	for _, operation := range document.Operations {
		if n := len(operation.VariableDefinitions); n > limits.Variables {
			return &exceeded{limit: limitVariables, measured: n, allowed: limits.Variables}
		}
	}

	m := newMeasurer(document)
	whole := m.document(document)
	if m.cycle {
		return &exceeded{limit: limitFragmentCycle, measured: 1, allowed: 0}
	}
	for _, check := range []exceeded{
		{limit: limitDepth, measured: whole.depth, allowed: limits.Depth},
		{limit: limitWidth, measured: whole.widest, allowed: limits.Width},
		{limit: limitRootFields, measured: whole.width, allowed: limits.RootFields},
		{limit: limitFields, measured: whole.fields, allowed: limits.Fields},
		{limit: limitAliases, measured: whole.aliases, allowed: limits.Aliases},
		{limit: limitDirectives, measured: whole.directives, allowed: limits.Directives},
	} {
		if check.measured > check.allowed {
			return &check
		}
	}
	// With few fields, the expansion is affordable.
	if n := m.merged(document); n > limits.Width {
		return &exceeded{limit: limitWidth, measured: n, allowed: limits.Width}
	}
	return nil
}

// checkTokens counts tokens up to the limit. A text that is not GraphQL has no tokens after the error.
func checkTokens(query string, limits Limits) *exceeded {
	if !utf8.ValidString(query) {
		return &exceeded{limit: limitEncoding, measured: 1, allowed: 0}
	}
	l := lexer.New(&ast.Source{Input: query})
	for range limits.Tokens {
		token, err := l.ReadToken()
		if err != nil {
			return nil
		}
		switch token.Kind {
		case lexer.EOF:
			return nil
		case lexer.Name:
			if n := len(token.Value); n > limits.NameBytes {
				return &exceeded{limit: limitNames, measured: n, allowed: limits.NameBytes}
			}
		case lexer.Int, lexer.Float:
			if n := len(token.Value); n > numberBytes {
				return &exceeded{limit: limitNumber, measured: n, allowed: numberBytes}
			}
			if !fits(token) {
				return &exceeded{limit: limitMagnitude, measured: 1, allowed: 0}
			}
		case lexer.String, lexer.BlockString:
			if n := len(token.Value); n > limits.StringBytes {
				return &exceeded{limit: limitString, measured: n, allowed: limits.StringBytes}
			}
			if n := strings.Count(token.Value, "\x00"); n > 0 {
				return &exceeded{limit: limitNUL, measured: n, allowed: 0}
			}
		}
	}
	if token, err := l.ReadToken(); err != nil || token.Kind == lexer.EOF {
		return nil
	}
	return &exceeded{limit: limitTokens, measured: limits.Tokens + 1, allowed: limits.Tokens}
}

// fits reports whether gqlparser can represent a number. It does not validate arguments of custom scalars.
func fits(token lexer.Token) bool {
	if token.Kind == lexer.Int {
		_, err := strconv.ParseInt(token.Value, 10, 64)
		return err == nil
	}
	_, err := strconv.ParseFloat(token.Value, 64)
	return err == nil
}

// shape are the counts of a selection set with expanded fragments.
type shape struct {
	depth      int // fields on the longest path to a leaf
	width      int // fields of the set
	widest     int // maximum width of this set and nested sets
	fields     int
	aliases    int
	directives int
}

// merge adds a part of the same selection set.
func (s *shape) merge(part shape) {
	s.width = sum(s.width, part.width)
	s.within(part)
}

// within adds a nested selection set, without its width.
func (s *shape) within(part shape) {
	s.depth = max(s.depth, part.depth)
	s.widest = max(s.widest, part.widest)
	s.fields = sum(s.fields, part.fields)
	s.aliases = sum(s.aliases, part.aliases)
	s.directives = sum(s.directives, part.directives)
}

// measurer counts the fields of one document. It visits each selection once.
type measurer struct {
	definitions map[string]*ast.FragmentDefinition
	shapes      map[*ast.FragmentDefinition]*shape // nil during counting
	spread      map[*ast.FragmentDefinition]bool   // fragments that are spread
	cycle       bool                               // a fragment spreads itself
	visited     int                                // visited selections, for tests
	written     int                                // visited selections in expanded fragments
}

func newMeasurer(document *ast.QueryDocument) *measurer {
	m := &measurer{
		definitions: make(map[string]*ast.FragmentDefinition, len(document.Fragments)),
		shapes:      make(map[*ast.FragmentDefinition]*shape, len(document.Fragments)),
		spread:      make(map[*ast.FragmentDefinition]bool, len(document.Fragments)),
	}
	for _, definition := range document.Fragments {
		if m.definitions[definition.Name] == nil {
			m.definitions[definition.Name] = definition
		}
	}
	return m
}

// document returns the maximum values over operations and fragments, and the total fields of all operations. An unused
// fragment counts, because validation processes it; its width does not count as root fields.
func (m *measurer) document(document *ast.QueryDocument) shape {
	var whole shape
	fields := 0
	for _, operation := range document.Operations {
		s := m.set(operation.SelectionSet)
		fields = sum(fields, s.fields)
		s.directives = sum(s.directives, len(operation.Directives))
		for _, variable := range operation.VariableDefinitions {
			s.directives = sum(s.directives, len(variable.Directives))
		}
		whole.larger(s)
	}
	for _, definition := range document.Fragments {
		s := m.fragment(definition)
		s.width = 0
		whole.larger(s)
	}
	whole.fields = max(whole.fields, fields)
	return whole
}

// larger sets each value to the maximum of both shapes.
func (s *shape) larger(other shape) {
	s.depth = max(s.depth, other.depth)
	s.width = max(s.width, other.width)
	s.widest = max(s.widest, other.widest)
	s.fields = max(s.fields, other.fields)
	s.aliases = max(s.aliases, other.aliases)
	s.directives = max(s.directives, other.directives)
}

func (m *measurer) set(selections ast.SelectionSet) shape {
	var s shape
	for _, selection := range selections {
		m.visited++
		switch selection := selection.(type) {
		case *ast.Field:
			s.field(selection, m.set(selection.SelectionSet))
		case *ast.InlineFragment:
			s.directives = sum(s.directives, len(selection.Directives))
			s.merge(m.set(selection.SelectionSet))
		case *ast.FragmentSpread:
			s.directives = sum(s.directives, len(selection.Directives))
			definition := m.definitions[selection.Name]
			m.spread[definition] = true
			s.fields = sum(s.fields, 1) // limits spreads of empty fragments
			s.merge(m.fragment(definition))
		}
	}
	s.widest = max(s.widest, s.width)
	return s
}

// field adds a field with its selection set.
func (s *shape) field(field *ast.Field, below shape) {
	s.width = sum(s.width, 1)
	s.fields = sum(s.fields, 1)
	if field.Alias != field.Name {
		s.aliases = sum(s.aliases, 1)
	}
	s.directives = sum(s.directives, len(field.Directives))
	below.depth = sum(below.depth, 1)
	s.within(below)
}

// fragment counts a fragment on first use. An undefined fragment counts as empty; validation reports it.
func (m *measurer) fragment(definition *ast.FragmentDefinition) shape {
	if definition == nil {
		return shape{}
	}
	known, started := m.shapes[definition]
	switch {
	case known != nil:
		return *known
	case started:
		m.cycle = true
		return shape{}
	}
	m.shapes[definition] = nil
	s := m.set(definition.SelectionSet)
	s.directives = sum(s.directives, len(definition.Directives))
	m.shapes[definition] = &s
	return s
}

// merged returns the maximum width of the selection sets after fields with the same response name are merged, as in
// execution: 9 times user{…} with 190 fields are one set of 1,710, whose fields validation compares pairwise. It takes
// time proportional to the number of fields with expanded fragments, so that number must be limited first.
func (m *measurer) merged(document *ast.QueryDocument) int {
	widest := 0
	for _, operation := range document.Operations {
		widest = max(widest, m.mergedSet(operation.SelectionSet))
	}
	for _, definition := range document.Fragments {
		if !m.spread[definition] {
			widest = max(widest, m.mergedSet(definition.SelectionSet))
		}
	}
	return widest
}

func (m *measurer) mergedSet(sets ...ast.SelectionSet) int {
	below := map[string][]ast.SelectionSet{} // by response name
	width := 0
	var collect func(ast.SelectionSet)
	collect = func(selections ast.SelectionSet) {
		for _, selection := range selections {
			m.written++
			switch selection := selection.(type) {
			case *ast.Field:
				width++
				if len(selection.SelectionSet) > 0 {
					below[selection.Alias] = append(below[selection.Alias], selection.SelectionSet)
				}
			case *ast.InlineFragment:
				collect(selection.SelectionSet)
			case *ast.FragmentSpread:
				if definition := m.definitions[selection.Name]; definition != nil {
					collect(definition.SelectionSet)
				}
			}
		}
	}
	for _, set := range sets {
		collect(set)
	}
	widest := width
	for _, equal := range below {
		widest = max(widest, m.mergedSet(equal...))
	}
	return widest
}
