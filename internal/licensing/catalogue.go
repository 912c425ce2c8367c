package licensing

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed catalogue.tsv
var catalogueText string

// names are the short name of a product or a service plan and the one that people read.
type names struct{ short, friendly string }

// catalogue maps the ids of well-known products and service plans to their names.
var catalogue = sync.OnceValue(func() map[GUID]names {
	byID := map[GUID]names{}
	for line := range strings.Lines(catalogueText) {
		columns := strings.Split(strings.TrimRight(line, "\n"), "\t")
		if len(columns) == 4 {
			byID[GUID(columns[1])] = names{short: columns[2], friendly: columns[3]}
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
func (p *AssignedPlan) DisplayName() *string { return friendly(p.ServicePlanID) }

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

// wellKnownPlans holds the ids, and the short names in lower case, of the service plans in the catalogue.
var wellKnownPlans = sync.OnceValue(func() map[string]bool {
	plans := map[string]bool{}
	for line := range strings.Lines(catalogueText) {
		if columns := strings.Split(line, "\t"); len(columns) == 4 && columns[0] == "plan" {
			plans[columns[1]], plans[strings.ToLower(columns[2])] = true, true
		}
	}
	return plans
})

// IsWellKnownPlan tells whether the catalogue has a service plan with the id or the short name, without regard to case.
func IsWellKnownPlan(name string) bool { return wellKnownPlans()[strings.ToLower(name)] }

func friendly(id *GUID) *string {
	if id == nil {
		return nil
	}
	if known, ok := catalogue()[*id]; ok {
		return &known.friendly
	}
	return nil
}
