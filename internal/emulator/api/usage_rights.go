package api

import (
	"net/http"
	"slices"
	"strconv"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register(
		userRoutes(get, "usageRights", (*Endpoints).listRights, readRights, scopesRights),
		userRoutes(get, "usageRights/{id}", (*Endpoints).getRight, readRights, scopesRights),
		cloudRoute(get, groupRoot+"usageRights", (*Endpoints).listRights, readGroupRight, scopesGroupRight),
		cloudRoute(get, groupRoot+"usageRights/{id}", (*Endpoints).getRight, readGroupRight, scopesGroupRight),
		onlyIf(func(v *settings.Variants) bool { return v.RightAllotments },
			userRoutes(get, "usageRights/{id}/allotments", (*Endpoints).listRightAllotments, readUserItem, scopesUserItem),
			cloudRoute(get, groupRoot+"usageRights/{id}/allotments", (*Endpoints).listRightAllotments, readGroupSource, scopesGroupRight)),
		onlyIf(func(v *settings.Variants) bool { return v.DevicesListed },
			listedRoute(get, deviceRoot+"usageRights/{id}", (*Endpoints).getRight)),
		onlyIf((*settings.Variants).HaveDevices,
			cloudRoute(get, deviceRoot+"usageRights", (*Endpoints).listRights, readDeviceRight, scopesDeviceRight)),
	)
}

const rightTypeName = namespace + "usageRight"

var rightType = entityType[tenant.Right]{name: rightTypeName, props: map[string]property[tenant.Right]{
	"id":                        {get: func(c *call, r tenant.Right) any { return c.tenant.RightID(r) }, onDefault: true},
	"skuId":                     {get: textOf(func(c *call, r tenant.Right) string { return c.tenant.Product(r.Sku).SkuID }), onDefault: true},
	"skuPartNumber":             {get: textOf(func(c *call, r tenant.Right) string { return c.tenant.Product(r.Sku).SkuPartNumber }), onDefault: true},
	"externalServiceIdentifier": {get: textOf(func(c *call, r tenant.Right) string { return c.tenant.External(r) }), onDefault: true, sparse: true},
	"services": {get: func(c *call, r tenant.Right) any {
		return services(c.tenant.Product(r.Sku), c.tenant.RightPlans(r))
	}, onDefault: true},
}}

// services renders plans of a product.
func services(of *tenant.Product, plans tenant.PlanSet) []object {
	list := []object{}
	for at, p := range of.Plans {
		if !plans.Has(at) {
			continue
		}
		to := "user,group"
		switch {
		case p.TenantLevel:
			to = "none"
		case of.SkuID == "":
			to = "user,device,group"
		}
		list = append(list, object{
			"@odata.type":  namespace + "service", // without the #, as in the samples
			"assignableTo": to, "planId": p.ID, "planName": p.Name,
		})
	}
	return list
}

var rightFilter = rules{resource: rightTypeName, fields: map[string]field{
	"skuId":           {kind: odata.GUID, ops: "eq in"},
	"services/planId": {kind: odata.GUID, ops: "any:eq any:in"},
}}

// rightRelations are the expandable relations of a usage right.
var rightRelations = relations{"assignments": {check: assignmentType.nested}, "allotments": {check: allotmentType.nested}}

func (e *Endpoints) rightOptions(c *call, allowed option) (*query, *wire.Problem) {
	q, p := e.cloudOptions(c, allowed, rightType.nested, rightRelations, rightFilter)
	if p != nil {
		return nil, p
	}
	// A share f of the reads fails: a read fails when the running total passes
	// an integer.
	if f := c.Variants.UsageRightFailures; f > 0 {
		if n := float64(e.reads.Add(1)); int(n*f) > int((n-1)*f) {
			return nil, wire.Usual(http.StatusInternalServerError)
		}
	}
	return q, nil
}

func (e *Endpoints) renderRight(c *call, q *query, r tenant.Right) object {
	o := rightType.render(c, r, q.sel)
	o["@odata.type"] = "#" + rightTypeName
	for _, x := range q.expand {
		list := []object{}
		switch x.Path {
		case "assignments":
			for _, a := range c.tenant.RightSources(r) {
				list = append(list, e.renderAssignment(c, x.Select, a))
			}
		case "allotments":
			for _, a := range c.tenant.RightPools(r) {
				list = append(list, e.renderAllotment(c, x.Select, a, true))
			}
		}
		o[x.Path] = list
	}
	return o
}

// pathRights returns the rights of the object in the path, with the name of
// the set.
func (e *Endpoints) pathRights(c *call) ([]tenant.Right, string, *wire.Problem) {
	h, p := e.pathHolder(c)
	if p != nil {
		return nil, "", p
	}
	return c.tenant.Rights(h), c.set(h) + "/usageRights", nil
}

func (e *Endpoints) listRights(c *call) (any, *wire.Problem) {
	q, p := e.rightOptions(c, optSelect|optTop|optExpand|optFilter)
	if p != nil {
		return nil, p
	}
	rights, set, p := e.pathRights(c)
	if p != nil {
		return nil, p
	}
	if q.filter != nil {
		fits := compile(q.filter, source[tenant.Right]{
			value: func(string) func(tenant.Right) value {
				return func(r tenant.Right) value { return textValue(c.tenant.Product(r.Sku).SkuID) }
			},
			each: func(string) collection[tenant.Right] {
				return collection[tenant.Right]{[]string{"/planId"}, func(r tenant.Right, fits func(element) bool) bool {
					return slices.ContainsFunc(c.tenant.Product(r.Sku).PlanIDs(c.tenant.RightPlans(r)), func(id string) bool { return fits(element{id}) })
				}}
			},
		})
		rights = slices.DeleteFunc(rights, func(r tenant.Right) bool { return !fits(r) })
	}
	return pageOf(e, c, q, fragment(set, q.sel), c.cloudPageSize(q), listed(rights), func(r tenant.Right) object {
		return e.renderRight(c, q, r)
	}), nil
}

// pathRight returns the usage right at the end of the path or within it.
func (e *Endpoints) pathRight(c *call) (r tenant.Right, set string, p *wire.Problem) {
	rights, set, p := e.pathRights(c)
	if p != nil {
		return r, "", p
	}
	id := c.params[1%len(c.params)]
	for _, r := range rights {
		if c.tenant.RightID(r) == id {
			return r, set, nil
		}
	}
	return r, "", cloud(http.StatusNotFound, "resourceNotFound", "The usage right %s does not exist.", strconv.Quote(id))
}

func (e *Endpoints) getRight(c *call) (any, *wire.Problem) {
	q, p := e.rightOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	r, set, p := e.pathRight(c)
	if p != nil {
		return nil, p
	}
	return c.single(set, q, e.renderRight(c, q, r)), nil
}

func (e *Endpoints) listRightAllotments(c *call) (any, *wire.Problem) {
	q, p := e.allotmentOptions(c, optSelect|optTop|optExpand)
	if p != nil {
		return nil, p
	}
	r, set, p := e.pathRight(c)
	if p != nil {
		return nil, p
	}
	set += "('" + c.tenant.RightID(r) + "')/allotments"
	return pageOf(e, c, q, fragment(set, q.sel), c.cloudPageSize(q), listed(c.tenant.RightPools(r)), func(a *tenant.Allotment) object {
		return e.expandAllotment(c, q, e.renderAllotment(c, q.sel, a, true), a)
	}), nil
}
