package emulator

import (
	"slices"
)

// membersOf lists the direct members of a group: people, then what is none.
func (t *tenant) membersOf(group int) []holder {
	g := &t.groups[group]
	list := make([]holder, 0, len(g.members)+len(g.groups)+len(g.devices)+1)
	for _, i := range g.members {
		list = append(list, holder{userHolder, i})
	}
	for _, i := range g.groups {
		list = append(list, holder{groupHolder, int32(i)})
	}
	for _, i := range g.devices {
		list = append(list, holder{deviceHolder, i})
	}
	if g.app {
		list = append(list, holder{kind: principalHolder})
	}
	return list
}

// memberFilter is what members of all kinds can be filtered by, which is an
// advanced query in any case. See "List group members".
var memberFilter = rules{or: true, maxLength: maxValueLength, fields: map[string]field{
	"id":          {text, "", "eq in ne"},
	"displayName": {text, "", "eq in ne startswith"},
}}

func (t *tenant) memberValue(h holder, path string) string {
	if path == "id" {
		return t.holderID(h).String()
	}
	switch h.kind {
	case groupHolder:
		return t.groups[h.at].name
	case deviceHolder:
		return t.devices[h.at].name
	case principalHolder:
		return principalName
	default:
		return t.users[h.at].displayName
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
	t := e.tenant
	list := t.membersOf(group)
	if q.filter != nil || q.search != nil {
		list = slices.DeleteFunc(list, func(h holder) bool {
			get := func(path string) string { return t.memberValue(h, path) }
			return !q.search.finds(get) || q.filter != nil && !q.filter.match(func(path string) []string { return []string{get(path)} })
		})
	}
	return e.page(c, q, fragment("directoryObjects", q.sel), c.directoryPageSize(q), len(list), func(i int) object {
		return e.renderMember(c, list[i], q.sel)
	}), nil
}

// renderMember writes one member. Of what the caller may not read there is
// nothing but the type and the id.
func (e *Emulator) renderMember(c *call, h holder, sel []string) object {
	t := e.tenant
	var o object
	var readers []string
	switch h.kind {
	case groupHolder:
		readers = readGroups
		o = asDirectoryObject(&groupType, t, &t.groups[h.at], sel, c, readers)
	case deviceHolder:
		readers = readDevices
		o = asDirectoryObject(&deviceType, t, &t.devices[h.at], sel, c, readers)
	case principalHolder:
		readers = readPrincipals
		o = asDirectoryObject(&principalType, t, t.principal(), sel, c, readers)
	default:
		readers = readUsers
		o = asDirectoryObject(&userType, t, &t.users[h.at], sel, c, readers)
	}
	if !c.who.has(readers) {
		return object{"@odata.type": o["@odata.type"], "id": t.holderID(h).String()}
	}
	return o
}
