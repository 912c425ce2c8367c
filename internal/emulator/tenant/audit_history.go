package tenant

import (
	"cmp"
	"slices"
	"time"
)

// historyDays is the number of days before the start of which a generated
// tenant has audit records. The records end in its current licenses.
const historyDays = 30

// history generates the audit records from before the start.
type history struct {
	*Tenant
	n    int // number of the next event
	used map[int32]bool
	at   time.Time
}

// makeHistory adds the records of the days before a time. Their number does
// not depend on the size of the tenant.
func (t *Tenant) makeHistory(now time.Time) {
	h := &history{Tenant: t, used: map[int32]bool{}}
	today := now.UTC().Truncate(24 * time.Hour)
	for days := historyDays - 1; days > 0; days-- {
		day := today.AddDate(0, 0, -days)
		events := 5 + t.seed.Pick("events", days, 6)
		if weekday := day.Weekday(); weekday == time.Saturday || weekday == time.Sunday {
			events = 1
		}
		var times []time.Duration // from seven to nineteen o'clock
		for i := range events {
			times = append(times, 7*time.Hour+time.Duration(t.seed.Number("event time", days*16+i)%uint64(12*time.Hour)).Truncate(100*time.Nanosecond))
		}
		slices.Sort(times)
		for _, d := range times {
			h.n++
			if at := day.Add(d); at.After(h.at) {
				h.at = at
			}
			h.event()
		}
	}
}

// later moves the time of the next record by some seconds.
func (h *history) later(seconds int) { h.at = h.at.Add(time.Duration(seconds)*time.Second + 1234500) }

func (h *history) event() {
	switch kind := h.seed.Pick("event", h.n, 10); {
	case kind < 3:
		h.joined()
	case kind < 5:
		h.assigned()
	case kind < 6:
		h.removed()
	case kind < 7:
		h.left()
	case kind < 9:
		h.moved()
	default:
		h.groupLicensed()
	}
}

// someone returns a user without an earlier event who satisfies a condition.
func (h *history) someone(is func(i int32) bool) (int32, bool) {
	for try := range 200 {
		i := int32(h.seed.Pick("someone", h.n*256+try, len(h.people)))
		if h.people[i].isUser() && !h.used[i] && is(i) {
			h.used[i] = true
			return i, true
		}
	}
	return 0, false
}

// admin returns the first user with one of the directory roles.
func (h *history) admin(roles ...uint8) *Actor {
	for _, role := range roles {
		for i := range h.people[:min(len(h.people), 1000)] {
			if p := &h.people[i]; p.role == role {
				return &Actor{User: p.id.String(), Name: p.name, Address: "192.0.2." + string('0'+rune(role)), Agent: "Mozilla/5.0"}
			}
		}
	}
	return h.application()
}

// application returns an application that manages accounts.
func (h *history) application() *Actor {
	return &Actor{App: h.seed.GUID("provisioning application", 0).String(), Principal: h.seed.GUID("provisioning principal", 0).String(), Name: "HR Provisioning"}
}

// changed adds a record about the licenses of a user, which are those of now
// or those of now and another one.
func (h *history) changed(i int32, before, after []Licensed, by *Actor) {
	h.audit(h.at, Audit{Activity: UserLicenseChanged, By: by, User: h.target(Ref{User, i}), Before: before, After: after})
}

func with(list []Licensed, more Licensed) []Licensed {
	list = append(slices.Clone(list), more)
	slices.SortFunc(list, func(a, b Licensed) int { return cmp.Compare(a.Sku, b.Sku) })
	return list
}

func without(list []Licensed, skus ...Sku) []Licensed {
	return slices.DeleteFunc(slices.Clone(list), func(l Licensed) bool { return slices.Contains(skus, l.Sku) })
}

// only returns the row of a user from a source with a product that the user
// has from no other source.
func (h *history) only(i int32, is func(row) bool) (row, bool) {
	rows := h.people[i].rows
	for _, r := range rows {
		others := slices.ContainsFunc(rows, func(o row) bool { return o.sku == r.sku && o.group != r.group && o.state.hasUnit() })
		if r.state.hasUnit() && !others && is(r) {
			return r, true
		}
	}
	return row{}, false
}

// managed reports whether administrators change the members of a group.
func (h *history) managed(g *Group) bool { return !g.Dynamic() && g.synced == 0 && !g.Roles }

