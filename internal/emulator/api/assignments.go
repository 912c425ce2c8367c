package api

import (
	"iter"
	"net/http"
	"slices"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register(
		cloudRoute(get, adminRoot+"allotments/{id}/assignments", (*Endpoints).listAssignments, readOfAllotment, scopesCloud),
		cloudRoute(get, adminRoot+"allotments/{id}/assignments/{id}", (*Endpoints).getAssignment, readCloud, scopesCloud),
		cloudRoute(get, adminRoot+"assignments", (*Endpoints).listAssignments, readCloud, scopesCloud),
		cloudRoute(get, adminRoot+"assignments/{id}", (*Endpoints).getAssignment, readCloud, scopesCloud),
		cloudRoute(get, adminRoot+"assignments/{id}/assignedTo", (*Endpoints).getAssignmentAssignee, readCloud, scopesCloud),
		cloudRoute(get, adminRoot+"assignments/{id}/allotment", (*Endpoints).getAssignmentAllotment, readCloud, scopesCloud),
		cloudRoute(get, userRoot+"assignments", (*Endpoints).listAssignments, readOfUser, scopesOfUser),
		userRoutes(get, "assignments/{id}", (*Endpoints).getAssignment, readUserItem, scopesUserItem),
		userRoutes(get, "assignments/{id}/allotment", (*Endpoints).getAssignmentAllotment, readUserItem, scopesUserItem),
		userRoutes(get, "usageRights/{id}/assignments", (*Endpoints).listAssignments, readUserItem, scopesUserItem),
		cloudRoute(get, groupRoot+"assignments", (*Endpoints).listAssignments, readOfGroup, scopesOfGroup),
		cloudRoute(get, groupRoot+"assignments/{id}", (*Endpoints).getAssignment, readGroupItem, scopesGroupItem),
		cloudRoute(get, groupRoot+"assignments/{id}/allotment", (*Endpoints).getAssignmentAllotment, readGroupItem, scopesGroupItem),
		cloudRoute(get, groupRoot+"usageRights/{id}/assignments", (*Endpoints).listAssignments, readGroupSource, scopesGroupRight),
		onlyIf(func(v *settings.Variants) bool { return v.MyAssignments },
			listedRoute(get, meRoot+"assignments", (*Endpoints).listAssignments)),
		onlyIf(func(v *settings.Variants) bool { return v.DevicesListed },
			listedRoute(get, deviceRoot+"assignments", (*Endpoints).listAssignments),
			listedRoute(get, deviceRoot+"assignments/{id}", (*Endpoints).getAssignment),
			listedRoute(get, deviceRoot+"assignments/{id}/allotment", (*Endpoints).getAssignmentAllotment),
			listedRoute(get, deviceRoot+"usageRights/{id}/assignments", (*Endpoints).listAssignments)),
	)
}

const (
	assignmentTypeName = namespace + "assignment"
	assignmentSet      = "admin/cloudLicensing/assignments"
)

// drawing lists the assignments from an allotment.
func (c *call) drawing(a *tenant.Allotment) listing[*tenant.Assignment] {
	return assignmentsIn(func(after int) iter.Seq2[int, *tenant.Assignment] { return c.tenant.AssignmentsFrom(a, after) })
}

func assignmentsIn(seq func(after int) iter.Seq2[int, *tenant.Assignment]) listing[*tenant.Assignment] {
	return listing[*tenant.Assignment]{after: func(place int64) iter.Seq2[int64, *tenant.Assignment] {
		return func(yield func(int64, *tenant.Assignment) bool) {
			for at, a := range seq(int(place)) {
				if !yield(int64(at), a) {
					return
				}
			}
		}
	}}
}

var assignmentType = entityType[*tenant.Assignment]{name: assignmentTypeName, props: map[string]property[*tenant.Assignment]{
	"id": {get: func(c *call, a *tenant.Assignment) any { return c.tenant.AssignmentID(a) }, onDefault: true},
	"disabledServicePlanIds": {get: func(c *call, a *tenant.Assignment) any {
		return c.tenant.Product(a.Sku()).PlanIDs(a.Off)
	}, onDefault: true},
}}

// assignmentRelations are the expandable relations of an assignment. The
// filter is the one on the page "List assignments".
var assignmentRelations = relations{
	"assignedTo": {check: nestedAssignee},
	"allotment":  {check: allotmentType.nested, filter: &skuFilter},
}

var (
	skuFilter   = rules{resource: "cloudLicensing", fields: map[string]field{"skuId": {kind: odata.GUID, ops: "eq in"}}}
	skuFilterEq = rules{resource: "cloudLicensing", fields: map[string]field{"skuId": {kind: odata.GUID, ops: "eq"}}}
	idFilter    = rules{resource: assignmentTypeName, fields: map[string]field{"id": {kind: odata.String, ops: "eq"}}}
)

func (c *call) skuFilter() rules {
	if c.Variants.SkuIDEqualOnly {
		return skuFilterEq
	}
	return skuFilter
}

