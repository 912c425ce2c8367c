package emulator

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"licensegraph/internal/emulator/tenant"
)

const maxApplyLength = 2 << 10

// aggregation is the one form of $apply that is documented, such as
// groupby((skuId,skuPartNumber),aggregate(consumedUnits with sum as total)).
type aggregation struct {
	by   []string
	sums []sum
}

type sum struct{ of, as string }

var (
	groupable = []string{"id", "skuId", "skuPartNumber", "assignableTo", "allottedUnits", "consumedUnits"}
	summable  = []string{"allottedUnits", "consumedUnits"}
)

func parseApply(s string) (*aggregation, error) {
	if len(s) > maxApplyLength {
		return nil, errors.New("the expression is too long")
	}
	p := &parser{rest: s}
	a := &aggregation{}
	named := func(name string) error {
		taken := slices.Contains(a.by, name) || slices.ContainsFunc(a.sums, func(s sum) bool { return s.as == name })
		if name == "" || taken {
			return fmt.Errorf("the name '%.40s' is missing or used twice", name)
		}
		return nil
	}
	expect := func(words ...string) error {
		for _, w := range words {
			if len(w) == 1 && !p.take(w) || len(w) > 1 && p.word() != w {
				return fmt.Errorf("expected '%s' at '%.40s'", w, p.rest)
			}
		}
		return nil
	}
	if err := expect("groupby", "(", "("); err != nil {
		return nil, err
	}
	for more := true; more; more = p.take(",") {
		name := p.word()
		if err := named(name); err != nil {
			return nil, err
		}
		if !slices.Contains(groupable, name) {
			return nil, fmt.Errorf("allotments cannot be grouped by '%.40s'", name)
		}
		a.by = append(a.by, name)
	}
	if err := expect(")", ",", "aggregate", "("); err != nil {
		return nil, err
	}
	for more := true; more; more = p.take(",") {
		of := p.word()
		if !slices.Contains(summable, of) {
			return nil, fmt.Errorf("'%.40s' cannot be summed", of)
		}
		if err := expect("with", "sum", "as"); err != nil {
			return nil, err
		}
		as := p.word()
		if strings.ContainsAny(as, "./$-") || as != "" && as[0] >= '0' && as[0] <= '9' {
			return nil, fmt.Errorf("'%.40s' cannot be a name", as)
		}
		if err := named(as); err != nil {
			return nil, err
		}
		if _, ok := allotmentType.props[as]; ok {
			return nil, fmt.Errorf("'%s' is a property of '%s'", as, allotmentTypeName)
		}
		a.sums = append(a.sums, sum{of, as})
	}
	if err := expect(")", ")"); err != nil {
		return nil, err
	}
	if p.skip(); p.rest != "" {
		return nil, fmt.Errorf("syntax error at '%.40s'", p.rest)
	}
	return a, nil
}

// aggregate answers rows that have the grouped and the summed names alone, in
// the order of the first allotment of each.
func aggregate(c *call, a *aggregation, list []*tenant.Allotment) object {
	type total struct {
		row  object
		sums []int
	}
	var totals []*total
	places := map[string]*total{}
	for _, one := range list {
		row := allotmentType.render(c, one, a.by)
		key, _ := json.Marshal(row) // Texts and numbers always work.
		t := places[string(key)]
		if t == nil {
			t = &total{row, make([]int, len(a.sums))}
			places[string(key)] = t
			totals = append(totals, t)
		}
		for i, s := range a.sums {
			t.sums[i] += allotmentType.props[s.of].get(c, one).(int)
		}
	}
	names := slices.Clone(a.by)
	for _, s := range a.sums {
		names = append(names, s.as)
	}
	rows := make([]object, 0, len(totals))
	for _, t := range totals {
		for i, s := range a.sums {
			t.row[s.as] = t.sums[i]
		}
		rows = append(rows, t.row)
	}
	return object{"@odata.context": c.context(fragment(allotmentSet, names)), "value": rows}
}
