package tenant

import (
	"slices"
)

// Assign creates an assignment from an allotment. It writes.
func (t *Tenant) Assign(pool *Allotment, to Ref, off PlanSet, w When) (*Assignment, *Refusal) {
	if r := t.refuseNew(pool, to, off); r != nil {
		return nil, r
	}
	before := t.licensedGroup(to)
	a := &Assignment{Pool: pool, To: to, Off: off}
	t.addIndex(a)
	t.auditGroup(to, before, w)
	t.spread([]*Assignment{a}, w)
	t.noteLicenses(to)
	return a, nil
}

// Change replaces the disabled plans of an assignment. It writes.
func (t *Tenant) Change(a *Assignment, off PlanSet, w When) *Refusal {
	if r := t.refuseChange(a, off); r != nil {
		return r
	}
	before := t.licensedGroup(a.To)
	a.Off = off
	t.auditGroup(a.To, before, w)
	t.spread([]*Assignment{a}, w)
	t.noteLicenses(a.To)
	return nil
}

// Unassign deletes an assignment. It writes.
func (t *Tenant) Unassign(a *Assignment, w When) {
	before := t.licensedGroup(a.To)
	t.removeIndex(a)
	t.auditGroup(a.To, before, w)
	t.spread([]*Assignment{a}, w)
	t.noteLicenses(a.To)
}

// noteLicenses records a change of the licenses of a group in the journal. The
// recompute method does this for users.
func (t *Tenant) noteLicenses(of Ref) {
	if of.Kind == GroupKind {
		t.journal.add(Change{Of: of, What: LicensesChanged})
	}
}

// refuseNew returns the reason to refuse a new assignment, or nil.
func (t *Tenant) refuseNew(pool *Allotment, to Ref, off PlanSet) *Refusal {
	if !pool.AssignableTo.Has(to.Kind) {
		return refuse(InvalidAssignee, "assignedTo", "Units of this allotment cannot be assigned to a %s.", to.Kind)
	}
	if to.Kind == GroupKind && !t.groups[to.At].SecurityEnabled() {
		return refuse(InvalidAssignee, "assignedTo", "Licenses can be assigned to groups that are security enabled only.")
	}
	if t.drawsOn(to, pool) {
		return refuse(AlreadyAssigned, "", "The assignee has an assignment from this allotment already.")
	}
	none := refuse(NoAvailableUnits, "", "The allotment has no available units.")
	if !pool.works() {
		return none
	}
	if to.Kind == GroupKind {
		return nil // Members wait for a unit.
	}
	i := t.person(to)
	existing := units(t.people[i].rows)
	if to.Kind == User {
		if r := t.refuseRow(i, row{sku: pool.Sku, group: direct, pool: uint8(pool.At), off: off}, existing); r != nil {
			return r
		}
	}
	if !t.canTake(i, pool.At, existing) {
		return none
	}
	return nil
}

// refuseChange returns the reason to refuse these disabled plans, or nil.
func (t *Tenant) refuseChange(a *Assignment, off PlanSet) *Refusal {
	if a.To.Kind != User || !a.Pool.works() {
		return nil
	}
	return t.refuseRow(a.To.At, row{from: a, sku: a.Sku(), group: direct, pool: uint8(a.Pool.At), off: off}, ^poolSet(0))
}

// refuseRow returns the reason for which the service refuses a direct license
// immediately, or nil. A missing required plan is not a reason: it causes an
// assignment error until the plan is assigned.
func (t *Tenant) refuseRow(i int32, r row, existing poolSet) *Refusal {
	if t.people[i].Text("usageLocation") == "" {
		return refuse(InvalidLocation, "", "The user has no usage location.")
	}
	switch t.violation(i, &r, t.people[i].rows, existing); r.cause {
	case Location:
		return refuse(InvalidLocation, "", "%s", t.message(i, &r))
	case Exclusive:
		return refuse(ExclusivePlans, "", "%s", t.message(i, &r))
	case Count:
		return refuse(NoAvailableUnits, "", "%s", t.message(i, &r))
	case Uniqueness:
		return refuse(AddressConflict, "", "%s", t.message(i, &r))
	}
	return nil
}

