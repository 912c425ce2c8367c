package emulator

import (
	"math"
	"net/http"
	"slices"
	"time"
)

const (
	namespace         = "microsoft.graph.cloudLicensing."
	allotmentTypeName = namespace + "allotment"
	allotmentSet      = "admin/cloudLicensing/allotments"
)

// allotment is a pool of units of one product.
type allotment struct {
	id           string
	at           int // index into allotments
	sku          sku
	assignableTo string
	units        int // unlimited until the tenant is built
	consumed     int // each assignee counts once, however many assignments lead here
	waiting      []place
	left         int // of waiting, those who do not wait any more
}

const unlimited = math.MaxInt

func (a *allotment) free() int { return a.units - a.consumed }

// allotmentSpecs are the pools. Two products have two of them in use, Microsoft
// 365 E5 has a reserve that nobody draws on, and the last pool has no product
// of the directory behind it.
var allotmentSpecs = []struct {
	sku          sku
	assignableTo string
}{
	{skuE3, "user,group"}, {skuE3, "user,group"},
	{skuE5, "user,group"}, {skuE5, "user"},
	{skuBusiness, "user,group"},
	{skuF3, "user,group"}, {skuF3, "user,group"},
	{skuCopilot, "user,group"},
	{skuAudio, "user,group"},
	{skuPhone, "user,group"},
	{skuAnalytics, "user,group"},
	{skuExchange, "user,group"},
	{skuVisio, "user,group"},
	{noSku, "device"},
}

func (t *tenant) makeAllotments() {
	for i, spec := range allotmentSpecs {
		a := allotment{at: i, sku: spec.sku, assignableTo: spec.assignableTo, units: unlimited}
		if len(t.pools[spec.sku]) == 0 {
			a.id = t.dice.longID("allotment", int(spec.sku))
		} else {
			a.id = t.dice.guid("allotment", i).String()
		}
		t.pools[spec.sku] = append(t.pools[spec.sku], i)
		t.allotments = append(t.allotments, a)
	}
}

// buyUnits says how many units there are, now that it is known who holds them:
// those, and some more unless the product is sold out.
func (t *tenant) buyUnits() {
	for s := range skuCount {
		spare := 0
		if !s.soldOut() {
			spare = 5 + t.consumed(s)/8
		}
		pools := t.pools[s]
		for i := len(pools) - 1; i >= 0; i-- {
			mine := spare
			if i > 0 {
				mine = spare / 3
			}
			spare -= mine
			t.allotments[pools[i]].units = t.allotments[pools[i]].consumed + mine
		}
	}
}

// consumed counts the units of a product that are in use, over all its pools.
func (t *tenant) consumed(s sku) int {
	n := 0
	for _, i := range t.pools[s] {
		n += t.allotments[i].consumed
	}
	return n
}

// units says how many a product has of each kind.
func (t *tenant) units(s sku) (enabledUnits, warningUnits, suspendedUnits int) {
	n := 0
	for _, i := range t.pools[s] {
		n += t.allotments[i].units
	}
	switch s.lifecycle() {
	case warning:
		return 0, n, 0
	case suspended:
		return 0, 0, n
	default:
		return n, 0, 0
	}
}

var allotmentType = entityType[*allotment]{allotmentTypeName, map[string]property[*allotment]{
	"id":            {get: func(_ *tenant, a *allotment, _ *Variants) any { return a.id }, onDefault: true},
	"allottedUnits": {get: func(_ *tenant, a *allotment, _ *Variants) any { return a.units }, onDefault: true},
	"consumedUnits": {get: func(_ *tenant, a *allotment, _ *Variants) any { return a.consumed }, onDefault: true},
	"assignableTo":  {get: func(_ *tenant, a *allotment, _ *Variants) any { return a.assignableTo }, onDefault: true},
	"services": {get: func(t *tenant, a *allotment, _ *Variants) any {
		return services(a.sku, t.products[a.sku].plans)
	}, onDefault: true},
	"skuId":         {get: func(t *tenant, a *allotment, _ *Variants) any { return orNull(t.products[a.sku].skuID) }, onDefault: true},
	"skuPartNumber": {get: func(t *tenant, a *allotment, _ *Variants) any { return orNull(t.products[a.sku].skuPartNumber) }, onDefault: true},
	"subscriptions": {get: func(t *tenant, a *allotment, v *Variants) any { return t.subscriptions(a.sku, v) }, onDefault: true},
}}

func orNull(s string) any {
	if s == "" {
		return nil
	}
	return s
}

