package emulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/fault"
	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// The control endpoint is under /-/ on the same listener. It is no part of Graph:
// with it, whoever runs the emulator steers it from another process. See
// [Options].Control for who may.
const (
	controlPath    = "/-/"
	controlNotice  = "This is the control endpoint of an embedded test tenant. It is no part of Microsoft Graph."
	maxControlBody = 256 << 10
	maxState       = 256 << 20
	maxShown       = 1_000    // entries of the log in one answer
	maxShownBody   = 16 << 10 // of each
)

// control is one of its endpoints: what it answers, or what the caller did wrong.
type control struct {
	method, path, about string
	handler             func(*Emulator, *http.Request, []byte) (any, error)
}

var controls []control

func init() { // Not a literal: the first one lists them all.
	controls = []control{
		{"GET", "", "this list", (*Emulator).controlIndex},
		{"GET", "faults", "the faults that wait for requests", (*Emulator).controlFaults},
		{"POST", "faults", `add a fault, or {"faults":[…]}: names are those of the Go type, with a small first letter`, (*Emulator).controlInject},
		{"DELETE", "faults", "forget all faults", (*Emulator).controlClear},
		{"GET", "variants", "how this tenant differs", (*Emulator).controlVariants},
		{"PATCH", "variants", "change the variants that are named; null is the default", (*Emulator).controlVary},
		{"GET", "clock", "the time, and how far it was moved on", (*Emulator).controlClock},
		{"POST", "clock", `{"advance":"30s"} moves the clock on`, (*Emulator).controlAdvance},
		{"GET", "state", "the tenant as JSON, for PUT and for --state", (*Emulator).controlSave},
		{"PUT", "state", "put a tenant in place that GET has saved, or one written by hand", (*Emulator).controlLoad},
		{"PATCH", "allotments/{id}", `{"allottedUnits":50,"state":"suspended"} buys or returns units, or changes the state of the purchases`, (*Emulator).controlAllotment},
		{"PATCH", "users/{id}", `{"proxyAddresses":["a@b.example"],"busy":"true"} does what other services do to a person`, (*Emulator).controlUser},
		{"POST", "reset", "bring the tenant back to its first state", (*Emulator).controlReset},
		{"GET", "counts", "what each endpoint was asked for, and what it cost", (*Emulator).controlCounts},
		{"DELETE", "counts", "forget counts and log", (*Emulator).controlForget},
		{"GET", "requests", "the log, oldest first; ?last=100 is how many", (*Emulator).controlRequests},
		{"PATCH", "requests", `{"record":true} begins to keep the log`, (*Emulator).controlRecord},
		{"POST", "keys/rotate", "sign tokens with the next key", (*Emulator).controlRotate},
		{"POST", "tokens", `{"user":"id or principal name","scopes":["User.Read"]} or {"roles":["User.Read.All"]}; without roles all that the endpoints need`, (*Emulator).controlToken},
	}
}

// controlError is what the caller did wrong.
type controlError struct {
	status        int
	code, message string
}

func (e *controlError) Error() string { return e.message }

func controlProblem(status int, code, format string, args ...any) error {
	return &controlError{status, code, fmt.Sprintf(format, args...)}
}

// serveControl answers a request to the control endpoint.
func (e *Emulator) serveControl(w http.ResponseWriter, r *http.Request) {
	body, err := e.control(r)
	status := http.StatusOK
	if err != nil {
		problem := &controlError{http.StatusBadRequest, "invalidRequest", err.Error()}
		_ = errors.As(err, &problem) // Other errors are about what was sent.
		status, body = problem.status, object{"error": object{"code": problem.code, "message": problem.message}}
	}
	file, saved := body.(*os.File)
	if saved {
		defer os.Remove(file.Name())
		defer file.Close()
	}
	if o, ok := body.(object); ok {
		o["notice"] = controlNotice
	}
	h := w.Header()
	h.Set("X-Embedded-Tenant", "control")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if saved {
		_, _ = io.Copy(w, file)
		return
	}
	_, _ = w.Write(append(wire.Encode(body), '\n')) // Nobody is left to tell.
}

func (e *Emulator) control(r *http.Request) (any, error) {
	if err := e.guard(r); err != nil {
		return nil, err
	}
	path := strings.TrimPrefix(r.URL.Path, controlPath)
	var methods []string
	for _, c := range controls {
		if prefix, of := strings.CutSuffix(c.path, "{id}"); c.path != path && (!of || !strings.HasPrefix(path, prefix) || strings.Count(path, "/") != 1 || len(path) == len(prefix)) {
			continue
		}
		if c.method != r.Method {
			methods = append(methods, c.method)
			continue
		}
		limit := int64(maxControlBody)
		if c.path == "state" {
			limit = maxState
		}
		body, err := controlBody(r, limit)
		if err != nil {
			return nil, err
		}
		return c.handler(e, r, body)
	}
	if methods != nil {
		return nil, controlProblem(http.StatusMethodNotAllowed, "methodNotAllowed", "%s takes %s.", r.URL.Path, strings.Join(methods, ", "))
	}
	return nil, controlProblem(http.StatusNotFound, "notFound", "There is no such thing here. GET %s lists what is.", controlPath)
}

