package emulator

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	mainDomain = "licensegraph.example"
	asiaDomain = "asia.licensegraph.example"
)

// tenant is everything the emulator answers from. Who reads it holds
// Emulator.mu, who writes to it holds it alone.
type tenant struct {
	dice dice
	id   string
	// reference stands for "today" in all data, so that the same seed always
	// gives the same bytes.
	reference time.Time
	products  []product
	groups    []group
	users     []user
	devices   []device

	allotments  []allotment
	pools       [skuCount + 1][]int // indexes into allotments, by product
	assignments []*assignment       // by id
	errors      []assignmentError   // by id
	built       bool
	made        int      // assignments made since, numbers their ids
	pending     []effect // by due

	userByID   map[guid]int32
	userByUPN  map[string]int32 // lower case
	groupByID  map[guid]int
	deviceByID map[guid]int32
}

type user struct {
	id                 guid
	givenName, surname string
	displayName        string
	userPrincipalName  string
	culture            uint8
	disabled           bool
	guest              bool
	title, department  string
	created            time.Time
	memberOf           []int32       // indexes into groups, direct membership
	assigned           []*assignment // to this very person
	licences           []licence
	waits              poolSet // the allotments in whose queues the person is
}

// usageLocation is "" for guests, about whom nobody has said where they are.
func (u *user) usageLocation() string {
	if u.guest {
		return ""
	}
	return cultures[u.culture].location
}

// tenantLocation stands in where a group licenses a person without a location.
const tenantLocation = "DE"

// licence is what one assignment means to one person: a row of
// licenseAssignmentStates. settle works it out.
type licence struct {
	sku     sku
	group   int         // index into groups; direct or goneGroup
	from    *assignment // nil when it went with the deleted group
	pool    int         // index into allotments
	off     []string
	state   licenceState
	error   *violation
	missing []string // plans that the right in force lacks because of error
	updated time.Time
	fault   fault // a cause of failure that does not follow from products and places
}

const (
	direct    = -1
	goneGroup = -2 // deleted since; only its id is left, in this state
)

type licenceState string

const (
	active          licenceState = "Active"
	activeWithError licenceState = "ActiveWithError" // an older right is still in force
	disabledState   licenceState = "Disabled"        // the product's grace period is over
	errorState      licenceState = "Error"
)

func (s licenceState) usable() bool { return s == active || s == activeWithError }
func (s licenceState) holds() bool  { return s != errorState }

// violation is why a licence did not take effect.
type violation struct {
	kind    *violationKind
	message string
}

// violationKind pairs the two names that the service gives to one cause. Only
// MissingDependency is printed in the documentation of assignmentError; the
// others follow its style. The set is open.
type violationKind struct {
	state string // licenseAssignmentState.error
	code  string // assignmentError.code
}

var (
	missingDependency = &violationKind{"DependencyViolation", "MissingDependency"}
	mutuallyExclusive = &violationKind{"MutuallyExclusiveViolation", "MutuallyExclusivePlans"}
	noUnits           = &violationKind{"CountViolation", "InsufficientUnits"}
	wrongLocation     = &violationKind{"ProhibitedInUsageLocationViolation", "UsageLocationNotAllowed"}
	takenAddress      = &violationKind{"UniquenessViolation", "ProxyAddressConflict"}
	otherViolation    = &violationKind{"Other", "AssignmentFailed"}
)

// assignmentError is one failure: of one person and one product.
type assignmentError struct {
	id   string
	user int32
	sku  sku
}

func newTenant(seed uint64, users int) *tenant {
	d := dice(seed)
	t := &tenant{
		dice:       d,
		id:         d.guid("tenant", 0).String(),
		reference:  time.Date(2026, 1, 15, 6, 0, 0, 0, time.UTC).AddDate(0, 0, d.pick("reference", 0, 150)),
		products:   append(slices.Clip(catalogue()), deviceProduct()),
		users:      make([]user, users),
		userByID:   make(map[guid]int32, users),
		userByUPN:  make(map[string]int32, users),
		groupByID:  map[guid]int{},
		deviceByID: map[guid]int32{},
	}
	plans := t.castRoles()
	t.makePeople(plans)
	t.makeAllotments()
	t.makeGroups(plans)
	for i := range t.users {
		t.license(int32(i), plans[i])
		t.errors = append(t.errors, t.errorsOf(int32(i))...)
	}
	t.buyUnits()
	t.makeQueues()
	t.makeDevices()
	t.makeMembers()
	slices.SortFunc(t.assignments, byID)
	slices.SortFunc(t.errors, byErrorID)
	t.built = true
	return t
}

// castRoles decides which role each person plays. Each hundred people hold
// every role as often as roles says, in an order of the seed's own, and the
// very first person is one with an error, so that the smallest tenant has one.
func (t *tenant) castRoles() []*role {
	var deck []*role
	for i := range roles {
		for range roles[i].share {
			deck = append(deck, &roles[i])
		}
	}
	cast := make([]*role, 0, len(t.users)+len(deck))
	for block := 0; len(cast) < len(t.users); block++ {
		r := rand.New(rand.NewPCG(uint64(t.dice), uint64(block)))
		shuffled := slices.Clone(deck)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if block == 0 {
			first := slices.IndexFunc(shuffled, func(r *role) bool { return r.first })
			shuffled[0], shuffled[first] = shuffled[first], shuffled[0]
		}
		cast = append(cast, shuffled...)
	}
	return cast[:len(t.users)]
}

