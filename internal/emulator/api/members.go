package api

import (
	"iter"
	"slices"

	"licensegraph/internal/emulator/odata"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: get, Template: "/groups/{id}/members", handler: (*Endpoints).listMembers, App: readMembers, Scopes: readMembers, units: 3},
		{Method: get, Template: "/groups/{id}/members/$count", handler: (*Endpoints).countMembers, App: readMembers, Scopes: readMembers, units: 3},
		{Method: get, Template: "/groups/{id}/members" + groupCast, handler: (*Endpoints).listNestedGroups, App: readMembers, Scopes: readMembers, units: 3},
	})
}

// memberFilter is the filterable properties of members of all kinds. A filter
// always requires an advanced query. See "List group members".
var memberFilter = rules{resource: "DirectoryObject", or: true, maxLength: maxValueLength, fields: map[string]field{
	"id":          {kind: odata.String, advanced: "eq in ne"},
	"displayName": {kind: odata.String, advanced: "eq in ne startswith"},
}}

var memberOptions = listRules{filter: memberFilter, search: []string{"displayName"}}

func (c *call) memberValue(h tenant.Ref, path string) string {
	if path == "id" {
		return c.tenant.IDOf(h).String()
	}
	switch h.Kind {
	case tenant.GroupKind:
		return c.tenant.Group(h.At).Name
	case tenant.DeviceKind:
		return c.tenant.Devices()[h.At].Name
	case tenant.Principal:
		return principalName
	default:
		return c.tenant.User(h.At).Text("displayName")
	}
}

func (e *Endpoints) listMembers(c *call) (any, *wire.Problem) {
	q, p := e.directoryList(c, memberOptions, optSelect|optFilter|optTop|optCount|optSearch)
	if p != nil {
		return nil, p
	}
	if p := checkObjects(q.sel); p != nil {
		return nil, p
	}
	members, p := e.members(c, q)
	if p != nil {
		return nil, p
	}
	return pageOf(e, c, q, fragment("directoryObjects", q.sel), c.directoryPageSize(q), members, func(h tenant.Ref) object {
		return c.renderMember(h, q.sel)
	}), nil
}

// listNestedGroups lists the members that are groups. See "List group members",
// which permits an OData cast.
func (e *Endpoints) listNestedGroups(c *call) (any, *wire.Problem) {
	g, p := e.pathGroup(c)
	if p != nil {
		return nil, p
	}
	nested := map[int32]bool{}
	for _, member := range c.tenant.Members(c.tenant.Group(g), -1) {
		if member.Kind == tenant.GroupKind {
			nested[member.At] = true
		}
	}
	return e.castGroups(c, nested)
}

func (e *Endpoints) countMembers(c *call) (any, *wire.Problem) {
	q, p := e.directoryCount(c, memberOptions)
	if p != nil {
		return nil, p
	}
	members, p := e.members(c, q)
	if p != nil {
		return nil, p
	}
	return plainCount(c, members.count()), nil
}

// members lists the members of the group in the path that satisfy the query.
func (e *Endpoints) members(c *call, q *query) (none listing[tenant.Ref], p *wire.Problem) {
	group, p := e.pathGroup(c)
	if p != nil {
		return none, p
	}
	g := c.tenant.Group(group)
	members := listing[tenant.Ref]{
		after: func(place int64) iter.Seq2[int64, tenant.Ref] { return c.tenant.Members(g, place) },
		count: g.MemberCount,
	}
	text := func(path string) func(tenant.Ref) string {
		return func(h tenant.Ref) string { return c.memberValue(h, path) }
	}
	fits := fitting(q, source[tenant.Ref]{value: func(path string) func(tenant.Ref) value {
		get := text(path)
		return func(h tenant.Ref) value { return textValue(get(h)) }
	}}, text)
	if wanted := fits; slices.Contains(q.usedProperties(), "displayName") { // Objects that the caller cannot read are omitted.
		fits = func(h tenant.Ref) bool { return c.reads(h.Kind) && wanted(h) }
	}
	return members.where(fits), nil
}

// renderMember renders one member. If the caller cannot read it, the result
// has only the type and the ID.
func (c *call) renderMember(h tenant.Ref, sel []string) object {
	o := c.directoryObject(h, sel, readersOf[h.Kind])
	if !c.reads(h.Kind) {
		return object{"@odata.type": o["@odata.type"], "id": c.tenant.IDOf(h).String()}
	}
	return o
}
