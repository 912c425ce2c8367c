package tenant

import (
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// TextProperties are the writable properties of a user with a string value or
// null, except the user principal name.
var TextProperties = []string{
	"city", "companyName", "country", "department", "displayName", "givenName", "jobTitle", "mail", "mailNickname",
	"mobilePhone", "officeLocation", "preferredLanguage", "surname", "usageLocation", "userType",
}

// textNames yields the properties of a user with a string value or null, except
// the user principal name.
func textNames(yield func(string) bool) {
	for _, list := range [][]string{TextProperties, ReadTexts} {
		for _, name := range list {
			if !yield(name) {
				return
			}
		}
	}
}

// CreateUser creates a user from properties by name. The values must have the
// right type: string, nil, or bool for accountEnabled. It writes.
func (t *Tenant) CreateUser(properties map[string]any, w When) (int32, *Refusal) {
	i := int32(len(t.people))
	t.people = append(t.people, Person{created: w.Now.Unix(), written: map[string]any{"userType": "Member"}})
	p := &t.people[i]
	p.department = uint8(len(departments) - 1) // the department without a fixed role
	for name := range textNames {
		if _, ok := properties[name]; !ok && name != "userType" {
			p.written[name] = nil
		}
	}
	t.made++
	p.id = t.seed.GUID("made user", t.made)
	if r := t.writeUser(i, properties); r != nil {
		t.people = t.people[:i]
		return 0, r
	}
	t.present++
	t.byID[p.id] = Ref{User, i}
	t.journal.add(Change{Of: Ref{User, i}, What: Created})
	return i, nil
}

// WriteUser changes properties of a user, see CreateUser. A new usage location
// takes effect when the user is processed next. It writes.
func (t *Tenant) WriteUser(i int32, properties map[string]any, w When) *Refusal {
	var changed []ChangedText
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		if old := t.written(i, name); !reflect.DeepEqual(old, properties[name]) && name != "usageLocation" { // A new location leaves no trace.
			changed = append(changed, ChangedText{name, old, properties[name]})
		}
	}
	if r := t.writeUser(i, properties); r != nil {
		return r
	}
	t.journal.add(Change{Of: Ref{User, i}, What: ProfileChanged})
	if changed != nil {
		t.audit(w.Now, Audit{Activity: UserUpdated, By: w.By, User: t.target(Ref{User, i}), Changed: changed})
	}
	return nil
}

// written returns the value of a writable property: a string, a boolean or nil.
func (t *Tenant) written(i int32, name string) any {
	p := &t.people[i]
	if name == "accountEnabled" {
		return !p.disabled
	}
	if text := p.Text(name); text != "" {
		return text
	}
	return nil
}

func (t *Tenant) writeUser(i int32, properties map[string]any) *Refusal {
	p := &t.people[i]
	name, renamed := properties["userPrincipalName"].(string)
	if other, taken := t.byName[strings.ToLower(name)]; renamed && taken && other != i {
		return refuse(ObjectConflict, "userPrincipalName", "Another object with the same value for property userPrincipalName already exists.")
	}
	mail, mailed := properties["mail"].(string)
	before := p.Text("mail")
	if mailed && t.hasAddress(mail, i) {
		return refuse(ObjectConflict, "proxyAddresses", "Another object with the same value for property proxyAddresses already exists.")
	}
	p.written = maps.Clone(p.written)
	if p.written == nil {
		p.written = map[string]any{}
	}
	for name, value := range properties {
		switch name {
		case "userPrincipalName":
		case "accountEnabled":
			p.disabled = value == false
		default:
			p.written[name] = value
		}
	}
	p.guest = p.Text("userType") == "Guest"
	if renamed {
		delete(t.byName, strings.ToLower(p.name))
		p.name = name
		t.byName[strings.ToLower(name)] = i
	}
	if _, ok := properties["mail"]; ok { // The new address replaces the old mail address.
		me := Ref{User, i}
		list := slices.DeleteFunc(slices.Clone(t.aliases[me]), func(address string) bool { return strings.EqualFold(address, before) })
		if mailed && !slices.ContainsFunc(list, func(address string) bool { return strings.EqualFold(address, mail) }) {
			list = append(list, mail)
		}
		t.setAddresses(me, list)
	}
	t.order.forget()
	return nil
}

// hasAddress reports whether an object other than user i has a mail address,
// either set explicitly or from a mailbox.
func (t *Tenant) hasAddress(address string, i int32) bool {
	address = strings.ToLower(address)
	if holder, ok := t.addresses[address]; ok && holder != (Ref{User, i}) {
		return true
	}
	j, ok := t.byName[address]
	return ok && j != i && t.hasMailbox(j)
}

