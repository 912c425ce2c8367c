package emulator

import (
	"iter"

	"licensegraph/internal/emulator/tenant"
)

// memberFilter is what members of all kinds can be filtered by, which is an
// advanced query in any case. See "List group members".
var memberFilter = rules{or: true, maxLength: maxValueLength, fields: map[string]field{
	"id":          {text, "", "eq in ne"},
	"displayName": {text, "", "eq in ne startswith"},
}}

func (c *call) memberValue(h holder, path string) string {
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

func (e *Emulator) listMembers(c *call) (any, *problem) {
	q, p := e.directoryList(c, memberFilter, optSelect|optFilter|optTop|optCount|optSearch, "displayName")
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
	g := c.tenant.Group(group)
	members := listing[holder]{
		after: func(place int64) iter.Seq2[int64, holder] { return c.tenant.Members(g, place) },
		count: g.MemberCount,
	}
	if q.filter != nil || q.search != nil {
		members = members.where(func(h holder) bool {
			get := func(path string) string { return c.memberValue(h, path) }
			return q.search.finds(get) && (q.filter == nil || q.filter.match(func(path string) []string { return []string{get(path)} }))
		})
	}
	return pageOf(e, c, q, fragment("directoryObjects", q.sel), c.directoryPageSize(q), members, func(h holder) object {
		return c.renderMember(h, q.sel)
	}), nil
}

// renderMember writes one member. Of what the caller may not read there is
// nothing but the type and the id.
func (c *call) renderMember(h holder, sel []string) object {
	readers := readersOf[h.Kind]
	o := c.directoryObject(h, sel, readers)
	if !c.who.has(readers) {
		return object{"@odata.type": o["@odata.type"], "id": c.tenant.IDOf(h).String()}
	}
	return o
}
