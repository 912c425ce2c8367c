package tenant

import (
	"iter"
	"slices"
	"strings"
	"time"
)

// The domains of a tenant that is made from a seed.
const (
	MainDomain = "licensegraph.example"
	asiaDomain = "asia.licensegraph.example"
)

// tenantLocation stands in where a group licenses a person without a location.
const tenantLocation = "DE"

// Tenant is a directory with its licenses. It is not safe for concurrent use:
// any number of calls that read can run at the same time, and nothing beside
// one that writes. Those that write say so.
type Tenant struct {
	*catalog
	dice Dice
	ids  ids
	id   string
	// reference stands for "today" in the data that nobody has changed, so that
	// the same seed always gives the same bytes.
	reference time.Time

	people     []Person
	present    int // people who are neither devices nor deleted
	groups     []*Group
	devices    []*Device
	allotments []*Allotment
	pools      [maxProducts][]int // places in allotments, by product

	assignments ledger
	failing     [maxProducts]set // people with an assignment error, by product
	holding     [maxProducts]set // people with a unit, by product

	byID      map[GUID]ref
	byName    map[string]int32 // people by user principal name in lower case
	addresses map[string]Ref   // proxy addresses besides the user principal names, in lower case
	aliases   map[Ref][]string // the same by who has them
	named     map[string]*Assignment

	pending   []effect                 // by due
	joining   map[membership]time.Time // until when the group's licenses do not reach a member
	leaving   map[membership]time.Time // until when they still reach who has left
	lapsed    map[int32][]lapse        // plans that people could use
	touched   map[int32]time.Time      // when the licenses of people were changed directly
	queued    map[queuing]place
	again     map[drawing]uint32 // how many assignments to a holder from a pool are gone
	lastPlace int                // of assignments
	made      int                // objects made since, numbers their ids
	places    []string           // usage locations that messages name
	journal   journal
	undated   []*Allotment // of purchases whose dates are not around the clock yet
	live      bool         // purchases change as time passes
	turns     time.Time    // when one does next; zero: none
	built     bool         // what is taken away from now on was there before
	order     orders
	usable    []bool // of judge
}

// Kind says what something in the directory is.
type Kind uint8

// The kinds of directory objects.
const (
	User Kind = iota
	GroupKind
	DeviceKind
	Principal // a service principal: it can be a member, but nothing is assigned to it
)

func (k Kind) String() string {
	return [...]string{"user", "group", "device", "servicePrincipal"}[k]
}

// Ref is a directory object: a kind and a place among those of the kind. Of
// devices the place is that in Devices.
type Ref struct {
	Kind Kind
	At   int32
}

type ref = Ref

// ID is the directory's id.
func (t *Tenant) ID() string { return t.id }

// Dice are those of the seed.
func (t *Tenant) Dice() Dice { return t.dice }

// Reference is the time that stands for "today" in the data as they were made.
func (t *Tenant) Reference() time.Time { return t.reference }

// Product is a product of the tenant.
func (t *Tenant) Product(s Sku) *Product { return &t.products[s] }

// Skus lists the products that the directory knows, in catalog order.
func (t *Tenant) Skus() []Sku {
	var list []Sku
	for s := range t.products {
		if t.products[s].SkuID != "" && len(t.pools[s]) > 0 {
			list = append(list, Sku(s))
		}
	}
	return list
}

// SkuWithID finds a product by its id, in any case.
func (t *Tenant) SkuWithID(id string) (Sku, bool) {
	for _, s := range t.Skus() {
		if strings.EqualFold(t.products[s].SkuID, id) {
			return s, true
		}
	}
	return 0, false
}

// Find is the object with an id that is present.
func (t *Tenant) Find(id GUID) (Ref, bool) {
	r, ok := t.byID[id]
	if !ok && id == t.PrincipalID() {
		return Ref{Kind: Principal}, true
	}
	return r, ok
}

// IDOf is the id of an object, present or not.
func (t *Tenant) IDOf(r Ref) GUID {
	switch r.Kind {
	case GroupKind:
		return t.groups[r.At].id
	case DeviceKind:
		return t.devices[r.At].ID
	case Principal:
		return t.PrincipalID()
	default:
		return t.people[r.At].id
	}
}

// PrincipalID is the id of the one service principal, which stands for the
// application that gets the tokens.
func (t *Tenant) PrincipalID() GUID { return t.dice.GUID("service principal", 0) }

// Devices lists the devices.
func (t *Tenant) Devices() []*Device { return t.devices }

// assigned is what is assigned to a holder itself, in the order in which it
// was.
func (t *Tenant) assigned(h Ref) *[]*Assignment {
	if h.Kind == GroupKind {
		return &t.groups[h.At].assigned
	}
	return &t.people[t.person(h)].assigned
}

// person is the place of a user or a device among those who can have units.
func (t *Tenant) person(h Ref) int32 {
	if h.Kind == DeviceKind {
		return t.devices[h.At].person
	}
	return h.At
}

// refOf is the reverse of person.
func (t *Tenant) refOf(i int32) Ref {
	if d := t.people[i].device; d > 0 {
		return Ref{DeviceKind, d - 1}
	}
	return Ref{User, i}
}

// Assigned lists what is assigned to a holder itself, in the order in which it
// was.
func (t *Tenant) Assigned(h Ref) []*Assignment { return slices.Clip(*t.assigned(h)) }

// User is a person, at the place of a [Ref]. It can be one who was deleted.
func (t *Tenant) User(i int32) *Person { return &t.people[i] }

// UserCount is how many people there are.
func (t *Tenant) UserCount() int { return t.present }

// Users runs over the people after a place, -1 for all, in the directory's
// order.
func (t *Tenant) Users(after int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i := int(after) + 1; i < len(t.people); i++ {
			if p := &t.people[i]; p.isUser() && !yield(int32(i)) {
				return
			}
		}
	}
}

// FindUser is the person with an object id or a user principal name.
func (t *Tenant) FindUser(key string) (int32, bool) {
	if g, ok := ParseGUID(key); ok {
		r, ok := t.byID[g]
		return r.At, ok && r.Kind == User
	}
	i, ok := t.byName[strings.ToLower(key)]
	return i, ok
}
