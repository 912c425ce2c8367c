package tenant

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// directoryRoles is the number of directory roles, see [Person.Role]. A small
// tenant has only the first.
const (
	directoryRoles = 10
	commonRoles    = 7
	enoughForRoles = 50 // users
)

// trialDays is the age of the trial subscription.
const trialDays = 24

// empty returns a tenant without objects.
func empty(seed uint64, c *catalog) *Tenant {
	d := Seed(seed)
	return &Tenant{
		catalog:   c,
		seed:      d,
		ids:       newIDs(d),
		id:        d.GUID("tenant", 0).String(),
		byID:      map[GUID]ref{},
		byName:    map[string]int32{},
		addresses: map[string]Ref{},
		aliases:   map[Ref][]string{},
		named:     map[string]*Assignment{},
		joining:   map[membership]time.Time{},
		leaving:   map[membership]time.Time{},
		lapsed:    map[int32][]lapsedPlans{},
		touched:   map[int32]time.Time{},

		unprovisioned: map[int32][]ServiceError{},
		queued:        map[queuing]place{},
		again:         map[drawing]uint32{},
	}
}

// New generates a tenant with the given number of users from a seed. The same
// arguments give the same tenant. The roles determine the intended licenses of
// each user; the licensing rules determine which take effect.
func New(seed uint64, users int) *Tenant {
	t := empty(seed, defaultCatalog())
	t.reference = time.Date(2026, 1, 15, 6, 0, 0, 0, time.UTC).AddDate(0, 0, t.seed.Pick("reference", 0, 150))
	t.people = make([]Person, users, users+deviceCount)
	t.byID, t.byName = make(map[GUID]ref, users), make(map[string]int32, users)
	t.present = users
	cast := t.assignRoles(users)
	t.makePeople(cast)
	t.makeAllotments()
	t.makeGroups(cast)
	type latecomer struct {
		i     int32
		since time.Time
		row   row
	}
	var late []latecomer
	for i := range int32(users) {
		rows, last := t.rowsFor(i, cast[i])
		for _, r := range last {
			since := time.Unix(r.updated, int64(t.seed.Pick("waiting ticks", int(i), 10_000_000))*100)
			late = append(late, latecomer{i, since, r})
		}
		t.evaluate(i, rows, ^poolSet(0)) // There are enough units so far.
		t.commit(i, rows, t.reference)
	}
	t.makeAgent()
	t.buyUnits()
	// The rest come after the units are used up.
	slices.SortFunc(late, func(a, b latecomer) int { return a.since.Compare(b.since) })
	for _, l := range late {
		rows := append(slices.Clone(t.people[l.i].rows), l.row)
		t.evaluate(l.i, rows, units(t.people[l.i].rows))
		t.commit(l.i, rows, l.since)
	}
	t.makeDevices()
	t.makeMembers(users)
	t.makeTeams(users)
	t.makeEmployees(users)
	t.makeSignIns(users)
	t.makeManagers(users)
	t.makeOwners(users)
	t.makeServiceErrors(users)
	role, last := uint8(1), uint8(commonRoles)
	if users >= enoughForRoles {
		last = directoryRoles
	}
	for i := 0; i < users && role <= last; i++ {
		if p := &t.people[i]; !p.guest && !p.disabled {
			p.role = role
			role++
		}
	}
	t.journal.on, t.audits.on, t.built, t.generated = true, true, true, true
	return t
}

// assignRoles assigns a role to each user. In each hundred users, every role
// occurs as often as roles specifies, in random order. The first user has a
// role with an assignment error, so that the smallest tenant has one.
func (t *Tenant) assignRoles(users int) []*role {
	var deck []*role
	for i := range roles {
		for range roles[i].share {
			deck = append(deck, &roles[i])
		}
	}
	cast := make([]*role, 0, users+len(deck))
	for block := 0; len(cast) < users; block++ {
		r := rand.New(rand.NewPCG(uint64(t.seed), uint64(block)))
		shuffled := slices.Clone(deck)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if block == 0 {
			first := slices.IndexFunc(shuffled, func(r *role) bool { return r.first })
			shuffled[0], shuffled[first] = shuffled[first], shuffled[0]
		}
		cast = append(cast, shuffled...)
	}
	return cast[:users]
}

