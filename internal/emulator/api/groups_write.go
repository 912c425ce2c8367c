package api

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: post, Template: "/groups", handler: (*Endpoints).createGroup, App: createGroups, Scopes: changeGroups, clearance: access.WritesGroups},
		{Method: http.MethodPatch, Template: "/groups/{id}", handler: (*Endpoints).updateGroup, App: changeMembers, Scopes: changeMembers, clearance: access.WritesMembers},
		{Method: http.MethodDelete, Template: "/groups/{id}", handler: (*Endpoints).deleteGroup, App: deleteGroups, Scopes: deleteGroups, clearance: access.DeletesGroups},
		{Method: post, Template: "/groups/{id}/members/$ref", handler: (*Endpoints).addMember, App: changeMembers, Scopes: changeMembers, clearance: access.WritesMembers},
		{Method: http.MethodDelete, Template: "/groups/{id}/members/{id}/$ref", handler: (*Endpoints).removeMember, App: changeMembers, Scopes: changeMembers, clearance: access.WritesMembers},
	})
}

// maxBound is the number of members that one request can add, see "Add
// members".
const maxBound = 20

const membersBind = "members@odata.bind"

// groupChange is the body of a group update. Missing properties are nil.
type groupChange struct {
	name, nickname, about *string
	unified, secured      bool
	members               []tenant.Ref
}

func (e *Endpoints) readGroup(c *call, create bool) (*groupChange, *wire.Problem) {
	body, p := c.rawMembers()
	if p != nil {
		return nil, p
	}
	g := &groupChange{}
	var mailEnabled, securityEnabled *bool
	for _, name := range slices.Sorted(maps.Keys(body)) {
		raw := body[name]
		invalid := invalidValue("Group", name)
		read := func(v any) *wire.Problem {
			if json.Unmarshal(raw, v) != nil || string(raw) == "null" && name != "description" {
				return invalid
			}
			return nil
		}
		var p *wire.Problem
		switch name {
		case "displayName":
			p = read(&g.name)
		case "mailNickname":
			p = read(&g.nickname)
		case "description":
			p = read(&g.about)
		case "mailEnabled":
			p = read(&mailEnabled)
		case "securityEnabled":
			p = read(&securityEnabled)
		case "groupTypes":
			var types []string
			p = read(&types)
			g.unified = slices.Contains(types, "Unified")
			if p == nil && slices.Contains(types, "DynamicMembership") {
				return nil, notImplemented("DynamicMembership")
			}
			if p == nil && (!create || len(types) > 1 || len(types) == 1 && !g.unified) {
				return nil, badRequest("The groupTypes of a group are [] or ['Unified'] here, and cannot change.")
			}
		case membersBind:
			g.members, p = e.boundMembers(c, raw)
		default:
			_, known := groupType.props[name]
			return nil, unwritable(name, groupType.name, takenOfGroups, otherGroupProperties, with(ofGroups, []string{"owners"}), known)
		}
		if p != nil {
			return nil, p
		}
	}
	for _, one := range []struct {
		name string
		text *string
	}{{"displayName", g.name}, {"mailNickname", g.nickname}, {"description", g.about}} {
		name, text := one.name, one.text
		required := name != "description"
		switch {
		case text == nil && create && required:
			return nil, badRequest("A value is required for property '%s' of resource 'Group'.", name)
		case text != nil && (len(*text) > maxText*4 || required && (*text == "" || len(*text) > maxText) || strings.Contains(*text, "\x00") || name == "mailNickname" && !isNickname(*text)):
			return nil, invalidValue("Group", name)
		}
	}
	if create && (mailEnabled == nil || securityEnabled == nil || *mailEnabled != g.unified || !g.unified && !*securityEnabled) {
		return nil, badRequest("A group is either a security group, or a Microsoft 365 group with mailEnabled and the groupTypes ['Unified'].")
	}
	g.secured = securityEnabled != nil && *securityEnabled
	if !create && securityEnabled != nil && mailEnabled == nil {
		return nil, notImplemented("PATCH securityEnabled")
	}
	if !create && mailEnabled != nil {
		return nil, badRequest("The kind of a group cannot change.")
	}
	return g, nil
}

