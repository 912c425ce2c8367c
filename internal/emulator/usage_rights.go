package emulator

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

const (
	namespace          = "microsoft.graph.cloudLicensing."
	rightTypeName      = namespace + "usageRight"
	assignmentTypeName = namespace + "assignment"
	allotmentTypeName  = namespace + "allotment"
)

// right is the merged effect of all assignments of one product on one person.
type right struct {
	user int32
	sku  sku
}

var rightType = entityType[right]{rightTypeName, map[string]property[right]{
	"id":            {get: func(t *tenant, r right, _ *Variants) any { return t.rightID(r) }, onDefault: true},
	"skuId":         {get: func(t *tenant, r right, _ *Variants) any { return t.products[r.sku].skuID }, onDefault: true},
	"skuPartNumber": {get: func(t *tenant, r right, _ *Variants) any { return t.products[r.sku].skuPartNumber }, onDefault: true},
	"services": {get: func(t *tenant, r right, _ *Variants) any {
		return services(t.services(&t.users[r.user], r.sku))
	}, onDefault: true},
}}

func services(plans []plan) []object {
	list := []object{}
	for _, p := range plans {
		list = append(list, object{
			"@odata.type":  namespace + "service", // Without the #, as in the samples.
			"assignableTo": p.assignableTo(), "planId": p.id, "planName": p.name,
		})
	}
	return list
}

func (p plan) assignableTo() string {
	if p.tenantLevel {
		return "none"
	}
	return "user,group"
}

// source is one assignment of a product: of a person, or of a group.
type source struct {
	sku   sku
	group int // direct: of user
	user  int32
	off   []string
}

// assignmentType and allotmentType can only be seen expanded.
var assignmentType = entityType[source]{assignmentTypeName, map[string]property[source]{
	"id": {get: func(t *tenant, s source, _ *Variants) any {
		n := s.group
		if s.group == direct {
			n = 1000 + int(s.user)
		}
		return t.dice.guid("assignment", n*int(skuCount)+int(s.sku)).String()
	}, onDefault: true},
	"disabledServicePlanIds": {get: func(_ *tenant, s source, _ *Variants) any { return planIDs(s.off) }, onDefault: true},
}}

// There is one allotment for each product.
var allotmentType = entityType[sku]{allotmentTypeName, map[string]property[sku]{
	"id": {get: func(t *tenant, s sku, _ *Variants) any { return t.dice.longID("allotment", int(s)) }, onDefault: true},
	"allottedUnits": {get: func(t *tenant, s sku, _ *Variants) any {
		on, grace, off := t.units(s)
		return on + grace + off
	}, onDefault: true},
	"consumedUnits": {get: func(t *tenant, s sku, _ *Variants) any { return t.holders[s] }, onDefault: true},
	"assignableTo":  {get: always[sku]("user,group"), onDefault: true},
	"services":      {get: func(t *tenant, s sku, _ *Variants) any { return services(t.products[s].plans) }, onDefault: true},
	"skuId":         {get: func(t *tenant, s sku, _ *Variants) any { return t.products[s].skuID }, onDefault: true},
	"skuPartNumber": {get: func(t *tenant, s sku, _ *Variants) any { return t.products[s].skuPartNumber }, onDefault: true},
	"subscriptions": {get: func(t *tenant, s sku, v *Variants) any { return []object{t.subscription(s, v)} }, onDefault: true},
}}

func (t *tenant) subscription(s sku, v *Variants) object {
	day := func(days int) string {
		at := t.reference.Truncate(24*time.Hour).AddDate(0, 0, days)
		if v.SubscriptionTimestamps {
			return at.Format("2006-01-02T15:04:05.000Z")
		}
		return at.Format(time.DateOnly)
	}
	tags, start, next := "none", -300, 65
	switch {
	case s.trial():
		tags, start, next = "trial", -trialDays-1, 6
	case s.lifecycle() == warning:
		start, next = -380, 15
	case s.lifecycle() == suspended:
		start, next = -430, 25
	}
	return object{
		"@odata.type":       "#" + namespace + "subscription",
		"subscriptionId":    t.subscriptionID(s),
		"startDate":         day(start),
		"nextLifecycleDate": day(next),
		"state":             [...]string{enabled: "active", warning: "warning", suspended: "suspended"}[s.lifecycle()],
		"tags":              tags,
	}
}

