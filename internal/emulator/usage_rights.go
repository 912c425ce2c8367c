package emulator

import (
	"net/http"
	"slices"
	"strconv"
)

const rightTypeName = namespace + "usageRight"

// right is the merged effect of all assignments of one product on one person
// or device, or what this effect has in common on the direct members of a
// group.
type right struct {
	of  holder
	sku sku
}

var rightType = entityType[right]{rightTypeName, map[string]property[right]{
	"id":            {get: func(t *tenant, r right, _ *Variants) any { return t.rightID(r) }, onDefault: true},
	"skuId":         {get: func(t *tenant, r right, _ *Variants) any { return orNull(t.products[r.sku].skuID) }, onDefault: true},
	"skuPartNumber": {get: func(t *tenant, r right, _ *Variants) any { return orNull(t.products[r.sku].skuPartNumber) }, onDefault: true},
	"services": {get: func(t *tenant, r right, _ *Variants) any {
		return services(r.sku, t.rightServices(r))
	}, onDefault: true},
}}

func services(s sku, plans []plan) []object {
	list := []object{}
	for _, p := range plans {
		list = append(list, object{
			"@odata.type":  namespace + "service", // Without the #, as in the samples.
			"assignableTo": p.assignableTo(s), "planId": p.id, "planName": p.name,
		})
	}
	return list
}

func (p plan) assignableTo(s sku) string {
	switch {
	case p.tenantLevel:
		return "none"
	case s == noSku:
		return "user,device,group"
	}
	return "user,group"
}

// rightID has both shapes of id that are seen.
func (t *tenant) rightID(r right) string {
	topic := [...]string{userHolder: "right", groupHolder: "group right", deviceHolder: "device right"}[r.of.kind]
	n := int(r.of.at)*int(skuCount) + int(r.sku)
	if t.dice.pick(topic+" id", n, 2) == 0 {
		return t.dice.guid(topic, n).String()
	}
	return t.dice.longID(topic, n)
}

// rightHolders are the people whose right r is: of a group the members who can
// use the product, whoever it comes from.
func (t *tenant) rightHolders(r right) []int32 {
	if r.of.kind == userHolder {
		return []int32{r.of.at}
	}
	var list []int32
	for _, i := range t.groups[r.of.at].members {
		if slices.ContainsFunc(t.users[i].licences, func(l licence) bool { return l.sku == r.sku && l.state.usable() }) {
			list = append(list, i)
		}
	}
	return list
}

// rightServices lists the plans that every holder may use.
func (t *tenant) rightServices(r right) []plan {
	plans := slices.Clone(t.products[r.sku].plans)
	if r.of.kind == deviceHolder {
		return slices.DeleteFunc(plans, func(p plan) bool {
			return !slices.ContainsFunc(t.rightSources(r), func(a *assignment) bool { return !slices.Contains(a.off, p.name) })
		})
	}
	for _, i := range t.rightHolders(r) {
		plans = slices.DeleteFunc(plans, func(p plan) bool { return !t.users[i].mayUse(r.sku, p.name) })
	}
	return plans
}

// rightSources lists the assignments behind r. Of a group that is those to
// groups that reach every holder, such as the one to the group itself.
func (t *tenant) rightSources(r right) []*assignment {
	var list []*assignment
	if r.of.kind == deviceHolder {
		for _, a := range t.devices[r.of.at].assigned {
			if t.skuOf(a) == r.sku {
				list = append(list, a)
			}
		}
		return list
	}
	reaches := func(i int32, a *assignment) bool {
		return slices.ContainsFunc(t.users[i].licences, func(l licence) bool { return l.from == a && l.state.usable() })
	}
	holders := t.rightHolders(r)
	for _, l := range t.users[holders[0]].licences {
		if l.sku != r.sku || l.from == nil || r.of.kind == groupHolder && l.group == direct {
			continue
		}
		if !slices.ContainsFunc(holders, func(i int32) bool { return !reaches(i, l.from) }) {
			list = append(list, l.from)
		}
	}
	return list
}

