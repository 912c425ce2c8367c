package emulator

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// license gives person i what the role grants, in order, and lets judge decide
// what takes effect.
func (t *tenant) license(i int32, r *role) {
	u := &t.users[i]
	for j, g := range r.grants {
		days := 300
		if g.sku.trial() {
			days = trialDays
		}
		l := licence{
			sku:     g.sku,
			group:   direct,
			pool:    t.pool(g.sku, cultures[u.culture].region == "apac"),
			state:   errorState,
			updated: t.reference.Add(-time.Duration(t.dice.pick("updated", int(i)*8+j, days*86400)+3600) * time.Second),
			fault:   g.fault,
		}
		if g.before {
			l.state = activeWithError
		}
		switch via := t.via(int(i), g); via {
		case byHand:
			if t.dice.pick("off", int(i), 2) == 0 && g.sku == skuE3 {
				l.off = []string{"SWAY"}
			}
			l.from = &assignment{id: t.assignmentID((1000+int(i))*int(skuCount) + int(g.sku)), pool: l.pool, to: holder{userHolder, i}, off: l.off}
			t.grant(l.from)
		case byGone:
			l.group = goneGroup
		default:
			l.group = slices.IndexFunc(t.groups, func(g group) bool { return g.key == via })
			at := slices.IndexFunc(t.groups[l.group].assigned, func(a *assignment) bool { return t.skuOf(a) == g.sku })
			l.from = t.groups[l.group].assigned[at]
			l.pool, l.off = l.from.pool, l.from.off
			t.join(i, l.group)
		}
		u.licences = append(u.licences, l)
	}
	t.judge(i, u.licences, 0)
	t.count(i, 0, time.Time{})
}

// poolSet has a bit for each allotment.
type poolSet uint64

// held is the allotments of which u has a unit.
func (u *user) held() poolSet {
	var set poolSet
	for _, l := range u.licences {
		if l.state.holds() {
			set |= 1 << l.pool
		}
	}
	return set
}

// count brings the allotments up to date with what person i has now and held
// before: the units in use, and the queues.
func (t *tenant) count(i int32, before poolSet, now time.Time) {
	u := &t.users[i]
	after := u.held()
	var waits poolSet
	for _, l := range u.licences {
		if l.error != nil && l.error.kind == noUnits {
			waits |= 1 << l.pool
		}
	}
	for at := range t.allotments {
		a, bit := &t.allotments[at], poolSet(1)<<at
		switch {
		case before&bit == 0 && after&bit != 0:
			a.consumed++
		case before&bit != 0 && after&bit == 0:
			a.consumed--
		}
		switch {
		case u.waits&bit == 0 && waits&bit != 0:
			t.tidy(a) // The person may have left this very queue just now.
			a.waiting = append(a.waiting, place{i, now})
		case u.waits&bit != 0 && waits&bit == 0:
			a.left++
		}
	}
	u.waits = waits
}

// first is who waits longest for a unit of a, without those who left.
func (t *tenant) first(a *allotment) (int32, bool) {
	for ; len(a.waiting) > 0; a.waiting = a.waiting[1:] {
		if i := a.waiting[0].user; t.users[i].waits>>a.at&1 == 1 {
			return i, true
		}
		a.left--
	}
	return 0, false
}

// tidy takes out of a queue those who left it.
func (t *tenant) tidy(a *allotment) {
	if a.left > 0 {
		a.waiting = slices.DeleteFunc(a.waiting, func(p place) bool { return t.users[p.user].waits>>a.at&1 == 0 })
		a.left = 0
	}
}

// makeQueues puts those who wait in the order in which they failed.
func (t *tenant) makeQueues() {
	for at := range t.allotments {
		a := &t.allotments[at]
		for i := range a.waiting {
			p := &a.waiting[i]
			for _, l := range t.users[p.user].licences {
				if l.pool == at && l.error != nil && (p.since.IsZero() || l.updated.Before(p.since)) {
					p.since = l.updated.Add(time.Duration(t.dice.pick("waiting ticks", int(p.user), 10_000_000)) * 100)
				}
			}
		}
		slices.SortStableFunc(a.waiting, func(a, b place) int { return cmp.Or(a.since.Compare(b.since), cmp.Compare(a.user, b.user)) })
	}
}

// judge decides by the rules of catalogue.go which of a person's rows take
// effect, with held the units that the person had. A row that comes first wins
// against those after it. A plan that a row needs may come from any, so rows
// are judged again until nothing changes.
func (t *tenant) judge(i int32, rows []licence, held poolSet) {
	usable := make([]bool, len(rows)) // before
	for j := range rows {
		usable[j] = rows[j].state.usable()
	}
	failed := map[int]bool{} // groups of several products, one of which failed
	for round := range 8 {
		changed := false
		for j := range rows {
			others := rows
			if round == 0 {
				others = rows[:j]
			}
			l := rows[j]
			l.state, l.error, l.missing = active, nil, nil
			if l.sku.lifecycle() == suspended {
				l.state = disabledState
			} else {
				l.error, l.missing = t.violation(i, others, &l, held)
				if l.error == nil && failed[l.group] {
					l.error = &violation{otherViolation, fmt.Sprintf("Product %s could not be assigned because another product of the same group could not be.", t.products[l.sku].skuID)}
				}
			}
			if l.error != nil {
				if l.state = activeWithError; !usable[j] || !t.remains(&l) {
					l.state, l.missing = errorState, nil
				}
			}
			changed = changed || round == 0 || l.state != rows[j].state || !slices.Equal(l.missing, rows[j].missing)
			rows[j] = l
		}
		if changed {
			continue
		}
		for _, l := range rows {
			if l.group >= 0 && !failed[l.group] && t.failsGroup(rows, l.group, l.sku) {
				failed[l.group], changed = true, true
			}
		}
		if !changed {
			return
		}
	}
}

