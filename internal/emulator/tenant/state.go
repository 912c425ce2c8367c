package tenant

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
)

// stateFormat is the format version of a state. An incompatible change
// increments its number.
const stateFormat = "licensegraph tenant 1"

// document is a tenant as one JSON value, for [Load], without the users: there
// can be a million, so they are written and read one by one. It contains only
// data that cannot be computed. IDs and licenses are optional; Load generates
// them.
type document struct {
	Format    string    `json:"format"`
	Seed      uint64    `json:"seed,omitempty"`     // of generated data; 0 = 1
	TenantID  string    `json:"tenantId,omitempty"` // "": generated
	Today     time.Time `json:"today"`              // replaces "today" where no other date is given
	Made      int       `json:"made,omitempty"`     // number of objects created by writes
	Products  []product `json:"products,omitempty"` // empty: the ten products of generated tenants, and that of devices
	Rules     *Rules    `json:"rules,omitempty"`    // nil: DefaultRules
	Groups    []group   `json:"groups,omitempty"`
	Devices   []device  `json:"devices,omitempty"`
	Allotment []pool    `json:"allotments,omitempty"`
	Assigned  []granted `json:"assignments,omitempty"`
	Past      []past    `json:"pastAssignments,omitempty"`
	Pending   []pending `json:"pending,omitempty"`
	Joining   []pair    `json:"joining,omitempty"`     // members that the group's licenses have not reached
	Names     *bool     `json:"reportNames,omitempty"` // usage reports have names; nil: as by default
	Leaving   []pair    `json:"leaving,omitempty"`     // former members that still have the group's licenses
}

type (
	product struct {
		SkuID         string `json:"skuId,omitempty"`
		SkuPartNumber string `json:"skuPartNumber,omitempty"`
		ServicePlans  []plan `json:"servicePlans"`
	}
	plan struct {
		ID          string `json:"servicePlanId"`
		Name        string `json:"servicePlanName"`
		TenantLevel bool   `json:"tenantLevel,omitempty"`
	}
	user struct {
		ID                string            `json:"id,omitempty"`
		UserPrincipalName string            `json:"userPrincipalName"`
		Properties        map[string]string `json:"properties,omitempty"` // string properties by their names in Microsoft Graph
		Disabled          bool              `json:"disabled,omitempty"`
		Agent             bool              `json:"agent,omitempty"`
		ProxyAddresses    []string          `json:"proxyAddresses,omitempty"` // in addition to the user principal name
		Role              int               `json:"directoryRole,omitempty"`
		Busy              bool              `json:"busy,omitempty"`
		Created           time.Time         `json:"createdDateTime,omitzero"`
		Deleted           time.Time         `json:"deletedDateTime,omitzero"`
		Hired             time.Time         `json:"employeeHireDate,omitzero"`
		Leaves            time.Time         `json:"employeeLeaveDateTime,omitzero"`
		Synced            time.Time         `json:"onPremisesLastSyncDateTime,omitzero"` // zero: a cloud account
		SignIns           *SignIns          `json:"signInActivity,omitempty"`            // nil: never signed in
		Manager           string            `json:"manager,omitempty"`                   // an ID or a user principal name
		Leftover          bool              `json:"formerMailbox,omitempty"`             // has a mailbox from a former license
		Unprovisioned     []ServiceError    `json:"serviceProvisioningErrors,omitempty"`
		Lapsed            []lapsed          `json:"lapsedPlans,omitempty"`
		Licenses          []license         `json:"licenses"` // null: computed; can contain earlier rights that stayed in force
	}
	lapsed struct {
		SkuPartNumber string    `json:"skuPartNumber"`
		Plans         []string  `json:"servicePlans"`
		Since         time.Time `json:"since"`
	}
	license struct {
		Assignment string    `json:"assignment,omitempty"` // "": left over from a deleted group
		Allotment  string    `json:"allotment,omitempty"`  // of the deleted assignment
		Off        []string  `json:"disabledPlans,omitempty"`
		State      string    `json:"state"`
		Cause      string    `json:"cause,omitempty"`
		Plan       string    `json:"plan,omitempty"`
		Other      string    `json:"other,omitempty"` // a plan or a usage location
		Missing    []string  `json:"missing,omitempty"`
		Updated    time.Time `json:"lastUpdatedDateTime"`
	}
	group struct {
		ID       string    `json:"id,omitempty"`
		Name     string    `json:"displayName"`
		Nickname string    `json:"mailNickname"`
		About    string    `json:"description,omitempty"`
		Unified  bool      `json:"microsoft365,omitempty"`
		Secured  bool      `json:"securityEnabled,omitempty"` // of a Microsoft 365 group; other groups always are
		Created  time.Time `json:"createdDateTime,omitzero"`
		Deleted  bool      `json:"deleted,omitempty"`
		App      bool      `json:"servicePrincipal,omitempty"` // the service principal is a member
		Members  []string  `json:"members,omitempty"`          // IDs or user principal names
		Owners   []string  `json:"owners,omitempty"`           // of users, or the ID of the service principal
		Rule     string    `json:"membershipRule,omitempty"`   // of a dynamic group; it is not evaluated
		Paused   bool      `json:"membershipRulePaused,omitempty"`
		Roles    bool      `json:"isAssignableToRole,omitempty"`
		Synced   time.Time `json:"onPremisesLastSyncDateTime,omitzero"` // zero: only in the cloud
	}
	device struct {
		ID       string    `json:"id,omitempty"`
		DeviceID string    `json:"deviceId,omitempty"`
		Name     string    `json:"displayName"`
		System   string    `json:"operatingSystem,omitempty"`
		Licenses []license `json:"licenses"`        // as those of users
		Place    *int      `json:"place,omitempty"` // index among users and devices; nil: at the end
	}
	pool struct {
		ID            string         `json:"id,omitempty"`
		SkuPartNumber string         `json:"skuPartNumber,omitempty"` // of the product; "": the product of devices
		AssignableTo  []string       `json:"assignableTo"`
		External      string         `json:"externalServiceIdentifier,omitempty"`
		Units         int            `json:"allottedUnits"`
		Grace         int            `json:"grace,omitempty"`
		Subscriptions []Subscription `json:"subscriptions,omitempty"`
		Waiting       []waiting      `json:"waiting,omitempty"`
	}
	waiting struct {
		Assignee string    `json:"assignedTo"`
		Since    time.Time `json:"waitingSinceDateTime"`
	}
	granted struct {
		ID        string    `json:"id,omitempty"`
		Allotment string    `json:"allotment"`
		To        string    `json:"assignedTo"` // an ID or a user principal name
		Off       []string  `json:"disabledServicePlanIds,omitempty"`
		Known     *[]string `json:"knownDisabledServicePlanIds,omitempty"` // disabled plans that have reached the members, if different
		Unknown   bool      `json:"unknown,omitempty"`                     // has not reached the members
		Deleted   bool      `json:"deleted,omitempty"`                     // deleted, but the members still have it
	}
	past struct {
		To        string `json:"assignedTo"`
		Allotment string `json:"allotment"`
		Count     uint32 `json:"count"`
	}
	pending struct {
		Since       time.Time `json:"since"`
		Due         time.Time `json:"due"`
		Group       string    `json:"group,omitempty"`
		Assignments []string  `json:"assignments,omitempty"`
		People      []string  `json:"people,omitempty"`
	}
	pair struct {
		Person string    `json:"person"`
		Group  string    `json:"group"`
		Until  time.Time `json:"until"`
	}
)

