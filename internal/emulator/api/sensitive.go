package api

import (
	"net/http"
	"slices"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/wire"
)

// sensitive are the properties of a user that Microsoft Learn, "Who can perform
// sensitive actions", guards. So is deletion.
var sensitive = []string{"accountEnabled", "businessPhones", "mobilePhone", writeOnly, "userPrincipalName"}

// mayGuard refuses what the caller may not do to a person, by the directory roles
// of both. The properties are those to be written; none is deletion. People without
// a role, and Directory Readers, are everybody's who may write people. To others it
// takes a person with a higher role, and an application that may do all that this
// one may: "Update user", "Delete user". Applications have no roles here.
func (e *Endpoints) mayGuard(c *call, i int32, properties []string) *wire.Problem {
	guarded := properties == nil
	for _, name := range properties {
		guarded = guarded || slices.Contains(sensitive, name)
	}
	if !guarded {
		return nil
	}
	person := c.who.user != ""
	refused := false
	if has := access.PersonAt(c.tenant, i).Role; has != nil && has.Guarded > 0 {
		refused = !person || !c.who.clearance.Has(has.Guarded) || !c.who.has([]string{access.AsUser})
	}
	// Directory Writers disable and rename, and nothing else of these: "Microsoft
	// Entra built-in roles".
	if slices.Contains(properties, writeOnly) || slices.Contains(properties, "mobilePhone") {
		refused = refused || person && !c.who.clearance.Has(access.DeletesUsers)
	}
	if slices.Contains(properties, writeOnly) {
		refused = refused || !c.who.has(access.Unconsented)
	}
	if refused {
		return wire.Usual(http.StatusForbidden)
	}
	return nil
}
