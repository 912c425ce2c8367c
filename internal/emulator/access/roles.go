package access

import (
	"iter"
	"slices"

	"licensegraph/internal/emulator/tenant"
)

// Role is a directory role. A delegated call is allowed only what both the
// application and the user are allowed: see [Clearance].
type Role struct {
	Name      string
	ID        string // role template ID, as in the claim wids
	Clearance Clearance
	Guarded   Clearance // required for sensitive actions on users in the role; 0 = as for users without a role
}

// Roles are assigned in this order to the first users of the tenant that are
// neither guests nor disabled. The IDs are those of Microsoft Learn,
// "Microsoft Entra built-in roles". Guarded is derived from "Who can perform
// sensitive actions".
var Roles = []Role{
	{"Global Administrator", "62e90394-69f5-4237-9190-012177145e10", everything, ManagesAll},
	{"License Administrator", "4d6ac14f-3453-41d0-bef9-a3e0c569773a", changesLicenses, ManagesAll},
	{"User Administrator", "fe930be7-5e62-47db-91af-98c3a49a38b1", changesLicenses | writesDirectory | DeletesUsers | DeletesGroups, DeletesUsers},
	{"Directory Writers", "9360feb5-f418-4baa-8175-e2a00bac4301", changesLicenses | writesDirectory, ManagesAll},
	{"Directory Readers", "88d8e3e3-8f55-4a1e-953a-9b9898b8876b", readsAll, 0},
	{"Global Reader", "f2ef992c-3afb-46b9-b7cf-a126ee74c451", readsAll | ReadsLeaves | ReadsReports, ManagesAll},
	{"Helpdesk Administrator", "729827e3-9c14-49f7-bb1b-9608f156bbb8", ReadsDirectory | ReadsLicenses, DeletesUsers},
	{"Groups Administrator", "fdd7a751-b60b-444a-984c-02652fe8fa1c", ReadsDirectory | LicensesGroups | WritesGroups | WritesMembers | DeletesGroups, ManagesAll},
	{"Identity Governance Administrator", "45d8d3c5-c802-45c6-b32a-1d70b5e1e86e", ReadsDirectory | WritesMembers, ManagesAll},
	{"Guest Inviter", "95e79109-95c0-4d8e-aee3-d01accf2d47b", ReadsDirectory | ReadsDetails, ManagesAll},
}

// wids contains one of the first two for a user, the third for an application.
const (
	memberRole      = "b79fbf4d-3ef9-4689-8143-76b194e85509"
	guestRole       = "10dae51f-b6af-4016-8d66-8c2a99b929b3"
	ApplicationRole = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"
)

// Clearance is a bit set of what a user can read and change in the tenant. A
// guest can only read its own data, and members have the first bit, see
// Microsoft Learn, "What are the default user permissions in Microsoft Entra
// ID?". The pages of the endpoints list the roles for licenseDetails of
// others, for licenses of users and groups and for members. For cloudLicensing
// no page lists roles: in the strict reading, the licenses of others require a
// licensing role.
type Clearance uint16

// The bits of a clearance, and combinations of them.
const (
	ReadsDirectory  Clearance = 1 << iota
	ReadsLicenses             // cloudLicensing of others
	ReadsDetails              // licenseDetails of others
	LicensesUsers             // assignLicense
	LicensesGroups            // assignLicense of groups
	AssignsLicenses           // cloudLicensing
	SetsLocations             // only usageLocation
	WritesUsers
	WritesGroups
	WritesMembers
	DeletesUsers
	DeletesGroups
	ReadsReports // audit log and usage reports
	SetsReports  // their settings
	ManagesAll   // and of users with roles
	ReadsLeaves  // when employees leave

	ReadsOneself    Clearance = 0
	readsAll                  = ReadsDirectory | ReadsLicenses | ReadsDetails
	changesLicenses           = readsAll | LicensesUsers | LicensesGroups | AssignsLicenses | SetsLocations
	writesDirectory           = WritesUsers | WritesGroups | WritesMembers
	everything                = changesLicenses | writesDirectory | DeletesUsers | DeletesGroups | ManagesAll | ReadsLeaves | ReadsReports | SetsReports
)

// Has reports whether c contains all bits of some.
func (c Clearance) Has(some Clearance) bool { return c&some == some }

// ClearanceOf returns the union of the clearances of the roles in a token.
func ClearanceOf(wids []string) Clearance {
	all := ReadsOneself
	for _, id := range wids {
		if id == memberRole {
			all |= ReadsDirectory
		}
		if i := slices.IndexFunc(Roles, func(r Role) bool { return r.ID == id }); i >= 0 {
			all |= Roles[i].Clearance
		}
	}
	return all
}

// Person is the user of a token.
type Person struct {
	ID, Name, GivenName, Surname, PrincipalName string
	Guest, Disabled                             bool
	Role                                        *Role
}

// Wids returns the role IDs in the tokens of the user.
func (p *Person) Wids() []string {
	switch {
	case p.Guest:
		return []string{guestRole}
	case p.Role != nil:
		return []string{p.Role.ID, memberRole}
	}
	return []string{memberRole}
}

// PersonAt returns the user with an index.
func PersonAt(t *tenant.Tenant, i int32) Person {
	u := t.User(i)
	p := Person{
		ID: u.ID().String(), Name: u.Text("displayName"), GivenName: u.Text("givenName"), Surname: u.Text("surname"),
		PrincipalName: u.UserPrincipalName(), Guest: u.Guest(), Disabled: !u.Enabled(),
	}
	if n := u.Role(); n > 0 && n <= len(Roles) {
		p.Role = &Roles[n-1]
	}
	return p
}

// People yields all users of the tenant, in order.
func People(t *tenant.Tenant) iter.Seq[Person] {
	return func(yield func(Person) bool) {
		for i := range t.Users(-1) {
			if !yield(PersonAt(t, i)) {
				return
			}
		}
	}
}

// Find returns a user by object ID or user principal name, ignoring case.
func Find(t *tenant.Tenant, name string) (p Person, ok bool) {
	i, ok := t.FindUser(name)
	if !ok {
		return p, false
	}
	return PersonAt(t, i), true
}