// freeNickname rejects a nickname of another Microsoft 365 group: they are
// unique in a tenant, see "group resource type".
func (c *call) freeNickname(g *groupChange, of int32, unified bool) *wire.Problem {
	if g.nickname == nil || !unified {
		return nil
	}
	for i := range c.tenant.Groups(-1) {
		if other := c.tenant.Group(i); i != of && other.Unified && strings.EqualFold(other.Nickname, *g.nickname) {
			return directoryRefusal(&tenant.Refusal{Code: tenant.ObjectConflict, Property: "mailNickname",
				Message: "Another object with the same value for property mailNickname already exists."})
		}
	}
	return nil
}

// boundMembers parses the URLs of directory objects.
func (e *Endpoints) boundMembers(c *call, raw json.RawMessage) ([]tenant.Ref, *wire.Problem) {
	var urls []json.RawMessage
	if json.Unmarshal(raw, &urls) != nil || len(urls) == 0 || len(urls) > maxBound {
		return nil, badRequest("The value of '%s' is not a list of 1 to %d URLs.", membersBind, maxBound)
	}
	var list []tenant.Ref
	for _, one := range urls {
		r, p := c.boundObject(one)
		if p != nil {
			return nil, p
		}
		if slices.Contains(list, r) {
			return nil, badRequest("The list '%s' names an object twice.", membersBind)
		}
		list = append(list, r)
	}
	return list, nil
}

// boundObject parses the URL of a directory object, in either version.
func (c *call) boundObject(raw json.RawMessage) (tenant.Ref, *wire.Problem) {
	wrong := badRequest("The reference is not the absolute URL of a directory object, such as %s/directoryObjects/{id}.", c.Root())
	var url string
	if json.Unmarshal(raw, &url) != nil || len(url) > maxAdvanced {
		return tenant.Ref{}, wrong
	}
	rest, ok := strings.CutPrefix(url, c.Base+"/")
	if !ok {
		rest, ok = strings.CutPrefix(url, access.Worldwide+"/")
	}
	segments := strings.Split(rest, "/")
	if !ok || len(segments) != 3 || segments[0] != "v1.0" && segments[0] != "beta" {
		return tenant.Ref{}, wrong
	}
	id, isID := tenant.ParseGUID(segments[2])
	if !isID {
		return tenant.Ref{}, wrong
	}
	r, found := c.tenant.Find(id)
	if !found || segments[1] != "directoryObjects" && segments[1] != r.Kind.String()+"s" {
		return tenant.Ref{}, noSuchObject(segments[2])
	}
	return r, nil
}

// bindsDevices reports whether the caller's permissions allow devices as
// members.
func (c *call) bindsDevices() bool {
	if c.who.user != "" {
		return c.who.has([]string{"Device.Read.All", "Directory.ReadWrite.All"})
	}
	return c.who.has([]string{"Device.ReadWrite.All", "Directory.ReadWrite.All"})
}

// mayBeMembers rejects invalid members of a group, see the table of "Add
// members": a Microsoft 365 group has only users, and a security group has no
// Microsoft 365 groups.
func (c *call) mayBeMembers(list []tenant.Ref, unified bool) *wire.Problem {
	for _, m := range list {
		switch {
		case m.Kind == tenant.DeviceKind && !c.bindsDevices():
			return wire.Usual(http.StatusForbidden)
		case unified && m.Kind != tenant.User, m.Kind == tenant.GroupKind && c.tenant.Group(m.At).Unified:
			return badRequest("The object '%s' is not of a kind that can be a member of this group.", c.tenant.IDOf(m))
		}
	}
	return nil
}

// mayChange rejects changes of a group that is synchronized, and of the members
// of a dynamic group or of one that is assignable to roles, see "Add members".
func (c *call) mayChange(g *tenant.Group, members bool) *wire.Problem {
	person := c.who.user != ""
	switch {
	case !g.Synced().IsZero():
		return badRequest("Unable to update the specified properties for on-premises mastered Directory Sync objects or objects currently undergoing migration.")
	case members && g.Dynamic():
		return badRequest("The members of a group with a membership rule cannot be changed.")
	case members && g.Roles && (!c.who.has([]string{"RoleManagement.ReadWrite.Directory"}) || person && !c.who.clearance.Has(access.ManagesAll)):
		return wire.Usual(http.StatusForbidden)
	}
	return nil
}