// Save writes the tenant as JSON, which [Load] reads.
func (t *Tenant) Save(w io.Writer) error {
	b := bufio.NewWriterSize(w, 64<<10)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	gone := map[*Assignment]bool{}         // deleted assignments that members still have
	_, _ = b.WriteString("{\"users\":[\n") // Flush returns the error.
	for i, first := 0, true; i < len(t.people); i++ {
		if t.people[i].device != 0 {
			continue
		}
		if !first {
			_ = b.WriteByte(',')
		}
		first = false
		if err := e.Encode(t.user(int32(i), gone)); err != nil {
			return err
		}
	}
	_, _ = b.WriteString("],")
	value := reflect.ValueOf(t.document(gone)).Elem()
	first := true
	for f, v := range value.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		if options != "" && v.IsZero() {
			continue
		}
		if !first {
			_ = b.WriteByte(',')
		}
		first = false
		_, _ = fmt.Fprintf(b, "%q:", name)
		if err := encodeLines(b, e, v); err != nil {
			return err
		}
	}
	_, _ = b.WriteString("}\n")
	return b.Flush()
}

// encodeLines writes a value, with each element of a list on a separate line.
func encodeLines(b *bufio.Writer, e *json.Encoder, v reflect.Value) error {
	if v.Kind() != reflect.Slice {
		return e.Encode(v.Interface())
	}
	_, _ = b.WriteString("[\n")
	for i := range v.Len() {
		if i > 0 {
			_ = b.WriteByte(',')
		}
		if err := e.Encode(v.Index(i).Interface()); err != nil {
			return err
		}
	}
	return b.WriteByte(']')
}

// Copy returns an independent copy of the tenant. Its changes are not recorded
// in the journal.
func (t *Tenant) Copy() (*Tenant, error) {
	var b bytes.Buffer
	if err := t.Save(&b); err != nil {
		return nil, err
	}
	l := &loader{input: bytes.NewReader(b.Bytes()), state: &document{}, gone: map[GUID]Ref{}}
	c, err := l.tenant(nil)
	if err != nil {
		return nil, err
	}
	c.live = t.live
	c.schedule()
	c.journal = t.journal
	c.journal.changes = slices.Clone(t.journal.changes)
	c.audits = t.audits
	c.audits.list = slices.Clone(t.audits.list)
	c.journal.on, c.audits.on = false, false // The original numbers later changes.
	return c, nil
}

