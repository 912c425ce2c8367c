package emulator

import (
	"crypto/aes"
	"crypto/cipher"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"licensegraph/internal/emulator/tenant"
)

// Options say which tenant to build and what to keep while it runs.
type Options struct {
	Users    int              // people in the tenant; 0 = 500
	Seed     uint64           // 0 = 1; the same seed gives the same tenant, byte for byte
	Now      func() time.Time // clock of tokens and headers; nil = time.Now; of the data only purchases follow it
	Variants Variants
	SignIn   SignIn // how applications and people sign in
	Record   bool   // keep a log of the last 10,000 requests and batch parts, see [Emulator.Requests]
	// Control says who may steer the emulator under /-/: "" = programs on this
	// machine, that is no web page; "open" = whoever reaches it; "off" = nobody.
	Control string
	// State is a tenant to begin with, as [Emulator.Save] writes one, in place
	// of one of so many Users. It is read again at each [Emulator.Reset].
	State io.ReadSeeker
}

// Variants are the ways in which tenants differ, or in which the
// documentation leaves more than one reading. The zero value of each is the
// strictest reading. By the numbers of the open points in the wire contract
// they are: 1 ExpandErrors, 2 ExpandOne, 3 ExpandNestedSelect,
// 4 NestedFilterDrops, 7 WrapSingle, 8 PageSize, EmptyPages and
// ExpandWithoutLink, 9 IgnoreCloudOptions, 10 AssignmentFilter,
// 11 SkuIDEqualOnly, 13 ApplyUnsupported, 14 ReprocessOK, 15 OmitCreatedID, 16 ReprocessListed,
// 17 RightAllotments, 18 MyAssignments, 19 Devices and DevicesListed, 20 SubscriptionTimestamps,
// 21 SubscriptionsOnSelect, 22 NullError, 24 GetByIDsIgnoreSelect,
// 25 Throttling, 26 CloudLicensing, 27 GroupEffects and
// ReplicationLag, 28 UsageRightFailures, 31 PersonalDetails, 33 Permissions,
// 37 RawParts, 38 GroupsByAge. The others, 5, 6, 12, 23, 29, 30, 32 and 34 to
// 36, leave no choice. DirectoryPageSize, EmptyPartCodes, LostUpdates, PlainAgents,
// MissingUsageRight, OnBehalfOf, RefuseHiddenFilters and Roles belong to no point.
type Variants struct {
	// ExpandErrors says which relations of assignment errors can be expanded:
	// "" = "assignedTo", the only one seen to work; "none"; "both", also
	// together; "ignore" answers as if $expand had not been asked for.
	ExpandErrors string `json:"expandErrors"`
	// ExpandNestedSelect allows $expand=assignedTo($select=…).
	ExpandNestedSelect bool `json:"expandNestedSelect"`
	// WrapSingle answers single cloudLicensing entities as {"value":{…}}, as
	// some reference pages print them.
	WrapSingle bool `json:"wrapSingle"`
	// PageSize is the default page size of cloudLicensing lists and the most
	// that $top can ask for; 0 = 100.
	PageSize int `json:"pageSize"`
	// DirectoryPageSize is the default page size of users and groups; 0 = 100.
	// $top can ask for up to 999.
	DirectoryPageSize int `json:"directoryPageSize"`
	// EmptyPages puts an empty page with a next link before each real one.
	EmptyPages bool `json:"emptyPages"`
	// NullError writes the error of a good licenseAssignmentState as null, as
	// the reference page says, instead of the text None that the service sends.
	NullError bool `json:"nullError"`
	// GetByIDsIgnoreSelect makes getByIds answer the default properties
	// whatever $select says.
	GetByIDsIgnoreSelect bool `json:"getByIDsIgnoreSelect"`
	// CloudLicensing: "" = available; "forbidden" answers every cloudLicensing
	// call with 403, as where its permissions cannot be consented; "missing"
	// with 404, as in clouds without it.
	CloudLicensing string `json:"cloudLicensing"`
	// MissingUsageRight is the answer for the usageRight of an error that has
	// none: "" = 204 No Content; "notFound" = 404; "null" = {"value":null}.
	MissingUsageRight string `json:"missingUsageRight"`
	// IgnoreCloudOptions silently ignores $count, $orderby, $skip and $search
	// on cloudLicensing lists instead of refusing them.
	IgnoreCloudOptions bool `json:"ignoreCloudOptions"`
	// SkuIDEqualOnly refuses the operator in for skuId on assignment errors and
	// allotments.
	SkuIDEqualOnly bool `json:"skuIDEqualOnly"`
	// SubscriptionTimestamps writes the dates of an allotment's subscriptions
	// as timestamps, as the samples do, instead of dates.
	SubscriptionTimestamps bool `json:"subscriptionTimestamps"`
	// SubscriptionsOnSelect leaves the subscriptions out of lists of allotments
	// and of expanded ones unless $select names them, as the samples do.
	SubscriptionsOnSelect bool `json:"subscriptionsOnSelect"`
	// ExpandOne allows one relation of assignments at a time to be expanded.
	ExpandOne bool `json:"expandOne"`
	// ExpandWithoutLink cuts expanded cloudLicensing collections after a page
	// without a link to the rest.
	ExpandWithoutLink bool `json:"expandWithoutLink"`
	// NestedFilterDrops drops assignments whose expanded allotment does not fit
	// the $filter inside $expand, instead of leaving the allotment null.
	NestedFilterDrops bool `json:"nestedFilterDrops"`
	// AssignmentFilter allows $filter=id eq '…' on assignments.
	AssignmentFilter bool `json:"assignmentFilter"`
	// ApplyUnsupported answers $apply with 501.
	ApplyUnsupported bool `json:"applyUnsupported"`
	// RightAllotments serves usageRights/{id}/allotments, which only the
	// metadata knows.
	RightAllotments bool `json:"rightAllotments"`
	// MyAssignments serves the list /me/cloudLicensing/assignments, which no
	// page has, with the permissions of Microsoft's list.
	MyAssignments bool `json:"myAssignments"`
	// ReprocessOK answers reprocessAssignments with 200 instead of 204.
	ReprocessOK bool `json:"reprocessOK"`
	// OmitCreatedID leaves the id out of the answer to a new assignment of a
	// person, group or device, as the samples do.
	OmitCreatedID bool `json:"omitCreatedID"`
	// GroupEffects is how long a change of a group's assignments takes to reach
	// the members; 0 = five seconds, [Immediately] = at once. Until then, and in
	// any case until the clock has moved on, licenseProcessingState says
	// ProcessingInProgress.
	GroupEffects time.Duration `json:"groupEffects"`
	// ReplicationLag is how long a change can take to be seen: who reads gets what
	// was before the first change of the last so many seconds, as from a replica.
	// Each first change copies the tenant, which takes its time in a large one.
	ReplicationLag time.Duration `json:"replicationLag"`
	// LostUpdates is how soon after a change of a group's licenses by
	// assignLicense another one is made in ignorance of it, and undoes it; 0 =
	// none is lost.
	LostUpdates time.Duration `json:"lostUpdates"`
	// ReprocessListed serves reprocessAssignments of groups and of oneself too and, where
	// there are devices, of devices, which Microsoft's list of permissions alone has. They
	// take the permissions of that list.
	ReprocessListed bool `json:"reprocessListed"`
	// Devices serves the cloudLicensing of devices, which the metadata lacks: what has a
	// page.
	Devices bool `json:"devices"`
	// DevicesListed serves of devices also what Microsoft's list of permissions alone has:
	// lists of assignments, single entities and what is below these, PATCH and DELETE.
	// These take the permissions of that list.
	DevicesListed bool `json:"devicesListed"`
	// GroupsByAge lets groups be filtered by createdDateTime with ge and le in an
	// advanced query, as the table of filters has it; a sample of the same page
	// shows it refused.
	GroupsByAge bool `json:"groupsByAge"`
	// PersonalDetails refuses licenseDetails to applications, as its page says.
	PersonalDetails bool `json:"personalDetails"`
	// PlainAgents shows the accounts of agents as users, not as what is derived from
	// that.
	PlainAgents bool `json:"plainAgents"`
	// Permissions says who names those of cloudLicensing that work: "" = the
	// reference pages and Microsoft's list of permissions, either of them; "pages"
	// alone; "list" alone, which has no CloudLicensing permission.
	Permissions string `json:"permissions"`
	// RefuseHiddenFilters answers 403 to a filter or search by a property that the
	// caller's basic permissions do not read. Otherwise everything is left out of the
	// answer, as the page of $filter says.
	RefuseHiddenFilters bool `json:"refuseHiddenFilters"`
	// RawParts is the share, 0 to 1, of batches with a part whose body stands in the
	// answer as a page of HTML, unquoted, so that the whole is no JSON; spread
	// evenly.
	RawParts float64 `json:"rawParts"`
	// EmptyPartCodes leaves the error code of parts of a batch empty that answer
	// 403, as a sample of the batching page does.
	EmptyPartCodes bool `json:"emptyPartCodes"`
	// Throttling is how much is taken before the answer is 429; the zero value
	// is the published limits.
	Throttling Throttling `json:"throttling"`
	// UsageRightFailures is the share, 0 to 1, of usage right reads that
	// answer 500, spread evenly.
	UsageRightFailures float64 `json:"usageRightFailures"`
	// OnBehalfOf is what stands in the way of the on-behalf-of grant:
	// "" = nothing. With interaction_required and the claims to ask the person
	// for are answered "mfa" = AADSTS50076, "enroll" = 50079 and "policy" =
	// 53003; with invalid_grant "consent" = 65001.
	OnBehalfOf string `json:"onBehalfOf"`
	// Roles are the application roles that new tokens carry; nil = all that
	// the endpoints need.
	Roles []string `json:"roles"`
}

