package access

import (
	"iter"
	"slices"

	"licensegraph/internal/emulator/tenant"
)

// Role is a directory role. An application that acts for a person is allowed what both are allowed: see [Clearance].
type Role struct {
	Name      string
	ID        string // of its template, as the claim wids has it
	Clearance Clearance
	Guarded   Clearance // needed for sensitive actions on people in the role; 0 = the same as for people without a role
}

// Roles are assigned to the first people of the tenant who are neither
// guests nor disabled, in this order. The ids are those of Microsoft Learn,
// "Microsoft Entra built-in roles"; Guarded follows from "Who can
// perform sensitive actions".
var Roles = []Role{
	{"Global Administrator", "62e90394-69f5-4237-9190-012177145e10", everything, managesAll},
	{"License Administrator", "4d6ac14f-3453-41d0-bef9-a3e0c569773a", changesLicenses, managesAll},
	{"User Administrator", "fe930be7-5e62-47db-91af-98c3a49a38b1", changesLicenses | writesDirectory | DeletesUsers | DeletesGroups, DeletesUsers},
	{"Directory Writers", "9360feb5-f418-4baa-8175-e2a00bac4301", changesLicenses | writesDirectory, managesAll},
	{"Directory Readers", "88d8e3e3-8f55-4a1e-953a-9b9898b8876b", readsAll, 0},
	{"Global Reader", "f2ef992c-3afb-46b9-b7cf-a126ee74c451", readsAll, managesAll},
	{"Helpdesk Administrator", "729827e3-9c14-49f7-bb1b-9608f156bbb8", ReadsDirectory | ReadsLicenses, DeletesUsers},
	{"Groups Administrator", "fdd7a751-b60b-444a-984c-02652fe8fa1c", ReadsDirectory | LicensesGroups | WritesGroups | WritesMembers | DeletesGroups, managesAll},
	{"Identity Governance Administrator", "45d8d3c5-c802-45c6-b32a-1d70b5e1e86e", ReadsDirectory | WritesMembers, managesAll},
	{"Guest Inviter", "95e79109-95c0-4d8e-aee3-d01accf2d47b", ReadsDirectory | ReadsDetails, managesAll},
}

// People have one of the first two in wids, applications the third.
const (
	memberRole      = "b79fbf4d-3ef9-4689-8143-76b194e85509"
	guestRole       = "10dae51f-b6af-4016-8d66-8c2a99b929b3"
	ApplicationRole = "0997a1d0-0d1d-4acb-b408-d5ca73121e90"
)

// Clearance is what a person can see and change in the tenant, a bit for each. Guests
// see nothing but themselves, and members have the first bit, by Microsoft Learn, "What are
// the default user permissions in Microsoft Entra ID?". The roles for licenseDetails of
// others, for licenses of users and groups and for members are on the pages of these endpoints. For
// cloudLicensing no page names roles: the strict reading is that the licenses of others require
// a role for licenses.
type Clearance uint16

// The bits of a clearance, and sums of them.
const (
	ReadsDirectory  Clearance = 1 << iota
	ReadsLicenses             // cloudLicensing of others
	ReadsDetails              // licenseDetails of others
	LicensesUsers             // assignLicense
	LicensesGroups            // the same of groups
	AssignsLicenses           // cloudLicensing
	SetsLocations             // usageLocation alone
	WritesUsers
	WritesGroups
	WritesMembers
	DeletesUsers
	DeletesGroups
	managesAll // and those who have roles

	ReadsOneself    Clearance = 0
	readsAll                  = ReadsDirectory | ReadsLicenses | ReadsDetails
	changesLicenses           = readsAll | LicensesUsers | LicensesGroups | AssignsLicenses | SetsLocations
	writesDirectory           = WritesUsers | WritesGroups | WritesMembers
	everything                = changesLicenses | writesDirectory | DeletesUsers | DeletesGroups | managesAll
)

// Has reports whether all bits of another clearance are set.
func (c Clearance) Has(some Clearance) bool { return c&some == some }

// ClearanceOf is the sum of the roles in a token.
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

// Person is what a token says about a user.
type Person struct {
	ID, Name, GivenName, Surname, PrincipalName string
	Guest, Disabled                             bool
	Role                                        *Role
}

// Wids are the role ids in the tokens of the person.
func (p *Person) Wids() []string {
	switch {
	case p.Guest:
		return []string{guestRole}
	case p.Role != nil:
		return []string{p.Role.ID, memberRole}
	}
	return []string{memberRole}
}

// PersonAt is the user with a number.
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

// Find returns a user by object id or user principal name, in any case.
func Find(t *tenant.Tenant, name string) (p Person, ok bool) {
	i, ok := t.FindUser(name)
	if !ok {
		return p, false
	}
	return PersonAt(t, i), true
}
