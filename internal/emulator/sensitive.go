package emulator

import (
	"net/http"
	"slices"

	"licensegraph/internal/emulator/wire"
)

// sensitive are the properties of a user that Microsoft Learn, "Who can perform
// sensitive actions", guards. So is deletion.
var sensitive = []string{"accountEnabled", "businessPhones", "mobilePhone", writeOnly, "userPrincipalName"}

// everybodys is the permission that lets an application do all that the person
// may who signed in, and passwords the one to set them.
const (
	everybodys = "Directory.AccessAsUser.All"
	passwords  = "User-PasswordProfile.ReadWrite.All"
)

// guarding are permissions that nobody has consented to.
var guarding = []string{everybodys, passwords}

// mayGuard refuses what the caller may not do to a person, by the directory roles
// of both. The properties are those to be written; none is deletion. People without
// a role, and Directory Readers, are everybody's who may write people. To others it
// takes a person with a higher role, and an application that may do all that this
// one may: "Update user", "Delete user". Applications have no roles here.
func (e *Emulator) mayGuard(c *call, i int32, properties []string) *wire.Problem {
	guarded := properties == nil
	for _, name := range properties {
		guarded = guarded || slices.Contains(sensitive, name)
	}
	if !guarded {
		return nil
	}
	person := c.who.user != ""
	refused := false
	if has := personAt(c.tenant, i).role; has != nil && has.guarded > 0 {
		refused = !person || !c.who.clearance.has(has.guarded) || !c.who.has([]string{everybodys})
	}
	// Directory Writers disable and rename, and nothing else of these: "Microsoft
	// Entra built-in roles".
	if slices.Contains(properties, writeOnly) || slices.Contains(properties, "mobilePhone") {
		refused = refused || person && !c.who.clearance.has(deletesUsers)
	}
	if slices.Contains(properties, writeOnly) {
		refused = refused || !c.who.has(guarding)
	}
	if refused {
		return wire.Usual(http.StatusForbidden)
	}
	return nil
}