func (t *Tenant) makePeople(cast []*role) {
	taken := map[string]int{}
	for i := range cast {
		role := cast[i]
		ci := t.seed.Pick("culture", i, len(cultures))
		if role.places != "" {
			places := strings.Fields(role.places)
			want := places[t.seed.Pick("place", i, len(places))]
			ci = slices.IndexFunc(cultures, func(c culture) bool { return c.location == want })
		}
		g := t.seed.Pick("given", i, namesEach)
		f := t.seed.Pick("family", i, namesEach)

		p := &t.people[i]
		p.id = t.seed.GUID("user", i)
		p.culture, p.given, p.surname = uint8(ci), uint8(g), uint8(f)
		domain := MainDomain
		if cultures[ci].region == "apac" {
			domain = asiaDomain
		}
		local := shown[ci].plainGiven[g] + "." + shown[ci].plainSurname[f]
		if role.guest {
			local, domain = local+"_partner.example#EXT#", MainDomain
		}
		p.name = local + "@" + domain
		taken[p.name]++
		if n := taken[p.name]; n > 1 {
			p.name = local + strconv.Itoa(n) + "@" + domain
		}
		p.guest, p.disabled, p.nowhere = role.guest, role.disabled, role.nowhere
		dept := t.seed.Pick("department", i, len(officeDepartments))
		if role.department != nil {
			dept = slices.IndexFunc(departments, func(d department) bool { return d.name == role.department.name })
		}
		p.department = uint8(dept)
		p.title = uint8(t.seed.Pick("title", i, len(departments[dept].titles)))
		p.created = t.reference.Add(-time.Duration(330+t.seed.Pick("created", i, 2000))*24*time.Hour).Unix() + int64(t.seed.Pick("hour", i, 36000))
		t.byID[p.id] = Ref{User, int32(i)}
		t.byName[strings.ToLower(p.name)] = int32(i)
	}
}

// makeAgent changes the last account that is a member of a group and has a
// license, but no other special property, into the account of an agent. A
// small tenant has none.
func (t *Tenant) makeAgent() {
	if len(t.people) < 50 {
		return
	}
	for i := range slices.Backward(t.people) {
		if p := &t.people[i]; p.isUser() && !p.guest && !p.disabled && p.role == 0 && len(p.rows) > 0 && len(p.memberOf) > 0 {
			p.agent = true
			return
		}
	}
}

// allotmentSpecs are the allotments. Two products have two allotments in use,
// Microsoft 365 E5 has a reserve without assignments, and the last allotment
// has no product in the directory.
var allotmentSpecs = []struct {
	sku          Sku
	assignableTo Kinds
}{
	{SkuE3, kinds(User, GroupKind)}, {SkuE3, kinds(User, GroupKind)},
	{SkuE5, kinds(User, GroupKind)}, {SkuE5, kinds(User)},
	{SkuBusiness, kinds(User, GroupKind)},
	{SkuF3, kinds(User, GroupKind)}, {SkuF3, kinds(User, GroupKind)},
	{SkuCopilot, kinds(User, GroupKind)},
	{SkuAudio, kinds(User, GroupKind)},
	{SkuPhone, kinds(User, GroupKind)},
	{SkuAnalytics, kinds(User, GroupKind)},
	{SkuExchange, kinds(User, GroupKind)},
	{SkuVisio, kinds(User, GroupKind)},
	{NoSku, kinds(DeviceKind)},
}

