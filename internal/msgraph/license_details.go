package msgraph

import (
	"licensegraph/internal/licensing"
	"licensegraph/internal/upstream"
)

const licenseDetailsEndpoint = "GET /users/{id}/licenseDetails"

// licenseDetailsOfUsers adds reads of the products that users have, with their service plans; the service does not
// page them. Needs User.Read.All.
func (b *Batch) licenseDetailsOfUsers(ids []string, ask upstream.Ask, found func(id string, details []*licensing.LicenseDetails, err error)) {
	for _, id := range ids {
		r := get(licenseDetailsEndpoint, at(below("/users", id, "licenseDetails"), "$select", selected(ask.Properties)))
		b.add(all(r, decode[licensing.LicenseDetails], func(details []*licensing.LicenseDetails, err error) { found(id, details, err) }))
	}
}
