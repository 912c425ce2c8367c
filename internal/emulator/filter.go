package emulator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

const (
	maxFilterLength = 8 << 10
	maxFilterDepth  = 32
	maxValues       = 15  // values of in, or clauses joined with or, without advanced query
	maxValueLength  = 120 // of a text compared on a directory property
	maxAdvanced     = 2048
)

// node is a $filter, or a part of one.
type node struct {
	op     string // and or not eq ne in startswith endswith any
	path   string // the property; of any: the collection
	values []literal
	kids   []*node
}

type literalKind uint8

const (
	text literalKind = iota
	guidLiteral
	boolean
	number
	null
)

type literal struct {
	kind literalKind
	text string // without quotes; lower case unless a text
}

// parser reads the part of OData's filter language (OData Version 4.01 Part 2:
// URL Conventions, section 5.1.1) that some endpoint documents.
type parser struct {
	rest  string
	depth int
}

func parseFilter(s string) (*node, error) {
	if len(s) > maxFilterLength {
		return nil, errors.New("the expression is too long")
	}
	p := &parser{rest: s}
	n, err := p.or()
	if err != nil {
		return nil, err
	}
	if p.skip(); p.rest != "" {
		return nil, fmt.Errorf("syntax error at '%.40s'", p.rest)
	}
	return n, nil
}

func (p *parser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

// take consumes a punctuation mark.
func (p *parser) take(mark string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, mark)
	if ok {
		p.rest = rest
	}
	return ok
}

// peek is the next word, not consumed.
func (p *parser) peek() string {
	p.skip()
	end := strings.IndexFunc(p.rest, func(r rune) bool {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		return !letter && !strings.ContainsRune("_./$-", r)
	})
	if end < 0 {
		return p.rest
	}
	return p.rest[:end]
}

func (p *parser) word() string {
	w := p.peek()
	p.rest = p.rest[len(w):]
	return w
}

func (p *parser) or() (*node, error)  { return p.chain("or", p.and) }
func (p *parser) and() (*node, error) { return p.chain("and", p.unary) }

func (p *parser) chain(op string, operand func() (*node, error)) (*node, error) {
	first, err := operand()
	if err != nil || p.peek() != op {
		return first, err
	}
	n := &node{op: op, kids: []*node{first}}
	for p.peek() == op {
		p.word()
		kid, err := operand()
		if err != nil {
			return nil, err
		}
		n.kids = append(n.kids, kid)
	}
	return n, nil
}

func (p *parser) unary() (*node, error) {
	if p.depth++; p.depth > maxFilterDepth {
		return nil, errors.New("the expression is nested too deeply")
	}
	defer func() { p.depth-- }()
	if p.take("(") {
		n, err := p.or()
		if err == nil && !p.take(")") {
			err = fmt.Errorf("expected ')' at '%.40s'", p.rest)
		}
		return n, err
	}
	switch name := p.word(); name {
	case "":
		return nil, fmt.Errorf("syntax error at '%.40s'", p.rest)
	case "not":
		kid, err := p.unary()
		return &node{op: "not", kids: []*node{kid}}, err
	case "startswith", "endswith":
		return p.function(name)
	default:
		if collection, ok := strings.CutSuffix(name, "/any"); ok {
			return p.any(collection)
		}
		return p.comparison(name)
	}
}

// function reads "startswith(displayName,'A')" from behind the name.
func (p *parser) function(name string) (*node, error) {
	if !p.take("(") {
		return nil, fmt.Errorf("expected '(' after %s", name)
	}
	n := &node{op: name, path: p.word()}
	if n.path == "" || !p.take(",") {
		return nil, fmt.Errorf("%s needs a property and a text", name)
	}
	v, err := p.literal()
	if err != nil {
		return nil, err
	}
	if v.kind != text || !p.take(")") {
		return nil, fmt.Errorf("%s needs a property and a text", name)
	}
	n.values = []literal{v}
	return n, nil
}

// any reads "services/any(c:c/planId eq …)" from behind "any".
func (p *parser) any(collection string) (*node, error) {
	if !p.take("(") {
		return nil, errors.New("expected '(' after any")
	}
	variable := p.word()
	if variable == "" || !p.take(":") {
		return nil, errors.New("any needs a range variable")
	}
	member, ok := strings.CutPrefix(p.word(), variable+"/")
	if !ok {
		return nil, fmt.Errorf("the body of any must be about '%s/…'", variable)
	}
	kid, err := p.comparison(member)
	if err != nil {
		return nil, err
	}
	if !p.take(")") {
		return nil, fmt.Errorf("expected ')' at '%.40s'", p.rest)
	}
	return &node{op: "any", path: collection + "/" + member, kids: []*node{kid}}, nil
}

// comparison reads "eq …", "ne …" or "in (…)" from behind the property.
func (p *parser) comparison(path string) (*node, error) {
	n := &node{path: path, op: p.word()}
	switch n.op {
	case "eq", "ne":
		v, err := p.literal()
		n.values = []literal{v}
		return n, err
	case "in":
		if !p.take("(") {
			return nil, errors.New("expected '(' after in")
		}
		for {
			v, err := p.literal()
			if err != nil {
				return nil, err
			}
			n.values = append(n.values, v)
			if p.take(")") {
				return n, nil
			}
			if !p.take(",") {
				return nil, fmt.Errorf("expected ',' or ')' at '%.40s'", p.rest)
			}
		}
	case "":
		return nil, fmt.Errorf("an operator is missing after '%s'", path)
	default:
		return nil, fmt.Errorf("operator '%.40s' is not supported", n.op)
	}
}

