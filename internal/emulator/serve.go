package emulator

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"licensegraph/internal/emulator/tenant"
)

const (
	maxBody = 4 << 20  // of a request, after decompression
	maxURL  = 16 << 10 // path and query of an HTTP request; parts of a batch may be longer
)

// call is one request, or one part of a batch, on its way to a handler.
type call struct {
	ctx      context.Context
	variants *Variants
	tenant   *tenant.Tenant // with the lock that the call needs
	base     string         // scheme and host as the client sees them
	method   string
	version  string // "beta" or "v1.0"
	path     string // after the version, still escaped
	rawQuery string
	header   http.Header
	body     []byte
	part     bool
	verified *claims // of the token, where it is that of the batch

	requestID, clientRequestID string
	date                       time.Time

	route  *route // nil when the path is none of Graph's
	label  string
	params []string // values of {id} in the route
	who    *identity
	basic  bool       // the caller may read basic properties alone
	query  url.Values // the options in effect: of the link's first page on later pages

	paid         *ticket // what it was charged; nil when nothing was
	usage        float64 // of the nearest limit
	refusedUnits int     // its price, when it was throttled
}

// root is where the version's resources begin.
func (c *call) root() string { return c.base + "/" + c.version }

// context is an @odata.context.
func (c *call) context(fragment string) string { return c.root() + "/$metadata#" + fragment }

// answer is what goes back: over HTTP, or into the answer of a batch.
type answer struct {
	status int
	header map[string]string
	body   []byte // nil: no content
	units  int    // resource units
	plain  bool   // not of Graph: no OData
	cut    bool   // no answer at all

	faulty      bool     // a fault made it or changed it
	faultyParts []string // the same of parts of a batch, by their ids

	damage string        // how the connection ends in the middle: "cut" or "stalled"; "" = it does not
	stall  time.Duration // how long "stalled" takes, or what is cut
}

func (a *answer) set(name, value string) {
	if a.header == nil {
		a.header = map[string]string{}
	}
	a.header[name] = value
}

func (e *Emulator) newCall(r *http.Request) *call {
	c := &call{
		ctx:      r.Context(),
		variants: e.variants.Load(),
		base:     origin(r),
		method:   r.Method,
		rawQuery: r.URL.RawQuery,
		header:   r.Header,
		date:     e.now(),
		label:    other,
	}
	c.requestID = e.dice.GUID("request", int(e.answers.Add(1))).String()
	c.clientRequestID = c.requestID
	if id := r.Header.Get("client-request-id"); id != "" && len(id) <= 128 {
		c.clientRequestID = id
	}
	return c
}

// answer reads the body, finds the endpoint and lets a fault or the endpoint
// answer.
func (e *Emulator) answer(c *call, r *http.Request) answer {
	body, problem := readBody(r)
	c.body = body
	first, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/"), "/")
	if first == "" && rest == "" {
		return e.frontPage(c)
	}
	if first != "beta" && first != "v1.0" {
		return e.answerSignIn(c, first, rest)
	}
	c.version, c.path = first, rest
	if a, ok := c.preflight(); ok {
		return a
	}
	e.find(c)
	real := func() answer {
		if problem == nil && len(r.URL.RequestURI()) > maxURL {
			problem = usualProblem(http.StatusRequestURITooLong)
		}
		if problem != nil {
			return problem.answer(c)
		}
		return e.answerGraph(c)
	}
	if f := e.faults.next(c, r.URL.RequestURI()); f != nil {
		return f.apply(e, c, real)
	}
	return real()
}

func readBody(r *http.Request) ([]byte, *problem) {
	if r.Body == nil {
		return nil, nil
	}
	reader := io.Reader(r.Body)
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(io.LimitReader(r.Body, maxBody))
		if err != nil {
			return nil, notParsed("The request body is not valid gzip.")
		}
		reader = z
	default:
		return nil, usualProblem(http.StatusUnsupportedMediaType)
	}
	body, err := io.ReadAll(io.LimitReader(reader, maxBody+1))
	switch {
	case err != nil:
		return nil, notParsed("The request body cannot be read.")
	case len(body) > maxBody:
		return nil, usualProblem(http.StatusRequestEntityTooLarge)
	}
	return body, nil
}

// enter takes the lock that the call needs, and lets happen what is due by then.
func (e *Emulator) enter(c *call) (leave func()) {
	if c.label == batchLabel {
		return func() {} // Each part takes its own.
	}
	writes := c.route != nil && c.route.writes
	if !writes {
		e.mu.RLock()
		if c.tenant = e.readable(c); !c.tenant.Due(c.date) {
			return e.mu.RUnlock
		}
		e.mu.RUnlock()
	}
	e.mu.Lock()
	entered := false
	defer func() {
		if !entered { // by a panic
			e.mu.Unlock()
		}
	}()
	e.tenant.Advance(c.date)
	if c.tenant = e.readable(c); writes {
		e.replicate(c)
		c.tenant = e.tenant
	}
	c.tenant.Advance(c.date)
	entered = true
	return e.mu.Unlock
}

