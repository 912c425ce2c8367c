package odata

import "strings"

// Search is a $search of directory objects, or a node of one.
type Search struct {
	Op       Op       // And or Or, for a node with Kids
	Kids     []Search // none: a clause
	Property string
	Text     string // the search text, without quotes and escapes
}

// ParseSearch parses a $search: clauses "property:text", with AND, OR and
// parentheses. AND has the higher precedence. See Microsoft Learn, "Use the
// $search query parameter".
func ParseSearch(text string) (*Search, error) {
	p := newParser(text)
	s := p.search(Or)
	if err := p.result(); err != nil {
		return nil, err
	}
	return &s, nil
}

func (p *parser) search(op Op) Search {
	operand := p.clause
	if op == Or {
		operand = func() Search { return p.search(And) }
	}
	s := operand()
	joined := func() bool { return p.tok.kind == word && p.tok.text == strings.ToUpper(op.String()) }
	if !joined() {
		return s
	}
	s = Search{Op: op, Kids: []Search{s}}
	for joined() {
		p.advance()
		s.Kids = append(s.Kids, operand())
	}
	return s
}

func (p *parser) clause() Search {
	if !p.enter() {
		return Search{}
	}
	defer p.leave()
	p.count()
	if p.take("(") {
		s := p.search(Or)
		p.must(")")
		return s
	}
	property, text, ok := strings.Cut(p.tok.text, ":")
	if p.tok.kind != phrase || !ok || !isName(property) || strings.Trim(text, blanks) == "" {
		p.expected(`"property:text"`)
		return Search{}
	}
	p.advance()
	return Search{Property: property, Text: text}
}

func isName(s string) bool {
	for i := range len(s) {
		if !letter(s[i]) && (i == 0 || !digit(s[i])) {
			return false
		}
	}
	return s != ""
}

var phraseEscapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`)

func (s *Search) String() string {
	if s.Kids == nil {
		return `"` + s.Property + ":" + phraseEscapes.Replace(s.Text) + `"`
	}
	var parts []string
	for i := range s.Kids {
		part := s.Kids[i].String()
		if kid := &s.Kids[i]; kid.Kids != nil && (kid.Op == Or || kid.Op == s.Op) {
			part = "(" + part + ")"
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, " "+strings.ToUpper(s.Op.String())+" ")
}

// Clauses calls yield with each clause until it returns false. It reports
// whether yield always returned true.
func (s *Search) Clauses(yield func(*Search) bool) bool {
	if s.Kids == nil {
		return yield(s)
	}
	for i := range s.Kids {
		if !s.Kids[i].Clauses(yield) {
			return false
		}
	}
	return true
}