// violation checks a new license of a user against the user's other licenses.
func (t *Tenant) violation(i int32, r *row, others []row, existing poolSet) {
	itself := -1
	if r.from != nil {
		itself = slices.IndexFunc(others, func(o row) bool { return o.from == r.from })
	}
	r.state = InForce
	t.check(i, r, itself, others, existing)
}

// LicenseChange is the body of an assignLicense request.
type LicenseChange struct {
	Add    []Licensed
	Remove []Sku
}

// assignedOf returns the direct assignments of a product to an assignee.
func (t *Tenant) assignedOf(h Ref, s Sku) []*Assignment {
	return slices.DeleteFunc(slices.Clone(*t.assigned(h)), func(a *Assignment) bool { return a.Sku() != s })
}

// AssignUserLicense changes the direct licenses of a user: all of them, or
// none if it fails. It writes.
func (t *Tenant) AssignUserLicense(i int32, change LicenseChange, w When) *Refusal {
	pools, r := t.refuseLicenses(i, change)
	if r != nil {
		return r
	}
	t.changeLicenses(Ref{User, i}, change, pools, w)
	return nil
}

// refuseLicenses returns the reason to refuse the licenses. Without one, it
// returns an allotment with a free unit for each new license.
func (t *Tenant) refuseLicenses(i int32, change LicenseChange) ([]*Allotment, *Refusal) {
	p := &t.people[i]
	me := Ref{User, i}
	bad := func(format string, args ...any) ([]*Allotment, *Refusal) {
		return nil, refuse(BadRequest, "", format, args...)
	}
	for _, s := range change.Remove {
		switch {
		case len(t.assignedOf(me, s)) > 0:
		case slices.ContainsFunc(p.rows, func(r row) bool { return r.sku == s }):
			return bad("User license is inherited from a group membership and it cannot be removed directly from the user.")
		default:
			return bad("User does not have a corresponding license.")
		}
	}
	if len(change.Add) > 0 && p.Text("usageLocation") == "" {
		return bad("License assignment cannot be done for user with invalid usage location.")
	}
	var rows []row
	for _, r := range p.rows {
		changed := r.group == direct && (slices.Contains(change.Remove, r.sku) ||
			slices.ContainsFunc(change.Add, func(l Licensed) bool { return l.Sku == r.sku }))
		if !changed {
			rows = append(rows, r)
		}
	}
	for _, add := range change.Add { // Licenses in the same request can depend on each other.
		rows = append(rows, row{sku: add.Sku, group: direct, off: add.Off, state: InForce})
	}
	existing := units(p.rows)
	pools := make([]*Allotment, len(change.Add))
	for n, add := range change.Add {
		r := row{sku: add.Sku, group: direct, off: add.Off}
		if len(t.assignedOf(me, add.Sku)) == 0 {
			candidates := t.Pools(add.Sku)
			at := slices.IndexFunc(candidates, func(a *Allotment) bool { return a.takes(User) && t.canTake(i, a.At, existing) })
			if at < 0 {
				return bad("Subscription with SKU %s does not have any available licenses.", t.products[add.Sku].SkuID)
			}
			pools[n] = candidates[at]
			r.pool = uint8(pools[n].At)
		}
		switch t.violation(i, &r, rows, ^poolSet(0)); r.cause {
		case NoCause, Contention:
		default:
			return nil, t.refuseByDirectory(&r)
		}
	}
	// Removed licenses must not leave another license without a required plan.
	for j := range rows {
		r := rows[j]
		if r.from == nil || r.group != direct || r.cause != NoCause || !r.state.usable() {
			continue
		}
		if t.violation(i, &r, rows, ^poolSet(0)); r.cause == Dependency {
			return nil, t.refuseByDirectory(&r)
		}
	}
	return pools, nil
}

