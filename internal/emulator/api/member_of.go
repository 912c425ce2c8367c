package api

import (
	"cmp"
	"slices"
	"strings"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	// The page of the relation lists different permissions for the caller and others.
	for _, root := range []Route{
		{Template: "/users/{id}/memberOf", App: readDirectory, Scopes: with([]string{"User.Read.All"}, readDirectory, []string{"GroupMember.Read.All"})},
		{Template: "/me/memberOf", Me: true, App: readDirectory, Scopes: with([]string{"User.Read"}, readDirectory, []string{"GroupMember.Read.All"})},
	} {
		root.Method, root.units = get, 2
		for under, handler := range map[string]handler{
			"": (*Endpoints).listMemberOf, "/$count": (*Endpoints).countMemberOf,
			groupCast: (*Endpoints).listGroupsOf, groupCast + "/$count": (*Endpoints).countGroupsOf,
		} {
			r := root
			r.Template, r.handler = root.Template+under, handler
			register([]Route{r})
		}
	}
}

const groupCast = "/microsoft.graph.group"

// memberOfOptions are those of "List a user's direct memberships".
var memberOfOptions = listRules{filter: memberFilter, search: []string{"displayName"}, order: map[string]bool{"displayName": true}}

// membership is what a user is a member of: a group, or a directory role.
type membership struct {
	group int32
	role  *access.Role // nil: a group
}

// memberships returns the direct memberships of a user.
func (c *call) memberships(i int32) []membership {
	var list []membership
	for _, g := range c.tenant.GroupsOf(i) {
		list = append(list, membership{group: g})
	}
	return append(list, c.rolesOf(i)...)
}

func (c *call) rolesOf(i int32) []membership {
	if role := access.PersonAt(c.tenant, i).Role; role != nil {
		return []membership{{role: role}}
	}
	return nil
}

// roleType is the properties of a directory role, see "directoryRole resource
// type".
var roleType = entityType[*access.Role]{name: "microsoft.graph.directoryRole", props: map[string]property[*access.Role]{
	"id":              {get: func(c *call, r *access.Role) any { return c.roleID(r) }, onDefault: true},
	"deletedDateTime": {get: always[*access.Role](nil), onDefault: true},
	"description":     {get: always[*access.Role](nil), onDefault: true},
	"displayName":     {get: func(_ *call, r *access.Role) any { return r.Name }, onDefault: true},
	"roleTemplateId":  {get: func(_ *call, r *access.Role) any { return r.ID }, onDefault: true},
}}

// roleID returns the object ID of a directory role.
func (c *call) roleID(r *access.Role) string {
	return c.tenant.Seed().GUID("directory role", slices.IndexFunc(access.Roles, func(one access.Role) bool { return one.ID == r.ID })).String()
}

func (c *call) membershipValue(m membership, path string) string {
	switch {
	case m.role == nil:
		return c.memberValue(tenant.Ref{Kind: tenant.GroupKind, At: m.group}, path)
	case path == "id":
		return c.roleID(m.role)
	}
	return m.role.Name
}

func (c *call) renderMembership(m membership, sel []string) object {
	if m.role == nil {
		return c.renderMember(tenant.Ref{Kind: tenant.GroupKind, At: m.group}, sel)
	}
	if !c.who.has(readDirectory) {
		return object{"@odata.type": "#" + roleType.name, "id": c.roleID(m.role)}
	}
	return asDirectoryObject(&roleType, m.role, sel, c, readDirectory)
}

// memberOf lists the memberships of the user in the path that satisfy the
// query.
func (e *Endpoints) memberOf(c *call, q *query) (none listing[membership], p *wire.Problem) {
	i, p := e.pathUser(c)
	if p != nil {
		return none, p
	}
	text := func(path string) func(membership) string {
		return func(m membership) string { return c.membershipValue(m, path) }
	}
	fits := fitting(q, source[membership]{value: func(path string) func(membership) value {
		get := text(path)
		return func(m membership) value { return textValue(get(m)) }
	}}, text)
	if wanted := fits; slices.Contains(q.usedProperties(), "displayName") { // Objects that the caller cannot read are omitted.
		fits = func(m membership) bool {
			return (m.role == nil && c.reads(tenant.GroupKind) || c.who.has(readDirectory)) && wanted(m)
		}
	}
	list := c.memberships(i)
	if len(q.orderBy) > 0 {
		slices.SortStableFunc(list, func(a, b membership) int {
			if q.orderBy[0].Descending {
				a, b = b, a
			}
			name := func(m membership) string { return strings.ToLower(c.membershipValue(m, "displayName")) }
			return cmp.Compare(name(a), name(b))
		})
	}
	return listed(list).where(fits), nil
}

