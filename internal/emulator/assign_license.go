package emulator

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
)

const maxLicences = 100

// licenceChange is what assignLicense asks for.
type licenceChange struct {
	add    []groupProduct
	remove []sku
}

func (e *Emulator) readLicenceChange(c *call) (*licenceChange, *problem) {
	if _, p := e.options(c, directory, 0); p != nil {
		return nil, p
	}
	body, p := c.members([]string{"addLicenses", "removeLicenses"})
	if p != nil {
		return nil, p
	}
	var add, remove []json.RawMessage
	for name, list := range map[string]*[]json.RawMessage{"addLicenses": &add, "removeLicenses": &remove} {
		if json.Unmarshal(body[name], list) != nil || *list == nil || len(*list) > maxLicences {
			return nil, badRequest("The parameter '%s' is missing or is not a collection of at most %d.", name, maxLicences)
		}
	}
	t := e.tenant
	change := &licenceChange{}
	seen := map[sku]bool{}
	once := func(raw json.RawMessage) (sku, *problem) {
		var text string
		if json.Unmarshal(raw, &text) != nil {
			return 0, badRequest("A skuId is missing or is not a GUID.")
		}
		g, ok := parseGUID(text)
		if !ok {
			return 0, badRequest("A skuId is missing or is not a GUID.")
		}
		for s := range skuCount {
			if t.products[s].skuID != g.String() {
				continue
			}
			if seen[s] {
				return 0, badRequest("License %s is named more than once.", g)
			}
			seen[s] = true
			return s, nil
		}
		return 0, badRequest("License %s does not correspond to a valid company License.", g)
	}
	for _, raw := range add {
		one, p := jsonMembers(raw, []string{"skuId", "disabledPlans", "@odata.type"})
		if p != nil {
			return nil, p
		}
		s, p := once(one["skuId"])
		if p != nil {
			return nil, p
		}
		l := groupProduct{sku: s}
		if one["disabledPlans"] != nil {
			if l.off, p = t.plansOff(one["disabledPlans"], &t.products[s]); p != nil {
				return nil, badRequest("%s", p.message)
			}
		}
		change.add = append(change.add, l)
	}
	for _, raw := range remove {
		s, p := once(raw)
		if p != nil {
			return nil, p
		}
		change.remove = append(change.remove, s)
	}
	return change, nil
}

// assignedOf lists the assignments of a product to h itself.
func (t *tenant) assignedOf(h holder, s sku) []*assignment {
	return slices.DeleteFunc(slices.Clone(*t.assigned(h)), func(a *assignment) bool { return t.skuOf(a) != s })
}

// assignUserLicense answers at once, and changes everything or nothing.
func (e *Emulator) assignUserLicense(c *call) (any, *problem) {
	change, p := e.readLicenceChange(c)
	if p != nil {
		return nil, p
	}
	i, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	t := e.tenant
	pools, p := t.refuseLicences(i, change)
	if p != nil {
		return nil, p
	}
	t.change(holder{userHolder, i}, change, pools, c)
	return e.answerUser(c, i), nil
}

// refuseLicences says why a person cannot have these licences. Else it finds a
// pool with a free unit for each that is new.
func (t *tenant) refuseLicences(i int32, change *licenceChange) ([]int, *problem) {
	u := &t.users[i]
	for _, s := range change.remove {
		switch {
		case len(t.assignedOf(holder{userHolder, i}, s)) > 0:
		case slices.ContainsFunc(u.licences, func(l licence) bool { return l.sku == s }):
			return nil, badRequest("User license is inherited from a group membership and it cannot be removed directly from the user.")
		default:
			return nil, badRequest("User does not have a corresponding license.")
		}
	}
	if len(change.add) > 0 && u.usageLocation() == "" {
		return nil, badRequest("License assignment cannot be done for user with invalid usage location.")
	}
	changed := func(l licence) bool {
		return l.group == direct && (slices.Contains(change.remove, l.sku) || slices.ContainsFunc(change.add, func(p groupProduct) bool { return p.sku == l.sku }))
	}
	rows := slices.DeleteFunc(slices.Clone(u.licences), changed)
	for _, add := range change.add { // Those of one call help each other.
		rows = append(rows, licence{sku: add.sku, group: direct, off: add.off, state: active})
	}
	pools := make([]int, len(change.add))
	for n, add := range change.add {
		l := licence{sku: add.sku, group: direct, off: add.off}
		pools[n] = -1
		if len(t.assignedOf(holder{userHolder, i}, add.sku)) == 0 {
			at := slices.IndexFunc(t.pools[add.sku], func(pool int) bool {
				l.pool = pool
				return t.allotments[pool].takes(userHolder) && t.canTake(i, &l, u.held())
			})
			if at < 0 {
				return nil, badRequest("Subscription with SKU %s does not have any available licenses.", t.products[add.sku].skuID)
			}
			pools[n] = t.pools[add.sku][at]
		}
		if v := t.objection(i, rows, l, ^poolSet(0)); v != nil {
			if v.kind == wrongLocation {
				return nil, badRequest("License assignment cannot be done for user with invalid usage location.")
			}
			return nil, badRequest("License assignment failed. %s", v.message)
		}
	}
	// What stays must not lose a plan that it needs.
	for _, l := range rows {
		if l.from == nil || l.group != direct || l.error != nil || !l.state.usable() {
			continue
		}
		if v, _ := t.violation(i, rows, &l, ^poolSet(0)); v != nil && v.kind == missingDependency {
			return nil, badRequest("License assignment failed. %s", v.message)
		}
	}
	return pools, nil
}