// user returns the saved form of a user.
func (t *Tenant) user(i int32, gone map[*Assignment]bool) *user {
	p := &t.people[i]
	u := &user{ID: p.id.String(), UserPrincipalName: p.name, Properties: map[string]string{}, Disabled: p.disabled, Agent: p.agent,
		ProxyAddresses: t.aliases[Ref{User, i}], Role: int(p.role), Busy: p.busy, Created: p.Created(), Deleted: p.Deleted(), Licenses: t.savedLicenses(p, gone),
		Hired: p.Hired(), Leaves: p.Leaves(), Synced: p.Synced(), Leftover: p.leftover, Unprovisioned: t.unprovisioned[i]}
	if a, ok := p.SignIns(); ok {
		u.SignIns = &a
	}
	if p.manager != 0 {
		u.Manager = t.people[p.manager-1].id.String()
	}
	for name := range textNames {
		if text := p.Text(name); text != "" {
			u.Properties[name] = text
		}
	}
	for _, one := range t.lapsed[i] {
		p := &t.products[one.sku]
		u.Lapsed = append(u.Lapsed, lapsed{p.SkuPartNumber, p.PlanIDs(one.plans), time.Unix(one.at, 0).UTC()})
	}
	return u
}

// savedLicenses returns the saved form of a user's licenses, and adds their
// deleted assignments to gone.
func (t *Tenant) savedLicenses(p *Person, gone map[*Assignment]bool) []license {
	list := make([]license, 0, len(p.rows))
	for j := range p.rows {
		if a := p.rows[j].from; a != nil && a.gone {
			gone[a] = true
		}
		list = append(list, t.license(&p.rows[j]))
	}
	return list
}

func (t *Tenant) document(gone map[*Assignment]bool) *document {
	s := &document{Format: stateFormat, Seed: uint64(t.seed), TenantID: t.id, Today: t.reference, Made: t.made, Names: t.reportNames}
	if t.catalog != defaultCatalog() {
		for i := range t.products {
			p := product{SkuID: t.products[i].SkuID, SkuPartNumber: t.products[i].SkuPartNumber}
			for _, one := range t.products[i].Plans {
				p.ServicePlans = append(p.ServicePlans, plan{one.ID, one.Name, one.TenantLevel})
			}
			s.Products = append(s.Products, p)
		}
		s.Rules = &t.rules
	}
	id := func(i int32) string { return t.people[i].id.String() }
	for _, g := range t.groups {
		one := group{ID: g.id.String(), Name: g.Name, Nickname: g.Nickname, About: g.About, Unified: g.Unified, Secured: g.Secured, Created: g.Created, Deleted: g.deleted, App: g.app,
			Rule: g.Rule, Paused: g.Paused, Roles: g.Roles, Synced: g.Synced()}
		for _, owner := range g.owners {
			one.Owners = append(one.Owners, t.IDOf(owner).String())
		}
		for i := range g.members.after(-1) {
			one.Members = append(one.Members, id(i))
		}
		for _, other := range g.groups {
			one.Members = append(one.Members, t.groups[other].id.String())
		}
		s.Groups = append(s.Groups, one)
	}
	for _, d := range t.devices {
		s.Devices = append(s.Devices, device{d.ID.String(), d.DeviceID.String(), d.Name, d.System, t.savedLicenses(&t.people[d.person], gone), new(int(d.person))})
	}
	for _, a := range t.allotments {
		one := pool{ID: a.ID, SkuPartNumber: t.products[a.Sku].SkuPartNumber, Units: a.owned, Grace: a.grace, External: a.External, Subscriptions: a.Subscriptions}
		for _, kind := range []Kind{User, DeviceKind, GroupKind} {
			if a.AssignableTo.Has(kind) {
				one.AssignableTo = append(one.AssignableTo, kind.String())
			}
		}
		for _, w := range t.Waiting(a, -1) {
			one.Waiting = append(one.Waiting, waiting{t.IDOf(w.Who).String(), w.Since})
		}
		s.Allotment = append(s.Allotment, one)
	}
	for _, e := range t.pending {
		one := pending{Since: e.since, Due: e.due}
		if e.group >= 0 {
			one.Group = t.groups[e.group].id.String()
		}
		for _, a := range e.assignments {
			if a.gone {
				gone[a] = true
			}
			one.Assignments = append(one.Assignments, t.AssignmentID(a))
		}
		for _, i := range e.people {
			one.People = append(one.People, id(i))
		}
		s.Pending = append(s.Pending, one)
	}
	all := slices.Collect(second(t.Assignments(-1)))
	for _, a := range append(all, slices.SortedFunc(maps.Keys(gone), func(a, b *Assignment) int { return cmp.Compare(a.place, b.place) })...) {
		p := &t.products[a.Sku()]
		one := granted{ID: t.AssignmentID(a), Allotment: a.Pool.ID, To: t.IDOf(a.To).String(), Off: p.PlanIDs(a.Off), Unknown: !a.reaches, Deleted: a.gone}
		if a.reach != a.Off && a.reaches {
			known := p.PlanIDs(a.reach)
			one.Known = &known
		}
		s.Assigned = append(s.Assigned, one)
	}
	for d, n := range t.again {
		s.Past = append(s.Past, past{t.IDOf(d.to).String(), t.allotments[d.pool].ID, n})
	}
	slices.SortFunc(s.Past, func(a, b past) int { return strings.Compare(a.To+a.Allotment, b.To+b.Allotment) })
	pairs := func(set map[membership]time.Time) []pair {
		var list []pair
		for m, until := range set {
			list = append(list, pair{id(m.person), t.groups[m.group].id.String(), until})
		}
		slices.SortFunc(list, func(a, b pair) int { return strings.Compare(a.Person+a.Group, b.Person+b.Group) })
		return list
	}
	s.Joining, s.Leaving = pairs(t.joining), pairs(t.leaving)
	return s
}

