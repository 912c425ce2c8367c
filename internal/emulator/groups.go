package emulator

import (
	"iter"
	"slices"
	"strconv"
	"strings"

	"licensegraph/internal/emulator/tenant"
)

// groupType is the properties of a group, by "group resource type".
// hasMembersWithLicenseErrors is missing on purpose: it can be filtered by,
// but is never returned.
var groupType = entityType[*tenant.Group]{"microsoft.graph.group", map[string]property[*tenant.Group]{
	"id":              {get: func(_ *call, g *tenant.Group) any { return g.ID().String() }, onDefault: true},
	"deletedDateTime": {get: always[*tenant.Group](nil), onDefault: true},
	"classification":  {get: always[*tenant.Group](nil), onDefault: true},
	"createdDateTime": {get: func(_ *call, g *tenant.Group) any { return timestamp(g.Created) }, onDefault: true},
	"description":     {get: textOf(func(_ *call, g *tenant.Group) string { return g.About }), onDefault: true},
	"displayName":     {get: textOf(func(_ *call, g *tenant.Group) string { return g.Name }), onDefault: true},
	"groupTypes": {get: func(_ *call, g *tenant.Group) any {
		if g.Unified {
			return []string{"Unified"}
		}
		return []string{}
	}, onDefault: true},
	"mail": {get: func(_ *call, g *tenant.Group) any {
		if g.Unified {
			return g.Nickname + "@" + mainDomain
		}
		return nil
	}, onDefault: true},
	"mailEnabled":     {get: func(_ *call, g *tenant.Group) any { return g.Unified }, onDefault: true},
	"mailNickname":    {get: textOf(func(_ *call, g *tenant.Group) string { return g.Nickname }), onDefault: true},
	"securityEnabled": {get: func(_ *call, g *tenant.Group) any { return !g.Unified }, onDefault: true},
	"visibility":      {get: always[*tenant.Group](nil), onDefault: true},

	"assignedLicenses": {get: func(c *call, g *tenant.Group) any { return c.assignedLicenses(g.Licensed()) }, licence: true},
	"licenseProcessingState": {get: func(c *call, g *tenant.Group) any {
		if state := c.tenant.ProcessingState(g, c.date); state != "" {
			return object{"state": state}
		}
		return nil
	}, licence: true},
}}

// assignedLicenses writes products with the plans that are off.
func (c *call) assignedLicenses(licensed []tenant.Licensed) []object {
	list := []object{}
	for _, l := range licensed {
		if p := c.tenant.Product(l.Sku); p.SkuID != "" { // The directory knows no others.
			list = append(list, object{"skuId": p.SkuID, "disabledPlans": p.PlanIDs(l.Off)})
		}
	}
	return list
}

var groupFilter = rules{or: true, maxLength: maxValueLength, fields: map[string]field{
	"id":                          {text, "eq in", "ne"},
	"displayName":                 {text, "eq in startswith", "ne"},
	"mailNickname":                {text, "eq in startswith", "ne"},
	"securityEnabled":             {boolean, "eq", "ne"},
	"mailEnabled":                 {boolean, "eq", "ne"},
	"hasMembersWithLicenseErrors": {boolean, "eq", ""},
	"assignedLicenses/skuId":      {guidLiteral, "any:eq", ""},
}}

func (c *call) groupValue(g *tenant.Group, path string) []string {
	switch path {
	case "assignedLicenses/skuId":
		var ids []string
		for _, l := range g.Licensed() {
			ids = append(ids, c.skuIDs(l.Sku)...)
		}
		return ids
	case "hasMembersWithLicenseErrors":
		return []string{strconv.FormatBool(g.FailingCount() > 0)}
	}
	switch v := groupType.props[path].get(c, g).(type) {
	case string:
		return []string{v}
	case bool:
		return []string{strconv.FormatBool(v)}
	}
	return nil
}