func (t *Tenant) makeAllotments() {
	for i, spec := range allotmentSpecs {
		a := &Allotment{At: i, Sku: spec.sku, AssignableTo: spec.assignableTo, owned: unlimited, Subscriptions: t.purchases(spec.sku, len(t.pools[spec.sku]))}
		if len(t.pools[spec.sku]) == 0 {
			a.ID = t.seed.LongID("allotment", int(spec.sku))
		} else {
			a.ID = t.seed.GUID("allotment", i).String()
		}
		if spec.sku == SkuCopilot || spec.sku == NoSku {
			a.External = t.seed.LongID("external service", int(spec.sku))
		}
		t.pools[spec.sku] = append(t.pools[spec.sku], i)
		t.allotments = append(t.allotments, a)
		t.undated = append(t.undated, a)
	}
}

// purchases returns the subscriptions of the nth allotment of a product.
// Purchases of the parts of the company in Asia and of the subsidiary come from
// a partner.
func (t *Tenant) purchases(s Sku, nth int) []Subscription {
	buyer := ""
	for i := range t.people {
		if p := &t.people[i]; !p.guest && !p.disabled {
			buyer = p.id.String() // the Global Administrator
			break
		}
	}
	number := nth*int(NoSku+2) + int(s)
	made := func(number int, state Lifecycle, trial bool, start, next int) Subscription {
		day := t.reference.Truncate(24 * time.Hour)
		one := Subscription{ID: t.seed.GUID("subscription", number).String(), State: state, Trial: trial, Start: day.AddDate(0, 0, start), NextLifecycle: day.AddDate(0, 0, next)}
		if !trial {
			one.Owner = buyer
		}
		return one
	}
	renewed := func(next int) Subscription {
		s := made(number, Active, false, next-365, next)
		s.Renews = true
		return s
	}
	byPartner := func(next int) []Subscription {
		one := renewed(next)
		one.Owner, one.Partner = t.seed.GUID("partner's user", 0).String(), t.seed.GUID("partner", 0).String()
		return []Subscription{one}
	}
	switch {
	case s == NoSku:
		return []Subscription{renewed(65), made(number+1, Warning, true, -40, 20)}
	case s == SkuAnalytics:
		return []Subscription{made(number, Active, true, -trialDays-1, 6)}
	case s == SkuVisio:
		return []Subscription{made(number, Warning, false, -380, 15)}
	case s == SkuExchange:
		return []Subscription{made(number, Suspended, false, -430, 25)}
	case s == SkuE5 && nth > 0:
		return []Subscription{made(number, Active, true, -12, 18)}
	case s == SkuBusiness:
		return byPartner(38)
	case nth > 0:
		return byPartner(45)
	}
	return []Subscription{renewed(65)}
}

// buyUnits sets the number of units: the units in use, and some more unless
// the product is sold out.
func (t *Tenant) buyUnits() {
	for s := range NoSku {
		_, consumed := t.Units(s)
		spare := 5 + consumed/8
		if s == SkuCopilot {
			spare = 0
		}
		pools := t.Pools(s)
		for i := len(pools) - 1; i >= 0; i-- {
			mine := spare
			if i > 0 {
				mine = spare / 3
			}
			spare -= mine
			pools[i].owned = pools[i].consumed + mine
		}
	}
}

// makeGroups creates the groups. A small tenant has only the required ones.
func (t *Tenant) makeGroups(cast []*role) {
	needed := map[string]bool{}
	for i, role := range cast {
		for _, g := range role.grants {
			needed[t.via(i, g)] = true
		}
	}
	for i, spec := range groupSpecs {
		if len(cast) < 50 && !needed[spec.key] && i > 0 {
			continue
		}
		at := int32(len(t.groups))
		g := &Group{
			id: t.seed.GUID("group", i), At: at, Name: spec.name, Nickname: spec.key, About: spec.description, Unified: spec.unified, Secured: spec.secured,
			Rule: spec.rule, Paused: spec.paused, Roles: spec.roles,
			Created: t.reference.Add(-time.Duration(330+t.seed.Pick("group age", i, 1500)) * 24 * time.Hour),
		}
		if spec.synced {
			g.synced = t.reference.Unix() - 24*60*60 - int64(t.seed.Pick("group synchronization", i, 30*60))
		}
		t.byID[g.id] = Ref{GroupKind, at}
		t.groups = append(t.groups, g)
		for _, p := range spec.products {
			t.grant(t.pool(p.sku, spec.second), Ref{GroupKind, at}, t.plansNamed(p.sku, p.off))
		}
	}
}

