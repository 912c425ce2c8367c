package odata

import (
	"slices"
	"strings"
)

// Op is the operator or function of a node of a filter.
type Op uint8

// The operators and functions of $filter.
const (
	And Op = iota
	Or
	Not
	Eq
	Ne
	Gt
	Ge
	Lt
	Le
	In
	StartsWith
	EndsWith
	Contains
	Any
)

var opNames = [...]string{"and", "or", "not", "eq", "ne", "gt", "ge", "lt", "le", "in", "startswith", "endswith", "contains", "any"}

func (o Op) String() string { return opNames[o] }

// Filter is a $filter, or a node of one, see OData Version 4.01 Part 2: URL
// Conventions, sections 5.1.1.1 (operators), 5.1.1.5 (functions) and 5.1.1.13
// (lambda operators).
type Filter struct {
	Op       Op
	Path     string    // the left operand, such as assignedLicenses/$count; for Any the collection
	Variable string    // for Any; paths inside start with it
	Values   []Literal // one, but for In at least one
	Kids     []*Filter // at least two for And and Or, one for Not, at most one for Any
}

// ParseFilter parses a $filter. Logical operators and functions are
// case-insensitive, as on pages of Graph; other operators must be in lower
// case.
func ParseFilter(text string) (*Filter, error) {
	p := newParser(text)
	f := p.or()
	if err := p.result(); err != nil {
		return nil, err
	}
	return f, nil
}

func (p *parser) or() *Filter  { return p.chain(Or, p.and) }
func (p *parser) and() *Filter { return p.chain(And, p.unary) }

func (p *parser) chain(op Op, operand func() *Filter) *Filter {
	first := operand()
	if !p.is(op.String()) {
		return first
	}
	f := &Filter{Op: op, Kids: []*Filter{first}}
	for p.is(op.String()) {
		p.count()
		p.advance()
		f.Kids = append(f.Kids, operand())
	}
	return f
}

func (p *parser) unary() *Filter {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	p.count()
	function := func(op Op) bool { return p.is(op.String()) && p.opens() }
	switch {
	case p.take("("):
		f := p.or()
		p.must(")")
		return f
	case p.is("not"):
		p.advance()
		at := p.tok.at
		bare := p.tok.kind != mark
		f := p.unary()
		if f != nil && bare && f.Op >= Eq && f.Op <= In { // not has a higher precedence than a comparison
			p.fail(at, "'(', a function or any behind not")
		}
		return &Filter{Op: Not, Kids: []*Filter{f}}
	case function(StartsWith):
		return p.function(StartsWith)
	case function(EndsWith):
		return p.function(EndsWith)
	case function(Contains):
		return p.function(Contains)
	case p.tok.kind == word && p.opens():
		p.expected("a function that is supported")
		return nil
	}
	path := p.path("a property, a function or '('")
	if p.tok.kind == word && p.tok.text == "any" && p.opens() {
		return p.any(path)
	}
	return p.comparison(path)
}

// function parses startswith(displayName,'A').
func (p *parser) function(op Op) *Filter {
	p.advance()
	p.must("(")
	f := &Filter{Op: op, Path: p.path("a property")}
	p.must(",")
	if p.err == nil && (p.tok.kind != literal || p.tok.value.Kind != String) {
		p.expected("a text in quotes")
	}
	f.Values = []Literal{p.literal()}
	p.must(")")
	return f
}

// any parses any(s:s/planId eq …) after the collection.
func (p *parser) any(collection string) *Filter {
	p.advance()
	p.must("(")
	f := &Filter{Op: Any, Path: collection}
	if p.take(")") {
		return f
	}
	at := p.tok.at
	f.Variable = p.name("a range variable")
	if slices.Contains(p.vars, f.Variable) {
		p.fail(at, "another name for the range variable")
	}
	p.must(":")
	p.vars = append(p.vars, f.Variable)
	f.Kids = []*Filter{p.or()}
	p.vars = p.vars[:len(p.vars)-1]
	p.must(")")
	return f
}

// comparison parses eq …, in (…) and other comparisons after the property.
func (p *parser) comparison(path string) *Filter {
	i := -1
	if p.tok.kind == word {
		i = slices.Index(opNames[:In+1], p.tok.text)
	}
	if i < int(Eq) {
		p.expected("eq, ne, gt, ge, lt, le or in")
		return nil
	}
	f := &Filter{Op: Op(i), Path: path}
	p.advance()
	if f.Op != In {
		f.Values = []Literal{p.literal()}
		return f
	}
	p.must("(")
	f.Values = append(f.Values, p.literal())
	for p.take(",") {
		f.Values = append(f.Values, p.literal())
	}
	p.must(")")
	return f
}

func (f *Filter) String() string {
	var b strings.Builder
	f.write(&b)
	return b.String()
}

func (f *Filter) write(b *strings.Builder) {
	switch f.Op {
	case And, Or:
		for i, kid := range f.Kids {
			if i > 0 {
				b.WriteString(" " + f.Op.String() + " ")
			}
			if kid.Op == Or || kid.Op == f.Op {
				kid.wrap(b)
			} else {
				kid.write(b)
			}
		}
	case Not:
		b.WriteString("not ")
		f.Kids[0].wrap(b)
	case Any:
		b.WriteString(f.Path + "/any(")
		if f.Kids != nil {
			b.WriteString(f.Variable + ":")
			f.Kids[0].write(b)
		}
		b.WriteByte(')')
	case StartsWith, EndsWith, Contains:
		b.WriteString(f.Op.String() + "(" + f.Path + "," + f.Values[0].String() + ")")
	case In:
		b.WriteString(f.Path + " in (")
		for i, v := range f.Values {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(v.String())
		}
		b.WriteByte(')')
	default:
		b.WriteString(f.Path + " " + f.Op.String() + " " + f.Values[0].String())
	}
}

func (f *Filter) wrap(b *strings.Builder) {
	b.WriteByte('(')
	f.write(b)
	b.WriteByte(')')
}

// Clauses returns the number of comparisons. Each value of In counts as one.
func (f *Filter) Clauses() int {
	if f.Kids == nil {
		return max(len(f.Values), 1)
	}
	sum := 0
	for _, kid := range f.Kids {
		sum += kid.Clauses()
	}
	return sum
}
