package api

import (
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: get, Template: "/groups", handler: (*Endpoints).listGroups, App: readGroups, Scopes: readGroups, Basic: basicGroups},
		{Method: get, Template: "/groups/$count", handler: (*Endpoints).countGroups, App: readGroups, Scopes: readGroups, Basic: basicGroups},
		{Method: get, Template: "/groups/{id}", handler: (*Endpoints).getGroup, App: readGroups, Scopes: readGroups, Basic: basicGroups},
		{Method: get, Template: "/groups/{id}/membersWithLicenseErrors", handler: (*Endpoints).listMembersWithErrors, App: readGroups, Scopes: readGroups, also: readUsers},
	})
}

// groupType is the properties of a group, see "group resource type".
// hasMembersWithLicenseErrors is missing on purpose: it can be used in
// filters, but is never returned.
var groupType = entityType[*tenant.Group]{name: "microsoft.graph.group", other: otherGroupProperties, basic: basicGroups, props: map[string]property[*tenant.Group]{
	"id":              {get: func(_ *call, g *tenant.Group) any { return g.ID().String() }, onDefault: true, basic: true},
	"deletedDateTime": {get: always[*tenant.Group](nil), onDefault: true},
	"classification":  {get: always[*tenant.Group](nil), onDefault: true},
	"createdDateTime": {get: func(_ *call, g *tenant.Group) any { return timestamp(g.Created) }, onDefault: true},
	"description":     {get: textOf(func(_ *call, g *tenant.Group) string { return g.About }), onDefault: true},
	"displayName":     {get: textOf(func(_ *call, g *tenant.Group) string { return g.Name }), onDefault: true, basic: true},
	"groupTypes":      {get: func(_ *call, g *tenant.Group) any { return groupTypesOf(g) }, onDefault: true, basic: true},
	"mail": {get: func(_ *call, g *tenant.Group) any {
		if g.Unified {
			return g.Nickname + "@" + tenant.MainDomain
		}
		return nil
	}, onDefault: true, basic: true},
	"mailEnabled":     {get: func(_ *call, g *tenant.Group) any { return g.Unified }, onDefault: true, basic: true},
	"mailNickname":    {get: textOf(func(_ *call, g *tenant.Group) string { return g.Nickname }), onDefault: true},
	"securityEnabled": {get: func(_ *call, g *tenant.Group) any { return g.SecurityEnabled() }, onDefault: true, basic: true},
	"visibility":      {get: always[*tenant.Group](nil), onDefault: true},

	"isAssignableToRole": {get: func(_ *call, g *tenant.Group) any { return trueOrNull(g.Roles) }, onDefault: true},
	"membershipRule":     {get: textOf(func(_ *call, g *tenant.Group) string { return g.Rule }), onDefault: true},
	"membershipRuleProcessingState": {get: textOf(func(_ *call, g *tenant.Group) string {
		switch {
		case g.Paused:
			return "Paused"
		case g.Dynamic():
			return "On"
		}
		return ""
	}), onDefault: true},
	"onPremisesLastSyncDateTime":   {get: func(_ *call, g *tenant.Group) any { return timeOrNull(g.Synced()) }, onDefault: true},
	"onPremisesProvisioningErrors": {get: always[*tenant.Group]([]object{}), onDefault: true},
	"onPremisesSyncEnabled":        {get: func(_ *call, g *tenant.Group) any { return trueOrNull(!g.Synced().IsZero()) }, onDefault: true},

	"assignedLicenses": {get: func(c *call, g *tenant.Group) any { return c.assignedLicenses(g.Licensed()) }, license: true},
	"licenseProcessingState": {get: func(c *call, g *tenant.Group) any {
		if state := c.tenant.ProcessingState(g, c.Date); state != "" {
			return object{"state": state}
		}
		return nil
	}, license: true},
}}

func groupTypesOf(g *tenant.Group) []string {
	list := []string{}
	if g.Unified {
		list = append(list, "Unified")
	}
	if g.Dynamic() {
		list = append(list, "DynamicMembership")
	}
	return list
}

// trueOrNull returns a boolean that the directory sets only to true.
func trueOrNull(yes bool) any {
	if yes {
		return true
	}
	return nil
}

// assignedLicenses renders products with their disabled plans.
func (c *call) assignedLicenses(licensed []tenant.Licensed) []object {
	list := []object{}
	for _, l := range licensed {
		if p := c.tenant.Product(l.Sku); p.SkuID != "" { // The directory has no other products.
			list = append(list, object{"skuId": p.SkuID, "disabledPlans": p.PlanIDs(l.Off)})
		}
	}
	return list
}

