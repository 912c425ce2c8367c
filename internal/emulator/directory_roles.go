package emulator

import (
	"net/http"
	"slices"
	"strings"

	"licensegraph/internal/emulator/tenant"
	"licensegraph/internal/emulator/wire"
)

// directoryRole is what a person may do beside what everybody may. What an
// application may do on behalf of a person is what both may: see [clearance].
type directoryRole struct {
	name      string
	id        string // of its template, as the claim wids has it
	clearance clearance
	guarded   clearance // of who may do sensitive things to its holders; 0 = whoever may to people without a role
}

// directoryRoles are dealt to the first people of the tenant who are neither
// guests nor disabled, in this order. The ids are those of Microsoft Learn,
// "Microsoft Entra built-in roles"; who may do what to their holders is in "Who can
// perform sensitive actions".
var directoryRoles = []directoryRole{
	{"Global Administrator", "62e90394-69f5-4237-9190-012177145e10", everything, managesAll},
	{"License Administrator", "4d6ac14f-3453-41d0-bef9-a3e0c569773a", changesLicenses, managesAll},
	{"User Administrator", "fe930be7-5e62-47db-91af-98c3a49a38b1", changesLicenses | writesDirectory | deletesUsers | deletesGroups, deletesUsers},
	{"Directory Writers", "9360feb5-f418-4baa-8175-e2a00bac4301", changesLicenses | writesDirectory, managesAll},
	{"Directory Readers", "88d8e3e3-8f55-4a1e-953a-9b9898b8876b", readsAll, 0},
	{"Global Reader", "f2ef992c-3afb-46b9-b7cf-a126ee74c451", readsAll, managesAll},
	{"Helpdesk Administrator", "729827e3-9c14-49f7-bb1b-9608f156bbb8", readsDirectory | readsLicenses, deletesUsers},
	{"Groups Administrator", "fdd7a751-b60b-444a-984c-02652fe8fa1c", readsDirectory | licensesGroups | writesGroups | writesMembers | deletesGroups, managesAll},
	{"Identity Governance Administrator", "45d8d3c5-c802-45c6-b32a-1d70b5e1e86e", readsDirectory | writesMembers, managesAll},
	{"Guest Inviter", "95e79109-95c0-4d8e-aee3-d01accf2d47b", readsDirectory | readsDetails, managesAll},
}

// Everybody has one of these in wids, and applications a third.
const (
	memberRole      = "b79fbf4d-3ef9-4689-8143-76b194e85509"
	guestRole       = "10dae51f-b6af-4016-8d66-8c2a99b929b3"
	applicationRole = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"
)

// clearance is what a person may see and change of the tenant, a bit for each. Guests
// see nothing but themselves, and members have the first, by Microsoft Learn, "What are
// the default user permissions in Microsoft Entra ID?". Who may read licenseDetails of
// others, license users and groups and change members is on the pages of these. For
// cloudLicensing no page names roles: the strict reading is that what is of others takes
// one that has to do with licenses.
type clearance uint16

const (
	readsDirectory  clearance = 1 << iota
	readsLicenses             // cloudLicensing of others
	readsDetails              // licenseDetails of others
	licensesUsers             // assignLicense
	licensesGroups            // the same of groups
	assignsLicenses           // cloudLicensing
	setsLocations             // usageLocation alone
	writesUsers
	writesGroups
	writesMembers
	deletesUsers
	deletesGroups
	managesAll // and those who have roles

	readsOneself    clearance = 0
	readsAll                  = readsDirectory | readsLicenses | readsDetails
	changesLicenses           = readsAll | licensesUsers | licensesGroups | assignsLicenses | setsLocations
	writesDirectory           = writesUsers | writesGroups | writesMembers
	everything                = changesLicenses | writesDirectory | deletesUsers | deletesGroups | managesAll
)

// has says whether all of some clearance is there.
func (c clearance) has(some clearance) bool { return c&some == some }

// clearanceOf is what the roles in a token amount to.
func clearanceOf(wids []string) clearance {
	all := readsOneself
	for _, id := range wids {
		if id == memberRole {
			all |= readsDirectory
		}
		if i := slices.IndexFunc(directoryRoles, func(r directoryRole) bool { return r.id == id }); i >= 0 {
			all |= directoryRoles[i].clearance
		}
	}
	return all
}

// own says whether the call is about the very person who makes it, whatever
// the path calls that person. It is asked under the tenant's lock.
func (e *Emulator) own(c *call) bool {
	if c.route.me {
		return true
	}
	if !strings.HasPrefix(c.route.template, "/users/{id}") {
		return false
	}
	i, ok := e.tenant.FindUser(c.params[0])
	return ok && e.tenant.User(i).ID().String() == c.who.user
}

