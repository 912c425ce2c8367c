package licensing

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed catalogue.tsv
var catalogueText string

// names are the short name of a product or a service plan and the one that people read.
type names struct {
	short, friendly string
	plan            bool
}

// catalogue maps the ids of well-known products and service plans to their names.
var catalogue = sync.OnceValue(func() map[GUID]names {
	byID := map[GUID]names{}
	for line := range strings.Lines(catalogueText) {
		columns := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(columns) == 4 {
			byID[GUID(columns[1])] = names{short: columns[2], friendly: columns[3], plan: columns[0] == "plan"}
		}
	}
	return byID
})

// WellKnownSku returns what the catalogue knows of a product, its ids and names; false when it has none.
func WellKnownSku(id GUID) (*SubscribedSku, bool) {
	known, ok := catalogue()[id]
	if !ok {
		return nil, false
	}
	return &SubscribedSku{SkuID: &id, SkuPartNumber: &known.short}, true
}

// ProductName returns the name that people read; nil when the catalogue has none.
func (s *SubscribedSku) ProductName() *string { return friendly(s.SkuID) }

// DisplayName returns the name that people read; nil when the catalogue has none.
func (p *ServicePlan) DisplayName() *string { return friendly(p.ServicePlanID) }

// DisplayName returns the name that people read; nil when the catalogue has none.
func (s *LicensedService) DisplayName() *string { return friendly(&s.PlanID) }

// WellKnownServicePlan returns what the catalogue knows of a service plan, its id and names; false when it has none.
func WellKnownServicePlan(id GUID) (*ServicePlan, bool) {
	known, ok := catalogue()[id]
	if !ok {
		return nil, false
	}
	return &ServicePlan{ServicePlanID: &id, ServicePlanName: &known.short}, true
}

// IsWellKnownPlan tells whether the catalogue has a service plan with the id or the short name.
func IsWellKnownPlan(name string) bool {
	id, _ := ParseGUID(name)
	for known, names := range catalogue() {
		if names.plan && (known == id || strings.EqualFold(names.short, name)) {
			return true
		}
	}
	return false
}

func friendly(id *GUID) *string {
	if id == nil {
		return nil
	}
	if known, ok := catalogue()[*id]; ok {
		return &known.friendly
	}
	return nil
}
