package api

import (
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: get, Template: "/groups/{id}/owners", handler: (*Endpoints).listOwners, App: readOwners, Scopes: readOwners},
	})
}

// listOwners lists the owners of a group, see "List group owners". The page
// names no query options, so it supports only the basic ones.
func (e *Endpoints) listOwners(c *call) (any, *wire.Problem) {
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
	return pageOf(e, c, q, fragment("directoryObjects", q.sel), c.directoryPageSize(q), listed(c.tenant.Group(i).Owners()), func(r tenant.Ref) object {
		return c.renderMember(r, q.sel)
	}), nil
}
