package emulator

import "strings"

// skuType is the properties of a subscribedSku, all of them default ones.
var skuType = entityType[sku]{"microsoft.graph.subscribedSku", map[string]property[sku]{
	"id":          {get: func(t *tenant, s sku, _ *Variants) any { return t.id + "_" + t.products[s].skuID }, onDefault: true},
	"accountId":   {get: func(t *tenant, _ sku, _ *Variants) any { return t.dice.guid("account", 0).String() }, onDefault: true},
	"accountName": {get: func(t *tenant, _ sku, _ *Variants) any { return strings.TrimSuffix(mainDomain, ".example") }, onDefault: true},
	"appliesTo":   {get: always[sku]("User"), onDefault: true},
	"capabilityStatus": {get: func(_ *tenant, s sku, _ *Variants) any {
		return [...]string{enabled: "Enabled", warning: "Warning", suspended: "Suspended"}[s.lifecycle()]
	}, onDefault: true},
	"consumedUnits": {get: func(t *tenant, s sku, _ *Variants) any { return t.consumed(s) }, onDefault: true},
	"prepaidUnits": {get: func(t *tenant, s sku, _ *Variants) any {
		on, grace, off := t.units(s)
		return object{"enabled": on, "warning": grace, "suspended": off, "lockedOut": 0}
	}, onDefault: true},
	"servicePlans": {get: func(t *tenant, s sku, _ *Variants) any {
		list := []object{}
		for _, p := range t.products[s].plans {
			list = append(list, object{"servicePlanId": p.id, "servicePlanName": p.name, "provisioningStatus": p.provisioning(s), "appliesTo": p.appliesTo()})
		}
		return list
	}, onDefault: true},
	"skuId":         {get: func(t *tenant, s sku, _ *Variants) any { return t.products[s].skuID }, onDefault: true},
	"skuPartNumber": {get: func(t *tenant, s sku, _ *Variants) any { return t.products[s].skuPartNumber }, onDefault: true},
	"subscriptionIds": {get: func(t *tenant, s sku, _ *Variants) any {
		return []string{t.subscriptionID(s)}
	}, onDefault: true},
}}

func (t *tenant) subscriptionID(s sku) string { return t.dice.guid("subscription", int(s)).String() }

func (p plan) appliesTo() string {
	if p.tenantLevel {
		return "Company"
	}
	return "User"
}

func (p plan) provisioning(s sku) string {
	switch {
	case s.lifecycle() == suspended:
		return "Disabled"
	case p.name == "INTUNE_O365":
		return "PendingActivation"
	case p.name == "GRAPH_CONNECTORS_SEARCH_INDEX":
		return "PendingProvisioning"
	default:
		return "Success"
	}
}

// listSkus answers everything at once; $select is the only option.
func (e *Emulator) listSkus(c *call) (any, *problem) {
	q, p := e.options(c, directory, optSelect)
	if p != nil {
		return nil, p
	}
	if p := skuType.check(directory, q.sel); p != nil {
		return nil, p
	}
	list := []object{}
	for s := range skuCount {
		list = append(list, skuType.render(e.tenant, s, q.sel, c.variants))
	}
	return object{"@odata.context": c.context(fragment("subscribedSkus", q.sel)), "value": list}, nil
}
