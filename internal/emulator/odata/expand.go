package odata

import (
	"slices"
	"strconv"
	"strings"
)

// Expansion is one relation of $expand with its nested options, see OData
// Version 4.01 Part 2: URL Conventions, section 5.1.3.
type Expansion struct {
	Path    string
	Select  []string
	Filter  *Filter
	Expand  []Expansion
	OrderBy []Order
	Top     *int
	Skip    *int
	Count   *bool
	Levels  int // 0: absent; max is [MaxLevels]
}

// MaxLevels is the maximum of $levels.
const MaxLevels = 1000

// ParseExpand parses an $expand such as
// assignedTo,allotment($select=id;$top=5). A relation can occur only once.
// $ref, $count and * are not supported.
func ParseExpand(text string) ([]Expansion, error) {
	p := newParser(text)
	list := p.expansions()
	if err := p.result(); err != nil {
		return nil, err
	}
	return list, nil
}

func (p *parser) expansions() []Expansion {
	if !p.enter() {
		return nil
	}
	defer p.leave()
	var list []Expansion
	for {
		at := p.tok.at
		x := Expansion{Path: p.path("a relation")}
		if strings.HasSuffix(x.Path, "/$count") || slices.ContainsFunc(list, func(y Expansion) bool { return y.Path == x.Path }) {
			p.fail(at, "a relation that is not named already, without $count")
		}
		if p.take("(") {
			p.nested(&x)
			for p.take(";") {
				p.nested(&x)
			}
			p.must(")")
		}
		list = append(list, x)
		if !p.take(",") {
			return list
		}
	}
}

// nested parses one nested option.
func (p *parser) nested(x *Expansion) {
	p.count()
	at, name := p.tok.at, p.tok.text
	if p.tok.kind != system {
		p.expected("an option such as $select")
		return
	}
	p.advance()
	p.must("=")
	twice := false
	switch name {
	case "$select":
		twice = x.Select != nil
		x.Select = p.names()
	case "$filter":
		twice = x.Filter != nil
		x.Filter = p.or()
	case "$expand":
		twice = x.Expand != nil
		x.Expand = p.expansions()
	case "$orderby":
		twice = x.OrderBy != nil
		x.OrderBy = p.orders()
	case "$top":
		twice = x.Top != nil
		x.Top = p.number()
	case "$skip":
		twice = x.Skip != nil
		x.Skip = p.number()
	case "$count":
		twice = x.Count != nil
		value := p.tok.at
		if v := p.literal(); v.Kind == Bool {
			yes := v.Text == "true"
			x.Count = &yes
		} else {
			p.fail(value, "true or false")
		}
	case "$levels":
		twice = x.Levels != 0
		value := p.tok.at
		if p.is("max") {
			p.advance()
			x.Levels = MaxLevels
		} else if n := p.number(); n != nil {
			x.Levels = *n
		}
		if x.Levels < 1 || x.Levels > MaxLevels {
			p.fail(value, "max or a number between 1 and 1000")
		}
	default:
		p.fail(at, "$select, $filter, $expand, $orderby, $top, $skip, $count or $levels")
	}
	if twice {
		p.fail(at, "each option once")
	}
}

func (p *parser) number() *int {
	at := p.tok.at
	if v := p.literal(); v.Kind == Int {
		if n, err := Number(v.Text); err == nil {
			return &n
		}
	}
	p.fail(at, "a whole number")
	return nil
}

// Plain reports whether the relation has no nested options.
func (x *Expansion) Plain() bool { return x.options() == "" }

func (x *Expansion) options() string {
	var list []string
	add := func(name, value string) { list = append(list, name+"="+value) }
	if x.Select != nil {
		add("$select", strings.Join(x.Select, ","))
	}
	if x.Filter != nil {
		add("$filter", x.Filter.String())
	}
	if x.Expand != nil {
		add("$expand", ExpandString(x.Expand))
	}
	if x.OrderBy != nil {
		add("$orderby", OrderString(x.OrderBy))
	}
	if x.Top != nil {
		add("$top", strconv.Itoa(*x.Top))
	}
	if x.Skip != nil {
		add("$skip", strconv.Itoa(*x.Skip))
	}
	if x.Count != nil {
		add("$count", strconv.FormatBool(*x.Count))
	}
	if x.Levels != 0 {
		add("$levels", strconv.Itoa(x.Levels))
	}
	return strings.Join(list, ";")
}

// ExpandString formats an $expand.
func ExpandString(list []Expansion) string {
	var parts []string
	for _, x := range list {
		if options := x.options(); options != "" {
			parts = append(parts, x.Path+"("+options+")")
		} else {
			parts = append(parts, x.Path)
		}
	}
	return strings.Join(parts, ",")
}