// readable is the tenant that readers see.
func (e *Emulator) readable(c *call) *tenant.Tenant {
	if e.replica != nil && c.date.Before(e.until) {
		return e.replica
	}
	return e.tenant
}

// replicate keeps, before a change, what readers are to see for a while.
func (e *Emulator) replicate(c *call) {
	lag := c.variants.ReplicationLag
	if lag <= 0 || e.replica != nil && c.date.Before(e.until) {
		return
	}
	copied, err := e.tenant.Copy()
	if err != nil {
		panic(err) // What is saved can be loaded: tests hold it over random histories.
	}
	e.replica, e.until = copied, c.date.Add(lag)
}

// answerGraph checks the caller and runs the endpoint's handler.
func (e *Emulator) answerGraph(c *call) answer {
	defer e.enter(c)()
	a := e.answerCharged(c)
	e.charged(c, &a)
	return a
}

func (e *Emulator) answerCharged(c *call) answer {
	body, p := e.handle(c)
	units := c.cost()
	if p != nil {
		a := p.answer(c)
		switch p.status {
		case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusMethodNotAllowed:
		case http.StatusTooManyRequests:
			a.units = max(c.refusedUnits, 1) // Throttled calls still count.
		default:
			a.units = units
		}
		return a
	}
	a := answer{status: http.StatusOK, units: units}
	switch body := body.(type) {
	case nil:
		a.status = http.StatusNoContent
	case outcome:
		a.status, a.header = body.status, body.header
		if body.body != nil {
			a.body = encode(body.body)
		}
	case answer: // of a batch, which is encoded already
		return body
	default:
		a.body = encode(body)
	}
	return a
}

func (e *Emulator) handle(c *call) (any, *problem) {
	who, p := e.authenticate(c)
	if p != nil {
		return nil, p
	}
	c.who = who
	if p := e.throttled(c); p != nil {
		return nil, p
	}
	if segments, ok := segmentsOf(c.path); ok {
		if what := otherCall(c.method, segments); what != "" {
			return nil, notImplemented(what)
		}
	}
	if c.route == nil {
		return nil, e.notFound(c)
	}
	if c.method != c.route.method {
		return nil, usualProblem(http.StatusMethodNotAllowed)
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
		return nil, notParsed("/me request is only valid with delegated authentication flow.")
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

func cloudAvailable(c *call) *problem {
	switch c.variants.CloudLicensing {
	case "forbidden":
		return cloud(http.StatusForbidden, "missingRequiredPermission", "The caller lacks a permission that this operation requires.")
	case "missing":
		return cloud(http.StatusNotFound, "resourceNotFound", "The requested resource does not exist.")
	}
	return nil
}

const jsonType = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"

// headers are those of every answer, alone or in a batch.
func (a *answer) headers() map[string]string {
	h := map[string]string{"Cache-Control": "no-cache"}
	if a.body != nil {
		h["Content-Type"] = "application/json"
	}
	if a.status < 300 && !a.plain {
		h["OData-Version"] = "4.0"
		if a.body != nil {
			h["Content-Type"] = jsonType
		}
	}
	if a.units > 0 {
		h["x-ms-resource-unit"] = strconv.Itoa(a.units)
	}
	for name, value := range a.header {
		h[name] = value
	}
	return h
}

func (a *answer) write(w http.ResponseWriter, c *call) {
	if a.cut {
		_ = sleep(c.ctx, a.stall) // Either way the connection ends.
		panic(http.ErrAbortHandler)
	}
	h := w.Header()
	for name, value := range a.headers() {
		h.Set(name, value)
	}
	h.Set("request-id", c.requestID)
	h.Set("client-request-id", c.clientRequestID)
	h.Set("Date", c.date.UTC().Format(http.TimeFormat))
	h.Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"Embedded","Slice":"E","Ring":"0","ScaleUnit":"000","RoleInstance":"EMBEDDED"}}`)
	if c.version != "" {
		c.setGraphHeaders(h)
	}
	zip := a.damage == "" && len(a.body) >= minGzip && acceptsGzip(c.header)
	switch {
	case zip:
		h.Set("Content-Encoding", "gzip")
	case a.body != nil:
		h.Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	w.WriteHeader(a.status)
	switch {
	case a.damage != "":
		a.abandon(w, c)
	case c.method == http.MethodHead:
	case zip:
		writeGzip(w, a.body)
	default:
		_, _ = w.Write(a.body) // Nobody is left to tell.
	}
}

// setGraphHeaders are those of every HTTP answer of Graph, as seen on the wire.
// Strict-Transport-Security is not said of localhost: a browser would apply it to
// all that runs there.
func (c *call) setGraphHeaders(h http.Header) {
	h.Set("Vary", "Accept-Encoding")
	if u, err := url.Parse(c.base); err == nil && u.Scheme == "https" && u.Hostname() != "localhost" && !strings.HasSuffix(u.Hostname(), ".localhost") {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	if c.header.Get("Origin") != "" {
		h.Set("Access-Control-Allow-Origin", "*")
		h.Set("Access-Control-Expose-Headers", exposed)
	}
}