// createGroup creates a group, see "Create group".
func (e *Endpoints) createGroup(c *call) (any, *wire.Problem) {
	g, p := e.readGroup(c, true)
	if p != nil {
		return nil, p
	}
	about := ""
	if g.about != nil {
		about = *g.about
	}
	if p := c.freeNickname(g, -1, g.unified); p != nil {
		return nil, p
	}
	if p := c.mayBeMembers(g.members, g.unified); p != nil {
		return nil, p
	}
	i := c.tenant.CreateGroup(*g.name, *g.nickname, about, g.unified, g.secured, c.when())
	for _, m := range g.members {
		_ = c.tenant.Join(i, m, c.when()) // Cannot fail: the group has no members yet.
	}
	return c.created("groups", c.tenant.Group(i).ID(), groupType.render(c, c.tenant.Group(i), nil)), nil
}

// updateGroup changes a group, see "Update group", or adds members.
func (e *Endpoints) updateGroup(c *call) (any, *wire.Problem) {
	i, p := e.pathGroup(c)
	if p != nil {
		return nil, p
	}
	g, p := e.readGroup(c, false)
	if p != nil {
		return nil, p
	}
	members := g.name == nil && g.nickname == nil && g.about == nil && len(g.members) > 0
	limited := !c.who.has(changeGroups) || c.who.user != "" && !c.who.clearance.Has(access.WritesGroups)
	if limited && !members {
		return nil, wire.Usual(http.StatusForbidden)
	}
	if p := c.mayChange(c.tenant.Group(i), len(g.members) > 0); p != nil {
		return nil, p
	}
	if p := c.freeNickname(g, i, c.tenant.Group(i).Unified); p != nil {
		return nil, p
	}
	if p := c.mayBeMembers(g.members, c.tenant.Group(i).Unified); p != nil {
		return nil, p
	}
	for _, m := range g.members {
		if c.tenant.IsMember(c.tenant.Group(i), m) || m == (tenant.Ref{Kind: tenant.GroupKind, At: i}) {
			return nil, badRequest("One or more added object references already exist for the following modified properties: 'members'.")
		}
	}
	if g.name != nil || g.nickname != nil || g.about != nil {
		c.tenant.WriteGroup(i, g.name, g.nickname, g.about)
	}
	for _, m := range g.members {
		_ = c.tenant.Join(i, m, c.when()) // Checked before.
	}
	return nil, nil
}

// deleteGroup deletes a group without licenses.
func (e *Endpoints) deleteGroup(c *call) (any, *wire.Problem) {
	i, p := e.pathGroup(c)
	if p != nil {
		return nil, p
	}
	if p := c.mayChange(c.tenant.Group(i), false); p != nil {
		return nil, p
	}
	if refused := c.tenant.DeleteGroup(i); refused != nil {
		return nil, directoryRefusal(refused)
	}
	return nil, nil
}

// addMember adds one member by reference, see "Add members".
func (e *Endpoints) addMember(c *call) (any, *wire.Problem) {
	i, p := e.pathGroup(c)
	if p != nil {
		return nil, p
	}
	if p := c.mayChange(c.tenant.Group(i), true); p != nil {
		return nil, p
	}
	body, p := c.members([]string{"@odata.id"})
	if p != nil {
		return nil, p
	}
	who, p := c.boundObject(body["@odata.id"])
	if p != nil {
		return nil, p
	}
	if p := c.mayBeMembers([]tenant.Ref{who}, c.tenant.Group(i).Unified); p != nil {
		return nil, p
	}
	if refused := c.tenant.Join(i, who, c.when()); refused != nil {
		return nil, directoryRefusal(refused)
	}
	return nil, nil
}

// removeMember removes a member, see "Remove member".
func (e *Endpoints) removeMember(c *call) (any, *wire.Problem) {
	i, p := e.pathGroup(c)
	if p != nil {
		return nil, p
	}
	if p := c.mayChange(c.tenant.Group(i), true); p != nil {
		return nil, p
	}
	id, ok := tenant.ParseGUID(c.params[1])
	if !ok {
		return nil, badRequest("Invalid object identifier '%s'.", c.params[1])
	}
	who, found := c.tenant.Find(id)
	if found && who.Kind == tenant.DeviceKind && !c.bindsDevices() {
		return nil, wire.Usual(http.StatusForbidden)
	}
	if !found || !c.tenant.Leave(i, who, c.when()) {
		return nil, noSuchObject(c.params[1])
	}
	return nil, nil
}