// takes says whether new units of a can go to such an assignee.
func (a *allotment) takes(kind holderKind) bool {
	return a.sku.lifecycle() != suspended && slices.Contains(assigneeKinds(a.assignableTo), kind.String())
}

// change does what assignLicense asks for: it deletes all of a product, or
// updates all there are, or makes one from the given pool.
func (t *tenant) change(h holder, change *licenceChange, pools []int, c *call) {
	var changed []*assignment
	for _, s := range change.remove {
		for _, a := range t.assignedOf(h, s) {
			t.unassign(a)
			changed = append(changed, a)
		}
	}
	for n, add := range change.add {
		mine := t.assignedOf(h, add.sku)
		if len(mine) == 0 {
			mine = append(mine, t.assign(pools[n], h, add.off))
		}
		for _, a := range mine {
			a.off = add.off
		}
		changed = append(changed, mine...)
	}
	t.spread(changed, c.date, c.variants.groupEffects())
}

// answerUser is a person with the licences.
func (e *Emulator) answerUser(c *call, i int32) object {
	sel := []string{"accountEnabled", "assignedLicenses", "assignedPlans", "city", "companyName", "department", "usageLocation", "userType"}
	for name, p := range userType.props {
		if p.onDefault {
			sel = append(sel, name)
		}
	}
	o := userType.render(e.tenant, &e.tenant.users[i], sel, c.variants)
	o["@odata.context"] = c.context("users/$entity")
	return o
}

// assignGroupLicense answers that it was accepted. What comes of it for the
// members, their states tell.
func (e *Emulator) assignGroupLicense(c *call) (any, *problem) {
	change, p := e.readLicenceChange(c)
	if p != nil {
		return nil, p
	}
	i, p := e.pathGroup(c)
	if p != nil {
		return nil, p
	}
	t, h := e.tenant, holder{groupHolder, int32(i)}
	for _, s := range change.remove {
		if len(t.assignedOf(h, s)) == 0 {
			return nil, badRequest("Group does not have a corresponding license.")
		}
	}
	pools := make([]int, len(change.add))
	for n, add := range change.add {
		candidates := slices.DeleteFunc(slices.Clone(t.pools[add.sku]), func(pool int) bool { return !t.allotments[pool].takes(groupHolder) })
		if len(candidates) == 0 {
			return nil, badRequest("Subscription with SKU %s does not have any available licenses.", t.products[add.sku].skuID)
		}
		at := slices.IndexFunc(candidates, func(pool int) bool { return t.allotments[pool].free() > 0 })
		pools[n] = candidates[max(at, 0)]
	}
	t.change(h, change, pools, c)
	o := groupType.render(t, &t.groups[i], nil, c.variants)
	o["@odata.context"] = c.context("groups/$entity")
	location := fmt.Sprintf("%s/v2/%s/directoryObjects/%s/Microsoft.DirectoryServices.Group", c.base, e.id, t.groups[i].id)
	return outcome{http.StatusAccepted, map[string]string{"Location": location}, o}, nil
}

func (e *Emulator) reprocessLicenses(c *call) (any, *problem) {
	if _, p := e.options(c, directory, 0); p != nil {
		return nil, p
	}
	if p := c.emptyBody(); p != nil {
		return nil, p
	}
	i, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	e.tenant.reprocess(i, c.date)
	return e.answerUser(c, i), nil
}