// refuseByDirectory returns the refusal of a license in the format of the
// directory. Only the message distinguishes the reasons.
func (t *Tenant) refuseByDirectory(r *row) *Refusal {
	plan, other := t.ruledIDs[r.plan], ""
	switch r.cause {
	case Exclusive, Dependency:
		other = t.ruledIDs[r.other]
	}
	switch r.cause {
	case Location:
		return refuse(BadRequest, "", "License assignment cannot be done for user with invalid usage location.")
	case Exclusive:
		return refuse(BadRequest, "", "License assignment failed because service plans %s, %s are mutually exclusive.", plan, other)
	case Dependency:
		return refuse(BadRequest, "", "License assignment failed because service plan %s depends on the service plan(s) %s.", plan, other)
	case Uniqueness:
		return refuse(BadRequest, "", "Another object with the same value for property proxyAddresses already exists.")
	default:
		return refuse(BadRequest, "", "Subscription with SKU %s does not have any available licenses.", t.products[r.sku].SkuID)
	}
}

// takes reports whether new units of a can be assigned to this kind.
func (a *Allotment) takes(kind Kind) bool { return a.works() && a.AssignableTo.Has(kind) }

// AssignGroupLicense changes the licenses of a group. The results for the
// members are in their license states. It writes.
func (t *Tenant) AssignGroupLicense(group int32, change LicenseChange, w When) *Refusal {
	h := Ref{GroupKind, group}
	for _, s := range change.Remove {
		if len(t.assignedOf(h, s)) == 0 {
			return refuse(BadRequest, "", "Group does not have a corresponding license.")
		}
	}
	if len(change.Add) > 0 && !t.groups[group].SecurityEnabled() {
		return refuse(BadRequest, "", "Licenses can be assigned to groups that are security enabled only.")
	}
	pools := make([]*Allotment, len(change.Add))
	for n, add := range change.Add {
		candidates := slices.DeleteFunc(t.Pools(add.Sku), func(a *Allotment) bool { return !a.takes(GroupKind) })
		if len(candidates) == 0 {
			return refuse(BadRequest, "", "Subscription with SKU %s does not have any available licenses.", t.products[add.Sku].SkuID)
		}
		at := slices.IndexFunc(candidates, func(a *Allotment) bool { return a.Free() > 0 })
		pools[n] = candidates[max(at, 0)]
	}
	t.changeLicenses(h, change, pools, w)
	return nil
}

// changeLicenses applies an assignLicense request: for each product, it
// deletes all assignments, updates all existing ones, or creates one from the
// given allotment.
func (t *Tenant) changeLicenses(h Ref, change LicenseChange, pools []*Allotment, w When) {
	before := t.licensedGroup(h)
	var changed []*Assignment
	for _, s := range change.Remove {
		for _, a := range t.assignedOf(h, s) {
			t.removeIndex(a)
			changed = append(changed, a)
		}
	}
	for n, add := range change.Add {
		mine := t.assignedOf(h, add.Sku)
		if len(mine) == 0 {
			a := &Assignment{Pool: pools[n], To: h}
			t.addIndex(a)
			mine = append(mine, a)
		}
		for _, a := range mine {
			a.Off = add.Off
		}
		changed = append(changed, mine...)
	}
	if len(changed) == 0 {
		return
	}
	t.auditGroup(h, before, w)
	t.spread(changed, w)
	t.noteLicenses(h)
}

// Reprocess retries failed licenses of a user or device, or of the members of
// a group after the delay. It writes.
func (t *Tenant) Reprocess(h Ref, w When) {
	var people []int32
	if h.Kind == GroupKind {
		g := t.groups[h.At]
		if len(g.assigned) == 0 {
			return // The group assigns no license.
		}
		t.audit(w.Now, Audit{Activity: GroupRecalculated, By: w.By, Group: t.target(h)})
		people = slices.Collect(g.members.after(-1))
		e := effect{since: w.Now, due: w.Now.Add(max(w.Delay, 1)), group: int(h.At)}
		if w.Delay > 0 {
			e.assignments = slices.Clone(g.assigned)
		}
		t.postpone(e)
	} else {
		people = []int32{t.person(h)}
	}
	for _, i := range people {
		t.people[i].busy = false
	}
	switch {
	case h.Kind != GroupKind:
		t.by = w.By
		t.recompute(people, w.Now)
	case w.Delay <= 0:
		t.auditProcessing(h.At, w.Now, func() { t.recompute(people, w.Now) })
	}
}