func (t *Tenant) license(r *row) license {
	l := license{State: r.state.String(), Off: t.products[r.sku].PlanIDs(r.off), Updated: time.Unix(r.updated, 0).UTC()}
	if r.from != nil {
		l.Assignment = t.AssignmentID(r.from)
	} else {
		l.Allotment = t.allotments[r.pool].ID
	}
	if r.cause != NoCause {
		l.Cause = r.cause.name()
		l.Missing = t.products[r.sku].PlanIDs(t.products[r.sku].plans(r.missing))
		switch r.cause {
		case Location:
			l.Plan, l.Other = t.ruledIDs[r.plan], t.places[r.other]
		case Exclusive, Dependency:
			l.Plan, l.Other = t.ruledIDs[r.plan], t.ruledIDs[r.other]
		case Uniqueness:
			l.Plan = t.ruledIDs[r.plan]
		}
	}
	return l
}

var causeNames = [...]string{"", "location", "exclusive", "dependency", "count", "uniqueness", "groupFailed", "contention"}

func (c Cause) name() string { return causeNames[c] }

// Load reads a tenant written by [Tenant.Save] or by hand. It reports all
// errors that it can find, including unknown names.
//
// If running is not nil, the state must be of the same directory: it can omit
// the tenant ID and the seed, but not change them.
func Load(r io.ReadSeeker, running *Tenant) (*Tenant, error) {
	l := &loader{input: r, state: &document{}, gone: map[GUID]Ref{}}
	t, err := l.tenant(running)
	if err != nil {
		return nil, fmt.Errorf("the state of a tenant: %w", err)
	}
	if err := t.Check(); err != nil {
		return nil, fmt.Errorf("the state of a tenant is inconsistent: %w", err)
	}
	return t, nil
}

// tenant returns the tenant of the state.
func (l *loader) tenant(running *Tenant) (*Tenant, error) {
	if err := l.read(func(*user) {}); err != nil {
		return nil, err
	}
	s := l.state
	if s.Format != stateFormat {
		return nil, fmt.Errorf("format is %q, not %q", s.Format, stateFormat)
	}
	if running != nil {
		if s.Seed != 0 && s.Seed != uint64(running.seed) || s.TenantID != "" && !strings.EqualFold(s.TenantID, running.id) {
			return nil, fmt.Errorf("it is for tenant %q with seed %d, not for %s with seed %d", s.TenantID, s.Seed, running.id, running.seed)
		}
		s.Seed, s.TenantID = uint64(running.seed), running.id
	}
	t, err := l.load()
	if err := errors.Join(append(l.errs, err)...); err != nil {
		return nil, err
	}
	return t, nil
}

// read reads the document from its start, and calls each for every user.
func (l *loader) read(each func(*user)) error {
	if _, err := l.input.Seek(0, io.SeekStart); err != nil {
		return err
	}
	d := json.NewDecoder(bufio.NewReaderSize(l.input, 64<<10))
	d.DisallowUnknownFields()
	if err := expect(d, json.Delim('{')); err != nil {
		return err
	}
	fields := map[string]any{"users": nil}
	for f, v := range reflect.ValueOf(l.state).Elem().Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		v.SetZero()
		fields[name] = v.Addr().Interface()
	}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := key.(string)
		field, known := fields[name]
		switch {
		case !known:
			return fmt.Errorf("unknown or duplicate name %q", name)
		case name == "users":
			if err := expect(d, json.Delim('[')); err != nil {
				return err
			}
			for d.More() {
				var u user
				if err := d.Decode(&u); err != nil {
					return err
				}
				each(&u)
			}
			if _, err := d.Token(); err != nil {
				return err
			}
		default:
			if err := d.Decode(field); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
		delete(fields, name)
	}
	if err := expect(d, json.Delim('}')); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("unexpected data after the document")
	}
	return nil
}

func expect(d *json.Decoder, want json.Delim) error {
	got, err := d.Token()
	if err == nil && got != want {
		err = fmt.Errorf("%v where %v is expected", got, want)
	}
	return err
}

const maxLoadErrors = 20

// loader is the state of a Load call.
type loader struct {
	input io.ReadSeeker
	state *document
	t     *Tenant
	known map[string]*Assignment // by ID
	gone  map[GUID]Ref           // deleted objects
	errs  []error

	managed map[int32]string // managers, by user

	devicesLeft []numberedDevice // not loaded yet
}

func (l *loader) bad(format string, args ...any) {
	if len(l.errs) < maxLoadErrors {
		l.errs = append(l.errs, fmt.Errorf(format, args...))
	}
}

