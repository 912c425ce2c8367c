package emulator

import (
	"slices"
	"strconv"
	"strings"
)

// groupType is the properties of a group, by "group resource type".
// hasMembersWithLicenseErrors is missing on purpose: it can be filtered by,
// but is never returned.
var groupType = entityType[*group]{"microsoft.graph.group", map[string]property[*group]{
	"id":              {get: func(_ *tenant, g *group, _ *Variants) any { return g.id.String() }, onDefault: true},
	"deletedDateTime": {get: always[*group](nil), onDefault: true},
	"classification":  {get: always[*group](nil), onDefault: true},
	"createdDateTime": {get: func(_ *tenant, g *group, _ *Variants) any { return timestamp(g.created) }, onDefault: true},
	"description":     {get: func(_ *tenant, g *group, _ *Variants) any { return g.description }, onDefault: true},
	"displayName":     {get: func(_ *tenant, g *group, _ *Variants) any { return g.name }, onDefault: true},
	"groupTypes": {get: func(_ *tenant, g *group, _ *Variants) any {
		if g.unified {
			return []string{"Unified"}
		}
		return []string{}
	}, onDefault: true},
	"mail": {get: func(_ *tenant, g *group, _ *Variants) any {
		if g.unified {
			return g.key + "@" + mainDomain
		}
		return nil
	}, onDefault: true},
	"mailEnabled":     {get: func(_ *tenant, g *group, _ *Variants) any { return g.unified }, onDefault: true},
	"mailNickname":    {get: func(_ *tenant, g *group, _ *Variants) any { return g.key }, onDefault: true},
	"securityEnabled": {get: func(_ *tenant, g *group, _ *Variants) any { return !g.unified }, onDefault: true},
	"visibility":      {get: always[*group](nil), onDefault: true},

	"assignedLicenses": {get: func(t *tenant, g *group, _ *Variants) any {
		list := []object{}
		for _, l := range t.licensed(g) {
			list = append(list, object{"skuId": t.products[l.sku].skuID, "disabledPlans": planIDs(l.off)})
		}
		return list
	}, licence: true},
	"licenseProcessingState": {get: func(_ *tenant, g *group, _ *Variants) any {
		if len(g.assigned) == 0 && g.state == processed {
			return nil
		}
		return object{"state": g.state}
	}, licence: true},
}}

// licensed lists what a group gives, each product once.
func (t *tenant) licensed(g *group) []groupProduct {
	var list []groupProduct
	for _, a := range g.assigned {
		s := t.skuOf(a)
		if i := slices.IndexFunc(list, func(p groupProduct) bool { return p.sku == s }); i >= 0 {
			list[i].off = slices.DeleteFunc(slices.Clone(list[i].off), func(name string) bool { return !slices.Contains(a.off, name) })
			continue
		}
		list = append(list, groupProduct{s, a.off})
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

func (t *tenant) groupValue(i int, path string) []string {
	g := &t.groups[i]
	switch path {
	case "assignedLicenses/skuId":
		var ids []string
		for _, a := range g.assigned {
			ids = append(ids, t.products[t.skuOf(a)].skuID)
		}
		return ids
	case "hasMembersWithLicenseErrors":
		return []string{strconv.FormatBool(len(t.membersWithErrors(i)) > 0)}
	}
	switch v := groupType.props[path].get(t, g, &Variants{}).(type) {
	case string:
		return []string{v}
	case bool:
		return []string{strconv.FormatBool(v)}
	}
	return nil
}

// membersWithErrors lists the people to whom group i could not give a licence
// as it is now, in the order of the list of users.
func (t *tenant) membersWithErrors(i int) []int32 {
	var list []int32
	for _, u := range t.groups[i].members {
		if slices.ContainsFunc(t.users[u].licences, func(l licence) bool { return l.group == i && l.error != nil }) {
			list = append(list, u)
		}
	}
	return list
}

// pathGroup is the group that the path names, by its object id alone.
func (e *Emulator) pathGroup(c *call) (int, *problem) {
	g, ok := parseGUID(c.params[0])
	if !ok {
		return 0, badRequest("Invalid object identifier '%s'.", c.params[0])
	}
	i, ok := e.tenant.groupByID[g]
	if !ok {
		return 0, noSuchObject(c.params[0])
	}
	return i, nil
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

func (e *Emulator) renderGroup(c *call, q *query, i int) object {
	o := groupType.render(e.tenant, &e.tenant.groups[i], q.sel, c.variants)
	if len(q.expand) > 0 {
		list := []object{}
		members := e.tenant.membersOf(i)
		for _, m := range members[:min(len(members), maxExpanded)] {
			list = append(list, e.renderMember(c, m, nil))
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
	o := e.renderGroup(c, q, i)
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
	t := e.tenant
	var found []int32
	for i := range t.groups {
		get := func(path string) []string { return t.groupValue(i, path) }
		if q.search.finds(func(path string) string { return strings.Join(get(path), "") }) && (q.filter == nil || q.filter.match(get)) {
			found = append(found, int32(i))
		}
	}
	if p := orderBy(q, found, func(i int32, path string) string { return strings.Join(t.groupValue(int(i), path), "") }); p != nil {
		return nil, p
	}
	return e.page(c, q, fragment("groups", q.sel), c.directoryPageSize(q), len(found), func(i int) object {
		return e.renderGroup(c, q, int(found[i]))
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
	group, p := e.pathGroup(c)
	if p != nil {
		return nil, p
	}
	t := e.tenant
	found := t.membersWithErrors(group)
	return e.page(c, q, fragment("directoryObjects", q.sel), c.directoryPageSize(q), len(found), func(i int) object {
		return asDirectoryObject(&userType, t, &t.users[found[i]], q.sel, c, readUsers)
	}), nil
}
