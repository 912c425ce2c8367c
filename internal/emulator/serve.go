package emulator

import (
	"net/http"
	"strings"

	"licensegraph/internal/emulator/wire"
)

func (e *Emulator) newCall(r *http.Request) *wire.Call {
	c := &wire.Call{
		Ctx:      r.Context(),
		Variants: e.variants.Load(),
		Base:     wire.Origin(r),
		Method:   r.Method,
		RawQuery: r.URL.RawQuery,
		Header:   r.Header,
		Date:     e.now(),
		Label:    wire.Other,
	}
	c.RequestID = e.dice.GUID("request", int(e.answers.Add(1))).String()
	c.ClientRequestID = c.RequestID
	if id := r.Header.Get("client-request-id"); id != "" && len(id) <= 128 {
		c.ClientRequestID = id
	}
	return c
}

// answer reads the body, and answers as the page at the root, as Entra or as Graph.
func (e *Emulator) answer(c *wire.Call, r *http.Request) wire.Answer {
	body, problem := wire.ReadBody(r)
	c.Body = body
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if first == "" && rest == "" {
		return e.frontPage(c)
	}
	if first != "beta" && first != "v1.0" {
		return e.entra.Answer(c, first, rest)
	}
	c.Version, c.Path = first, rest
	return e.answerRequest(c, r.URL.RequestURI(), problem)
}

// answerRequest answers an HTTP request to Graph. The problem is what is wrong with its body.
func (e *Emulator) answerRequest(outer *wire.Call, uri string, problem *wire.Problem) wire.Answer {
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
func (e *Emulator) enter(c *call) (leave func()) {
	if c.Label == batchLabel {
		return func() {} // Each part takes its own.
	}
	v, leave := e.store.Enter(c.Date, c.route != nil && c.route.writes, c.Variants.ReplicationLag)
	c.tenant, c.current, c.epoch = v.Seen, v.Current, v.Epoch
	return leave
}

// answerGraph checks the caller and runs the endpoint's handler.
func (e *Emulator) answerGraph(c *call) wire.Answer {
	defer e.enter(c)()
	a := e.answerCharged(c)
	e.settle(c, &a)
	return a
}

func (e *Emulator) answerCharged(c *call) wire.Answer {
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

func (e *Emulator) handle(c *call) (any, *wire.Problem) {
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
	if c.Method != c.route.method {
		return nil, wire.Usual(http.StatusMethodNotAllowed)
	}
	if c.route.cloud {
		if p := cloudAvailable(c); p != nil {
			return nil, p
		}
	}
	if p := e.permit(c); p != nil {
		return nil, p
	}
	if c.route.me && who.user == "" {
		return nil, wire.NotParsed("/me request is only valid with delegated authentication flow.")
	}
	if c.route.writes { // None of them documents a query option.
		d := directory
		if c.route.cloud {
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