// hasMailbox reports whether a user may use a plan with a mailbox.
func (t *Tenant) hasMailbox(i int32) bool {
	for j := range t.people[i].rows {
		r := &t.people[i].rows[j]
		if t.products[r.sku].ruled(t.allows(r))&t.mailbox != 0 {
			return true
		}
	}
	return false
}

// Addresses returns the proxy addresses of a user, the primary one first.
func (t *Tenant) Addresses(i int32) []string {
	list := []string{}
	if t.hasMailbox(i) {
		list = append(list, "SMTP:"+t.people[i].name)
	}
	for _, address := range t.aliases[Ref{User, i}] {
		list = append(list, "smtp:"+address)
	}
	return list
}

func (t *Tenant) setAddresses(of Ref, list []string) {
	for _, address := range t.aliases[of] {
		delete(t.addresses, strings.ToLower(address))
	}
	delete(t.aliases, of)
	for _, address := range list {
		t.addresses[strings.ToLower(address)] = of
		t.aliases[of] = append(t.aliases[of], address)
	}
}

// DeleteUser deletes a user with the user's memberships and assignments. It
// writes.
func (t *Tenant) DeleteUser(i int32, w When) {
	p := &t.people[i]
	for _, a := range slices.Clone(p.assigned) {
		t.removeIndex(a)
		a.spread()
	}
	for _, g := range slices.Clone(p.memberOf) {
		t.leaveGroup(t.groups[g], i)
		t.journal.add(Change{Ref{GroupKind, g}, MemberRemoved, Ref{User, i}})
		t.auditMember(MemberLeft, g, Ref{User, i}, w)
	}
	maps.DeleteFunc(t.joining, func(m membership, _ time.Time) bool { return m.person == i })
	maps.DeleteFunc(t.leaving, func(m membership, _ time.Time) bool { return m.person == i })
	for _, g := range t.groups {
		g.owners = slices.DeleteFunc(slices.Clone(g.owners), func(r Ref) bool { return r == Ref{User, i} })
	}
	p.gone = w.Now.Unix()
	p.busy = false
	t.by = w.By
	t.recompute([]int32{i}, w.Now)
	t.setAddresses(Ref{User, i}, nil)
	delete(t.byID, p.id)
	delete(t.byName, strings.ToLower(p.name))
	t.present--
	t.order.forget()
	t.journal.add(Change{Of: Ref{User, i}, What: Deleted})
}

// CreateGroup creates a group without members. It writes.
func (t *Tenant) CreateGroup(name, nickname, about string, unified, secured bool, w When) int32 {
	t.made++
	i := int32(len(t.groups))
	g := &Group{id: t.seed.GUID("made group", t.made), At: i, Name: name, Nickname: nickname, About: about, Unified: unified, Secured: unified && secured, Created: w.Now.UTC()}
	t.groups = append(t.groups, g)
	t.byID[g.id] = Ref{GroupKind, i}
	t.journal.add(Change{Of: Ref{GroupKind, i}, What: Created})
	return i
}

// WriteGroup changes properties of a group. It does not change those with a
// nil argument. It writes.
func (t *Tenant) WriteGroup(i int32, name, nickname, about *string) {
	g := t.groups[i]
	for text, to := range map[*string]*string{&g.Name: name, &g.Nickname: nickname, &g.About: about} {
		if to != nil {
			*text = *to
		}
	}
	t.journal.add(Change{Of: Ref{GroupKind, i}, What: ProfileChanged})
}

// DeleteGroup deletes a group. It refuses to delete a group with licenses, see
// Microsoft Learn, "Assign licenses to a group". It writes.
func (t *Tenant) DeleteGroup(i int32) *Refusal {
	g := t.groups[i]
	if len(g.assigned) > 0 {
		return refuse(BadRequest, "", "The group cannot be deleted because it has licenses assigned. Remove them first.")
	}
	if slices.ContainsFunc(t.pending, func(e effect) bool { return e.group == int(i) }) {
		return refuse(BadRequest, "", "The group cannot be deleted because its licenses are still being processed. Try again later.")
	}
	for person := range g.members.after(-1) {
		p := &t.people[person]
		p.memberOf = slices.DeleteFunc(slices.Clone(p.memberOf), func(at int32) bool { return at == i })
	}
	for _, other := range t.groups {
		other.groups = slices.DeleteFunc(other.groups, func(at int32) bool { return at == i })
	}
	g.members, g.groups, g.app, g.people, g.rights, g.failing = set{}, nil, false, 0, nil, set{}
	g.deleted = true
	delete(t.byID, g.id)
	t.journal.add(Change{Of: Ref{GroupKind, i}, What: Deleted})
	return nil
}

