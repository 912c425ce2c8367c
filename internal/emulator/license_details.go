package emulator

// licenseDetails is what a person has of one product, however it came.
type licenseDetails struct {
	user int32
	sku  sku
}

// detailsType is the properties of licenseDetails, all of them default ones.
var detailsType = entityType[licenseDetails]{"microsoft.graph.licenseDetails", map[string]property[licenseDetails]{
	"id": {get: func(t *tenant, l licenseDetails, _ *Variants) any {
		return t.dice.longID("license details", int(l.user)*int(skuCount)+int(l.sku))
	}, onDefault: true},
	"skuId":         {get: func(t *tenant, l licenseDetails, _ *Variants) any { return t.products[l.sku].skuID }, onDefault: true},
	"skuPartNumber": {get: func(t *tenant, l licenseDetails, _ *Variants) any { return t.products[l.sku].skuPartNumber }, onDefault: true},
	"servicePlans": {get: func(t *tenant, l licenseDetails, _ *Variants) any {
		list := []object{}
		for _, p := range t.products[l.sku].plans {
			status := p.provisioning(l.sku)
			if !t.users[l.user].mayUse(l.sku, p.name) {
				status = "Disabled"
			}
			list = append(list, object{"servicePlanId": p.id, "servicePlanName": p.name, "provisioningStatus": status, "appliesTo": p.appliesTo()})
		}
		return list
	}, onDefault: true},
}}

// listDetails answers everything at once; $select is the only option.
func (e *Emulator) listDetails(c *call) (any, *problem) {
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
	t := e.tenant
	list := []object{}
	for s := range skuCount {
		if t.users[user].holdsProduct(s) {
			list = append(list, detailsType.render(t, licenseDetails{user, s}, q.sel, c.variants))
		}
	}
	set := "users('" + t.users[user].id.String() + "')/licenseDetails"
	return object{"@odata.context": c.context(fragment(set, q.sel)), "value": list}, nil
}
