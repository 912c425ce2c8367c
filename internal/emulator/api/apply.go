package api

import (
	"encoding/json"
	"fmt"
	"slices"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/tenant"
)

var (
	groupable = []string{"id", "skuId", "skuPartNumber", "assignableTo", "allottedUnits", "consumedUnits"}
	summable  = []string{"allottedUnits", "consumedUnits"}
)

// checkApply rejects unsupported groupby and aggregate properties, and aliases
// that are already in use.
func checkApply(a *odata.Aggregation) error {
	for _, name := range a.By {
		if !slices.Contains(groupable, name) {
			return fmt.Errorf("allotments cannot be grouped by '%s'", name)
		}
	}
	for _, s := range a.Sums {
		if !slices.Contains(summable, s.Of) {
			return fmt.Errorf("'%s' cannot be summed", s.Of)
		}
		if _, ok := allotmentType.props[s.As]; ok {
			return fmt.Errorf("'%s' is a property of '%s'", s.As, allotmentTypeName)
		}
	}
	return nil
}

// aggregate returns one row per group with the grouped and aggregated
// properties only, in the order of the first allotment of each group.
func aggregate(c *call, a *odata.Aggregation, list []*tenant.Allotment) object {
	type total struct {
		row  object
		sums []int
	}
	var totals []*total
	places := map[string]*total{}
	for _, one := range list {
		row := allotmentType.render(c, one, a.By)
		key, _ := json.Marshal(row) // Strings and numbers cannot fail.
		t := places[string(key)]
		if t == nil {
			t = &total{row, make([]int, len(a.Sums))}
			places[string(key)] = t
			totals = append(totals, t)
		}
		for i, s := range a.Sums {
			t.sums[i] += allotmentType.props[s.Of].get(c, one).(int)
		}
	}
	names := slices.Clone(a.By)
	for _, s := range a.Sums {
		names = append(names, s.As)
	}
	rows := make([]object, 0, len(totals))
	for _, t := range totals {
		for i, s := range a.Sums {
			t.row[s.As] = t.sums[i]
		}
		rows = append(rows, t.row)
	}
	return object{"@odata.context": c.context(fragment(allotmentSet, names)), "value": rows}
}
