package emulator

import (
	"net/http"
	"slices"
	"strings"
)

const (
	assignmentTypeName = namespace + "assignment"
	assignmentSet      = "admin/cloudLicensing/assignments"
)

// assignment links a pool of units to a person, a group or a device. What
// comes of it for people is worked out by settle alone.
type assignment struct {
	id   string
	pool int // index into allotments
	to   holder
	off  []string // names of plans

	// What members know of the assignment to a group, which they learn later.
	// For people and devices that is no difference.
	reaches bool
	reach   []string // off, as far as it is known
	gone    bool     // deleted
}

// assignmentID names an assignment of the first state of the tenant. Both
// shapes of id occur.
func (t *tenant) assignmentID(n int) string {
	if t.dice.pick("assignment id", n, 4) == 0 {
		return t.dice.longID("assignment", n)
	}
	return t.dice.guid("assignment", n).String()
}

// grant files an assignment that everybody knows of.
func (t *tenant) grant(a *assignment) {
	a.reaches, a.reach = true, a.off
	t.file(a)
}

// file puts an assignment where it is found.
func (t *tenant) file(a *assignment) {
	list := t.assigned(a.to)
	*list = append(*list, a)
	i := len(t.assignments)
	if t.built { // Before that, all are sorted in the end.
		i, _ = t.findAssignment(a.id)
	}
	t.assignments = slices.Insert(t.assignments, i, a)
}

func byID(a, b *assignment) int { return strings.Compare(a.id, b.id) }

func (t *tenant) findAssignment(id string) (int, bool) {
	return slices.BinarySearchFunc(t.assignments, id, func(a *assignment, id string) int { return strings.Compare(a.id, id) })
}

// drawing lists the assignments that draw on an allotment.
func (t *tenant) drawing(a *allotment) []*assignment {
	var list []*assignment
	for _, one := range t.assignments {
		if one.pool == a.at {
			list = append(list, one)
		}
	}
	return list
}

// skuOf is the product that an assignment is about. The assignment itself does
// not tell.
func (t *tenant) skuOf(a *assignment) sku { return t.allotments[a.pool].sku }

var assignmentType = entityType[*assignment]{assignmentTypeName, map[string]property[*assignment]{
	"id":                     {get: func(_ *tenant, a *assignment, _ *Variants) any { return a.id }, onDefault: true},
	"disabledServicePlanIds": {get: func(_ *tenant, a *assignment, _ *Variants) any { return planIDs(a.off) }, onDefault: true},
}}

// assignmentRelations are the relations of an assignment that can be expanded.
// The filter is the one that the page "List assignments" shows.
var assignmentRelations = relations{
	"assignedTo": {check: nestedAssignee},
	"allotment":  {check: allotmentType.nested, filter: &skuFilter},
}

var (
	skuFilter   = rules{fields: map[string]field{"skuId": {guidLiteral, "eq in", ""}}}
	skuFilterEq = rules{fields: map[string]field{"skuId": {guidLiteral, "eq", ""}}}
	idFilter    = rules{fields: map[string]field{"id": {text, "eq", ""}}}
)

func (c *call) skuFilter() rules {
	if c.variants.SkuIDEqualOnly {
		return skuFilterEq
	}
	return skuFilter
}

func (e *Emulator) assignmentOptions(c *call, allowed option) (*query, *problem) {
	var filter rules // No page names a property to filter by.
	if c.variants.AssignmentFilter {
		filter = idFilter
	}
	q, p := e.cloudOptions(c, allowed, assignmentType.nested, assignmentRelations, filter)
	if p == nil && len(q.expand) > 1 && c.variants.ExpandOne {
		return nil, licensing.expanding("Only one relation of '%s' can be expanded at a time.", assignmentTypeName)
	}
	return q, p
}

func (e *Emulator) renderAssignment(c *call, sel []string, a *assignment) object {
	o := assignmentType.render(e.tenant, a, sel, c.variants)
	o["@odata.type"] = "#" + assignmentTypeName
	return o
}

func (e *Emulator) expandAssignment(c *call, q *query, a *assignment) object {
	o := e.renderAssignment(c, q.sel, a)
	for _, x := range q.expand {
		switch x.name {
		case "assignedTo":
			o[x.name] = e.renderHolder(c, a.to, x.sel)
		case "allotment":
			o[x.name] = nil
			if e.tenant.fits(x, a) {
				o[x.name] = e.renderAllotment(c, x.sel, &e.tenant.allotments[a.pool], true)
			}
		}
	}
	return o
}

