package api

import (
	"net/http"
	"slices"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/wire"
)

// sensitive are the properties of a user that are guarded by Microsoft Learn, "Who can perform
// sensitive actions". Deletion is guarded as well.
var sensitive = []string{"accountEnabled", "businessPhones", "mobilePhone", writeOnly, "userPrincipalName"}

// mayGuard refuses sensitive actions on a person by the directory roles
// of the caller and of the person. The properties are those to be written; nil is deletion. For people without
// a role, and Directory Readers, the permission to write people is enough. For others the caller has to be
// a person with a higher role, through an application with all permissions of that
// person: "Update user", "Delete user". Applications have no roles here.
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
