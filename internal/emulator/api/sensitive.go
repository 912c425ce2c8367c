package api

import (
	"net/http"
	"slices"

	"licensegraph/internal/emulator/access"
	"licensegraph/internal/emulator/wire"
)

// sensitive are the properties of a user in Microsoft Learn, "Who can perform
// sensitive actions". Deletion is also a sensitive action.
var sensitive = []string{"accountEnabled", "businessPhones", "mobilePhone", writeOnly, "userPrincipalName"}

// mayGuard forbids sensitive actions on a user depending on the directory
// roles of the caller and of the user. properties are those to be written; nil
// means deletion. If the user has no role or is a Directory Reader, the
// permission to write users is sufficient. Otherwise, the caller must be a
// user with a higher role, through an application with all permissions of that
// user, see "Update user" and "Delete user". Applications have no directory
// roles here.
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
	// Directory Writers can only disable and rename users: "Microsoft Entra
	// built-in roles".
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
