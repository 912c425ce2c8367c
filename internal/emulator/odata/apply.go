package odata

import (
	"slices"
	"strings"
)

// Aggregation is the only form of $apply in the documentation of Graph:
// groupby((skuId),aggregate(consumedUnits with sum as total)). See OData
// Extension for Data Aggregation Version 4.0, section 3.
type Aggregation struct {
	By   []string
	Sums []Sum
}

// Sum is the sum of a property with its alias.
type Sum struct{ Of, As string }

// ParseApply parses an $apply. The names of the result are unique.
func ParseApply(text string) (*Aggregation, error) {
	p := newParser(text)
	a := &Aggregation{}
	p.keyword("groupby")
	p.must("(")
	p.must("(")
	for more := true; more; more = p.take(",") {
		at := p.tok.at
		name := p.path("a property")
		if slices.Contains(a.By, name) {
			p.fail(at, "each property once")
		}
		a.By = append(a.By, name)
	}
	p.must(")")
	p.must(",")
	p.keyword("aggregate")
	p.must("(")
	for more := true; more; more = p.take(",") {
		s := Sum{Of: p.path("a property")}
		p.keyword("with")
		p.keyword("sum")
		p.keyword("as")
		at := p.tok.at
		s.As = p.name("a name for the sum")
		if slices.Contains(a.By, s.As) || slices.ContainsFunc(a.Sums, func(other Sum) bool { return other.As == s.As }) {
			p.fail(at, "a name that is not used already")
		}
		a.Sums = append(a.Sums, s)
	}
	p.must(")")
	p.must(")")
	if err := p.result(); err != nil {
		return nil, err
	}
	return a, nil
}

func (a *Aggregation) String() string {
	var sums []string
	for _, s := range a.Sums {
		sums = append(sums, s.Of+" with sum as "+s.As)
	}
	return "groupby((" + strings.Join(a.By, ",") + "),aggregate(" + strings.Join(sums, ",") + "))"
}