// Immediately has changes of groups reach their members at once.
const Immediately time.Duration = -1

// haveDevices says whether devices have cloudLicensing.
func (v *Variants) haveDevices() bool { return v.Devices || v.DevicesListed }

func (v *Variants) groupEffects() time.Duration {
	switch v.GroupEffects {
	case 0:
		return 5 * time.Second
	case Immediately:
		return 0
	}
	return v.GroupEffects
}

// Emulator is one tenant behind an [http.Handler]. It is safe for concurrent
// use.
type Emulator struct {
	mu      sync.RWMutex
	tenant  *tenant.Tenant // under mu
	epoch   int64          // which tenant this is, of all that this and other processes had; under mu
	replica *tenant.Tenant // what readers see meanwhile, by Variants.ReplicationLag; under mu
	until   time.Time      // how long they do

	groupChanges map[tenant.GUID]groupChanged // the last ones, for Variants.LostUpdates; under mu

	dice     dice
	id       string // of the tenant
	users    int
	state    io.ReadSeeker // Options.State
	resets   sync.Mutex    // of who reads it
	clock    *clock
	now      func() time.Time // of the clock
	variants atomic.Pointer[Variants]
	answers  atomic.Int64 // numbers request ids
	reads    atomic.Int64 // of usage rights, for Variants.UsageRightFailures
	batches  atomic.Int64 // for Variants.RawParts
	faults   faults
	throttle throttle
	counts   counts
	// observer looks at each answer after it was written; nil: nobody does.
	observer func(*call, http.ResponseWriter, *http.Request, *answer)

	controlFor string // Options.Control

	clientID, clientSecret string
	linkKey                []byte
	links                  cipher.AEAD // of linkKey, seals next links

	signIn            SignIn
	appRoles          appRoles
	keyRing           *keyRing
	sealer            cipher.AEAD  // seals codes and refresh tokens
	lifetimes         atomic.Int64 // numbers tokens, for their lifetimes
	assertions, codes once
	deviceCodes       deviceCodes
	revocations       revocations
}

