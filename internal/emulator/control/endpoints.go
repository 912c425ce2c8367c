package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
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
)

// Endpoint is a control endpoint. Its path is relative to [Path].
type Endpoint struct {
	Method, Path, About string
	// handler returns the answer, or an error about the request.
	handler func(*Handler, *http.Request, []byte) (any, error)
}

var endpoints []Endpoint

func init() { // In init, because the first endpoint lists all of them.
	endpoints = []Endpoint{
		{"GET", "", "list the control endpoints", (*Handler).showIndex},
		{"GET", "faults", "list the faults in the queue", (*Handler).showFaults},
		{"POST", "faults", `add a fault, or {"faults":[…]}: names are those of the Go type in lower camel case`, (*Handler).addFaults},
		{"DELETE", "faults", "delete all faults", (*Handler).clearFaults},
		{"GET", "variants", "list the variants", (*Handler).showVariants},
		{"PATCH", "variants", "change variants; null sets the default", (*Handler).changeVariants},
		{"GET", "clock", "the time, and the total advance", (*Handler).showClock},
		{"POST", "clock", `{"advance":"30s"} advances the clock`, (*Handler).advance},
		{"GET", "state", "the tenant as JSON, for PUT and for --state", (*Handler).save},
		{"PUT", "state", "replace the tenant with one saved by GET, or written by hand", (*Handler).load},
		{"PATCH", "allotments/{id}", `{"allottedUnits":50,"state":"suspended"} buys or returns units, or changes the state of the purchases`, (*Handler).changeAllotment},
		{"PATCH", "users/{id}", `{"proxyAddresses":["a@b.example"],"busy":"true"} simulates other services that change a user`, (*Handler).changeUser},
		{"POST", "reset", "restore the initial tenant", (*Handler).reset},
		{"GET", "counts", "requests and cost by endpoint", (*Handler).showCounts},
		{"DELETE", "counts", "delete the counts and the log", (*Handler).forgetCounts},
		{"GET", "requests", "the log, oldest first; ?last=100 limits the number", (*Handler).showRequests},
		{"PATCH", "requests", `{"record":true} starts the log`, (*Handler).record},
		{"POST", "keys/rotate", "sign tokens with the next key", (*Handler).rotateKeys},
		{"POST", "tokens", `{"user":"id or principal name","scopes":["User.Read"]} or {"roles":["User.Read.All"]}; without roles, all that the endpoints require`, (*Handler).makeToken},
	}
}

// Endpoints lists the endpoints.
func Endpoints() []Endpoint { return slices.Clone(endpoints) }

func (h *Handler) showIndex(*http.Request, []byte) (any, error) {
	list := []object{}
	for _, c := range endpoints {
		list = append(list, object{"method": c.Method, "path": Path + c.Path, "about": c.About})
	}
	return object{"endpoints": list, "tenantId": h.c.TenantID, "clientId": h.c.ClientID}, nil
}

func (h *Handler) showFaults(*http.Request, []byte) (any, error) {
	list := []object{}
	for _, f := range h.c.Faults.List() {
		list = append(list, object{"fault": f.Fault, "since": f.Since.UTC().Format(time.RFC3339), "fitted": f.Fit, "met": f.Met})
	}
	return object{"faults": list}, nil
}

func (h *Handler) addFaults(r *http.Request, body []byte) (any, error) {
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
	if err := h.c.Faults.Inject(h.c.Clock.Now(), list.Faults...); errors.Is(err, fault.ErrFull) {
		return nil, fail(http.StatusConflict, "tooMany", "%d faults wait already. DELETE %sfaults forgets them.", fault.MaxQueue, Path)
	} else if err != nil {
		return nil, err
	}
	return h.showFaults(r, nil)
}

func (h *Handler) clearFaults(r *http.Request, _ []byte) (any, error) {
	h.c.Faults.Clear()
	return h.showFaults(r, nil)
}

func (h *Handler) showVariants(*http.Request, []byte) (any, error) {
	v := *h.c.Variants.Load()
	return maps.Collect(settings.Fields(&v)), nil
}

func (h *Handler) changeVariants(r *http.Request, body []byte) (any, error) {
	for {
		before := h.c.Variants.Load()
		after := *before
		if err := after.UnmarshalJSON(body); err != nil {
			return nil, err
		}
		if h.c.Variants.CompareAndSwap(before, &after) {
			return h.showVariants(r, nil)
		}
	}
}