// rightID has both shapes of id that are seen.
func (t *tenant) rightID(r right) string {
	n := int(r.user)*int(skuCount) + int(r.sku)
	if t.dice.pick("right id", n, 2) == 0 {
		return t.dice.guid("right", n).String()
	}
	return t.dice.longID("right", n)
}

// rightOf is the right from before the error, if one is still in force.
func (t *tenant) rightOf(x assignmentError) (right, bool) {
	row := t.row(x)
	return right{x.user, row.sku}, row.state == activeWithError
}

var rightFilter = rules{fields: map[string]field{
	"skuId":           {guidLiteral, "eq in", ""},
	"services/planId": {guidLiteral, "any:eq any:in", ""},
}}

func (e *Emulator) rightOptions(c *call, allowed option) (*query, *problem) {
	q, p := e.options(c, licensing, allowed)
	if p != nil {
		return nil, p
	}
	if p := rightType.check(licensing, q.sel); p != nil {
		return nil, p
	}
	if q.filter != nil {
		if err := rightFilter.check(q.filter, false); err != nil {
			return nil, licensing.filtering("%s", err)
		}
	}
	for _, x := range q.expand {
		switch x.name {
		case "assignments":
			p = assignmentType.check(licensing, x.sel)
		case "allotments":
			p = allotmentType.check(licensing, x.sel)
		default:
			p = licensing.expanding("The relation '%s' of '%s' cannot be expanded.", x.name, rightTypeName)
		}
		if p != nil {
			return nil, p
		}
	}
	// A share of f fails: one whenever the running total passes a whole number.
	if f := c.variants.UsageRightFailures; f > 0 {
		if n := float64(e.reads.Add(1)); int(n*f) > int((n-1)*f) {
			return nil, usualProblem(http.StatusInternalServerError)
		}
	}
	return q, nil
}

func (e *Emulator) renderRight(c *call, q *query, r right) object {
	t := e.tenant
	o := rightType.render(t, r, q.sel, c.variants)
	o["@odata.type"] = "#" + rightTypeName
	for _, x := range q.expand {
		list := []object{}
		switch x.name {
		case "assignments":
			for _, l := range t.users[r.user].licences {
				if l.sku == r.sku && l.state.usable() {
					a := assignmentType.render(t, source{l.sku, l.group, r.user, l.off}, x.sel, c.variants)
					a["@odata.type"] = "#" + assignmentTypeName
					list = append(list, a)
				}
			}
		case "allotments":
			a := allotmentType.render(t, r.sku, x.sel, c.variants)
			a["@odata.type"] = "#" + allotmentTypeName
			list = append(list, a)
		}
		o[x.name] = list
	}
	return o
}

func (e *Emulator) listRights(c *call) (any, *problem) {
	q, p := e.rightOptions(c, optSelect|optTop|optExpand|optFilter)
	if p != nil {
		return nil, p
	}
	user, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	t := e.tenant
	u := &t.users[user]
	skus := t.rights(u)
	if q.filter != nil {
		skus = slices.DeleteFunc(skus, func(s sku) bool {
			return !q.filter.match(func(path string) []string {
				if path == "skuId" {
					return []string{t.products[s].skuID}
				}
				var ids []string
				for _, p := range t.services(u, s) {
					ids = append(ids, p.id)
				}
				return ids
			})
		})
	}
	set := "users('" + u.id.String() + "')/cloudLicensing/usageRights"
	return e.page(c, q, fragment(set, q.sel), c.cloudPageSize(q), len(skus), func(i int) object {
		return e.renderRight(c, q, right{user, skus[i]})
	}), nil
}

func (e *Emulator) getRight(c *call) (any, *problem) {
	q, p := e.rightOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	user, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	id := c.params[len(c.params)-1]
	u := &e.tenant.users[user]
	for _, s := range e.tenant.rights(u) {
		if r := (right{user, s}); e.tenant.rightID(r) == id {
			return c.single("users('"+u.id.String()+"')/cloudLicensing/usageRights", q, e.renderRight(c, q, r)), nil
		}
	}
	return nil, cloud(http.StatusNotFound, "resourceNotFound", "The usage right %s does not exist.", strconv.Quote(id))
}
