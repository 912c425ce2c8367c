package api

import (
	"strings"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: get, Template: "/subscribedSkus", handler: (*Endpoints).listSkus, App: readSkus, Scopes: readSkus, units: 3},
		{Method: get, Template: "/subscribedSkus/{id}", handler: (*Endpoints).getSku, App: readSkus, Scopes: readSkus},
	})
}

// skuType is the properties of a subscribedSku, all returned by default.
var skuType = entityType[tenant.Sku]{name: "microsoft.graph.subscribedSku", props: map[string]property[tenant.Sku]{
	"id":               {get: func(c *call, s tenant.Sku) any { return c.tenant.ID() + "_" + c.tenant.Product(s).SkuID }, onDefault: true},
	"accountId":        {get: func(c *call, _ tenant.Sku) any { return c.tenant.Seed().GUID("account", 0).String() }, onDefault: true},
	"accountName":      {get: always[tenant.Sku](strings.TrimSuffix(tenant.MainDomain, ".example")), onDefault: true},
	"appliesTo":        {get: always[tenant.Sku]("User"), onDefault: true},
	"capabilityStatus": {get: func(c *call, s tenant.Sku) any { return capabilities[c.tenant.Lifecycle(s)] }, onDefault: true},
	"consumedUnits": {get: func(c *call, s tenant.Sku) any {
		_, consumed := c.tenant.Units(s)
		return consumed
	}, onDefault: true},
	"prepaidUnits": {get: func(c *call, s tenant.Sku) any {
		n, _ := c.tenant.Units(s)
		return object{"enabled": n[tenant.Active], "warning": n[tenant.Warning], "suspended": n[tenant.Suspended], "lockedOut": n[tenant.LockedOut]}
	}, onDefault: true},
	"servicePlans": {get: func(c *call, s tenant.Sku) any {
		p := c.tenant.Product(s)
		return c.planInfos(s, p.All(), c.tenant.Lifecycle(s))
	}, onDefault: true},
	"skuId":         {get: func(c *call, s tenant.Sku) any { return c.tenant.Product(s).SkuID }, onDefault: true},
	"skuPartNumber": {get: func(c *call, s tenant.Sku) any { return c.tenant.Product(s).SkuPartNumber }, onDefault: true},
	"subscriptionIds": {get: func(c *call, s tenant.Sku) any {
		ids := []string{}
		for _, p := range c.tenant.Purchases(s) {
			ids = append(ids, p.ID)
		}
		return ids
	}, onDefault: true},
}}

var capabilities = map[tenant.Lifecycle]string{
	tenant.Active: "Enabled", tenant.Warning: "Warning", tenant.Suspended: "Suspended", tenant.LockedOut: "LockedOut", tenant.Lapsed: "Deleted",
}

// planInfos lists the plans of a product in a state. Plans not in use are
// disabled.
func (c *call) planInfos(s tenant.Sku, use tenant.PlanSet, state tenant.Lifecycle) []object {
	list := []object{}
	for at, p := range c.tenant.Product(s).Plans {
		status := "Success"
		switch {
		case !use.Has(at), state != tenant.Active && state != tenant.Warning:
			status = "Disabled"
		case p.Name == "INTUNE_O365":
			status = "PendingActivation"
		case p.Name == "GRAPH_CONNECTORS_SEARCH_INDEX":
			status = "PendingProvisioning"
		}
		appliesTo := "User"
		if p.TenantLevel {
			appliesTo = "Company"
		}
		list = append(list, object{"servicePlanId": p.ID, "servicePlanName": p.Name, "provisioningStatus": status, "appliesTo": appliesTo})
	}
	return list
}

// getSku returns the product with the ID, which starts with the tenant ID.
func (e *Endpoints) getSku(c *call) (any, *wire.Problem) {
	q, p := e.options(c, directory, optSelect)
	if p != nil {
		return nil, p
	}
	if p := skuType.check(directory, q.sel); p != nil {
		return nil, p
	}
	id, ok := strings.CutPrefix(strings.ToLower(c.params[0]), c.tenant.ID()+"_")
	s, known := c.tenant.SkuWithID(id)
	if !ok || !known {
		return nil, noSuchObject(c.params[0])
	}
	o := skuType.render(c, s, q.sel)
	o["@odata.context"] = c.context(fragment("subscribedSkus", q.sel) + "/$entity")
	return o, nil
}

// listSkus answers without pages; $select is the only option.
func (e *Endpoints) listSkus(c *call) (any, *wire.Problem) {
	q, p := e.options(c, directory, optSelect)
	if p != nil {
		return nil, p
	}
	if p := skuType.check(directory, q.sel); p != nil {
		return nil, p
	}
	list := []object{}
	for _, s := range c.tenant.Skus() {
		list = append(list, skuType.render(c, s, q.sel))
	}
	return object{"@odata.context": c.context(fragment("subscribedSkus", q.sel)), "value": list}, nil
}
