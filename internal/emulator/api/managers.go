package api

import (
	"net/http"
	"slices"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: get, Template: "/users/{id}/manager", handler: (*Endpoints).getManager, App: readUsers, Scopes: readUsers},
		{Method: get, Template: "/me/manager", handler: (*Endpoints).getManager, Me: true, App: readUsers, Scopes: readUsers},
	})
}

// managerRelation is the only expandable relation of users.
const managerRelation = "manager"

// getManager answers the manager of a user, see "List manager".
func (e *Endpoints) getManager(c *call) (any, *wire.Problem) {
	q, p := e.options(c, directory, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	if len(q.expand) > 0 {
		return nil, noUserRelation(q.expand[0].Path)
	}
	if p := checkUserOptions(c, q); p != nil {
		return nil, p
	}
	i, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	manager, ok := c.tenant.Manager(i)
	if !ok {
		return nil, noSuchObject(managerRelation)
	}
	o := c.renderMember(tenant.Ref{Kind: tenant.User, At: manager}, q.sel)
	o["@odata.context"] = c.context(fragment("directoryObjects", q.sel) + "/$entity")
	return o, nil
}

// noUserRelation rejects the expansion of a relation of users.
func noUserRelation(path string) *wire.Problem {
	if slices.Contains(ofUsers, path) || path == "memberOf" {
		return notImplemented("$expand=" + path)
	}
	return directory.expanding("Parsing OData Select and Expand failed: Could not expand '%s' of type '%s'.", path, userType.name)
}

// checkManager rejects unsupported options of an expanded manager. A nested
// $select requires $levels.
func (c *call) checkManager(q *query) *wire.Problem {
	for _, x := range q.expand {
		rest := x
		rest.Select, rest.Levels = nil, 0
		switch {
		case x.Path != managerRelation:
			return noUserRelation(x.Path)
		case !rest.Plain():
			return directory.expanding("Only $levels and $select are supported inside $expand=manager.")
		case x.Select != nil && x.Levels == 0:
			return directory.expanding("$select inside $expand=manager requires $levels.")
		case q.count || q.search != nil:
			return unsupported("$expand is not supported in advanced queries.")
		case c.basic:
			return wire.Usual(http.StatusForbidden)
		}
		if p := userType.check(directory, x.Select); p != nil {
			return p
		}
		if p := c.limitUsers(&query{sel: x.Select}); p != nil {
			return p
		}
	}
	return nil
}

// expandManager adds the manager of a user, the manager's manager and so on. A
// user without a manager has no such member.
func (c *call) expandManager(o object, i int32, q *query) object {
	for _, x := range q.expand {
		of := o
		for range max(x.Levels, 1) {
			manager, ok := c.tenant.Manager(i)
			if !ok {
				break
			}
			next := c.renderMember(tenant.Ref{Kind: tenant.User, At: manager}, x.Select)
			of[managerRelation] = next
			of, i = next, manager
		}
	}
	return o
}