// pathGroup is the group that the path names, by its object id alone.
func (e *Emulator) pathGroup(c *call) (int32, *problem) {
	g, ok := parseGUID(c.params[0])
	if !ok {
		return 0, badRequest("Invalid object identifier '%s'.", c.params[0])
	}
	r, ok := c.tenant.Find(g)
	if !ok || r.Kind != tenant.GroupKind {
		return 0, noSuchObject(c.params[0])
	}
	return r.At, nil
}

// maxExpanded is how many directory objects $expand gives. There is no link to
// the rest.
const maxExpanded = 20

// checkGroupOptions refuses what groups do not have. The one relation that can
// be expanded has no options of its own and does not go with advanced queries.
func checkGroupOptions(q *query) *problem {
	if p := groupType.check(directory, q.sel); p != nil {
		return p
	}
	for _, x := range q.expand {
		switch {
		case x.name != "members":
			return directory.expanding("Parsing OData Select and Expand failed: Could not expand '%s' of type '%s'.", x.name, groupType.name)
		case x.sel != nil || x.filter != nil:
			return directory.expanding("Options inside $expand=members are not supported.")
		case q.count:
			return unsupported("$expand is not supported in advanced queries.")
		}
	}
	return nil
}

func (e *Emulator) renderGroup(c *call, q *query, g *tenant.Group) object {
	o := groupType.render(c, g, q.sel)
	if len(q.expand) > 0 {
		list := []object{}
		for _, m := range c.tenant.Members(g, -1) {
			if len(list) == maxExpanded {
				break
			}
			list = append(list, c.renderMember(m, nil))
		}
		o["members"] = list
	}
	return o
}

func (e *Emulator) getGroup(c *call) (any, *problem) {
	q, p := e.options(c, directory, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	if p := checkGroupOptions(q); p != nil {
		return nil, p
	}
	i, p := e.pathGroup(c)
	if p != nil {
		return nil, p
	}
	o := e.renderGroup(c, q, c.tenant.Group(i))
	o["@odata.context"] = c.context(fragment("groups", q.sel) + "/$entity")
	return o, nil
}

func (e *Emulator) listGroups(c *call) (any, *problem) {
	q, p := e.directoryList(c, groupFilter, listOptions|optExpand, "displayName", "description", "mailNickname")
	if p != nil {
		return nil, p
	}
	if p := checkGroupOptions(q); p != nil {
		return nil, p
	}
	t := c.tenant
	value := func(i int32, path string) []string { return c.groupValue(t.Group(i), path) }
	var fits func(int32) bool
	if q.filter != nil || q.search != nil {
		fits = func(i int32) bool {
			get := func(path string) []string { return value(i, path) }
			return q.search.finds(func(path string) string { return strings.Join(get(path), "") }) && (q.filter == nil || q.filter.match(get))
		}
	}
	groups := numbered(t.Groups, func() int { return len(slices.Collect(t.Groups(-1))) }).where(fits)
	if q.orderBy != "" {
		property, descending, p := orderBy(q)
		if p != nil {
			return nil, p
		}
		groups = sortedBy(slices.Collect(t.Groups(-1)), fits, func(i int32) string { return strings.ToLower(strings.Join(value(i, property), "")) }, descending)
	}
	return pageOf(e, c, q, fragment("groups", q.sel), c.directoryPageSize(q), groups, func(i int32) object {
		return e.renderGroup(c, q, t.Group(i))
	}), nil
}

// listMembersWithErrors answers directory objects, though only people can fail.
// No page documents its options: it takes the least that is of use.
func (e *Emulator) listMembersWithErrors(c *call) (any, *problem) {
	q, p := e.options(c, directory, optSelect|optTop)
	if p != nil {
		return nil, p
	}
	if p := checkObjects(q.sel); p != nil {
		return nil, p
	}
	i, p := e.pathGroup(c)
	if p != nil {
		return nil, p
	}
	g := c.tenant.Group(i)
	failing := numbered(func(after int32) iter.Seq[int32] { return c.tenant.Failing(g, after) }, g.FailingCount)
	return pageOf(e, c, q, fragment("directoryObjects", q.sel), c.directoryPageSize(q), failing, func(i int32) object {
		return asDirectoryObject(&userType, i, q.sel, c, readUsers)
	}), nil
}
