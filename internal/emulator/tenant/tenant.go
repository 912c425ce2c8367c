package tenant

import (
	"iter"
	"slices"
	"strings"
	"time"
)

// The domains of a generated tenant.
const (
	MainDomain = "licensegraph.example"
	asiaDomain = "asia.licensegraph.example"
)

// Domains are the verified domains of a generated tenant, the default one
// first.
var Domains = []string{MainDomain, asiaDomain}

// Country is the location of the tenant. It applies to group licenses of a
// user without a usage location.
const Country = "DE"

// Tenant is a directory with its licenses. It is not safe for concurrent use:
// reads can run concurrently, but a write must run alone. The documentation of
// each method that writes says "It writes."
type Tenant struct {
	*catalog
	seed Seed
	ids  ids
	id   string
	// reference replaces "today" in generated data, so that the same seed
	// always gives the same bytes.
	reference time.Time

	people     []Person
	present    int // number of users: without devices and deleted users
	groups     []*Group
	devices    []*Device
	allotments []*Allotment
	pools      [maxProducts][]int // indexes into allotments, by product

	assignments ledger
	failing     [maxProducts]set // users with an assignment error, by product
	holding     [maxProducts]set // users with a unit, by product

	byID      map[GUID]ref
	byName    map[string]int32 // users by user principal name in lower case
	addresses map[string]Ref   // proxy addresses other than user principal names, in lower case
	aliases   map[Ref][]string // the same by object
	named     map[string]*Assignment

	pending []effect                 // by due time
	joining map[membership]time.Time // time at which the group's licenses reach a new member
	leaving map[membership]time.Time // time at which they no longer reach a former member
	lapsed  map[int32][]lapsedPlans  // plans that users could use before
	// unprovisioned are the errors of services, by user.
	unprovisioned map[int32][]ServiceError
	touched       map[int32]time.Time // time of the last change of a user's direct licenses
	queued        map[queuing]place
	again         map[drawing]uint32 // number of deleted assignments by assignee and allotment
	lastPlace     int                // of assignments
	made          int                // number of objects created by writes, used for their IDs
	places        []string           // usage locations, by number
	journal       journal
	audits        audits
	reportNames   *bool        // usage reports have names; nil: the initial setting
	by            *Actor       // cause of the change of licenses that recompute makes; nil: group-based licensing
	undated       []*Allotment // allotments whose subscriptions have no explicit dates yet
	live          bool         // subscriptions change as time passes
	generated     bool         // by New, not loaded
	nextChange    time.Time    // time of the next change of a subscription; zero: none
	built         bool         // the tenant is built; lost plans are recorded as lapsed from now on
	order         orders
	usable        []bool // scratch space of evaluate
}

// Kind is the kind of a directory object.
type Kind uint8

// The kinds of directory objects.
const (
	User Kind = iota
	GroupKind
	DeviceKind
	Principal // a service principal: it can be a member of groups, but has no assignments
)

func (k Kind) String() string {
	return [...]string{"user", "group", "device", "servicePrincipal"}[k]
}

// Ref is a directory object: a kind and an index. For devices, it is the index
// into Devices.
type Ref struct {
	Kind Kind
	At   int32
}

type ref = Ref

// ID returns the tenant ID.
func (t *Tenant) ID() string { return t.id }

// Seed returns the seed of the tenant's random numbers.
func (t *Tenant) Seed() Seed { return t.seed }

// Reference returns the time that replaces "today" in generated data.
func (t *Tenant) Reference() time.Time { return t.reference }

// Product returns a product of the tenant.
func (t *Tenant) Product(s Sku) *Product { return &t.products[s] }

// Skus returns the products of the directory, in catalog order.
func (t *Tenant) Skus() []Sku {
	var list []Sku
	for s := range t.products {
		if t.products[s].SkuID != "" && len(t.pools[s]) > 0 {
			list = append(list, Sku(s))
		}
	}
	return list
}

// SkuWithID returns the product with the ID, ignoring case.
func (t *Tenant) SkuWithID(id string) (Sku, bool) {
	for _, s := range t.Skus() {
		if strings.EqualFold(t.products[s].SkuID, id) {
			return s, true
		}
	}
	return 0, false
}

// Find returns the object with the ID, if it is not deleted.
func (t *Tenant) Find(id GUID) (Ref, bool) {
	r, ok := t.byID[id]
	if !ok && id == t.PrincipalID() {
		return Ref{Kind: Principal}, true
	}
	return r, ok
}

// IDOf returns the ID of an object, deleted or not.
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

// PrincipalID returns the ID of the only service principal, which represents
// the application of the tokens.
func (t *Tenant) PrincipalID() GUID { return t.seed.GUID("service principal", 0) }

// Devices returns the devices.
func (t *Tenant) Devices() []*Device { return t.devices }

// assigned returns the direct assignments of an object, in order of creation.
func (t *Tenant) assigned(h Ref) *[]*Assignment {
	if h.Kind == GroupKind {
		return &t.groups[h.At].assigned
	}
	return &t.people[t.person(h)].assigned
}

// person returns the index of a user or device in people.
func (t *Tenant) person(h Ref) int32 {
	if h.Kind == DeviceKind {
		return t.devices[h.At].person
	}
	return h.At
}

// refOf is the inverse of person.
func (t *Tenant) refOf(i int32) Ref {
	if d := t.people[i].device; d > 0 {
		return Ref{DeviceKind, d - 1}
	}
	return Ref{User, i}
}

// Assigned returns the direct assignments of an object, in order of creation.
func (t *Tenant) Assigned(h Ref) []*Assignment { return slices.Clip(*t.assigned(h)) }

// User returns the user with the index, see [Ref]. The user can be deleted.
func (t *Tenant) User(i int32) *Person { return &t.people[i] }

// UserCount returns the number of users.
func (t *Tenant) UserCount() int { return t.present }

// Users iterates over the users after an index (-1 for all), in the
// directory's order.
func (t *Tenant) Users(after int32) iter.Seq[int32] {
	return func(yield func(int32) bool) {
		for i := int(after) + 1; i < len(t.people); i++ {
			if p := &t.people[i]; p.isUser() && !yield(int32(i)) {
				return
			}
		}
	}
}

// FindUser returns the user with an object ID or a user principal name.
func (t *Tenant) FindUser(key string) (int32, bool) {
	if g, ok := ParseGUID(key); ok {
		r, ok := t.byID[g]
		return r.At, ok && r.Kind == User
	}
	i, ok := t.byName[strings.ToLower(key)]
	return i, ok
}
