package control

import (
	"net/http"
	"strings"
	"time"

	"licensegraph/internal/emulator/settings"
	"licensegraph/internal/emulator/tenant"
)

// maxAddress is the maximum length of an address.
const maxAddress = 256

// changeAllotment changes the units of an allotment, or the state of its
// subscriptions.
func (h *Handler) changeAllotment(r *http.Request, body []byte) (any, error) {
	var wanted struct {
		AllottedUnits int    `json:"allottedUnits"`
		State         string `json:"state"`
	}
	wanted.AllottedUnits = -1
	if err := settings.Decode(&wanted, "", body); err != nil {
		return nil, err
	}
	var answer object
	err := h.c.Store.Change(func(t *tenant.Tenant, now time.Time) error {
		a := t.Allotment(lastSegment(r))
		if a == nil {
			return fail(http.StatusNotFound, "notFound", "Allotment not found.")
		}
		state := tenant.Lifecycle(wanted.State)
		if state == "" {
			state = a.Lifecycle()
		}
		if !tenant.KnownLifecycle(state) {
			return settings.Wrong("state", "must be active, warning, suspended, lockedOut or deleted")
		}
		units := wanted.AllottedUnits
		if units == -1 {
			units = a.Allotted()
		}
		if units < 0 || units > tenant.MaxUnits {
			return settings.Wrong("allottedUnits", "must be a number from 0 to %d", tenant.MaxUnits)
		}
		t.Provide(a, units, state, tenant.When{Now: now, Delay: h.c.Variants.Load().EffectDelay()})
		answer = object{"id": a.ID, "allottedUnits": a.Allotted(), "consumedUnits": a.Consumed(), "state": state}
		return nil
	})
	return answer, err
}

// changeUser changes properties of a user that services other than Graph set.
func (h *Handler) changeUser(r *http.Request, body []byte) (any, error) {
	var wanted struct {
		ProxyAddresses []string `json:"proxyAddresses"`
		Busy           string   `json:"busy"`
	}
	if err := settings.Decode(&wanted, "", body); err != nil {
		return nil, err
	}
	var answer object
	err := h.c.Store.Change(func(t *tenant.Tenant, _ time.Time) error {
		i, ok := t.FindUser(lastSegment(r))
		if !ok {
			return fail(http.StatusNotFound, "notFound", "User not found.")
		}
		if wanted.ProxyAddresses != nil {
			for _, address := range wanted.ProxyAddresses {
				if local, domain, at := strings.Cut(address, "@"); !at || local == "" || domain == "" || len(address) > maxAddress {
					return settings.Wrong("proxyAddresses", "invalid address %q", settings.Shortened(address))
				}
			}
			if refused := t.SetAddresses(i, wanted.ProxyAddresses); refused != nil {
				return settings.Wrong("proxyAddresses", "%s", refused.Message)
			}
		}
		switch wanted.Busy {
		case "":
		case "true", "false":
			t.SetBusy(i, wanted.Busy == "true")
		default:
			return settings.Wrong("busy", `must be "true" or "false"`)
		}
		answer = object{"id": t.User(i).ID().String(), "proxyAddresses": t.Addresses(i)}
		return nil
	})
	return answer, err
}

func lastSegment(r *http.Request) string {
	return r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
}