func (l *loader) load() (*Tenant, error) {
	s := l.state
	if s.Seed == 0 {
		s.Seed = 1
	}
	c := l.catalog()
	if c == nil {
		return nil, nil
	}
	t := empty(s.Seed, c)
	l.t = t
	t.reportNames = s.Names
	if t.made = s.Made; t.made < 0 {
		l.bad("made cannot be %d", t.made)
	}
	t.reference = s.Today
	if t.reference.IsZero() {
		t.reference = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	if s.TenantID != "" {
		t.id = l.guid(s.TenantID, "tenantId").String()
	}
	seed, id := s.Seed, s.TenantID
	t.devices = make([]*Device, len(s.Devices))
	for at, d := range s.Devices {
		l.devicesLeft = append(l.devicesLeft, numberedDevice{d, at})
	}
	l.managed = map[int32]string{}
	add := l.users()
	err := l.read(func(u *user) { // The products and the seed are available now.
		l.devices(false)
		add(u)
	})
	if err != nil {
		return nil, err
	}
	s.Seed, s.TenantID = seed, id
	l.devices(true)
	l.managers()
	l.groups()
	l.pools()
	l.assignments()
	if len(l.errs) > 0 {
		return nil, nil
	}
	l.pending()
	if err := l.licenses(); err != nil {
		return nil, err
	}
	t.journal.on, t.audits.on, t.built = true, true, true
	return t, nil
}

func (l *loader) catalog() *catalog {
	s := l.state
	if s.Products == nil && s.Rules == nil {
		return defaultCatalog()
	}
	products := defaultCatalog().products
	if s.Products != nil {
		products = nil
		for _, p := range s.Products {
			made := Product{SkuID: strings.ToLower(p.SkuID), SkuPartNumber: p.SkuPartNumber}
			if _, ok := ParseGUID(p.SkuID); !ok && p.SkuID != "" {
				l.bad("product %s: skuId is not a GUID", p.SkuPartNumber)
			}
			for _, one := range p.ServicePlans {
				made.Plans = append(made.Plans, Plan{ID: one.ID, Name: one.Name, TenantLevel: one.TenantLevel})
			}
			products = append(products, made)
		}
	} else {
		for i := range products {
			products[i] = Product{SkuID: products[i].SkuID, SkuPartNumber: products[i].SkuPartNumber, Plans: slices.Clone(products[i].Plans)}
		}
	}
	rules := DefaultRules
	if s.Rules != nil {
		rules = *s.Rules
	}
	c, err := newCatalog(products, rules)
	if err != nil {
		l.bad("%w", err)
		return nil
	}
	return c
}

func (l *loader) guid(text, where string) GUID {
	g, ok := ParseGUID(text)
	if !ok {
		l.bad("%s: %q is not a GUID", where, text)
	}
	return g
}

// take sets the ID of an object, or generates one.
func (l *loader) take(id, topic string, n int, r Ref) GUID {
	g := l.t.seed.GUID(topic, n)
	if id != "" {
		g = l.guid(id, topic)
	}
	if _, taken := l.t.byID[g]; taken {
		l.bad("duplicate ID %s", g)
	}
	l.t.byID[g] = r
	return g
}

// users returns a function that loads one user after another.
func (l *loader) users() func(*user) {
	t := l.t
	like := map[string][3]uint8{} // by displayName
	for c := range cultures {
		for g := range namesEach {
			for s := range namesEach {
				like[shownName(c, g, s)] = [3]uint8{uint8(c), uint8(g), uint8(s)}
			}
		}
	}
	return func(u *user) {
		i := len(t.people)
		r := Ref{User, int32(i)}
		t.people = append(t.people, Person{name: u.UserPrincipalName, disabled: u.Disabled, agent: u.Agent, guest: u.Properties["userType"] == "Guest",
			role: uint8(u.Role), busy: u.Busy, created: u.Created.Unix(),
			employee: employee{
				hired: unixOf(u.Hired), leaves: unixOf(u.Leaves), synced: unixOf(u.Synced), leftover: u.Leftover, pending: u.Properties["externalUserState"] == "PendingAcceptance",
				number: employeeNumber(u.Properties["employeeId"]), kind: uint8(max(0, slices.Index(employeeTypes, u.Properties["employeeType"]))),
			}})
		if a := u.SignIns; a != nil {
			t.people[i].signIns = signIns{unixOf(a.SignIn), unixOf(a.NonInteractive), unixOf(a.Successful)}
		}
		if u.Manager != "" {
			l.managed[r.At] = u.Manager
		}
		if len(u.Unprovisioned) > 0 {
			t.unprovisioned[int32(i)] = u.Unprovisioned
		}
		p := &t.people[i]
		if u.Created.IsZero() {
			p.created = t.reference.Unix()
		}
		p.id = l.take(u.ID, "user", i, r)
		if u.Role < 0 || u.Role > directoryRoles {
			l.bad("user %s: unknown directory role %d", u.UserPrincipalName, u.Role)
		}
		if kind := u.Properties["userType"]; kind != "" && kind != "Member" && kind != "Guest" {
			l.bad("user %s: a userType is Member or Guest, not %q", u.UserPrincipalName, kind)
		}
		for _, address := range u.ProxyAddresses {
			if _, taken := t.addresses[strings.ToLower(address)]; taken {
				l.bad("user %s: the proxy address %q belongs to another object", u.UserPrincipalName, address)
			}
		}
		if choice, ok := like[u.Properties["displayName"]]; ok {
			p.culture, p.given, p.surname = choice[0], choice[1], choice[2]
		}
		p.department = uint8(len(departments) - 1)
		if at := slices.IndexFunc(departments, func(d department) bool { return d.name == u.Properties["department"] }); at >= 0 {
			p.department = uint8(at)
			p.title = uint8(max(0, slices.Index(departments[at].titles, u.Properties["jobTitle"])))
		}
		for name := range u.Properties {
			if !slices.Contains(TextProperties, name) && !slices.Contains(ReadTexts, name) {
				l.bad("user %s: unknown string property %q", u.UserPrincipalName, name)
			}
		}
		if _, ok := u.Properties["userType"]; !ok && u.Properties != nil {
			u.Properties["userType"] = "Member"
		}
		for name := range textNames { // Properties that no choice gives.
			if text := u.Properties[name]; text != p.Text(name) && (name != "userType" || text != "") {
				if p.written == nil {
					p.written = map[string]any{}
				}
				if p.written[name] = nil; text != "" {
					p.written[name] = text
				}
			}
		}
		t.setAddresses(r, u.ProxyAddresses)
		for _, one := range u.Lapsed {
			s := slices.IndexFunc(t.products, func(p Product) bool { return p.SkuPartNumber == one.SkuPartNumber })
			if s < 0 {
				l.bad("user %s: unknown product %q", u.UserPrincipalName, one.SkuPartNumber)
				continue
			}
			t.lapsed[r.At] = append(t.lapsed[r.At], lapsedPlans{Sku(s), l.plans(&t.products[s], one.Plans, u.UserPrincipalName), one.Since.Unix()})
		}
		if !u.Deleted.IsZero() {
			p.gone = u.Deleted.Unix()
			delete(t.byID, p.id)
			l.gone[p.id] = r
			return
		}
		t.present++
		name := strings.ToLower(u.UserPrincipalName)
		if _, twice := t.byName[name]; twice || !strings.Contains(name, "@") || len(name) > maxName || strings.ContainsFunc(name, unicode.IsControl) {
			l.bad("user %d: invalid or duplicate userPrincipalName %q", i, u.UserPrincipalName)
		}
		t.byName[name] = r.At
	}
}

// devices loads the devices at this index, or all remaining ones.
func (l *loader) devices(all bool) {
	t := l.t
	for more := true; more; {
		more = false
		for i := range l.devicesLeft {
			d := l.devicesLeft[i]
			if here := d.Place != nil && *d.Place == len(t.people); !here && !all {
				continue
			}
			l.devicesLeft = slices.Delete(l.devicesLeft, i, i+1)
			l.device(&d.device, d.at)
			more = true
			break
		}
	}
}

// numberedDevice is a device with its index among devices.
type numberedDevice struct {
	device
	at int
}

func (l *loader) device(d *device, i int) {
	t := l.t
	one := &Device{Name: d.Name, System: d.System, person: int32(len(t.people)), DeviceID: t.seed.GUID("device id", i)}
	if d.DeviceID != "" {
		one.DeviceID = l.guid(d.DeviceID, "deviceId")
	}
	one.ID = l.take(d.ID, "device", i, Ref{DeviceKind, int32(i)})
	t.devices[i] = one
	t.people = append(t.people, Person{id: one.ID, device: int32(i) + 1})
}

const maxName = 256

// isGone reports whether an object is deleted.
func (l *loader) isGone(r Ref) bool {
	_, present := l.t.byID[l.t.IDOf(r)]
	return !present
}

// find returns the object with an ID, or the user with a user principal name.
func (l *loader) find(text, where string) (Ref, bool) {
	if g, ok := ParseGUID(text); ok {
		if r, ok := l.t.byID[g]; ok {
			return r, true
		}
		if r, ok := l.gone[g]; ok {
			return r, true
		}
	} else if i, ok := l.t.byName[strings.ToLower(text)]; ok {
		return Ref{User, i}, true
	}
	l.bad("%s: unknown object %q", where, text)
	return Ref{}, false
}

func (l *loader) groups() {
	t := l.t
	for i, g := range l.state.Groups {
		one := &Group{At: int32(i), Name: g.Name, Nickname: g.Nickname, About: g.About, Unified: g.Unified, Secured: g.Secured, Created: g.Created.UTC(), deleted: g.Deleted, app: g.App,
			Rule: g.Rule, Paused: g.Paused, Roles: g.Roles, synced: unixOf(g.Synced)}
		if g.Created.IsZero() {
			one.Created = t.reference
		}
		if g.Name == "" || g.Nickname == "" {
			l.bad("group %d: displayName and mailNickname are required", i)
		}
		one.id = l.take(g.ID, "group", i, Ref{GroupKind, int32(i)})
		if g.Deleted {
			delete(t.byID, one.id)
			l.gone[one.id] = Ref{GroupKind, int32(i)}
		}
		t.groups = append(t.groups, one)
	}
	for i, g := range l.state.Groups {
		for _, member := range g.Members {
			switch r, ok := l.find(member, "member of "+g.Name); {
			case !ok:
			case l.isGone(r), r == Ref{GroupKind, int32(i)}:
				l.bad("member of %s: %q is deleted, or the group itself", g.Name, member)
			case r.Kind == GroupKind:
				t.groups[i].groups = append(t.groups[i].groups, r.At)
			default:
				t.joinGroup(t.groups[i], t.person(r))
			}
		}
		slices.Sort(t.groups[i].groups)
		for _, owner := range g.Owners {
			if strings.EqualFold(owner, t.PrincipalID().String()) {
				t.groups[i].owners = append(t.groups[i].owners, Ref{Kind: Principal})
			} else if r, ok := l.find(owner, "owner of "+g.Name); ok && (r.Kind != User || l.isGone(r)) {
				l.bad("owner of %s: %q is not a user", g.Name, owner)
			} else if ok {
				t.groups[i].owners = append(t.groups[i].owners, r)
			}
		}
	}
}

// managers loads the managers of users.
func (l *loader) managers() {
	for i, text := range l.managed {
		if r, ok := l.find(text, "manager of a user"); ok && r.Kind == User && r.At != i {
			l.t.people[i].manager = r.At + 1
		} else if ok {
			l.bad("the manager %q is not another user", text)
		}
	}
}

func (l *loader) pools() {
	t := l.t
	if len(l.state.Allotment) > maxAllotments {
		l.bad("%d allotments: the maximum is %d", len(l.state.Allotment), maxAllotments)
		return
	}
	for i, p := range l.state.Allotment {
		a := &Allotment{ID: p.ID, At: i, owned: p.Units, grace: p.Grace, External: p.External, Subscriptions: p.Subscriptions}
		if a.ID == "" {
			a.ID = t.seed.GUID("allotment", i).String()
		}
		if t.Allotment(a.ID) != nil {
			l.bad("duplicate ID of allotment %s", a.ID)
		}
		at := slices.IndexFunc(t.products, func(one Product) bool { return one.SkuPartNumber == p.SkuPartNumber })
		if at < 0 {
			l.bad("allotment %s: unknown product %q", a.ID, p.SkuPartNumber)
			continue
		}
		a.Sku = Sku(at)
		for _, name := range p.AssignableTo {
			kind := slices.Index([]string{"user", "group", "device"}, name)
			if kind < 0 {
				l.bad("allotment %s: assignableTo must be user, group or device, not %q", a.ID, name)
				continue
			}
			a.AssignableTo |= kinds(Kind(kind))
		}
		for _, s := range p.Subscriptions {
			if !slices.Contains(lifecycles, s.State) {
				l.bad("allotment %s: the state of a subscription must be active, warning, suspended, lockedOut or deleted, not %q", a.ID, s.State)
			}
		}
		if p.Subscriptions == nil {
			day := t.reference.Truncate(24 * time.Hour)
			a.Subscriptions = []Subscription{{ID: t.seed.GUID("subscription", i).String(), State: Active, Start: day.AddDate(-1, 0, 0), NextLifecycle: day.AddDate(1, 0, 0), Renews: true}}
			t.undated = append(t.undated, a)
		}
		if len(a.ID) > maxName || strings.ContainsAny(a.ID, "/?#%\x00 ") {
			l.bad("allotment %d: the id %q cannot be in a path", i, a.ID)
		}
		if p.Units < 0 || p.Units > MaxUnits || p.Grace < 0 || p.Grace > MaxUnits {
			l.bad("allotment %s: it cannot have %d units", a.ID, p.Units)
		}
		t.pools[at] = append(t.pools[at], i)
		t.allotments = append(t.allotments, a)
	}
}

func (l *loader) plans(of *Product, ids []string, where string) PlanSet {
	var s PlanSet
	for _, id := range ids {
		at := of.PlanWithID(id)
		if at < 0 {
			at = of.PlanNamed(id)
		}
		if at < 0 {
			l.bad("%s: %s has no plan %q", where, of.SkuPartNumber, id)
			continue
		}
		s.Add(at)
	}
	return s
}

func (l *loader) assignments() {
	t := l.t
	known := map[string]*Assignment{}
	for i, g := range l.state.Assigned {
		where := fmt.Sprintf("assignment %d", i)
		to, ok := l.find(g.To, where)
		a := &Assignment{Pool: t.Allotment(g.Allotment), To: to, reaches: !g.Unknown}
		switch {
		case !ok:
			continue
		case a.Pool == nil:
			l.bad("%s: unknown allotment %q", where, g.Allotment)
			continue
		case !g.Deleted && l.isGone(to):
			l.bad("%s: %s is deleted", where, g.To)
			continue
		case to.Kind == Principal || !a.Pool.AssignableTo.Has(to.Kind):
			l.bad("%s: units of %s cannot be assigned to a %s", where, g.Allotment, to.Kind)
			continue
		case !g.Deleted && t.drawsOn(to, a.Pool):
			l.bad("%s: %s already has one from %s", where, g.To, g.Allotment)
			continue
		}
		p := &t.products[a.Sku()]
		a.Off = l.plans(p, g.Off, where)
		if a.reach = a.Off; g.Known != nil {
			a.reach = l.plans(p, *g.Known, where)
		}
		if of, at, rest, made := t.ids.open(g.ID); made && of == assignmentTopic+topic(to.Kind) && int32(at) == to.At && int(rest&0xff) == a.Pool.At {
			a.nth = rest >> 8
			t.again[drawing{to, a.Pool.At}] = a.nth
		} else {
			a.id = g.ID
		}
		if a.gone = g.Deleted; !a.gone {
			t.addIndex(a)
		}
		id := t.AssignmentID(a)
		if known[id] != nil {
			l.bad("duplicate ID of assignment %s", id)
		}
		known[id] = a
	}
	clear(t.again)
	for _, p := range l.state.Past {
		if to, ok := l.find(p.To, "pastAssignments"); ok {
			if a := t.Allotment(p.Allotment); a != nil {
				t.again[drawing{to, a.At}] = p.Count
			}
		}
	}
	l.known = known
}

func (l *loader) pending() {
	t := l.t
	person := func(id string) int32 {
		r, ok := l.find(id, "pending")
		if !ok || r.Kind != User && r.Kind != DeviceKind {
			return 0
		}
		return t.person(r)
	}
	for _, p := range l.state.Pending {
		e := effect{since: p.Since, due: p.Due, group: -1}
		if p.Group != "" {
			if r, ok := l.find(p.Group, "pending"); ok && r.Kind == GroupKind {
				e.group = int(r.At)
			}
		}
		for _, id := range p.Assignments {
			if a := l.known[id]; a != nil && a.To.Kind == GroupKind {
				e.assignments = append(e.assignments, a)
			} else {
				l.bad("pending: unknown assignment %s to a group", id)
			}
		}
		for _, id := range p.People {
			e.people = append(e.people, person(id))
		}
		t.postpone(e)
	}
	for set, pairs := range map[*map[membership]time.Time][]pair{&t.joining: l.state.Joining, &t.leaving: l.state.Leaving} {
		for _, p := range pairs {
			if r, ok := l.find(p.Group, "joining or leaving"); ok && r.Kind == GroupKind {
				(*set)[membership{person(p.Person), r.At}] = p.Until
			}
		}
	}
}

// licenses loads the licenses of all users, and computes those that the state
// omits.
func (l *loader) licenses() error {
	t := l.t
	var open []int32 // users whose licenses the state omits
	give := func(i int32, licenses []license, of string) {
		var rows []row
		for _, one := range licenses {
			if r, ok := l.row(one, of); ok {
				rows = append(rows, r)
			}
		}
		t.commit(i, rows, t.reference)
		if licenses == nil {
			open = append(open, i)
		}
	}
	devices, pools := l.state.Devices, l.state.Allotment
	i := int32(0)
	err := l.read(func(u *user) {
		for t.people[i].device != 0 {
			i++
		}
		give(i, u.Licenses, u.UserPrincipalName)
		i++
	})
	if err != nil {
		return err
	}
	for i, d := range devices {
		give(t.devices[i].person, d.Licenses, d.Name)
	}
	for at, a := range t.allotments {
		a.waiting, a.left = nil, 0
		placed := map[int32]bool{}
		for _, w := range pools[at].Waiting {
			r, ok := l.find(w.Assignee, "waiting")
			if !ok || r.Kind != User && r.Kind != DeviceKind {
				continue
			}
			i := t.person(r)
			if placed[i] || !slices.ContainsFunc(t.people[i].rows, func(r row) bool { return int(r.pool) == at && (r.cause == Count || r.cause == Contention) }) {
				l.bad("allotment %s: %s waits twice, or has no license that waits for a unit", a.ID, w.Assignee)
				continue
			}
			placed[i] = true
			t.enqueue(a, i, w.Since)
		}
		var rest []int32 // Without a position in the state: at the end of the queue.
		for key := range t.queued {
			if key.pool == at && !placed[key.person] {
				rest = append(rest, key.person)
			}
		}
		slices.Sort(rest)
		for _, i := range rest {
			t.enqueue(a, i, t.reference)
		}
	}
	if len(l.errs) == 0 {
		t.recompute(open, t.reference)
	}
	return nil
}

func (l *loader) row(one license, of string) (r row, ok bool) {
	t := l.t
	where := "license of " + of
	r = row{group: goneGroup, updated: one.Updated.Unix()}
	pool := t.Allotment(one.Allotment)
	if one.Assignment != "" {
		a := l.known[one.Assignment]
		if a == nil {
			l.bad("%s: unknown assignment %s", where, one.Assignment)
			return r, false
		}
		r.from, pool, r.group = a, a.Pool, direct
		if a.To.Kind == GroupKind {
			r.group = a.To.At
		}
	}
	if pool == nil {
		l.bad("%s: unknown allotment %q", where, one.Allotment)
		return r, false
	}
	r.pool, r.sku = uint8(pool.At), pool.Sku
	p := &t.products[r.sku]
	r.off = l.plans(p, one.Off, where)
	state := slices.Index([]string{"Error", "Active", "ActiveWithError", "Disabled"}, one.State)
	cause := slices.Index(causeNames[:], one.Cause)
	if state < 0 || cause < 0 {
		l.bad("%s: invalid state %q with cause %q", where, one.State, one.Cause)
		return r, false
	}
	r.state, r.cause = State(state), Cause(cause)
	r.missing = p.ruled(l.plans(p, one.Missing, where))
	number := func(id string) uint8 {
		n := slices.IndexFunc(t.ruledIDs, func(ruled string) bool { return strings.EqualFold(ruled, id) })
		if n < 0 {
			l.bad("%s: no rule is about plan %q", where, id)
		}
		return uint8(max(n, 0))
	}
	switch r.cause {
	case Location:
		r.plan, r.other = number(one.Plan), t.placeNumber(one.Other)
	case Exclusive, Dependency:
		r.plan, r.other = number(one.Plan), number(one.Other)
	case Uniqueness:
		r.plan = number(one.Plan)
	}
	return r, true
}
