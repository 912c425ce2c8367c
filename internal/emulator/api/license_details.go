package api

import (
	"net/http"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: get, Template: "/users/{id}/licenseDetails", handler: (*Endpoints).listDetails, App: readDetails, Scopes: scopesDetails, units: 2},
		{Method: get, Template: "/me/licenseDetails", handler: (*Endpoints).listDetails, Me: true, App: readDetails, Scopes: scopesDetails, units: 2},
	})
}

// licenseDetails is a user's license of one product, from any source.
type licenseDetails struct {
	user int32
	sku  tenant.Sku
}

// detailsType is the properties of licenseDetails, all returned by default.
var detailsType = entityType[licenseDetails]{name: "microsoft.graph.licenseDetails", props: map[string]property[licenseDetails]{
	"id":            {get: func(c *call, l licenseDetails) any { return c.tenant.DetailsID(l.user, l.sku) }, onDefault: true},
	"skuId":         {get: func(c *call, l licenseDetails) any { return c.tenant.Product(l.sku).SkuID }, onDefault: true},
	"skuPartNumber": {get: func(c *call, l licenseDetails) any { return c.tenant.Product(l.sku).SkuPartNumber }, onDefault: true},
	"servicePlans": {get: func(c *call, l licenseDetails) any {
		return c.planInfos(l.sku, c.tenant.MayUse(l.user, l.sku), c.tenant.Lifecycle(l.sku))
	}, onDefault: true},
}}

// listDetails answers without pages; $select is the only option.
func (e *Endpoints) listDetails(c *call) (any, *wire.Problem) {
	if c.Variants.PersonalDetails && c.who.user == "" {
		return nil, wire.Usual(http.StatusForbidden)
	}
	q, p := e.options(c, directory, optSelect)
	if p != nil {
		return nil, p
	}
	if p := detailsType.check(directory, q.sel); p != nil {
		return nil, p
	}
	user, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	list := []object{}
	for _, product := range c.tenant.AssignedProducts(user) {
		list = append(list, detailsType.render(c, licenseDetails{user, product.Sku}, q.sel))
	}
	set := "users('" + c.tenant.User(user).ID().String() + "')/licenseDetails"
	return object{"@odata.context": c.context(fragment(set, q.sel)), "value": list}, nil
}
