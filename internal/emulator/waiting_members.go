package emulator

import (
	"net/http"
	"slices"
	"time"
)

const waitingTypeName = namespace + "waitingMember"

// place is a place in the queue for the units of an allotment: first come,
// first served.
type place struct {
	user  int32
	since time.Time
}

type waitingMember struct {
	allotment *allotment
	place
}

func (t *tenant) waitingID(w waitingMember) string {
	n := int(w.user)*len(allotmentSpecs) + w.allotment.at
	if t.dice.pick("waiting id", n, 4) == 0 {
		return t.dice.longID("waiting", n)
	}
	return t.dice.guid("waiting", n).String()
}

var waitingType = entityType[waitingMember]{waitingTypeName, map[string]property[waitingMember]{
	"id":                   {get: func(t *tenant, w waitingMember, _ *Variants) any { return t.waitingID(w) }, onDefault: true},
	"waitingSinceDateTime": {get: func(_ *tenant, w waitingMember, _ *Variants) any { return preciseTimestamp(w.since) }, onDefault: true},
}}

// waitingRelations are the relations of a waiting member that can be expanded.
var waitingRelations = relations{"assignedTo": {check: nestedAssignee}, "allotment": {check: allotmentType.nested}}

func (e *Emulator) waitingOptions(c *call, allowed option) (*query, *problem) {
	return e.cloudOptions(c, allowed, waitingType.nested, waitingRelations, rules{})
}

func (e *Emulator) renderWaiting(c *call, sel []string, w waitingMember) object {
	o := waitingType.render(e.tenant, w, sel, c.variants)
	o["@odata.type"] = "#" + waitingTypeName
	return o
}

func (e *Emulator) expandWaiting(c *call, q *query, w waitingMember) object {
	o := e.renderWaiting(c, q.sel, w)
	for _, x := range q.expand {
		switch x.name {
		case "assignedTo":
			o[x.name] = e.renderHolder(c, holder{userHolder, w.user}, x.sel)
		case "allotment":
			o[x.name] = e.renderAllotment(c, x.sel, w.allotment, true)
		}
	}
	return o
}

// pathWaiting lists the waiting members of the allotment, person or device
// that the path names, with the name of that set.
func (e *Emulator) pathWaiting(c *call) ([]waitingMember, string, *problem) {
	t := e.tenant
	list := []waitingMember{}
	if c.route.segments[0] == "admin" {
		a, p := e.pathAllotment(c)
		if p != nil {
			return nil, "", p
		}
		for _, place := range a.waiting {
			list = append(list, waitingMember{a, place})
		}
		return list, allotmentSet + "('" + a.id + "')/waitingMembers", nil
	}
	h, p := e.pathHolder(c)
	if p != nil {
		return nil, "", p
	}
	for i := range t.allotments {
		if h.kind != userHolder || t.users[h.at].waits>>i&1 == 0 {
			continue
		}
		a := &t.allotments[i]
		at := slices.IndexFunc(a.waiting, func(p place) bool { return p.user == h.at })
		list = append(list, waitingMember{a, a.waiting[at]})
	}
	return list, t.set(h) + "/waitingMembers", nil
}

func (e *Emulator) listWaiting(c *call) (any, *problem) {
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
	return e.page(c, q, fragment(set, q.sel), c.cloudPageSize(q), len(list), func(i int) object {
		return e.expandWaiting(c, q, list[i])
	}), nil
}

func (e *Emulator) pathWaitingMember(c *call) (waitingMember, string, *problem) {
	list, set, p := e.pathWaiting(c)
	if p != nil {
		return waitingMember{}, "", p
	}
	id := c.params[len(c.params)-1]
	i := slices.IndexFunc(list, func(w waitingMember) bool { return e.tenant.waitingID(w) == id })
	if i < 0 {
		return waitingMember{}, "", cloud(http.StatusNotFound, "resourceNotFound", "The waiting member '%s' does not exist.", id)
	}
	return list[i], set, nil
}

func (e *Emulator) getWaiting(c *call) (any, *problem) {
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

func (e *Emulator) getWaitingAllotment(c *call) (any, *problem) {
	q, p := e.allotmentOptions(c, optSelect|optExpand)
	if p != nil {
		return nil, p
	}
	w, _, p := e.pathWaitingMember(c)
	if p != nil {
		return nil, p
	}
	return c.single(allotmentSet, q, e.expandAllotment(c, q, e.renderAllotment(c, q.sel, w.allotment, true), w.allotment)), nil
}