// New builds the tenant. A hundred thousand people take a fraction of a second.
func New(opts Options) *Emulator {
	e, err := Open(opts)
	if err != nil {
		panic(err)
	}
	return e
}

// Open is New for options with a State, which can be wrong.
func Open(opts Options) (*Emulator, error) {
	if opts.Users <= 0 {
		opts.Users = 500
	}
	if opts.Seed == 0 {
		opts.Seed = 1
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	var t *tenant.Tenant
	if opts.State != nil {
		var err error
		if t, err = tenant.Load(opts.State, nil); err != nil {
			return nil, err
		}
	} else {
		t = tenant.New(opts.Seed, opts.Users)
	}
	d, c := t.Dice(), &clock{base: opts.Now}
	t.Live(c.now())
	e := &Emulator{
		tenant:       t,
		groupChanges: map[tenant.GUID]groupChanged{},
		dice:         d,
		id:           t.ID(),
		users:        opts.Users,
		state:        opts.State,
		clock:        c,
		now:          c.now,
		counts:       counts{record: opts.Record},
		clientID:     d.GUID("client", 0).String(),
		clientSecret: "not-a-secret-" + d.LongID("client secret", 0)[:20],
		linkKey:      []byte(d.LongID("link key", 0))[:32],
		controlFor:   opts.Control,
		signIn:       opts.SignIn,
		keyRing:      newKeyRing(),
		sealer:       newSealer(),
	}
	block, err := aes.NewCipher(e.linkKey)
	if err == nil {
		e.links, err = cipher.NewGCM(block)
	}
	if err != nil {
		panic(err) // The key has the right length.
	}
	e.epoch = c.now().UnixNano()
	e.SetVariants(opts.Variants)
	return e, nil
}

// Reset brings the tenant back to its first state, and nobody is throttled any
// more. Counts, faults, variants and the clock stay.
func (e *Emulator) Reset() {
	if e.state == nil {
		e.replace(tenant.New(uint64(e.dice), e.users))
		return
	}
	e.resets.Lock()
	defer e.resets.Unlock()
	t, err := tenant.Load(e.state, nil)
	if err != nil {
		panic(err) // It was good at first.
	}
	e.replace(t)
}

// replace puts another tenant in place. Delta tokens of the one before end.
func (e *Emulator) replace(t *tenant.Tenant) {
	e.mu.Lock()
	defer e.mu.Unlock()
	t.Live(e.now())
	e.tenant, e.replica, e.groupChanges = t, nil, map[tenant.GUID]groupChanged{}
	e.epoch++
	e.throttle.forget()
}

// DelegatedToken is a token to Graph of a signed-in person with these
// permissions, such as a sign-in would give. What it allows is what the person
// may do besides, see [Emulator.PersonInRole]. See also [Emulator.UserToken].
func (e *Emulator) DelegatedToken(userID string, scopes ...string) string {
	token, _ := e.accessToken(e.outside(worldwide), bearer{app: e.confidentialClient(), acr: "1", audience: worldwide, person: e.whoever(userID), scopes: scopes})
	return token
}

// UserToken is a token with which a person calls the application itself: its
// audience is [Emulator.ClientID], and the scopes are those of the application.
// The token endpoint takes it as the assertion of the on-behalf-of grant. Of a
// [Server] its issuer is the one that the discovery document names.
func (e *Emulator) UserToken(userID string, scopes ...string) string {
	return e.userToken(signIn, userID, scopes)
}

// Variants are those in force.
func (e *Emulator) Variants() Variants { return *e.variants.Load() }

// SetVariants changes the variants from the next request on.
func (e *Emulator) SetVariants(v Variants) { e.variants.Store(&v) }

// TenantID is the directory's id. The token endpoint also knows the tenant as
// licensegraph.example.
func (e *Emulator) TenantID() string { return e.id }

// ServeHTTP answers one request. A [Fault] that cuts the connection makes it
// panic with [http.ErrAbortHandler], which net/http turns into just that.
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlPath) && e.controlFor != "off" {
		e.serveControl(w, r)
		return
	}
	c := e.newCall(r)
	a := e.answer(c, r)
	e.counts.add(c.label, Count{Requests: 1, ResourceUnits: a.units, Bytes: int64(len(a.body))}, Request{
		Method: r.Method, URL: r.URL.RequestURI(), Body: c.body, Status: a.status,
	})
	a.write(w, c)
	if e.observer != nil {
		e.observer(c, w, r, &a)
	}
}