// Join adds a direct member to a group. The group's licenses reach the member
// later. It writes.
func (t *Tenant) Join(group int32, who Ref, w When) *Refusal {
	g := t.groups[group]
	if t.IsMember(g, who) {
		return refuse(BadRequest, "members", "One or more added object references already exist for the following modified properties: 'members'.")
	}
	if who == (Ref{GroupKind, group}) {
		return refuse(BadRequest, "members", "A group cannot be a member of itself.")
	}
	t.auditMember(MemberJoined, group, who, w)
	switch who.Kind {
	case GroupKind:
		g.groups = append(g.groups, who.At)
		slices.Sort(g.groups)
	case Principal:
		g.app = true
	default:
		i := t.person(who)
		t.joinGroup(g, i)
		m := membership{i, group}
		if t.isLeaving(m) {
			delete(t.leaving, m) // Cancel the removal.
		} else {
			t.member(m, t.joining, w)
		}
	}
	t.journal.add(Change{Ref{GroupKind, group}, MemberAdded, who})
	return nil
}

// Leave removes a direct member from a group. It writes.
func (t *Tenant) Leave(group int32, who Ref, w When) bool {
	g := t.groups[group]
	if !t.IsMember(g, who) {
		return false
	}
	t.auditMember(MemberLeft, group, who, w)
	switch who.Kind {
	case GroupKind:
		g.groups = slices.DeleteFunc(g.groups, func(at int32) bool { return at == who.At })
	case Principal:
		g.app = false
	default:
		i := t.person(who)
		t.leaveGroup(g, i)
		m := membership{i, group}
		if t.isJoining(m) {
			delete(t.joining, m)
		} else {
			t.member(m, t.leaving, w)
		}
	}
	t.journal.add(Change{Ref{GroupKind, group}, MemberRemoved, who})
	return true
}

// member schedules the effect of a membership change, if the group has
// licenses.
func (t *Tenant) member(m membership, waits map[membership]time.Time, w When) {
	given := func(r row) bool { return r.group == m.group }
	if len(t.groups[m.group].assigned) == 0 && !slices.ContainsFunc(t.people[m.person].rows, given) {
		return
	}
	if w.Delay > 0 {
		due := w.Now.Add(w.Delay)
		waits[m] = due
		t.postpone(effect{since: w.Now, due: due, group: int(m.group), people: []int32{m.person}})
		return
	}
	t.recompute([]int32{m.person}, w.Now)
}

// joinGroup makes user i a direct member of a group.
func (t *Tenant) joinGroup(g *Group, i int32) {
	if g.members.has(i) {
		return
	}
	g.members.put(i, true)
	if t.people[i].device == 0 {
		g.people++
	}
	p := &t.people[i]
	p.memberOf = append(p.memberOf, g.At)
	t.tally(i, []int32{g.At}, 1)
	for j := range p.rows {
		if r := &p.rows[j]; r.group == g.At && r.cause != NoCause {
			g.failing.put(i, true)
		}
	}
}

func (t *Tenant) leaveGroup(g *Group, i int32) {
	p := &t.people[i]
	t.tally(i, []int32{g.At}, -1)
	p.memberOf = slices.DeleteFunc(slices.Clone(p.memberOf), func(at int32) bool { return at == g.At })
	g.members.put(i, false)
	g.failing.put(i, false)
	if p.device == 0 {
		g.people--
	}
}

// Provide sets the number of units of an allotment and the state of all its
// subscriptions. Units in use beyond that number stay in grace. It simulates
// commerce; Microsoft Graph has no such operation. It writes.
func (t *Tenant) Provide(a *Allotment, units int, state Lifecycle, w When) {
	a.grace = max(0, a.consumed-units)
	a.owned = units
	t.provide(a, w.Now, func(s *Subscription) { s.State = state })
	t.schedule()
}

// SetAddresses sets the proxy addresses of a user in addition to the user
// principal name, as Exchange does. It writes.
func (t *Tenant) SetAddresses(i int32, list []string) *Refusal {
	for _, address := range list {
		if t.hasAddress(address, i) {
			return refuse(ObjectConflict, "proxyAddresses", "Another object with the same value for property proxyAddresses already exists.")
		}
	}
	t.setAddresses(Ref{User, i}, slices.CompactFunc(slices.SortedFunc(slices.Values(list), compareFold), strings.EqualFold))
	t.journal.add(Change{Of: Ref{User, i}, What: ProfileChanged})
	return nil
}

func compareFold(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }

// SetBusy sets whether another change of a user's licenses is in progress.
// While it is, other changes fail until the user is reprocessed. It writes.
func (t *Tenant) SetBusy(i int32, busy bool) { t.people[i].busy = busy }