// agentPermissions are good for the users that are agents, and for no others.
var agentPermissions = []string{"AgentIdUser.ReadWrite.All", "AgentIdUser.ReadWrite.IdentityParentedBy"}

// ofAgent says whether the call, which is about one user, is about an agent. It is
// asked under the tenant's lock.
func (e *Emulator) ofAgent(c *call) bool {
	key := c.who.user
	if !c.route.me {
		key = c.params[0]
	}
	i, ok := e.tenant.FindUser(key)
	return ok && e.tenant.User(i).Agent()
}

// needs is the clearance that the call takes of a person.
func (e *Emulator) needs(c *call) clearance {
	switch {
	case c.route.template == "/$batch":
		return readsOneself
	case c.route.clearance > 0:
		return c.route.clearance
	case c.route.writes:
		return assignsLicenses
	case e.own(c):
		return readsOneself
	case strings.HasSuffix(c.route.template, "/licenseDetails"):
		return readsDetails
	case c.route.cloud, strings.HasSuffix(c.route.template, "/membersWithLicenseErrors"):
		return readsLicenses
	}
	return readsDirectory
}

// person is what sign-in has to know of somebody.
type person struct {
	id, name, givenName, surname, principalName string
	guest, disabled                             bool
	role                                        *directoryRole
}

// wids are the roles that the person's tokens carry.
func (p *person) wids() []string {
	switch {
	case p.guest:
		return []string{guestRole}
	case p.role != nil:
		return []string{p.role.id, memberRole}
	}
	return []string{memberRole}
}

// people are all of the tenant, in order, for as long as yield says so.
func (e *Emulator) people(yield func(person) bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	for i := range e.tenant.Users(-1) {
		if !yield(personAt(e.tenant, i)) {
			return
		}
	}
}

// person finds somebody by object id or user principal name, in any case.
func (e *Emulator) person(name string) (person, bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	i, ok := e.tenant.FindUser(name)
	if !ok {
		return person{}, false
	}
	return personAt(e.tenant, i), true
}

func personAt(t *tenant.Tenant, i int32) person {
	u := t.User(i)
	p := person{
		id: u.ID().String(), name: u.Text("displayName"), givenName: u.Text("givenName"), surname: u.Text("surname"),
		principalName: u.UserPrincipalName(), guest: u.Guest(), disabled: !u.Enabled(),
	}
	if n := u.Role(); n > 0 && n <= len(directoryRoles) {
		p.role = &directoryRoles[n-1]
	}
	return p
}

// PersonInRole is the object id of somebody with this directory role, or with none
// where the role is "", and then no guest. It is "" where there is nobody. The roles are
// Global Administrator, License Administrator, User Administrator, Directory Writers,
// Directory Readers, Global Reader, Helpdesk Administrator, Groups Administrator,
// Identity Governance Administrator and Guest Inviter.
func (e *Emulator) PersonInRole(role string) (userID string) {
	e.people(func(p person) bool {
		switch {
		case p.role != nil && p.role.name == role, p.role == nil && role == "" && !p.guest && !p.disabled:
			userID = p.id
			return false
		}
		return true
	})
	return userID
}

// permit checks the caller's permission: of an application its roles, of a
// person the scopes, and besides what the person may.
func (e *Emulator) permit(c *call) *wire.Problem {
	needed, list := c.route.app, c.route.list
	person := c.who.user != ""
	if person {
		needed, list = c.route.scopes, c.route.listScopes
	}
	if c.route.cloud {
		switch c.Variants.Permissions {
		case "list":
			needed = list
		case "":
			needed = with(needed, list)
		}
	}
	if ofOne := c.route.me || strings.HasPrefix(c.route.template, "/users/{id}"); ofOne && !e.ofAgent(c) {
		needed = without(needed, agentPermissions)
	}
	if person && !e.own(c) {
		needed = without(needed, ownScopes)
	}
	allowed := needed == nil || c.who.has(needed) && (c.route.also == nil || c.who.has(c.route.also)) || c.route.me && !person
	if !allowed && c.who.has(c.route.basic) {
		allowed, c.basic = true, true
	}
	refused := person && !c.who.clearance.has(e.needs(c))
	switch {
	case allowed && !refused:
		return nil
	case allowed && c.route.cloud:
		return cloud(http.StatusForbidden, "missingRequiredPermission", "The signed-in user has no directory role that allows this operation.")
	case c.route.cloud:
		return cloud(http.StatusForbidden, "missingRequiredPermission", "The caller lacks a permission that this operation requires, such as %s.", needed[0])
	}
	return wire.Usual(http.StatusForbidden)
}

// without leaves some permissions out of a list of them.
func without(permissions, some []string) []string {
	return slices.DeleteFunc(slices.Clone(permissions), func(p string) bool { return slices.Contains(some, p) })
}