// rightPools lists the allotments behind r, each once.
func (t *tenant) rightPools(r right) []*allotment {
	var list []*allotment
	for _, a := range t.rightSources(r) {
		if pool := &t.allotments[a.pool]; !slices.Contains(list, pool) {
			list = append(list, pool)
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
		r := right{holder{groupHolder, int32(group)}, s}
		licensed := slices.ContainsFunc(g.assigned, func(a *assignment) bool { return t.skuOf(a) == s })
		n := len(t.rightHolders(r))
		if n > 0 && (licensed || n == len(g.members)) && len(t.rightServices(r)) > 0 {
			list = append(list, r)
		}
	}
	return list
}

// rightsOf lists the rights of a person, group or device.
func (t *tenant) rightsOf(h holder) []right {
	var list []right
	switch h.kind {
	case groupHolder:
		return t.groupRights(int(h.at))
	case deviceHolder:
		if r := (right{h, noSku}); len(t.rightSources(r)) > 0 {
			list = append(list, r)
		}
	default:
		for _, s := range t.rights(&t.users[h.at]) {
			list = append(list, right{h, s})
		}
	}
	return list
}

// rightOf is the right from before the error, if one is still in force.
func (t *tenant) rightOf(x assignmentError) (right, bool) {
	row := t.row(x)
	return right{holder{userHolder, x.user}, row.sku}, row.state == activeWithError
}

var rightFilter = rules{fields: map[string]field{
	"skuId":           {guidLiteral, "eq in", ""},
	"services/planId": {guidLiteral, "any:eq any:in", ""},
}}

// rightRelations are the relations of a usage right that can be expanded.
var rightRelations = relations{"assignments": {check: assignmentType.nested}, "allotments": {check: allotmentType.nested}}

func (e *Emulator) rightOptions(c *call, allowed option) (*query, *problem) {
	q, p := e.cloudOptions(c, allowed, rightType.nested, rightRelations, rightFilter)
	if p != nil {
		return nil, p
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
			for _, a := range t.rightSources(r) {
				list = append(list, e.renderAssignment(c, x.sel, a))
			}
		case "allotments":
			for _, a := range t.rightPools(r) {
				list = append(list, e.renderAllotment(c, x.sel, a, true))
			}
		}
		o[x.name] = list
	}
	return o
}

// pathRights lists the rights of whom the path names, with the name of that
// set.
func (e *Emulator) pathRights(c *call) ([]right, string, *problem) {
	h, p := e.pathHolder(c)
	if p != nil {
		return nil, "", p
	}
	return e.tenant.rightsOf(h), e.tenant.set(h) + "/usageRights", nil
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
					return t.skuIDs(r.sku)
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

// pathRight is the usage right that the path ends in or goes through.
func (e *Emulator) pathRight(c *call) (right, string, *problem) {
	rights, set, p := e.pathRights(c)
	if p != nil {
		return right{}, "", p
	}
	id := c.params[1%len(c.params)]
	for _, r := range rights {
		if e.tenant.rightID(r) == id {
			return r, set, nil
		}
	}
	return right{}, "", cloud(http.StatusNotFound, "resourceNotFound", "The usage right %s does not exist.", strconv.Quote(id))
}

func (e *Emulator) getRight(c *call) (any, *problem) {
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

func (e *Emulator) listRightAllotments(c *call) (any, *problem) {
	q, p := e.allotmentOptions(c, optSelect|optTop|optExpand)
	if p != nil {
		return nil, p
	}
	r, set, p := e.pathRight(c)
	if p != nil {
		return nil, p
	}
	list := e.tenant.rightPools(r)
	set += "('" + e.tenant.rightID(r) + "')/allotments"
	return e.page(c, q, fragment(set, q.sel), c.cloudPageSize(q), len(list), func(i int) object {
		return e.expandAllotment(c, q, e.renderAllotment(c, q.sel, list[i], true), list[i])
	}), nil
}
