package api

import (
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// pathHolder returns the user, group or device at the start of the path.
func (e *Endpoints) pathHolder(c *call) (tenant.Ref, *wire.Problem) {
	switch c.route.segments[0] {
	case "groups":
		i, p := e.pathGroup(c)
		return tenant.Ref{Kind: tenant.GroupKind, At: i}, p
	case "devices":
		i, p := e.pathDevice(c)
		return tenant.Ref{Kind: tenant.DeviceKind, At: i}, p
	default:
		i, p := e.pathUser(c)
		return tenant.Ref{Kind: tenant.User, At: i}, p
	}
}

// renderHolder renders an expanded assignee. Without a nested $select, it has
// the properties in the samples.
func (e *Endpoints) renderHolder(c *call, h tenant.Ref, sel []string) object {
	if sel == nil {
		sel = []string{"id", "displayName"}
		if h.Kind == tenant.User {
			sel = append(sel, "userPrincipalName")
		}
	}
	return c.directoryObject(h, sel, readAssignees)
}