// fits says whether the allotment of a satisfies the filter inside x.
func (t *tenant) fits(x expansion, a *assignment) bool {
	return x.filter == nil || x.filter.match(func(string) []string { return t.skuIDs(t.skuOf(a)) })
}

// pathAssignments lists the assignments below what the path names, with the
// name of that set: of a person or a group those to that very holder, of a
// usage right those that contribute to it.
func (e *Emulator) pathAssignments(c *call) ([]*assignment, string, *problem) {
	t := e.tenant
	switch {
	case slices.Contains(c.route.segments, "usageRights"):
		r, set, p := e.pathRight(c)
		if p != nil {
			return nil, "", p
		}
		return t.rightSources(r), set + "('" + t.rightID(r) + "')/assignments", nil
	case c.route.segments[0] != "admin":
		h, p := e.pathHolder(c)
		if p != nil {
			return nil, "", p
		}
		list := slices.Clone(*t.assigned(h))
		slices.SortFunc(list, byID)
		return list, t.set(h) + "/assignments", nil
	case c.route.segments[2] == "allotments":
		a, p := e.pathAllotment(c)
		if p != nil {
			return nil, "", p
		}
		return t.drawing(a), allotmentSet + "('" + a.id + "')/assignments", nil
	}
	return t.assignments, assignmentSet, nil
}

// set is the name of the cloudLicensing of h in an @odata.context.
func (t *tenant) set(h holder) string {
	return h.kind.String() + "s('" + t.holderID(h).String() + "')/cloudLicensing"
}

func (e *Emulator) listAssignments(c *call) (any, *problem) {
	allowed := optSelect | optTop | optExpand | optFilter
	if slices.Contains(c.route.segments, "usageRights") {
		allowed &^= optFilter
	}
	q, p := e.assignmentOptions(c, allowed)
	if p != nil {
		return nil, p
	}
	list, set, p := e.pathAssignments(c)
	if p != nil {
		return nil, p
	}
	kept := func(a *assignment) bool {
		if q.filter != nil && !q.filter.match(func(string) []string { return []string{a.id} }) {
			return false
		}
		return !c.variants.NestedFilterDrops || !slices.ContainsFunc(q.expand, func(x expansion) bool { return !e.tenant.fits(x, a) })
	}
	if q.filter != nil || c.variants.NestedFilterDrops {
		list = slices.DeleteFunc(slices.Clone(list), func(a *assignment) bool { return !kept(a) })
	}
	return e.page(c, q, fragment(set, q.sel), c.cloudPageSize(q), len(list), func(i int) object {
		return e.expandAssignment(c, q, list[i])
	}), nil
}

// pathAssignment is the assignment that the path ends in or goes through. Only
// those below the path's beginning are found.
func (e *Emulator) pathAssignment(c *call) (*assignment, *problem) {
	t := e.tenant
	id := c.params[len(c.params)-1]
	missing := cloud(http.StatusNotFound, "resourceNotFound", "The assignment '%s' does not exist.", id)
	i, found := t.findAssignment(id)
	switch {
	case c.route.segments[0] != "admin":
		h, p := e.pathHolder(c)
		if p != nil {
			return nil, p
		}
		found = found && t.assignments[i].to == h
	case c.route.segments[2] == "allotments":
		a, p := e.pathAllotment(c)
		if p != nil {
			return nil, p
		}
		found = found && t.assignments[i].pool == a.at
	}
	if !found {
		return nil, missing
	}
	return t.assignments[i], nil
}

func (e *Emulator) getAssignment(c *call) (any, *problem) {
	q, p := e.assignmentOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	a, p := e.pathAssignment(c)
	if p != nil {
		return nil, p
	}
	return c.single(assignmentSet, q, e.expandAssignment(c, q, a)), nil
}

func (e *Emulator) getAssignmentHolder(c *call) (any, *problem) {
	q, p := e.options(c, licensing, optSelect)
	if p != nil {
		return nil, p
	}
	if p := checkAssignee(q.sel); p != nil {
		return nil, p
	}
	a, p := e.pathAssignment(c)
	if p != nil {
		return nil, p
	}
	return c.single("directoryObjects", q, e.renderHolder(c, a.to, q.sel)), nil
}

func (e *Emulator) getAssignmentAllotment(c *call) (any, *problem) {
	q, p := e.allotmentOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	a, p := e.pathAssignment(c)
	if p != nil {
		return nil, p
	}
	pool := &e.tenant.allotments[a.pool]
	return c.single(allotmentSet, q, e.expandAllotment(c, q, e.renderAllotment(c, q.sel, pool, true), pool)), nil
}