// groupFilter is the filterable properties of groups, by the table of
// Microsoft Learn, "Advanced query capabilities on Microsoft Entra ID
// objects".
var groupFilter = rules{resource: "Group", or: true, other: otherGroupProperties, maxLength: maxValueLength, fields: map[string]field{
	"id":                          {kind: odata.String, ops: "eq in", advanced: "ne"},
	"displayName":                 {kind: odata.String, ops: textOps, advanced: "ne" + nullOps},
	"description":                 advancedField(textOps),
	"mail":                        {kind: odata.String, ops: textOps, advanced: "endswith ne" + nullOps},
	"mailNickname":                {kind: odata.String, ops: textOps, advanced: "ne" + nullOps},
	"classification":              {kind: odata.String, ops: textOps, advanced: "ne"},
	"createdDateTime":             {kind: odata.DateTimeOffset, advanced: "eq:null ne:null"},
	"securityEnabled":             {kind: odata.Bool, ops: "eq in", advanced: "ne"},
	"mailEnabled":                 {kind: odata.Bool, ops: "eq in", advanced: "ne"},
	"hasMembersWithLicenseErrors": {kind: odata.Bool, plain: "eq in eq:null"},
	"groupTypes":                  {kind: odata.String, ops: "any:eq any:in"},
	"assignedLicenses/skuId":      {kind: odata.GUID, ops: "any:eq"},
	"assignedLicenses/$count":     {kind: odata.Int, advanced: "eq ne"},

	"isAssignableToRole":                                {kind: odata.Bool, ops: "eq in", advanced: "ne"},
	"membershipRule":                                    {kind: odata.String, ops: textOps, advanced: "ne"},
	"membershipRuleProcessingState":                     {kind: odata.String, ops: "eq in", advanced: "ne"},
	"onPremisesLastSyncDateTime":                        {kind: odata.DateTimeOffset, ops: "ge le"},
	"onPremisesProvisioningErrors/$count":               {kind: odata.Int, advanced: "eq ne"},
	"onPremisesProvisioningErrors/category":             {kind: odata.String, ops: "any:eq any:in"},
	"onPremisesProvisioningErrors/propertyCausingError": {kind: odata.String, ops: "any:eq any:in"},
	"onPremisesSyncEnabled":                             {kind: odata.Bool, ops: "eq in", advanced: "ne" + nullOps},
}}

// groupRules returns the list rules of groups. The table allows ge and le of
// createdDateTime, but a sample on the same page shows that they are rejected.
func (c *call) groupRules() listRules {
	r := listRules{filter: groupFilter, search: groupFilter.texts(), order: map[string]bool{"displayName": false, "createdDateTime": true}}
	if c.Variants.GroupsByAge {
		r.filter.fields = maps.Clone(r.filter.fields)
		r.filter.fields["createdDateTime"] = field{kind: odata.DateTimeOffset, advanced: "ge le" + nullOps}
	}
	return r
}

// groupSource reads groups for filters.
func (c *call) groupSource() source[int32] {
	t := c.tenant
	return source[int32]{
		value: func(path string) func(int32) value {
			switch path {
			case "hasMembersWithLicenseErrors":
				return func(i int32) value { return truth(t.Group(i).FailingCount() > 0) }
			case "assignedLicenses/$count":
				return func(i int32) value { return value{n: int64(len(c.assignedLicenses(t.Group(i).Licensed())))} }
			case "onPremisesProvisioningErrors/$count":
				return func(int32) value { return value{} }
			case "onPremisesLastSyncDateTime":
				return func(i int32) value { return timeValue(t.Group(i).Synced()) }
			case "createdDateTime":
				return func(i int32) value { return value{n: t.Group(i).Created.Truncate(time.Second).UnixNano()} }
			}
			get := groupType.props[path].get
			return func(i int32) value {
				switch v := get(c, t.Group(i)).(type) {
				case string:
					return textValue(v)
				case bool:
					return truth(v)
				}
				return value{null: true}
			}
		},
		each: func(path string) collection[int32] {
			switch path {
			case "groupTypes":
				return collection[int32]{[]string{""}, func(i int32, fits func(element) bool) bool {
					return slices.ContainsFunc(groupTypesOf(t.Group(i)), func(name string) bool { return fits(element{name}) })
				}}
			case "onPremisesProvisioningErrors": // None has one.
				return collection[int32]{[]string{"/category", "/propertyCausingError"}, func(int32, func(element) bool) bool { return false }}
			}
			return collection[int32]{[]string{"/skuId"}, func(i int32, fits func(element) bool) bool {
				return slices.ContainsFunc(t.Group(i).Licensed(), func(l tenant.Licensed) bool {
					id := t.Product(l.Sku).SkuID
					return id != "" && fits(element{id})
				})
			}}
		},
	}
}

