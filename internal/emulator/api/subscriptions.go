package api

import (
	"strings"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	const root = "/directory/subscriptions"
	register([]Route{
		{Method: get, Template: root, handler: (*Endpoints).listPurchases, App: readPurchases, Scopes: scopesPurchases},
		{Method: get, Template: root + "/{id}", handler: (*Endpoints).getPurchase, App: readPurchases, Scopes: scopesPurchases},
		{Method: get, Template: root + "(commerceSubscriptionId='{id}')", handler: (*Endpoints).getCommercePurchase, App: readPurchases, Scopes: scopesPurchases},
	})
}

var (
	scopesPurchases = []string{"Organization.Read.All", "Directory.Read.All"}
	readPurchases   = with(scopesPurchases, []string{"Organization.ReadWrite.All"})
)

// purchaseType is the properties of a companySubscription, all returned by
// default.
var purchaseType = entityType[tenant.Purchase]{name: "microsoft.graph.companySubscription", props: map[string]property[tenant.Purchase]{
	"id":                     {get: func(_ *call, p tenant.Purchase) any { return p.ID }, onDefault: true},
	"commerceSubscriptionId": {get: func(_ *call, p tenant.Purchase) any { return p.Subscription.ID }, onDefault: true},
	"createdDateTime":        {get: func(_ *call, p tenant.Purchase) any { return timestamp(p.Subscription.Start) }, onDefault: true},
	"isTrial":                {get: func(_ *call, p tenant.Purchase) any { return p.Subscription.Trial }, onDefault: true},
	"nextLifecycleDateTime":  {get: func(_ *call, p tenant.Purchase) any { return timestamp(p.Subscription.NextLifecycle) }, onDefault: true},
	"ownerId":                {get: func(_ *call, p tenant.Purchase) any { return orNull(p.Subscription.Owner) }, onDefault: true},
	"ownerTenantId":          {get: func(_ *call, p tenant.Purchase) any { return orNull(p.Subscription.Partner) }, onDefault: true},
	"ownerType": {get: func(_ *call, p tenant.Purchase) any {
		if p.Subscription.Owner == "" {
			return nil
		}
		return "User"
	}, onDefault: true},
	"serviceStatus": {get: func(c *call, p tenant.Purchase) any {
		return c.planInfos(p.Sku, c.tenant.Product(p.Sku).All(), p.Subscription.State)
	}, onDefault: true},
	"skuId":         {get: func(c *call, p tenant.Purchase) any { return c.tenant.Product(p.Sku).SkuID }, onDefault: true},
	"skuPartNumber": {get: func(c *call, p tenant.Purchase) any { return c.tenant.Product(p.Sku).SkuPartNumber }, onDefault: true},
	"status":        {get: func(_ *call, p tenant.Purchase) any { return capabilities[p.Subscription.State] }, onDefault: true},
	"totalLicenses": {get: func(_ *call, p tenant.Purchase) any { return p.Units }, onDefault: true},
}, other: []string{"ocpSubscriptionId"}}

// purchases lists the subscriptions of all products of the directory.
func (c *call) purchases() []tenant.Purchase {
	var list []tenant.Purchase
	for _, s := range c.tenant.Skus() {
		list = append(list, c.tenant.Purchases(s)...)
	}
	return list
}

// purchaseOptions parses the options: no page documents one except $select.
func (e *Endpoints) purchaseOptions(c *call) (*query, *wire.Problem) {
	q, p := e.options(c, directory, optSelect)
	if p != nil {
		return nil, p
	}
	return q, purchaseType.check(directory, q.sel)
}

// listPurchases answers without pages.
func (e *Endpoints) listPurchases(c *call) (any, *wire.Problem) {
	q, p := e.purchaseOptions(c)
	if p != nil {
		return nil, p
	}
	list := []object{}
	for _, one := range c.purchases() {
		list = append(list, purchaseType.render(c, one, q.sel))
	}
	return object{"@odata.context": c.context(fragment("directory/subscriptions", q.sel)), "value": list}, nil
}

func (e *Endpoints) getPurchase(c *call) (any, *wire.Problem) {
	return e.purchaseWhere(c, func(p tenant.Purchase) string { return p.ID })
}

func (e *Endpoints) getCommercePurchase(c *call) (any, *wire.Problem) {
	return e.purchaseWhere(c, func(p tenant.Purchase) string { return p.Subscription.ID })
}

// purchaseWhere answers with the subscription whose key is in the path.
func (e *Endpoints) purchaseWhere(c *call, key func(tenant.Purchase) string) (any, *wire.Problem) {
	q, p := e.purchaseOptions(c)
	if p != nil {
		return nil, p
	}
	for _, one := range c.purchases() {
		if strings.EqualFold(key(one), c.params[0]) {
			o := purchaseType.render(c, one, q.sel)
			o["@odata.context"] = c.context(fragment("directory/subscriptions", q.sel) + "/$entity")
			return o, nil
		}
	}
	return nil, noSuchObject(c.params[0])
}
