package api

import (
	"net/http"
	"slices"
	"strings"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/wire"
)

// agentPermissions apply only to users that are agents.
var agentPermissions = []string{"AgentIdUser.ReadWrite.All", "AgentIdUser.ReadWrite.IdentityParentedBy"}

// ownScopes apply only to the signed-in user.
var ownScopes = []string{"User.Read", "User.ReadWrite"}

// own reports whether the call is about its own user, by any identifier in the
// path.
func (e *Endpoints) own(c *call) bool {
	if c.route.Me {
		return true
	}
	if !strings.HasPrefix(c.route.Template, "/users/{id}") {
		return false
	}
	i, ok := c.current.FindUser(c.params[0])
	return ok && c.current.User(i).ID().String() == c.who.user
}

// ofAgent reports whether the call is about a user that is an agent.
func (e *Endpoints) ofAgent(c *call) bool {
	key := c.who.user
	if !c.route.Me {
		key = c.params[0]
	}
	i, ok := c.current.FindUser(key)
	return ok && c.current.User(i).Agent()
}

// requiredClearance returns the clearance that a user requires for the call.
func (e *Endpoints) requiredClearance(c *call) access.Clearance {
	switch {
	case c.route.Template == "/$batch":
		return access.ReadsOneself
	case c.route.clearance > 0:
		return c.route.clearance
	case c.route.writes:
		return access.AssignsLicenses
	case e.own(c):
		return access.ReadsOneself
	case strings.Contains(c.route.Template, "/licenseDetails"):
		return access.ReadsDetails
	case c.route.Cloud, strings.HasSuffix(c.route.Template, "/membersWithLicenseErrors"):
		return access.ReadsLicenses
	}
	return access.ReadsDirectory
}

// permit checks the permissions of the caller: the roles of an application, or
// the scopes and the clearance of a user.
func (e *Endpoints) permit(c *call) *wire.Problem {
	needed, list := c.route.App, c.route.list
	person := c.who.user != ""
	if person {
		needed, list = c.route.Scopes, c.route.listScopes
	}
	if c.route.Cloud {
		switch c.Variants.Permissions {
		case "list":
			needed = list
		case "":
			needed = with(needed, list)
		}
	}
	if ofOne := c.route.Me || strings.HasPrefix(c.route.Template, "/users/{id}"); ofOne && !e.ofAgent(c) {
		needed = without(needed, agentPermissions)
	}
	if person && !e.own(c) {
		needed = without(needed, ownScopes)
	}
	allowed := needed == nil || c.who.has(needed) && (c.route.also == nil || c.who.has(c.route.also)) || c.route.Me && !person
	if !allowed && c.who.has(c.route.Basic) {
		allowed, c.basic = true, true
	}
	refused := person && !c.who.clearance.Has(e.requiredClearance(c))
	switch {
	case allowed && !refused:
		return nil
	case allowed && c.route.Cloud:
		return cloud(http.StatusForbidden, "missingRequiredPermission", "The signed-in user has no directory role that allows this operation.")
	case c.route.Cloud:
		return cloud(http.StatusForbidden, "missingRequiredPermission", "The caller lacks a permission that this operation requires, such as %s.", needed[0])
	}
	return wire.Usual(http.StatusForbidden)
}

// without returns permissions without some of them.
func without(permissions, some []string) []string {
	return slices.DeleteFunc(slices.Clone(permissions), func(p string) bool { return slices.Contains(some, p) })
}
