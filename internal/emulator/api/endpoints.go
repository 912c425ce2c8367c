// Package api implements Microsoft Graph: its endpoints for users, groups and
// licenses, with their query options, permissions, batches and pages.
package api

import (
	"crypto/aes"
	"crypto/cipher"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/fault"
	"licensegraph/internal/emulator/store"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/throttle"
	"licensegraph/internal/emulator/traffic"
	"licensegraph/internal/emulator/wire"
)

// Tokens verifies the access tokens of the tenant.
type Tokens interface {
	// Verify checks the signature and the times of a token.
	Verify(raw string) (access.Claims, error)
	// Revoked returns the time at which the sessions of a user were revoked,
	// or the zero time.
	Revoked(userID string) time.Time
}

// Config is the configuration of the endpoints.
type Config struct {
	TenantID string
	ClientID string      // application of a call without one
	Seed     tenant.Seed // random numbers of the tenant's seed
	Store    *store.Store
	Tokens   Tokens
	Faults   *fault.Queue
	Limits   *throttle.Meter
	Traffic  *traffic.Log // records the parts of batches
}

// Endpoints are the Microsoft Graph endpoints of one tenant. They are safe for
// concurrent use.
type Endpoints struct {
	id, clientID string
	seed         tenant.Seed
	store        *store.Store
	tokens       Tokens
	faults       *fault.Queue
	limits       *throttle.Meter
	traffic      *traffic.Log

	linkKey []byte
	links   cipher.AEAD  // encrypts next links with linkKey
	reads   atomic.Int64 // usage right reads, for Variants.UsageRightFailures
	batches atomic.Int64 // for Variants.RawParts

	groupChanges map[tenant.GUID]groupChanged // latest changes, for Variants.LostUpdates; guarded by the write lock
	changesOf    int64                        // epoch of the tenant of groupChanges
}

// New returns the endpoints of a tenant.
func New(c Config) *Endpoints {
	e := &Endpoints{
		id: c.TenantID, clientID: c.ClientID, seed: c.Seed, store: c.Store, tokens: c.Tokens, faults: c.Faults, limits: c.Limits, traffic: c.Traffic,
		linkKey: []byte(c.Seed.LongID("link key", 0))[:32],
	}
	block, err := aes.NewCipher(e.linkKey)
	if err == nil {
		e.links, err = cipher.NewGCM(block)
	}
	if err != nil {
		panic(err) // The key has a valid length.
	}
	return e
}

// Answer answers an HTTP request with a path and query. problem is an error in
// its body, or nil.
func (e *Endpoints) Answer(outer *wire.Call, uri string, problem *wire.Problem) wire.Answer {
	if a, ok := preflight(outer); ok {
		return a
	}
	c := &call{Call: outer}
	e.find(c)
	a := e.answerFaulty(c, uri, func() wire.Answer {
		if problem == nil && len(uri) > wire.MaxURL {
			problem = wire.Usual(http.StatusRequestURITooLong)
		}
		if problem != nil {
			return problem.Answer(c.Call)
		}
		return e.answerGraph(c)
	})
	if c.who != nil {
		a.Permissions = append([]string{}, c.who.permissions()...)
	}
	return a
}

// enter locks the tenant for the call.
func (e *Endpoints) enter(c *call) (leave func()) {
	if c.Label == batchLabel {
		return func() {} // Each part locks the tenant itself.
	}
	v, leave := e.store.Enter(c.Date, c.route != nil && c.route.writes, c.Variants.ReplicationLag)
	c.tenant, c.current, c.epoch = v.Seen, v.Current, v.Epoch
	return leave
}

// answerGraph authenticates and authorizes the caller, and runs the handler of
// the endpoint.
func (e *Endpoints) answerGraph(c *call) wire.Answer {
	defer e.enter(c)()
	a := e.answerCharged(c)
	e.correctCharge(c, &a)
	return a
}

func (e *Endpoints) answerCharged(c *call) wire.Answer {
	body, p := e.handle(c)
	units := c.cost()
	if p != nil {
		a := p.Answer(c.Call)
		switch p.Status {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed:
		case http.StatusTooManyRequests:
			a.Units = max(c.refusedUnits, 1) // Throttled calls count.
		default:
			a.Units = units
		}
		return a
	}
	a := wire.Answer{Status: http.StatusOK, Units: units}
	switch body := body.(type) {
	case nil:
		a.Status = http.StatusNoContent
	case outcome:
		a.Status, a.Header = body.status, body.header
		if body.body != nil {
			a.Body = wire.Encode(body.body)
		}
	case wire.Answer: // a part of a batch, already encoded
		return body
	default:
		a.Body = wire.Encode(body)
	}
	return a
}

func (e *Endpoints) handle(c *call) (any, *wire.Problem) {
	who, p := e.authenticate(c)
	if p != nil {
		return nil, p
	}
	c.who = who
	if p := e.throttled(c); p != nil {
		return nil, p
	}
	if segments, ok := segmentsOf(c.Path); ok {
		if what := otherCall(c.Method, segments); what != "" {
			return nil, notImplemented(what)
		}
	}
	if c.route == nil {
		return nil, e.notFound(c)
	}
	if c.Method != c.route.Method {
		return nil, wire.Usual(http.StatusMethodNotAllowed)
	}
	if c.route.Cloud {
		if p := cloudAvailable(c); p != nil {
			return nil, p
		}
	}
	if p := e.permit(c); p != nil {
		return nil, p
	}
	if c.route.Me && who.user == "" {
		return nil, wire.NotParsed("/me request is only valid with delegated authentication flow.")
	}
	if c.route.writes { // No write documents a query option.
		d := directory
		if c.route.Cloud {
			d = licensing
		}
		if _, p := e.options(c, d, 0); p != nil {
			return nil, p
		}
	}
	return c.route.handler(e, c)
}

func cloudAvailable(c *call) *wire.Problem {
	switch c.Variants.CloudLicensing {
	case "forbidden":
		return cloud(http.StatusForbidden, "missingRequiredPermission", "The caller lacks a permission that this operation requires.")
	case "missing":
		return cloud(http.StatusNotFound, "resourceNotFound", "The requested resource does not exist.")
	}
	return nil
}

// FirstQuery returns the query of the first page that a delta token belongs to.
func (e *Endpoints) FirstQuery(token string) (query string, ok bool) {
	var d deltaState
	ok = e.unseal(token, &d)
	return d.Query, ok && strings.HasSuffix(d.Path, "/delta")
}
