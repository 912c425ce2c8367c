package tenant

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"strings"
	"sync"
)

// PlanSet is a bit set of the plans of one product, by index.
type PlanSet [2]uint64

const maxPlans = 128

// Has reports whether the set contains the plan with the index.
func (s PlanSet) Has(at int) bool { return s[at/64]>>(at%64)&1 == 1 }

// Add adds the plan with the index to the set.
func (s *PlanSet) Add(at int) { s[at/64] |= 1 << (at % 64) }

func (s PlanSet) and(o PlanSet) PlanSet    { return PlanSet{s[0] & o[0], s[1] & o[1]} }
func (s PlanSet) or(o PlanSet) PlanSet     { return PlanSet{s[0] | o[0], s[1] | o[1]} }
func (s PlanSet) andNot(o PlanSet) PlanSet { return PlanSet{s[0] &^ o[0], s[1] &^ o[1]} }
func (s PlanSet) empty() bool              { return s == PlanSet{} }

// all iterates over the indexes in the set.
func (s PlanSet) all(yield func(int) bool) {
	for half, word := range s {
		for ; word != 0; word &= word - 1 {
			if !yield(half*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}

// Plan is a service plan of a product.
type Plan struct {
	ID          string // lower-case GUID
	Name        string
	TenantLevel bool // for the tenant, not for a user

	ruled int8 // number among the plans with rules, or -1
}

// Product is a product. SkuID and SkuPartNumber are "" for an allotment
// without a product in the directory.
type Product struct {
	SkuID         string // lower-case GUID
	SkuPartNumber string
	Plans         []Plan

	all   PlanSet
	rules []ruledPlan // the plans with rules
	names map[string]int
	ids   map[string]int
}

type ruledPlan struct {
	at   int
	mask ruledSet
}

// ruledSet is a bit set of the plans with rules. A plan that is in two
// products has one bit.
type ruledSet uint64

const maxRuled = 64

// PlanNamed returns the index of a plan in the product, or -1.
func (p *Product) PlanNamed(name string) int {
	if at, ok := p.names[name]; ok {
		return at
	}
	return -1
}

// PlanWithID returns the index of a plan in the product, or -1.
func (p *Product) PlanWithID(id string) int {
	if at, ok := p.ids[strings.ToLower(id)]; ok {
		return at
	}
	return -1
}

// PlanIDs returns the IDs of a set of plans, in the product's order.
func (p *Product) PlanIDs(s PlanSet) []string {
	ids := []string{}
	for at := range s.all {
		ids = append(ids, p.Plans[at].ID)
	}
	return ids
}

// ruled returns the plans with rules in the set.
func (p *Product) ruled(s PlanSet) ruledSet {
	var set ruledSet
	for _, r := range p.rules {
		if s.Has(r.at) {
			set |= r.mask
		}
	}
	return set
}

// plans is the inverse of ruled.
func (p *Product) plans(set ruledSet) PlanSet {
	var s PlanSet
	for _, r := range p.rules {
		if set&r.mask != 0 {
			s.Add(r.at)
		}
	}
	return s
}

// Sku is the index of a product in the catalog.
type Sku uint8

const maxProducts = 64

// Rules are the rules about plans, by plan name. They describe real
// dependencies and conflicts, or invented ones where no public page lists
// them. See Microsoft Learn, "Resolve group license assignment problems".
type Rules struct {
	// Requires maps a plan to alternative plans, one of which the user must
	// have. Messages use the first.
	Requires map[string][]string `json:"requires,omitempty"`
	// Excludes maps a plan to the plans that the same user cannot have from
	// another product.
	Excludes map[string][]string `json:"excludes,omitempty"`
	// NotOffered maps a plan to the usage locations where it is not available,
	// in ISO 3166 alpha-2.
	NotOffered map[string][]string `json:"notOffered,omitempty"`
	// Mailbox lists the plans with a mailbox, and so with a mail address.
	Mailbox []string `json:"mailbox,omitempty"`
}

// DefaultRules are the rules of a tenant that does not specify any.
var DefaultRules = Rules{
	Requires: map[string][]string{
		"WORKPLACE_ANALYTICS": {"EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_STANDARD"},
		"M365_COPILOT_TEAMS":  {"TEAMS1"},
		"MCOEV":               {"MCOSTANDARD"},
		"MCOMEETADV":          {"MCOSTANDARD"},
	},
	Excludes: map[string][]string{
		"SHAREPOINTDESKLESS":   {"SHAREPOINTENTERPRISE", "SHAREPOINTSTANDARD"},
		"SHAREPOINTSTANDARD":   {"SHAREPOINTENTERPRISE", "SHAREPOINTDESKLESS"},
		"SHAREPOINTENTERPRISE": {"SHAREPOINTDESKLESS", "SHAREPOINTSTANDARD"},
	},
	NotOffered: map[string][]string{
		"MCOEV":              {"AE", "CN", "EG"},
		"MCOMEETADV":         {"CN", "EG"},
		"M365_COPILOT_APPS":  {"CN"},
		"M365_COPILOT_TEAMS": {"CN"},
	},
	Mailbox: []string{"EXCHANGE_S_ENTERPRISE", "EXCHANGE_S_STANDARD", "EXCHANGE_S_DESKLESS"},
}

// catalog is the products of a tenant and the rules about them. It is
// immutable.
type catalog struct {
	products []Product
	rules    Rules

	ruledIDs   []string // plan IDs by number
	requires   [maxRuled]ruledSet
	requiresID [maxRuled]uint8 // number of the first required plan
	excludes   [maxRuled]ruledSet
	notOffered map[string]ruledSet
	mailbox    ruledSet
}

func newCatalog(products []Product, rules Rules) (*catalog, error) {
	c := &catalog{products: products, rules: rules, notOffered: map[string]ruledSet{}}
	if len(products) > maxProducts {
		return nil, fmt.Errorf("%d products: the maximum is %d", len(products), maxProducts)
	}
	numbers := map[string]int8{}
	number := func(name string) (int8, error) {
		if n, ok := numbers[name]; ok {
			return n, nil
		}
		if len(numbers) == maxRuled {
			return 0, fmt.Errorf("the rules refer to more than %d plans", maxRuled)
		}
		for i := range products {
			j := slices.IndexFunc(products[i].Plans, func(p Plan) bool { return p.Name == name })
			if j >= 0 {
				n := int8(len(numbers))
				numbers[name] = n
				c.ruledIDs = append(c.ruledIDs, products[i].Plans[j].ID)
				return n, nil
			}
		}
		return -1, nil // No product contains the plan, so the rule has no effect.
	}
	mask := func(names []string) (set ruledSet, first uint8, err error) {
		for i := len(names) - 1; i >= 0; i-- {
			n, err := number(names[i])
			if err != nil {
				return 0, 0, err
			}
			if n >= 0 {
				set |= 1 << n
				first = uint8(n)
			}
		}
		return set, first, nil
	}
	for _, table := range []struct {
		rules map[string][]string
		put   func(n int8, set ruledSet, first uint8)
	}{
		{rules.Requires, func(n int8, set ruledSet, first uint8) { c.requires[n], c.requiresID[n] = set, first }},
		{rules.Excludes, func(n int8, set ruledSet, _ uint8) { c.excludes[n] = set }},
	} {
		for _, name := range slices.Sorted(maps.Keys(table.rules)) {
			n, err := number(name)
			if err != nil {
				return nil, err
			}
			set, first, err := mask(table.rules[name])
			if err != nil {
				return nil, err
			}
			if n >= 0 {
				table.put(n, set, first)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(rules.NotOffered)) {
		n, err := number(name)
		if err != nil {
			return nil, err
		}
		for _, location := range rules.NotOffered[name] {
			if n >= 0 {
				c.notOffered[location] |= 1 << n
			}
		}
	}
	var err error
	if c.mailbox, _, err = mask(rules.Mailbox); err != nil {
		return nil, err
	}
	for i := range products {
		if err := products[i].index(numbers); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (p *Product) index(numbers map[string]int8) error {
	if len(p.Plans) > maxPlans {
		return fmt.Errorf("product %s has %d plans: the maximum is %d", p.SkuPartNumber, len(p.Plans), maxPlans)
	}
	p.names, p.ids = map[string]int{}, map[string]int{}
	for at := range p.Plans {
		plan := &p.Plans[at]
		if _, ok := ParseGUID(plan.ID); !ok || plan.Name == "" {
			return fmt.Errorf("product %s: plan %q requires a name and a GUID as its ID", p.SkuPartNumber, plan.Name)
		}
		plan.ID = strings.ToLower(plan.ID)
		if _, twice := p.ids[plan.ID]; twice {
			return fmt.Errorf("product %s has plan %s twice", p.SkuPartNumber, plan.ID)
		}
		p.names[plan.Name], p.ids[plan.ID] = at, at
		p.all.Add(at)
		plan.ruled = -1
		if n, ok := numbers[plan.Name]; ok {
			plan.ruled = n
			p.rules = append(p.rules, ruledPlan{at, 1 << n})
		}
	}
	return nil
}

// products.json contains ten products of the public "Product names and service
// plan identifiers for licensing" page with their plans.
//
//go:embed products.json
var productsJSON []byte

// The products of products.json in file order, followed by the product of
// devices, which has no counterpart in the directory.
const (
	SkuE3 Sku = iota
	SkuE5
	SkuBusiness
	SkuF3
	SkuCopilot
	SkuAudio
	SkuPhone
	SkuAnalytics
	SkuExchange
	SkuVisio
	NoSku
)

// defaultCatalog is the catalog of generated tenants.
var defaultCatalog = sync.OnceValue(func() *catalog {
	var file struct {
		Products []struct {
			SkuID         string `json:"skuId"`
			SkuPartNumber string `json:"skuPartNumber"`
			Plans         string `json:"plans"`
		} `json:"products"`
		TenantLevel string            `json:"tenantLevel"`
		Plans       map[string]string `json:"plans"`
	}
	err := json.Unmarshal(productsJSON, &file)
	tenantLevel := strings.Fields(file.TenantLevel)
	var products []Product
	for _, p := range file.Products {
		made := Product{SkuID: p.SkuID, SkuPartNumber: p.SkuPartNumber}
		for _, name := range strings.Fields(p.Plans) {
			made.Plans = append(made.Plans, Plan{ID: file.Plans[name], Name: name, TenantLevel: slices.Contains(tenantLevel, name)})
		}
		products = append(products, made)
	}
	var forDevices Product
	for _, name := range []string{"UNIVERSAL_PRINT_01", "Windows_Autopatch", "WINDOWSUPDATEFORBUSINESS_DEPLOYMENTSERVICE"} {
		forDevices.Plans = append(forDevices.Plans, Plan{ID: file.Plans[name], Name: name, TenantLevel: slices.Contains(tenantLevel, name)})
	}
	c, more := newCatalog(append(products, forDevices), DefaultRules)
	if err := errors.Join(err, more); err != nil {
		panic("tenant: products.json: " + err.Error())
	}
	return c
})

// All returns the set of all plans of the product.
func (p *Product) All() PlanSet { return p.all }