// subscriptions are the purchases behind a pool. The pools of one product share
// one purchase.
func (t *tenant) subscriptions(s sku, v *Variants) []object {
	made := func(id, state, tags string, start, next int) object {
		day := func(days int) string {
			at := t.reference.Truncate(24*time.Hour).AddDate(0, 0, days)
			if v.SubscriptionTimestamps {
				return at.Format("2006-01-02T15:04:05.000Z")
			}
			return at.Format(time.DateOnly)
		}
		return object{
			"@odata.type":       "#" + namespace + "subscription",
			"subscriptionId":    id,
			"startDate":         day(start),
			"nextLifecycleDate": day(next),
			"state":             state,
			"tags":              tags,
		}
	}
	id := t.subscriptionID(s)
	switch {
	case s == noSku:
		return []object{made(id, "active", "none", -300, 65), made(t.subscriptionID(s+1), "warning", "trial", -40, 20)}
	case s.trial():
		return []object{made(id, "active", "trial", -trialDays-1, 6)}
	case s.lifecycle() == warning:
		return []object{made(id, "warning", "none", -380, 15)}
	case s.lifecycle() == suspended:
		return []object{made(id, "suspended", "none", -430, 25)}
	}
	return []object{made(id, "active", "none", -300, 65)}
}

// allotmentRelations are the relations of an allotment that can be expanded.
var allotmentRelations = relations{
	"assignments":    {check: assignmentType.nested},
	"waitingMembers": {check: waitingType.nested},
}

func (e *Emulator) allotmentOptions(c *call, allowed option) (*query, *problem) {
	return e.cloudOptions(c, allowed, allotmentType.nested, allotmentRelations, c.skuFilter())
}

// renderAllotment writes an allotment. Of a list, or of a relation, the
// subscriptions can be left out.
func (e *Emulator) renderAllotment(c *call, sel []string, a *allotment, listed bool) object {
	o := allotmentType.render(e.tenant, a, sel, c.variants)
	if listed && sel == nil && c.variants.SubscriptionsOnSelect {
		delete(o, "subscriptions")
	}
	o["@odata.type"] = "#" + allotmentTypeName
	return o
}

func (e *Emulator) expandAllotment(c *call, q *query, o object, a *allotment) object {
	path := allotmentSet + "/" + a.id + "/"
	for _, x := range q.expand {
		switch x.name {
		case "assignments":
			list := e.tenant.drawing(a)
			e.expandList(c, o, x, path, len(list), func(i int) object { return e.renderAssignment(c, x.sel, list[i]) })
		case "waitingMembers":
			e.expandList(c, o, x, path, len(a.waiting), func(i int) object {
				return e.renderWaiting(c, x.sel, waitingMember{a, a.waiting[i]})
			})
		}
	}
	return o
}

func (e *Emulator) listAllotments(c *call) (any, *problem) {
	q, p := e.allotmentOptions(c, optSelect|optTop|optExpand|optFilter|optApply)
	if p != nil {
		return nil, p
	}
	t := e.tenant
	found := make([]*allotment, 0, len(t.allotments))
	for i := range t.allotments {
		if q.filter == nil || q.filter.match(func(string) []string { return t.skuIDs(t.allotments[i].sku) }) {
			found = append(found, &t.allotments[i])
		}
	}
	if q.apply != nil {
		return e.aggregate(c, q.apply, found), nil
	}
	return e.page(c, q, fragment(allotmentSet, q.sel), c.cloudPageSize(q), len(found), func(i int) object {
		return e.expandAllotment(c, q, e.renderAllotment(c, q.sel, found[i], true), found[i])
	}), nil
}

// skuIDs is the value of skuId for a filter: none where it is null.
func (t *tenant) skuIDs(s sku) []string {
	if s == noSku {
		return nil
	}
	return []string{t.products[s].skuID}
}

func (e *Emulator) getAllotment(c *call) (any, *problem) {
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

// pathAllotment is the allotment that the path names first.
func (e *Emulator) pathAllotment(c *call) (*allotment, *problem) {
	if a := e.tenant.allotment(c.params[0]); a != nil {
		return a, nil
	}
	return nil, cloud(http.StatusNotFound, "resourceNotFound", "The allotment '%s' does not exist.", c.params[0])
}

func (t *tenant) allotment(id string) *allotment {
	i := slices.IndexFunc(t.allotments, func(a allotment) bool { return a.id == id })
	if i < 0 {
		return nil
	}
	return &t.allotments[i]
}
