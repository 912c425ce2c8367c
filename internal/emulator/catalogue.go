package emulator

import (
	_ "embed"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

// products.json holds ten products of the public "Product names and service
// plan identifiers for licensing" page with their plans.
//
//go:embed products.json
var productsJSON []byte

type plan struct {
	id          string
	name        string
	tenantLevel bool // belongs to the tenant, not to a person
}

type product struct {
	skuID         string
	skuPartNumber string
	plans         []plan
	ruled         []plan // those of plans that one of the rules below is about
}

func (p *product) plan(name string) (plan, bool) {
	i := slices.IndexFunc(p.plans, func(pl plan) bool { return pl.name == name })
	if i < 0 {
		return plan{}, false
	}
	return p.plans[i], true
}

func (p *product) planByID(id string) (plan, bool) {
	i := slices.IndexFunc(p.plans, func(pl plan) bool { return strings.EqualFold(pl.id, id) })
	if i < 0 {
		return plan{}, false
	}
	return p.plans[i], true
}

// deviceProduct has no name and no id, as allotments may.
func deviceProduct() product {
	var made product
	for _, name := range []string{"UNIVERSAL_PRINT_01", "Windows_Autopatch", "WINDOWSUPDATEFORBUSINESS_DEPLOYMENTSERVICE"} {
		p, _ := catalogue()[skuE3].plan(name)
		made.plans = append(made.plans, p)
	}
	return made
}

// catalogue is the same for every tenant and never changes.
var catalogue = sync.OnceValue(func() []product {
	var file struct {
		Products []struct {
			SkuID         string `json:"skuId"`
			SkuPartNumber string `json:"skuPartNumber"`
			Plans         string `json:"plans"`
		} `json:"products"`
		TenantLevel string            `json:"tenantLevel"`
		Plans       map[string]string `json:"plans"`
	}
	if err := json.Unmarshal(productsJSON, &file); err != nil {
		panic("emulator: products.json: " + err.Error())
	}
	tenantLevel := strings.Fields(file.TenantLevel)
	products := make([]product, 0, len(file.Products))
	for _, p := range file.Products {
		made := product{skuID: p.SkuID, skuPartNumber: p.SkuPartNumber}
		for _, name := range strings.Fields(p.Plans) {
			p := plan{file.Plans[name], name, slices.Contains(tenantLevel, name)}
			made.plans = append(made.plans, p)
			if requires[name] != nil || excludes[name] != nil || notOffered[name] != nil {
				made.ruled = append(made.ruled, p)
			}
		}
		products = append(products, made)
	}
	return products
})

// sku is a product's place in the catalogue.
type sku uint8

const (
	skuE3 sku = iota
	skuE5
	skuBusiness
	skuF3
	skuCopilot
	skuAudio
	skuPhone
	skuAnalytics
	skuExchange
	skuVisio
	skuCount

	// noSku is what devices get: a pool that no product of the directory backs.
	noSku = skuCount
)

// lifecycle is what became of the purchase behind a product.
type lifecycle uint8

const (
	enabled   lifecycle = iota
	warning             // expired, in grace: works, but has no enabled unit
	suspended           // grace is over: assigned, but nobody can use it
)

func (s sku) lifecycle() lifecycle {
	switch s {
	case skuVisio:
		return warning
	case skuExchange:
		return suspended
	default:
		return enabled
	}
}

// planID is the id of a plan that some product has.
func planID(name string) string {
	for i := range catalogue() {
		if p, ok := catalogue()[i].plan(name); ok {
			return p.id
		}
	}
	panic("emulator: no such plan: " + name)
}

// trial products are bought with an allotment tagged so, close to its end.
func (s sku) trial() bool { return s == skuAnalytics }

// trialDays is how long a trial has been running.
const trialDays = 24

// soldOut products have exactly as many units as are in use.
func (s sku) soldOut() bool { return s == skuCopilot }

// requires names, for a plan, the plans of which a person must have one. The
// first is the one that a message names.
var requires = map[string][]string{
	"WORKPLACE_ANALYTICS": {"EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_STANDARD"},
	"M365_COPILOT_TEAMS":  {"TEAMS1"},
	"MCOEV":               {"MCOSTANDARD"},
	"MCOMEETADV":          {"MCOSTANDARD"},
}

// excludes names, for a plan, the plans that the same person cannot have from
// another product.
var excludes = map[string][]string{
	"SHAREPOINTDESKLESS":   {"SHAREPOINTENTERPRISE", "SHAREPOINTSTANDARD"},
	"SHAREPOINTSTANDARD":   {"SHAREPOINTENTERPRISE", "SHAREPOINTDESKLESS"},
	"SHAREPOINTENTERPRISE": {"SHAREPOINTDESKLESS", "SHAREPOINTSTANDARD"},
}

// notOffered names the usage locations in which this tenant pretends that a
// plan is not sold. The mechanism is real, the list is this package's own.
var notOffered = map[string][]string{
	"MCOEV":              {"AE", "CN", "EG"},
	"MCOMEETADV":         {"CN", "EG"},
	"M365_COPILOT_APPS":  {"CN"},
	"M365_COPILOT_TEAMS": {"CN"},
}