func (t *Tenant) plansNamed(s Sku, names []string) PlanSet {
	var set PlanSet
	for _, name := range names {
		set.Add(t.products[s].PlanNamed(name))
	}
	return set
}

// grant creates an assignment that has already reached all members.
func (t *Tenant) grant(pool *Allotment, to Ref, off PlanSet) *Assignment {
	a := &Assignment{Pool: pool, To: to, Off: off}
	a.spread()
	t.addIndex(a)
	return a
}

// pool returns the first allotment of a product, or the second if there is
// one.
func (t *Tenant) pool(s Sku, second bool) *Allotment {
	if pools := t.pools[s]; second && len(pools) > 1 {
		return t.allotments[pools[1]]
	}
	return t.allotments[t.pools[s][0]]
}

// via returns the key of the group that gives user i a grant.
func (t *Tenant) via(i int, g grant) string {
	if g.via == regional {
		return "e3-" + cultures[t.people[i].culture].region
	}
	return g.via
}

// rowsFor creates the rows of user i from the grants of the role, in order, for
// evaluate. It returns the rows of late groups separately.
func (t *Tenant) rowsFor(i int32, r *role) (rows, late []row) {
	p := &t.people[i]
	for j, g := range r.grants {
		days := 300
		if g.sku == SkuAnalytics {
			days = trialDays
		}
		pool := t.pool(g.sku, cultures[p.culture].region == "apac")
		l := row{
			sku: g.sku, group: direct, pool: uint8(pool.At),
			updated: t.reference.Unix() - int64(t.seed.Pick("updated", int(i)*8+j, days*86400)+3600),
		}
		if g.before {
			l.state = PartlyInForce
		}
		p.busy = p.busy || g.busy
		if next := (i + 1) % int32(len(t.people)); g.taken && next != i {
			t.setAddresses(Ref{User, next}, []string{p.name})
		}
		switch via := t.via(int(i), g); via {
		case byHand:
			if t.seed.Pick("off", int(i), 2) == 0 && g.sku == SkuE3 {
				l.off = t.plansNamed(SkuE3, []string{"SWAY"})
			}
			l.from = t.grant(pool, Ref{User, i}, l.off)
		case byGone:
			l.group = goneGroup
		default:
			l.group = int32(slices.IndexFunc(t.groups, func(g *Group) bool { return g.Nickname == via }))
			group := t.groups[l.group]
			at := slices.IndexFunc(group.assigned, func(a *Assignment) bool { return a.Sku() == g.sku })
			l.from = group.assigned[at]
			l.pool, l.off = uint8(l.from.Pool.At), l.from.Off
			t.joinGroup(group, i)
			if via == lateGroup {
				late = append(late, l)
				continue
			}
		}
		rows = append(rows, l)
	}
	return rows, late
}

