package licensing

import (
	_ "embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"
)

//go:embed catalog.tsv
var catalogText string

// names are the short name and the display name of a product or a service plan. They are shared: do not modify.
type names struct{ short, friendly string }

// catalog maps the IDs of well-known products and service plans to their names.
type catalog struct {
	skus, plans map[GUID]*names
	planNames   map[string]bool // short names of service plans, in lower case
}

// builtIn parses the embedded catalog on first use. Its names are substrings of catalogText.
var builtIn = sync.OnceValue(func() *catalog {
	c := newCatalog()
	for line := range strings.Lines(catalogText) {
		columns := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(columns) == 4 {
			c.add(columns[0] == "plan", GUID(columns[1]), &names{short: columns[2], friendly: columns[3]})
		}
	}
	return c
})

func newCatalog() *catalog {
	return &catalog{skus: map[GUID]*names{}, plans: map[GUID]*names{}, planNames: map[string]bool{}}
}

func (c *catalog) add(plan bool, id GUID, n *names) {
	if !plan {
		c.skus[id] = n
		return
	}
	c.plans[id], c.planNames[strings.ToLower(n.short)] = n, true
}

// added are the names of the operator's file, which take precedence over the built-in names; nil without a file.
var added atomic.Pointer[catalog]

func skuNames(id GUID) *names {
	return find(id, func(c *catalog) map[GUID]*names { return c.skus })
}
func planNames(id GUID) *names {
	return find(id, func(c *catalog) map[GUID]*names { return c.plans })
}

// find returns the names with the ID; nil if the catalog does not have it.
func find(id GUID, in func(*catalog) map[GUID]*names) *names {
	if own := added.Load(); own != nil {
		if known := in(own)[id]; known != nil {
			return known
		}
	}
	return in(builtIn())[id]
}

// Columns of Microsoft's CSV file "Product names and service plan identifiers for licensing".
const (
	columnSkuID, columnSkuName, columnProduct = "GUID", "String_Id", "Product_Display_Name"
	columnPlanID, columnPlanName, columnPlan  = "Service_Plan_Id", "Service_Plan_Name", "Service_Plans_Included_Friendly_Names"
)

// maxCatalog is the maximum number of rows of an operator's file. Microsoft's file has about 6,000.
const maxCatalog = 100_000

// maxCatalogBytes is the maximum size of an operator's file, in bytes. The rest of a longer file is ignored.
const maxCatalogBytes = 64 << 20

// AddNames reads names from a CSV file with the six columns of Microsoft's file, in any order. They take precedence
// over the built-in names and replace the names of an earlier call. AddNames returns the number of products and of
// service plans.
func AddNames(r io.Reader) (skus, plans int, err error) {
	rows := csv.NewReader(io.LimitReader(r, maxCatalogBytes))
	rows.ReuseRecord = true
	header, err := rows.Read()
	if err != nil {
		return 0, 0, fmt.Errorf("missing header: %w", err)
	}
	column := map[string]int{}
	for i, name := range header {
		column[strings.Trim(name, "\ufeff ")] = i
	}
	for _, name := range []string{columnSkuID, columnSkuName, columnProduct, columnPlanID, columnPlanName, columnPlan} {
		if _, ok := column[name]; !ok {
			return 0, 0, fmt.Errorf("missing column %s", name)
		}
	}
	c := newCatalog()
	for line := 2; ; line++ {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return 0, 0, err
		}
		if line > maxCatalog {
			return 0, 0, fmt.Errorf("more than %d rows", maxCatalog)
		}
		if slices.ContainsFunc(row, func(cell string) bool { return !utf8.ValidString(cell) }) {
			return 0, 0, fmt.Errorf("line %d: invalid UTF-8", line)
		}
		for kind, columns := range [][3]string{{columnSkuID, columnSkuName, columnProduct}, {columnPlanID, columnPlanName, columnPlan}} {
			text := func(i int) string { return strings.Clone(strings.TrimSpace(row[column[columns[i]]])) }
			id, ok := ParseGUID(text(0))
			if !ok {
				return 0, 0, fmt.Errorf("line %d: %s: invalid GUID", line, columns[0])
			}
			if n := (&names{short: text(1), friendly: text(2)}); n.short != "" && n.friendly != "" {
				c.add(kind == 1, id, n)
			}
		}
	}
	added.Store(c)
	return len(c.skus), len(c.plans), nil
}

// WellKnownSku returns the ID and the part number of a product in the catalog; false if the catalog does not have it.
func WellKnownSku(id GUID) (*SubscribedSku, bool) {
	known := skuNames(id)
	if known == nil {
		return nil, false
	}
	name := known.short
	return &SubscribedSku{SkuID: &id, SkuPartNumber: &name}, true
}

// ProductName returns the display name of the product; nil if the catalog does not have it.
func (s *SubscribedSku) ProductName() *string { return friendly(s.SkuID, skuNames) }

// DisplayName returns the display name of the service plan; nil if the catalog does not have it.
func (p *ServicePlan) DisplayName() *string { return friendly(p.ServicePlanID, planNames) }

// DisplayName returns the display name of the service plan; nil if the catalog does not have it.
func (p *AssignedPlan) DisplayName() *string { return friendly(p.ServicePlanID, planNames) }

// DisplayName returns the display name of the service plan; nil if the catalog does not have it.
func (s *LicensedService) DisplayName() *string { return friendly(&s.PlanID, planNames) }

// WellKnownServicePlan returns the ID and the name of a service plan in the catalog; false if the catalog does not have
// it.
func WellKnownServicePlan(id GUID) (*ServicePlan, bool) {
	known := planNames(id)
	if known == nil {
		return nil, false
	}
	name := known.short
	return &ServicePlan{ServicePlanID: &id, ServicePlanName: &name}, true
}

// IsWellKnownPlan reports whether the catalog has a service plan with the ID or the short name, ignoring case.
func IsWellKnownPlan(name string) bool {
	name = strings.ToLower(name)
	if planNames(GUID(name)) != nil {
		return true
	}
	own := added.Load()
	return own != nil && own.planNames[name] || builtIn().planNames[name]
}

func friendly(id *GUID, of func(GUID) *names) *string {
	if id == nil {
		return nil
	}
	if known := of(*id); known != nil {
		return &known.friendly
	}
	return nil
}
