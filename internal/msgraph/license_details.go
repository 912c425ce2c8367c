package msgraph

import "licensegraph/internal/licensing"

const licenseDetailsEndpoint = "GET /users/{id}/licenseDetails"

// LicenseDetailsOfUsers adds reads of the products that users have, with their service plans; the service does not
// page them. Needs User.Read.All.
func (b *Batch) LicenseDetailsOfUsers(ids, properties []string, found func(id string, details []*licensing.LicenseDetails, err error)) {
	for _, id := range ids {
		r := get(licenseDetailsEndpoint, at(below("/users", id, "licenseDetails"), "$select", selected(properties)))
		b.add(all(r, decode[licensing.LicenseDetails], func(details []*licensing.LicenseDetails, err error) { found(id, details, err) }))
	}
}