// guard refuses what a web page can do in somebody's browser, be it under a name
// of its own that leads here (DNS rebinding); and other machines, unless the
// endpoint is open.
func (e *Emulator) guard(r *http.Request) error {
	refuse := func(format string, args ...any) error {
		return controlProblem(http.StatusForbidden, "forbidden", format, args...)
	}
	if origin := r.Header.Get("Origin"); origin != "" {
		u, err := url.Parse(origin)
		if err != nil || u.Host == "" || u.Host != r.Host {
			return refuse("Web pages of other origins cannot use the control endpoint.")
		}
	}
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" && site != "none" {
		return refuse("Web pages of other sites cannot use the control endpoint.")
	}
	if e.controlFor == "open" {
		return nil
	}
	if host := (&url.URL{Host: r.Host}).Hostname(); !wire.IsLoopback(host) {
		return refuse("The control endpoint answers under the names of this machine, such as localhost. Start the emulator with an open one for others.")
	}
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !wire.IsLoopback(peer) {
		return refuse("The control endpoint answers this machine alone. Start the emulator with an open one for others.")
	}
	for name := range r.Header {
		if name == "Forwarded" || name == "Via" || name == "X-Real-Ip" || strings.HasPrefix(name, "X-Forwarded-") {
			return refuse("The control endpoint does not answer through a proxy. Start the emulator with an open one for that.")
		}
	}
	return nil
}

// controlBody reads a body, which is JSON if there is one.
func controlBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, limit+1))
	switch {
	case err != nil:
		return nil, controlProblem(http.StatusBadRequest, "invalidRequest", "The body cannot be read.")
	case int64(len(body)) > limit:
		return nil, controlProblem(http.StatusRequestEntityTooLarge, "tooLarge", "The body is longer than %d bytes.", limit)
	case len(body) == 0:
		return nil, nil
	}
	if mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || mediaType != "application/json" {
		return nil, controlProblem(http.StatusUnsupportedMediaType, "unsupportedMediaType", "The body has to be sent with Content-Type: application/json.")
	}
	return body, nil
}

func (e *Emulator) controlIndex(*http.Request, []byte) (any, error) {
	list := []object{}
	for _, c := range controls {
		list = append(list, object{"method": c.method, "path": controlPath + c.path, "about": c.about})
	}
	return object{"endpoints": list, "tenantId": e.id, "clientId": e.entra.ClientID()}, nil
}

func (e *Emulator) controlFaults(*http.Request, []byte) (any, error) {
	list := []object{}
	for _, f := range e.faults.List() {
		list = append(list, object{"fault": f.Fault, "since": f.Since.UTC().Format(time.RFC3339), "fitted": f.Fit, "met": f.Met})
	}
	return object{"faults": list}, nil
}

func (e *Emulator) controlInject(r *http.Request, body []byte) (any, error) {
	var list struct {
		Faults []fault.Fault `json:"faults"`
	}
	var several struct{ Faults json.RawMessage }
	if json.Unmarshal(body, &several) == nil && several.Faults != nil {
		if err := settings.Decode(&list, "", body); err != nil {
			return nil, err
		}
	} else {
		var f fault.Fault
		if err := f.UnmarshalJSON(body); err != nil {
			return nil, err
		}
		list.Faults = []fault.Fault{f}
	}
	if err := e.faults.Inject(e.clock.Now(), list.Faults...); errors.Is(err, fault.ErrFull) {
		return nil, controlProblem(http.StatusConflict, "tooMany", "%d faults wait already. DELETE %sfaults forgets them.", fault.MaxQueue, controlPath)
	} else if err != nil {
		return nil, err
	}
	return e.controlFaults(r, nil)
}

func (e *Emulator) controlClear(r *http.Request, _ []byte) (any, error) {
	e.faults.Clear()
	return e.controlFaults(r, nil)
}

func (e *Emulator) controlVariants(*http.Request, []byte) (any, error) {
	v := *e.variants.Load()
	return maps.Collect(settings.Fields(&v)), nil
}

func (e *Emulator) controlVary(r *http.Request, body []byte) (any, error) {
	for {
		before := e.variants.Load()
		after := *before
		if err := after.UnmarshalJSON(body); err != nil {
			return nil, err
		}
		if e.variants.CompareAndSwap(before, &after) {
			return e.controlVariants(r, nil)
		}
	}
}