func (h *Handler) showClock(*http.Request, []byte) (any, error) {
	return object{"now": h.c.Clock.Now().UTC().Format(time.RFC3339Nano), "ahead": h.c.Clock.Ahead().String()}, nil
}

func (h *Handler) advance(r *http.Request, body []byte) (any, error) {
	var wanted struct {
		Advance time.Duration `json:"advance"`
	}
	if err := settings.Decode(&wanted, "", body); err != nil {
		return nil, err
	}
	if wanted.Advance == 0 {
		return nil, settings.Wrong("advance", `must be a duration, such as "30s"`)
	}
	if err := h.c.Clock.Advance(wanted.Advance); err != nil {
		return nil, settings.Wrong("advance", "%s", err)
	}
	return h.showClock(r, nil)
}

func (h *Handler) save(*http.Request, []byte) (any, error) {
	// Write to a file first, so that a slow client does not keep the lock.
	f, err := os.CreateTemp("", "tenant-*.json")
	if err != nil {
		return nil, err
	}
	h.c.Store.Read(func(t *tenant.Tenant) { err = t.Save(f) })
	if err == nil {
		_, err = f.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = f.Close()
		_ = os.Remove(f.Name())
		return nil, fail(http.StatusInternalServerError, "internal", "The tenant cannot be saved: %s", err)
	}
	return f, nil
}

func (h *Handler) load(_ *http.Request, body []byte) (any, error) {
	if err := h.c.Load(bytes.NewReader(body)); err != nil {
		return nil, err
	}
	return object{"loaded": true}, nil
}

func (h *Handler) reset(*http.Request, []byte) (any, error) {
	h.c.Reset()
	return object{"reset": true}, nil
}

func (h *Handler) showCounts(*http.Request, []byte) (any, error) {
	list := object{}
	for label, n := range h.c.Traffic.Totals() {
		list[label] = n
	}
	return object{"counts": list}, nil
}

func (h *Handler) forgetCounts(r *http.Request, _ []byte) (any, error) {
	h.c.Traffic.Forget()
	return h.showCounts(r, nil)
}

func (h *Handler) showRequests(r *http.Request, _ []byte) (any, error) {
	last := 100
	if text := r.URL.Query().Get("last"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxShown {
			return nil, settings.Wrong("last", "must be a number from 1 to %d", maxShown)
		}
		last = n
	}
	log, recording := h.c.Traffic.Last(last)
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

func (h *Handler) record(_ *http.Request, body []byte) (any, error) {
	var wanted struct {
		Record bool `json:"record"`
	}
	if err := settings.Decode(&wanted, "", body); err != nil {
		return nil, err
	}
	h.c.Traffic.Keep(wanted.Record)
	return object{"record": wanted.Record}, nil
}

func (h *Handler) rotateKeys(*http.Request, []byte) (any, error) {
	h.c.Tokens.RotateKeys()
	return object{"rotated": true}, nil
}

func (h *Handler) makeToken(_ *http.Request, body []byte) (any, error) {
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
		return nil, settings.Wrong("scopes", "an application has roles; scopes require a user")
	case wanted.User == "":
		return tokenAnswer(h.c.Tokens.ApplicationToken(wanted.Roles))
	case wanted.Roles != nil:
		return nil, settings.Wrong("roles", "a user has scopes; roles require an application")
	}
	var p access.Person
	var found bool
	h.c.Store.Read(func(t *tenant.Tenant) { p, found = access.Find(t, wanted.User) })
	if !found {
		return nil, fail(http.StatusNotFound, "notFound", "User %q not found. GET /v1.0/users lists all users.", settings.Shortened(wanted.User))
	}
	if len(wanted.Scopes) == 0 || slices.ContainsFunc(wanted.Scopes, func(s string) bool { return s == "" || strings.ContainsAny(s, " \t\r\n") }) {
		return nil, settings.Wrong("scopes", `must be a list such as ["User.Read"]`)
	}
	return tokenAnswer(h.c.Tokens.DelegatedToken(p.ID, wanted.Scopes))
}

func tokenAnswer(token string, seconds int) (any, error) {
	return object{"token_type": "Bearer", "access_token": token, "expires_in": seconds}, nil
}