// failsGroup says whether a group of several products could not give this one,
// from whatever allotment. Then it gives none.
func (t *tenant) failsGroup(rows []licence, group int, s sku) bool {
	several := false
	for _, l := range rows {
		if l.group != group {
			continue
		}
		if l.sku == s && l.error == nil {
			return false
		}
		several = several || l.sku != s
	}
	return several
}

// violation is the first rule that l breaks beside others, if any, with the
// names of all plans that break the same rule. The causes and their order
// follow Microsoft Learn, "Resolve group license assignment problems".
func (t *tenant) violation(i int32, others []licence, l *licence, held poolSet) (*violation, []string) {
	location := cmp.Or(t.users[i].usageLocation(), tenantLocation)
	var failing []string
	first := func(kind *violationKind, format string, args ...any) (*violation, []string) {
		return &violation{kind, fmt.Sprintf(format, args...)}, failing
	}
	on := slices.DeleteFunc(slices.Clone(t.products[l.sku].ruled), func(p plan) bool { return slices.Contains(l.off, p.name) })

	for _, p := range on {
		if slices.Contains(notOffered[p.name], location) {
			failing = append(failing, p.name)
		}
	}
	if failing != nil {
		return first(wrongLocation, "Service plan %s cannot be assigned because it is not offered in usage location %s.", planID(failing[0]), location)
	}

	other := ""
	for _, p := range on {
		for _, name := range excludes[p.name] {
			if t.hasPlan(others, name, l.sku) {
				failing = append(failing, p.name)
				other = name
			}
		}
	}
	if failing != nil {
		return first(mutuallyExclusive, "Service plan %s cannot be assigned together with service plan %s, which this user already has.", planID(failing[0]), planID(other))
	}

	for _, p := range on {
		if needs := requires[p.name]; needs != nil && !t.hasAny(others, l, needs) {
			failing = append(failing, p.name)
		}
	}
	if failing != nil {
		// The wording of the page "List assignmentErrors".
		return first(missingDependency, "Service plan %s cannot be assigned without service plan %s, which this user does not currently have.", planID(failing[0]), planID(requires[failing[0]][0]))
	}

	if !t.canTake(i, l, held) {
		return first(noUnits, "Product %s cannot be assigned because all of its units are in use.", t.products[l.sku].skuID)
	}

	switch l.fault {
	case proxyTaken:
		failing = []string{"EXCHANGE_S_ENTERPRISE"}
		taken := t.users[(int(i)+1)%len(t.users)].userPrincipalName
		return first(takenAddress, "Service plan %s cannot be assigned because the proxy address smtp:%s is in use by another object.", planID(failing[0]), taken)
	case concurrent:
		return first(otherViolation, "Product %s could not be updated: LicenseAssignmentAttributeConcurrencyException. The assignment is tried again later.", t.products[l.sku].skuID)
	}
	return nil, nil
}

// canTake says whether there is a unit for l: the one that the person has
// already, or a free one that nobody waits for.
func (t *tenant) canTake(i int32, l *licence, held poolSet) bool {
	a := &t.allotments[l.pool]
	if a.units == unlimited { // The tenant is not built yet.
		return !l.sku.soldOut() || l.group < 0 || !t.groups[l.group].late
	}
	if held>>l.pool&1 == 1 {
		return true
	}
	if a.free() <= 0 {
		return false
	}
	first, queue := t.first(a)
	return !queue || first == i
}

// hasPlan says whether one of rows lets its holder use the plan thanks to
// another product than but.
func (t *tenant) hasPlan(rows []licence, name string, but sku) bool {
	return slices.ContainsFunc(rows, func(l licence) bool {
		return l.sku != but && t.grants(&l, name)
	})
}

// hasAny says whether l or one of others lets its holder use one of the plans.
// What the same product gives from another source counts.
func (t *tenant) hasAny(others []licence, l *licence, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return t.grants(l, name) || slices.ContainsFunc(others, func(o licence) bool {
			itself := o.sku == l.sku && o.group == l.group && o.from == l.from
			return !itself && t.grants(&o, name)
		})
	})
}

// remains says whether anything is left of the right that l was.
func (t *tenant) remains(l *licence) bool {
	return slices.ContainsFunc(t.products[l.sku].plans, func(p plan) bool { return l.allows(p.name) })
}

// grants says whether the row l lets its holder use the plan.
func (t *tenant) grants(l *licence, name string) bool {
	if !l.allows(name) {
		return false
	}
	_, ok := t.products[l.sku].plan(name)
	return ok
}

// allows is grants for a plan that the product has.
func (l *licence) allows(name string) bool {
	return l.state.usable() && !slices.Contains(l.off, name) && !slices.Contains(l.missing, name)
}

// rights lists the products that u can use now, in catalogue order.
func (t *tenant) rights(u *user) []sku {
	var skus []sku
	for _, l := range u.licences {
		if l.state.usable() && !slices.Contains(skus, l.sku) {
			skus = append(skus, l.sku)
		}
	}
	slices.Sort(skus)
	return skus
}

// mayUse says whether u may use a plan of one product. It is off only where
// every contributing row has it off.
func (u *user) mayUse(s sku, name string) bool {
	return slices.ContainsFunc(u.licences, func(l licence) bool { return l.sku == s && l.allows(name) })
}
