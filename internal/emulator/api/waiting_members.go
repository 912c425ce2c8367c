package api

import (
	"iter"
	"net/http"

	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register(
		cloudRoute(get, adminRoot+"allotments/{id}/waitingMembers", (*Endpoints).listWaiting, readCloud, scopesCloud),
		cloudRoute(get, adminRoot+"allotments/{id}/waitingMembers/{id}", (*Endpoints).getWaiting, readCloud, scopesCloud),
		userRoutes(get, "waitingMembers", (*Endpoints).listWaiting, readWaiting, scopesWaiting),
		userRoutes(get, "waitingMembers/{id}", (*Endpoints).getWaiting, readCloud, scopesCloud),
		userRoutes(get, "waitingMembers/{id}/allotment", (*Endpoints).getWaitingAllotment, readUserItem, scopesUserItem),
		onlyIf(func(v *settings.Variants) bool { return v.DevicesListed },
			listedRoute(get, deviceRoot+"waitingMembers/{id}", (*Endpoints).getWaiting),
			listedRoute(get, deviceRoot+"waitingMembers/{id}/allotment", (*Endpoints).getWaitingAllotment)),
		onlyIf((*settings.Variants).HaveDevices,
			cloudRoute(get, deviceRoot+"waitingMembers", (*Endpoints).listWaiting, readDeviceQueue, scopesDeviceQueue)),
	)
}

const waitingTypeName = namespace + "waitingMember"

var waitingType = entityType[tenant.WaitingMember]{name: waitingTypeName, props: map[string]property[tenant.WaitingMember]{
	"id":                   {get: func(c *call, w tenant.WaitingMember) any { return c.tenant.WaitingID(w) }, onDefault: true},
	"waitingSinceDateTime": {get: func(_ *call, w tenant.WaitingMember) any { return preciseTimestamp(w.Since) }, onDefault: true},
}}

// waiting lists the queue of an allotment.
func (c *call) waiting(a *tenant.Allotment) listing[tenant.WaitingMember] {
	return listing[tenant.WaitingMember]{after: func(place int64) iter.Seq2[int64, tenant.WaitingMember] {
		return func(yield func(int64, tenant.WaitingMember) bool) {
			for at, w := range c.tenant.Waiting(a, int(place)) {
				if !yield(int64(at), w) {
					return
				}
			}
		}
	}}
}

// waitingRelations are the expandable relations of a waiting member.
var waitingRelations = relations{"assignedTo": {check: nestedAssignee}, "allotment": {check: allotmentType.nested}}

func (e *Endpoints) waitingOptions(c *call, allowed option) (*query, *wire.Problem) {
	return e.cloudOptions(c, allowed, waitingType.nested, waitingRelations, rules{resource: waitingTypeName})
}

func (e *Endpoints) renderWaiting(c *call, sel []string, w tenant.WaitingMember) object {
	o := waitingType.render(c, w, sel)
	o["@odata.type"] = "#" + waitingTypeName
	return o
}

func (e *Endpoints) expandWaiting(c *call, q *query, w tenant.WaitingMember) object {
	o := e.renderWaiting(c, q.sel, w)
	for _, x := range q.expand {
		switch x.Path {
		case "assignedTo":
			o[x.Path] = e.renderHolder(c, w.Who, x.Select)
		case "allotment":
			o[x.Path] = e.renderAllotment(c, x.Select, w.Allotment, true)
		}
	}
	return o
}

// pathWaiting lists the waiting members of the allotment, user or device in
// the path, with the name of the set.
func (e *Endpoints) pathWaiting(c *call) (l listing[tenant.WaitingMember], set string, p *wire.Problem) {
	if c.route.segments[0] == "admin" {
		a, p := e.pathAllotment(c)
		if p != nil {
			return l, "", p
		}
		return c.waiting(a), allotmentSet + "('" + a.ID + "')/waitingMembers", nil
	}
	h, p := e.pathHolder(c)
	if p != nil {
		return l, "", p
	}
	return listed(c.tenant.WaitsOf(h)), c.set(h) + "/waitingMembers", nil
}

func (e *Endpoints) listWaiting(c *call) (any, *wire.Problem) {
	allowed := optSelect | optTop | optExpand
	if c.route.segments[0] == "devices" {
		allowed = optSelect | optExpand
	}
	q, p := e.waitingOptions(c, allowed)
	if p != nil {
		return nil, p
	}
	list, set, p := e.pathWaiting(c)
	if p != nil {
		return nil, p
	}
	return pageOf(e, c, q, fragment(set, q.sel), c.cloudPageSize(q), list, func(w tenant.WaitingMember) object {
		return e.expandWaiting(c, q, w)
	}), nil
}

func (e *Endpoints) pathWaitingMember(c *call) (w tenant.WaitingMember, set string, p *wire.Problem) {
	_, set, p = e.pathWaiting(c) // The object in the path must exist.
	if p != nil {
		return w, "", p
	}
	id := c.params[len(c.params)-1]
	w, found := c.tenant.WaitingMember(id)
	if c.route.segments[0] == "admin" {
		found = found && w.Allotment.ID == c.params[0]
	} else if h, p := e.pathHolder(c); p == nil {
		found = found && w.Who == h
	}
	if !found {
		return w, "", cloud(http.StatusNotFound, "resourceNotFound", "The waiting member '%s' does not exist.", id)
	}
	return w, set, nil
}

func (e *Endpoints) getWaiting(c *call) (any, *wire.Problem) {
	q, p := e.waitingOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	w, set, p := e.pathWaitingMember(c)
	if p != nil {
		return nil, p
	}
	return c.single(set, q, e.expandWaiting(c, q, w)), nil
}

func (e *Endpoints) getWaitingAllotment(c *call) (any, *wire.Problem) {
	q, p := e.allotmentOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	w, _, p := e.pathWaitingMember(c)
	if p != nil {
		return nil, p
	}
	return c.single(allotmentSet, q, e.expandAllotment(c, q, e.renderAllotment(c, q.sel, w.Allotment, true), w.Allotment)), nil
}
