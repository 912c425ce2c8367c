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

// right is the merged effect of all assignments of one product on one person,
// or what this effect has in common on the direct members of a group.
type right struct {
	group int // direct: of user
	user  int32
	sku   sku
}

var rightType = entityType[right]{rightTypeName, map[string]property[right]{
	"id":            {get: func(t *tenant, r right, _ *Variants) any { return t.rightID(r) }, onDefault: true},
	"skuId":         {get: func(t *tenant, r right, _ *Variants) any { return t.products[r.sku].skuID }, onDefault: true},
	"skuPartNumber": {get: func(t *tenant, r right, _ *Variants) any { return t.products[r.sku].skuPartNumber }, onDefault: true},
	"services": {get: func(t *tenant, r right, _ *Variants) any {
		return services(t.rightServices(r))
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
	topic, n := "right", int(r.user)*int(skuCount)+int(r.sku)
	if r.group != direct {
		topic, n = "group right", r.group*int(skuCount)+int(r.sku)
	}
	if t.dice.pick(topic+" id", n, 2) == 0 {
		return t.dice.guid(topic, n).String()
	}
	return t.dice.longID(topic, n)
}

// rightHolders are the people whose right r is: of a group the members who can
// use the product, whoever it comes from.
func (t *tenant) rightHolders(r right) []int32 {
	if r.group == direct {
		return []int32{r.user}
	}
	return slices.DeleteFunc(slices.Clone(t.groups[r.group].members), func(i int32) bool {
		return !slices.ContainsFunc(t.users[i].licences, func(l licence) bool { return l.sku == r.sku && l.state.usable() })
	})
}

// rightServices lists the plans that every holder may use.
func (t *tenant) rightServices(r right) []plan {
	plans := slices.Clone(t.products[r.sku].plans)
	for _, i := range t.rightHolders(r) {
		plans = slices.DeleteFunc(plans, func(p plan) bool { return !t.users[i].mayUse(r.sku, p.name) })
	}
	return plans
}

// rightSources lists the assignments behind r. Of a group that is those to
// groups that reach every holder, such as the one to the group itself.
func (t *tenant) rightSources(r right) []source {
	reaches := func(i int32, group int) bool {
		return slices.ContainsFunc(t.users[i].licences, func(l licence) bool {
			return l.sku == r.sku && l.state.usable() && l.group == group
		})
	}
	holders := t.rightHolders(r)
	var list []source
	for _, l := range t.users[holders[0]].licences {
		if l.sku != r.sku || !l.state.usable() || r.group != direct && l.group == direct {
			continue
		}
		if !slices.ContainsFunc(holders, func(i int32) bool { return !reaches(i, l.group) }) {
			list = append(list, source{l.sku, l.group, holders[0], l.off})
		}
	}
	return list
}

// groupRights lists the rights that the members of a group hold: of the
// products that the group licenses, and of those that every member has. The
// members to whom a product could not be given don't count in its right, and
// without any other member there is none.
func (t *tenant) groupRights(group int) []right {
	g := &t.groups[group]
	var list []right
	for s := range skuCount {
		r := right{group: group, sku: s}
		licensed := slices.ContainsFunc(g.products, func(p groupProduct) bool { return p.sku == s })
		n := len(t.rightHolders(r))
		if n > 0 && (licensed || n == len(g.members)) && len(t.rightServices(r)) > 0 {
			list = append(list, r)
		}
	}
	return list
}

// rightOf is the right from before the error, if one is still in force.
func (t *tenant) rightOf(x assignmentError) (right, bool) {
	row := t.row(x)
	return right{direct, x.user, row.sku}, row.state == activeWithError
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
			for _, s := range t.rightSources(r) {
				a := assignmentType.render(t, s, x.sel, c.variants)
				a["@odata.type"] = "#" + assignmentTypeName
				list = append(list, a)
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

// pathRights lists the rights of the person or group that the path names, with
// the name of that set.
func (e *Emulator) pathRights(c *call) ([]right, string, *problem) {
	t := e.tenant
	if c.route.segments[0] == "groups" {
		group, p := e.pathGroup(c)
		if p != nil {
			return nil, "", p
		}
		return t.groupRights(group), "groups('" + t.groups[group].id.String() + "')/cloudLicensing/usageRights", nil
	}
	user, p := e.pathUser(c)
	if p != nil {
		return nil, "", p
	}
	var list []right
	for _, s := range t.rights(&t.users[user]) {
		list = append(list, right{direct, user, s})
	}
	return list, "users('" + t.users[user].id.String() + "')/cloudLicensing/usageRights", nil
}

func (e *Emulator) listRights(c *call) (any, *problem) {
	q, p := e.rightOptions(c, optSelect|optTop|optExpand|optFilter)
	if p != nil {
		return nil, p
	}
	rights, set, p := e.pathRights(c)
	if p != nil {
		return nil, p
	}
	t := e.tenant
	if q.filter != nil {
		rights = slices.DeleteFunc(rights, func(r right) bool {
			return !q.filter.match(func(path string) []string {
				if path == "skuId" {
					return []string{t.products[r.sku].skuID}
				}
				var ids []string
				for _, p := range t.rightServices(r) {
					ids = append(ids, p.id)
				}
				return ids
			})
		})
	}
	return e.page(c, q, fragment(set, q.sel), c.cloudPageSize(q), len(rights), func(i int) object {
		return e.renderRight(c, q, rights[i])
	}), nil
}

func (e *Emulator) getRight(c *call) (any, *problem) {
	q, p := e.rightOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	rights, set, p := e.pathRights(c)
	if p != nil {
		return nil, p
	}
	id := c.params[len(c.params)-1]
	for _, r := range rights {
		if e.tenant.rightID(r) == id {
			return c.single(set, q, e.renderRight(c, q, r)), nil
		}
	}
	return nil, cloud(http.StatusNotFound, "resourceNotFound", "The usage right %s does not exist.", strconv.Quote(id))
}
