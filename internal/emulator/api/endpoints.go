// Package api is the surface of Microsoft Graph: its endpoints for users, groups and licenses, with the dialect of their
// query options, permissions, batches and pages.
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

// Tokens are the access tokens of the tenant.
type Tokens interface {
	// Verify checks the signature and the times of a token.
	Verify(raw string) (access.Claims, error)
	// Revoked is the time when the sessions of a person were revoked; the zero time is never.
	Revoked(userID string) time.Time
}

// Config is what the endpoints need of the emulator.
type Config struct {
	TenantID string
	ClientID string      // the application that a caller without one counts as
	Dice     tenant.Dice // numbers that follow from the seed of the tenant
	Store    *store.Store
	Tokens   Tokens
	Faults   *fault.Queue
	Limits   *throttle.Meter
	Traffic  *traffic.Log // of parts of batches
}

// Endpoints are the endpoints of Microsoft Graph over one tenant. They are safe for concurrent use.
type Endpoints struct {
	id, clientID string
	dice         tenant.Dice
	store        *store.Store
	tokens       Tokens
	faults       *fault.Queue
	limits       *throttle.Meter
	traffic      *traffic.Log

	linkKey []byte
	links   cipher.AEAD  // of linkKey, seals next links
	reads   atomic.Int64 // of usage rights, for Variants.UsageRightFailures
	batches atomic.Int64 // for Variants.RawParts

	groupChanges map[tenant.GUID]groupChanged // the last ones, for Variants.LostUpdates; under the lock of a write
	changesOf    int64                        // the epoch of the tenant that they are of
}

// NewEndpoints makes the endpoints over a tenant.
func New(c Config) *Endpoints {
	e := &Endpoints{
		id: c.TenantID, clientID: c.ClientID, dice: c.Dice, store: c.Store, tokens: c.Tokens, faults: c.Faults, limits: c.Limits, traffic: c.Traffic,
		linkKey: []byte(c.Dice.LongID("link key", 0))[:32],
	}
	block, err := aes.NewCipher(e.linkKey)
	if err == nil {
		e.links, err = cipher.NewGCM(block)
	}
	if err != nil {
		panic(err) // The key has the right length.
	}
	return e
}

// Answer answers an HTTP request with a path and query. The problem is what is wrong with its body.
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

// enter takes the lock that the call needs.
func (e *Endpoints) enter(c *call) (leave func()) {
	if c.Label == batchLabel {
		return func() {} // Each part takes its own.
	}
	v, leave := e.store.Enter(c.Date, c.route != nil && c.route.writes, c.Variants.ReplicationLag)
	c.tenant, c.current, c.epoch = v.Seen, v.Current, v.Epoch
	return leave
}

// answerGraph checks the caller and runs the endpoint's handler.
func (e *Endpoints) answerGraph(c *call) wire.Answer {
	defer e.enter(c)()
	a := e.answerCharged(c)
	e.settle(c, &a)
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
			a.Units = max(c.refusedUnits, 1) // Throttled calls still count.
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
	case wire.Answer: // of a batch, which is encoded already
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
	if c.route.writes { // None of them documents a query option.
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
