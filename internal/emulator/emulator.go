package emulator

import (
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/api"
	"licensegraph/internal/emulator/clock"
	"licensegraph/internal/emulator/control"
	"licensegraph/internal/emulator/fault"
	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/signin"
	"licensegraph/internal/emulator/store"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/throttle"
	"licensegraph/internal/emulator/traffic"
	"licensegraph/internal/emulator/wire"
)

// Options are the options of [New].
type Options struct {
	Users    int              // number of users; 0 = 500
	Seed     uint64           // 0 = 1; the same seed generates the same tenant, byte for byte
	Now      func() time.Time // clock of tokens and headers; nil = time.Now; in the data, only subscriptions depend on it
	Variants Variants
	SignIn   SignIn // credentials of applications, and redirect URIs
	Record   bool   // log the last 10,000 requests and batch parts, see [Emulator.Requests]
	// Control sets the access to the endpoints under /-/: "" = programs on
	// this machine, except web pages; "open" = any machine; "off" = none.
	Control string
	// State is an initial tenant as written by [Emulator.Save], instead of a
	// generated one with Users. It is read again at each [Emulator.Reset].
	State io.ReadSeeker
}

// Types to control an emulator.
type (
	Variants   = settings.Variants
	Throttling = settings.Throttling
	Fault      = fault.Fault
)

// Types for the requests to an emulator.
type (
	Count   = traffic.Count
	Request = traffic.Request
)

// Immediately is no delay of group changes for the members.
const Immediately = settings.Immediately

// Emulator is one tenant with an [http.Handler]. It is safe for concurrent
// use.
type Emulator struct {
	id       string // tenant ID
	users    int
	state    io.ReadSeeker // Options.State
	resets   sync.Mutex    // guards state
	clock    *clock.Clock
	seed     tenant.Seed
	variants atomic.Pointer[Variants]
	answers  atomic.Int64 // number of answers, for request IDs

	store   *store.Store
	faults  *fault.Queue
	limits  throttle.Meter
	traffic traffic.Log
	entra   *signin.Entra
	graph   *api.Endpoints
	// observer gets each answer after it was written; nil = none.
	observer func(*wire.Call, http.ResponseWriter, *http.Request, *wire.Answer)

	control *control.Handler // nil = off
}

// New generates the tenant. A hundred thousand users take a fraction of a
// second.
func New(opts Options) *Emulator {
	e, err := Open(opts)
	if err != nil {
		panic(err)
	}
	return e
}

// Open is New for options with a State, which can be invalid.
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
	c := clock.New(opts.Now)
	e := &Emulator{
		id: t.ID(), users: opts.Users, state: opts.State, clock: c, seed: t.Seed(),
		store: store.New(t, c.Now), faults: fault.NewQueue(api.IsLabel),
	}
	e.SetVariants(opts.Variants)
	e.traffic.Keep(opts.Record)
	e.entra = signin.New(signin.Config{
		TenantID: e.id, Seed: e.seed, Now: c.Now, Variants: e.variants.Load, Store: e.store, Faults: e.faults,
		KnownScope: api.IsScope, Options: opts.SignIn,
	})
	e.graph = api.New(api.Config{
		TenantID: e.id, ClientID: e.entra.ClientID(), Seed: e.seed, Store: e.store, Tokens: e.entra, Faults: e.faults,
		Limits: &e.limits, Traffic: &e.traffic,
	})
	if opts.Control != "off" {
		e.control = control.New(control.Config{
			Open: opts.Control == "open", TenantID: e.id, ClientID: e.entra.ClientID(), Store: e.store, Faults: e.faults,
			Traffic: &e.traffic, Clock: c, Variants: &e.variants, Tokens: e.entra, Load: e.Load, Reset: e.Reset,
		})
	}
	return e, nil
}

// Reset restores the initial tenant and resets all limits. Counts, faults,
// variants and the clock stay.
func (e *Emulator) Reset() {
	if e.state == nil {
		e.replace(tenant.New(uint64(e.seed), e.users))
		return
	}
	e.resets.Lock()
	defer e.resets.Unlock()
	t, err := tenant.Load(e.state, nil)
	if err != nil {
		panic(err) // Open has validated it.
	}
	e.replace(t)
}

// replace replaces the tenant. Existing delta tokens become invalid.
func (e *Emulator) replace(t *tenant.Tenant) {
	e.store.Replace(t)
	e.limits.Forget()
}

// DelegatedToken returns a token for Graph of a signed-in user with the
// scopes. It allows what both the scopes and the user's roles allow, see
// [Emulator.PersonInRole]. See also [Emulator.UserToken].
func (e *Emulator) DelegatedToken(userID string, scopes ...string) string {
	token, _ := e.entra.DelegatedToken(userID, scopes)
	return token
}

// UserToken returns a delegated token for the application itself: its audience
// is [Emulator.ClientID], and the scopes are those of the application. It is
// valid as the assertion of the on-behalf-of grant. For a [Server], its issuer
// is that of the discovery document.
func (e *Emulator) UserToken(userID string, scopes ...string) string {
	return e.entra.UserToken(signin.Login, userID, scopes)
}

// TenantID returns the ID of the tenant. The token endpoint also accepts
// licensegraph.example.
func (e *Emulator) TenantID() string { return e.id }

// ServeHTTP answers a request. For a [Fault] that closes the connection, it
// panics with [http.ErrAbortHandler].
func (e *Emulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if e.control != nil && strings.HasPrefix(r.URL.Path, control.Path) {
		e.control.ServeHTTP(w, r)
		return
	}
	c := e.newCall(r)
	a := e.answer(c, r)
	e.traffic.Add(c.Label, traffic.Count{Requests: 1, ResourceUnits: a.Units, Bytes: int64(len(a.Body))}, traffic.Request{
		Method: r.Method, URL: r.URL.RequestURI(), Body: c.Body, Status: a.Status,
	})
	a.Write(w, c)
	if e.observer != nil {
		e.observer(c, w, r, &a)
	}
}

// PersonInRole returns the object ID of a user with the directory role, or of
// a member without a role if role is "". It returns "" if there is no such
// user. The roles are Global Administrator, License Administrator, User
// Administrator, Directory Writers, Directory Readers, Global Reader, Helpdesk
// Administrator, Groups Administrator, Identity Governance Administrator and
// Guest Inviter.
func (e *Emulator) PersonInRole(role string) (userID string) {
	e.store.Read(func(t *tenant.Tenant) {
		for p := range access.People(t) {
			if p.Role != nil && p.Role.Name == role || p.Role == nil && role == "" && !p.Guest && !p.Disabled {
				userID = p.ID
				return
			}
		}
	})
	return userID
}
