package odata

import "strings"

// ParseSelect parses a $select: paths, or *.
func ParseSelect(text string) ([]string, error) {
	p := newParser(text)
	list := p.names()
	if err := p.result(); err != nil {
		return nil, err
	}
	return list, nil
}

func (p *parser) names() []string {
	var list []string
	for {
		if p.take("*") {
			p.count()
			list = append(list, "*")
		} else {
			list = append(list, p.path("a property"))
		}
		if !p.take(",") {
			return list
		}
	}
}

// Order is one property of $orderby.
type Order struct {
	Path       string
	Descending bool
}

// ParseOrderBy parses an $orderby.
func ParseOrderBy(text string) ([]Order, error) {
	p := newParser(text)
	list := p.orders()
	if err := p.result(); err != nil {
		return nil, err
	}
	return list, nil
}

func (p *parser) orders() []Order {
	var list []Order
	for {
		o := Order{Path: p.path("a property")}
		if p.tok.kind == word {
			switch p.tok.text {
			case "desc":
				o.Descending = true
			case "asc":
			default:
				p.expected("asc or desc")
			}
			p.advance()
		}
		list = append(list, o)
		if !p.take(",") {
			return list
		}
	}
}

// OrderString formats an $orderby.
func OrderString(list []Order) string {
	var parts []string
	for _, o := range list {
		if o.Descending {
			o.Path += " desc"
		}
		parts = append(parts, o.Path)
	}
	return strings.Join(parts, ",")
}