// pathGroup returns the group in the path, by its object ID.
func (e *Endpoints) pathGroup(c *call) (int32, *wire.Problem) { return c.pathObject(tenant.GroupKind) }

// maxExpanded is the number of directory objects that $expand returns. There
// is no link to the rest.
const maxExpanded = 20

// checkGroupOptions rejects unsupported options of groups. One relation can be
// expanded, not in advanced queries. A sample has a nested $select for owners.
func checkGroupOptions(c *call, q *query) *wire.Problem {
	if p := c.cloudSelected(q); p != nil {
		return p
	}
	if p := groupType.check(directory, q.sel); p != nil {
		return p
	}
	if p := groupType.limit(c, q); p != nil {
		return p
	}
	for _, x := range q.expand {
		rest := x
		if x.Path == "owners" {
			rest.Select = nil
			if p := checkObjects(x.Select); p != nil {
				return p
			}
		}
		switch {
		case slices.Contains(ofGroups, x.Path):
			return notImplemented("$expand=" + x.Path)
		case x.Path != "members" && x.Path != "owners":
			return directory.expanding("Parsing OData Select and Expand failed: Could not expand '%s' of type '%s'.", x.Path, groupType.name)
		case len(q.expand) > 1:
			return directory.expanding("Only one relation can be expanded.")
		case !rest.Plain():
			return directory.expanding("Options inside $expand=%s are not supported.", x.Path)
		case q.count || q.search != nil:
			return unsupported("$expand is not supported in advanced queries.")
		}
	}
	return nil
}

func (e *Endpoints) renderGroup(c *call, q *query, g *tenant.Group) object {
	o := groupType.render(c, g, q.sel)
	if c.basic {
		groupType.conceal(o)
	}
	for _, x := range q.expand {
		related := c.tenant.Members(g, -1)
		if x.Path == "owners" {
			related = listed(g.Owners()).after(-1)
		}
		list := []object{}
		for _, m := range related {
			if len(list) == maxExpanded {
				break
			}
			list = append(list, c.renderMember(m, x.Select))
		}
		o[x.Path] = list
	}
	return o
}

func (e *Endpoints) getGroup(c *call) (any, *wire.Problem) {
	q, p := e.options(c, directory, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	if p := checkGroupOptions(c, q); p != nil {
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

func (e *Endpoints) listGroups(c *call) (any, *wire.Problem) {
	q, p := e.directoryList(c, c.groupRules(), listOptions|optExpand)
	if p != nil {
		return nil, p
	}
	if p := checkGroupOptions(c, q); p != nil {
		return nil, p
	}
	groups := c.sortedGroups(q)
	if q.nothing {
		groups = listed[int32](nil)
	}
	return pageOf(e, c, q, fragment("groups", q.sel), c.directoryPageSize(q), groups, func(i int32) object {
		return e.renderGroup(c, q, c.tenant.Group(i))
	}), nil
}

// sortedGroups lists the groups that satisfy the query in its order.
func (c *call) sortedGroups(q *query) listing[int32] {
	t := c.tenant
	groups := c.groups(q)
	if len(q.orderBy) > 0 {
		var all []int32
		for _, i := range groups.after(-1) {
			all = append(all, i)
		}
		by := func(i int32) string { return strings.ToLower(t.Group(i).Name) }
		if q.orderBy[0].Path == "createdDateTime" {
			by = func(i int32) string { return timestamp(t.Group(i).Created) }
		}
		groups = sortedBy(all, nil, by, q.orderBy[0].Descending)
	}
	return groups
}

func (e *Endpoints) countGroups(c *call) (any, *wire.Problem) {
	q, p := e.directoryCount(c, c.groupRules())
	if p != nil {
		return nil, p
	}
	if p := groupType.limit(c, q); p != nil || q.nothing {
		return plainCount(c, 0), p
	}
	return plainCount(c, c.groups(q).count()), nil
}

// groups lists the groups that satisfy the query.
func (c *call) groups(q *query) listing[int32] {
	t := c.tenant
	from := c.groupSource()
	text := func(property string) func(int32) string {
		get := from.value(property)
		return func(i int32) string { return get(i).text }
	}
	return numbered(t.Groups, func() int { return len(slices.Collect(t.Groups(-1))) }).where(fitting(q, from, text))
}

// listMembersWithErrors answers directory objects, though all are users. No
// page documents its options, so it supports only the basic ones.
func (e *Endpoints) listMembersWithErrors(c *call) (any, *wire.Problem) {
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
		return c.typedAsAgent(asDirectoryObject(&userType, i, q.sel, c, readUsers), i)
	}), nil
}
