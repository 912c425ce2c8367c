package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

func init() {
	register([]Route{
		{Method: post, Template: "/users/{id}/assignLicense", handler: (*Endpoints).assignUserLicense, App: assignUser, Scopes: assignUser, clearance: access.LicensesUsers},
		{Method: post, Template: "/me/assignLicense", handler: (*Endpoints).assignUserLicense, Me: true, App: assignUser, Scopes: assignUser, clearance: access.LicensesUsers},
		{Method: post, Template: "/users/{id}/reprocessLicenseAssignment", handler: (*Endpoints).reprocessLicenses, App: reprocess, Scopes: reprocess, clearance: access.LicensesUsers},
		{Method: post, Template: "/me/reprocessLicenseAssignment", handler: (*Endpoints).reprocessLicenses, Me: true, App: reprocess, Scopes: reprocess, clearance: access.LicensesUsers},
		{Method: post, Template: "/groups/{id}/assignLicense", handler: (*Endpoints).assignGroupLicense, App: assignGroup, Scopes: assignGroup, clearance: access.LicensesGroups},
	})
}

const maxLicenses = 100

func (e *Endpoints) readLicenseChange(c *call) (change tenant.LicenseChange, p *wire.Problem) {
	body, p := c.members([]string{"addLicenses", "removeLicenses"})
	if p != nil {
		return change, p
	}
	var add, remove []json.RawMessage
	for _, one := range []struct {
		name string
		list *[]json.RawMessage
	}{{"addLicenses", &add}, {"removeLicenses", &remove}} {
		if json.Unmarshal(body[one.name], one.list) != nil || *one.list == nil || len(*one.list) > maxLicenses {
			return change, badRequest("The parameter '%s' is missing or is not a collection of at most %d.", one.name, maxLicenses)
		}
	}
	seen := map[tenant.Sku]bool{}
	once := func(raw json.RawMessage) (tenant.Sku, *wire.Problem) {
		var id string
		if json.Unmarshal(raw, &id) != nil {
			return 0, badRequest("A skuId is missing or is not a GUID.")
		}
		if _, ok := tenant.ParseGUID(id); !ok {
			return 0, badRequest("A skuId is missing or is not a GUID.")
		}
		s, ok := c.tenant.SkuWithID(id)
		switch {
		case !ok:
			return 0, badRequest("License %s does not correspond to a valid company License.", strings.ToLower(id))
		case seen[s]:
			return 0, badRequest("License %s is named more than once.", strings.ToLower(id))
		}
		seen[s] = true
		return s, nil
	}
	for _, raw := range add {
		one, p := jsonMembers(raw, []string{"skuId", "disabledPlans", "@odata.type"})
		if p != nil {
			return change, p
		}
		s, p := once(one["skuId"])
		if p != nil {
			return change, p
		}
		l := tenant.Licensed{Sku: s}
		if one["disabledPlans"] != nil {
			if l.Off, p = plansOff(one["disabledPlans"], c.tenant.Product(s)); p != nil {
				return change, badRequest("%s", p.Message)
			}
		}
		change.Add = append(change.Add, l)
	}
	for _, raw := range remove {
		s, p := once(raw)
		if p != nil {
			return change, p
		}
		change.Remove = append(change.Remove, s)
	}
	return change, nil
}

// assignUserLicense applies all changes immediately, or none.
func (e *Endpoints) assignUserLicense(c *call) (any, *wire.Problem) {
	change, p := e.readLicenseChange(c)
	if p != nil {
		return nil, p
	}
	i, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	if refused := c.tenant.AssignUserLicense(i, change, c.when()); refused != nil {
		return nil, badRequest("%s", refused.Message)
	}
	return e.answerUser(c, i), nil
}

// answerUser renders a user with the licenses.
func (e *Endpoints) answerUser(c *call, i int32) object {
	sel := []string{"accountEnabled", "assignedLicenses", "assignedPlans", "city", "companyName", "department", "usageLocation", "userType"}
	o := c.renderUser(i, append(sel, userType.defaults()...))
	o["@odata.context"] = c.context("users/$entity")
	return o
}

// assignGroupLicense answers that the change is accepted. Its result is in the
// license states of the members.
func (e *Endpoints) assignGroupLicense(c *call) (any, *wire.Problem) {
	change, p := e.readLicenseChange(c)
	if p != nil {
		return nil, p
	}
	i, p := e.pathGroup(c)
	if p != nil {
		return nil, p
	}
	g := c.tenant.Group(i)
	now := g.Licensed()
	if e.changesOf != c.epoch {
		e.groupChanges, e.changesOf = map[tenant.GUID]groupChanged{}, c.epoch
	}
	if last, ok := e.groupChanges[g.ID()]; ok && c.Date.Sub(last.at) < c.Variants.LostUpdates {
		change = lostUpdate(last.before, now, change)
	}
	if refused := c.tenant.AssignGroupLicense(i, change, c.when()); refused != nil {
		return nil, badRequest("%s", refused.Message)
	}
	e.groupChanges[g.ID()] = groupChanged{c.Date, now}
	o := groupType.render(c, g, nil)
	o["@odata.context"] = c.context("groups/$entity")
	location := fmt.Sprintf("%s/v2/%s/directoryObjects/%s/Microsoft.DirectoryServices.Group", c.Base, e.id, g.ID())
	return outcome{http.StatusAccepted, map[string]string{"Location": location}, o}, nil
}

// groupChanged is the time of a license change of a group and the previous
// licenses.
type groupChanged struct {
	at     time.Time
	before []tenant.Licensed
}

// lostUpdate returns a change that overwrites the previous one: licenses that the
// change does not contain revert to their state before the previous change.
func lostUpdate(before, now []tenant.Licensed, change tenant.LicenseChange) tenant.LicenseChange {
	named := func(s tenant.Sku) bool {
		return slices.Contains(change.Remove, s) || slices.ContainsFunc(change.Add, func(l tenant.Licensed) bool { return l.Sku == s })
	}
	lost := tenant.LicenseChange{Add: slices.Clone(change.Add), Remove: slices.Clone(change.Remove)}
	for _, l := range before {
		if !named(l.Sku) && !slices.Contains(now, l) {
			lost.Add = append(lost.Add, l)
		}
	}
	for _, l := range now {
		if !named(l.Sku) && !slices.ContainsFunc(before, func(b tenant.Licensed) bool { return b.Sku == l.Sku }) {
			lost.Remove = append(lost.Remove, l.Sku)
		}
	}
	return lost
}

func (e *Endpoints) reprocessLicenses(c *call) (any, *wire.Problem) {
	if p := c.emptyBody(); p != nil {
		return nil, p
	}
	i, p := e.pathUser(c)
	if p != nil {
		return nil, p
	}
	c.tenant.Reprocess(tenant.Ref{Kind: tenant.User, At: i}, c.when())
	return e.answerUser(c, i), nil
}