func (p *parser) literal() (literal, error) {
	if p.take("'") {
		var b strings.Builder
		for {
			part, rest, closed := strings.Cut(p.rest, "'")
			if !closed {
				return literal{}, errors.New("there is an unterminated string literal")
			}
			b.WriteString(part)
			if p.rest = rest; !strings.HasPrefix(rest, "'") {
				return literal{text, b.String()}, nil
			}
			b.WriteByte('\'') // Two quotes stand for one.
			p.rest = rest[1:]
		}
	}
	w := p.word()
	if g, ok := parseGUID(w); ok {
		return literal{guidLiteral, g.String()}, nil
	}
	switch {
	case w == "true", w == "false":
		return literal{boolean, w}, nil
	case w == "null":
		return literal{null, w}, nil
	case w != "" && strings.Trim(w, "0123456789") == "":
		return literal{number, w}, nil
	}
	return literal{}, fmt.Errorf("invalid literal at '%.40s'", w+p.rest)
}

// field says how a property can be filtered.
type field struct {
	kind     literalKind
	ops      string // operators, with blanks between; any:eq is an eq inside any, eq:null one with null
	advanced string // operators that need an advanced query
}

// rules say which filters an endpoint takes.
type rules struct {
	fields    map[string]field
	or        bool // not only and, but or and not
	maxLength int  // of a text; 0 = any
}

// errNotAdvanced is what the service says when a filter needs more than the
// default query capabilities.
var errNotAdvanced = errors.New("operator not supported because the required parameters might be missing: try adding $count=true to the query and ConsistencyLevel:eventual to the header")

// check says what is wrong with n at an endpoint with these rules.
func (r rules) check(n *node, advanced bool) error {
	switch n.op {
	case "and", "or", "not":
		if n.op != "and" && !r.or {
			return fmt.Errorf("operator '%s' is not supported", n.op)
		}
		if n.op == "not" && !advanced {
			return errNotAdvanced
		}
		for _, kid := range n.kids {
			if err := r.check(kid, advanced); err != nil {
				return err
			}
		}
		if n.op == "or" && !advanced && n.clauses() > maxValues {
			return fmt.Errorf("too many child clauses specified in search filter expression containing 'OR' operators: %d. Max allowed: %d", n.clauses(), maxValues)
		}
		return nil
	}
	f, ok := r.fields[n.path]
	op, values := n.op, n.values
	if op == "any" {
		op, values = "any:"+n.kids[0].op, n.kids[0].values
	}
	toNull := (op == "eq" || op == "ne") && values[0].kind == null
	if toNull {
		op += ":null"
	}
	switch {
	case !ok:
		return fmt.Errorf("property '%s' does not exist or is not filterable", n.path)
	case slices.Contains(strings.Fields(f.ops), op):
	case !slices.Contains(strings.Fields(f.advanced), op):
		return fmt.Errorf("operator '%s' is not supported for property '%s'", n.op, n.path)
	case !advanced:
		return errNotAdvanced
	}
	if len(values) > maxValues && !advanced {
		return fmt.Errorf("too many child clauses specified in search filter expression containing 'OR' operators: %d. Max allowed: %d", len(values), maxValues)
	}
	for _, v := range values {
		if v.kind != f.kind && !toNull {
			return fmt.Errorf("a literal does not fit the type of property '%s'", n.path)
		}
		if r.maxLength > 0 && len(v.text) > r.maxLength {
			return fmt.Errorf("a value is longer than %d characters", r.maxLength)
		}
	}
	return nil
}

// clauses counts the comparisons in n, each value of in as one.
func (n *node) clauses() int {
	if n.kids == nil {
		return max(len(n.values), 1)
	}
	sum := 0
	for _, kid := range n.kids {
		sum += kid.clauses()
	}
	return sum
}

// match says whether what get knows satisfies n. It gives the texts of a
// property: one, or those of a collection.
func (n *node) match(get func(path string) []string) bool {
	switch n.op {
	case "and":
		return !slices.ContainsFunc(n.kids, func(k *node) bool { return !k.match(get) })
	case "or":
		return slices.ContainsFunc(n.kids, func(k *node) bool { return k.match(get) })
	case "not":
		return !n.kids[0].match(get)
	case "any":
		kid := *n.kids[0]
		return slices.ContainsFunc(get(n.path), func(s string) bool { return kid.compare(s) })
	}
	got := get(n.path)
	switch {
	case n.values[0].kind == null:
		return (len(got) == 0) == (n.op == "eq")
	case len(got) == 0:
		return n.op == "ne"
	}
	return n.compare(got[0])
}

// compare ignores case, as the directory does.
func (n *node) compare(s string) bool {
	switch n.op {
	case "ne":
		return !strings.EqualFold(s, n.values[0].text)
	case "startswith":
		return strings.HasPrefix(strings.ToLower(s), strings.ToLower(n.values[0].text))
	case "endswith":
		return strings.HasSuffix(strings.ToLower(s), strings.ToLower(n.values[0].text))
	default: // eq, in
		return slices.ContainsFunc(n.values, func(v literal) bool { return strings.EqualFold(s, v.text) })
	}
}