// makeDevices assigns units of the device allotment to two of three devices.
func (t *Tenant) makeDevices() {
	pool := t.pool(NoSku, false)
	for i := range deviceCount {
		kind := deviceKinds[i%len(deviceKinds)]
		d := &Device{
			ID: t.seed.GUID("device", i), DeviceID: t.seed.GUID("device id", i),
			Name: fmt.Sprintf("%s-%03d", kind.name, i+1), System: kind.system, person: int32(len(t.people)),
		}
		t.devices = append(t.devices, d)
		t.people = append(t.people, Person{id: d.ID, device: int32(i) + 1})
		t.byID[d.ID] = Ref{DeviceKind, int32(i)}
		if i%3 == 2 {
			continue
		}
		var off []string
		if i%5 == 0 {
			off = []string{"UNIVERSAL_PRINT_01"}
		}
		t.grant(pool, Ref{DeviceKind, int32(i)}, t.plansNamed(NoSku, off))
		t.recomputeUser(d.person, t.reference)
	}
	pool.owned = pool.consumed + 6
}

// makeMembers adds members to the groups without licenses, and adds objects
// other than users to some groups.
func (t *Tenant) makeMembers(users int) {
	people := t.people[:users]
	unlicensed := slices.IndexFunc(people, func(p Person) bool { return !p.guest && len(p.rows) == 0 })
	for _, g := range t.groups {
		spec := groupSpecs[slices.IndexFunc(groupSpecs, func(s groupSpec) bool { return s.key == g.Nickname })]
		for _, key := range strings.Fields(spec.subgroups) {
			if j := slices.IndexFunc(t.groups, func(g *Group) bool { return g.Nickname == key }); j >= 0 {
				g.groups = append(g.groups, int32(j))
			}
		}
		slices.Sort(g.groups)
		g.app = spec.app
		for j := range spec.machines {
			at := (t.seed.Pick("machine of "+spec.key, 0, deviceCount) + j) % deviceCount
			t.joinGroup(g, t.devices[at].person)
		}
		if len(spec.products) > 0 {
			continue
		}
		switch spec.key {
		case "all", "guests":
			for j := range people {
				if people[j].guest == (spec.key == "guests") {
					t.joinGroup(g, int32(j))
				}
			}
		default:
			for j := range min(8+t.seed.Pick("size of "+spec.key, 0, 16), users) {
				if n := t.seed.Pick("member of "+spec.key, j, users); !people[n].guest {
					t.joinGroup(g, int32(n))
				}
			}
			if unlicensed >= 0 { // So that the members have no product in common.
				t.joinGroup(g, int32(unlicensed))
			}
		}
	}
}

// makeOwners sets the owners of groups. Synchronized groups have none.
func (t *Tenant) makeOwners(users int) {
	for i, g := range t.groups {
		n := t.seed.Pick("owners", i, 4)
		switch {
		case g.synced != 0:
			n = 0
		case g.Nickname == "all": // more than $expand returns
			n = 25
		}
		for j := range n {
			owner := Ref{User, int32(t.seed.Pick("owner", i*64+j, users))}
			if p := &t.people[owner.At]; !p.guest && !slices.Contains(g.owners, owner) {
				g.owners = append(g.owners, owner)
			}
		}
		if g.app {
			g.owners = append(g.owners, Ref{Kind: Principal})
		}
	}
}

// teamSize is the number of users per team in a large tenant. A team is a
// group without licenses.
const teamSize = 1000

// makeTeams adds teams to tenants of two thousand users or more, so that lists
// of groups have several pages.
func (t *Tenant) makeTeams(users int) {
	if users < 2*teamSize {
		return
	}
	for n := range users / teamSize {
		at := int32(len(t.groups))
		g := &Group{
			id: t.seed.GUID("team", n), At: at, Name: fmt.Sprintf("Team %04d", n+1), Nickname: fmt.Sprintf("team%04d", n+1), About: "A team", Unified: true,
			Created: t.reference.Add(-time.Duration(10+t.seed.Pick("team age", n, 1500)) * 24 * time.Hour),
		}
		t.byID[g.id] = Ref{GroupKind, at}
		t.groups = append(t.groups, g)
		for j := range 5 + t.seed.Pick("team size", n, 40) {
			t.joinGroup(g, int32(t.seed.Pick("team member", n*64+j, users)))
		}
	}
}