func (e *Emulator) controlClock(*http.Request, []byte) (any, error) {
	return object{"now": e.clock.Now().UTC().Format(time.RFC3339Nano), "ahead": e.clock.Ahead().String()}, nil
}

func (e *Emulator) controlAdvance(r *http.Request, body []byte) (any, error) {
	var wanted struct {
		Advance time.Duration `json:"advance"`
	}
	if err := settings.Decode(&wanted, "", body); err != nil {
		return nil, err
	}
	if wanted.Advance == 0 {
		return nil, settings.Wrong("advance", `it is a duration, such as "30s"`)
	}
	if err := e.clock.Advance(wanted.Advance); err != nil {
		return nil, settings.Wrong("advance", "%s", err)
	}
	return e.controlClock(r, nil)
}

func (e *Emulator) controlSave(*http.Request, []byte) (any, error) {
	// Into a file first: nobody has to wait for whoever reads slowly.
	f, err := os.CreateTemp("", "tenant-*.json")
	if err != nil {
		return nil, err
	}
	err = e.Save(f)
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return nil, controlProblem(http.StatusInternalServerError, "internal", "The tenant cannot be saved: %s", err)
	}
	return f, nil
}

func (e *Emulator) controlLoad(_ *http.Request, body []byte) (any, error) {
	if err := e.Load(bytes.NewReader(body)); err != nil {
		return nil, err
	}
	return object{"loaded": true}, nil
}

func (e *Emulator) controlReset(*http.Request, []byte) (any, error) {
	e.Reset()
	return object{"reset": true}, nil
}

func (e *Emulator) controlCounts(*http.Request, []byte) (any, error) {
	list := object{}
	for label, n := range e.traffic.Totals() {
		list[label] = n
	}
	return object{"counts": list}, nil
}

func (e *Emulator) controlForget(r *http.Request, _ []byte) (any, error) {
	e.traffic.Forget()
	return e.controlCounts(r, nil)
}

func (e *Emulator) controlRequests(r *http.Request, _ []byte) (any, error) {
	last := 100
	if text := r.URL.Query().Get("last"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxShown {
			return nil, settings.Wrong("last", "it is a number from 1 to %d", maxShown)
		}
		last = n
	}
	log, recording := e.traffic.Last(last)
	list := []object{}
	for _, entry := range log {
		o := maps.Collect(settings.Fields(&entry))
		switch body := entry.Body; {
		case len(body) == 0:
		case len(body) > maxShownBody:
			o["body"], o["bodyCut"] = strings.ToValidUTF8(string(body[:maxShownBody]), "\uFFFD"), true
		case json.Valid(body):
			o["body"] = json.RawMessage(body)
		case utf8.Valid(body):
			o["body"] = string(body)
		}
		list = append(list, o)
	}
	return object{"record": recording, "requests": list}, nil
}

func (e *Emulator) controlRecord(_ *http.Request, body []byte) (any, error) {
	var wanted struct {
		Record bool `json:"record"`
	}
	if err := settings.Decode(&wanted, "", body); err != nil {
		return nil, err
	}
	e.traffic.Keep(wanted.Record)
	return object{"record": wanted.Record}, nil
}

func (e *Emulator) controlRotate(*http.Request, []byte) (any, error) {
	e.entra.RotateKeys()
	return object{"rotated": true}, nil
}

func (e *Emulator) controlToken(_ *http.Request, body []byte) (any, error) {
	var wanted struct {
		User   string   `json:"user"`
		Scopes []string `json:"scopes"`
		Roles  []string `json:"roles"`
	}
	if body != nil {
		if err := settings.Decode(&wanted, "", body); err != nil {
			return nil, err
		}
	}
	switch {
	case wanted.User == "" && wanted.Scopes != nil:
		return nil, settings.Wrong("scopes", "an application has roles; scopes go with a user")
	case wanted.User == "":
		return tokenAnswer(e.entra.ApplicationToken(wanted.Roles))
	case wanted.Roles != nil:
		return nil, settings.Wrong("roles", "a user has scopes; roles are an application's")
	}
	var p access.Person
	var found bool
	e.store.Read(func(t *tenant.Tenant) { p, found = access.Find(t, wanted.User) })
	if !found {
		return nil, controlProblem(http.StatusNotFound, "notFound", "There is no user %q. GET /v1.0/users lists them.", settings.Shortened(wanted.User))
	}
	if len(wanted.Scopes) == 0 || slices.ContainsFunc(wanted.Scopes, func(s string) bool { return s == "" || strings.ContainsAny(s, " \t\r\n") }) {
		return nil, settings.Wrong("scopes", `they are a list such as ["User.Read"]`)
	}
	return tokenAnswer(e.entra.DelegatedToken(p.ID, wanted.Scopes))
}

func tokenAnswer(token string, seconds int) (any, error) {
	return object{"token_type": "Bearer", "access_token": token, "expires_in": seconds}, nil
}

type object = map[string]any
