package emulator

import (
	"fmt"
	"slices"
	"time"
)

// license gives person i what the role grants, in order, and decides by the
// rules of catalogue.go what takes effect. The causes and their order follow
// Microsoft Learn, "Resolve group license assignment problems".
func (t *tenant) license(i int, r *role) {
	u := &t.users[i]
	for j, g := range r.grants {
		days := 300
		if g.sku.trial() {
			days = trialDays
		}
		l := licence{
			sku:     g.sku,
			group:   direct,
			state:   active,
			updated: t.reference.Add(-time.Duration(t.dice.pick("updated", i*8+j, days*86400)+3600) * time.Second),
		}
		switch via := t.via(i, g); via {
		case byHand:
			if t.dice.pick("off", i, 2) == 0 && g.sku == skuE3 {
				l.off = []string{"SWAY"}
			}
		case byGone:
			l.group = goneGroup
		default:
			l.group = slices.IndexFunc(t.groups, func(g group) bool { return g.key == via })
			l.off = t.groups[l.group].offOf(g.sku)
		}
		if g.sku.lifecycle() == suspended {
			l.state = disabledState
		} else if v, failing := t.violation(i, &l, g.fault); v != nil {
			l.error = v
			l.state = errorState
			if g.before {
				l.state, l.missing = activeWithError, failing
			}
		}
		u.licences = append(u.licences, l)
		if l.group >= 0 {
			if g := &t.groups[l.group]; !slices.Contains(g.members[max(0, len(g.members)-1):], int32(i)) {
				g.members = append(g.members, int32(i))
			}
		}
	}
	for s := range skuCount {
		if slices.ContainsFunc(u.licences, func(l licence) bool { return l.sku == s && l.state.holds() }) {
			t.holders[s]++
		}
	}
}

// violation is the first rule that l breaks, if any, with the names of all
// plans that break the same rule.
func (t *tenant) violation(i int, l *licence, f fault) (*violation, []string) {
	u := &t.users[i]
	var failing []string
	first := func(kind *violationKind, format string, args ...any) (*violation, []string) {
		return &violation{kind, fmt.Sprintf(format, args...)}, failing
	}
	on := slices.DeleteFunc(slices.Clone(t.products[l.sku].ruled), func(p plan) bool { return slices.Contains(l.off, p.name) })

	for _, p := range on {
		if slices.Contains(notOffered[p.name], u.usageLocation()) {
			failing = append(failing, p.name)
		}
	}
	if failing != nil {
		return first(wrongLocation, "Service plan %s cannot be assigned because it is not offered in usage location %s.", planID(failing[0]), u.usageLocation())
	}

	other := ""
	for _, p := range on {
		for _, name := range excludes[p.name] {
			if t.hasPlan(u, name, l.sku) {
				failing = append(failing, p.name)
				other = name
			}
		}
	}
	if failing != nil {
		return first(mutuallyExclusive, "Service plan %s cannot be assigned together with service plan %s, which this user already has.", planID(failing[0]), planID(other))
	}

	for _, p := range on {
		if needs := requires[p.name]; needs != nil && !t.hasAny(u, l, needs) {
			failing = append(failing, p.name)
		}
	}
	if failing != nil {
		// The wording of the page "List assignmentErrors".
		return first(missingDependency, "Service plan %s cannot be assigned without service plan %s, which this user does not currently have.", planID(failing[0]), planID(requires[failing[0]][0]))
	}

	if l.sku.soldOut() && l.group >= 0 && t.groups[l.group].late {
		return first(noUnits, "Product %s cannot be assigned because all of its units are in use.", t.products[l.sku].skuID)
	}

	switch f {
	case proxyTaken:
		failing = []string{"EXCHANGE_S_ENTERPRISE"}
		taken := t.users[(i+1)%len(t.users)].userPrincipalName
		return first(takenAddress, "Service plan %s cannot be assigned because the proxy address smtp:%s is in use by another object.", planID(failing[0]), taken)
	case concurrent:
		return first(otherViolation, "Product %s could not be updated: LicenseAssignmentAttributeConcurrencyException. The assignment is tried again later.", t.products[l.sku].skuID)
	}
	return nil, nil
}

// hasPlan says whether u can use the plan thanks to another product than but.
func (t *tenant) hasPlan(u *user, name string, but sku) bool {
	return slices.ContainsFunc(u.licences, func(l licence) bool {
		return l.sku != but && t.grants(&l, name)
	})
}

func (t *tenant) hasAny(u *user, l *licence, names []string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		return t.grants(l, name) || t.hasPlan(u, name, l.sku)
	})
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

// units says how many a product has of each kind.
func (t *tenant) units(s sku) (enabledUnits, warningUnits, suspendedUnits int) {
	n := t.holders[s]
	if !s.soldOut() {
		n += 5 + n/8
	}
	switch s.lifecycle() {
	case warning:
		return 0, n, 0
	case suspended:
		return 0, 0, n
	default:
		return n, 0, 0
	}
}