func (e *Endpoints) assignmentOptions(c *call, allowed option) (*query, *wire.Problem) {
	filter := rules{resource: assignmentTypeName} // No page documents a property for filters.
	if c.Variants.AssignmentFilter {
		filter = idFilter
	}
	q, p := e.cloudOptions(c, allowed, assignmentType.nested, assignmentRelations, filter)
	if p == nil && len(q.expand) > 1 && c.Variants.ExpandOne {
		return nil, licensing.expanding("Only one relation of '%s' can be expanded at a time.", assignmentTypeName)
	}
	return q, p
}

func (e *Endpoints) renderAssignment(c *call, sel []string, a *tenant.Assignment) object {
	o := assignmentType.render(c, a, sel)
	o["@odata.type"] = "#" + assignmentTypeName
	return o
}

func (e *Endpoints) expandAssignment(c *call, q *query, a *tenant.Assignment) object {
	o := e.renderAssignment(c, q.sel, a)
	for _, x := range q.expand {
		switch x.Path {
		case "assignedTo":
			o[x.Path] = e.renderHolder(c, a.To, x.Select)
		case "allotment":
			o[x.Path] = nil
			if c.fits(x, a) {
				o[x.Path] = e.renderAllotment(c, x.Select, a.Pool, true)
			}
		}
	}
	return o
}

// fits reports whether the allotment of a satisfies the nested filter of x.
func (c *call) fits(x expansion, a *tenant.Assignment) bool {
	return c.skuFits(x.Filter)(a.Sku())
}

// pathAssignments lists the assignments of the path's object, with the name of
// the set: for a user or group, its direct assignments; for a usage right, the
// contributing ones.
func (e *Endpoints) pathAssignments(c *call) (l listing[*tenant.Assignment], set string, p *wire.Problem) {
	t := c.tenant
	switch {
	case slices.Contains(c.route.segments, "usageRights"):
		r, set, p := e.pathRight(c)
		if p != nil {
			return l, "", p
		}
		return listed(t.RightSources(r)), set + "('" + t.RightID(r) + "')/assignments", nil
	case c.route.segments[0] != "admin":
		h, p := e.pathHolder(c)
		if p != nil {
			return l, "", p
		}
		return listed(t.Assigned(h)), c.set(h) + "/assignments", nil
	case c.route.segments[2] == "allotments":
		a, p := e.pathAllotment(c)
		if p != nil {
			return l, "", p
		}
		return c.drawing(a), allotmentSet + "('" + a.ID + "')/assignments", nil
	}
	return assignmentsIn(t.Assignments), assignmentSet, nil
}

// set returns the name of the cloudLicensing of h in an @odata.context.
func (c *call) set(h tenant.Ref) string {
	return h.Kind.String() + "s('" + c.tenant.IDOf(h).String() + "')/cloudLicensing"
}

func (e *Endpoints) listAssignments(c *call) (any, *wire.Problem) {
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
	if q.filter != nil {
		list = list.where(compile(q.filter, source[*tenant.Assignment]{value: func(string) func(*tenant.Assignment) value {
			return func(a *tenant.Assignment) value { return textValue(c.tenant.AssignmentID(a)) }
		}}))
	}
	if c.Variants.NestedFilterDrops {
		list = list.where(func(a *tenant.Assignment) bool {
			return !slices.ContainsFunc(q.expand, func(x expansion) bool { return !c.fits(x, a) })
		})
	}
	return pageOf(e, c, q, fragment(set, q.sel), c.cloudPageSize(q), list, func(a *tenant.Assignment) object {
		return e.expandAssignment(c, q, a)
	}), nil
}

// pathAssignment returns the assignment at the end of the path or within it.
// It finds only assignments of the path's first object.
func (e *Endpoints) pathAssignment(c *call) (*tenant.Assignment, *wire.Problem) {
	id := c.params[len(c.params)-1]
	a, found := c.tenant.Assignment(id)
	switch {
	case c.route.segments[0] != "admin":
		h, p := e.pathHolder(c)
		if p != nil {
			return nil, p
		}
		found = found && a.To == h
	case c.route.segments[2] == "allotments":
		pool, p := e.pathAllotment(c)
		if p != nil {
			return nil, p
		}
		found = found && a.Pool == pool
	}
	if !found {
		return nil, cloud(http.StatusNotFound, "resourceNotFound", "The assignment '%s' does not exist.", id)
	}
	return a, nil
}

func (e *Endpoints) getAssignment(c *call) (any, *wire.Problem) {
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

func (e *Endpoints) getAssignmentAssignee(c *call) (any, *wire.Problem) {
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
	return c.single("directoryObjects", q, e.renderHolder(c, a.To, q.sel)), nil
}

func (e *Endpoints) getAssignmentAllotment(c *call) (any, *wire.Problem) {
	q, p := e.allotmentOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	a, p := e.pathAssignment(c)
	if p != nil {
		return nil, p
	}
	return c.single(allotmentSet, q, e.expandAllotment(c, q, e.renderAllotment(c, q.sel, a.Pool, true), a.Pool)), nil
}