func (t *tenant) makePeople(cast []*role) {
	shown := make([][2][]string, len(cultures))
	ascii := make([][2][]string, len(cultures))
	for i, c := range cultures {
		shown[i][0], ascii[i][0] = names(c.given)
		shown[i][1], ascii[i][1] = names(c.family)
	}
	taken := map[string]int{}
	for i := range t.users {
		role := cast[i]
		ci := t.dice.pick("culture", i, len(cultures))
		if role.places != "" {
			places := strings.Fields(role.places)
			want := places[t.dice.pick("place", i, len(places))]
			ci = slices.IndexFunc(cultures, func(c culture) bool { return c.location == want })
		}
		c := cultures[ci]
		g := t.dice.pick("given", i, len(shown[ci][0]))
		f := t.dice.pick("family", i, len(shown[ci][1]))

		u := &t.users[i]
		u.id = t.dice.guid("user", i)
		u.culture = uint8(ci)
		u.givenName, u.surname = shown[ci][0][g], shown[ci][1][f]
		switch {
		case c.surname1st && c.language == "vi-VN":
			u.displayName = u.surname + " " + u.givenName
		case c.surname1st:
			u.displayName = u.surname + u.givenName
		default:
			u.displayName = u.givenName + " " + u.surname
		}
		domain := mainDomain
		if c.region == "apac" {
			domain = asiaDomain
		}
		local := ascii[ci][0][g] + "." + ascii[ci][1][f]
		if role.guest {
			local, domain = local+"_partner.example#EXT#", mainDomain
		}
		name := local + "@" + domain
		taken[name]++
		if n := taken[name]; n > 1 {
			name = strings.Replace(name, "@", strconv.Itoa(n)+"@", 1)
		}
		u.userPrincipalName = name
		u.guest, u.disabled = role.guest, role.disabled
		dept := role.department
		if dept == nil {
			dept = &officeDepartments[t.dice.pick("department", i, len(officeDepartments))]
		}
		u.department, u.title = dept.name, dept.titles[t.dice.pick("title", i, len(dept.titles))]
		u.created = t.reference.Add(-time.Duration(330+t.dice.pick("created", i, 2000)) * 24 * time.Hour).Add(time.Duration(t.dice.pick("hour", i, 36000)) * time.Second)
		t.userByID[u.id] = int32(i)
		t.userByUPN[strings.ToLower(name)] = int32(i)
	}
}

// makeGroups keeps, in a tenant too small for all of them, the groups that
// someone needs.
func (t *tenant) makeGroups(cast []*role) {
	needed := map[string]bool{}
	for i, role := range cast {
		for _, g := range role.grants {
			needed[t.via(i, g)] = true
		}
	}
	small := len(t.users) < 50
	for i, spec := range groupSpecs {
		if small && !needed[spec.key] && i > 0 {
			continue
		}
		g := group{groupSpec: spec, id: t.dice.guid("group", i), state: processed}
		g.created = t.reference.Add(-time.Duration(330+t.dice.pick("group age", i, 1500)) * 24 * time.Hour)
		at := len(t.groups)
		t.groupByID[g.id] = at
		t.groups = append(t.groups, g)
		for _, p := range spec.products {
			t.grant(&assignment{id: t.assignmentID(i*int(skuCount) + int(p.sku)), pool: t.pool(p.sku, spec.second), to: holder{groupHolder, int32(at)}, off: p.off})
		}
	}
}

// pool is the first allotment of a product, or the second if there is one.
func (t *tenant) pool(s sku, second bool) int {
	if pools := t.pools[s]; second && len(pools) > 1 {
		return pools[1]
	}
	return t.pools[s][0]
}

// makeMembers fills the groups that license nobody, and puts into some groups
// what is no person.
func (t *tenant) makeMembers() {
	unlicensed := slices.IndexFunc(t.users, func(u user) bool { return !u.guest && len(u.licences) == 0 })
	for i := range t.groups {
		g := &t.groups[i]
		for _, key := range strings.Fields(g.holds) {
			if j := slices.IndexFunc(t.groups, func(g group) bool { return g.key == key }); j >= 0 {
				g.groups = append(g.groups, j)
			}
		}
		for j := range g.machines {
			g.devices = append(g.devices, int32(t.dice.pick("machine of "+g.key, 0, deviceCount)+j)%deviceCount)
		}
		slices.Sort(g.devices)
		if len(g.products) > 0 {
			continue
		}
		chosen := map[int32]bool{}
		switch g.key {
		case "all", "guests":
			for j := range t.users {
				if t.users[j].guest == (g.key == "guests") {
					chosen[int32(j)] = true
				}
			}
		default:
			for j := range min(8+t.dice.pick("size of "+g.key, 0, 16), len(t.users)) {
				if n := t.dice.pick("member of "+g.key, j, len(t.users)); !t.users[n].guest {
					chosen[int32(n)] = true
				}
			}
			if unlicensed >= 0 { // So that they have no product in common.
				chosen[int32(unlicensed)] = true
			}
		}
		for j := range t.users {
			if chosen[int32(j)] {
				t.join(int32(j), i)
			}
		}
	}
}

// join makes person i a direct member of a group.
func (t *tenant) join(i int32, group int) {
	g := &t.groups[group]
	if slices.Contains(g.members[max(0, len(g.members)-1):], i) {
		return
	}
	g.members = append(g.members, i)
	t.users[i].memberOf = append(t.users[i].memberOf, int32(group))
}

// via is the key of the group through which person i gets a grant.
func (t *tenant) via(i int, g grant) string {
	if g.via == regional {
		return "e3-" + cultures[t.users[i].culture].region
	}
	return g.via
}

func byErrorID(a, b assignmentError) int { return cmp.Compare(a.id, b.id) }

// errorID names the error of one person and product. Both shapes of id occur.
func (t *tenant) errorID(user int32, s sku) string {
	n := int(user)*int(skuCount) + int(s)
	if t.dice.pick("error id", n, 4) == 0 {
		return t.dice.longID("error", n)
	}
	return t.dice.guid("error", n).String()
}
