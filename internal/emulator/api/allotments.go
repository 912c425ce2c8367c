package api

import (
	"net/http"
	"strings"
	"time"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register(
		cloudRoute(get, adminRoot+"allotments", (*Endpoints).listAllotments, readAllotments, scopesCloud),
		cloudRoute(get, adminRoot+"allotments/{id}", (*Endpoints).getAllotment, readAllotments, scopesCloud),
	)
}

const (
	namespace         = "microsoft.graph.cloudLicensing."
	allotmentTypeName = namespace + "allotment"
	allotmentSet      = "admin/cloudLicensing/allotments"
)

var allotmentType = entityType[*tenant.Allotment]{name: allotmentTypeName, props: map[string]property[*tenant.Allotment]{
	"id":                        {get: func(_ *call, a *tenant.Allotment) any { return a.ID }, onDefault: true},
	"allottedUnits":             {get: func(_ *call, a *tenant.Allotment) any { return a.Allotted() }, onDefault: true},
	"consumedUnits":             {get: func(_ *call, a *tenant.Allotment) any { return a.Consumed() }, onDefault: true},
	"assignableTo":              {get: func(_ *call, a *tenant.Allotment) any { return assignableTo(a.AssignableTo) }, onDefault: true},
	"externalServiceIdentifier": {get: textOf(func(_ *call, a *tenant.Allotment) string { return a.External }), onDefault: true, sparse: true},
	"services": {get: func(c *call, a *tenant.Allotment) any {
		return services(c.tenant.Product(a.Sku), c.tenant.Product(a.Sku).All())
	}, onDefault: true},
	"skuId":         {get: textOf(func(c *call, a *tenant.Allotment) string { return c.tenant.Product(a.Sku).SkuID }), onDefault: true},
	"skuPartNumber": {get: textOf(func(c *call, a *tenant.Allotment) string { return c.tenant.Product(a.Sku).SkuPartNumber }), onDefault: true},
	"subscriptions": {get: func(c *call, a *tenant.Allotment) any { return c.subscriptions(a) }, onDefault: true},
}}

// assignableTo formats kinds of assignees as an OData flags value.
func assignableTo(k tenant.Kinds) string {
	var names []string
	for _, kind := range []tenant.Kind{tenant.User, tenant.DeviceKind, tenant.GroupKind} {
		if k.Has(kind) {
			names = append(names, kind.String())
		}
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, ",")
}

// subscriptions returns the subscriptions of an allotment.
func (c *call) subscriptions(a *tenant.Allotment) []object {
	layout := time.DateOnly
	if c.Variants.SubscriptionTimestamps {
		layout = "2006-01-02T15:04:05.000Z"
	}
	list := []object{}
	for _, s := range a.Subscriptions {
		tags := "none"
		if s.Trial {
			tags = "trial"
		}
		list = append(list, object{
			"@odata.type":       "#" + namespace + "subscription",
			"subscriptionId":    s.ID,
			"startDate":         s.Start.Format(layout),
			"nextLifecycleDate": s.NextLifecycle.Format(layout),
			"state":             s.State,
			"tags":              tags,
		})
	}
	return list
}

// allotmentRelations are the relations of an allotment that can be expanded.
var allotmentRelations = relations{
	"assignments":    {check: assignmentType.nested},
	"waitingMembers": {check: waitingType.nested},
}

func (e *Endpoints) allotmentOptions(c *call, allowed option) (*query, *wire.Problem) {
	return e.cloudOptions(c, allowed, allotmentType.nested, allotmentRelations, c.skuFilter())
}

// renderAllotment renders an allotment. In a list or an expanded relation, the
// subscriptions can be omitted.
func (e *Endpoints) renderAllotment(c *call, sel []string, a *tenant.Allotment, listed bool) object {
	o := allotmentType.render(c, a, sel)
	if listed && sel == nil && c.Variants.SubscriptionsOnSelect {
		delete(o, "subscriptions")
	}
	o["@odata.type"] = "#" + allotmentTypeName
	return o
}

func (e *Endpoints) expandAllotment(c *call, q *query, o object, a *tenant.Allotment) object {
	path := allotmentSet + "/" + a.ID + "/"
	for _, x := range q.expand {
		switch x.Path {
		case "assignments":
			expandList(e, c, o, x, path, c.drawing(a), func(one *tenant.Assignment) object { return e.renderAssignment(c, x.Select, one) })
		case "waitingMembers":
			expandList(e, c, o, x, path, c.waiting(a), func(w tenant.WaitingMember) object { return e.renderWaiting(c, x.Select, w) })
		}
	}
	return o
}

func (e *Endpoints) listAllotments(c *call) (any, *wire.Problem) {
	q, p := e.allotmentOptions(c, optSelect|optTop|optExpand|optFilter|optApply)
	if p != nil {
		return nil, p
	}
	fits := c.skuFits(q.filter)
	var found []*tenant.Allotment
	for _, a := range c.tenant.Allotments() {
		if fits(a.Sku) {
			found = append(found, a)
		}
	}
	if q.apply != nil {
		return aggregate(c, q.apply, found), nil
	}
	return pageOf(e, c, q, fragment(allotmentSet, q.sel), c.cloudPageSize(q), listed(found), func(a *tenant.Allotment) object {
		return e.expandAllotment(c, q, e.renderAllotment(c, q.sel, a, true), a)
	}), nil
}

// skuFits returns a function that reports whether a product satisfies a filter
// by skuId. Without a filter, all products do.
func (c *call) skuFits(f *odata.Filter) func(tenant.Sku) bool {
	if f == nil {
		return func(tenant.Sku) bool { return true }
	}
	return compile(f, source[tenant.Sku]{value: func(string) func(tenant.Sku) value {
		return func(s tenant.Sku) value { return textValue(c.tenant.Product(s).SkuID) }
	}})
}

func (e *Endpoints) getAllotment(c *call) (any, *wire.Problem) {
	q, p := e.allotmentOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	a, p := e.pathAllotment(c)
	if p != nil {
		return nil, p
	}
	return c.single(allotmentSet, q, e.expandAllotment(c, q, e.renderAllotment(c, q.sel, a, false), a)), nil
}

// pathAllotment returns the allotment at the start of the path.
func (e *Endpoints) pathAllotment(c *call) (*tenant.Allotment, *wire.Problem) {
	if a := c.tenant.Allotment(c.params[0]); a != nil {
		return a, nil
	}
	return nil, cloud(http.StatusNotFound, "resourceNotFound", "The allotment '%s' does not exist.", c.params[0])
}
