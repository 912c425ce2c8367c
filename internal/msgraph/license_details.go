package msgraph

import (
	"licensegraph/internal/decode"
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const licenseDetailsEndpoint = "GET /users/{id}/licenseDetails"

func init() {
	permissions[licenseDetailsEndpoint] = "User.Read.All" // undocumented for applications; works in practice
}

// LicenseDetailsOfUsers reads the license details of users, with service plans; the endpoint does not support
// paging. Permission: User.Read.All.
var LicenseDetailsOfUsers = keyed("license details of users", "LicenseDetails", nil, apiece, (*Batch).licenseDetailsOfUsers)

func (b *Batch) licenseDetailsOfUsers(ids []string, selection upstream.Selection, found func(id string, details []*licensing.LicenseDetails, err error)) {
	for _, id := range ids {
		r := get(licenseDetailsEndpoint, at(below("/users", id, "licenseDetails"), "$select", selected(selection.Properties)))
		b.add(all(r, licenseDetailsType.Read, func(details []*licensing.LicenseDetails, err error) { found(id, details, err) }))
	}
}

// licenseDetailsType reads license details.
var licenseDetailsType = decode.TypeOf[licensing.LicenseDetails]()
