package api

import (
	"net/http"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: get, Template: "/users/{id}/licenseDetails", handler: (*Endpoints).listDetails, App: readDetails, Scopes: scopesDetails, units: 2},
		{Method: get, Template: "/users/{id}/licenseDetails/{id}", handler: (*Endpoints).getDetails, App: readDetails, Scopes: scopesDetails},
		{Method: get, Template: "/users/{id}/licenseDetails/getTeamsLicensingDetails", handler: (*Endpoints).getTeams, App: []string{}, Scopes: []string{"User.Read", "Directory.Read.All"}},
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

// getDetails returns a user's license of one product, which is only in the
// metadata.
func (e *Endpoints) getDetails(c *call) (any, *wire.Problem) {
	if c.Variants.PersonalDetails && c.who.user == "" {
		return nil, wire.Usual(http.StatusForbidden)
	}
	if _, p := e.options(c, directory, 0); p != nil {
		return nil, p
	}
	user, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	for _, product := range c.tenant.AssignedProducts(user) {
		if id := c.tenant.DetailsID(user, product.Sku); id == c.params[1] {
			o := detailsType.render(c, licenseDetails{user, product.Sku}, nil)
			o["@odata.context"] = c.context("users('" + c.tenant.User(user).ID().String() + "')/licenseDetails/$entity")
			return o, nil
		}
	}
	return nil, noSuchObject(c.params[1])
}

// getTeams returns whether a user may use Teams, see "licenseDetails:
// getTeamsLicensingDetails".
func (e *Endpoints) getTeams(c *call) (any, *wire.Problem) {
	if _, p := e.options(c, directory, 0); p != nil {
		return nil, p
	}
	user, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	return object{
		"@odata.context":  c.context("microsoft.graph.teamsLicensingDetails"),
		"hasTeamsLicense": c.tenant.MayUseService(user, tenant.Teams),
	}, nil
}