// joined: a user was added to a licensed group.
func (h *history) joined() {
	var r row
	i, ok := h.someone(func(i int32) (ok bool) {
		r, ok = h.only(i, func(r row) bool {
			return r.group >= 0 && slices.Contains(h.people[i].memberOf, r.group) && h.managed(h.groups[r.group])
		})
		return ok
	})
	if !ok {
		return
	}
	by := h.admin(8, 3)
	if h.seed.Pick("by application", h.n, 2) == 0 {
		by = h.application()
	}
	h.auditMember(MemberJoined, r.group, Ref{User, i}, When{Now: h.at, By: by})
	h.later(95)
	now := h.AssignedProducts(i)
	var skus []Sku
	for _, o := range h.people[i].rows {
		if o.group == r.group {
			skus = append(skus, o.sku)
		}
	}
	h.changed(i, without(now, skus...), now, nil)
}

// assigned: an administrator assigned a product, or changed its plans.
func (h *history) assigned() {
	var r row
	i, ok := h.someone(func(i int32) (ok bool) {
		r, ok = h.only(i, func(r row) bool { return r.group == direct })
		return ok
	})
	if !ok {
		return
	}
	now := h.AssignedProducts(i)
	before := without(now, r.sku)
	if r.off != (PlanSet{}) {
		before = with(before, Licensed{Sku: r.sku})
	}
	h.changed(i, before, now, h.admin(2, 1))
}

// removed: an administrator removed a product that the user does not have now.
func (h *history) removed() {
	sold := []Sku{SkuVisio, SkuAudio, SkuPhone, SkuAnalytics}
	sku := sold[h.seed.Pick("removed", h.n, len(sold))]
	i, ok := h.someone(func(i int32) bool {
		return len(h.people[i].rows) > 0 && !slices.ContainsFunc(h.people[i].rows, func(r row) bool { return r.sku == sku })
	})
	if ok {
		now := h.AssignedProducts(i)
		h.changed(i, with(now, Licensed{Sku: sku}), now, h.admin(2, 1))
	}
}

// left: a user was removed from a licensed group.
func (h *history) left() {
	var g *Group
	for try := range 20 {
		if one := h.groups[h.seed.Pick("left", h.n*32+try, len(h.groups))]; len(one.assigned) > 0 && h.managed(one) {
			g = one
			break
		}
	}
	if g == nil {
		return
	}
	i, ok := h.someone(func(i int32) bool {
		return !g.members.has(i) && len(h.people[i].rows) > 0 && !slices.ContainsFunc(g.Licensed(), func(l Licensed) bool { return h.HasProduct(i, l.Sku) })
	})
	if !ok {
		return
	}
	h.auditMember(MemberLeft, g.At, Ref{User, i}, When{Now: h.at, By: h.admin(8, 3)})
	h.later(140)
	now := h.AssignedProducts(i)
	before := now
	for _, l := range g.Licensed() {
		before = with(before, l)
	}
	h.changed(i, before, now, nil)
}

// moved: an application moved a user to another department.
func (h *history) moved() {
	i, ok := h.someone(func(i int32) bool { return h.people[i].Text("department") != "" })
	if !ok {
		return
	}
	now := h.people[i].Text("department")
	old := departments[h.seed.Pick("old department", h.n, len(officeDepartments))].name
	if old != now {
		h.audit(h.at, Audit{Activity: UserUpdated, By: h.application(), User: h.target(Ref{User, i}), Changed: []ChangedText{{"department", old, now}}})
	}
}

// maxHistory is the number of members of a group whose licenses change in the
// history.
const maxHistory = 200

// groupLicensed: an administrator changed the licenses of a group, which
// reached its members.
func (h *history) groupLicensed() {
	var g *Group
	for try := range 20 {
		one := h.groups[h.seed.Pick("licensed group", h.n*32+try, len(h.groups))]
		if len(one.assigned) == 1 && one.people > 0 && one.people <= maxHistory {
			g = one
			break
		}
	}
	if g == nil || h.used[-1-g.At] {
		return
	}
	h.used[-1-g.At] = true
	now := g.Licensed()
	h.audit(h.at, Audit{Activity: GroupLicenseSet, By: h.admin(2, 1), Group: h.target(Ref{GroupKind, g.At}), After: now})
	h.later(12)
	h.auditProcessing(g.At, h.at, func() {
		h.later(20)
		for i := range g.members.after(-1) {
			if r, ok := h.only(i, func(r row) bool { return r.group == g.At }); ok && h.people[i].isUser() && !h.used[i] {
				h.used[i] = true
				after := h.AssignedProducts(i)
				h.changed(i, without(after, r.sku), after, nil)
			}
		}
	})
}