func (e *Endpoints) listMemberOf(c *call) (any, *wire.Problem) {
	q, p := e.directoryList(c, memberOfOptions, listOptions)
	if p != nil {
		return nil, p
	}
	if p := checkMemberships(q.sel); p != nil {
		return nil, p
	}
	list, p := e.memberOf(c, q)
	if p != nil {
		return nil, p
	}
	return pageOf(e, c, q, fragment("directoryObjects", q.sel), c.directoryPageSize(q), list, func(m membership) object {
		return c.renderMembership(m, q.sel)
	}), nil
}

// checkMemberships is checkObjects for a collection that can also contain
// directory roles.
func checkMemberships(sel []string) *wire.Problem {
	return checkObjects(slices.DeleteFunc(slices.Clone(sel), func(name string) bool {
		_, known := roleType.props[name]
		return known
	}))
}

func (e *Endpoints) countMemberOf(c *call) (any, *wire.Problem) {
	q, p := e.directoryCount(c, memberOfOptions)
	if p != nil {
		return nil, p
	}
	list, p := e.memberOf(c, q)
	if p != nil {
		return nil, p
	}
	return plainCount(c, list.count()), nil
}

// groupsOf returns the groups of the user in the path.
func (e *Endpoints) groupsOf(c *call) (map[int32]bool, *wire.Problem) {
	i, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	mine := map[int32]bool{}
	for _, g := range c.tenant.GroupsOf(i) {
		mine[g] = true
	}
	return mine, nil
}

// groupsAmong lists those of some groups that satisfy the query.
func (c *call) groupsAmong(groups map[int32]bool, q *query) listing[int32] {
	if used := q.usedProperties(); !c.reads(tenant.GroupKind) && slices.ContainsFunc(used, func(name string) bool { return name != "id" }) {
		clear(groups) // Objects that the caller cannot read are omitted.
	}
	return c.sortedGroups(q).where(func(g int32) bool { return groups[g] })
}

func (e *Endpoints) listGroupsOf(c *call) (any, *wire.Problem) {
	groups, p := e.groupsOf(c)
	if p != nil {
		return nil, p
	}
	return e.castGroups(c, groups)
}

// castGroups lists the groups of a relation. A cast requires an advanced query,
// see "Advanced query capabilities on Microsoft Entra ID objects".
func (e *Endpoints) castGroups(c *call, groups map[int32]bool) (any, *wire.Problem) {
	q, p := e.directoryList(c, c.groupRules(), listOptions)
	if p != nil {
		return nil, p
	}
	if values, err := c.named(c.RawQuery); err != nil || values.Get("$count") != "true" || !c.eventual() {
		return nil, unsupported("An OData cast is only supported with the query parameter $count=true and the header ConsistencyLevel:eventual.")
	}
	if p := checkGroupOptions(c, q); p != nil {
		return nil, p
	}
	return pageOf(e, c, q, fragment("groups", q.sel), c.directoryPageSize(q), c.groupsAmong(groups, q), func(i int32) object {
		if !c.reads(tenant.GroupKind) {
			return object{"id": c.tenant.Group(i).ID().String()}
		}
		return e.renderGroup(c, q, c.tenant.Group(i))
	}), nil
}

func (e *Endpoints) countGroupsOf(c *call) (any, *wire.Problem) {
	q, p := e.directoryCount(c, c.groupRules())
	if p != nil {
		return nil, p
	}
	groups, p := e.groupsOf(c)
	if p != nil {
		return nil, p
	}
	return plainCount(c, c.groupsAmong(groups, q).count()), nil
}
